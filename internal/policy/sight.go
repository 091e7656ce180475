package policy

import (
	"net/netip"
	"slices"
	"time"

	"residency/internal/residency"
)

// need is one thing a market must be asked: a client subnet and a record type.
type need struct {
	subnet netip.Prefix
	typ    string
}

// shown is what the looks of one cell, in this run and in the window before it,
// say about one address.
type shown struct {
	tailoring residency.Tailoring // the strongest look that showed it
	resolvers map[string]bool     // all that showed it
	ofMarket  bool                // at least one look was about the market
	tailored  bool                // at least one such look was specific, global or from a resolver that stands there
	witnesses map[string]bool     // whose looks about the market showed it, by operator
	suspected residency.Countries
	now       bool  // a look of this run about the market showed it
	past      []int // indexes of those of Facts.Past with such a look, rising
}

// meeting is how a need was met.
type meeting struct {
	tailored  bool
	witnesses map[string]bool // whose looks met it, by operator
}

// thisRun stands for the run under way where others are indexes of Facts.Past.
const thisRun = -1

// sight is a summary of the looks of one cell, over the window.
type sight struct {
	facts    Facts
	coverage residency.Coverage
	shown    map[netip.Addr]*shown
	needs    map[need]*meeting  // nil value: not met
	heard    map[need]time.Time // when a need was last met, or the name last said not to exist
	nxdomain int                // looks of this run
}

// survey summarises the looks of f.
func survey(f Facts) *sight {
	s := &sight{facts: f, shown: map[netip.Addr]*shown{}, needs: map[need]*meeting{}, heard: map[need]time.Time{}}
	for _, typ := range f.Types {
		if len(f.Market.Subnets) == 0 {
			s.needs[need{typ: typ}] = nil
		}
		for _, sub := range f.Market.Subnets {
			s.needs[need{sub.Prefix, typ}] = nil
		}
	}
	if a := f.Endpoint.Address; a.IsValid() {
		// An endpoint that is an address: every user is sent to it.
		s.shown[a] = &shown{tailoring: residency.TailoringGlobal, ofMarket: true, tailored: true, now: true}
	}
	for i := range f.Past {
		for j := range f.Past[i].Looks {
			s.add(&f.Past[i].Looks[j], i, f.Past[i].Last)
		}
	}
	for i := range f.Looks {
		s.count(&f.Looks[i])
		s.add(&f.Looks[i], thisRun, f.At)
	}
	s.coverage.Needs = len(s.needs)
	for _, m := range s.needs {
		if m != nil {
			s.coverage.Met++
		}
	}
	return s
}

// count takes a look of this run into the coverage.
func (s *sight) count(o *residency.Observation) {
	s.coverage.Looks++
	if !o.Answered() {
		s.coverage.Failed++
		if o.Failure == residency.FailNXDomain {
			s.nxdomain++
		}
	}
	if o.Meets() {
		s.coverage.Counted++
	}
}

// add takes one look into the summary: of this run, or of one of Facts.Past.
func (s *sight) add(o *residency.Observation, run int, at time.Time) {
	ofMarket, strong := o.OfMarket(), isTailored(o)
	k := need{o.Subnet.Prefix, o.Type}
	if m, wanted := s.needs[k]; wanted {
		if before, ok := s.heard[k]; (o.Meets() || o.Failure == residency.FailNXDomain) && (!ok || at.After(before)) {
			s.heard[k] = at
		}
		if o.Meets() {
			if m == nil {
				m = &meeting{witnesses: map[string]bool{}}
				s.needs[k] = m
			}
			m.tailored = m.tailored || strong
			m.witnesses[o.Witness()] = true
		}
	}
	for i := range o.Addresses {
		sh := s.shown[o.Addresses[i].Address]
		if sh == nil {
			sh = &shown{resolvers: map[string]bool{}, witnesses: map[string]bool{}}
			s.shown[o.Addresses[i].Address] = sh
		}
		sh.tailoring = max(sh.tailoring, o.Tailoring)
		sh.resolvers[o.Resolver] = true
		if ofMarket { // a look that failed half way still showed it
			sh.ofMarket = true
			sh.tailored = sh.tailored || strong
			sh.witnesses[o.Witness()] = true
			sh.seen(run)
		}
	}
}

// seen notes that a run showed the address to the market. The runs come in
// order, this one last.
func (sh *shown) seen(run int) {
	switch n := len(sh.past); {
	case run == thisRun:
		sh.now = true
	case n == 0 || sh.past[n-1] != run:
		sh.past = append(sh.past, run)
	}
}

// isTailored reports whether a look's answer cannot depend on who asked.
func isTailored(o *residency.Observation) bool {
	return o.FromMarket() || o.Tailoring >= residency.TailoringGlobal
}

// anyOfMarket reports whether an address was seen by a look about the market.
func (s *sight) anyOfMarket() bool {
	for _, sh := range s.shown {
		if sh.ofMarket {
			return true
		}
	}
	return false
}

// location returns where an address is by the newest word on it: that of this
// run, else that of the latest one that showed it.
func (s *sight) location(addr netip.Addr) residency.Location {
	if loc, ok := s.facts.Locations[addr]; ok {
		return loc
	}
	for _, p := range slices.Backward(s.facts.Past) {
		if loc, ok := p.Locations[addr]; ok {
			return loc
		}
	}
	return residency.Location{Address: addr}
}

