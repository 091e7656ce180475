// Package policy decides. From what was seen and where it is, it works out the
// side of every address, the verdict of every cell and the standing of every
// claim.
//
// Everything here is pure: values and a time in, a value out. The same inputs
// give the same verdict for ever, so that an auditor can judge again.
//
// The rules lean one way. Nothing that is lost, late or missing can make a
// verdict better: a lost need, a silent resolver, a missing source or one
// voice alone is never inside. What the package does not do: it does not look,
// locate, remember or tell, and it never says that a vendor complies.
package policy

import (
	"residency/internal/residency"
)

// terms are the places one claim approves for one endpoint in one market.
type terms struct {
	approved residency.Countries // whole countries
	partial  residency.Countries // countries of which only named provider regions are approved
	regions  residency.Regions
	edges    residency.Regions // provider regions approved for a declared CDN besides
	floor    residency.Grade
	cdn      bool
}

// termsOf works out what the claim approves. A declared CDN may also stand in
// the market's own country and in the claim's cdn_regions. A never country is
// approved by nothing.
func termsOf(c residency.Claim, role residency.Role, market residency.Country) terms {
	t := terms{regions: c.Regions, floor: c.Floor, cdn: role == residency.RoleCDN}
	if t.floor == residency.GradeNone {
		t.floor = residency.Corroborated
	}
	t.approved = c.Regions.Countries
	if c.Regions.Any {
		t.approved = residency.EveryCountry()
	}
	if t.cdn {
		t.edges = c.CDNRegions
		t.approved = t.approved.Union(c.CDNRegions.Countries).With(market)
		if c.CDNRegions.Any {
			t.approved = residency.EveryCountry()
		}
	}
	t.approved = t.approved.Minus(c.Never)
	for _, list := range [][]residency.ProviderRegion{t.regions.Providers, t.edges.Providers} {
		for _, p := range list {
			t.partial = t.partial.With(p.Country)
		}
	}
	t.partial = t.partial.Minus(t.approved).Minus(c.Never)
	return t
}

// possible returns every country in which an approved place lies.
func (t terms) possible() residency.Countries { return t.approved.Union(t.partial) }

// names reports whether the claim approves the provider region by name.
func (t terms) names(region string) bool {
	return region != "" && (t.regions.Names(region) || t.edges.Names(region))
}
