package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// waived is the run of November with a waiver for what is outside in accounts,
// one for what cannot be told of the shop, and one for a part of the cloud.
func waived() residency.Run {
	run := inNovember()
	until := time.Date(2015, 2, 1, 0, 0, 0, 0, time.UTC)
	run.Waivers = []residency.Waiver{{ID: "W-7", Until: until}, {ID: "W-8", Until: until.AddDate(0, 1, 0)}, {ID: "W-9", Until: until}}
	for i, id := range []string{"W-8", "W-7", "W-9"} {
		cells := run.Rounds[i].Cells
		n := 0
		for j := range cells {
			if cells[j].Verdict != residency.Inside && (i < 2 || cells[j].Market == cc("IN")) {
				cells[j].Waiver = id
				n++
			}
		}
		c := &run.Claims[i]
		c.Waived, c.Counts.Waived = []string{id}, n
		if i < 2 {
			c.Effective = residency.Holding
		}
	}
	return run
}

func TestWaivedGolden(t *testing.T) {
	t.Parallel()
	golden(t, "waived.txt", []byte(tableOf(t, waived(), Options{})))
	for _, format := range []string{"csv", "nagios", "junit"} {
		golden(t, "waived."+format, []byte(write(t, format, waived())))
	}
}

// TestWaivedInJSON: the waiver stands beside every result that it covers and
// changes none; the effective standing goes by it.
func TestWaivedInJSON(t *testing.T) {
	t.Parallel()
	type document struct {
		Run struct {
			ExitCode int `json:"exit_code"`
		}
		Claims []struct {
			ID, Standing, Effective, Words string
			WaivedBy                       []string `json:"waived_by"`
			Cells                          residency.CellCounts
		}
		Cells []struct{ Claim, Market, Verdict, Waiver string }
	}
	read := func(run residency.Run) (d document) {
		if err := json.Unmarshal([]byte(write(t, "json", run)), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	plain, got := read(inNovember()), read(waived())
	want := []struct{ standing, effective, words string }{
		{"unknown", "holding", "nothing seen outside except 2 results accepted as unknown (waived W-8 until 28 Feb 2015)"},
		{"broken", "holding", "still outside; due since 31 Oct 2014 (waived W-7 until 31 Jan 2015)"},
		{"pending", "pending", "still outside; not due until 31 Dec 2014; 1 result waived (W-9 until 31 Jan 2015)"},
	}
	for i, w := range want {
		c := got.Claims[i]
		if c.Standing != w.standing || c.Effective != w.effective || c.Words != w.words || len(c.WaivedBy) != 1 || c.Cells.Waived == 0 {
			t.Errorf("claim %s: %+v, want %+v", c.ID, c, w)
		}
	}
	count := 0
	for i, c := range got.Cells {
		if c.Verdict != plain.Cells[i].Verdict {
			t.Errorf("%s %s: a waiver made %s of %s", c.Claim, c.Market, c.Verdict, plain.Cells[i].Verdict)
		}
		if c.Waiver != "" {
			count++
		}
	}
	if count != 4 || plain.Run.ExitCode != 2 || got.Run.ExitCode != 1 {
		t.Errorf("%d waived, exit code %d; without waivers %d; want 4, 1 and 2", count, got.Run.ExitCode, plain.Run.ExitCode)
	}
}

// TestQuietShowsWhatIsWaived: with an exit code of 0 nothing is printed, else
// what is waived is not hidden.
func TestQuietShowsWhatIsWaived(t *testing.T) {
	t.Parallel()
	run := waived()
	if got := tableOf(t, run, Options{Quiet: true}); !strings.Contains(got, "waived W-7 until 31 Jan 2015") {
		t.Errorf("quiet hides a waived result:\n%s", got)
	}
	run.Claims, run.Rounds = run.Claims[:2], run.Rounds[:2]
	if got := tableOf(t, run, Options{Quiet: true}); got != "" {
		t.Errorf("quiet, everything waived: %q, want nothing", got)
	}
}
