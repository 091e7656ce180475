package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// Network is by which way servers are reached.
type Network struct {
	Proxy   Secret // URL; empty: what the environment says
	NoProxy bool   // none, whatever the environment says
	CAFile  string // to open; "" for none
}

// Controls are questions with known answers that show whether a server is to
// be believed. Empty fields mean the program's own.
type Controls struct {
	Off       bool
	Names     []ControlName
	Signed    string
	Bogus     string
	Nowhere   string // host:port
	NoNowhere bool   // that test is left out
}

// ControlName is a name and all its addresses.
type ControlName struct {
	Name      string
	Addresses []netip.Addr
}

// Vantage is a market that is looked at from inside: through servers of its
// own, a proxy that stands there, or both.
type Vantage struct {
	Market  residency.Country
	Servers []string // names; empty: all, through the proxy
	Proxy   Secret   // URL; empty: none
	Where   string
}

// Proxy URLs are read by this alone, so that all of them mean the same.
func proxyProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return "is no URL of a proxy"
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		return "is no proxy of type http, https or socks5"
	}
	return ""
}

// proxy reads the URL of a proxy.
func (a *assembly) proxy(s section, name string) Secret {
	p := a.secret(s, name)
	if text, err := p.Reveal(); err == nil {
		if why := proxyProblem(text); why != "" {
			s.wrong(name, why, `such as "http://proxy.example:3128" or "socks5://proxy.example:1080"; the text itself is not shown: it may be a secret`)
		}
	}
	return p
}

// network reads by which way servers are reached.
func (a *assembly) network(s section) {
	if v := s.value("proxy"); v != nil && v.text == "none" {
		a.cfg.Network.NoProxy = true
	} else {
		a.cfg.Network.Proxy = a.proxy(s, "proxy")
	}
	if v := s.value("ca_file"); v != nil {
		a.cfg.Network.CAFile = beside(v.pos.src.shown, v.text)
	}
}

// vantage reads a market's own servers and proxy; whether those servers exist
// is seen once all are read.
func (a *assembly) vantage(s section, market residency.Country) {
	if !s.has("resolvers") && !s.has("proxy") {
		return
	}
	v := Vantage{Market: market, Proxy: a.proxy(s, "proxy"), Where: s.n.pos.where()}
	for _, it := range s.texts("resolvers") {
		if slices.Contains(v.Servers, it.text) {
			a.ps.add(it.pos, s.at("resolvers"), fmt.Sprintf("%s is named twice", quote(it.text)), "")
			continue
		}
		v.Servers = append(v.Servers, it.text)
		a.wanted = append(a.wanted, wantedServer{it, s.at("resolvers")})
	}
	if list := s.value("resolvers"); list != nil && len(list.items) == 0 {
		s.wrong("resolvers", "names no server", "leave the key out for all of them")
	}
	a.cfg.Vantages = append(a.cfg.Vantages, v)
}

// wantedServer is a server that a market names.
type wantedServer struct {
	item
	key string
}

// vantages reports markets whose servers do not exist, and markets that no
// server is left for.
func (a *assembly) vantages() {
	var names []string
	for _, srv := range a.cfg.Resolve.Servers {
		names = append(names, srv.Name)
	}
	for _, w := range a.wanted {
		if !slices.Contains(names, w.text) {
			a.refer(w.pos, w.key, fmt.Sprintf("no server is named %s", quote(w.text)), "the servers are: "+strings.Join(names, ", "))
		}
	}
	if slices.ContainsFunc(a.cfg.Resolve.Servers, a.cfg.ForAll) {
		return
	}
	for _, m := range a.cfg.Markets {
		if _, own := a.cfg.Vantage(m.Code); !own {
			a.refer(a.markets[m.Code], "market", fmt.Sprintf("no server is left for %s: every one is named by another market's resolvers", m.Code),
				"name its own resolvers, or add a [[resolve.server]] that passes client subnets")
		}
	}
}

// Vantage returns the servers and the proxy of a market that has its own.
func (c *Config) Vantage(market residency.Country) (Vantage, bool) {
	i := slices.IndexFunc(c.Vantages, func(v Vantage) bool { return v.Market == market })
	if i < 0 {
		return Vantage{}, false
	}
	return c.Vantages[i], true
}

