package resolve

import (
	"net/netip"
	"slices"

	"residency/internal/residency"
)

// wellKnown64 is the prefix of RFC 6052 section 2.1.
func wellKnown64() netip.Prefix { return netip.MustParsePrefix("64:ff9b::/96") }

// embedded returns the IPv4 address in an IPv6 address that was made with the
// prefix (RFC 6052 section 2.2): its bytes follow the prefix, and step over
// byte 8, which is zero.
func embedded(addr netip.Addr, prefix netip.Prefix) (netip.Addr, bool) {
	if !prefix.Contains(addr) {
		return netip.Addr{}, false
	}
	b := addr.As16()
	var v4 [4]byte
	at := prefix.Bits() / 8
	for i := range v4 {
		if at == 8 {
			at++
		}
		v4[i] = b[at]
		at++
	}
	if prefix.Bits() < 96 && b[8] != 0 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4(v4), true
}

// prefixes64 finds the prefixes with which a resolver makes IPv6 addresses,
// from its AAAA answer for ipv4only.arpa (RFC 7050 section 3): the name has
// two known IPv4 addresses, and where those stand in the answer ends the
// prefix. The well-known prefix is always among the result.
func prefixes64(answers []residency.Answer) []netip.Prefix {
	list := []netip.Prefix{wellKnown64()}
	for _, a := range answers {
		addr := a.Address
		if a.DNS64.IsValid() {
			addr = a.DNS64
		}
		if !addr.Is6() {
			continue
		}
		for _, bits := range []int{96, 64, 56, 48, 40, 32} {
			p := netip.PrefixFrom(addr, bits).Masked()
			v4, ok := embedded(addr, p)
			if !ok || v4 != netip.AddrFrom4([4]byte{192, 0, 0, 170}) && v4 != netip.AddrFrom4([4]byte{192, 0, 0, 171}) {
				continue
			}
			if !slices.Contains(list, p) {
				list = append(list, p)
			}
			break
		}
	}
	return list
}

// unmap64 puts the IPv4 address in the place of each IPv6 address that was
// made from one, and marks it.
func unmap64(answers []residency.Answer, prefixes []netip.Prefix) {
	for i, a := range answers {
		for _, p := range prefixes {
			if v4, ok := embedded(a.Address, p); ok && a.Address.Is6() {
				answers[i].Address, answers[i].DNS64 = v4, a.Address
				break
			}
		}
	}
}
