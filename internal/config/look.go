package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// resolve reads whom to ask.
func (a *assembly) resolve(s section) {
	a.cfg.Resolve = resolveOf(s)
	a.cfg.Resolve.Controls = a.controls(s.section("controls"))
	names, addrs := map[string]pos{}, map[string]pos{}
	machines := map[string]string{} // what is asked, and the server that asks it
	for _, t := range s.sections("server") {
		srv := a.server(t, names, addrs)
		a.once(t, srv, machines)
		a.cfg.Resolve.Servers = append(a.cfg.Resolve.Servers, srv)
	}
	if v := s.value("server"); v != nil && len(v.items) == 0 {
		s.wrong("server", "names no server", "leave the key out for the two that are asked by default")
	}
	if !s.has("server") {
		a.cfg.Resolve.Servers = DefaultServers()
	}
}

// DefaultResolve returns what holds when a file says nothing of it.
func DefaultResolve() Resolve {
	r := resolveOf(section{ps: &problems{}, n: &node{kind: aTable}})
	r.Servers = DefaultServers()
	return r
}

// resolveOf reads all but the servers.
func resolveOf(s section) Resolve {
	return Resolve{
		Timeout:          s.span("timeout", 2*time.Second),
		Tries:            s.number("tries", 3),
		InFlight:         s.number("in_flight", 64),
		MaxChain:         s.number("max_chain", 16),
		SubnetsPerMarket: s.number("subnets_per_market", 3),
		Types:            types(s),
		Pool:             pool(s.section("pool")),
		Rate:             s.number("queries_per_second", 0),
		MixCase:          s.flag("mix_case", false),
		Validate:         s.text("dnssec") == "validate",
	}
}

// pool reads how far to ask again.
func pool(s section) Pool {
	p := Pool{
		UntilNoNew: s.number("until_no_new", 20), Max: s.number("max", 104),
		Authoritative: s.flag("authoritative", true), Recursive: s.flag("recursive", false),
		PerRun: s.number("per_run", 5000), Time: s.span("time", 20*time.Second), Window: s.span("window", 24*time.Hour),
	}
	if p.UntilNoNew >= p.Max && p.Max > 1 && s.has("until_no_new") {
		s.wrong("until_no_new", fmt.Sprintf("%d is never reached: max is %d", p.UntilNoNew, p.Max), "the first answer of all is always new")
	}
	return p
}

// server reads one server. Names and addresses are each allowed once.
func (a *assembly) server(s section, names, addrs map[string]pos) Server {
	srv := Server{
		Name: s.text("name"), Learns: s.text("learns"), Operator: strings.ToLower(s.text("operator")), System: s.flag("system", false),
		PassesSubnets: s.flag("passes_subnets", false), Authoritative: s.flag("authoritative", false),
	}
	if first, twice := names[srv.Name]; twice && srv.Name != "" {
		s.wrong("name", fmt.Sprintf("server %s is already given on %s", quote(srv.Name), first.line(s.place("name"))), "")
	} else {
		names[srv.Name] = s.place("name")
	}
	for _, it := range s.texts("addresses") {
		addr, why, hint := serverAddress(it.text)
		if why != "" {
			shown := quote(it.text)
			if strings.HasPrefix(it.text, "https:") && strings.Contains(it.text, "@") {
				shown = "the URL (not shown: it may hold a password)"
			}
			a.ps.add(it.pos, s.at("addresses"), shown+" "+why, hint)
			continue
		}
		if first, twice := addrs[addr]; twice {
			a.ps.add(it.pos, s.at("addresses"), fmt.Sprintf("%s is already given on %s", addr, first.line(it.pos)), "two names for one server would count its answer twice")
			continue
		}
		addrs[addr] = it.pos
		srv.Addresses = append(srv.Addresses, addr)
	}
	srv.Iterative = a.iterative(s)
	a.way(s, &srv)
	if s.has("stands_in") {
		srv.StandsIn = a.marketList(s, "stands_in")
	}
	if v := s.value("trust_anchors"); v != nil {
		srv.TrustAnchors = beside(v.pos.src.shown, v.text)
		if !a.cfg.Resolve.Validate {
			s.wrong("trust_anchors", "nothing is held against these keys", `add dnssec = "validate" to [resolve], or leave the key out`)
		}
	}
	v := s.value("addresses")
	switch {
	case srv.Iterative != nil:
	case srv.System && s.has("addresses"):
		s.wrong("addresses", "a server with system = true has no addresses", "the resolvers of this machine are asked")
	case !srv.System && !s.has("addresses"):
		a.refer(s.n.pos, s.at("addresses"), "missing", `such as addresses = ["8.8.8.8"], or system = true for the resolvers of this machine, or iterative = true to begin at the root`)
	case !srv.System && v != nil && len(v.items) == 0:
		s.wrong("addresses", "names no address", "")
	}
	return srv
}

