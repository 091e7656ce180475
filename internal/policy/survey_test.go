package policy

import (
	"net/netip"
	"testing"

	"residency/internal/residency"
)

// TestDistrustedDelays: that no delay could be believed is a reason of what
// cannot be told for want of one, and of nothing else.
func TestDistrustedDelays(t *testing.T) {
	t.Parallel()
	dropped := residency.Survey{Reason: residency.ReasonRTTUntrusted, Why: "w", WhyNot4: "w", WhyNot6: "w"}
	only6 := residency.Survey{WhyNot6: "w"}
	differ, edge := located("CN|SG", "a=CN", "b=SG"), located("")
	edge.Veto = residency.ReasonEdge
	for _, tt := range []struct {
		name    string
		loc     residency.Location
		surveys []residency.Survey
		want    residency.Verdict
		reasons string
	}{
		{"not asked for", differ, nil, residency.Undetermined, "conflict"},
		{"dropped", differ, []residency.Survey{dropped}, residency.Undetermined, "conflict rtt-untrusted"},
		{"dropped for the other family", differ, []residency.Survey{only6}, residency.Undetermined, "conflict"},
		{"one of two believed", differ, []residency.Survey{dropped, only6}, residency.Undetermined, "conflict"},
		{"an edge is none for lack of a delay", edge, []residency.Survey{dropped}, residency.Undetermined, "edge"},
		{"outside", located("CN", "a=CN", "b=CN"), []residency.Survey{dropped}, residency.Outside, ""},
		{"inside", located("SG", "a=SG", "b=SG"), []residency.Survey{dropped}, residency.Inside, ""},
	} {
		f := factsOf([]string{"A"}, seen("A", "192.0.2.1"))
		f.Locations[netip.MustParseAddr("192.0.2.1")] = tt.loc
		f.Surveys = tt.surveys
		got := Judge(claim(countries("SG"), ""), f)
		if got.Verdict != tt.want || reasons(got.Reasons) != tt.reasons {
			t.Errorf("%s: %v (%s), want %v (%s)", tt.name, got.Verdict, reasons(got.Reasons), tt.want, tt.reasons)
		}
	}
}

// TestStandingNamesWhatIsLeft: what a delay has excluded is not among the
// places in which an address was seen outside.
func TestStandingNamesWhatIsLeft(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr("192.0.2.1")
	f := factsOf([]string{"A"}, seen("A", addr.String()))
	f.Locations[addr] = delayed(located("CN|SG", "a=CN", "b=CN", "c=SG"), "SG", "SG")
	c := claim(countries("SG"), "")
	cell := Judge(c, f)
	if got := Stand(c, []residency.Cell{cell}, f.Locations, f.At); cell.Verdict != residency.Outside || got.Where != set("CN") {
		t.Errorf("verdict %v, outside in %v, want CN", cell.Verdict, got.Where)
	}
}
