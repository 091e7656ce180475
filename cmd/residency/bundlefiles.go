package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"residency/internal/ledger"
	"residency/internal/pcap"
	"residency/internal/residency"
	"residency/internal/resolve"
)

// Files of a bundle that are made of its other files, for people and their
// tools. They prove nothing by themselves.
const (
	bundlePackets  = "packets.pcapng"
	bundleMessages = "packets.txt"
	bundleDatasets = "datasets.json"
	bundleRecords  = "records.json"
	bundleHow      = "VERIFY.md"
	bundleProgram  = "verify.py"
)

// derive makes the files that are made of the others.
func (p *packing) derive(ctx context.Context, m ledger.Manifest, files map[string][]byte) (map[string][]byte, error) {
	sent, err := onTheWire(files)
	if err != nil {
		return nil, err
	}
	var capture bytes.Buffer
	about := "Messages of " + strings.Join(m.Endpoints, ", ") + ". "
	if err := pcap.Write(&capture, about, captured(sent)); err != nil {
		return nil, err
	}
	more, err := p.pages(files)
	if err != nil {
		return nil, err
	}
	pages := len(more)
	more[bundlePackets], more[bundleMessages] = capture.Bytes(), dug(sent)
	if more[bundleDatasets], err = p.datasets(ctx, m, files); err != nil {
		return nil, err
	}
	if more[bundleRecords], err = recordsOf(files); err != nil {
		return nil, err
	}
	if more[bundleHow], more[bundleProgram], err = p.howToVerify(m, files, len(sent), pages); err != nil {
		return nil, err
	}
	return more, nil
}

// wired is one request and its response, and whose look it was.
type wired struct {
	residency.Exchange
	look residency.Observation
	body residency.Hash // in which it is sealed
	key  string         // of the endpoint
}

// onTheWire returns everything that was sent and received, by time.
func onTheWire(files map[string][]byte) ([]wired, error) {
	var list []wired
	for name, data := range files {
		if !strings.HasPrefix(name, "bodies/") || !bytes.HasPrefix(data, []byte(`{"schema":"residency/packets/`)) {
			continue
		}
		var head struct {
			Endpoint string `json:"endpoint"`
		}
		if err := json.Unmarshal(data, &head); err != nil {
			return nil, fmt.Errorf("read packets %s: %w", name, err)
		}
		looks, err := residency.ParsePackets(data, residency.Endpoint{})
		if err != nil {
			return nil, fmt.Errorf("read packets %s: %w", name, err)
		}
		for _, o := range looks {
			for _, x := range o.Exchanges {
				list = append(list, wired{x, o, residency.HashOf(data), head.Endpoint})
			}
			if o.DNSSEC != nil {
				for _, x := range o.DNSSEC.Proof {
					list = append(list, wired{x, o, residency.HashOf(data), head.Endpoint})
				}
			}
		}
	}
	slices.SortStableFunc(list, func(a, b wired) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.key, b.key), bytes.Compare(a.body[:], b.body[:]),
			strings.Compare(a.Server, b.Server), bytes.Compare(a.Request, b.Request), bytes.Compare(a.Response, b.Response))
	})
	return list, nil
}

// words says what an exchange was, on one line.
func (w *wired) words() string {
	market := w.look.Market.String()
	if w.look.Subnet.Prefix.IsValid() {
		market += " through " + w.look.Subnet.Prefix.String()
	}
	text := fmt.Sprintf("%s: %s for users in %s, asked of %s at %s over %s; sealed in bodies/%s", w.key, w.look.Type, market,
		w.look.Resolver, w.Server, w.Transport, w.body)
	if w.Failure != "" {
		text += "; " + residency.Reason(w.Failure).Words()
	}
	return harmless(text)
}

// harmless takes out what could break a line or steer a terminal.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, s)
}

