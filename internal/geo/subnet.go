package geo

import (
	"net/netip"

	"residency/internal/residency"
)

// The longest client subnets that are sent, so that no single user is pointed
// at: RFC 7871 section 11.1.
const (
	MaxSubnetBits4 = 24
	MaxSubnetBits6 = 56
)

// ChooseSubnets picks client subnets for a market out of candidates: at most
// v4 IPv4 and v6 IPv6 prefixes, the first of each in the order given that are
// not longer than MaxSubnetBits4 and MaxSubnetBits6 and that locate puts in the
// market with all voices agreeing. The same input gives the same choice. IPv4
// comes first; fewer are returned when there are not enough.
func ChooseSubnets(candidates []netip.Prefix, market residency.Country, v4, v6 int, locate func(netip.Addr) residency.Location) []netip.Prefix {
	var four, six []netip.Prefix
	for _, p := range candidates {
		list, room, longest := &four, v4, MaxSubnetBits4
		if p.Addr().Is6() {
			list, room, longest = &six, v6, MaxSubnetBits6
		}
		if len(*list) >= room || p.Bits() > longest || overlaps(*list, p) {
			continue
		}
		if _, in := LocateSubnet(p, market, locate); in {
			*list = append(*list, p)
		}
	}
	return append(four, six...)
}

// LocateSubnet says where a client subnet is, by its first, middle and last
// address: every country named, and whether it lies in the market. It does
// only when at each of them something speaks, nothing vetoes, and every voice
// names the market and no other country; a subnet that may be elsewhere stands
// for nobody.
func LocateSubnet(p netip.Prefix, market residency.Country, locate func(netip.Addr) residency.Location) (located residency.Countries, in bool) {
	if !p.IsValid() || !market.Known() {
		return residency.Countries{}, false
	}
	want := residency.CountriesOf(market)
	in = true
	for _, addr := range samples(p.Masked()) {
		loc := locate(addr)
		located = located.Union(loc.Countries)
		in = in && loc.Countries == want
		for _, v := range loc.Voices {
			in = in && v.Countries == want
		}
	}
	return located, in
}

// samples returns the first, middle and last address of a masked prefix.
func samples(p netip.Prefix) [3]netip.Addr {
	first := p.Addr().AsSlice()
	middle, last := append([]byte(nil), first...), append([]byte(nil), first...)
	for bit := p.Bits(); bit < p.Addr().BitLen(); bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	if bit := p.Bits(); bit < p.Addr().BitLen() {
		middle[bit/8] |= 0x80 >> (bit % 8)
	}
	m, _ := netip.AddrFromSlice(middle)
	l, _ := netip.AddrFromSlice(last)
	return [3]netip.Addr{p.Addr(), m, l}
}

func overlaps(list []netip.Prefix, p netip.Prefix) bool {
	for _, q := range list {
		if q.Overlaps(p) {
			return true
		}
	}
	return false
}
