package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strconv"

	"residency/internal/residency"
)

// Located is one line of input of `locate` and what became of it.
type Located struct {
	Input    string // echoed as given
	Valid    bool   // it is an address
	Location residency.Location
}

// Locator writes locations as they come, in order. It is made for bulk: NDJSON
// and CSV are built in one buffer that is used again. Not for use by several
// goroutines at once.
type Locator struct {
	out    *bufio.Writer
	format string
	o      Options
	line   []byte
}

// NewLocator returns a writer of the format "table", "ndjson" or "csv". The
// caller must Flush it at the end, and may at any time.
func NewLocator(w io.Writer, format string, o Options) (*Locator, error) {
	l := &Locator{out: bufio.NewWriterSize(w, 64<<10), format: format, o: o}
	switch format {
	case "csv":
		l.out.WriteString("address,countries,region,asn,voices,decided_by\n")
	case "table", "ndjson":
	default:
		return nil, fmt.Errorf("write locations: no format %q; use table, ndjson or csv", format)
	}
	return l, nil
}

// Write adds one location.
func (l *Locator) Write(x Located) error {
	switch l.format {
	case "ndjson":
		l.line = appendLocated(l.line[:0], x)
	case "csv":
		l.line = appendLocatedCSV(l.line[:0], x)
	default:
		l.line = append(l.line[:0], l.human(x)...)
	}
	_, err := l.out.Write(l.line)
	return err
}

// Flush writes out what is buffered.
func (l *Locator) Flush() error { return l.out.Flush() }

// human writes a heading and all that is said about one address.
func (l *Locator) human(x Located) string {
	p := &printer{o: l.o}
	if !x.Valid {
		p.heading(clean(x.Input))
		p.WriteString("  not an address\n")
		return p.String()
	}
	s := located(x.Location, nil)
	s.Title = clean(x.Input) + "  " + x.Location.Words()
	s.Facts = s.Facts[1:]
	p.draw([]section{s})
	return p.String()
}

// decidedBy is the rule that decided, or "invalid" for what is no address.
func (x Located) decidedBy() string {
	if !x.Valid {
		return "invalid"
	}
	return string(x.Location.Decision)
}

// network is who announces the address, by the first source that knows; 0 when
// none does.
func (x Located) network() (asn uint32, organisation string) {
	for i := range x.Location.Assertions {
		if asn, organisation := x.Location.Assertions[i].Network(); asn != 0 {
			return asn, organisation
		}
	}
	return 0, ""
}

// appendLocatedCSV appends one row; asn is empty when no source has it.
func appendLocatedCSV(b []byte, x Located) []byte {
	b = appendField(b, x.Input)
	b = append(b, ',')
	first := true
	for c := range x.Location.Countries.All() {
		if !first {
			b = append(b, '|')
		}
		first = false
		b = append(b, c.String()...)
	}
	b = append(b, ',')
	b = appendField(b, x.Location.Region)
	b = append(b, ',')
	if asn, _ := x.network(); asn != 0 {
		b = strconv.AppendUint(b, uint64(asn), 10)
	}
	b = append(b, ',')
	b = strconv.AppendInt(b, int64(len(x.Location.Voices)), 10)
	b = append(b, ',')
	b = append(b, x.decidedBy()...)
	return append(b, '\n')
}

// appendField appends a CSV field, quoted if it must be.
func appendField(b []byte, s string) []byte {
	if plain(s, `",`) && (s == "" || s[0] != '=' && s[0] != '+' && s[0] != '-' && s[0] != '@' && s[0] != ' ') {
		return append(b, s...)
	}
	b = append(b, '"')
	for _, c := range []byte(harmless(s)) {
		if c == '"' {
			b = append(b, '"')
		}
		b = append(b, c)
	}
	return append(b, '"')
}

// plain reports whether s is printable ASCII without the given characters.
func plain(s, without string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
		for j := range len(without) {
			if s[i] == without[j] {
				return false
			}
		}
	}
	return true
}

// appendLocated appends one line of JSON. asn and org are null when no source
// has them.
func appendLocated(b []byte, x Located) []byte {
	at := &x.Location
	b = appendString(append(b, `{"address":`...), x.Input)
	b = appendCountries(append(b, `,"countries":`...), at.Countries)
	b = appendString(append(b, `,"region":`...), at.Region)
	if asn, organisation := x.network(); asn != 0 {
		b = strconv.AppendUint(append(b, `,"asn":`...), uint64(asn), 10)
		b = appendString(append(b, `,"org":`...), organisation)
	} else {
		b = append(b, `,"asn":null,"org":null`...)
	}
	b = append(b, `,"anycast":`...)
	b = strconv.AppendBool(b, at.Veto == residency.ReasonAnycast)
	b = appendString(append(b, `,"veto":`...), string(at.Veto))
	b = strconv.AppendBool(append(b, `,"conflict":`...), at.Conflict)
	b = strconv.AppendInt(append(b, `,"voices":`...), int64(len(at.Voices)), 10)
	b = appendString(append(b, `,"decided_by":`...), x.decidedBy())
	b = append(b, `,"assertions":[`...)
	for i := range at.Assertions {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendAssertion(b, &at.Assertions[i])
	}
	b = append(b, `],"missing":[`...)
	for i, m := range at.Missing {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, m)
	}
	return append(b, "]}\n"...)
}

// appendAssertion appends what assertionOf gives, without its garbage.
func appendAssertion(b []byte, a *residency.Assertion) []byte {
	b = appendString(append(b, `{"source":`...), a.Source)
	b = appendString(append(b, `,"class":`...), string(a.Class))
	b = appendString(append(b, `,"lineage":`...), a.Lineage)
	b = appendCountries(append(b, `,"in":`...), a.In)
	b = appendCountries(append(b, `,"not_in":`...), a.NotIn)
	if !a.Proven.Empty() {
		b = appendCountries(append(b, `,"proven":`...), a.Proven)
	}
	b = appendString(append(b, `,"region":`...), a.Region)
	b = appendPrefix(append(b, `,"prefix":"`...), a.Prefix)
	b = strconv.AppendBool(append(b, `","stale":`...), a.Stale)
	if a.Note != "" {
		b = appendString(append(b, `,"note":`...), a.Note)
	}
	name := ""
	if a.Dataset != nil {
		name = a.Dataset.Name
	}
	return append(appendString(append(b, `,"dataset":`...), name), '}')
}

func appendPrefix(b []byte, p netip.Prefix) []byte {
	if !p.IsValid() {
		return b
	}
	return p.AppendTo(b)
}

func appendCountries(b []byte, s residency.Countries) []byte {
	b = append(b, '[')
	first := true
	for c := range s.All() {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, c.String()...)
		b = append(b, '"')
	}
	return append(b, ']')
}

// simple reports whether s is printable ASCII that JSON has as it is.
func simple(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if !simple8(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56) {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c-' ' > '~'-' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// simple8 is simple for eight bytes at once: each line leaves the top bit of a
// byte set if there is one that it is about.
func simple8(w uint64) bool {
	const each, top = 0x0101010101010101, 0x8080808080808080
	quotes, slashes := w^each*'"', w^each*'\\'
	return (w|
		(w-each*' ')| // below the space
		(w+each)| // DEL
		(quotes-each)&^quotes| // a byte that is zero here was a quotation mark
		(slashes-each)&^slashes)&top == 0
}

// appendString appends a JSON string; the slow way only where it must be.
func appendString(b []byte, s string) []byte {
	if simple(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil { // a string cannot fail
		return append(b, `""`...)
	}
	return append(b, quoted...)
}
