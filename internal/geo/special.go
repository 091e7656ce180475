package geo

import "net/netip"

// special4 and special6 are the blocks that are no place on the public
// internet: the IANA special-purpose address registries (RFC 6890 as updated
// by RFC 8190), multicast, and what has been withdrawn. Blocks of the
// registries that are globally reachable (AS112, AMT) are announced from many
// places at once, so they have no place either.
var special4 = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),          // "this network", RFC 791
	netip.MustParsePrefix("10.0.0.0/8"),         // private use, RFC 1918
	netip.MustParsePrefix("100.64.0.0/10"),      // shared address space, RFC 6598
	netip.MustParsePrefix("127.0.0.0/8"),        // loopback, RFC 1122
	netip.MustParsePrefix("169.254.0.0/16"),     // link local, RFC 3927
	netip.MustParsePrefix("172.16.0.0/12"),      // private use, RFC 1918
	netip.MustParsePrefix("192.0.0.0/24"),       // protocol assignments, RFC 6890
	netip.MustParsePrefix("192.0.2.0/24"),       // documentation, RFC 5737
	netip.MustParsePrefix("192.31.196.0/24"),    // AS112, RFC 7535
	netip.MustParsePrefix("192.52.193.0/24"),    // AMT, RFC 7450
	netip.MustParsePrefix("192.88.99.0/24"),     // 6to4 relay anycast, withdrawn, RFC 7526
	netip.MustParsePrefix("192.168.0.0/16"),     // private use, RFC 1918
	netip.MustParsePrefix("192.175.48.0/24"),    // AS112, RFC 7534
	netip.MustParsePrefix("198.18.0.0/15"),      // benchmarking, RFC 2544
	netip.MustParsePrefix("198.51.100.0/24"),    // documentation, RFC 5737
	netip.MustParsePrefix("203.0.113.0/24"),     // documentation, RFC 5737
	netip.MustParsePrefix("224.0.0.0/4"),        // multicast, RFC 5771
	netip.MustParsePrefix("240.0.0.0/4"),        // reserved, RFC 1112; holds limited broadcast
	netip.MustParsePrefix("255.255.255.255/32"), // limited broadcast, RFC 8190
}

var special6 = [...]netip.Prefix{
	netip.MustParsePrefix("2001::/23"),         // protocol assignments, RFC 2928: Teredo, ORCHID, benchmarking, AMT, DET ...
	netip.MustParsePrefix("2001:db8::/32"),     // documentation, RFC 3849
	netip.MustParsePrefix("2002::/16"),         // 6to4, RFC 3056
	netip.MustParsePrefix("2620:4f:8000::/48"), // AS112, RFC 7534
	netip.MustParsePrefix("3fff::/20"),         // documentation, RFC 9637
}

// busy4 are the first octets of the blocks of special4, which most addresses
// do not have: those need no look at the blocks.
var busy4 = firstOctets(special4[:])

func firstOctets(blocks []netip.Prefix) (busy [256]bool) {
	for _, p := range blocks {
		first := int(p.Addr().As4()[0])
		for i := range 1 << max(0, 8-p.Bits()) {
			busy[first+i] = true
		}
	}
	return busy
}

var (
	// globalUnicast is the only part of IPv6 that is given out (RFC 4291 section
	// 2.4, IANA IPv6 address space). Everything beside it is special: loopback,
	// mapped, discard (100::/64), local translation (64:ff9b:1::/48), segment
	// identifiers (5f00::/16), ULA (fc00::/7), link local, multicast, or nobody's.
	globalUnicast = netip.MustParsePrefix("2000::/3")

	// translated is the well-known prefix of RFC 6052 section 2.1.
	translated = netip.MustParsePrefix("64:ff9b::/96")
)

// SpecialPurpose reports whether addr is no address of the public internet, so
// that it has no location whatever a source says. An address under
// 64:ff9b::/96 is judged by the IPv4 address in it.
func SpecialPurpose(addr netip.Addr) bool {
	return addr.IsValid() && !locatable(addr.Unmap().WithZone("")).IsValid()
}

// locatable returns the address to ask the sources about: addr itself, or the
// IPv4 address it carries for a translator. The zero Addr means that addr is
// special-purpose.
func locatable(addr netip.Addr) netip.Addr {
	if addr.Is6() && translated.Contains(addr) {
		b := addr.As16()
		addr = netip.AddrFrom4([4]byte(b[12:]))
	}
	if addr.Is4() {
		if !busy4[addr.As4()[0]] {
			return addr
		}
		return unlessIn(addr, special4[:])
	}
	if !globalUnicast.Contains(addr) {
		return netip.Addr{}
	}
	return unlessIn(addr, special6[:])
}

func unlessIn(addr netip.Addr, blocks []netip.Prefix) netip.Addr {
	for _, b := range blocks {
		if b.Contains(addr) {
			return netip.Addr{}
		}
	}
	return addr
}
