package policy

import (
	"net/netip"
	"slices"
	"time"

	"residency/internal/residency"
)

// Stand returns the standing of a claim from all its cells at a time. It is
// broken when a counting cell is outside and the claim is due, pending when
// one is outside before that, holding only when at least one cell counts and
// every one that counts is inside, and unknown otherwise.
//
// cells must hold every cell of the claim, the ones that were not measured
// too: a cell that is left out cannot stop the claim from holding. Where a cell
// carries a waiver (Waive), the standing takes no notice of it; Effective is
// the standing of the cells without one.
func Stand(c residency.Claim, cells []residency.Cell, locations map[netip.Addr]residency.Location, at time.Time) residency.ClaimStanding {
	s := residency.ClaimStanding{Claim: c}
	markets := map[residency.Country]bool{}
	outside := map[residency.Country]bool{}
	waivers := map[string]bool{}
	var all, told tally
	for _, cell := range cells {
		s.Coverage = s.Coverage.Add(cell.Coverage)
		if !cell.Counts {
			s.Counts.NotCounted++
			continue
		}
		all.add(cell)
		markets[cell.Market] = true
		answers(&s, cell)
		if cell.Waiver != "" {
			s.Counts.Waived++
			waivers[cell.Waiver] = true
		} else {
			told.add(cell)
		}
		switch cell.Verdict {
		case residency.Inside:
			s.Counts.Inside++
		case residency.Outside:
			s.Counts.Outside++
			outside[cell.Market] = true
			s.Where = s.Where.Union(outsideCountries(cell, locations))
		case residency.NotMeasured:
			s.Counts.NotMeasured++
		default:
			s.Counts.Undetermined++
		}
	}
	s.Unseen = largest(cells, func(c residency.Cell) *float64 { return c.Pool.Unseen })
	s.OutsideBound = largest(cells, func(c residency.Cell) *float64 { return c.Pool.OutsideBound })
	s.Markets = len(markets)
	s.Outside = sortedKeys(outside)
	s.Waived = sortedKeys(waivers)
	s.Untold = told.counting - told.inside - told.outside
	s.Standing = all.standing(c, at)
	s.Effective = told.standing(c, at)
	if told.counting == 0 && all.counting > 0 {
		s.Effective = residency.Holding // everything is excepted, and somebody answers for it
	}
	return s
}

// tally is what a standing is made from.
type tally struct{ counting, inside, outside int }

func (n *tally) add(c residency.Cell) {
	n.counting++
	switch c.Verdict {
	case residency.Inside:
		n.inside++
	case residency.Outside:
		n.outside++
	}
}

func (n tally) standing(c residency.Claim, at time.Time) residency.Standing {
	switch {
	case n.outside > 0 && c.InForce(at):
		return residency.Broken
	case n.outside > 0:
		return residency.Pending
	case n.counting > 0 && n.inside == n.counting:
		return residency.Holding
	}
	return residency.StandingUnknown
}

// answers counts how often the addresses of a cell were answered.
func answers(s *residency.ClaimStanding, cell residency.Cell) {
	for _, a := range cell.Addresses {
		if !a.Counts {
			continue
		}
		n := max(1, len(a.Resolvers)) // an endpoint that is an address is shown by nobody
		s.Answers += n
		if a.Side == residency.SideOutside {
			s.AnswersOutside += n
		}
	}
}

// largest returns the largest figure of the counting cells, nil unless every
// one of them has it: what is not known of one is not known of the claim.
func largest(cells []residency.Cell, figure func(residency.Cell) *float64) *float64 {
	var most *float64
	for _, c := range cells {
		if !c.Counts {
			continue
		}
		f := figure(c)
		if f == nil {
			return nil
		}
		if most == nil || *f > *most {
			most = f
		}
	}
	return most
}

// outsideCountries returns where the outside addresses of a cell can be.
func outsideCountries(cell residency.Cell, locations map[netip.Addr]residency.Location) residency.Countries {
	var s residency.Countries
	for _, a := range cell.Addresses {
		if a.Side == residency.SideOutside && a.Counts {
			s = s.Union(locations[a.Address].Left())
		}
	}
	return s
}

// Worst returns the worst of the standings in the order that monitoring needs:
// broken, unknown, pending, holding. No standing at all is unknown.
func Worst(standings []residency.ClaimStanding) residency.Standing {
	order := []residency.Standing{residency.Broken, residency.StandingUnknown, residency.Pending, residency.Holding}
	worst := len(order) - 1
	if len(standings) == 0 {
		return residency.StandingUnknown
	}
	for _, s := range standings {
		worst = min(worst, slices.Index(order, s.Standing))
	}
	return order[worst]
}
