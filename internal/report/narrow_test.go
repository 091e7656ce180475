package report

import (
	"regexp"
	"strings"
	"testing"

	"residency/internal/residency"
)

// TestPageOnANarrowScreen: what a narrow screen shows in place of drawings and
// headings is there: the timeline in words, and each field with its label.
func TestPageOnANarrowScreen(t *testing.T) {
	t.Parallel()
	got := page(t, story())
	for _, want := range []string{
		`<ol class="past">`, `</span> 1 Aug 2014<span class="soft">: 100% outside</span>`, `data-label="leads to"`, `data-label="IN"`, "@media (max-width: 40rem)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(got, `<ol class="past">`); n != 3 {
		t.Errorf("%d timelines in words, want one a claim", n)
	}
	for _, row := range regexp.MustCompile(`(?s)<table class="stack">.*?</table>`).FindAllString(got, -1) {
		if strings.Contains(row, `<td>`) && !strings.Contains(row, "data-label") && !strings.Contains(row, "badge") {
			t.Errorf("a table without labels: %.300s", row)
		}
	}
	if short := page(t, Page{Title: "t", Steps: story().Steps[:1]}); strings.Contains(short, `class="past"`) {
		t.Error("one step has a timeline in words")
	}
}

func TestPageMarksRetiredHosts(t *testing.T) {
	t.Parallel()
	run := done()
	round := &run.Rounds[2]
	for i := range round.Cells {
		c := &round.Cells[i]
		c.Endpoint.Retired, c.Endpoint.RetiredOn = run.At.AddDate(0, -1, 0), residency.Date{Year: 2014, Month: 12, Day: 20}
		c.Verdict, c.Counts, c.Addresses, c.Grade = residency.NotMeasured, false, nil, residency.GradeNone
		c.Reasons = []residency.Reason{residency.Reason(residency.FailNXDomain)}
	}
	got := page(t, Page{Title: "t", Steps: []Step{{At: run.At, Run: run}}})
	if n := strings.Count(got, `<td class="v-cell-retired"`); n != 7 {
		t.Errorf("%d results have the mark of a retired host, want 7", n)
	}
	if !strings.Contains(got, `class="v-cell-retired">`+markRetired) {
		t.Error("the legend lacks the mark")
	}
	round.Cells[0].Counts = true // an address was seen again
	if n := strings.Count(page(t, Page{Title: "t", Steps: []Step{{At: run.At, Run: run}}}), `<td class="v-cell-retired"`); n != 6 {
		t.Errorf("%d results have the mark after an address was seen again, want 6", n)
	}
}
