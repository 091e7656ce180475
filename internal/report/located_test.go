package report

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"residency/internal/residency"
)

// TestLocatedSaysWhatContradicts: a name and a delay that contradict what the
// sources say are told in a plain sentence each.
func TestLocatedSaysWhatContradicts(t *testing.T) {
	t.Parallel()
	sg, cn := residency.CountriesOf(cc("SG")), residency.CountriesOf(cc("CN"))
	hint := func(in residency.Countries, region string) residency.Assertion {
		return residency.Assertion{Source: "aws", Class: residency.ClassHint, In: in, Region: region, Note: `region "x" in the name "y"`}
	}
	const allExcluded = "Every place that a source names is too far away for the delay measured: a source or the measurement is wrong."
	for _, tt := range []struct {
		name            string
		named, excluded residency.Countries
		hint            residency.Assertion
		want            string
	}{
		{"agrees", sg, residency.Countries{}, hint(sg, "aws:ap-southeast-1"), ""},
		{"contradicts", cn, residency.Countries{}, hint(sg, "aws:ap-southeast-1"), "Its name says Singapore (aws:ap-southeast-1), the sources say China."},
		{"an airport", cn, residency.Countries{}, hint(sg, ""), "Its name says Singapore, the sources say China."},
		{"one of two", cn.Union(sg), residency.Countries{}, hint(sg, ""), ""},
		{"nobody knows", residency.Countries{}, residency.Countries{}, hint(sg, ""), ""},
		{"hints at what the delay excludes", cn.Union(sg), sg, hint(sg, ""), "Named by a source, and too far away for the delay measured: Singapore.|Its name says Singapore, the sources say China."},
		{"all excluded", cn, cn.Union(sg), hint(cn, ""), allExcluded},
	} {
		s := located(residency.Location{
			Address: netip.MustParseAddr("192.0.2.1"), Countries: tt.named, Excluded: tt.excluded, Assertions: []residency.Assertion{tt.hint},
		}, nil)
		if got := strings.Join(s.Lines, "|"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestSurveyInJSON: what came of measuring delays, and what they exclude.
func TestSurveyInJSON(t *testing.T) {
	t.Parallel()
	run, _, round, _ := found() // the maps of the round are those of the run
	run.Surveys = []residency.Survey{
		{Vantage: "Seoul", Targets: 3, Answered: 2, WhyNot6: "no far host answered over IPv6"},
		{Vantage: "Pune", Reason: residency.ReasonRTTUntrusted, Why: "no far host answered", WhyNot4: "w", WhyNot6: "w"},
	}
	addr := netip.MustParseAddr(beijing.addr)
	l := round.Locations[addr]
	l.Excluded = residency.CountriesOf(cc("DE"), cc("US"))
	l.Assertions = append(l.Assertions, residency.Assertion{Source: "rtt", Class: residency.ClassRTT, NotIn: l.Excluded, Proven: residency.CountriesOf(cc("US"))})
	round.Locations[addr] = l
	var b strings.Builder
	if err := JSON(&b, run); err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(b.String())) {
		t.Error("no JSON")
	}
	for _, want := range []string{
		`"surveys":[{"vantage":"Seoul","at":null,"targets":3,"answered":2,"left_out":0,"trusted":true,"reason":"","why_not_ipv4":"","why_not_ipv6":"no far host answered over IPv6"`,
		`{"vantage":"Pune","at":null,"targets":0,"answered":0,"left_out":0,"trusted":false,"reason":"rtt-untrusted"`,
		`"excluded":["DE"],"assertions":[`, `"not_in":["DE","US"],"proven":["US"],"region":""`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the JSON lacks %s", want)
		}
	}
}
