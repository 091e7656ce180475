package watch

import (
	"net/netip"
	"slices"
	"testing"

	"residency/internal/residency"
)

// TestRelocated tells addresses of which only what is known changed from those
// that are new.
func TestRelocated(t *testing.T) {
	t.Parallel()
	at := func(last byte, code string) residency.Location {
		return residency.Location{Address: netip.AddrFrom4([4]byte{192, 0, 2, last}), Countries: residency.CountriesOf(residency.MustCountry(code))}
	}
	known := func(list ...residency.Location) map[netip.Addr]residency.Location {
		m := map[netip.Addr]residency.Location{}
		for _, l := range list {
			m[l.Address] = l
		}
		return m
	}
	moved, stayed, fresh, inside := at(1, "CN"), at(2, "CN"), at(3, "CN"), at(4, "SG")
	cell := residency.Cell{Verdict: residency.Outside}
	for _, l := range []residency.Location{moved, stayed, fresh, inside} {
		side := residency.SideOutside
		if l.Address == inside.Address {
			side = residency.SideInside
		}
		cell.Addresses = append(cell.Addresses, residency.JudgedAddress{Address: l.Address, Side: side, Counts: true})
	}
	j := judging{
		round: residency.Round{Locations: known(moved, stayed, fresh, inside), Cells: []residency.Cell{cell, cell}},
		past:  []earlier{{locations: known(at(1, "SG"), stayed)}, {locations: known(at(4, "US"))}},
	}
	if got, want := j.relocated(), []netip.Addr{moved.Address}; !slices.Equal(got, want) {
		t.Errorf("relocated = %v, want %v", got, want)
	}
	j.round.Cells[0].Verdict, j.round.Cells[1].Verdict = residency.Undetermined, residency.Undetermined
	if got := j.relocated(); len(got) > 0 {
		t.Errorf("nothing is outside, relocated = %v", got)
	}
}
