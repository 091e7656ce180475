package report

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// listedFindings has one that is closed, one that is open and was reopened, and
// one that somebody took over and a waiver covers.
func listedFindings() []residency.Finding {
	at := func(day int) time.Time { return time.Date(2026, 11, day, 20, 0, 0, 0, time.UTC) }
	settled := at(20)
	with := func(host, market, claim string) residency.Finding {
		m := residency.MustCountry(market)
		return residency.Finding{Key: residency.FindingKey("acme", "api", host, m, claim), Vendor: "acme", Service: "api", Host: host, Market: m, Claim: claim,
			Opened: at(1), LastSeen: at(21), Grade: residency.Corroborated, Countries: residency.CountriesOf(residency.MustCountry("CN")),
			Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.7")}}
	}
	closed := with("old.acme.example", "IN", "one")
	closed.Closed, closed.ClosedAs = at(20), residency.ClosedFalsePositive
	closed.Disputed = &residency.Dispute{Mark: residency.Mark{By: "B. Li", At: at(19)}, Document: "a.pdf", Upheld: true, Settled: &settled, Cause: "database"}
	again := with("api.acme.example", "IN", "one")
	again.Reopened = at(15)
	taken := with("push.acme.example", "SG", "=two")
	taken.Opened, taken.Waiver, taken.Acknowledged = at(10), "W-7", &residency.Mark{By: "A. Rao", At: at(11)}
	return []residency.Finding{closed, taken, again}
}

func TestWriteFindings(t *testing.T) {
	t.Parallel()
	kolkata := time.FixedZone("IST", 5*3600+1800)
	tests := []struct {
		format string
		want   []string // in this order
	}{
		{"table", []string{"how it stands", "api.acme.example", "16 Nov 2026", "open", "push.acme.example", "open; taken over by A. Rao; waived W-7",
			"old.acme.example", "closed 21 Nov 2026: found to be wrong; it was wrong: database"}},
		{"json", []string{`"schema": "residency/findings/v1"`, `"state": "open"`, `"endpoint": "api.acme.example"`, `"reopened": "2026-11-15T20:00:00Z"`, `"closed": null`,
			`"waiver": "W-7"`, `"state": "closed"`, `"closed_as": "false_positive"`, `"upheld": true`, `"earlier": []`}},
		{"csv", []string{"key,state,claim,", ",open,one,acme,api,api.acme.example,IN,2026-11-01T20:00:00Z,2026-11-15T20:00:00Z,", ",open,'=two,",
			"W-7,A. Rao,,\n", ",closed,one,acme,api,old.acme.example,", "false_positive,corroborated,CN,203.0.113.7,,,B. Li,true"}},
	}
	for _, tt := range tests {
		var b strings.Builder
		if err := WriteFindings(&b, tt.format, listedFindings(), kolkata, Options{Width: 160}); err != nil {
			t.Fatal(err)
		}
		rest := b.String()
		for _, want := range tt.want {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("%s: want %q next in:\n%s", tt.format, want, b.String())
				break
			}
			rest = after
		}
	}
	if err := WriteFindings(&strings.Builder{}, "xml", nil, time.UTC, Options{}); err == nil {
		t.Error("WriteFindings as xml: no error")
	}
	var none strings.Builder
	if err := WriteFindings(&none, "table", nil, time.UTC, Options{}); err != nil || none.String() != "no findings\n" {
		t.Errorf("no findings: %q, %v", none.String(), err)
	}
}