// captured are the messages as a capture has them: each exchange is a
// conversation of its own, with port 53, whatever it went over.
func captured(list []wired) []pcap.Message {
	var out []pcap.Message
	for i := range list {
		w := &list[i]
		m := pcap.Message{At: w.At, Data: w.Request, Note: w.words(), Stream: w.Transport != "udp"}
		client := netip.MustParseAddr("192.0.2.1")
		if server, err := netip.ParseAddrPort(w.Server); err == nil {
			m.Server = netip.AddrPortFrom(server.Addr(), 53)
			if server.Addr().Is6() && !server.Addr().Is4In6() {
				client = netip.MustParseAddr("2001:db8::1")
			}
		}
		m.Client = netip.AddrPortFrom(client, uint16(49152+i%16384))
		if len(w.Request) > 0 {
			out = append(out, m)
		}
		if len(w.Response) > 0 {
			m.At, m.Data, m.Reply = w.At.Add(w.RTT), w.Response, true
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b pcap.Message) int { return a.At.Compare(b.At) })
	return out
}

// sameMessages compares the messages for Wireshark with the sealed ones: all of
// them, and no others. A bundle without such a file has nothing to compare.
func sameMessages(files fs.FS) error {
	data, err := fs.ReadFile(files, bundlePackets)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", bundlePackets, err)
	}
	got, err := pcap.Read(data)
	if err != nil {
		return &ledger.TamperError{Leaf: -1, What: bundlePackets, Want: "a capture of DNS messages", Got: err.Error()}
	}
	bodies := map[string][]byte{}
	names, err := fs.Glob(files, "bodies/*")
	if err != nil {
		return err
	}
	for _, name := range names {
		if bodies[name], err = fs.ReadFile(files, name); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	sent, err := onTheWire(bodies)
	if err != nil {
		return err
	}
	left := map[string]int{}
	for _, m := range captured(sent) {
		left[string(m.Data)]++
	}
	for i, m := range got {
		if left[string(m.Data)]--; left[string(m.Data)] < 0 {
			return &ledger.TamperError{Leaf: -1, What: fmt.Sprintf("message %d of %s", i+1, bundlePackets), Want: "a message that was sealed", Got: "another"}
		}
	}
	for _, n := range left {
		if n > 0 {
			return &ledger.TamperError{Leaf: -1, What: bundlePackets, Want: "every message that was sealed", Got: "not all of them"}
		}
	}
	return nil
}

