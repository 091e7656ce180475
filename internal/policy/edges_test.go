package policy

import (
	"net/netip"
	"testing"
	"time"

	"residency/internal/residency"
)

// TestStandCountsEdges: a cell counts once, where an address of it is inside
// only because its host is declared a CDN edge.
func TestStandCountsEdges(t *testing.T) {
	t.Parallel()
	in, us := residency.MustCountry("IN"), residency.MustCountry("US")
	home, abroad := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	where := map[netip.Addr]residency.Location{
		home:   {Address: home, Countries: residency.CountriesOf(in)},
		abroad: {Address: abroad, Countries: residency.CountriesOf(us)},
	}
	claim := residency.Claim{ID: "c", Regions: residency.Regions{Countries: residency.CountriesOf(us)}}
	cell := func(role residency.Role, counts bool, addrs ...netip.Addr) residency.Cell {
		c := residency.Cell{Claim: "c", Endpoint: residency.Endpoint{Role: role}, Market: in, Counts: true, Verdict: residency.Inside}
		for _, a := range addrs {
			c.Addresses = append(c.Addresses, residency.JudgedAddress{Address: a, Side: residency.SideInside, Counts: counts})
		}
		return c
	}
	for _, tt := range []struct {
		name string
		cell residency.Cell
		want int
	}{
		{"at home", cell(residency.RoleCDN, true, home, abroad, home), 1},
		{"in the claim's own places", cell(residency.RoleCDN, true, abroad), 0},
		{"no edge", cell(residency.RoleAPI, true, home), 0},
		{"an address that does not count", cell(residency.RoleCDN, false, home), 0},
	} {
		if got := Stand(claim, []residency.Cell{tt.cell}, where, time.Time{}).Edges; got != tt.want {
			t.Errorf("%s: Edges = %d, want %d", tt.name, got, tt.want)
		}
	}
}
