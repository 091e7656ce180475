package prefix

import (
	_ "embed"
	"strings"

	"residency/internal/residency"
)

// regionsTSV is the table of provider regions, made by the generator of package
// dataset: id, country, city, latitude, longitude, source; "#" begins a comment.
//
//go:embed regions.tsv
var regionsTSV string

// Regions returns every provider region whose place is known, in the order of
// the ids, such as {"aws:ap-southeast-1", SG}. AWS regions are network border
// groups; the group with a region's own name is the region proper.
func Regions() []residency.ProviderRegion {
	var list []residency.ProviderRegion
	for line := range strings.Lines(regionsTSV) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) < 2 || strings.HasPrefix(line, "#") {
			continue
		}
		if country, ok := residency.ParseCountry(fields[1]); ok {
			list = append(list, residency.ProviderRegion{ID: fields[0], Country: country})
		}
	}
	return list
}

// places returns the country of each region id.
func places() map[string]residency.Country {
	m := map[string]residency.Country{}
	for _, r := range Regions() {
		m[r.ID] = r.Country
	}
	return m
}
