package prefix

import (
	_ "embed"
	"fmt"
	"strings"

	"residency/internal/residency"
)

// subdivisionsTSV has the subdivisions (ISO 3166-2) that are a place with a
// country code of their own: subdivision, country, source.
//
//go:embed subdivisions.tsv
var subdivisionsTSV string

// subdivisions maps those subdivisions to their own country codes.
type subdivisions map[string]residency.Country

func readSubdivisions() subdivisions {
	m := subdivisions{}
	for line := range strings.Lines(subdivisionsTSV) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(fields) < 2 {
			continue
		}
		if c, ok := residency.ParseCountry(fields[1]); ok {
			m[fields[0]] = c
		}
	}
	return m
}

// notPlaced is the user-assigned code that feeds have used for "do not locate"
// (RFC 8805 section 2.1.2).
const notPlaced = "ZZ"

// place returns the country that a country code and a subdivision code mean
// together. Hong Kong is a place of its own, also where it is written CN,CN-HK.
// The empty set means that the holder does not want it located; what
// contradicts itself or is no code is an error. Letter case does not matter.
func (m subdivisions) place(country, subdivision string) (residency.Countries, error) {
	country = strings.ToUpper(strings.TrimSpace(country))
	subdivision = strings.ToUpper(strings.TrimSpace(subdivision))
	of, rest, dash := strings.Cut(subdivision, "-")
	if subdivision != "" && (!dash || len(of) != 2 || len(rest) == 0 || len(rest) > 3) {
		return residency.Countries{}, fmt.Errorf("%q is no subdivision such as US-CA", clip(subdivision))
	}
	if country == notPlaced || country == "" && subdivision == "" {
		return residency.Countries{}, nil
	}
	if country == "" {
		country = of
	}
	c, ok := residency.ParseCountry(country)
	if !ok {
		return residency.Countries{}, fmt.Errorf("%q is no country code", clip(country))
	}
	own, special := m[subdivision]
	switch {
	case special && (c == own || country == of):
		return residency.CountriesOf(own), nil
	case subdivision != "" && country != of:
		return residency.Countries{}, fmt.Errorf("%s is no part of %s", clip(subdivision), country)
	}
	return residency.CountriesOf(c), nil
}