// once reports a server that is the same machine as an earlier one by another
// transport or port: its answers would count as two servers'.
func (a *assembly) once(s section, srv Server, machines map[string]string) {
	asks := append(slices.Clone(srv.Bootstrap), srv.Addresses...)
	switch {
	case srv.Iterative != nil:
		asks = []string{fmt.Sprintf("every zone from the root %v down", srv.Iterative.Roots)}
	case srv.System:
		asks = []string{"the resolvers of this machine"}
	}
	for _, text := range asks {
		m := machineOf(text)
		if first, twice := machines[m]; twice && first != srv.Name {
			a.ps.add(s.n.pos, s.at("name"), fmt.Sprintf("%s is asked by server %s already", m, quote(first)), "one server under two names would count as two; give it all its addresses in one entry")
			return
		}
		machines[m] = srv.Name
	}
}

// machineOf returns the host of a server's address, whatever the transport.
// On loopback the port tells servers apart.
func machineOf(text string) string {
	if u, err := url.Parse(text); err == nil && u.Scheme == "https" {
		return u.Hostname()
	}
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
	}
	if i := strings.LastIndex(text, "@"); i >= 0 {
		text = text[i+1:]
	}
	ap, err := netip.ParseAddrPort(text)
	if err != nil || ap.Addr().IsLoopback() {
		return text
	}
	return ap.Addr().Unmap().String()
}

// plainAddress reads an IP address with or without a port; the port of DNS is
// 53.
func plainAddress(text string) (addr, why, hint string) {
	ap, err := netip.ParseAddrPort(text)
	if err != nil {
		a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
		if err != nil {
			if strings.ContainsFunc(text, func(r rune) bool { return r >= 'g' && r <= 'z' }) {
				return "", "is no IP address", `a server is named by its address, or by a URL such as "https://dns.google/dns-query"`
			}
			return "", "is no IP address", `such as "8.8.8.8", "[2001:db8::1]:53" or "127.0.0.1:5300"`
		}
		ap = netip.AddrPortFrom(a, 53)
	}
	switch a := ap.Addr(); {
	case ap.Port() == 0:
		return "", "has port 0", ""
	case a.IsUnspecified() || a.IsMulticast():
		return "", "is not the address of one server", ""
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()).String(), "", ""
}

// geo reads what to know about where an address is. The files need not exist:
// what is missing is said in every output.
func (a *assembly) geo(s section) {
	const days = day * time.Second
	g := Geo{
		Embedded: s.flag("embedded", true),
		MaxAge:   s.span("max_age", 365*days),
		WarnAge:  s.span("warn_age", 60*days),
	}
	if g.WarnAge > g.MaxAge && s.has("warn_age") {
		s.wrong("warn_age", "is longer than max_age", "data is warned of before it is too old")
	}
	seen := map[string]pos{}
	for _, t := range s.sections("database") {
		d := Database{Written: t.text("file"), Lineage: t.text("lineage"), Where: t.n.pos.where()}
		d.File = a.dataFile(t, seen)
		if why := idProblem(d.Lineage); why != "" && t.value("lineage") != nil {
			t.wrong("lineage", quote(d.Lineage)+" is no name of a lineage: "+why, `such as "maxmind"`)
		}
		g.Databases = append(g.Databases, d)
	}
	for _, t := range s.sections("provider_ranges") {
		p := ProviderRanges{Written: t.text("file"), Provider: t.text("provider"), Built: t.date("built"), Where: t.n.pos.where()}
		p.File = a.dataFile(t, seen)
		g.ProviderRanges = append(g.ProviderRanges, p)
	}
	a.evidence(s, &g, seen)
	g.PTR, g.RTT = s.flag("ptr", false), a.rtt(s.section("rtt"))
	if v := s.value("data_dir"); v != nil {
		g.DataDir = beside(v.pos.src.shown, v.text)
	}
	g.Updates = a.updates(s)
	if !g.Embedded && !s.has("database") {
		s.wrong("embedded", "without it and without a [[geo.database]] nothing can be located", "")
	}
	a.cfg.Geo = g
}

// dataFile reads the path of a data file. One file twice would be two voices.
func (a *assembly) dataFile(s section, seen map[string]pos) string {
	v := s.value("file")
	if v == nil {
		return ""
	}
	path := beside(v.pos.src.shown, v.text)
	if first, twice := seen[path]; twice {
		s.wrong("file", fmt.Sprintf("%s is already given on %s", quote(v.text), first.line(v.pos)), "")
	}
	seen[path] = v.pos
	return path
}
