package report

import (
	"encoding/hex"
	"fmt"
	"image/color"
	"io"
	"strings"

	"charm.land/lipgloss/v2"

	"residency/internal/residency"
)

// Explain writes the whole proof of one cell for people: what was promised,
// asked and answered, what each source says of each address, the rule that
// decided, what would change the result, and what it cannot say. The cell must
// be one of the round's, the round one of the run's.
func Explain(w io.Writer, run residency.Run, claim residency.Claim, round residency.Round, cell residency.Cell, o Options) error {
	p := &printer{run: &run, o: o}
	p.before()
	proof := prove(&run, claim, &round, &cell, o.Part)
	p.heading(verdictMark(cell.Verdict) + " " + proof.Title)
	p.draw(proof.Sections)
	_, err := io.WriteString(w, p.String())
	return err
}

// draw writes sections one below the other.
func (p *printer) draw(sections []section) {
	for _, s := range sections {
		p.heading(s.Title)
		widest := 0
		for _, f := range s.Facts {
			widest = max(widest, lipgloss.Width(f.Label))
		}
		for _, f := range s.Facts {
			p.para("  "+f.Label+strings.Repeat(" ", widest-lipgloss.Width(f.Label)+2), f.Text, nil, false)
		}
		p.grid(s.Header, s.Rows, 0, func(int) color.Color { return nil }, -1)
		for _, line := range s.Lines {
			p.para("  - ", line, nil, false)
		}
		for _, x := range s.Wire {
			p.hex(x)
		}
	}
}

// hex writes a message in lines of 16 bytes, or 32 where there is room.
func (p *printer) hex(x wire) {
	fmt.Fprintf(p, "  %s, %d bytes\n", x.Label, len(x.Bytes))
	for _, line := range hexLines(x.Bytes, 16*(1+min(1, p.o.width()/100))) {
		p.WriteString("    " + line + "\n")
	}
}

// hexLines writes bytes as pairs of digits, so many bytes a line.
func hexLines(b []byte, per int) []string {
	var lines []string
	for len(b) > 0 {
		n := min(per, len(b))
		var line strings.Builder
		for i := range n {
			if i > 0 {
				line.WriteByte(' ')
			}
			line.WriteString(hex.EncodeToString(b[i : i+1]))
		}
		lines = append(lines, line.String())
		b = b[n:]
	}
	return lines
}

// Hex is the message for a page, 24 bytes a line.
func (x wire) Hex() []string { return hexLines(x.Bytes, 24) }