// ForAll reports whether a server is asked for every market without servers of
// its own. One that a market names is not: it stands in that market, unless it
// passes client subnets on or answers from its own zones, which is of use to
// all.
func (c *Config) ForAll(s Server) bool {
	named := slices.ContainsFunc(c.Vantages, func(v Vantage) bool { return slices.Contains(v.Servers, s.Name) })
	return !named || s.PassesSubnets || s.Authoritative
}

// controls reads what to test of servers.
func (a *assembly) controls(s section) Controls {
	c := Controls{Off: !s.flag("enabled", true), Signed: s.text("signed"), Bogus: s.text("bogus")}
	for _, it := range s.texts("names") {
		name, list, _ := strings.Cut(it.text, "=")
		n := ControlName{Name: strings.TrimSuffix(strings.TrimSpace(name), ".")}
		for text := range strings.SplitSeq(list, ",") {
			addr, err := netip.ParseAddr(strings.TrimSpace(text))
			if n.Name == "" || err != nil || !addr.Is4() {
				a.ps.add(it.pos, s.at("names"), quote(it.text)+" is no name with its IPv4 addresses", `such as "a.root-servers.net=198.41.0.4"`)
				break
			}
			n.Addresses = append(n.Addresses, addr)
		}
		c.Names = append(c.Names, n)
	}
	if v := s.value("nowhere"); v != nil && v.text == "none" {
		c.NoNowhere = true
	} else if v != nil {
		addr, why, hint := plainAddress(v.text)
		if why != "" {
			s.wrong("nowhere", quote(v.text)+" "+why, hint)
		}
		c.Nowhere = addr
	}
	return c
}

// serverAddress reads the address of a server: an IP address with or without a
// port, or one with a transport in front.
func serverAddress(text string) (addr, why, hint string) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return plainAddress(text)
	}
	const examples = `such as "tcp://9.9.9.9", "tls://9.9.9.9", "tls://dns.quad9.net@9.9.9.9" or "https://dns.google/dns-query"`
	switch scheme {
	case "https":
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
			return "", "is no https URL of a DNS server", examples
		}
		if u.Path == "" {
			u.Path = "/dns-query"
		}
		return u.String(), "", ""
	case "tcp", "tls":
	case "udp":
		return "", "has a transport that need not be named", "an address alone means UDP, and TCP for what does not fit"
	default:
		return "", fmt.Sprintf("has the transport %s, which is not known", quote(scheme)), examples
	}
	name, host, named := strings.Cut(rest, "@")
	if !named {
		name, host = "", rest
	}
	if named && (scheme == "tcp" || name == "") {
		return "", "has a name in front of @ that is not needed", examples
	}
	ap, why, _ := plainAddress(host)
	if why != "" {
		return "", why, examples
	}
	if port := map[string]string{"tls": "853"}[scheme]; port != "" && !hasPort(host) {
		ap = strings.TrimSuffix(ap, "53") + port
	}
	if named {
		ap = name + "@" + ap
	}
	return scheme + "://" + ap, "", ""
}

// hasPort reports whether an address has its port.
func hasPort(text string) bool {
	_, err := netip.ParseAddrPort(text)
	return err == nil
}

// way reads what belongs to one server's transports and its share.
func (a *assembly) way(s section, srv *Server) {
	srv.TLSName, srv.Rate, srv.InFlight = s.text("tls_name"), s.number("queries_per_second", 0), s.number("in_flight", 0)
	for _, it := range s.texts("bootstrap") {
		addr, err := netip.ParseAddr(it.text)
		if err != nil {
			a.ps.add(it.pos, s.at("bootstrap"), quote(it.text)+" is no IP address", `such as "8.8.8.8"`)
			continue
		}
		srv.Bootstrap = append(srv.Bootstrap, addr.String())
	}
	secure := slices.ContainsFunc(srv.Addresses, func(t string) bool { return strings.HasPrefix(t, "tls://") || strings.HasPrefix(t, "https://") })
	if s.has("tls_name") && !secure {
		s.wrong("tls_name", "no address of the server uses TLS", `such as "tls://9.9.9.9"`)
	}
	if s.has("bootstrap") && !slices.ContainsFunc(srv.Addresses, func(t string) bool { return strings.HasPrefix(t, "https://") }) {
		s.wrong("bootstrap", "no address of the server is an https URL", "it is for the host in that")
	}
}

// DefaultJitter is how far apart the servers of a check of `residency watch`
// are begun, at most.
const DefaultJitter = 10 * time.Second
