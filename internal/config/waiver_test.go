package config

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

const waiverHead = `[[waiver]]
id = "W-7"
owner = "Ann"
approver = "Bob"
reason = "they leave by March"
`

func TestWaiver(t *testing.T) {
	t.Parallel()
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	base := residency.Waiver{ID: "W-7", Owner: "Ann", Approver: "Bob", Reason: "they leave by March", Claims: []string{"one"}, Until: day(2027, 2, 1)}
	in := residency.MustCountry("IN")
	tests := []struct {
		name, keys string
		change     func(*residency.Waiver)
	}{
		{"unknown accepted", "verdicts = [\"undetermined\", \"not_measured\"]\nuntil = 2027-01-31\n", func(w *residency.Waiver) {
			w.Verdicts = []residency.Verdict{residency.Undetermined, residency.NotMeasured}
		}},
		{"outside, everything named", "vendor = \"acme\"\nclaims = [\"one\"]\nservices = [\"sync\"]\nendpoints = [\"API.acme.example\"]\nmarkets = [\"IN\"]\nverdicts = [\"outside\"]\ncountries = [\"CN\", \"EEA\"]\nfrom = 2026-12-01\nuntil = 2027-01-31\n",
			func(w *residency.Waiver) {
				w.Vendor, w.Services, w.Hosts, w.Markets = "acme", []string{"sync"}, []string{"api.acme.example"}, []residency.Country{in}
				w.Verdicts, w.From = []residency.Verdict{residency.Outside}, day(2026, 12, 1)
			}},
	}
	for _, tt := range tests {
		l := Loader{Now: func() time.Time { return day(2026, 11, 22) }}
		c, err := load(t, l, memory{"config.toml": []byte(small + waiverHead + tt.keys)})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got, want := c.Waivers[0], base
		tt.change(&want)
		if tt.name == "outside, everything named" {
			if cn, no := residency.MustCountry("CN"), residency.MustCountry("NO"); !got.Countries.Has(cn) || !got.Countries.Has(no) || got.Countries.Has(in) {
				t.Errorf("%s: countries %v", tt.name, got.Countries.Codes())
			}
		}
		want.Countries, want.Where = got.Countries, got.Where
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestWaiverTime holds how long a waiver may hold, and that one that ended is
// said to have.
func TestWaiverTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	const keys = "verdicts = [\"undetermined\"]\n"
	tests := []struct {
		name, keys, organisation string
		problems, warnings       []string
	}{
		{"a year from now", "until = 2027-11-22\n", "", nil, nil},
		{"a day more than a year", "until = 2027-11-23\n", "", []string{"config.toml:18:9: waiver[0].until: 2027-11-23 is more than 366 days after it begins"}, nil},
		{"a year from its first day", "from = 2028-01-01\nuntil = 2028-12-31\n", "", nil, nil},
		{"as long as we allow ourselves", "until = 2027-11-23\n", "waiver_max_days = 400\n", nil, nil},
		{"ended yesterday", "until = 2026-11-21\n", "", nil, []string{"config.toml:18:9: waiver[0].until: the waiver ended on 2026-11-21 and covers nothing"}},
		{"ends today", "until = 2026-11-22\n", "", nil, nil},
	}
	for _, tt := range tests {
		text := small + waiverHead + keys + tt.keys
		if tt.organisation != "" {
			text += "[organisation]\n" + tt.organisation
		}
		c, err := load(t, Loader{Now: func() time.Time { return now }}, memory{"config.toml": []byte(text)})
		var problems, warnings []string
		if bad, ok := err.(*Errors); ok {
			for _, p := range bad.Problems {
				problems = append(problems, p.String())
			}
		}
		if c != nil {
			for _, w := range c.Warnings {
				warnings = append(warnings, w.String())
			}
		}
		if !slices.Equal(problems, tt.problems) || !slices.Equal(warnings, tt.warnings) {
			t.Errorf("%s: problems %q, warnings %q; want %q, %q", tt.name, problems, warnings, tt.problems, tt.warnings)
		}
	}
}

// TestWaiverDocs reads the example of the documentation as users will write it.
func TestWaiverDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```toml\n")
	block, _, closed := strings.Cut(block, "```")
	if !ok || !closed {
		t.Fatal("docs/findings.md has no TOML")
	}
	c, err := load(t, Loader{}, memory{"config.toml": []byte(small + block)})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Waivers) != 1 || c.Waivers[0].Words() != "W-7 until 31 Mar 2027" {
		t.Errorf("waivers = %+v", c.Waivers)
	}
	if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), "(waived "+c.Waivers[0].Words()+")") {
		t.Error("docs/findings.md does not show the words of its waiver")
	}
}
