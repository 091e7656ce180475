package policy

import (
	"net/netip"
	"slices"

	"residency/internal/residency"
)

// need is one thing a market must be asked: a client subnet and a record type.
type need struct {
	subnet netip.Prefix
	typ    string
}

// shown is what the looks of one cell say about one address.
type shown struct {
	tailoring residency.Tailoring // the strongest look that showed it
	resolvers map[string]bool     // all that showed it
	ofMarket  bool                // at least one look was about the market
	tailored  bool                // at least one such look was specific, global or from a resolver that stands there
	witnesses map[string]bool     // whose looks about the market showed it, by operator
	suspected residency.Countries
}

// meeting is how a need was met.
type meeting struct {
	tailored  bool
	witnesses map[string]bool // whose looks met it, by operator
}

// sight is a summary of the looks of one cell.
type sight struct {
	facts    Facts
	coverage residency.Coverage
	shown    map[netip.Addr]*shown
	needs    map[need]*meeting // nil value: not met
	nxdomain int
}

// survey summarises the looks of f.
func survey(f Facts) *sight {
	s := &sight{facts: f, shown: map[netip.Addr]*shown{}, needs: map[need]*meeting{}}
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
		s.shown[a] = &shown{tailoring: residency.TailoringGlobal, ofMarket: true, tailored: true}
	}
	for _, o := range f.Looks {
		s.add(o)
	}
	s.coverage.Needs = len(s.needs)
	for _, m := range s.needs {
		if m != nil {
			s.coverage.Met++
		}
	}
	return s
}

// add takes one look into the summary.
func (s *sight) add(o residency.Observation) {
	s.coverage.Looks++
	if !o.Answered() {
		s.coverage.Failed++
		if o.Failure == residency.FailNXDomain {
			s.nxdomain++
		}
	}
	ofMarket, strong := o.OfMarket(), isTailored(o)
	if o.Meets() {
		s.coverage.Counted++
	}
	if k := (need{o.Subnet.Prefix, o.Type}); o.Meets() {
		if m, wanted := s.needs[k]; wanted {
			if m == nil {
				m = &meeting{witnesses: map[string]bool{}}
				s.needs[k] = m
			}
			m.tailored = m.tailored || strong
			m.witnesses[o.Witness()] = true
		}
	}
	for _, a := range o.Addresses {
		sh := s.shown[a.Address]
		if sh == nil {
			sh = &shown{resolvers: map[string]bool{}, witnesses: map[string]bool{}}
			s.shown[a.Address] = sh
		}
		sh.tailoring = max(sh.tailoring, o.Tailoring)
		sh.resolvers[o.Resolver] = true
		if ofMarket { // a look that failed half way still showed it
			sh.ofMarket = true
			sh.tailored = sh.tailored || strong
			sh.witnesses[o.Witness()] = true
		}
	}
}

// isTailored reports whether a look's answer cannot depend on who asked.
func isTailored(o residency.Observation) bool {
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

// located returns where an address can be.
func (s *sight) located(addr netip.Addr) residency.Countries {
	return s.facts.Locations[addr].Countries
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
		for _, o := range s.facts.Looks {
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
func (s *sight) silent() []residency.Reason {
	type key struct{ resolver, typ, zone string }
	answered := map[key]bool{}
	counts := map[string]bool{}  // resolver: true when it counts or may
	reached := map[string]bool{} // resolver: by delegation
	for _, o := range s.facts.Looks {
		reached[o.Resolver] = reached[o.Resolver] || len(o.Path) > 0
		if o.Answered() {
			answered[key{o.Resolver, o.Type, ""}] = true
			for _, d := range o.Path {
				answered[key{o.Resolver, o.Type, d.Zone}] = true
			}
			counts[o.Resolver] = counts[o.Resolver] || o.Meets()
		}
	}
	var why []residency.Reason
	for _, o := range s.facts.Looks {
		if !slices.Contains(s.facts.Types, o.Type) {
			if o.Failure != "" && o.OfMarket() && led(o) {
				why = append(why, failureOf(o)) // clients are sent on to where nothing was seen
			}
			continue
		}
		if slices.Contains(s.facts.Degraded, o.Resolver) && !counts[o.Resolver] {
			why = append(why, residency.ReasonNotTailored)
			continue
		}
		may, spoke := counts[o.Resolver]
		heard := answered[key{o.Resolver, o.Type, ""}]
		if reached[o.Resolver] && !o.Answered() {
			heard = len(o.Path) > 0 && answered[key{o.Resolver, o.Type, o.Path[len(o.Path)-1].Zone}]
		}
		if !heard && (may || !spoke) {
			why = append(why, failureOf(o))
		}
	}
	return why
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

// gone reports whether every need was answered, if only by the word that the
// name does not exist. Otherwise the name may be there and nobody said so.
func (s *sight) gone() bool {
	for k, m := range s.needs {
		heard := m != nil
		for _, o := range s.facts.Looks {
			heard = heard || o.Subnet.Prefix == k.subnet && o.Type == k.typ && o.Failure == residency.FailNXDomain
		}
		if !heard {
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
func led(o residency.Observation) bool {
	return slices.ContainsFunc(o.Chain, func(l residency.Link) bool { return l.Type == o.Type })
}

// failureOf returns a look's failure as a reason.
func failureOf(o residency.Observation) residency.Reason {
	if o.Failure != "" {
		return residency.Reason(o.Failure)
	}
	return residency.Reason(residency.FailOtherRcode)
}
