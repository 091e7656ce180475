package report

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"

	"residency/internal/residency"
)

// Marks go with every verdict and standing, so that colour is never alone.
const (
	markGood    = "✓"
	markBad     = "✗"
	markWaiting = "!"
	markUnknown = "?"
	markNothing = "–"
	markRetired = "∅" // on pages
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

func (p *printer) heading(s string) {
	p.WriteString("\n")
	p.para("", s, nil, true)
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
