package main

import "slices"

// named are the countries that places without an M49 number of their own can
// be called by one source or another. A place counts for every one of them:
// so it takes none of them to be farther away than it may be.
var named = map[string][]string{
	"Akrotiri":                {"196", "826"},
	"Baikonur":                {"398", "643"},
	"Bajo Nuevo Bank":         {"170", "388"},
	"Clipperton I.":           {"250"},
	"Coral Sea Is.":           {"036"},
	"Cyprus U.N. Buffer Zone": {"196"},
	"Dhekelia":                {"196", "826"},
	"Indian Ocean Ter.":       {"036"},
	"Kosovo":                  {"983", "688"},
	"N. Cyprus":               {"196", "792"},
	"Scarborough Reef":        {"156", "158", "608"},
	"Serranilla Bank":         {"170"},
	"Siachen Glacier":         {"156", "356", "586"},
	"Somaliland":              {"706"},
	"Spratly Is.":             {"096", "156", "158", "458", "608", "704"},
	"USNB Guantanamo Bay":     {"192", "840"},
}

// also are numbered places that can be called by another country's name too:
// disputed ones, and Åland, which is Finland to most sources.
var also = map[string][]string{
	"248": {"246"}, // Åland: Finland
	"275": {"376"}, // Palestine: Israel
	"732": {"504"}, // Western Sahara: Morocco
}

// place is a box in which the rings of one country are another's as well.
type place struct {
	of, code                 string // drawn as a part of; also
	west, south, east, north float64
}

// places are drawn as parts of another country, but have a code of their own;
// or are claimed by another.
var places = []place{
	{"250", "254", -55, 1, -51, 7},            // French Guiana
	{"250", "312", -62.2, 15.6, -60.8, 16.8},  // Guadeloupe
	{"250", "474", -61.5, 14.2, -60.6, 15.1},  // Martinique
	{"250", "638", 54.5, -22, 56.5, -20},      // Réunion
	{"250", "175", 44.5, -13.5, 45.8, -12},    // Mayotte
	{"578", "744", 5, 74, 38, 82},             // Svalbard
	{"578", "744", -10, 70.5, -7, 71.5},       // Jan Mayen
	{"578", "074", 2, -55.5, 4.5, -53.5},      // Bouvet Island
	{"528", "535", -69, 11.5, -67.8, 12.7},    // Bonaire
	{"528", "535", -63.5, 17.2, -62.7, 17.9},  // Saba, Sint Eustatius
	{"554", "772", -173.5, -10.2, -170.5, -8}, // Tokelau
	{"", "162", 105, -11, 106, -10},           // Christmas Island
	{"", "166", 96, -13, 97.5, -11.5},         // Cocos Islands
	{"643", "804", 32, 44, 36.8, 46.4},        // Crimea
	{"643", "392", 145, 43.2, 149, 45.7},      // the southern Kuril Islands
}

// ownersOf returns every country that a polygon of the feature counts for.
func (a *atlas) ownersOf(f feature, outer []point) []string {
	owners := slices.Clone(named[f.name])
	if f.id != "" {
		owners = append(owners, f.id)
	}
	owners = append(owners, also[f.id]...)
	for i, p := range places {
		if p.of == f.id && p.holds(outer) {
			owners, a.used[i] = append(owners, p.code), true
		}
	}
	return owners
}

func (p place) holds(ring []point) bool {
	return !slices.ContainsFunc(ring, func(q point) bool {
		return q[0] < p.west || q[0] > p.east || q[1] < p.south || q[1] > p.north
	})
}
