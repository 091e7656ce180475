package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"residency/internal/residency"
)

// The bounds of a client subnet. Longer ones would give single users away
// (RFC 7871 section 11.1); much shorter ones are no place.
const (
	longest4, shortest4 = 24, 8
	longest6, shortest6 = 56, 16
)

// subnetAt is a client subnet and where it is written.
type subnetAt struct {
	prefix netip.Prefix
	market residency.Country
	key    string
	pos    pos
}

// subnets reads the client subnets of a market, and adds them to all.
func (a *assembly) subnets(s section, m residency.Market, all []subnetAt) ([]residency.ClientSubnet, []subnetAt) {
	const name = "client_subnets"
	if v := s.value(name); v != nil && len(v.items) == 0 {
		s.wrong(name, "is empty", "leave the key out to have subnets chosen")
	}
	var list []residency.ClientSubnet
	for _, it := range s.texts(name) {
		p, why, hint := clientSubnet(it.text)
		if why != "" {
			a.ps.add(it.pos, s.at(name), quote(it.text)+" "+why, hint)
			continue
		}
		list = append(list, residency.ClientSubnet{Prefix: p})
		all = append(all, subnetAt{p, m.Code, s.at(name), it.pos})
	}
	return list, all
}

// clientSubnet reads a client subnet, or says why it is none.
func clientSubnet(text string) (p netip.Prefix, why, hint string) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
			if wide, err := addr.Unmap().Prefix(longest(addr.Unmap())); err == nil {
				return p, "is an address, not a network", fmt.Sprintf("did you mean %q?", wide)
			}
		}
		return p, "is no network", `such as "198.51.100.0/24"`
	}
	if p.Addr().Is4In6() {
		return p, "is an IPv4 network written as IPv6", "write it as IPv4"
	}
	long, short := longest(p.Addr()), shortest4
	if p.Addr().Is6() {
		short = shortest6
	}
	switch {
	case p.Bits() > long:
		wide, _ := p.Addr().Prefix(long)
		return p, fmt.Sprintf("is longer than /%d", long), fmt.Sprintf("that would give single users away (RFC 7871 section 11.1); %q is enough", wide)
	case p != p.Masked():
		return p, "has bits beyond its length", fmt.Sprintf("did you mean %q?", p.Masked())
	case p.Bits() < short:
		return p, fmt.Sprintf("is shorter than /%d", short), "so large a network is in no one place"
	}
	if what := specialPurpose(p); what != "" {
		return p, "is not on the public internet: " + what, "name a network of users in the market"
	}
	return p, "", ""
}

// longest returns the greatest length of a client subnet of the address's family.
func longest(a netip.Addr) int {
	if a.Is4() {
		return longest4
	}
	return longest6
}

// overlaps reports subnets that share addresses: one look would count twice,
// or for two markets. Sorted, a network comes just before those it holds.
func (a *assembly) overlaps(nets []subnetAt) {
	slices.SortStableFunc(nets, func(x, y subnetAt) int {
		return cmp.Or(x.prefix.Addr().Compare(y.prefix.Addr()), cmp.Compare(x.prefix.Bits(), y.prefix.Bits()))
	})
	var cover subnetAt
	for _, n := range nets {
		if cover.prefix.IsValid() && cover.prefix.Overlaps(n.prefix) {
			a.ps.add(n.pos, n.key, fmt.Sprintf("%q overlaps %q of market %s on %s", n.prefix, cover.prefix, cover.market, cover.pos.line(n.pos)),
				"a network belongs to one market, once")
			continue
		}
		cover = n
	}
}

// specialPurpose says what a network that is not on the public internet is
// for, or "". The list is that of IANA's special-purpose address registries
// (RFC 6890), with multicast and the old 6to4 and site-local ranges.
func specialPurpose(p netip.Prefix) string {
	for line := range strings.Lines(specialPurposes) {
		net, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if q, err := netip.ParsePrefix(net); err == nil && q.Overlaps(p) {
			return what
		}
	}
	return ""
}

const specialPurposes = `0.0.0.0/8 this network (RFC 1122)
10.0.0.0/8 private use (RFC 1918)
100.64.0.0/10 shared address space of carriers (RFC 6598)
127.0.0.0/8 loopback (RFC 1122)
169.254.0.0/16 link-local (RFC 3927)
172.16.0.0/12 private use (RFC 1918)
192.0.0.0/24 protocol assignments (RFC 6890)
192.0.2.0/24 documentation (RFC 5737)
192.88.99.0/24 6to4 relays (RFC 7526)
192.168.0.0/16 private use (RFC 1918)
198.18.0.0/15 benchmarking (RFC 2544)
198.51.100.0/24 documentation (RFC 5737)
203.0.113.0/24 documentation (RFC 5737)
224.0.0.0/3 multicast and reserved (RFC 1112)
::/16 not assigned for users (RFC 4291)
64:ff9b::/32 IPv4 translation (RFC 6052)
100::/32 discard and dummy (RFC 6666)
2001::/23 protocol assignments (RFC 2928)
2001:db8::/32 documentation (RFC 3849)
2002::/16 6to4 (RFC 3056)
3fff::/20 documentation (RFC 9637)
5f00::/16 segment routing (RFC 9602)
fc00::/7 unique local (RFC 4193)
fe80::/9 link-local and site-local (RFC 4291)
ff00::/8 multicast (RFC 4291)`
