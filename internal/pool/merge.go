package pool

import (
	"net/netip"
	"slices"

	"residency/internal/residency"
)

// Need is one thing a market must be asked: a client subnet and a record type.
type Need struct {
	Subnet netip.Prefix
	Type   string
}

// Merge puts the records of one endpoint and market together. The figures are
// those of the worst need, each need by the server that drew most for it; they
// are nil unless every need has one. Inside says whether an address is known
// to be where it may be: the outside bound is nil unless every drawn one is.
func Merge(records []*Record, needs []Need, inside func(netip.Addr) bool) residency.Pool {
	p, all := together(records)
	if p.Draws == 0 {
		return p
	}
	list, complete := summaries(records, needs)
	for _, s := range list {
		if p.Least == 0 || s.Draws < p.Least {
			p.Least = s.Draws
		}
	}
	if !complete {
		p.Least = 0
	}
	p.Pattern = worst(list)
	p.Turning = slices.ContainsFunc(list, func(s needSummary) bool { return s.Turning })
	if !complete || !figures(list) {
		return p
	}
	for _, s := range list {
		if s.Incidences > 0 {
			u := 0.0 // a whole set has nothing in one draw only
			if s.Pattern == residency.PatternIndependent {
				u, _ = s.Unseen()
			}
			if p.Unseen == nil || u > *p.Unseen {
				p.Unseen = &u
			}
		}
	}
	for _, addr := range all.list {
		if !inside(addr) {
			return p
		}
	}
	bound := OutsideBound(p.Least)
	p.OutsideBound = &bound
	return p
}

// together returns the counts and the curve over all draws in order of time,
// and all addresses drawn.
func together(records []*Record) (residency.Pool, distinct) {
	n := 0
	for _, r := range records {
		n += len(r.Draws)
	}
	draws := make([]*Draw, 0, n)
	for _, r := range records {
		for i := range r.Draws {
			draws = append(draws, &r.Draws[i])
		}
	}
	slices.SortStableFunc(draws, func(a, b *Draw) int { return a.At.Compare(b.At) })
	p := residency.Pool{Draws: n, Curve: make([]int, n)}
	var all distinct
	for i, d := range draws {
		for _, a := range d.Addresses {
			all.add(a)
		}
		p.Curve[i] = len(all.list)
	}
	p.Addresses = len(all.list)
	return p, all
}

// distinct is addresses, each once, in the order in which they were added.
type distinct struct {
	list  []netip.Addr
	known map[netip.Addr]bool // nil while there are few
}

// few is up to how many addresses going through them is faster than a map.
const few = 16

func (d *distinct) add(a netip.Addr) {
	if d.known[a] || d.known == nil && slices.Contains(d.list, a) {
		return
	}
	d.list = append(d.list, a)
	switch {
	case d.known != nil:
		d.known[a] = true
	case len(d.list) > few:
		d.known = make(map[netip.Addr]bool, 2*len(d.list))
		for _, a := range d.list {
			d.known[a] = true
		}
	}
}

// needSummary is what one need's draws show.
type needSummary struct {
	Summary
	need  Need
	state string // the set of a whole set
}

// summaries describes each need by the record with the most draws. It is
// complete when no need is without one.
func summaries(records []*Record, needs []Need) (list []needSummary, complete bool) {
	complete, list = true, make([]needSummary, 0, len(needs))
	for _, n := range needs {
		var most *Record
		for _, r := range records {
			if r.Key.Subnet == n.Subnet && r.Key.Type == n.Type && (most == nil || len(r.Draws) > len(most.Draws)) {
				most = r
			}
		}
		if most == nil || len(most.Draws) == 0 {
			complete = false
			continue
		}
		s := needSummary{Summary: Summary{Draws: len(most.Draws), Turning: turning(most.Draws)}, need: n}
		if s.Draws >= MinDraws { // fewer show no pattern, and nothing is reckoned from them
			s.Summary = Describe(most.Draws)
		}
		if s.Pattern == residency.PatternWholeSet {
			for _, a := range setOf(most.Draws[0]) {
				s.state += a.String() + " "
			}
		}
		list = append(list, s)
	}
	return list, complete && len(list) > 0
}

// worst returns the pattern to name: the one that leaves most unknown.
func worst(list []needSummary) residency.PoolPattern {
	order := []residency.PoolPattern{
		residency.PatternUnknown, residency.PatternWholeSet, residency.PatternIndependent,
		residency.PatternRotation, residency.PatternSticky,
	}
	at := 0
	for _, s := range list {
		at = max(at, slices.Index(order, s.Pattern))
		if s.Pattern != residency.PatternWholeSet {
			continue
		}
		for _, t := range list {
			if t.Pattern == residency.PatternWholeSet && t.need.Type == s.need.Type && t.state != s.state {
				return residency.PatternSticky // each client subnet has its own
			}
		}
	}
	return order[at]
}

// figures reports whether the draws of every need may be reckoned with. One
// state for one client alone may be the client's own share.
func figures(list []needSummary) bool {
	if worst(list) == residency.PatternSticky {
		return false
	}
	clients := map[string]int{} // by record type, those shown one state
	for _, s := range list {
		if s.Pattern == residency.PatternWholeSet {
			clients[s.need.Type]++
		}
	}
	for _, s := range list {
		switch s.Pattern {
		case residency.PatternIndependent:
		case residency.PatternWholeSet:
			if clients[s.need.Type] < 2 {
				return false
			}
		default:
			return false
		}
	}
	return true
}
