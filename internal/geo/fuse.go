package geo

import (
	"net/netip"
	"slices"

	"residency/internal/residency"
)

// Fuse weighs everything said about addr into one location. The rules, first
// that applies:
//
//  1. A special-purpose address has no location, whatever is said.
//  2. A veto (a shared edge, an anycast network) means that the address is not
//     in one place: no countries. An edge is named before anycast, because it
//     tells what to declare.
//  3. The holder's word decides when at least one lineage agrees, and when it is
//     old, at least two or all that speak. Else the set is the union of all.
//     Alone it stands alone.
//  4. Lineages alone: one country when all name just that one, else the union.
//  5. A correction widens what rules 3 and 4 gave by its countries. It is no
//     voice and takes no country away, so it can make an outside address
//     unknown and none inside; alone it is no evidence, and the set stays empty.
//
// What measured delays exclude is kept beside the set, in Excluded and
// Impossible: a delay names no country, and package policy decides what follows
// for a claim.
//
// Of provider ranges the longest prefix is the holder's word; geofeeds speak
// only where no provider range names a country. Data sets of one lineage are
// one voice, their union. Hints, registry and any other class are kept to be
// shown and have no voice. The order of said and repeated assertions change
// nothing but the order in Assertions. said is kept, not copied.
func Fuse(addr netip.Addr, said []residency.Assertion) residency.Location {
	loc := residency.Location{Address: addr, Assertions: said}
	fuse(&loc, SpecialPurpose(addr))
	return loc
}

// fuse fills in what follows from the address and the assertions of loc. It
// appends to loc.Voices, which must be empty.
func fuse(loc *residency.Location, special bool) {
	if special {
		loc.Decision, loc.Veto = residency.DecidedSpecial, residency.ReasonSpecialPurpose
		return
	}
	hear(loc)
	loc.Conflict = disjoint(loc.Voices)
	if loc.Veto != "" {
		loc.Decision = residency.DecidedVeto
		return
	}
	loc.Countries, loc.Decision = Decide(loc.Voices, Agreeing(loc.Voices))
	if !loc.Countries.Empty() {
		correct(loc)
	}
}

// correct applies rule 5. A correction that overlaps with nothing of what the
// other rules gave is a conflict.
func correct(loc *residency.Location) {
	decided := loc.Countries
	for i := range loc.Assertions {
		a := &loc.Assertions[i]
		if a.Class != residency.ClassCorrection || a.In.Empty() {
			continue
		}
		loc.Countries = loc.Countries.Union(a.In)
		loc.Conflict = loc.Conflict || !a.In.Overlaps(decided)
	}
}

// Agreeing is how many lineages must agree with the holder's word for it to
// decide: one, and two when the word is old, because by then an old list and a
// database that still copies it can be wrong together. What each number costs and
// gains, by the age of the list, stands in docs/fusion.md.
func Agreeing(voices []residency.Voice) int {
	if len(voices) > 0 && voices[0].Name == residency.HolderVoice && voices[0].Stale {
		return 2
	}
	return 1
}

// Decide applies rules 3 and 4 to the voices, the holder's first, with so many
// lineages that must agree. Fuse uses Agreeing; another number is for measuring
// what it would do.
func Decide(voices []residency.Voice, agreeing int) (residency.Countries, residency.Decision) {
	if len(voices) == 0 {
		return residency.Countries{}, residency.DecidedNothing
	}
	var union residency.Countries
	for _, v := range voices {
		union = union.Union(v.Countries)
	}
	if voices[0].Name == residency.HolderVoice {
		return decideHolder(voices[0].Countries, voices[1:], union, agreeing)
	}
	switch {
	case len(voices) == 1:
		return union, residency.DecidedOne
	case union.Len() == 1:
		return union, residency.DecidedAgree
	}
	return union, residency.DecidedDiffer
}

func decideHolder(word residency.Countries, lineages []residency.Voice, union residency.Countries, agreeing int) (residency.Countries, residency.Decision) {
	if len(lineages) == 0 {
		return word, residency.DecidedHolderAlone
	}
	agree := 0
	for _, v := range lineages {
		// A lineage whose own data sets differ confirms nothing.
		if v.Countries.SubsetOf(word) {
			agree++
		}
	}
	switch {
	case agree >= agreeing || agree == len(lineages):
		return word, residency.DecidedHolder
	case agree > 0:
		return union, residency.DecidedHolderOld
	}
	return union, residency.DecidedHolderAgainst
}

