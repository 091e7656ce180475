package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxProblems bounds how many problems are kept: a file of sixteen million
// bad lines must not become sixteen million messages.
const maxProblems = 1000

// Problem is one thing wrong with a configuration.
type Problem struct {
	File string // as opened; never empty
	Line int    // from 1; 0 when the problem is the file itself
	Col  int    // from 1, in characters; 0 together with Line
	Key  string // path of the key in its file, counted from 0: "claim[2].regions"; may be empty
	Text string // what is wrong
	Hint string // what to do about it; may be empty
}

// String returns `config.toml:41:12: claim[2].regions: "EUU" is not a region`,
// without the hint.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Col)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	b.WriteString(": " + p.Text)
	return b.String()
}

// Errors is every problem of a configuration, sorted by file, line and column.
// The main file's problems come first.
type Errors struct {
	Problems []Problem
	Omitted  int // problems found beyond the thousand that are kept
}

// Error returns all problems, one a line, each followed by its hint.
func (e *Errors) Error() string {
	var lines []string
	for _, p := range e.Problems {
		lines = append(lines, p.String())
		if p.Hint != "" {
			lines = append(lines, "\thint: "+p.Hint)
		}
	}
	if e.Omitted > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", e.Omitted))
	}
	return strings.Join(lines, "\n")
}

// pos is a place in a source. The zero pos is no place.
type pos struct {
	src *source
	off int
}

// where returns "config.toml:41", by the file's name relative to the main
// file, so that what is written down does not depend on the machine.
func (p pos) where() string {
	if p.src == nil {
		return ""
	}
	line, _ := p.src.lineCol(p.off)
	return fmt.Sprintf("%s:%d", p.src.name, line)
}

// line returns the place in words relative to a reader at q: "line 12", with
// the file when it is another.
func (p pos) line(q pos) string {
	line, _ := p.src.lineCol(p.off)
	if p.src == q.src {
		return fmt.Sprintf("line %d", line)
	}
	return fmt.Sprintf("%s:%d", p.src.shown, line)
}

// found is a problem on its way to becoming one, with what sorting needs.
type found struct {
	problem Problem
	order   int // of the source
	off     int
}

// problems collects what is wrong, from every source.
type problems struct {
	list    []found
	omitted int
}

// add records a problem at a place.
func (ps *problems) add(at pos, key, text, hint string) {
	if len(ps.list) >= maxProblems {
		ps.omitted++
		return
	}
	p := Problem{Key: key, Text: text, Hint: hint}
	f := found{off: at.off}
	if at.src != nil {
		p.File, f.order = at.src.shown, at.src.order
		if at.off >= 0 {
			p.Line, p.Col = at.src.lineCol(at.off)
		}
	}
	f.problem = p
	ps.list = append(ps.list, f)
}

// maxHints is for how many problems a near word is looked for: that takes far
// longer than finding what is wrong.
const maxHints = 100

// didYouMean is the hint of that name, or "" after many problems.
func (ps *problems) didYouMean(written string, candidates func() []string) string {
	if len(ps.list) >= maxHints {
		return ""
	}
	return didYouMean(written, candidates())
}

// sorted returns the problems in the order of reading, each once.
func (ps *problems) sorted() []Problem {
	slices.SortStableFunc(ps.list, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.off, b.off))
	})
	var out []Problem
	seen := map[Problem]bool{}
	for _, f := range ps.list {
		if !seen[f.problem] {
			seen[f.problem] = true
			out = append(out, f.problem)
		}
	}
	return out
}

// err returns the problems as an error, or nil when there are none.
func (ps *problems) err() error {
	if len(ps.list) == 0 {
		return nil
	}
	return &Errors{Problems: ps.sorted(), Omitted: ps.omitted}
}
