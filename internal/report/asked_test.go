package report

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

func TestAskedLine(t *testing.T) {
	t.Parallel()
	started := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	india := time.FixedZone("IST", 19800)
	run := residency.Run{ID: "20261122T120000Z-00000000", Started: started, At: started, Version: "v1.2.3", ConfigPath: "/home/jane/config.toml", ConfigSHA256: strings.Repeat("ab", 32)}
	then := run
	then.Simulated, then.At = true, time.Date(2014, 11, 2, 0, 0, 0, 0, india)
	local := run
	local.At = run.At.In(india)
	lab := then
	lab.Started = lab.At.Add(time.Second)
	tests := []struct {
		name string
		run  residency.Run
		want string
	}{
		{"now", run, "Asked 22 Nov 2026 12:00 UTC, run 20261122T120000Z-00000000, residency v1.2.3, configuration config.toml abababababab. Results rest on this run alone."},
		{"by the organisation's clock", local, "Asked 22 Nov 2026 17:30 IST, run 20261122T120000Z-00000000, residency v1.2.3, configuration config.toml abababababab. Results rest on this run alone."},
		{"as of then", then, "Asked on 22 Nov 2026; judged as if it were 2 Nov 2014 00:00 IST. Run 20261122T120000Z-00000000, residency v1.2.3, configuration config.toml abababababab. Results rest on this run alone."},
		{"the clock set to then", lab, "Judged as of 2 Nov 2014 00:00 IST. Run 20261122T120000Z-00000000, residency v1.2.3, configuration config.toml abababababab. Results rest on this run alone."},
		{"with a memory", residency.Run{ID: "x", Started: started, Window: 24 * time.Hour}, "Asked 22 Nov 2026 12:00 UTC, run x. Results look back over 24 hours of runs."},
		{"a run without an origin", residency.Run{}, ""},
		{"no configuration", residency.Run{ID: "x", Started: started}, "Asked 22 Nov 2026 12:00 UTC, run x. Results rest on this run alone."},
	}
	for _, tt := range tests {
		if got := askedLine(&tt.run); got != tt.want {
			t.Errorf("%s: askedLine = %q, want %q", tt.name, got, tt.want)
		}
		if first, _, _ := strings.Cut(tableOf(t, tt.run, Options{Width: 400}), "\n"); tt.want != "" && first != tt.want {
			t.Errorf("%s: the table begins with %q", tt.name, first)
		}
	}
	if got := page(t, Page{Title: "t", Steps: []Step{{At: then.At, Run: then}}}); !strings.Contains(got, "Asked on 22 Nov 2026; judged as if it were 2 Nov 2014") {
		t.Error("the page does not say when it was asked")
	}
}

func TestPartSaysNothingOfTheWholeClaim(t *testing.T) {
	t.Parallel()
	run, claim, round, cell := found()
	run.Claims[1].Standing = residency.Holding // as one host that is inside would have it
	for want, o := range map[string]Options{
		"not judged here; this looked at one host. residency check says how it stands": {Part: true, Width: 200},
		"nothing seen outside:": {Width: 200},
	} {
		got := explain(t, run, claim, round, cell, o)
		at := strings.Index(got, "the whole claim")
		if line, _, _ := strings.Cut(got[at:], "\n"); !strings.Contains(line, want) {
			t.Errorf("Part %v: %q, want %q", o.Part, line, want)
		}
	}
	run.Rounds = []residency.Round{{Endpoint: round.Endpoint, Cells: []residency.Cell{cell}}}
	if got := looked(&run, claim); got != "one host and one market" {
		t.Errorf("looked = %q", got)
	}
}

func TestStaleLine(t *testing.T) {
	t.Parallel()
	old := time.Date(2025, 7, 24, 0, 0, 0, 0, time.UTC)
	for class, want := range map[residency.Class]string{
		residency.ClassDatabase: "location data too old to clear anything: x of 24 Jul 2025",
		residency.ClassEdge:     "the list of shared edges is of 24 Jul 2025: an edge newer than that is not known to be one (x)",
		residency.ClassAnycast:  "the list of addresses served from many places is of 24 Jul 2025: an address served from many places since is not known to be one (x)",
		residency.ClassHint:     "an old data set: x of 24 Jul 2025",
	} {
		d := residency.Dataset{Name: "x", Class: class, Built: old, Stale: true}
		if got := staleLine(d); got != want {
			t.Errorf("staleLine(%s) = %q, want %q", class, got, want)
		}
		row := strings.Join(assertionRow(residency.Assertion{Class: class, Stale: true, Dataset: &d}), " ")
		if strings.Contains(row, "clear anything") != (class == residency.ClassDatabase) {
			t.Errorf("an old assertion of class %s reads %q", class, row)
		}
	}
	at := oregon.location()
	round := &residency.Round{Locations: map[netip.Addr]residency.Location{at.Address: at}}
	cell := &residency.Cell{Verdict: residency.Undetermined, Reasons: []residency.Reason{residency.ReasonStaleData},
		Addresses: []residency.JudgedAddress{{Address: at.Address, Counts: true}}}
	if s := changes(residency.Claim{}, round, cell); len(s.Lines) != 1 || s.Lines[0] != "A newer copy of what is too old to clear anything: aws-ip-ranges of 24 Jul 2025." {
		t.Errorf("what would change it = %q", s.Lines)
	}
}

func TestModuleHashIsNoSHA256(t *testing.T) {
	t.Parallel()
	run, claim, round, cell := found()
	run.Rounds = []residency.Round{round}
	whole := page(t, Page{Title: "t", Steps: []Step{{At: run.At, Run: run}}, Explained: []Explained{{run, claim, round, cell}}})
	for name, got := range map[string]string{"the proof": explain(t, run, claim, round, cell, Options{Width: 200}), "the page": whole} {
		if !strings.Contains(got, "module hash h1:Zk2yXo0") || strings.Contains(got, "SHA-256 h1:") || !strings.Contains(got, "SHA-256 9f2c51aa0b77e3d1") {
			t.Errorf("%s does not tell module hashes from those of files", name)
		}
	}
	if got := write(t, "json", run); !strings.Contains(got, `"sha256":"","hash":"h1:Zk2yXo0"`) || !strings.Contains(got, `"sha256":"9f2c51aa0b77e3d1"`) {
		t.Errorf("the JSON does not tell module hashes from those of files: %.900s", got)
	}
}

func TestCorrectionThatWidens(t *testing.T) {
	t.Parallel()
	l := singapore.location()
	more := residency.CountriesOf(cc("IN"))
	l.Countries = l.Countries.Union(more)
	l.Voices = append(l.Voices, residency.Voice{Name: "holder", Countries: residency.CountriesOf(cc("SG"))})
	l.Assertions = append(l.Assertions, residency.Assertion{Source: "correction", Class: residency.ClassCorrection, In: more, Dataset: dbA})
	want := "Only a correction declared by the user names India: without it the place would be Singapore."
	if s := located(l, nil); !strings.Contains(strings.Join(s.Lines, "\n"), want) {
		t.Errorf("lines = %q, want %q", s.Lines, want)
	}
	if s := located(singapore.location(), nil); strings.Contains(strings.Join(s.Lines, " "), "correction") {
		t.Errorf("a correction is told that there is not: %q", s.Lines)
	}
}

func TestNoClaimWasJudgedSaysHowManyWereLeftOut(t *testing.T) {
	t.Parallel()
	run := residency.Run{LeftOut: 3}
	if got := totals(&run); !strings.Contains(got, "3 historic, withdrawn or superseded left out") {
		t.Errorf("totals = %q", got)
	}
}
