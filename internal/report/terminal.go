package report

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"residency/internal/residency"
)

// Marks go with every verdict and standing, so that colour is never alone.
const (
	markGood    = "✓"
	markBad     = "✗"
	markWaiting = "!"
	markUnknown = "?"
	markNothing = "–"
)

// printer writes for people.
type printer struct {
	strings.Builder
	run *residency.Run
	o   Options
}

// paint returns the text in bold or colour where there may be colour.
func (p *printer) paint(s string, c color.Color, bold bool) string {
	if !p.o.Color {
		return s
	}
	style := lipgloss.NewStyle().Bold(bold)
	if c != nil {
		style = style.Foreground(c)
	}
	return style.Render(s)
}

// The sixteen colours of every terminal, so that the user's own theme holds.
func verdictColor(v residency.Verdict) color.Color {
	switch v {
	case residency.Inside:
		return lipgloss.Green
	case residency.Outside:
		return lipgloss.Red
	default:
		return lipgloss.Yellow
	}
}

func standingColor(s residency.Standing) color.Color {
	switch s {
	case residency.Holding:
		return lipgloss.Green
	case residency.Broken:
		return lipgloss.Red
	case residency.Pending:
		return lipgloss.Magenta
	default:
		return lipgloss.Yellow
	}
}

func verdictMark(v residency.Verdict) string {
	switch v {
	case residency.Inside:
		return markGood
	case residency.Outside:
		return markBad
	case residency.NotMeasured:
		return markNothing
	default:
		return markUnknown
	}
}

func standingMark(s residency.Standing) string {
	switch s {
	case residency.Holding:
		return markGood
	case residency.Broken:
		return markBad
	case residency.Pending:
		return markWaiting
	default:
		return markUnknown
	}
}

// para writes wrapped text, hanging under its first word by indent columns.
func (p *printer) para(first, text string, c color.Color, bold bool) {
	indent := lipgloss.Width(first)
	body := lipgloss.Wrap(text, p.o.width()-indent, " ")
	for i, line := range strings.Split(body, "\n") {
		if i == 0 {
			p.WriteString(first)
		} else {
			p.WriteString(strings.Repeat(" ", indent))
		}
		p.WriteString(p.paint(strings.TrimRight(line, " "), c, bold) + "\n")
	}
}

func (p *printer) heading(s string) { p.WriteString("\n" + p.paint(s, nil, true) + "\n") }

// grid writes an aligned table without lines, no wider than the terminal. The
// column kept is the last to be narrowed, the one tinted has its row's colour.
func (p *printer) grid(header []string, rows [][]string, kept int, tint func(row int) color.Color, tinted int) {
	if len(rows) == 0 {
		return
	}
	widths := columnWidths(header, rows, kept, p.o.width()-2)
	t := table.New().Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).
		BorderLeft(false).BorderRight(false).BorderColumn(false).BorderHeader(false).Wrap(true).
		Rows(rows...).StyleFunc(func(row, col int) lipgloss.Style {
		s := lipgloss.NewStyle().Width(widths[col] + 2).PaddingRight(2)
		switch {
		case !p.o.Color:
		case row == table.HeaderRow:
			s = s.Faint(true)
		case col == tinted:
			s = s.Foreground(tint(row))
		}
		return s
	})
	if header != nil {
		t = t.Headers(header...)
	}
	for _, line := range strings.Split(t.String(), "\n") {
		if strings.TrimSpace(line) != "" {
			p.WriteString("  " + strings.TrimRight(line, " ") + "\n")
		}
	}
}

// columnWidths shares out the terminal's columns: each gets what it needs, and
// the widest give up what is too much. First none gives up its longest word,
// then none its last eight columns; the one kept, as it holds names that wrap
// badly, gives only when no other can.
func columnWidths(header []string, rows [][]string, kept, total int) []int {
	const gap, least = 2, 8
	need, word := make([]int, len(rows[0])), make([]int, len(rows[0]))
	for _, row := range append([][]string{header}, rows...) {
		for i, s := range row {
			need[i] = max(need[i], lipgloss.Width(s))
			for w := range strings.FieldsSeq(s) {
				word[i] = max(word[i], lipgloss.Width(w))
			}
		}
	}
	for i, s := range header {
		word[i] = max(word[i], lipgloss.Width(s)) // headers are cut, not wrapped
	}
	word[kept] = need[kept]
	sum := gap * len(need)
	for _, n := range need {
		sum += n
	}
	for ; sum > total; sum-- {
		i := widest(need, func(i int) int { return word[i] })
		if i < 0 {
			i = widest(need, func(i int) int {
				if i == kept {
					return need[i]
				}
				return least
			})
		}
		if i < 0 {
			i = widest(need, func(int) int { return least })
		}
		if i < 0 {
			break
		}
		need[i]--
	}
	return need
}

// widest returns the widest column that is wider than its least, or -1.
func widest(need []int, least func(int) int) int {
	at := -1
	for i, n := range need {
		if n > least(i) && (at < 0 || n > need[at]) {
			at = i
		}
	}
	return at
}

// bullets writes a list under a heading, or nothing if it is empty.
func (p *printer) bullets(heading string, lines []string) {
	if len(lines) == 0 {
		return
	}
	p.heading(heading)
	for _, line := range lines {
		p.para("  - ", clean(line), nil, false)
	}
}
