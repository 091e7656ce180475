package prefix

import (
	"fmt"
	"net/netip"
	"strings"

	"residency/internal/residency"
)

// ReadVetoes reads a list of networks that are in no one place: one prefix a
// line, and after a comma, if the list has it, whose it is. Empty lines and
// lines that begin with "#" are comments. The class of the identity is
// residency.ClassEdge or residency.ClassAnycast, and its lineage the name of the
// source. The list is refused as a whole when a line cannot be understood: the
// missing veto would let a place be named. Nested and repeated prefixes are
// kept as the longest match finds them.
func ReadVetoes(data []byte, identity residency.Dataset) (*Source, error) {
	if identity.Class != residency.ClassEdge && identity.Class != residency.ClassAnycast {
		return nil, fmt.Errorf("read vetoes %s: class %q does not veto", identity.Name, identity.Class)
	}
	s := &Source{name: identity.Lineage, dataset: identity}
	notes := map[string]string{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		text, owner, _ := strings.Cut(line, ",")
		p, err := parsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("read vetoes %s: line %d: %w", identity.Name, n, err)
		}
		if bogon(p) {
			s.skipped++
			continue
		}
		note, ok := notes[owner]
		if !ok {
			note = vetoNote(identity.Class, owner)
			notes[owner] = note
		}
		s.table.Insert(p, s.veto(p, note))
	}
	if s.table.Size() == 0 {
		return nil, fmt.Errorf("read vetoes %s: no prefixes in it", identity.Name)
	}
	s.dataset.Records = s.table.Size()
	return s, nil
}

func (s *Source) veto(p netip.Prefix, note string) []residency.Assertion {
	return []residency.Assertion{{
		Source: s.name, Class: s.dataset.Class, Lineage: s.dataset.Lineage, Prefix: p, Note: note, Dataset: &s.dataset,
	}}
}

func vetoNote(class residency.Class, owner string) string {
	switch {
	case class == residency.ClassEdge && owner != "":
		return "shared edge of " + owner
	case class == residency.ClassEdge:
		return "shared edge"
	}
	return "announced from many places at once"
}

// Prefixes returns the prefixes of the source, in order.
func (s *Source) Prefixes() []netip.Prefix {
	list := make([]netip.Prefix, 0, s.table.Size())
	for p := range s.table.AllSorted() {
		list = append(list, p)
	}
	return list
}
