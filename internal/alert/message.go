// Package alert writes what people are told, and has it told. What there is to
// tell is planned elsewhere, as residency.Alerts; Compose joins those of one
// group into one message, and channels (package channel) deliver it.
//
// Every message answers, in this order and without a tool being opened: what
// was promised, what was seen, where, since when, how sure that is and why it
// might be wrong, and who should do what, down to the exact commands.
package alert

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"residency/internal/residency"
)

// maxText bounds a message, in bytes: what does not fit is cut, and said to be.
const maxText = 60_000

// wasCut ends a message that was cut.
const wasCut = "\nThis message was cut: it is longer than can be sent.\n"

// Message is what a template has to write from. Every text in Headline,
// Subject and Parts is one harmless line; what is in Alerts is as it came.
type Message struct {
	Notice   string               // re-enactment notice; "" if none
	Subject  string               // the program's own subject
	Headline string               // the whole message in one line
	Vendor   string               // id; "" when it is about none
	Claim    *residency.Claim     // nil when it is about none
	Event    residency.AlertEvent // the weightiest
	Severity residency.Severity   // the highest
	Standing residency.Standing   // of the claim
	At       time.Time            // of the newest alert
	Markets  residency.Countries  // concerned
	Parts    []Part               // the answers, in the order in which a reader asks
	Commands []string             // that show the proof
	Alerts   []residency.Alert    // all that it tells
}

// Part is one answer of a message.
type Part struct {
	Title string
	Lines []Line
}

// Line is one line of a part.
type Line struct {
	Text    string
	Depth   int  // 0, or 1 for what belongs to the line above it
	Command bool // to be typed as it stands
}

// add adds a line; nothing for "".
func (p *Part) add(depth int, text string) {
	if text != "" {
		p.Lines = append(p.Lines, Line{Text: oneLine(text), Depth: depth})
	}
}

// command adds a command.
func (p *Part) command(text string) {
	p.Lines = append(p.Lines, Line{Text: oneLine(text), Depth: 1, Command: true})
}

// part adds a part to the message, unless it says nothing.
func (m *Message) part(p Part) {
	if len(p.Lines) > 0 {
		m.Parts = append(m.Parts, p)
	}
}

// Text returns the message as the program itself writes it.
func (m *Message) Text() string {
	var b strings.Builder
	if m.Notice != "" {
		b.WriteString(oneLine(m.Notice) + "\n\n")
	}
	b.WriteString(m.Headline + "\n")
	for _, p := range m.Parts {
		b.WriteString("\n" + p.Title + "\n")
		for _, l := range p.Lines {
			b.WriteString(strings.Repeat("  ", l.Depth+1) + l.Text + "\n")
		}
	}
	return bounded(b.String())
}

// bounded cuts what is longer than a message may be, between two lines.
func bounded(s string) string {
	if len(s) <= maxText {
		return s
	}
	s = s[:maxText-len(wasCut)]
	if i := strings.LastIndexByte(s, '\n'); i > 0 {
		s = s[:i+1]
	}
	return strings.ToValidUTF8(s, "") + wasCut
}

// oneLine makes s safe to stand in one line of a message: whatever the user's
// file or a far server put into it, it breaks no line, moves no cursor and
// turns no text around.
func oneLine(s string) string {
	if plain(s) {
		return s
	}
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unsafeRune(r) || unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, s)), " ")
}

// plain reports whether there is nothing in s to make safe.
func plain(s string) bool {
	blank := true // a leading blank is one too many
	for _, r := range s {
		if unsafeRune(r) || r != ' ' && unicode.IsSpace(r) || r == ' ' && blank {
			return false
		}
		blank = r == ' '
	}
	return s == "" || !blank
}

func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError
}

// manyLines makes a text of several lines safe in the same way.
func manyLines(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unsafeRune(r) {
			return ' '
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}
