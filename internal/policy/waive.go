package policy

import (
	"net/netip"
	"time"

	"residency/internal/residency"
)

// Waive notes on each cell which waiver covers it at a time, and on those that
// none covers, none. The first in the order given counts. It changes nothing
// but Cell.Waiver: not the verdict, and so no standing.
//
// A cell that is outside is covered only when every place in which its outside
// addresses can be is in the waiver. One that is still outside although this
// run showed no such address is covered by where its finding in known was last
// seen; known may hold any findings.
func Waive(cells []residency.Cell, waivers []residency.Waiver, locations map[netip.Addr]residency.Location, known []residency.Finding, at time.Time) {
	for i := range cells {
		cells[i].Waiver = ""
		if len(waivers) == 0 || cells[i].Verdict == residency.Inside {
			continue
		}
		where := whereOutside(cells[i], locations, known)
		for _, w := range waivers {
			if w.Covers(cells[i], where, at) {
				cells[i].Waiver = w.ID
				break
			}
		}
	}
}

// whereOutside returns where the outside addresses of a cell can be; the empty
// set when that is not known of one of them, for what can be anywhere is
// excepted by no list of countries.
func whereOutside(c residency.Cell, locations map[netip.Addr]residency.Location, known []residency.Finding) residency.Countries {
	if c.Verdict != residency.Outside {
		return residency.Countries{}
	}
	var all residency.Countries
	seen := false
	for _, a := range c.Addresses {
		if a.Side != residency.SideOutside || !a.Counts {
			continue
		}
		in := locations[a.Address].Left()
		if in.Empty() {
			return residency.Countries{}
		}
		all, seen = all.Union(in), true
	}
	if seen {
		return all
	}
	key := residency.FindingKey(c.Endpoint.Vendor, c.Endpoint.Service, c.Endpoint.Host, c.Market, c.Claim)
	for _, f := range known {
		if f.Key == key && f.Open() {
			return f.Countries
		}
	}
	return residency.Countries{}
}
