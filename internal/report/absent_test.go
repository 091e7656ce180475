package report

import (
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

func TestRememberedWords(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for want, cell := range map[string]residency.Cell{
		"":                    {Verdict: residency.Outside},
		"seen in 1 of 2 runs": {Confirm: residency.Confirmation{Seen: 1, Needed: 2}},
		"last seen 22 Nov 2026 12:00 UTC, not since 22 Nov 2026 13:00 UTC":       {LastOutside: noon, ClearFrom: noon.Add(time.Hour)},
		"last seen 22 Nov 2026 12:00 UTC, and not everything was answered since": {LastOutside: noon},
	} {
		if got := rememberedWords(&residency.Run{At: noon}, &cell); got != want {
			t.Errorf("rememberedWords(%+v) = %q, want %q", cell, got, want)
		}
	}
	local := residency.Run{At: noon.In(time.FixedZone("IST", 19800))}
	if got, want := rememberedWords(&local, &residency.Cell{LastOutside: noon}), "last seen 22 Nov 2026 17:30 IST, and not everything was answered since"; got != want {
		t.Errorf("rememberedWords by the clock of the organisation = %q, want %q", got, want)
	}
}

// TestALargeRememberedRun holds no round that is plainly inside, and tells its
// numbers all the same.
func TestALargeRememberedRun(t *testing.T) {
	t.Parallel()
	run := residency.Run{Looks: map[residency.Failure]int{"": 190, residency.FailTimeout: 10}, Claims: []residency.ClaimStanding{{
		Claim: residency.Claim{ID: "c", Vendor: "v"}, Standing: residency.Holding, Counts: residency.CellCounts{Inside: 100},
	}}}
	got := tableOf(t, run, Options{Width: 400})
	for _, want := range []string{"(100; --all shows every one)", "100 results from 200 looks (10 without an answer): 100 nothing outside"} {
		if !strings.Contains(got, want) {
			t.Errorf("the table does not say %q:\n%s", want, got)
		}
	}
}
