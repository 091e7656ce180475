package resolve

import (
	"fmt"
	"net/netip"
)

// notPublic4 and notPublic6 are blocks at which no public name server can
// stand (IANA special-purpose address registries, RFC 6890): a zone that names
// one would aim us at a network of somebody's own.
var (
	notPublic4 = [...]netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"),
		netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("224.0.0.0/3"),
	}
	// Beside publicV6 nothing is public; in it are blocks that hold or reach an
	// IPv4 address of anybody's choice (Teredo, 6to4) and documentation.
	publicV6   = netip.MustParsePrefix("2000::/3")
	notPublic6 = [...]netip.Prefix{
		netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("3fff::/20"),
	}
)

// special reports whether addr is no address of a public server.
func special(addr netip.Addr) bool {
	addr = addr.Unmap()
	blocks := notPublic4[:]
	if addr.Is6() {
		if addr.Zone() != "" || !publicV6.Contains(addr) {
			return true
		}
		blocks = notPublic6[:]
	}
	for _, p := range blocks {
		if p.Contains(addr) {
			return true
		}
	}
	return !addr.IsValid()
}

// refusal says why a server is not asked at addr, or "".
func (it *iteration) refusal(addr netip.Addr) string {
	if it.opt.AllowSpecial || !special(addr) {
		return ""
	}
	return fmt.Sprintf("its address %v is not on the public internet, and such name servers are asked only if the configuration allows it", addr)
}
