package prefix

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"residency/internal/residency"
)

// list gathers the entries of a list until its table can be made. Entries of
// one prefix are joined.
type list struct {
	source   *Source
	provider string // which region ids begin with: "aws"
	table    regionTable
	entries  map[netip.Prefix]*entry
	headed   bool // the first line may be one of names
}

// entry is everything a list says of one prefix.
type entry struct {
	regions []string            // without the provider, in order of appearance
	in      residency.Countries // named without a region
	note    string              // a city, or why nothing is said
	global  string              // a veto for addresses whose longest match this is
	edge    string              // a veto for everything under the prefix
}

// group is what makes two entries say the same.
type group struct {
	regions, note, veto string
	in                  residency.Countries
}

// newList makes an empty list; the region table is read for a provider's only.
func newList(name, provider string) *list {
	l := &list{
		source:   &Source{name: name, unknown: map[string]int{}},
		provider: provider,
		entries:  map[netip.Prefix]*entry{},
	}
	if provider != "" {
		l.table = readRegionTable()
	}
	return l
}

// at returns the entry of a prefix. What is no part of the public internet is
// skipped and counted, and gets an entry that is thrown away.
func (l *list) at(line int, p netip.Prefix) *entry {
	if bogon(p) {
		l.source.skip(line, p.String(), NotPublic)
		return &entry{}
	}
	e := l.entries[p]
	if e == nil {
		e = &entry{}
		l.entries[p] = e
	}
	return e
}

// parse returns the entry of the prefix in a text. Its error says where.
func (l *list) parse(n int, text string) (*entry, error) {
	p, err := parsePrefix(text)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", n, err)
	}
	return l.at(n, p), nil
}

// id returns the id of a region that the list calls by this name.
func (l *list) id(name string) string {
	id := name // a list of one's own has whole ids
	if !strings.Contains(name, ":") {
		id = l.provider + ":" + name
	}
	if main, ok := l.table.aliases[id]; ok {
		return main
	}
	return id
}

// region adds a region by the provider's own name for it.
func (e *entry) region(name string) {
	if !slices.Contains(e.regions, name) {
		e.regions = append(e.regions, name)
	}
}

// country adds a country that is named without a region.
func (e *entry) country(in residency.Countries, note string) {
	if e.in.Empty() {
		e.note = "" // why nothing was said
	}
	e.in = e.in.Union(in)
	if note != "" && !strings.Contains(e.note, note) {
		if e.note != "" {
			note = e.note + ", " + note
		}
		e.note = clip(note)
	}
}

// city adds what a list in geofeed form says. Such a list names no region; the
// one region that the provider has in that city is it, where the region table
// knows of one and no more. A city with several, or none, is only its country.
func (l *list) city(e *entry, in residency.Countries, city string) {
	if id := l.table.inCity(l.provider, in, city); id != "" {
		e.region(id)
		return
	}
	e.country(in, city)
}

// finish makes the table.
func (l *list) finish(identity residency.Dataset) (*Source, error) {
	s := l.source
	s.dataset = identity
	if len(l.entries) == 0 {
		return nil, errors.New("no prefixes in it")
	}
	s.dataset.Records = len(l.entries)
	edges := l.edges()
	groups := map[group]uint32{}
	for p, e := range l.entries {
		veto := edges.over(p)
		if veto == "" {
			veto = e.global
		}
		for _, name := range e.regions {
			if id := l.id(name); !l.table.knows(id) {
				s.unknown[id]++
			}
		}
		g := group{strings.Join(e.regions, "\n"), e.note, veto, e.in}
		n, ok := groups[g]
		if !ok {
			n = uint32(len(s.groups))
			groups[g] = n
			s.groups = append(s.groups, l.say(e, veto))
		}
		s.table.Insert(p, match{n, uint8(p.Bits())})
	}
	return s, nil
}

// say returns what an entry says: a veto first, then each region, then the
// countries without a region. An entry with nothing of that says that nothing
// is known, so that no shorter prefix speaks in its place.
func (l *list) say(e *entry, veto string) []residency.Assertion {
	d := &l.source.dataset
	base := residency.Assertion{Source: l.source.name, Class: d.Class, Lineage: d.Lineage, Dataset: d}
	var said []residency.Assertion
	if veto != "" {
		a := base
		a.Class, a.Note = vetoClass(d.Class), veto
		said = append(said, a)
	}
	for _, name := range e.regions {
		a := base
		if a.Region = l.id(name); l.table.knows(a.Region) {
			a.In = residency.CountriesOf(l.table.countries[a.Region])
		} else {
			a.Note = "the place of this region is not known"
		}
		said = append(said, a)
	}
	if !e.in.Empty() || len(said) == 0 {
		a := base
		a.In, a.Note = e.in, e.note
		said = append(said, a)
	}
	return said
}

// vetoClass is the class of a veto in a list of the class: an anycast list
// knows anycast, every other one edges.
func vetoClass(c residency.Class) residency.Class {
	if c == residency.ClassAnycast {
		return c
	}
	return residency.ClassEdge
}

// edges is the edges of a list, to be found from the prefixes under them.
type edges struct {
	notes   map[netip.Prefix]string
	lengths [129]bool
}

func (l *list) edges() *edges {
	out := &edges{notes: map[netip.Prefix]string{}}
	for p, e := range l.entries {
		if e.edge != "" {
			out.notes[p], out.lengths[p.Bits()] = e.edge, true
		}
	}
	return out
}

// over returns the note of the edge that is p or a shorter prefix around it.
func (e *edges) over(p netip.Prefix) string {
	for n := p.Bits(); n >= 0 && len(e.notes) > 0; n-- {
		if !e.lengths[n] {
			continue
		}
		if note := e.notes[netip.PrefixFrom(p.Addr(), n).Masked()]; note != "" {
			return note
		}
	}
	return ""
}
