package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

// found is the run and the cell with one address left behind.
func found() (residency.Run, residency.Claim, residency.Round, residency.Cell) {
	run := inNovember()
	run.Notice, run.Simulated = notice, true
	round := run.Rounds[1]
	o := &round.Observations[1]
	o.Exchanges = []residency.Exchange{{Server: o.Server, Transport: "udp", Name: o.Endpoint.Host, At: o.At,
		Request: []byte("\x12\x34\x01\x00\x00\x01"), Response: bytes.Repeat([]byte{0xcb, 0, 0x71, 0x10}, 20)}}
	return run, run.Claims[1].Claim, round, round.Cells[1]
}

func explain(t *testing.T, run residency.Run, claim residency.Claim, round residency.Round, cell residency.Cell, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Explain(&b, run, claim, round, cell, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExplainGolden(t *testing.T) {
	t.Parallel()
	run, claim, round, cell := found()
	golden(t, "explain-outside.txt", []byte(explain(t, run, claim, round, cell, Options{Width: 120})))
	run = inNovember()
	round = run.Rounds[0]
	golden(t, "explain-untold.txt", []byte(explain(t, run, run.Claims[0].Claim, round, round.Cells[4], Options{})))
	golden(t, "explain-timeout.txt", []byte(explain(t, run, run.Claims[0].Claim, round, round.Cells[6], Options{})))
}

func TestExplainHoldsTheWholeProof(t *testing.T) {
	t.Parallel()
	run, claim, round, cell := found()
	got := explain(t, run, claim, round, cell, Options{Width: 400})
	for _, want := range []string{
		notice, "Judged as of", claim.Quote, claim.SaidBy, "22 Oct 2014", claim.Source, "31 Oct 2014",
		"198.18.0.0/24", "scope /24", "CNAME", "edge.api.account.acme.example", "60",
		"203.0.113.16", "China or Germany", "dbip-country", "2026-06-01", "9f2c51aa0b77", "203.0.113.0/24",
		"sources differ, so every place named is possible", "seen outside", "two or more sources agree",
		residency.Outside.Limit(), "cb 00 71 10",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the proof lacks %q", want)
		}
	}
	for _, word := range []string{"tailoring", "voice", "lineage", " cell", "standing"} {
		if strings.Contains(strings.ToLower(strings.ReplaceAll(got, "outstanding", "")), word) {
			t.Errorf("the proof uses our own word %q", word)
		}
	}
}

func TestExplainOfNothing(t *testing.T) {
	t.Parallel()
	got := explain(t, residency.Run{}, residency.Claim{}, residency.Round{}, residency.Cell{}, Options{})
	if !strings.Contains(got, "cannot be told") {
		t.Errorf("explain of zero values: %q", got)
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	inputs := []Located{
		{"192.0.2.20", true, oregon.location()},
		{"not an, \"address\"\x1b", false, residency.Location{}},
		{"=cmd|' /C calc'!A0", false, residency.Location{}},
		{"203.0.113.16", true, beijing.location()},
		{"::1", true, residency.Location{Address: netip.MustParseAddr("::1"), Decision: residency.DecidedSpecial, Veto: residency.ReasonSpecialPurpose}},
	}
	for _, format := range []string{"table", "ndjson", "csv"} {
		var b bytes.Buffer
		l, err := NewLocator(&b, format, Options{Width: 120})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range inputs {
			if err := l.Write(x); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		golden(t, "locate."+format, b.Bytes())
		switch format {
		case "ndjson":
			checkLocatedJSON(t, inputs, b.String())
		case "csv":
			rows, err := csv.NewReader(&b).ReadAll()
			if err != nil || len(rows) != 6 || rows[2][1] != "" || rows[2][5] != "invalid" || !strings.HasPrefix(rows[3][0], "'=") {
				t.Errorf("csv = %q, %v", rows, err)
			}
		}
	}
	if _, err := NewLocator(io.Discard, "xml", Options{}); err == nil {
		t.Error("a format that is none is taken")
	}
}

// checkLocatedJSON compares the lines made by hand with what encoding/json
// makes of the same assertions.
func checkLocatedJSON(t *testing.T, inputs []Located, got string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != len(inputs) {
		t.Fatalf("%d lines for %d inputs", len(lines), len(inputs))
	}
	for i, line := range lines {
		var row struct {
			Address    string
			Countries  residency.Countries
			DecidedBy  string `json:"decided_by"`
			Voices     int
			Assertions []jsonAssertion
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		x := inputs[i]
		if row.Address != x.Input || row.Countries != x.Location.Countries || row.DecidedBy != x.decidedBy() || row.Voices != len(x.Location.Voices) {
			t.Errorf("line %d = %+v, want %+v", i, row, x)
		}
		for j, a := range row.Assertions {
			if diff := cmp.Diff(assertionOf(x.Location.Assertions[j]), a); diff != "" {
				t.Errorf("line %d, assertion %d: %s", i, j, diff)
			}
		}
	}
}

func TestLocateTellsWriteErrors(t *testing.T) {
	t.Parallel()
	l, err := NewLocator(&brokenPipe{100}, "ndjson", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if err = l.Write(Located{"192.0.2.20", true, oregon.location()}); err != nil {
			break
		}
	}
	if !errors.Is(err, errPipe) {
		t.Errorf("writing to a closed pipe: %v", err)
	}
}

func FuzzAppendLocated(f *testing.F) {
	for _, s := range []string{"", "192.0.2.1", "a\"b\\c", "\xff\x00\u2028", "=1+1", " @x", "a,b\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := appendLocated(nil, Located{Input: s})
		var row struct{ Address string }
		if err := json.Unmarshal(line, &row); err != nil || row.Address != strings.ToValidUTF8(s, "\ufffd") && !strings.Contains(row.Address, "\ufffd") {
			t.Errorf("appendLocated(%q) = %s: %v", s, line, err)
		}
		rows, err := csv.NewReader(bytes.NewReader(appendLocatedCSV(nil, Located{Input: s}))).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 6 {
			t.Fatalf("csv of %q = %q, %v", s, rows, err)
		}
		if got := strings.TrimLeft(rows[0][0], " "); got != "" && strings.ContainsRune("=+-@", rune(got[0])) {
			t.Errorf("csv of %q is a formula: %q", s, got)
		}
	})
}

func BenchmarkLocateNDJSON(b *testing.B) {
	x := Located{"192.0.2.20", true, oregon.location()}
	l, err := NewLocator(io.Discard, "ndjson", Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Write(x); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	run := many()
	b.ReportAllocs()
	for b.Loop() {
		if err := JSON(io.Discard, run); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*651), "ns/cell")
}

// TestExplainDelegation: how a server was found, its own name, and an address
// that is a hint are in the proof and in the JSON; an endpoint that is an
// address says why nothing was asked.
func TestExplainDelegation(t *testing.T) {
	t.Parallel()
	run, claim, round, cell := found()
	round.Observations = slices.Clone(round.Observations)
	for i := range round.Observations {
		o := &round.Observations[i]
		o.Path = []residency.Delegation{
			{Zone: ".", Server: "a.root-servers.net", Address: "198.41.0.4:53"},
			{Zone: "mi.com", Server: "ns4.dnsv5.com", Address: o.Server},
		}
		o.Type, o.Addresses = "HTTPS", slices.Clone(o.Addresses)
		for j := range o.Addresses {
			o.Addresses[j].Hint = true
		}
	}
	text := explain(t, run, claim, round, cell, Options{Width: 120})
	for _, want := range []string{"How the name servers were found", "a.root-servers.net", "198.41.0.4:53", "ns4.dnsv5.com", "HTTPS hint"} {
		if !strings.Contains(text, want) {
			t.Errorf("the proof does not say %q:\n%s", want, text)
		}
	}
	run.Rounds = []residency.Round{round}
	out := write(t, "json", run)
	for _, want := range []string{`"path":[{"zone":".","server":"a.root-servers.net","address":"198.41.0.4:53"}`, `"hint":true`} {
		if !strings.Contains(out, want) {
			t.Errorf("the JSON lacks %s", want)
		}
	}
	cell.Endpoint.Address, round.Observations = cell.Addresses[0].Address, nil
	if text := explain(t, run, claim, round, cell, Options{Width: 120}); !strings.Contains(text, "it is judged as it is") {
		t.Errorf("the proof of an address:\n%s", text)
	}
}
