package prefix

import (
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"residency/internal/residency"
)

// Holder is the lineage of geofeeds: whoever holds the addresses, which is one
// voice with the provider's own ranges.
const Holder = "holder"

// OpenGeofeed reads a geofeed, the holder's own word (RFC 8805). Lines that
// cannot be used are left out and counted (Skips has their numbers):
//
//   - A line whose prefix can be read and whose place cannot, or that has host
//     bits set, silences the prefix: no shorter one speaks in its place.
//   - A prefix given twice is an error by the RFC (section 2.1.3). The same
//     place twice is one; of two places both are possible.
//   - Without any place, or with ZZ, the holder wants it not located (section
//     2.1.2), and nothing is said of it.
//   - What is no network of the public internet, 0.0.0.0/0 too, is skipped.
//
// The longest prefix wins. A feed tells no date: a comment with the word
// "modified", "updated" or "generated" and a date is taken for it, else it is
// built, if that is not zero. A feed without one good line is an error.
func OpenGeofeed(path string, built time.Time) (*Source, error) {
	f, err := openFile(path, built)
	if err != nil {
		return nil, err
	}
	return readGeofeed(f)
}

// ReadGeofeed reads a geofeed from memory; see Read for name and changed.
func ReadGeofeed(data []byte, name string, changed time.Time) (*Source, error) {
	return readGeofeed(file{name, changed, data})
}

func readGeofeed(f file) (*Source, error) {
	l := newList("geofeed", "")
	built, err := readFeed(l, f)
	if err == nil {
		var s *Source
		if s, err = l.finish(f.identity(Holder, residency.ClassGeofeed, built, "")); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("read geofeed %s: %w", f.name, err)
}

// readFeed reads the lines of RFC 8805 section 2.1: prefix, country,
// subdivision, city and fields that are not read.
func readFeed(l *list, f file) (time.Time, error) {
	table := readSubdivisions()
	return l.lines(f, func(e *entry, fields []string) error {
		place, err := table.place(field(fields, 1), field(fields, 2))
		if err != nil {
			return err
		}
		if place.Empty() {
			e.country(place, "its holder wants it not located")
			return nil
		}
		l.city(e, place, field(fields, 3))
		return nil
	})
}

// readCSV reads a list of one's own: "prefix,region" with an id of a region such
// as hetzner:fsn1, or "prefix,country". More fields are not read, and a first
// line of names is passed over.
func readCSV(l *list, f file) (time.Time, error) {
	l.source.name = filepath.Base(f.name)
	l.headed = true
	return l.lines(f, func(e *entry, fields []string) error {
		where := field(fields, 1)
		if provider, name, ok := strings.Cut(where, ":"); ok && provider != "" && name != "" {
			e.region(where)
			return nil
		}
		c, ok := residency.ParseCountry(strings.ToUpper(where))
		if !ok {
			return fmt.Errorf("%q is neither a country code nor a region such as hetzner:fsn1", clip(where))
		}
		e.country(residency.CountriesOf(c), "")
		return nil
	})
}

// lines reads entries that are a line each, with a prefix in the first field.
// Text from "#" on is a comment.
func (l *list) lines(f file, put func(*entry, []string) error) (built time.Time, err error) {
	text, err := f.text()
	if err != nil {
		return time.Time{}, err
	}
	seen := map[netip.Prefix]int{}
	n, good := 0, 0
	for line := range lines(text) {
		n++
		line, comment, _ := strings.Cut(line, "#")
		if built.IsZero() {
			built = dayOf(comment)
		}
		if line = strings.TrimSpace(line); line == "" || l.header(line, good+l.source.skipped) {
			continue
		}
		if l.line(n, line, seen, put) {
			good++
		}
	}
	if good > 0 {
		return built, nil
	}
	if skips := l.source.skips; len(skips) > 0 {
		return built, fmt.Errorf("no line of it can be used: line %d: %s", skips[0].Line, skips[0].Why)
	}
	return built, errors.New("only comments in it")
}

// line reads one entry and reports whether it is used.
func (l *list) line(n int, line string, seen map[netip.Prefix]int, put func(*entry, []string) error) bool {
	fields, err := splitFields(line)
	p, masked, wrong := feedPrefix(fields[0])
	if wrong != nil {
		l.source.skip(n, line, wrong.Error())
		return false
	}
	if bogon(p) {
		l.source.skip(n, line, NotPublic)
		return false
	}
	e := l.at(n, p)
	before := *e
	if err == nil && masked {
		err = fmt.Errorf("%q has host bits set: %s is meant, or another", fields[0], p)
	}
	if err == nil {
		err = put(e, fields)
	}
	switch first := seen[p]; {
	case err != nil:
		l.source.skip(n, line, err.Error())
		if e.in.Empty() && len(e.regions) == 0 {
			e.note = "its line in the list cannot be used"
		}
		return false
	case first != 0 && (e.in != before.in || len(e.regions) != len(before.regions)):
		l.source.skip(n, line, fmt.Sprintf("%s is on line %d with another place: both are possible", p, first))
	case first != 0:
		l.source.skip(n, line, fmt.Sprintf("%s is on line %d already", p, first))
	default:
		seen[p] = n
	}
	return true
}

// header reports whether a line is one of names, at the head of a list that may
// have one.
func (l *list) header(line string, before int) bool {
	if !l.headed || before > 0 {
		return false
	}
	name, _, _ := strings.Cut(strings.ToLower(line), ",")
	return name == "prefix" || name == "network" || name == "cidr"
}

// feedPrefix reads a prefix or a single address (RFC 8805 section 2.1.1.1). The
// prefix is returned without the host bits that it must not have.
func feedPrefix(text string) (p netip.Prefix, masked bool, err error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" && !a.Is4In6() {
		return netip.PrefixFrom(a, a.BitLen()), false, nil
	}
	p, err = netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		_, err = parsePrefix(text)
		return netip.Prefix{}, false, err
	}
	return p.Masked(), p != p.Masked(), nil
}

// splitFields splits a line at its commas. There is always a first field.
func splitFields(line string) ([]string, error) {
	fields := strings.Split(line, ",")
	var err error
	if strings.Contains(line, `"`) {
		r := csv.NewReader(strings.NewReader(line))
		r.TrimLeadingSpace = true
		var quoted []string
		if quoted, err = r.Read(); err == nil && len(quoted) > 0 {
			fields = quoted
		} else {
			err = errors.New("quotes that do not match")
		}
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	return fields, err
}

// field returns a field of a line, "" where trailing ones are missing.
func field(fields []string, i int) string {
	if i < len(fields) {
		return fields[i]
	}
	return ""
}

// lines yields the lines of a text, ended as on any system.
func lines(text []byte) iter.Seq[string] {
	s := string(text)
	if !strings.Contains(s, "\n") {
		s = strings.ReplaceAll(s, "\r", "\n")
	}
	return strings.Lines(s)
}

// dayOf returns the date of the data in a comment.
func dayOf(comment string) time.Time {
	lower := strings.ToLower(comment)
	for _, word := range [...]string{"modified", "updated", "generated"} {
		if strings.Contains(lower, word) {
			return dayIn(comment)
		}
	}
	return time.Time{}
}

// dayInName returns the date in a file's name, such as
// ServiceTags_Public_20250721.json.
func dayInName(name string) time.Time {
	return dayIn(strings.ReplaceAll(filepath.Base(name), "_", " "))
}
