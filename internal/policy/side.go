package policy

import (
	"slices"

	"residency/internal/residency"
)

// Placement is where one address stands towards one claim.
type Placement struct {
	Side      residency.Side
	Grade     residency.Grade
	Reasons   []residency.Reason
	Counts    bool                // false: an anycast address of a declared CDN
	Suspected residency.Countries // of an unknown address: countries outside the claim it may be in
}

// Place judges one located address of an endpoint with the given role against
// a claim, as users of the market are concerned. Outside needs no approved
// country among the possible ones, and the claim's grade. Inside needs all
// possible countries approved, two voices that are not stale, at most one
// against, and no source missing. Everything else is unknown, with reasons.
//
// A measured delay takes countries away before outside is judged, and counts
// as one voice when it excludes every approved place; when even light could not
// have come from any, the grade is proven. Inside is judged on all countries
// named: from one vantage a delay can make nothing inside.
func Place(c residency.Claim, role residency.Role, market residency.Country, loc residency.Location) Placement {
	t := termsOf(c, role, market)
	rest := loc.Countries.Minus(loc.Excluded)
	switch {
	case loc.Veto == residency.ReasonSpecialPurpose:
		return unknown(residency.ReasonSpecialPurpose)
	case loc.Veto != "" && t.cdn:
		return Placement{Reasons: []residency.Reason{loc.Veto}}
	case loc.Veto != "":
		return unknown(loc.Veto)
	case loc.Countries.Empty():
		return withMissing(unknown(residency.ReasonNoEvidence), loc)
	case rest.Empty(): // every country named is too far for the delay measured
		return withMissing(unknown(residency.ReasonConflict), loc)
	case !rest.Overlaps(t.possible()):
		return t.outside(loc, rest, nil)
	case !loc.Countries.SubsetOf(t.possible()):
		p := unknown(residency.ReasonConflict)
		p.Suspected = loc.Countries.Minus(t.possible())
		return withMissing(p, loc)
	case loc.Countries.SubsetOf(t.approved):
		return t.inside(loc, t.approved)
	}
	return t.region(loc)
}

// region judges an address whose country is approved only in part: by the
// provider region that the longest matching range names.
func (t terms) region(loc residency.Location) Placement {
	if loc.Region == "" {
		return withMissing(unknown(residency.ReasonRegionNotShown), loc)
	}
	if !t.names(loc.Region) {
		home := holderCountries(loc)
		if home.Overlaps(t.approved) {
			// The range says a country that is approved as a whole, others say
			// one that is not: they differ about the country itself.
			return withMissing(unknown(residency.ReasonConflict), loc)
		}
		return t.outside(loc, home, []residency.Reason{residency.ReasonOtherRegion})
	}
	if staleHolder(loc) {
		return withMissing(unknown(residency.ReasonStaleData), loc)
	}
	here := t.approved.With(t.home(loc.Region))
	if !loc.Countries.SubsetOf(here) {
		// Somewhere else in a country of which only other regions are approved.
		return withMissing(unknown(residency.ReasonConflict), loc)
	}
	return t.inside(loc, here)
}

// inside counts the voices for an address whose possible countries are all in
// good. A stale voice may speak against, never for.
func (t terms) inside(loc residency.Location, good residency.Countries) Placement {
	var voices, against, stale int
	var doubt residency.Countries
	for _, v := range loc.Voices {
		switch {
		case !v.Countries.SubsetOf(good): // a delay silences no dissent
			against++
			doubt = doubt.Union(v.Countries.Minus(good))
		case v.Countries.Minus(loc.Excluded).Empty(): // refuted, or silent
		case v.Stale:
			stale++
		default:
			voices++
		}
	}
	p := Placement{Counts: true}
	if against > 0 && staleHolder(loc) {
		// It is the holder's old word alone that takes the dissent out of the set.
		p.Reasons = append(p.Reasons, residency.ReasonStaleData)
		p.Suspected = doubt
	}
	if against > 1 {
		p.Reasons = append(p.Reasons, residency.ReasonConflict)
		p.Suspected = doubt
	}
	if voices < 2 && stale > 0 {
		p.Reasons = append(p.Reasons, residency.ReasonStaleData)
	} else if voices < 2 {
		p.Reasons = append(p.Reasons, residency.ReasonBelowGrade)
	}
	if len(loc.Missing) > 0 {
		p.Reasons = append(p.Reasons, residency.ReasonSourceMissing)
	}
	if len(p.Reasons) > 0 {
		slices.Sort(p.Reasons)
		p.Reasons = slices.Compact(p.Reasons)
		return p
	}
	p.Grade = residency.Corroborated
	if p.Grade < t.floor {
		p.Reasons = []residency.Reason{residency.ReasonBelowGrade}
		p.Grade = residency.GradeNone
		return p
	}
	p.Side = residency.SideInside
	return p
}

// outside counts the voices that place the address in none but bad countries.
// Old data may speak here: that the address was elsewhere is worth telling.
func (t terms) outside(loc residency.Location, bad residency.Countries, why []residency.Reason) Placement {
	var voices, against int
	for _, v := range loc.Voices {
		left := v.Countries.Minus(loc.Excluded)
		switch {
		case left.Empty(): // refuted, or silent
		case left.SubsetOf(bad):
			voices++
		default:
			against++
		}
	}
	if t.possible().SubsetOf(loc.Excluded) {
		voices++
	}
	p := Placement{Counts: true, Suspected: bad, Reasons: why}
	grade := residency.GradeNone
	switch {
	case voices >= 1 && t.possible().SubsetOf(loc.Impossible):
		grade = residency.Proven
	case voices >= 2 && against <= 1:
		grade = residency.Corroborated
	case voices >= 1:
		grade = residency.Asserted
	}
	if grade < t.floor || grade == residency.GradeNone {
		p.Reasons = append(slices.Clone(why), residency.ReasonBelowGrade)
		return withMissing(p, loc)
	}
	p.Side, p.Grade, p.Suspected = residency.SideOutside, grade, residency.Countries{}
	return p
}

// staleHolder reports whether the holder's word is too old to speak for inside.
func staleHolder(loc residency.Location) bool {
	for _, v := range loc.Voices {
		if v.Name == residency.HolderVoice {
			return v.Stale
		}
	}
	return false
}

// home returns the country of an approved region. It is the claim's word and
// not a list's, so that no list can move a region to where it is not approved.
func (t terms) home(region string) residency.Country {
	for _, list := range [...][]residency.ProviderRegion{t.regions.Providers, t.edges.Providers} {
		for _, p := range list {
			if p.ID == region {
				return p.Country
			}
		}
	}
	return 0
}

// holderCountries returns where the ranges that name the address's region say
// it is.
func holderCountries(loc residency.Location) residency.Countries {
	var set residency.Countries
	for _, a := range loc.Assertions {
		if a.Class == residency.ClassProvider && a.Region == loc.Region {
			set = set.Union(a.In)
		}
	}
	return set
}

func unknown(why residency.Reason) Placement {
	return Placement{Counts: true, Reasons: []residency.Reason{why}}
}

// withMissing adds that a configured source could not be asked.
func withMissing(p Placement, loc residency.Location) Placement {
	if len(loc.Missing) > 0 && !slices.Contains(p.Reasons, residency.ReasonSourceMissing) {
		p.Reasons = append(slices.Clone(p.Reasons), residency.ReasonSourceMissing)
	}
	slices.Sort(p.Reasons)
	return p
}