// unmet returns why needs were not met: the failures of their looks, or that
// the looks were not about the market.
func (s *sight) unmet() []residency.Reason {
	var why []residency.Reason
	for k, m := range s.needs {
		if m != nil {
			continue
		}
		asked := false
		for i := range s.facts.Looks {
			o := &s.facts.Looks[i]
			if o.Subnet.Prefix != k.subnet || o.Type != k.typ {
				continue
			}
			asked = true
			if o.Answered() {
				why = append(why, residency.ReasonNotTailored)
			} else {
				why = append(why, failureOf(o))
			}
		}
		if !asked {
			why = append(why, residency.Reason(residency.FailCancelled))
		}
	}
	slices.Sort(why)
	return slices.Compact(why)
}

// silent returns the failures of resolvers that answered no look of some
// record type. Such a resolver could have shown another address, so its
// silence must not read as agreement. So could one that has stopped passing
// client subnets on. Any other whose answers are not about the market could not
// have counted, and is left out.
//
// For servers reached by delegation the same holds of each zone: one of its
// servers must have answered, or led on to an answer. Else a target that some
// servers send users to would be unseen.
//
// Record types that are no need (HTTPS) can add an address, and their silence
// is no sign: many servers do not know them.
//
// It is the resolvers of this run that are held to it. What one of them said
// earlier in the window still counts; the silence of one that is not asked any
// more does not.
func (s *sight) silent() []residency.Reason {
	answered, met := map[spoke]bool{}, map[string]bool{}
	for i := range s.facts.Past {
		hear(s.facts.Past[i].Looks, answered, met)
	}
	hear(s.facts.Looks, answered, met)
	counts := map[string]bool{}  // resolver: true when it counts or may
	reached := map[string]bool{} // resolver: by delegation
	for i := range s.facts.Looks {
		o := &s.facts.Looks[i]
		reached[o.Resolver] = reached[o.Resolver] || len(o.Path) > 0
		if o.Answered() {
			counts[o.Resolver] = counts[o.Resolver] || o.Meets()
		}
	}
	var why []residency.Reason
	for i := range s.facts.Looks {
		o := &s.facts.Looks[i]
		if !slices.Contains(s.facts.Types, o.Type) {
			if o.Failure != "" && o.OfMarket() && led(o) {
				why = append(why, failureOf(o)) // clients are sent on to where nothing was seen
			}
			continue
		}
		if slices.Contains(s.facts.Degraded, o.Resolver) && !met[o.Resolver] {
			why = append(why, residency.ReasonNotTailored)
			continue
		}
		may, said := counts[o.Resolver]
		heard := answered[spoke{o.Resolver, o.Type, ""}]
		if reached[o.Resolver] && !o.Answered() {
			heard = len(o.Path) > 0 && answered[spoke{o.Resolver, o.Type, o.Path[len(o.Path)-1].Zone}]
		}
		if !heard && (may || !said) {
			why = append(why, failureOf(o))
		}
	}
	return why
}

// spoke is what a resolver answered: looks of a type, and by delegation those
// that led through a zone.
type spoke struct{ resolver, typ, zone string }

// hear notes what was answered, and whose answers met a need.
func hear(looks []residency.Observation, answered map[spoke]bool, met map[string]bool) {
	for i := range looks {
		o := &looks[i]
		if !o.Answered() {
			continue
		}
		answered[spoke{o.Resolver, o.Type, ""}] = true
		for _, d := range o.Path {
			answered[spoke{o.Resolver, o.Type, d.Zone}] = true
		}
		if o.Meets() {
			met[o.Resolver] = true
		}
	}
}

// witnesses counts the operators whose looks about the market showed one of
// the addresses. One that answered without an address is on no side.
func (s *sight) witnesses(list []residency.JudgedAddress) int {
	seen := map[string]bool{}
	for _, a := range list {
		for w := range s.shown[a.Address].witnesses {
			seen[w] = true
		}
	}
	return len(seen)
}

// heardSince reports whether every need was answered after the given time, or
// at it, if only by the word that the name does not exist. Otherwise the name
// may be there and nobody said so.
func (s *sight) heardSince(from time.Time) bool {
	for k := range s.needs {
		if at, ok := s.heard[k]; !ok || at.Before(from) {
			return false
		}
	}
	return true
}

// thin reports whether some need rests on one operator's answer alone, and
// that answer may depend on who asks.
func (s *sight) thin() bool {
	for _, m := range s.needs {
		if m != nil && !m.tailored && len(m.witnesses) < 2 {
			return true
		}
	}
	return false
}

// led reports whether a look found a record of its own type that led on.
func led(o *residency.Observation) bool {
	return slices.ContainsFunc(o.Chain, func(l residency.Link) bool { return l.Type == o.Type })
}

// failureOf returns a look's failure as a reason.
func failureOf(o *residency.Observation) residency.Reason {
	if o.Failure != "" {
		return residency.Reason(o.Failure)
	}
	return residency.Reason(residency.FailOtherRcode)
}
