package alert

import (
	"cmp"
	"net/netip"
	"slices"

	"residency/internal/residency"
)

// evidence is what a run shows outside one claim, grouped for one message.
type evidence struct {
	hosts []host

	// grades has the addresses by how sure it is that they are outside.
	grades map[residency.Grade][]netip.Addr

	tailorings []residency.Tailoring // of the looks that showed them, each once, from weak to strong
	reasons    []residency.Reason    // against it, in the order of the closed list

	// Addresses of which the sources name different places: differ has those
	// that can be in each of these, dissent those of which a source is outweighed.
	differ, dissent []netip.Addr
}

// host is an endpoint with something outside.
type host struct {
	endpoint  residency.Endpoint
	market    residency.Country // the first market in which it was seen
	addresses []address
}

// address is one address outside the claim.
type address struct {
	addr    netip.Addr
	in      residency.Countries
	region  string
	grade   residency.Grade
	markets residency.Countries // in which it was seen
}

// gather collects every outside address of the claim's counting cells.
func gather(run residency.Run, claim residency.Claim) evidence {
	ev := evidence{grades: map[residency.Grade][]netip.Addr{}}
	byKey := map[string]*host{}
	reasons := map[residency.Reason]bool{}
	conflicts := map[netip.Addr]bool{}
	for _, round := range run.Rounds {
		for _, cell := range round.Cells {
			if cell.Claim != claim.ID || cell.Endpoint.Vendor != claim.Vendor || !cell.Counts || cell.Verdict != residency.Outside {
				continue
			}
			h := byKey[cell.Endpoint.Key()]
			if h == nil {
				h = &host{endpoint: cell.Endpoint, market: cell.Market}
				byKey[cell.Endpoint.Key()] = h
			}
			h.market = first(h.market, cell.Market)
			for _, judged := range cell.Addresses {
				if judged.Side != residency.SideOutside || !judged.Counts {
					continue
				}
				loc := round.Locations[judged.Address]
				h.add(judged, loc, cell.Market)
				if !slices.Contains(ev.tailorings, judged.Tailoring) {
					ev.tailorings = append(ev.tailorings, judged.Tailoring)
				}
				for _, r := range judged.Reasons {
					reasons[r] = true
				}
				if loc.Conflict {
					conflicts[judged.Address] = conflicts[judged.Address] || loc.Left().Len() > 1
				}
			}
			for _, r := range cell.Reasons {
				reasons[r] = true
			}
		}
	}
	ev.finish(byKey, reasons, conflicts)
	return ev
}

// add notes that the address was seen in the market. Seen twice, the weaker
// grade stays: a message does not say more than the weakest of its looks.
func (h *host) add(judged residency.JudgedAddress, loc residency.Location, market residency.Country) {
	for i := range h.addresses {
		a := &h.addresses[i]
		if a.addr == judged.Address {
			a.markets = a.markets.With(market)
			a.in = a.in.Union(loc.Left())
			a.grade = min(a.grade, judged.Grade)
			return
		}
	}
	h.addresses = append(h.addresses, address{
		addr:    judged.Address,
		in:      loc.Left(),
		region:  loc.Region,
		grade:   judged.Grade,
		markets: residency.CountriesOf(market),
	})
}

// finish puts everything in an order that does not depend on that of the run.
func (ev *evidence) finish(byKey map[string]*host, reasons map[residency.Reason]bool, conflicts map[netip.Addr]bool) {
	counted := map[netip.Addr]residency.Grade{}
	for _, h := range byKey {
		slices.SortFunc(h.addresses, func(a, b address) int { return a.addr.Compare(b.addr) })
		for _, a := range h.addresses {
			if g, ok := counted[a.addr]; !ok || a.grade < g {
				counted[a.addr] = a.grade
			}
		}
		ev.hosts = append(ev.hosts, *h)
	}
	slices.SortFunc(ev.hosts, func(a, b host) int {
		return cmp.Compare(a.endpoint.Key(), b.endpoint.Key())
	})
	for a, g := range counted {
		ev.grades[g] = append(ev.grades[g], a)
	}
	for _, list := range ev.grades {
		slices.SortFunc(list, netip.Addr.Compare)
	}
	slices.Sort(ev.tailorings)
	for _, r := range residency.Reasons() {
		if reasons[r] {
			ev.reasons = append(ev.reasons, r)
		}
	}
	for a, differ := range conflicts {
		if differ {
			ev.differ = append(ev.differ, a)
		} else {
			ev.dissent = append(ev.dissent, a)
		}
	}
	slices.SortFunc(ev.differ, netip.Addr.Compare)
	slices.SortFunc(ev.dissent, netip.Addr.Compare)
}

// first returns the market whose code comes first.
func first(a, b residency.Country) residency.Country {
	if b.String() < a.String() {
		return b
	}
	return a
}
