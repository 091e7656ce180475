package main

import (
	"net/netip"
	"slices"
	"time"

	"residency/internal/geo"
	"residency/internal/geo/score"
	"residency/internal/policy"
	"residency/internal/residency"
)

// field is who takes part in a benchmark: each source by itself, the fusion,
// the verdict that follows, and if wanted other rules of fusion.
type field struct {
	evidence *evidence
	regions  residency.Countries
	at       time.Time
	leaveOut bool

	names    []string
	speakers []residency.Dataset // data sets that name countries, in order
	rules    []rule
	claim    residency.Claim
	locators map[string]*geo.Locator // by the provider whose list is withheld
	loc      residency.Location
}

// rule is another way to make a set of countries out of the same voices.
type rule struct {
	name   string
	decide func([]residency.Voice) residency.Countries
}

func newField(ev *evidence, regions residency.Countries, at time.Time, f benchFlags) *field {
	d := &field{evidence: ev, regions: regions, at: at, leaveOut: f.leaveOut, locators: map[string]*geo.Locator{}}
	d.claim.Regions.Countries = regions
	for _, set := range ev.datasets {
		if set.Class == residency.ClassDatabase || ownWord(set) {
			d.speakers = append(d.speakers, set)
			name := set.Lineage
			if slices.Contains(d.names, name) {
				name = set.Name
			}
			d.names = append(d.names, name)
		}
	}
	d.names = append(d.names, "fusion", "verdict")
	if f.rules {
		d.rules = otherRules()
		for _, r := range d.rules {
			d.names = append(d.names, r.name)
		}
	}
	return d
}

// ownWord reports whether a data set is a holder's word about its addresses.
func ownWord(d residency.Dataset) bool {
	return d.Class == residency.ClassProvider || d.Class == residency.ClassGeofeed
}

// otherRules are those that the rule in use was chosen from.
func otherRules() []rule {
	agreeing := func(n int) func([]residency.Voice) residency.Countries {
		return func(v []residency.Voice) residency.Countries {
			set, _ := geo.Decide(v, n)
			return set
		}
	}
	return []rule{
		{"rule: holder alone decides", agreeing(0)},
		{"rule: one agrees (in use while the list is young)", agreeing(1)},
		{"rule: two agree (in use when it is old)", agreeing(2)},
		{"rule: union of all", agreeing(len(residency.Countries{}) * 64)},
		{"rule: majority", majority},
	}
}

// majority is the set that most voices name; nothing when two sets tie.
func majority(voices []residency.Voice) residency.Countries {
	var best residency.Countries
	most, tie := 0, false
	for _, v := range voices {
		n := 0
		for _, u := range voices {
			if u.Countries == v.Countries {
				n++
			}
		}
		switch {
		case n > most:
			best, most, tie = v.Countries, n, false
		case n == most && v.Countries != best:
			tie = true
		}
	}
	if tie {
		return residency.Countries{}
	}
	return best
}

func (d *field) contestants() score.Contestants {
	return score.Contestants{Names: d.names, Answer: d.answer}
}

func (d *field) answer(addr netip.Addr, provider string, into []score.Answer) {
	d.locator(provider).LocateInto(&d.loc, addr, d.at)
	set := func(i int, c residency.Countries) {
		into[i] = score.Answer{Countries: c, Side: score.SideOf(c, d.regions)}
	}
	for i, s := range d.speakers {
		set(i, d.said(s))
	}
	i := len(d.speakers)
	set(i, d.loc.Countries)
	into[i+1] = score.Answer{Countries: d.loc.Countries, Side: policy.Place(d.claim, residency.RoleOrigin, 0, d.loc).Side}
	for j, r := range d.rules {
		if d.loc.Veto == "" {
			set(i+2+j, r.decide(d.loc.Voices))
		}
	}
}

// said is what one data set says of the address just located.
func (d *field) said(s residency.Dataset) residency.Countries {
	var set residency.Countries
	for i := range d.loc.Assertions {
		a := &d.loc.Assertions[i]
		if a.Dataset.Name == s.Name && a.Dataset.SHA256 == s.SHA256 && a.Class == s.Class {
			set = set.Union(a.In)
		}
	}
	return set
}

// locator has every source, but for the provider's own words if they are to be
// withheld. Lists of shared networks stay: they name no country.
func (d *field) locator(provider string) *geo.Locator {
	if !d.leaveOut || provider == "" {
		return d.evidence.locator
	}
	if l, ok := d.locators[provider]; ok {
		return l
	}
	l := *d.evidence.locator
	l.Sources = slices.DeleteFunc(slices.Clone(l.Sources), func(s geo.Source) bool {
		known, ok := s.(source)
		return ok && ownWord(known.Dataset()) && known.Dataset().Lineage == provider
	})
	d.locators[provider] = &l
	return &l
}
