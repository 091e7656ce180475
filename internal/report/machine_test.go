package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"residency/internal/residency"
)

func write(t *testing.T, format string, run residency.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, run, Options{}); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String()
}

func TestMachineGolden(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "ndjson", "csv", "nagios", "junit"} {
		golden(t, "troubled."+format, []byte(write(t, format, troubled())))
	}
}

func TestEveryFormatSaysSimulated(t *testing.T) {
	t.Parallel()
	for _, format := range Formats() {
		run := inNovember()
		mark := "simulated_at"
		if format == "table" {
			mark = "Judged as of"
		}
		if got := write(t, format, run); strings.Contains(strings.ReplaceAll(got, `"simulated_at":null`, ""), mark) {
			t.Errorf("%s says %s of an ordinary run", format, mark)
		}
		run.Simulated = true
		if got := write(t, format, run); !strings.Contains(got, mark) || !strings.Contains(got, "2014") {
			t.Errorf("%s does not say %s of a simulated run", format, mark)
		}
	}
}

func TestSameRunSameBytes(t *testing.T) {
	t.Parallel()
	for _, format := range Formats() {
		first := write(t, format, many())
		for range 2 {
			if write(t, format, many()) != first {
				t.Errorf("%s is not deterministic", format)
			}
		}
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	c := func(s residency.Standing) residency.ClaimStanding {
		return residency.ClaimStanding{Standing: s, Effective: s}
	}
	h, p, b, u := c(residency.Holding), c(residency.Pending), c(residency.Broken), c(residency.StandingUnknown)
	old := b
	old.Claim.Historic = true
	tests := []struct {
		name    string
		claims  []residency.ClaimStanding
		partial bool
		want    int
		word    string
	}{
		{"all holding", []residency.ClaimStanding{h, h}, false, 0, "OK"},
		{"pending", []residency.ClaimStanding{h, p}, false, 1, "WARNING"},
		{"unknown is worse than pending", []residency.ClaimStanding{p, u, h}, false, 3, "UNKNOWN"},
		{"broken is worst", []residency.ClaimStanding{u, p, b}, false, 2, "CRITICAL"},
		{"partial", []residency.ClaimStanding{h}, true, 3, "UNKNOWN"},
		{"partial and pending", []residency.ClaimStanding{p}, true, 3, "UNKNOWN"},
		{"partial and broken", []residency.ClaimStanding{b}, true, 2, "CRITICAL"},
		{"no claims", nil, false, 3, "UNKNOWN"},
		{"historic only", []residency.ClaimStanding{old}, false, 3, "UNKNOWN"},
		{"historic is not counted", []residency.ClaimStanding{old, h}, false, 0, "OK"},
		{"broken, and waived", []residency.ClaimStanding{{Standing: residency.Broken, Effective: residency.Holding}, p}, false, 1, "WARNING"},
		{"unknown, and accepted", []residency.ClaimStanding{{Effective: residency.Holding}}, false, 0, "OK"},
		{"a standing that is none", []residency.ClaimStanding{c(9)}, false, 3, "UNKNOWN"},
	}
	for _, tt := range tests {
		run := residency.Run{Claims: tt.claims, Partial: tt.partial}
		if got := ExitCode(run); got != tt.want {
			t.Errorf("%s: ExitCode = %d, want %d", tt.name, got, tt.want)
		}
		if got := write(t, "nagios", run); !strings.HasPrefix(got, "RESIDENCY "+tt.word+" - ") {
			t.Errorf("%s: nagios = %q, want %s", tt.name, got, tt.word)
		}
	}
}

func TestJSONIsValidAndComplete(t *testing.T) {
	t.Parallel()
	var doc struct {
		Schema string
		Run    struct {
			SimulatedAt *string `json:"simulated_at"`
			Partial     bool
		}
		Datasets, Resolvers []map[string]any
		Notices, Missing    []string
		Claims              []map[string]any
		Cells               []map[string]any
	}
	if err := json.Unmarshal([]byte(write(t, "json", troubled())), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Schema != Schema || doc.Run.SimulatedAt == nil || !doc.Run.Partial || len(doc.Datasets) != 4 || len(doc.Resolvers) != 2 ||
		len(doc.Notices) != 1 || len(doc.Missing) != 1 || len(doc.Claims) != 3 || len(doc.Cells) != 21 {
		t.Errorf("JSON lacks something: %+v", doc)
	}
	for _, key := range []string{"last_outside", "broken_since"} {
		if v, ok := doc.Claims[0][key]; !ok || v != nil {
			t.Errorf("claim %s = %v, %v; want null: nothing is remembered", key, v, ok)
		}
	}
	if lines := strings.Count(write(t, "ndjson", troubled()), "\n"); lines != 1+3+21 {
		t.Errorf("NDJSON has %d lines, want 25", lines)
	}
	for _, line := range strings.Split(strings.TrimSpace(write(t, "ndjson", troubled())), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	if empty := write(t, "json", residency.Run{}); !json.Valid([]byte(empty)) || strings.Contains(empty, ":null,\"run") || strings.Contains(empty, `"cells":null`) {
		t.Errorf("JSON of the empty run: %s", empty)
	}
}

func TestCSVIsNoFormula(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{"=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\uff1d1", "\x00=1", "\n=1"} {
		run := done()
		run.Rounds[0].Cells[0].Claim = evil
		rows, err := csv.NewReader(strings.NewReader(write(t, "csv", run))).ReadAll()
		if err != nil {
			t.Fatalf("%q: %v", evil, err)
		}
		if len(rows) != 22 || len(rows[1]) != 13 {
			t.Fatalf("%q: %d rows", evil, len(rows))
		}
		if got := rows[1][0]; !strings.HasPrefix(got, "'") || strings.ContainsAny(got, "\r\n\t\x00") {
			t.Errorf("%q becomes %q", evil, got)
		}
	}
}

func TestNagiosIsOneLine(t *testing.T) {
	t.Parallel()
	run := troubled()
	run.Notice, run.PartialBy, run.Claims[0].Claim.Vendor = "a|b\nc", "x\n|y", "v|\n"
	got := write(t, "nagios", run)
	if strings.Count(got, "\n") != 1 || strings.Count(got, "|") != 1 {
		t.Errorf("not one line with one bar: %q", got)
	}
	if !regexp.MustCompile(` \| inside=11 outside=8 undetermined=1 not_measured=1\n$`).MatchString(got) {
		t.Errorf("perfdata: %q", got)
	}
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	run := troubled()
	run.Rounds[0].Cells[0].Counts = false
	run.Rounds[1].Cells[0].Endpoint.Host = "a\x00\x1b]]>&<b"
	var doc struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	got := write(t, "junit", run)
	if err := xml.Unmarshal([]byte(got), &doc); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if doc.Tests != 22 || doc.Failures != 8 || doc.Errors != 3 || doc.Skipped != 1 {
		t.Errorf("JUnit counts %+v; want 22 tests (21 and the partial run), 8 failures, 3 errors, 1 skipped", doc)
	}
}

// TestJUnitClaimsAsAWhole: where cells are not listed, as in status, the claim
// still shows what it is: a case that passed, failed, or is an error.
func TestJUnitClaimsAsAWhole(t *testing.T) {
	t.Parallel()
	for standing, want := range map[residency.Standing]string{
		residency.Holding:         `tests="1" failures="0" errors="0"`,
		residency.Pending:         `tests="1" failures="1" errors="0"`,
		residency.Broken:          `tests="1" failures="1" errors="0"`,
		residency.StandingUnknown: `tests="1" failures="0" errors="1"`,
	} {
		run := residency.Run{At: built, Claims: []residency.ClaimStanding{{Claim: residency.Claim{ID: "one", Vendor: "acme"}, Standing: standing, Effective: standing}}}
		got := write(t, "junit", run)
		if !strings.Contains(got, `<testsuite name="one" timestamp="`) || !strings.Contains(got, want) || !strings.Contains(got, `name="the whole claim"`) {
			t.Errorf("JUnit of a claim %s without cells: want %s in\n%s", standing, want, got)
		}
	}
}

// brokenPipe fails after some bytes, as a closed "| head" does.
type brokenPipe struct{ left int }

var errPipe = errors.New("broken pipe")

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errPipe
	}
	return len(p), nil
}

func TestWriteErrorsAreTold(t *testing.T) {
	t.Parallel()
	for _, format := range Formats() {
		if err := Write(&brokenPipe{10}, format, many(), Options{}); !errors.Is(err, errPipe) {
			t.Errorf("%s into a closed pipe: %v", format, err)
		}
	}
	if err := Write(io.Discard, "pdf", many(), Options{}); err == nil || !strings.Contains(err.Error(), "junit") {
		t.Errorf("a format that is none: %v", err)
	}
}
