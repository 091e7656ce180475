package geo

import (
	"net/netip"
	"slices"
	"strings"

	"residency/internal/residency"
)

// HolderVoice is the name of the voice of whoever holds the address: the
// operator's own list of its ranges, else its geofeed.
const HolderVoice = "holder"

// Fuse weighs everything said about addr into one location. The rules, first
// that applies:
//
//  1. A special-purpose address has no location, whatever is said.
//  2. A veto (a shared edge, an anycast network) means that the address is not
//     in one place: no countries. An edge is named before anycast, because it
//     tells what to declare.
//  3. The holder's word decides when at least one lineage agrees; contradicted
//     by all that speak, the set is the union of all; alone it stands alone.
//  4. Lineages alone: one country when all name just that one, else the union.
//  5. A correction widens what rules 3 and 4 gave by its countries. It is no
//     voice and takes no country away, so it can make an outside address
//     unknown and none inside; alone it is no evidence, and the set stays empty.
//
// Of provider ranges the longest prefix is the holder's word; geofeeds speak
// only where no provider range names a country. Data sets of one lineage are
// one voice, their union. Hints, registry and any other class are kept to be
// shown and have no voice. The order of said and repeated assertions change
// nothing but the order in Assertions. said is kept, not copied.
func Fuse(addr netip.Addr, said []residency.Assertion) residency.Location {
	loc := residency.Location{
		Address:    addr,
		Decision:   residency.DecidedNothing,
		Assertions: said,
	}
	if SpecialPurpose(addr) {
		loc.Decision, loc.Veto = residency.DecidedSpecial, residency.ReasonSpecialPurpose
		return loc
	}
	loc.Region = holderRegion(said)
	loc.Voices = voices(said)
	loc.Conflict = disjoint(loc.Voices)
	if loc.Veto = veto(said); loc.Veto != "" {
		loc.Decision = residency.DecidedVeto
		return loc
	}
	loc.Countries, loc.Decision = decide(loc.Voices)
	if !loc.Countries.Empty() {
		correct(&loc)
	}
	return loc
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

// decide applies rules 3 and 4 to the voices, the holder's first.
func decide(voices []residency.Voice) (residency.Countries, residency.Decision) {
	if len(voices) == 0 {
		return residency.Countries{}, residency.DecidedNothing
	}
	var union residency.Countries
	for _, v := range voices {
		union = union.Union(v.Countries)
	}
	if voices[0].Name == HolderVoice {
		return decideHolder(voices[0].Countries, voices[1:], union)
	}
	switch {
	case len(voices) == 1:
		return union, residency.DecidedOne
	case union.Len() == 1:
		return union, residency.DecidedAgree
	}
	return union, residency.DecidedDiffer
}

func decideHolder(word residency.Countries, lineages []residency.Voice, union residency.Countries) (residency.Countries, residency.Decision) {
	if len(lineages) == 0 {
		return word, residency.DecidedHolderAlone
	}
	for _, v := range lineages {
		// A lineage whose own data sets differ confirms nothing.
		if v.Countries.SubsetOf(word) {
			return word, residency.DecidedHolder
		}
	}
	return union, residency.DecidedHolderAgainst
}

func veto(said []residency.Assertion) residency.Reason {
	var reason residency.Reason
	for i := range said {
		switch said[i].Class {
		case residency.ClassEdge:
			return residency.ReasonEdge
		case residency.ClassAnycast:
			reason = residency.ReasonAnycast
		}
	}
	return reason
}

// voices returns the independent sources that name a country: the holder, then
// the lineages by name.
func voices(said []residency.Assertion) []residency.Voice {
	list := make([]residency.Voice, 0, 4)
	if v, ok := holder(said); ok {
		list = append(list, v)
	}
	first := len(list)
	for i := range said {
		a := &said[i]
		if a.Class != residency.ClassDatabase || a.In.Empty() {
			continue
		}
		name := lineageOf(a)
		if !slices.ContainsFunc(list[first:], func(v residency.Voice) bool { return v.Name == name }) {
			list = append(list, lineage(name, said))
		}
	}
	slices.SortFunc(list[first:], func(a, b residency.Voice) int { return strings.Compare(a.Name, b.Name) })
	if len(list) == 0 {
		return nil
	}
	return list
}

// lineage joins the data sets of one lineage into one voice.
func lineage(name string, said []residency.Assertion) residency.Voice {
	var w word
	for i := range said {
		if a := &said[i]; a.Class == residency.ClassDatabase && lineageOf(a) == name {
			w.add(a)
		}
	}
	return w.voice(name)
}

// lineageOf returns the origin of a data set. A source that does not tell is
// an origin of its own; sources read from files always tell.
func lineageOf(a *residency.Assertion) string {
	if a.Lineage == "" {
		return a.Source
	}
	return a.Lineage
}

// holder returns the holder's word: the longest provider range, or, where that
// names no country, the longest geofeed prefix.
func holder(said []residency.Assertion) (residency.Voice, bool) {
	for _, class := range [...]residency.Class{residency.ClassProvider, residency.ClassGeofeed} {
		longest := longestPrefix(said, class)
		var w word
		for i := range said {
			if a := &said[i]; a.Class == class && bits(a) == longest {
				w.add(a)
			}
		}
		if !w.all.Empty() {
			return w.voice(HolderVoice), true
		}
	}
	return residency.Voice{}, false
}

// holderRegion returns the region that the longest provider range names, or ""
// when ranges of that length name several.
func holderRegion(said []residency.Assertion) string {
	longest, region := longestPrefix(said, residency.ClassProvider), ""
	for i := range said {
		a := &said[i]
		if a.Class != residency.ClassProvider || bits(a) != longest || a.Region == "" {
			continue
		}
		if region != "" && region != a.Region {
			return ""
		}
		region = a.Region
	}
	return region
}

// longestPrefix returns the most bits of a prefix of the class; an assertion
// without a prefix has none, and counts as -1.
func longestPrefix(said []residency.Assertion, class residency.Class) int {
	longest := -1
	for i := range said {
		if said[i].Class == class {
			longest = max(longest, bits(&said[i]))
		}
	}
	return longest
}

func bits(a *residency.Assertion) int {
	if !a.Prefix.IsValid() {
		return -1
	}
	return a.Prefix.Bits()
}

// word gathers what the data sets of one voice say.
type word struct{ all, fresh residency.Countries }

func (w *word) add(a *residency.Assertion) {
	w.all = w.all.Union(a.In)
	if !a.Stale {
		w.fresh = w.fresh.Union(a.In)
	}
}

// voice is stale when it would say something else without its stale data.
func (w *word) voice(name string) residency.Voice {
	return residency.Voice{Name: name, Countries: w.all, Stale: w.fresh != w.all}
}

// disjoint reports whether two voices name countries that do not overlap.
func disjoint(voices []residency.Voice) bool {
	for i, v := range voices {
		for _, u := range voices[:i] {
			if !v.Countries.Overlaps(u.Countries) {
				return true
			}
		}
	}
	return false
}
