package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"residency/internal/residency"
)

// section is a table of the file, found to fit what the table may hold.
type section struct {
	ps   *problems
	n    *node
	path string // "claim[2]"
}

// item is one text of a list, and where it stands.
type item struct {
	text string
	pos  pos
}

// at returns the full path of a key.
func (s section) at(name string) string { return joinPath(s.path, name) }

// joinPath adds a key to a path.
func joinPath(path, name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r > 127 || !isKeyByte(byte(r)) }) {
		name = quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// value returns the key's value, or nil when it is absent or wrong.
func (s section) value(name string) *node {
	f := s.n.get(name)
	if f == nil || f.value.bad {
		return nil
	}
	return f.value
}

// has reports whether the key is written at all, rightly or not.
func (s section) has(name string) bool { return s.n.get(name) != nil }

// place returns where the key's value stands, or the table when it is absent.
func (s section) place(name string) pos {
	if f := s.n.get(name); f != nil {
		return f.value.pos
	}
	return s.n.pos
}

// wrong reports a problem with a key, where its value stands.
func (s section) wrong(name, text, hint string) {
	s.ps.add(s.place(name), s.at(name), text, hint)
}

// text returns a text, "" when absent.
func (s section) text(name string) string {
	if v := s.value(name); v != nil {
		return v.text
	}
	return ""
}

// textOr returns a text, or another when absent.
func (s section) textOr(name, other string) string {
	if t := s.text(name); t != "" {
		return t
	}
	return other
}

// flag returns a flag, or another when absent.
func (s section) flag(name string, other bool) bool {
	if v := s.value(name); v != nil {
		return v.text == "true"
	}
	return other
}

// number returns a number, or another when absent.
func (s section) number(name string, other int) int {
	if v := s.value(name); v != nil {
		if n, err := integer(v.text); err == nil {
			return int(n)
		}
	}
	return other
}

// span returns a duration, or another when absent.
func (s section) span(name string, other time.Duration) time.Duration {
	if v := s.value(name); v != nil {
		if d, err := parseSpan(v.text); err == nil {
			return d
		}
	}
	return other
}

// date returns a day, the zero Date when absent.
func (s section) date(name string) residency.Date {
	if v := s.value(name); v != nil {
		if d, err := residency.ParseDate(v.text); err == nil {
			return d
		}
	}
	return residency.Date{}
}

// texts returns the texts of a list, or the one text in place of a list.
func (s section) texts(name string) []item {
	v := s.value(name)
	if v == nil {
		return nil
	}
	if v.kind == aText {
		return []item{{v.text, v.pos}}
	}
	return itemsOf(v)
}

// itemsOf returns the texts of a list.
func itemsOf(v *node) []item {
	var out []item
	for _, it := range v.items {
		if !it.bad {
			out = append(out, item{it.text, it.pos})
		}
	}
	return out
}

// sections returns the tables of a list.
func (s section) sections(name string) []section {
	v := s.value(name)
	if v == nil {
		return nil
	}
	var out []section
	for i, it := range v.items {
		if !it.bad && it.kind == aTable {
			out = append(out, section{s.ps, it, fmt.Sprintf("%s[%d]", s.at(name), i)})
		}
	}
	return out
}

// section returns a table; one without keys when it is absent.
func (s section) section(name string) section {
	v := s.value(name)
	if v == nil {
		v = &node{kind: aTable, pos: s.n.pos}
	}
	return section{s.ps, v, s.at(name)}
}

// integer reads a whole number as TOML writes it.
func integer(text string) (int64, error) {
	return strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 0, 64)
}

// parseSpan reads a duration such as "24h", "90s", "365d" or "1d12h". A day is
// 24 hours.
func parseSpan(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("parse duration %s: want a number of days before the d", quote(text))
	}
	d := time.Duration(n) * day * time.Second
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 {
		return 0, fmt.Errorf("parse duration %s", quote(text))
	}
	return d + more, nil
}

// idByte reports whether c may stand in an id.
func idByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

// id returns the section's id, and reports one that is not usable as one. That
// one is returned too, so that who refers to it is not reported as well.
func (s section) id() string {
	v := s.value("id")
	if v == nil {
		return ""
	}
	if why := idProblem(v.text); why != "" {
		s.wrong("id", quote(v.text)+" is no id: "+why, `such as "cloud-messaging"`)
	}
	return v.text
}

// idProblem says why a text is no id, or "".
func idProblem(id string) string {
	switch {
	case id == "":
		return "it is empty"
	case len(id) > 64:
		return "it is longer than 64 characters"
	case !idByte(id[0]) || strings.IndexByte("._-", id[0]) >= 0:
		return "it begins with neither a small letter nor a digit"
	case slices.ContainsFunc([]byte(id), func(c byte) bool { return !idByte(c) }):
		return "only small letters, digits, dot, dash and underscore are allowed"
	}
	return ""
}
