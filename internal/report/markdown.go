package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// markdown writes the report as CommonMark with tables. Charts and the map are
// told in words.
func (d *Dossier) markdown(w io.Writer, audience string) error {
	r, err := d.compose(audience)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	m := md{bufio.NewWriterSize(w, 64<<10)}
	m.line("# %s", mark(r.Title))
	by := ""
	if r.By != "" {
		by = " By " + mark(r.By) + "."
	}
	m.line("%s.%s Written %s.", mark(r.When), by, mark(r.Made))
	if r.Notice != "" {
		m.line("> **%s**", mark(r.Notice))
	}
	m.line("**%s**", mark(r.Totals))
	m.line("%s", mark(r.Lead))
	for _, n := range r.Notes {
		m.line("> %s", mark(n))
	}
	if !r.OnePage {
		m.line("%s", mark(r.Asked))
	}
	for i := range r.Sheets {
		m.sheet(&r.Sheets[i])
	}
	if r.Notice != "" {
		m.line("> **%s**", mark(r.Notice))
	}
	m.line("Made by residency %s.", mark(d.Program))
	return m.Flush()
}

// md writes paragraphs.
type md struct{ *bufio.Writer }

// line writes one paragraph.
func (m md) line(format string, args ...any) { fmt.Fprintf(m, format+"\n\n", args...) }

func (m md) sheet(s *sheet) {
	m.line("## %s", mark(s.Title))
	for _, t := range s.Text {
		m.line("%s", mark(t))
	}
	m.facts(s.Facts)
	for i := range s.Cards {
		m.card(&s.Cards[i])
	}
	m.list(s.Lines)
	for i := range s.Tables {
		m.table(&s.Tables[i])
	}
	for _, p := range s.Proofs {
		m.line("### %s", mark(p.Title))
		for _, part := range p.Sections {
			m.line("#### %s", mark(part.Title))
			m.facts(part.Facts)
			m.rows(part.Header, part.Rows)
			m.list(part.Lines)
			for _, x := range part.Wire {
				m.line("%s, %d bytes:", mark(x.Label), len(x.Bytes))
				m.line("```\n%s\n```", strings.Join(x.Hex(), "\n"))
			}
		}
	}
	for _, t := range s.More {
		m.line("%s", mark(t))
	}
}

func (m md) card(c *card) {
	m.line("### %s %s: %s", c.Mark, c.Standing, mark(c.Title))
	m.line("**%s**", mark(c.Words))
	if c.Quote != "" {
		m.line("> “%s”", mark(c.Quote))
	}
	m.facts(c.Facts)
	m.facts(c.Says)
	if c.ChartWords != "" {
		m.line("%s", mark(c.ChartWords))
	}
	for i := range c.Tables {
		m.table(&c.Tables[i])
	}
}

func (m md) facts(list []fact) {
	for _, f := range list {
		fmt.Fprintf(m, "- **%s**: %s\n", mark(f.Label), mark(f.Text))
	}
	if len(list) > 0 {
		m.WriteByte('\n')
	}
}

func (m md) list(lines []string) {
	for _, l := range lines {
		fmt.Fprintf(m, "- %s\n", mark(l))
	}
	if len(lines) > 0 {
		m.WriteByte('\n')
	}
}

func (m md) table(t *table) {
	if t.Caption != "" {
		m.line("*%s*", mark(t.Caption))
	}
	rows := make([][]string, len(t.Rows))
	for i, r := range t.Rows {
		for j, f := range r {
			text := f.Text
			if t.Matrix && j == 0 && f.Title != "" {
				text += " (" + f.Title + ")"
			}
			rows[i] = append(rows[i], text)
		}
	}
	m.rows(t.Header, rows)
	if t.Note != "" {
		m.line("%s", mark(t.Note))
	}
}

func (m md) rows(header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	if header == nil {
		header = make([]string, len(rows[0]))
	}
	m.row(header)
	m.WriteString("|" + strings.Repeat(" --- |", len(header)) + "\n")
	for _, r := range rows {
		m.row(r)
	}
	m.WriteByte('\n')
}

func (m md) row(cells []string) {
	m.WriteByte('|')
	for _, c := range cells {
		m.WriteString(" " + mark(c) + " |")
	}
	m.WriteByte('\n')
}

// mark keeps a text from being read as markup: quotes and names come from
// outside. A character that means something only between others is left alone.
func mark(s string) string {
	s = clean(s)
	if !strings.ContainsAny(s, "\\`*_[]<>|#&~!") && !strings.HasPrefix(s, "- ") && !strings.HasPrefix(s, "+ ") {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch r {
		case '\\', '`', '*', '[', ']', '<', '>', '|', '~':
			b.WriteByte('\\')
		case '_', '#', '&', '!':
			// Within a word an underscore is one; at an edge it may begin emphasis.
			before, _ := utf8.DecodeLastRuneInString(s[:i])
			after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
			if r != '_' || !wordRune(before) || !wordRune(after) {
				b.WriteByte('\\')
			}
		case '-', '+':
			if i == 0 {
				b.WriteByte('\\')
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

func wordRune(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
