package report

import (
	"bufio"
	"cmp"
	"encoding/json"
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
	out  *bufio.Writer
	o    Options
	raw  bool
	line bool // one JSON object a line
	kept []residency.Observation
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

// jsonAlone is a look by itself.
type jsonAlone struct {
	Schema       string                    `json:"schema"`
	Name         string                    `json:"name"`
	Type         string                    `json:"type"`
	Market       *residency.Country        `json:"market"`
	ClientSubnet string                    `json:"client_subnet"`
	Resolver     string                    `json:"resolver"`
	Server       string                    `json:"server"`
	Via          string                    `json:"via,omitempty"`
	Transport    string                    `json:"transport"`
	Path         []residency.Delegation    `json:"path,omitempty"`
	Returned     string                    `json:"returned"`
	Scope        int                       `json:"scope"`
	Tailoring    residency.Tailoring       `json:"tailoring"`
	TailoringWhy string                    `json:"tailoring_why"`
	Rcode        string                    `json:"rcode"`
	Flags        residency.HeaderFlags     `json:"flags"`
	NSID         string                    `json:"nsid,omitempty"`
	Errors       []residency.ExtendedError `json:"errors,omitempty"`
	Failure      residency.Failure         `json:"failure"`
	Detail       string                    `json:"detail,omitempty"`
	Chain        []residency.Link          `json:"chain"`
	Addresses    []jsonAnswer              `json:"addresses"`
	RTT          float64                   `json:"rtt_ms"`
	At           time.Time                 `json:"at"`
	Exchanges    []jsonExchange            `json:"exchanges,omitempty"`
}

type jsonAnswer struct {
	Address string `json:"address"`
	TTL     uint32 `json:"ttl"`
	Owner   string `json:"owner"`
	Hint    bool   `json:"hint,omitempty"`
	DNS64   string `json:"dns64,omitempty"` // as it was answered, when made from Address
}

// jsonExchange is a request and its response; the bytes are in base64.
type jsonExchange struct {
	Server    string            `json:"server"`
	Transport string            `json:"transport"`
	Name      string            `json:"name"`
	Request   []byte            `json:"request"`
	Response  []byte            `json:"response"`
	Failure   residency.Failure `json:"failure"`
	RTT       float64           `json:"rtt_ms"`
	At        time.Time         `json:"at"`
}

// Write takes one look.
func (l *Looks) Write(o residency.Observation) error {
	if !l.line {
		o.Exchanges = nil // not drawn
		l.kept = append(l.kept, o)
		return nil
	}
	line, err := json.Marshal(l.alone(&o))
	if err != nil {
		return fmt.Errorf("write look: %w", err)
	}
	l.out.Write(line)
	return l.out.WriteByte('\n')
}

func (l *Looks) alone(o *residency.Observation) jsonAlone {
	a := jsonAlone{
		Schema: LookSchema, Name: o.Endpoint.Host, Type: o.Type, ClientSubnet: prefix(o.Subnet.Prefix),
		Resolver: o.Resolver, Server: o.Server, Via: o.Via, Transport: o.Transport, Path: o.Path,
		Returned: prefix(o.Returned), Scope: o.Scope, Tailoring: o.Tailoring, TailoringWhy: o.TailoringWhy,
		Rcode: o.Rcode, Flags: o.Flags, NSID: o.NSID, Errors: o.Errors, Failure: o.Failure, Detail: o.Detail,
		Chain: some(o.Chain), Addresses: []jsonAnswer{}, RTT: milliseconds(o.RTT), At: o.At,
	}
	if o.Market.Known() {
		a.Market = &o.Market
	}
	for _, x := range o.Addresses {
		answer := jsonAnswer{Address: x.Address.String(), TTL: x.TTL, Owner: x.Owner, Hint: x.Hint}
		if x.DNS64.IsValid() {
			answer.DNS64 = x.DNS64.String()
		}
		a.Addresses = append(a.Addresses, answer)
	}
	if !l.raw {
		return a
	}
	for _, x := range o.Exchanges {
		a.Exchanges = append(a.Exchanges, jsonExchange{
			Server: x.Server, Transport: x.Transport, Name: x.Name, Request: x.Request, Response: x.Response,
			Failure: x.Failure, RTT: milliseconds(x.RTT), At: x.At,
		})
	}
	return a
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
