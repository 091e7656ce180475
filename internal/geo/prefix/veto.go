package prefix

import (
	"fmt"
	"strings"
	"time"

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
	note := "" // whose it is, by line
	if identity.Class == residency.ClassAnycast {
		note = noteAnycast
	}
	l := newList(identity.Lineage, "")
	err := l.vetoes(file{name: identity.Name, data: data}, note)
	if err == nil {
		var s *Source
		if s, err = l.finish(identity); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("read vetoes %s: %w", identity.Name, err)
}

// OwnAnycast is the lineage of an anycast list of the user's. It is another than
// that of the list which the program carries, so that it never takes its place:
// a veto less could put an address somewhere.
const OwnAnycast = "own-anycast"

// OpenAnycast reads a list of networks that are announced from many places at
// once, a line "prefix" or "prefix,address that answered" for each. It is taken
// as it stands: an aggregate with one anycast address in it vetoes all of it.
// It tells no date; built is zero if it is not known.
func OpenAnycast(path string, built time.Time) (*Source, error) {
	f, err := openFile(path, built)
	if err != nil {
		return nil, err
	}
	return readAnycast(f)
}

// ReadAnycast reads such a list from memory; see Read for name and changed.
func ReadAnycast(data []byte, name string, changed time.Time) (*Source, error) {
	return readAnycast(file{name, changed, data})
}

func readAnycast(f file) (*Source, error) {
	l := newList("anycast", "")
	err := l.vetoes(f, noteAnycast)
	if err == nil {
		var s *Source
		if s, err = l.finish(f.identity(OwnAnycast, residency.ClassAnycast, time.Time{}, "")); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("read anycast list %s: %w", f.name, err)
}

const noteAnycast = "announced from many places at once"

// vetoes reads lines of prefixes. Without a note, that of a line is whose it is.
func (l *list) vetoes(f file, note string) error {
	text, err := f.text()
	if err != nil && err != errEmpty {
		return err
	}
	n := 0
	for line := range lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		text, owner, _ := strings.Cut(line, ",")
		p, err := parsePrefix(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		why := note
		if why == "" {
			why = edgeNote(strings.TrimSpace(owner))
		}
		l.at(n, p).global = why
	}
	return nil
}

func edgeNote(owner string) string {
	if owner == "" {
		return "shared edge"
	}
	return "shared edge of " + owner
}
