package resolve

import (
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// knownOperator is who runs a public resolver, by the networks its addresses
// are in and the domains its names are under.
type knownOperator struct {
	name     string
	networks []string
	domains  []string // registered names
}

// knownOperators are the well-known public resolvers: each has many addresses
// and names, and one operator's answers are one witness. The addresses are
// those that the operators publish (dns.google, quad9.net, one.one.one.one,
// opendns.com and so on), compared on 22 November 2026 with the collection of
// AdGuard's knowledge base, "Known DNS Providers". Where an operator publishes
// several addresses of one network that it holds for nothing else, the network
// stands for them.
func knownOperators() []knownOperator {
	return []knownOperator{
		{"google", []string{"8.8.8.0/24", "8.8.4.0/24", "2001:4860:4860::/48"}, []string{"dns.google", "dns.google.com"}},
		{"quad9", []string{"9.9.9.0/24", "149.112.112.0/24", "149.112.149.0/24", "2620:fe::/48"}, []string{"quad9.net"}},
		{"cloudflare", []string{"1.1.1.0/24", "1.0.0.0/24", "2606:4700:4700::/48"},
			[]string{"cloudflare-dns.com", "cloudflare.com", "one.one.one.one", "cloudflare-gateway.com"}},
		{"opendns", []string{"208.67.220.0/24", "208.67.222.0/24", "2620:119:35::/48", "2620:119:53::/48", "2620:0:ccc::/48", "2620:0:ccd::/48"},
			[]string{"opendns.com", "umbrella.com"}},
		{"adguard", []string{"94.140.14.0/24", "94.140.15.0/24", "2a10:50c0::/32"}, []string{"adguard-dns.com", "adguard.com"}},
		{"cleanbrowsing", []string{"185.228.168.0/24", "185.228.169.0/24", "2a0d:2a00:1::/48", "2a0d:2a00:2::/48"}, []string{"cleanbrowsing.org"}},
		{"controld", []string{"76.76.2.0/24", "76.76.10.0/24", "2606:1a40::/47"}, []string{"controld.com"}},
		{"nextdns", []string{"45.90.28.0/24", "45.90.30.0/24", "2a07:a8c0::/32", "2a07:a8c1::/32"}, []string{"nextdns.io"}},
		{"mullvad", []string{"194.242.2.0/24"}, []string{"mullvad.net"}},
		{"yandex", []string{"77.88.8.0/24", "2a02:6b8::feed:0/112", "2a02:6b8:0:1::feed:0/112"}, []string{"yandex.net", "yandex.ru", "yandex.com"}},
		{"alidns", []string{"223.5.5.0/24", "223.6.6.0/24", "2400:3200::1/128", "2400:3200:baba::1/128"}, []string{"alidns.com"}},
		{"dnspod", []string{"119.29.29.29/32", "119.28.28.28/32", "1.12.12.12/32", "120.53.53.53/32"}, []string{"dnspod.cn", "dot.pub", "doh.pub"}},
		{"114dns", []string{"114.114.114.0/24", "114.114.115.0/24"}, nil},
		{"lumen", []string{"4.2.2.0/29", "209.244.0.3/32", "209.244.0.4/32", "205.171.3.65/32", "205.171.2.65/32"}, nil},
		{"ultradns", []string{"64.6.64.6/32", "64.6.65.6/32", "156.154.70.0/24", "156.154.71.0/24", "2610:a1:1018::/48", "2610:a1:1019::/48"}, nil},
		{"hurricane", []string{"74.82.42.42/32", "2001:470:20::2/128"}, []string{"he.net"}},
		{"dns.watch", []string{"84.200.69.80/32", "84.200.70.40/32", "2001:1608:10:25::/64"}, []string{"dns.watch"}},
		{"comodo", []string{"8.26.56.26/32", "8.20.247.20/32"}, nil},
		{"dns.sb", []string{"185.222.222.222/32", "45.11.45.11/32", "2a09::/128", "2a11::/128"}, []string{"dns.sb"}},
	}
}

// KnownOperators returns the names of the operators that are known by their
// addresses and domains.
func KnownOperators() []string {
	var names []string
	for _, k := range knownOperators() {
		names = append(names, k.name)
	}
	return names
}

// operators finds out who runs a server.
type operators struct {
	networks map[netip.Prefix]string
	bits     []int // lengths of the networks, each once
	domains  map[string]string
}

func newOperators() *operators {
	o := &operators{networks: map[netip.Prefix]string{}, domains: map[string]string{}}
	lengths := map[int]bool{}
	for _, k := range knownOperators() {
		for _, text := range k.networks {
			p := netip.MustParsePrefix(text)
			o.networks[p] = k.name
			if !lengths[p.Bits()] {
				lengths[p.Bits()] = true
				o.bits = append(o.bits, p.Bits())
			}
		}
		for _, d := range k.domains {
			o.domains[d] = k.name
		}
	}
	return o
}

// of returns who runs the server that a way leads to: a well-known operator by
// address or name, else whoever registered the name; "" when only an address is
// known, and not whose.
func (o *operators) of(w way) string {
	hosts := []string{w.tlsName}
	for _, target := range w.targets {
		host, _, err := net.SplitHostPort(target)
		if err != nil {
			continue
		}
		hosts = append(hosts, host)
		if name := o.byAddress(host); name != "" {
			return name
		}
	}
	for _, host := range hosts {
		if name := o.byName(host); name != "" {
			return name
		}
	}
	return ""
}

func (o *operators) byAddress(host string) string {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	for _, n := range o.bits {
		if p, err := addr.Prefix(n); err == nil && o.networks[p] != "" {
			return o.networks[p]
		}
	}
	return ""
}

func (o *operators) byName(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return ""
	}
	for at := host; ; {
		if name := o.domains[at]; name != "" {
			return name
		}
		_, rest, more := strings.Cut(at, ".")
		if !more {
			break
		}
		at = rest
	}
	registered, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return registered
}

// OperatorAt returns who runs a server that is reached at the address: as the
// Server says itself, else a well-known operator, else whoever registered the
// name of its certificate; "" when nothing is known but an address.
func (s Server) OperatorAt(addr string) string {
	return s.operator(newOperators(), wayTo(addr, s.TLSName, s.Bootstrap))
}

func (s Server) operator(o *operators, w way) string {
	if s.Operator != "" {
		return s.Operator
	}
	return o.of(w)
}
