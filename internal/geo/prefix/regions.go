package prefix

import (
	_ "embed"
	"slices"
	"strings"

	"residency/internal/residency"
)

// regionsTSV is the table of provider regions, made by the generator of package
// dataset: id, country, city, latitude, longitude, source; "#" begins a comment.
//
//go:embed regions.tsv
var regionsTSV string

// addedTSV has the same columns and is kept by hand: regions that the first
// table lacks, and other names of regions, whose second column is "=" and the
// name that everybody else uses.
//
//go:embed regions-added.tsv
var addedTSV string

// Regions returns every provider region whose place is known, in the order of
// the ids, such as {"aws:ap-southeast-1", SG}. AWS regions are network border
// groups; the group with a region's own name is the region proper. Azure's are
// by the names of its resource manager.
func Regions() []residency.ProviderRegion {
	var list []residency.ProviderRegion
	for row := range regionRows {
		if country, ok := residency.ParseCountry(row[1]); ok {
			list = append(list, residency.ProviderRegion{ID: row[0], Country: country})
		}
	}
	slices.SortFunc(list, func(a, b residency.ProviderRegion) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// regionRows yields the columns of both tables.
func regionRows(yield func([]string) bool) {
	for _, table := range []string{regionsTSV, addedTSV} {
		for line := range strings.Lines(table) {
			fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if strings.HasPrefix(line, "#") || len(fields) < 6 {
				continue
			}
			if !yield(fields) {
				return
			}
		}
	}
}

// regionTable answers for ids of regions.
type regionTable struct {
	countries map[string]residency.Country
	aliases   map[string]string  // to the id that Regions has
	cities    map[cityKey]string // the id, "" where a city has several
}

type cityKey struct {
	provider, city string
	country        residency.Country
}

func readRegionTable() regionTable {
	t := regionTable{map[string]residency.Country{}, map[string]string{}, map[cityKey]string{}}
	for row := range regionRows {
		id, where, city := row[0], row[1], row[2]
		if main, ok := strings.CutPrefix(where, "="); ok {
			t.aliases[id] = main
			continue
		}
		country, ok := residency.ParseCountry(where)
		if !ok {
			continue
		}
		t.countries[id] = country
		provider, _, _ := strings.Cut(id, ":")
		key := cityKey{provider, strings.ToLower(city), country}
		if _, several := t.cities[key]; several {
			id = ""
		}
		t.cities[key] = id
	}
	return t
}

func (t regionTable) knows(id string) bool { return t.countries[id].Known() }

// inCity returns the id of the only region that a provider has in a city.
func (t regionTable) inCity(provider string, in residency.Countries, city string) string {
	if city == "" || in.Len() != 1 {
		return ""
	}
	return t.cities[cityKey{provider, strings.ToLower(city), in.Only()}]
}
