package finding

import (
	"slices"
	"time"

	"residency/internal/residency"
)

// rung is one reminder before a due date.
type rung struct {
	name string
	days int // before the first day on which it is due
}

// rungs are the reminders of a finding, from early to late.
func rungs() []rung { return []rung{{"T-30d", 30}, {"T-7d", 7}, {"T-1d", 1}} }

// deadline returns the instant from which something outside breaks the claim,
// in the claim's own time zone; zero where there is none.
func deadline(c residency.Claim) time.Time {
	if c.Kind == residency.KindPolicy {
		return c.From
	}
	return c.Due
}

// remind plans the reminder of one open finding that is due now: the latest of
// those that came up since it was told of, so that after a gap only one is told.
// Nobody is reminded of what a waiver covers; who has acknowledged a finding
// hears only that it is due.
func (c *conclusion) remind(f *residency.Finding) {
	claim, ok := c.t.Claims[f.Claim]
	if !ok || !claim.Live() || f.Waiver != "" || !tells(*f) {
		return
	}
	opened := toldAt(*f)
	if opened.Sub(c.at) > 48*time.Hour {
		opened = time.Time{} // told under a clock that was wrong: no due date would come after it
	}
	event, told, detail := c.rung(claim, *f, opened)
	if event == "" {
		return
	}
	*f = clone(*f)
	f.Told = told
	c.findings[f.Key] = *f
	c.alerts = append(c.alerts, c.t.about(c.state.Run, claim, *f, event, severity(claim, *f, nil, c.at), detail))
}

// rung returns the reminder that is due now with what is told once it is; "" if
// none is.
func (c *conclusion) rung(claim residency.Claim, f residency.Finding, opened time.Time) (residency.AlertEvent, []string, string) {
	due := deadline(claim)
	if !due.IsZero() && c.at.Before(due) {
		if f.Acknowledged != nil {
			return "", nil, ""
		}
		return c.before(f, due, opened)
	}
	// After a gap the reminder of the day says that it is due as well; where
	// there is no such reminder, it is told however late.
	late := f.Acknowledged != nil || claim.Kind == residency.KindPolicy
	if name := "due " + day(due); !due.IsZero() && due.After(opened) && (late || sameDay(c.at, due)) &&
		!slices.Contains(f.Told, name) && dayOf(f.Told, "overdue").IsZero() {
		return residency.EventDue, append(slices.Clone(f.Told), name), "due"
	}
	if f.Acknowledged != nil {
		return "", nil, ""
	}
	if claim.Kind == residency.KindPromise && !due.IsZero() {
		return c.overdue(f, due, opened)
	}
	return c.weekly(f, opened)
}

// before returns the reminder before the due date.
func (c *conclusion) before(f residency.Finding, due, opened time.Time) (residency.AlertEvent, []string, string) {
	for _, r := range slices.Backward(rungs()) {
		instant := due.AddDate(0, 0, -r.days)
		if c.at.Before(instant) || !instant.After(opened) {
			continue
		}
		if slices.Contains(f.Told, r.name+" "+day(due)) {
			return "", nil, ""
		}
		return residency.EventReminder, append(slices.Clone(f.Told), r.name+" "+day(due)), r.name
	}
	return "", nil, ""
}

// overdue returns the reminder of a day after the due date. The days are those
// of the claim's own calendar, and the day on which a finding was opened is
// none of them.
func (c *conclusion) overdue(f residency.Finding, due, opened time.Time) (residency.AlertEvent, []string, string) {
	today := residency.DateOf(c.at.In(due.Location()))
	first := residency.DateOf(opened.In(due.Location()))
	last := dayOf(f.Told, "overdue")
	switch {
	case today == first, sameDay(c.at, due):
		return "", nil, ""
	case !last.IsZero() && !after(today, last) && !after(last, addDays(today, 2)):
		return "", nil, ""
	}
	return residency.EventOverdue, mark(f.Told, "overdue", today), today.String()
}

// weekly returns the reminder of what is in force without a date to count
// from: once a week.
func (c *conclusion) weekly(f residency.Finding, opened time.Time) (residency.AlertEvent, []string, string) {
	const name = "weekly"
	from := opened
	if last := dayOf(f.Told, name); !last.IsZero() {
		if start := last.Start(time.UTC); start.After(from) && !start.After(c.at.Add(48*time.Hour)) {
			from = start
		}
	}
	if c.at.Sub(from) < Week {
		return "", nil, ""
	}
	today := residency.DateOf(c.at.UTC())
	return residency.EventReminder, mark(f.Told, name, today), name
}

// day names a due date in what was told, so that a date that is moved begins a
// ladder of its own.
func day(due time.Time) string { return residency.DateOf(due).String() }

// sameDay reports whether at lies on the first day on which a thing is due.
func sameDay(at, due time.Time) bool {
	return residency.DateOf(at.In(due.Location())) == residency.DateOf(due)
}

// after reports whether day a is after day b.
func after(a, b residency.Date) bool { return a.Start(time.UTC).After(b.Start(time.UTC)) }

// addDays returns the day n days after d.
func addDays(d residency.Date, n int) residency.Date {
	return residency.DateOf(d.Start(time.UTC).AddDate(0, 0, n))
}