// hear sorts what is said: the veto, the region and the independent sources
// that name a country, the holder first, then the lineages by name. It looks at
// each assertion once; what stale data adds to a lineage comes after the rest.
func hear(loc *residency.Location) {
	ranges, feeds := word{longest: none}, word{longest: none}
	stale := false
	for i := range loc.Assertions {
		a := &loc.Assertions[i]
		switch a.Class {
		case residency.ClassDatabase:
			stale = stale || a.Stale
			if !a.Stale && !a.In.Empty() {
				v := voice(loc, lineageOf(a))
				v.Countries = v.Countries.Union(a.In)
			}
		case residency.ClassProvider:
			ranges.add(a)
		case residency.ClassGeofeed:
			feeds.add(a)
		case residency.ClassRTT:
			loc.Excluded = loc.Excluded.Union(a.NotIn)
			loc.Impossible = loc.Impossible.Union(a.Proven)
		case residency.ClassEdge:
			loc.Veto = residency.ReasonEdge
		case residency.ClassAnycast:
			if loc.Veto == "" {
				loc.Veto = residency.ReasonAnycast
			}
		}
	}
	if stale {
		hearStale(loc)
	}
	loc.Region = ranges.region
	if ranges.all.Empty() {
		ranges = feeds
	}
	if !ranges.all.Empty() {
		holder := residency.Voice{Name: residency.HolderVoice, Countries: ranges.all, Stale: ranges.fresh != ranges.all}
		loc.Voices = slices.Insert(loc.Voices, 0, holder)
	}
}

// hearStale adds what only stale data says, and marks those who say it.
func hearStale(loc *residency.Location) {
	for i := range loc.Assertions {
		a := &loc.Assertions[i]
		if a.Class != residency.ClassDatabase || !a.Stale || a.In.Empty() {
			continue
		}
		if v := voice(loc, lineageOf(a)); !a.In.SubsetOf(v.Countries) {
			v.Countries, v.Stale = v.Countries.Union(a.In), true
		}
	}
}

// voice returns the voice of a lineage, a new one in its place by name if it
// has not spoken yet.
func voice(loc *residency.Location, name string) *residency.Voice {
	i := 0
	for i < len(loc.Voices) && loc.Voices[i].Name < name {
		i++
	}
	if i == len(loc.Voices) || loc.Voices[i].Name != name {
		loc.Voices = slices.Insert(loc.Voices, i, residency.Voice{Name: name})
	}
	return &loc.Voices[i]
}

// lineageOf returns the origin of a data set. A source that does not tell is
// an origin of its own; sources read from files always tell.
func lineageOf(a *residency.Assertion) string {
	if a.Lineage == "" {
		return a.Source
	}
	return a.Lineage
}

func bits(a *residency.Assertion) int {
	if !a.Prefix.IsValid() {
		return -1
	}
	return a.Prefix.Bits()
}

// none is less than the bits of any prefix, and of an assertion without one.
const none = -2

// word gathers what the longest prefixes of one class say.
type word struct {
	longest    int // bits
	all, fresh residency.Countries
	region     string // "" also when several are named
	regions    int
}

func (w *word) add(a *residency.Assertion) {
	n := bits(a)
	if n < w.longest {
		return
	}
	if n > w.longest {
		*w = word{longest: n}
	}
	w.all = w.all.Union(a.In)
	if !a.Stale {
		w.fresh = w.fresh.Union(a.In)
	}
	if a.Region == "" || a.Region == w.region {
		return
	}
	if w.regions++; w.regions > 1 {
		w.region = ""
		return
	}
	w.region = a.Region
}

// disjoint reports whether two voices name countries that do not overlap.
func disjoint(voices []residency.Voice) bool {
	for i := range voices {
		for j := range i {
			v, u := &voices[i], &voices[j]
			if v.Countries != u.Countries && !v.Countries.Overlaps(u.Countries) {
				return true
			}
		}
	}
	return false
}
