package residency

import (
	"testing"
	"time"
)

func TestClaimWords(t *testing.T) {
	t.Parallel()
	kolkata := time.FixedZone("IST", 19800)
	until := Date{2015, 1, 31}
	run := Run{Waivers: []Waiver{{ID: "W-7", Until: until.End(time.UTC)}, {ID: "W-8", Until: until.End(kolkata)}}}
	due := Claim{ID: "c", DueOn: Date{2014, 10, 31}}
	tests := []struct {
		name string
		s    ClaimStanding
		want string
	}{
		{"none", ClaimStanding{Claim: due, Standing: Broken, Effective: Broken}, "still outside; due since 31 Oct 2014"},
		{"everything outside", ClaimStanding{Claim: due, Standing: Broken, Effective: Holding, Waived: []string{"W-7"}, Counts: CellCounts{Outside: 1, Waived: 1}},
			"still outside; due since 31 Oct 2014 (waived W-7 until 31 Jan 2015)"},
		{"the day is the organisation's", ClaimStanding{Claim: due, Standing: Pending, Effective: Holding, Waived: []string{"W-7", "W-8"}},
			"still outside; not due until 31 Oct 2014 (waived W-7 until 31 Jan 2015, W-8 until 31 Jan 2015)"},
		{"a part of it", ClaimStanding{Claim: due, Standing: Broken, Effective: Broken, Waived: []string{"W-7"}, Counts: CellCounts{Outside: 3, Waived: 2}},
			"still outside; due since 31 Oct 2014; 2 results waived (W-7 until 31 Jan 2015)"},
		{"unknown accepted", ClaimStanding{Claim: due, Effective: Holding, Waived: []string{"W-7"}, Counts: CellCounts{Inside: 3, Undetermined: 9, Waived: 9}},
			"nothing seen outside except 9 results accepted as unknown (waived W-7 until 31 Jan 2015)"},
		{"all of it unknown", ClaimStanding{Claim: due, Effective: Holding, Waived: []string{"W-7"}, Counts: CellCounts{NotMeasured: 9, Waived: 9}},
			"cannot be told, and accepted as unknown (waived W-7 until 31 Jan 2015)"},
		{"not in the configuration any more", ClaimStanding{Claim: due, Standing: Broken, Effective: Holding, Waived: []string{"W-1"}},
			"still outside; due since 31 Oct 2014 (waived W-1)"},
	}
	for _, tt := range tests {
		if got := run.ClaimWords(tt.s); got != tt.want {
			t.Errorf("ClaimWords(%s) = %q, want %q", tt.name, got, tt.want)
		}
	}
}
