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
	t := NewTally(c)
	for i := range cells {
		t.Add(&cells[i], locations)
	}
	return t.Stand(at)
}

// Tally makes the standing of a claim of its cells one by one, so that not all
// of them need be there at a time. Use NewTally.
type Tally struct {
	s            residency.ClaimStanding
	markets      map[residency.Country]bool
	outside      map[residency.Country]bool
	waivers      map[string]bool
	all, told    tally
	unseen       largest
	outsideBound largest
}

// NewTally returns the tally of a claim without cells.
func NewTally(c residency.Claim) *Tally {
	return &Tally{
		s: residency.ClaimStanding{Claim: c}, waivers: map[string]bool{},
		markets: map[residency.Country]bool{}, outside: map[residency.Country]bool{},
	}
}

// Add takes in one cell of the claim, with the locations of its addresses.
func (t *Tally) Add(cell *residency.Cell, locations map[netip.Addr]residency.Location) {
	s := &t.s
	s.Coverage = s.Coverage.Add(cell.Coverage)
	if !cell.Counts {
		s.Counts.NotCounted++
		return
	}
	t.all.add(cell)
	t.markets[cell.Market] = true
	answers(s, cell, locations)
	t.unseen.add(cell.Pool.Unseen)
	t.outsideBound.add(cell.Pool.OutsideBound)
	if cell.Waiver != "" {
		s.Counts.Waived++
		t.waivers[cell.Waiver] = true
	} else {
		t.told.add(cell)
	}
	switch cell.Verdict {
	case residency.Inside:
		s.Counts.Inside++
	case residency.Outside:
		s.Counts.Outside++
		t.outside[cell.Market] = true
		s.Where = s.Where.Union(outsideCountries(cell, locations))
	case residency.NotMeasured:
		s.Counts.NotMeasured++
	default:
		s.Counts.Undetermined++
	}
}

// Stand returns the standing of the claim at a time by the cells added so far.
func (t *Tally) Stand(at time.Time) residency.ClaimStanding {
	s := t.s
	s.Unseen, s.OutsideBound = t.unseen.figure(), t.outsideBound.figure()
	s.Markets = len(t.markets)
	s.Outside = sortedKeys(t.outside)
	s.Waived = sortedKeys(t.waivers)
	s.Untold = t.told.counting - t.told.inside - t.told.outside
	s.Standing = t.all.standing(s.Claim, at)
	s.Effective = t.told.standing(s.Claim, at)
	if t.told.counting == 0 && t.all.counting > 0 {
		s.Effective = residency.Holding // everything is excepted, and somebody answers for it
	}
	return s
}

// tally is what a standing is made from.
type tally struct{ counting, inside, outside int }

func (n *tally) add(c *residency.Cell) {
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

// answers counts how often the addresses of a cell were answered, and the cell
// if one of them is inside only as an edge.
func answers(s *residency.ClaimStanding, cell *residency.Cell, locations map[netip.Addr]residency.Location) {
	edge := false
	for _, a := range cell.Addresses {
		if !a.Counts {
			continue
		}
		n := max(1, len(a.Resolvers)) // an endpoint that is an address is shown by nobody
		s.Answers += n
		if a.Side == residency.SideOutside {
			s.AnswersOutside += n
		}
		edge = edge || !s.Claim.EdgeOnly(cell, a, locations[a.Address]).Empty()
	}
	if edge {
		s.Edges++
	}
}

// largest is the largest of a figure over counting cells. What is not known of
// one is not known of the claim.
type largest struct {
	most    *float64
	unknown bool
}

func (l *largest) add(f *float64) {
	switch {
	case f == nil:
		l.unknown = true
	case l.most == nil || *f > *l.most:
		l.most = f
	}
}

func (l *largest) figure() *float64 {
	if l.unknown {
		return nil
	}
	return l.most
}

// outsideCountries returns where the outside addresses of a cell can be.
func outsideCountries(cell *residency.Cell, locations map[netip.Addr]residency.Location) residency.Countries {
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
