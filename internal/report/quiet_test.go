package report

import (
	"strings"
	"testing"

	"residency/internal/residency"
)

func TestQuietWithAMemoryTellsNews(t *testing.T) {
	t.Parallel()
	o := Options{Quiet: true, News: true, Width: 400}
	run := inNovember()
	if got := tableOf(t, run, o); got != "" {
		t.Errorf("nothing has changed, and the table says:\n%s", got)
	}
	partial := run
	partial.Partial = true
	if got := tableOf(t, partial, o); !strings.Contains(got, "Partial") {
		t.Errorf("a partial run is passed over in silence: %q", got)
	}
	run.Claims[0].Changed = true
	first := &run.Rounds[0].Cells[0]
	first.Changed, first.Verdict, first.Reasons = true, residency.Inside, nil
	got := tableOf(t, run, o)
	if !strings.Contains(got, run.Claims[0].Claim.ID) || !strings.Contains(got, first.Endpoint.Host) {
		t.Errorf("what has changed is not told:\n%s", got)
	}
	if other := run.Rounds[len(run.Rounds)-1].Endpoint.Host; strings.Contains(got, other) {
		t.Errorf("%s is told though it is as it was:\n%s", other, got)
	}
}
