package residency

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/bits"
	"strings"
)

// Country is a place with an ISO 3166-1 code. HK, MO, TW and CN are four
// places. The zero Country is "not known". A Country can hold no code outside
// the standard (and XK), so "XX", "EU" or "SGP" in a database can never travel
// further than the package that read it.
type Country uint8

// ParseCountry returns the country with the given alpha-2 code, which must be
// exactly two upper-case letters. The exceptionally reserved codes UK and EU
// are refused: the standard's code is GB, and EU is no country.
func ParseCountry(code string) (Country, bool) {
	if len(code) != 2 {
		return 0, false
	}
	i, j := code[0]-'A', code[1]-'A' // below 'A' wraps round to a large number
	if i >= letters || j >= letters {
		return 0, false
	}
	c := byCode[i][j]
	return c, c != 0
}

const letters = 'Z' - 'A' + 1

// byCode is isoTable by the letters of the alpha-2 code: millions of addresses
// are located at a time, and each source names its country by such a code.
var byCode = indexCodes()

func indexCodes() (index [letters][letters]Country) {
	for c := range AllCountries() {
		code := c.String()
		index[code[0]-'A'][code[1]-'A'] = c
	}
	return index
}

// MustCountry is ParseCountry for codes written in this program; it panics on
// any other.
func MustCountry(code string) Country {
	c, ok := ParseCountry(code)
	if !ok {
		panic("residency: no such country: " + code)
	}
	return c
}

// AllCountries yields every country in the order of its code.
func AllCountries() iter.Seq[Country] {
	return func(yield func(Country) bool) {
		for i := 1; i < len(isoTable); i++ {
			if !yield(Country(i)) {
				return
			}
		}
	}
}

// Known reports whether c is a country at all.
func (c Country) Known() bool { return c != 0 && int(c) < len(isoTable) }

// String returns the alpha-2 code, or "" for the zero Country.
func (c Country) String() string {
	if !c.Known() {
		return ""
	}
	return isoTable[c].alpha2
}

// Name returns the English short name, or "unknown".
func (c Country) Name() string {
	if !c.Known() {
		return "unknown"
	}
	return isoTable[c].name
}

// Alpha3 returns the alpha-3 code, or "". Nothing reads alpha-3 codes; it is
// for recognising them in what people write, to say what is meant.
func (c Country) Alpha3() string {
	if !c.Known() {
		return ""
	}
	return isoTable[c].alpha3
}

// Numeric returns the three-digit UN M49 code, or "".
func (c Country) Numeric() string {
	if !c.Known() {
		return ""
	}
	return isoTable[c].numeric
}

// MarshalText writes the alpha-2 code.
func (c Country) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads an alpha-2 code; an empty text is the zero Country.
func (c *Country) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = 0
		return nil
	}
	v, ok := ParseCountry(string(text))
	if !ok {
		return fmt.Errorf("%q is no ISO 3166-1 country code", text)
	}
	*c = v
	return nil
}

// Countries is a set of countries. The zero value is the empty set, which for
// a location means "not known". Sets compare with ==.
type Countries [4]uint64

// CountriesOf returns the set of the given countries; unknown ones are left out.
func CountriesOf(list ...Country) Countries {
	var s Countries
	for _, c := range list {
		s = s.With(c)
	}
	return s
}

// EveryCountry returns the set of all countries.
func EveryCountry() Countries {
	var s Countries
	for c := range AllCountries() {
		s = s.With(c)
	}
	return s
}

// With returns s with c added. The unknown country adds nothing.
func (s Countries) With(c Country) Countries {
	if c.Known() {
		s[c>>6] |= 1 << (c & 63)
	}
	return s
}

// Has reports whether c is in s.
func (s Countries) Has(c Country) bool { return c.Known() && s[c>>6]&(1<<(c&63)) != 0 }

// Empty reports whether s has no country.
func (s Countries) Empty() bool { return s[0]|s[1]|s[2]|s[3] == 0 }

// Len returns how many countries s has.
func (s Countries) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Union returns the countries in s or t.
func (s Countries) Union(t Countries) Countries {
	return Countries{s[0] | t[0], s[1] | t[1], s[2] | t[2], s[3] | t[3]}
}

// Intersect returns the countries in s and t.
func (s Countries) Intersect(t Countries) Countries {
	return Countries{s[0] & t[0], s[1] & t[1], s[2] & t[2], s[3] & t[3]}
}

// Minus returns the countries in s and not in t.
func (s Countries) Minus(t Countries) Countries {
	return Countries{s[0] &^ t[0], s[1] &^ t[1], s[2] &^ t[2], s[3] &^ t[3]}
}

// SubsetOf reports whether every country of s is in t.
func (s Countries) SubsetOf(t Countries) bool {
	return s[0]&^t[0]|s[1]&^t[1]|s[2]&^t[2]|s[3]&^t[3] == 0
}

// Overlaps reports whether s and t have a country in common.
func (s Countries) Overlaps(t Countries) bool {
	return s[0]&t[0]|s[1]&t[1]|s[2]&t[2]|s[3]&t[3] != 0
}

// Only returns the one country of a set of one, else the zero Country.
func (s Countries) Only() Country {
	if s.Len() != 1 {
		return 0
	}
	for c := range s.All() {
		return c
	}
	return 0
}

// All yields the countries of s in the order of their codes.
func (s Countries) All() iter.Seq[Country] {
	return func(yield func(Country) bool) {
		for i, w := range s {
			for w != 0 {
				b := bits.TrailingZeros64(w)
				w &^= 1 << b
				if !yield(Country(i*64 + b)) {
					return
				}
			}
		}
	}
}

// Codes returns the codes in order; never nil, so that JSON has [] and not null.
func (s Countries) Codes() []string {
	codes := make([]string, 0, s.Len())
	for c := range s.All() {
		codes = append(codes, c.String())
	}
	return codes
}

// String returns the codes in order, joined by "|"; "" for the empty set.
func (s Countries) String() string { return strings.Join(s.Codes(), "|") }

// MarshalJSON writes the codes as an array in order.
func (s Countries) MarshalJSON() ([]byte, error) { return json.Marshal(s.Codes()) }

// UnmarshalJSON reads an array of codes.
func (s *Countries) UnmarshalJSON(data []byte) error {
	var list []Country
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*s = CountriesOf(list...)
	return nil
}
