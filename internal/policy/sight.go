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
	address   netip.Addr
	tailoring residency.Tailoring // the strongest look that showed it
	resolvers names               // all that showed it
	ofMarket  bool                // at least one look was about the market
	tailored  bool                // at least one such look was specific, global or from a resolver that stands there
	witnesses names               // whose looks about the market showed it, by operator
	suspected residency.Countries
	now       bool  // a look of this run about the market showed it
	past      []int // indexes of those of Facts.Past with such a look, rising
}

// meeting is a need and how it was met.
type meeting struct {
	need
	met       bool
	tailored  bool
	witnesses names // whose looks met it, by operator

	heard bool      // it was met, or the name was said not to exist
	at    time.Time // when last
}

// names is a set of a few names: a handful of resolvers.
type names []string

func (n *names) add(name string) {
	if !slices.Contains(*n, name) {
		*n = append(*n, name)
	}
}

// thisRun stands for the run under way where others are indexes of Facts.Past.
const thisRun = -1

// sight is a summary of the looks of one cell, over the window.
type sight struct {
	facts    Facts
	coverage residency.Coverage
	shown    []*shown           // in the order in which they were found
	places   map[netip.Addr]int // of shown; nil while there are few
	needs    []meeting
	nxdomain int // looks of this run
}

// few is up to how many addresses going through them is faster than a map.
const few = 16

// survey summarises the looks of f.
func survey(f Facts) *sight {
	s := &sight{facts: f, needs: make([]meeting, 0, len(f.Types)*max(1, len(f.Market.Subnets)))}
	for _, typ := range f.Types {
		if len(f.Market.Subnets) == 0 {
			s.want(need{typ: typ})
		}
		for _, sub := range f.Market.Subnets {
			s.want(need{sub.Prefix, typ})
		}
	}
	if a := f.Endpoint.Address; a.IsValid() {
		// An endpoint that is an address: every user is sent to it.
		*s.show(a) = shown{address: a, tailoring: residency.TailoringGlobal, ofMarket: true, tailored: true, now: true}
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
	for i := range s.needs {
		if s.needs[i].met {
			s.coverage.Met++
		}
	}
	return s
}

// want adds a need, once.
func (s *sight) want(n need) {
	if s.need(n) == nil {
		s.needs = append(s.needs, meeting{need: n})
	}
}

// need finds a need; nil where nobody has it.
func (s *sight) need(n need) *meeting {
	for i := range s.needs {
		if s.needs[i].need == n {
			return &s.needs[i]
		}
	}
	return nil
}

// of returns what the looks say about an address; nil where none showed it.
func (s *sight) of(addr netip.Addr) *shown {
	if s.places != nil {
		if i, ok := s.places[addr]; ok {
			return s.shown[i]
		}
		return nil
	}
	for _, sh := range s.shown {
		if sh.address == addr {
			return sh
		}
	}
	return nil
}

// show is of, for an address that some look shows.
func (s *sight) show(addr netip.Addr) *shown {
	if sh := s.of(addr); sh != nil {
		return sh
	}
	sh := &shown{address: addr}
	s.shown = append(s.shown, sh)
	switch n := len(s.shown); {
	case s.places != nil:
		s.places[addr] = n - 1
	case n > few:
		s.places = make(map[netip.Addr]int, 2*n)
		for i, known := range s.shown {
			s.places[known.address] = i
		}
	}
	return sh
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
	if m := s.need(need{o.Subnet.Prefix, o.Type}); m != nil {
		// What was answered later than now was answered under a clock that has
		// been set back since. Nobody knows when that was, so it meets nothing.
		meets := o.Meets() && !at.After(s.facts.At)
		if meets || o.Failure == residency.FailNXDomain && !at.After(s.facts.At) {
			if !m.heard || at.After(m.at) {
				m.heard, m.at = true, at
			}
		}
		if meets {
			m.met = true
			m.tailored = m.tailored || strong
			m.witnesses.add(o.Witness())
		}
	}
	for i := range o.Addresses {
		sh := s.show(o.Addresses[i].Address)
		sh.tailoring = max(sh.tailoring, o.Tailoring)
		sh.resolvers.add(o.Resolver)
		if ofMarket { // a look that failed half way still showed it
			sh.ofMarket = true
			sh.tailored = sh.tailored || strong
			sh.witnesses.add(o.Witness())
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
	for n := range s.needs {
		k := &s.needs[n]
		if k.met {
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
		if !s.facts.Past[i].Last.After(s.facts.At) {
			hear(s.facts.Past[i].Looks, answered, met)
		}
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
	var seen names
	for _, a := range list {
		for _, w := range s.of(a.Address).witnesses {
			seen.add(w)
		}
	}
	return len(seen)
}

// heardSince reports whether every need was answered after the given time, or
// at it, if only by the word that the name does not exist. Otherwise the name
// may be there and nobody said so.
func (s *sight) heardSince(from time.Time) bool {
	for i := range s.needs {
		if m := &s.needs[i]; !m.heard || m.at.Before(from) {
			return false
		}
	}
	return true
}

// thin reports whether some need rests on one operator's answer alone, and
// that answer may depend on who asks.
func (s *sight) thin() bool {
	for i := range s.needs {
		if m := &s.needs[i]; m.met && !m.tailored && len(m.witnesses) < 2 {
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
