package finding

import (
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// happening is what the vendor, the monitor or somebody does at a time.
type happening struct {
	at string
	do func(w *world)
}

// halfYear is the story of two promises from August 2014 to January 2015:
// accounts, which are late, and the cloud, which is excepted until December.
func halfYear() []happening {
	hk, in := cc("HK"), cc("IN")
	beijing, berlin, shanghai := place(10, cc("CN")), place(11, cc("DE")), place(13, cc("CN"))
	outside := func(claim string, market residency.Country, at residency.Location) func(*world) {
		return func(w *world) { w.judge(claim, market, residency.Outside, at) }
	}
	inside := func(claim string, market residency.Country, places ...residency.Location) func(*world) {
		return func(w *world) { w.judge(claim, market, residency.Inside, places...) }
	}
	ack := func(f residency.Finding) (residency.Finding, error) {
		return Acknowledge(f, residency.Mark{By: "ann", At: dayAt("2014-11-04")})
	}
	return []happening{
		{"2014-08-01", outside("accounts", in, beijing)},
		{"2014-08-01", outside("accounts", hk, beijing)},
		{"2014-08-01", outside("cloud", hk, shanghai)}, // from the start under a waiver
		{"2014-08-20", func(w *world) { w.judge("accounts", in, residency.NotMeasured) }},
		{"2014-08-22", outside("accounts", in, beijing)},
		{"2014-09-10", func(w *world) { w.resolver["google"] = false }},
		{"2014-09-11", func(w *world) { w.resolver["quad9"] = false }},
		{"2014-09-12", func(w *world) { w.resolver["google"], w.resolver["quad9"] = true, true }},
		{"2014-09-20", func(w *world) { w.judge("cloud", in, residency.Undetermined, place(12, cc("SG"), cc("CN"))) }},
		{"2014-10-03", inside("cloud", in)},
		{"2014-11-03", outside("accounts", in, berlin)},
		{"2014-11-04", func(w *world) { w.change("accounts", ack) }},
		{"2014-11-10", inside("accounts", hk)},
		{"2014-11-14", outside("accounts", hk, beijing)},
		{"2014-11-20", inside("accounts", hk, place(10, cc("SG")))}, // the data sets changed their mind
		{"2014-11-25", inside("accounts", in)},
		{"2015-01-05", inside("cloud", hk)},
	}
}

// TestHalfYear drives half a year of runs, six hours apart, with a gap over the
// turn of the year, and holds every alert, in order, each told once.
func TestHalfYear(t *testing.T) {
	t.Parallel()
	w := newWorld(t, promise("accounts", "2014-10-31"), promise("cloud", "2014-12-31"))
	w.waivers = []residency.Waiver{
		{ID: "w-7", Owner: "ann", Approver: "bob", Claims: []string{"cloud"}, Verdicts: []residency.Verdict{residency.Outside},
			Countries: set(cc("CN")), Until: dayAt("2014-12-16")},
		{ID: "w-8", Owner: "ann", Approver: "bob", Claims: []string{"cloud"}, Verdicts: []residency.Verdict{residency.NotMeasured},
			From: dayAt("2014-09-01"), Until: dayAt("2015-06-01")},
	}
	story := halfYear()
	var lines []string
	for at := dayAt("2014-08-01"); at.Before(dayAt("2015-02-01")); at = at.Add(6 * time.Hour) {
		for len(story) > 0 && !at.Before(dayAt(story[0].at)) {
			story[0].do(w)
			story = story[1:]
		}
		if at.After(dayAt("2014-12-29")) && at.Before(dayAt("2015-01-03", 3)) {
			continue // the machine was off
		}
		alerts := w.look(at)
		told := make([]string, len(alerts))
		for i, a := range alerts {
			told[i] = brief(a)
		}
		slices.Sort(told)
		lines = append(lines, told...)
	}
	golden(t, "half-year.txt", strings.Join(lines, "\n")+"\n")
}
