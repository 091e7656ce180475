package watch

import (
	"net/netip"
	"slices"

	"residency/internal/residency"
)

// relocated returns the addresses outside that earlier runs of the window
// showed as well, when they were said to be elsewhere: no server moved, but
// what is known of it did. Sorted.
func (j *judging) relocated() []netip.Addr {
	var list []netip.Addr
	for _, c := range j.round.Cells {
		if c.Verdict != residency.Outside {
			continue
		}
		for _, a := range c.Addresses {
			if a.Side == residency.SideOutside && j.elsewhere(a.Address) {
				list = append(list, a.Address)
			}
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

// elsewhere reports whether an earlier run of the window had the address in
// other places than now.
func (j *judging) elsewhere(addr netip.Addr) bool {
	now := j.round.Locations[addr].Left()
	return slices.ContainsFunc(j.past, func(e earlier) bool {
		was, known := e.locations[addr]
		return known && was.Left() != now
	})
}
