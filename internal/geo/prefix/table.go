// Package prefix says where an address is by published lists of prefixes:
//
//   - what cloud providers say of their own ranges (Open, Providers), with the
//     edges that many customers share as vetoes,
//   - geofeeds of the holders (OpenGeofeed, RFC 8805),
//   - the delegations of the registries (OpenRegistry), which have no voice,
//   - networks that are in no one place (ReadVetoes, OpenAnycast), which veto,
//   - what the user declares (Corrections).
//
// The longest matching prefix of a list speaks:
//
//	aws, err := prefix.Open("ip-ranges.json", "aws")
//	said = aws.Assert(addr, said)
//
// It does not download anything, and it never guesses: a region that the
// region table does not know gives an assertion without a country, and is
// counted (UnknownRegions). Sources may be used by many goroutines.
package prefix

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"

	"residency/internal/residency"
)

// Source is one list of prefixes.
type Source struct {
	name    string
	dataset residency.Dataset
	table   bart.Table[match]
	groups  [][]residency.Assertion // what is said; the prefix is set at the look-up
	unknown map[string]int
	skips   []Skip
	skipped int
}

// match is what the table has for a prefix. Tens of thousands of prefixes share
// a few hundred groups, so that a list costs eight bytes a prefix and the tree.
type match struct {
	group uint32
	bits  uint8
}

// Name returns the short name of the source.
func (s *Source) Name() string { return s.name }

// Dataset returns the identity of the list.
func (s *Source) Dataset() residency.Dataset { return s.dataset }

// Assert appends what the list says about addr by its longest matching prefix.
func (s *Source) Assert(addr netip.Addr, into []residency.Assertion) []residency.Assertion {
	m, ok := s.table.Lookup(addr)
	if !ok {
		return into
	}
	p, err := addr.Prefix(int(m.bits))
	if err != nil {
		return into // an address with a zone, which no list has
	}
	n := len(into)
	into = append(into, s.groups[m.group]...)
	for i := n; i < len(into); i++ {
		into[i].Prefix = p
	}
	return into
}

// Prefixes returns the prefixes of the source, in order.
func (s *Source) Prefixes() []netip.Prefix {
	list := make([]netip.Prefix, 0, s.table.Size())
	for p := range s.table.AllSorted() {
		list = append(list, p)
	}
	return list
}

// Skip is an entry of a list that is not used as it stands there.
type Skip struct {
	Line  int    // the line; in JSON, which has none of meaning, the number of the entry
	Entry string // the start of it
	Why   string
}

// maxSkips is how many entries that are not used a source remembers.
const maxSkips = 100

// Skipped returns how many entries of the list are not used as they stand
// there: no part of the public internet, repeated with another meaning, or, in
// lists that are read line by line, not understood.
func (s *Source) Skipped() int { return s.skipped }

// Skips returns the first hundred entries that are not used, and why.
func (s *Source) Skips() []Skip { return slices.Clone(s.skips) }

// UnknownRegion is a region of a list whose place is not known.
type UnknownRegion struct {
	ID       string
	Prefixes int
}

// UnknownRegions returns the regions of the list that are not in the region
// table, by id. Their prefixes are kept and say nothing of a country.
func (s *Source) UnknownRegions() []UnknownRegion {
	var list []UnknownRegion
	for _, id := range slices.Sorted(maps.Keys(s.unknown)) {
		list = append(list, UnknownRegion{id, s.unknown[id]})
	}
	return list
}

func (s *Source) skip(line int, entry, why string) {
	s.skipped++
	if len(s.skips) < maxSkips {
		s.skips = append(s.skips, Skip{line, clip(entry), why})
	}
}

// clip shortens an entry for a message.
func clip(entry string) string {
	const most = 60
	if len(entry) > most {
		entry = entry[:most] + "..."
	}
	return strings.ToValidUTF8(entry, "?")
}
