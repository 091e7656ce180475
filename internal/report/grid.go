package report

import (
	"image/color"
	"slices"
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
)

// gap is the room between two columns, least what a column keeps at the worst.
// A terminal is wide when a column that yields may stay in it although others
// have to break lines for it.
const (
	gap   = 2
	least = 4
	wide  = 90
)

// grid writes an aligned table without lines, no wider than the terminal. The
// column kept is the last to be narrowed, the one tinted has its row's colour.
func (p *printer) grid(header []string, rows [][]string, kept int, tint func(row int) color.Color, tinted int) {
	p.gridYielding(header, rows, kept, -1, tint, tinted)
}

// gridYielding is grid with a column that is the first to be narrowed, and is
// left out when the others cannot keep their words whole beside it, on a narrow
// terminal already when they cannot keep their lines.
func (p *printer) gridYielding(header []string, rows [][]string, kept, yields int, tint func(row int) color.Color, tinted int) {
	if len(rows) == 0 {
		return
	}
	all := rows
	if header != nil {
		all = append([][]string{header}, rows...)
	}
	widths := columnWidths(all, kept, yields, p.o.width()-2)
	for i, row := range all {
		cells, height := make([][]string, len(row)), 1
		for col, s := range row {
			if widths[col] > 0 {
				cells[col] = wrapCell(s, widths[col])
				height = max(height, len(cells[col]))
			}
		}
		for line := range height {
			p.gridLine(cells, line, widths, func(col int, s string) string {
				switch {
				case header != nil && i == 0:
					return p.faint(s)
				case col == tinted:
					return p.paint(s, tint(i-len(all)+len(rows)), false)
				}
				return s
			})
		}
	}
}

// gridLine writes one line of a row; columns of no width are left out.
func (p *printer) gridLine(cells [][]string, line int, widths []int, paint func(col int, s string) string) {
	blank := 2
	for col, lines := range cells {
		if widths[col] == 0 {
			continue
		}
		width := 0
		if line < len(lines) && lines[line] != "" {
			p.WriteString(strings.Repeat(" ", blank) + paint(col, lines[line]))
			blank, width = 0, lipgloss.Width(lines[line])
		}
		blank += widths[col] + gap - width
	}
	p.WriteString("\n")
}

// faint returns the text of a heading as it looks where there may be colour.
func (p *printer) faint(s string) string {
	if !p.o.Color {
		return s
	}
	return lipgloss.NewStyle().Faint(true).Render(s)
}

// columnWidths shares out the terminal's columns; 0 leaves one out. Each gets
// what it needs, and when that is too much, the widest give up: first to their
// longest word, the one that yields before all others; then that one goes; then
// to the longest part of a word between punctuation, as of a host or an address.
// The one kept holds names, and gives only when no other can.
func columnWidths(rows [][]string, kept, yields, total int) []int {
	need, word, part := make([]int, len(rows[0])), make([]int, len(rows[0])), make([]int, len(rows[0]))
	for _, row := range rows {
		for i, s := range row {
			need[i] = max(need[i], lipgloss.Width(s))
			for w := range strings.FieldsSeq(s) {
				word[i] = max(word[i], lipgloss.Width(w))
				for _, x := range parts(w) {
					part[i] = max(part[i], lipgloss.Width(x))
				}
			}
		}
	}
	whole := slices.Clone(word)
	whole[kept] = need[kept]
	over := total
	fits := func(floor []int) bool { return shrink(need, over, floor) }
	if yields >= 0 {
		only := slices.Clone(need)
		only[yields] = min(need[yields], max(word[yields], 12))
		if fits(only) || total >= wide && fits(whole) {
			return need
		}
		need[yields], whole[yields], word[yields], part[yields] = 0, 0, 0, 0
	}
	names := slices.Clone(part)
	names[kept] = need[kept]
	for _, floor := range [][]int{whole, names, part, slices.Repeat([]int{least}, len(need))} {
		if fits(floor) {
			break
		}
	}
	return need
}

// shrink narrows the widest columns, none below its floor, until all fit; it
// reports whether they do.
func shrink(need []int, total int, floor []int) bool {
	for {
		sum := -gap
		for _, n := range need {
			if n > 0 {
				sum += n + gap
			}
		}
		if sum <= total {
			return true
		}
		i := widest(need, floor)
		if i < 0 {
			return false
		}
		need[i]--
	}
}

// widest returns the widest column that is wider than its floor, or -1.
func widest(need, floor []int) int {
	at := -1
	for i, n := range need {
		if n > floor[i] && (at < 0 || n > need[at]) {
			at = i
		}
	}
	return at
}

// parts cuts a word after its punctuation, where it may be broken up.
func parts(word string) []string {
	var list []string
	start, cut := 0, false
	for i, r := range word {
		if cut && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			list = append(list, word[start:i])
			start = i
		}
		cut = unicode.IsPunct(r)
	}
	return append(list, word[start:])
}

// wrapCell breaks text into lines of a width: between words; a word that is
// too long after its punctuation; and what is too long even so, anywhere.
func wrapCell(text string, width int) []string {
	var lines []string
	line, room := "", width
	put := func(s, sep string) {
		if n := lipgloss.Width(sep + s); line != "" && n <= room {
			line, room = line+sep+s, room-n
			return
		}
		if line != "" {
			lines = append(lines, line)
		}
		line, room = s, width-lipgloss.Width(s)
	}
	for w := range strings.FieldsSeq(text) {
		if lipgloss.Width(w) <= width {
			put(w, " ")
			continue
		}
		sep := " "
		for _, part := range parts(w) {
			for _, piece := range pieces(part, width) {
				put(piece, sep)
				sep = ""
			}
		}
	}
	return append(lines, line)
}

// pieces cuts text that is wider than a column anywhere.
func pieces(s string, width int) []string {
	var list []string
	for lipgloss.Width(s) > width {
		n := 0
		for i := range s {
			if i > 0 && lipgloss.Width(s[:i]) > width {
				break
			}
			n = i
		}
		if n == 0 { // a character wider than the column
			break
		}
		list, s = append(list, s[:n]), s[n:]
	}
	return append(list, s)
}
