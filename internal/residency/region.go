package residency

import "strings"

// ProviderRegion is one region of a cloud provider, such as
// "aws:ap-southeast-1", and the country it lies in.
type ProviderRegion struct {
	ID      string  // provider, ":" and the provider's own name of the region
	Country Country // where the region's data centres stand
}

// Regions is a set of places as a claim names it, with named sets expanded.
// A provider region is narrower than its country: it approves addresses that
// the provider's own list puts there, and no others of that country.
type Regions struct {
	Written   []string         // as the configuration has it, for people
	Any       bool             // "*": anywhere but the claim's never countries
	Countries Countries        // whole countries
	Providers []ProviderRegion // single provider regions
}

// Empty reports whether r names no place.
func (r Regions) Empty() bool {
	return !r.Any && r.Countries.Empty() && len(r.Providers) == 0
}

// Possible returns every country in which an approved place lies.
func (r Regions) Possible() Countries {
	if r.Any {
		return EveryCountry()
	}
	s := r.Countries
	for _, p := range r.Providers {
		s = s.With(p.Country)
	}
	return s
}

// Names reports whether the provider region id is named in r.
func (r Regions) Names(id string) bool {
	for _, p := range r.Providers {
		if p.ID == id {
			return true
		}
	}
	return false
}

// String returns the regions as written, comma-separated.
func (r Regions) String() string { return strings.Join(r.Written, ", ") }