// dug writes the messages as dig prints them.
func dug(list []wired) []byte {
	var b bytes.Buffer
	for i := range list {
		w := &list[i]
		fmt.Fprintf(&b, ";; ==== %d  %s\n;; %s\n", i+1, w.At.UTC().Format("2006-01-02T15:04:05.000000Z"), w.words())
		for _, m := range []struct {
			what string
			data []byte
		}{{"request", w.Request}, {"response", w.Response}} {
			if len(m.data) == 0 {
				fmt.Fprintf(&b, "\n;; no %s\n", m.what)
				continue
			}
			text, err := resolve.Text(m.data)
			if err != nil {
				text = fmt.Sprintf(";; %d bytes that are no DNS message: %x\n", len(m.data), m.data)
			}
			fmt.Fprintf(&b, "\n;; %s\n%s", m.what, text)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// The form of datasets.json.
type (
	datasetUse struct {
		residency.Dataset
		First int64 `json:"first_run"`
		Last  int64 `json:"last_run"`
	}
	matchedRow struct {
		Address  netip.Addr          `json:"address"`
		Source   string              `json:"source"`
		Class    residency.Class     `json:"class"`
		Dataset  string              `json:"dataset"`
		Prefix   string              `json:"prefix"` // the row that matched; "" where the source has none
		In       residency.Countries `json:"in"`
		NotIn    residency.Countries `json:"not_in"`
		Region   string              `json:"region"`
		Stale    bool                `json:"stale"`
		Note     string              `json:"note"`
		Location residency.Hash      `json:"location_sha256"` // the body that has it
	}
)

// datasets writes which data sets the runs went by, and the rows of them that
// the addresses matched.
func (p *packing) datasets(ctx context.Context, m ledger.Manifest, files map[string][]byte) ([]byte, error) {
	var out struct {
		Schema   string       `json:"schema"`
		Datasets []datasetUse `json:"datasets"`
		Rows     []matchedRow `json:"rows"`
	}
	out.Schema = "residency/datasets/v1"
	at := map[residency.Dataset]int{}
	note := func(seq int64) error {
		run, ok := p.runOf(seq)
		if !ok {
			var err error
			if run, ok, err = p.store.Run(ctx, seq); err != nil || !ok {
				return err
			}
		}
		for _, d := range run.Datasets {
			d.Built = d.Built.UTC()
			if d.File != "embedded" {
				d.File = "" // a path of this machine
			}
			if i, known := at[d]; known {
				out.Datasets[i].Last = seq
				continue
			}
			at[d] = len(out.Datasets)
			out.Datasets = append(out.Datasets, datasetUse{d, seq, seq})
		}
		return nil
	}
	for _, seq := range m.Earlier {
		if err := note(seq); err != nil {
			return nil, err
		}
	}
	for seq := m.Context; seq <= m.Last; seq++ {
		if err := note(seq); err != nil {
			return nil, err
		}
	}
	var err error
	if out.Rows, err = rowsOf(files); err != nil {
		return nil, err
	}
	return prettyJSON(out)
}

// rowsOf returns what was said of every address that the bundle's rounds name.
func rowsOf(files map[string][]byte) ([]matchedRow, error) {
	type place struct {
		addr netip.Addr
		hash residency.Hash
	}
	seen := map[place]bool{}
	var places []place
	for name, data := range files {
		if !strings.HasPrefix(name, "bodies/") || !namesLocations(data) {
			continue
		}
		where, err := placesNamed(data)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		for addr, h := range where {
			if at := (place{addr, h}); h != (residency.Hash{}) && !seen[at] {
				seen[at] = true
				places = append(places, at)
			}
		}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(a.addr.Compare(b.addr), bytes.Compare(a.hash[:], b.hash[:])) })
	rows := []matchedRow{}
	for _, at := range places {
		loc, err := residency.ParseLocation(files[ledger.BodyFile(at.hash)], at.addr)
		if err != nil {
			return nil, fmt.Errorf("read location of %s: %w", at.addr, err)
		}
		for _, a := range loc.Assertions {
			row := matchedRow{Address: at.addr, Source: a.Source, Class: a.Class, In: a.In, NotIn: a.NotIn, Region: a.Region, Stale: a.Stale, Note: a.Note, Location: at.hash}
			if a.Prefix.IsValid() {
				row.Prefix = a.Prefix.String()
			}
			if a.Dataset != nil {
				row.Dataset = a.Dataset.Name
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// recordsOf writes the records among the leaves: what people did, and what was
// in force.
func recordsOf(files map[string][]byte) ([]byte, error) {
	type record struct {
		Leaf int64           `json:"leaf"`
		Kind string          `json:"kind"`
		At   time.Time       `json:"at"`
		By   string          `json:"by"`
		Body json.RawMessage `json:"body"`
	}
	list := []record{}
	for name, data := range files {
		number, ok := strings.CutPrefix(name, "leaves/")
		if !ok {
			continue
		}
		e, err := ledger.ParseLeaf(data)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if e.Record == nil {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		r := record{n, e.Record.Kind, e.Record.At.Time, e.Record.By, e.Record.Body}
		if r.Body == nil {
			r.Body = files[ledger.BodyFile(e.Record.BodySHA256)]
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b record) int { return cmp.Compare(a.Leaf, b.Leaf) })
	return prettyJSON(struct {
		Schema  string   `json:"schema"`
		Records []record `json:"records"`
	}{"residency/records/v1", list})
}

// prettyJSON writes JSON for people and machines.
func prettyJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return b.Bytes(), nil
}
