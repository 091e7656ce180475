package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"residency/internal/residency"
)

// edit replaces the bytes from one offset to another.
type edit struct {
	from, to int
	text     string
}

// MarketsIn returns the markets that a configuration file itself has, in its
// order, so that a caller knows which file of several to change. A file that
// is not TOML has an error.
func MarketsIn(file []byte) ([]residency.Country, error) {
	tables, _, err := marketTables(file)
	if err != nil {
		return nil, err
	}
	var list []residency.Country
	for _, t := range tables {
		list = append(list, t.code)
	}
	return list, nil
}

// WriteSubnets returns the text of a configuration file with the client
// subnets of the given markets set. Everything else keeps its bytes: comments,
// spaces, order, line ends. In a list with comments, each comment stays beside
// its subnet, or alone on its line when the subnet has gone. Each market has
// to be in this file, with at least one subnet.
func WriteSubnets(file []byte, subnets map[residency.Country][]netip.Prefix) ([]byte, error) {
	tables, src, err := marketTables(file)
	if err != nil {
		return nil, err
	}
	var edits []edit
	done := map[residency.Country]bool{}
	for _, t := range tables {
		if list, ok := subnets[t.code]; ok && !done[t.code] {
			if len(list) == 0 {
				return nil, fmt.Errorf("write client subnets of %s: none given", t.code)
			}
			if f := t.n.get("client_subnets"); f != nil && f.value.kind != aList {
				return nil, fmt.Errorf("write client subnets of %s: client_subnets is %s, not a list", t.code, f.value.kind.words())
			}
			edits = append(edits, t.edit(src, list))
			done[t.code] = true
		}
	}
	for c := range subnets {
		if !done[c] {
			return nil, fmt.Errorf("write client subnets of %s: the file has no such market", c)
		}
	}
	out := apply(file[:src.bom:src.bom], src.data, edits)
	if err := holds(out, subnets); err != nil {
		return nil, err
	}
	return out, nil
}

// marketAt is a [[market]] in a file.
type marketAt struct {
	code residency.Country
	n    *node
}

// marketTables finds the markets of a file.
func marketTables(file []byte) ([]marketAt, *source, error) {
	var ps problems
	src := newSource("config", "config", 0, file)
	root := treeOf(src, &ps)
	if err := ps.err(); err != nil {
		return nil, nil, fmt.Errorf("read markets: %w", err)
	}
	f := root.get("market")
	if f == nil {
		return nil, src, nil
	}
	var list []marketAt
	for _, it := range f.value.items {
		if code := it.get("code"); it.kind == aTable && code != nil && code.value.kind == aText {
			if c, ok := residency.ParseCountry(code.value.text); ok {
				list = append(list, marketAt{c, it})
			}
		}
	}
	return list, src, nil
}

// edit makes the change of one market's table.
func (m marketAt) edit(src *source, list []netip.Prefix) edit {
	if f := m.n.get("client_subnets"); f != nil {
		from, to := f.value.pos.off, f.value.end
		return edit{from, to, listText(src, from, to, list)}
	}
	code := m.n.get("code").value
	line := "client_subnets = " + inline(list)
	if m.n.inline {
		return edit{code.end, code.end, ", " + line}
	}
	// A new line after that of the code, indented like it.
	start, _ := src.lineCol(code.pos.off)
	begin := src.starts[start-1]
	row := src.data[begin:code.pos.off]
	indent := string(row[:len(row)-len(bytes.TrimLeft(row, " \t"))])
	end, _ := src.lineCol(code.end)
	if end < len(src.starts) {
		return edit{src.starts[end], src.starts[end], indent + line + src.newline()}
	}
	return edit{len(src.data), len(src.data), src.newline() + indent + line + src.newline()}
}

// newline returns the line end that the file uses.
func (s *source) newline() string {
	if bytes.Contains(s.data, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// inline writes a list on one line.
func inline(list []netip.Prefix) string {
	var parts []string
	for _, p := range list {
		parts = append(parts, `"`+p.String()+`"`)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// listText writes a list in place of the one between two offsets: on one line
// if that one was and has no comments, else one subnet a line.
func listText(src *source, from, to int, list []netip.Prefix) string {
	old := string(src.data[from:to])
	if !strings.ContainsAny(old, "\n#") {
		return inline(list)
	}
	line, _ := src.lineCol(from)
	row := src.data[src.starts[line-1]:from]
	outer := string(row[:len(row)-len(bytes.TrimLeft(row, " \t"))])
	inner := outer + "  "
	var b strings.Builder
	nl := src.newline()
	b.WriteString("[")
	left := slices.Clone(list)
	for i, l := range scanList(old) {
		keep := slices.IndexFunc(left, func(p netip.Prefix) bool { return slices.Contains(l.values, p.String()) })
		text := ""
		for keep >= 0 {
			text += `"` + left[keep].String() + `", `
			left = slices.Delete(left, keep, keep+1)
			keep = slices.IndexFunc(left, func(p netip.Prefix) bool { return slices.Contains(l.values, p.String()) })
		}
		switch text = strings.TrimSuffix(text, " "); {
		case i == 0 && text == "" && l.comment != "":
			b.WriteString(" " + l.comment) // on the line of the bracket
		case text != "" && l.comment != "":
			b.WriteString(nl + inner + text + " " + l.comment)
		case text+l.comment != "":
			b.WriteString(nl + inner + text + l.comment)
		}
	}
	for _, p := range left {
		b.WriteString(nl + inner + `"` + p.String() + `",`)
	}
	b.WriteString(nl + outer + "]")
	return b.String()
}

// listLine is one line of a list: the texts on it and its comment.
type listLine struct {
	values  []string
	comment string
}

// scanList splits the text of a list of simple texts into its lines. A sign
// of a comment within quotes is part of the text.
func scanList(text string) []listLine {
	var lines []listLine
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		var l listLine
		for i := 0; i < len(line); i++ {
			switch c := line[i]; c {
			case '#':
				l.comment = line[i:]
				i = len(line)
			case '"', '\'':
				end := strings.IndexByte(line[i+1:], c)
				if end < 0 {
					end = len(line) - i - 1
				}
				l.values = append(l.values, line[i+1:i+1+end])
				i += end + 1
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// apply makes the edits, which do not overlap.
func apply(before, data []byte, edits []edit) []byte {
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	out, at := before, 0
	for _, e := range edits {
		out = append(out, data[at:e.from]...)
		out = append(out, e.text...)
		at = e.to
	}
	return append(out, data[at:]...)
}

// holds checks that the changed text says what it should.
func holds(file []byte, want map[residency.Country][]netip.Prefix) error {
	tables, _, err := marketTables(file)
	if err != nil {
		return fmt.Errorf("write client subnets: the result cannot be read: %w", err)
	}
	seen := map[residency.Country]bool{}
	for _, t := range tables {
		list, ok := want[t.code]
		if !ok || seen[t.code] {
			continue
		}
		seen[t.code] = true
		var wrote, wanted []string
		if f := t.n.get("client_subnets"); f != nil {
			for _, it := range itemsOf(f.value) {
				wrote = append(wrote, it.text)
			}
		}
		for _, p := range list {
			wanted = append(wanted, p.String())
		}
		slices.Sort(wrote)
		slices.Sort(wanted)
		if !slices.Equal(wrote, wanted) {
			return errors.New("write client subnets: the result does not hold them; the file's list is written in a way that cannot be changed")
		}
	}
	return nil
}
