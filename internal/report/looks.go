package report

import (
	"bufio"
	"cmp"
	"fmt"
	"image/color"
	"io"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// LookSchema is the version of the JSON of single looks.
const LookSchema = "residency/look/v1"

// Looks writes looks as they come, or draws them together at the end.
type Looks struct {
	out   *bufio.Writer
	o     Options
	raw   bool
	line  bool // one JSON object a line
	kept  []residency.Observation
	text  []byte
	lines lookLines
}

// NewLooks returns a writer of looks in a format: table or ndjson. With raw the
// JSON has the bytes of every message.
func NewLooks(w io.Writer, format string, raw bool, o Options) (*Looks, error) {
	switch format {
	case "table", "ndjson":
		return &Looks{out: bufio.NewWriterSize(w, 64<<10), o: o, raw: raw, line: format == "ndjson"}, nil
	}
	return nil, fmt.Errorf("no format %q; use table or ndjson", format)
}

// Write takes one look. It keeps nothing of what o points to.
func (l *Looks) Write(o *residency.Observation) error {
	if !l.line {
		kept := *o
		kept.Exchanges = nil // not drawn
		kept.Chain, kept.Addresses, kept.Path = slices.Clone(o.Chain), slices.Clone(o.Addresses), slices.Clone(o.Path)
		l.kept = append(l.kept, kept)
		return nil
	}
	l.text = l.lines.append(l.text[:0], o, l.raw)
	_, err := l.out.Write(l.text)
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Flush ends the output.
func (l *Looks) Flush() error {
	if len(l.kept) > 0 {
		p := &printer{run: &residency.Run{}, o: l.o}
		slices.SortStableFunc(l.kept, compareAlone)
		for i := 0; i < len(l.kept); {
			j := i + 1
			for j < len(l.kept) && l.kept[j].Endpoint.Host == l.kept[i].Endpoint.Host && l.kept[j].Type == l.kept[i].Type {
				j++
			}
			p.looks(l.kept[i:j])
			i = j
		}
		l.out.WriteString(strings.TrimPrefix(p.String(), "\n"))
		l.kept = nil
	}
	return l.out.Flush()
}

func compareAlone(a, b residency.Observation) int {
	return cmp.Or(strings.Compare(a.Endpoint.Host, b.Endpoint.Host), strings.Compare(a.Type, b.Type),
		strings.Compare(a.Market.String(), b.Market.String()), a.Subnet.Prefix.Compare(b.Subnet.Prefix),
		strings.Compare(serverOf(&a), serverOf(&b)))
}

// looks draws the looks at one name for one record type.
func (p *printer) looks(list []residency.Observation) {
	p.heading(clean(list[0].Endpoint.Host) + " " + list[0].Type)
	var rows [][]string
	var lines []string
	note := func(s string) {
		if !slices.Contains(lines, s) {
			lines = append(lines, s)
		}
	}
	for i := range list {
		o := &list[i]
		rows = append(rows, []string{lookFor(o), serverOf(o), lookAnswer(o), fmt.Sprintf("%.1f ms", milliseconds(o.RTT))})
		for _, k := range o.Chain {
			note(fmt.Sprintf("%s %s %s (%d s)", k.Owner, k.Type, k.Target, k.TTL))
		}
	}
	p.grid([]string{"for", "name server", "answer", "took"}, rows, 2, func(int) color.Color { return nil }, -1)
	for i := range list {
		if o := &list[i]; o.Answered() {
			note(o.Tailoring.Words() + ": " + o.TailoringWhy)
		}
		if o := &list[i]; o.DNSSEC != nil && o.Failure == "" {
			note("DNSSEC " + string(o.DNSSEC.State) + ": " + o.DNSSEC.Sentence())
		}
		if o := &list[i]; o.Detail != "" {
			note(o.Detail)
		}
	}
	for i, line := range lines {
		if i == manyHosts {
			p.para("  - ", fmt.Sprintf("and %d more", len(lines)-i), nil, false)
			break
		}
		p.para("  - ", clean(line), nil, false)
	}
}

// lookFor says for whom a look was made.
func lookFor(o *residency.Observation) string {
	switch {
	case o.Market.Known() && o.Subnet.Prefix.IsValid():
		return o.Market.String() + " " + o.Subnet.Prefix.String()
	case o.Market.Known():
		return o.Market.String()
	case o.Subnet.Prefix.IsValid():
		return o.Subnet.Prefix.String()
	}
	return "ourselves"
}

// lookAnswer is what came back in a few words: addresses, each with its
// seconds to live, or why there is none.
func lookAnswer(o *residency.Observation) string {
	var list []string
	for _, a := range o.Addresses {
		text := fmt.Sprintf("%v (%d s)", a.Address, a.TTL)
		if a.Hint {
			text += " hint"
		}
		list = append(list, text)
	}
	switch {
	case o.Failure != "" && len(list) > 0:
		list = append(list, "and then: "+o.Failure.Words())
	case o.Failure != "":
		return o.Failure.Words()
	case len(list) == 0:
		return "no address"
	}
	return clean(strings.Join(list, ", "))
}
