package geo

import (
	"slices"

	"residency/internal/residency"
)

// Changed is what a location would be if one source had said nothing.
type Changed struct {
	Source   string
	Location residency.Location
}

// Without leaves out one source after the other, in the order in which they
// spoke, and returns those without which the location would have other
// countries, another rule that decides or another veto: the ones it rests on.
func Without(loc residency.Location) []Changed {
	var list []Changed
	var tried []string
	for _, a := range loc.Assertions {
		if slices.Contains(tried, a.Source) {
			continue
		}
		tried = append(tried, a.Source)
		rest := slices.DeleteFunc(slices.Clone(loc.Assertions), func(b residency.Assertion) bool { return b.Source == a.Source })
		other := Fuse(loc.Address, rest)
		other.Missing = loc.Missing
		if other.Countries != loc.Countries || other.Decision != loc.Decision || other.Veto != loc.Veto {
			list = append(list, Changed{a.Source, other})
		}
	}
	return list
}
