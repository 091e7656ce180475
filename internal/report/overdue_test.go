package report

import (
	"strings"
	"testing"

	"residency/internal/residency"
)

func TestOverdueIsSaidFirst(t *testing.T) {
	t.Parallel()
	run := done()
	run.Overdue = "the last complete check ended 14m ago, and two more were due since: it says nothing of now"
	if got, want := write(t, "nagios", run), "RESIDENCY UNKNOWN - "+run.Overdue+"; 3 claims: 3 holding"; !strings.HasPrefix(got, want) {
		t.Errorf("nagios = %q, want it to begin with %q", got, want)
	}
	for _, format := range []string{"json", "ndjson"} {
		if got := write(t, format, run); strings.Count(got, `"overdue":"`+run.Overdue+`"`) != 1 {
			t.Errorf("%s does not say overdue", format)
		}
	}
	if got := write(t, "junit", run); !strings.Contains(got, `<error message="`+run.Overdue) {
		t.Error("junit is green though the run is overdue")
	}
	for _, format := range Formats() {
		if got := write(t, format, done()); strings.Contains(got, "overdue") || strings.Contains(got, "recent run") {
			t.Errorf("%s of a run that is not overdue says that it is", format)
		}
	}
}

// TestEdgesOfResultsThatAreNotHeld: a quiet table does not show results that are
// inside and a remembered run does not hold them, and both say what was allowed.
func TestEdgesOfResultsThatAreNotHeld(t *testing.T) {
	t.Parallel()
	const why = "answers outside the claim's own places, allowed only because a host declared a CDN edge"
	quiet := edges()
	quiet.Claims[1].Standing, quiet.Claims[1].Effective = residency.Broken, residency.Broken // else there is nothing to say
	if got := tableOf(t, quiet, Options{Quiet: true, Width: 400}); strings.Count(got, "acme/phase-1: static.shop.acme.example has "+why) != 1 {
		t.Errorf("the quiet table does not name the host allowed as an edge, once:\n%s", got)
	}
	held := edges()
	held.Rounds = nil
	for n, want := range map[int]string{0: "", 1: "acme/phase-1: 1 result has " + why, 7: "acme/phase-1: 7 results have " + why} {
		held.Claims[0].Edges = n
		if got := tableOf(t, held, Options{Width: 400}); strings.Contains(got, why) != (n > 0) || !strings.Contains(got, want) {
			t.Errorf("%d edges: the table does not say %q:\n%s", n, want, got)
		}
	}
	for format, want := range map[string]string{
		"nagios": "; 7 results allowed only as declared CDN edges", "json": `"allowed_as_cdn":7`, "ndjson": `"allowed_as_cdn":7`,
		"junit": `<property name="allowed_as_cdn" value="7">`,
	} {
		held.Claims[0].Edges = 7
		if got := write(t, format, held); !strings.Contains(got, want) {
			t.Errorf("%s does not say %q:\n%s", format, want, got)
		}
	}
}
