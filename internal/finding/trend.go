package finding

import (
	"slices"
	"time"

	"residency/internal/residency"
)

const (
	// trendDays is how far back a trend looks, and trendLeast how many days of
	// answers it needs before it says anything.
	trendDays, trendLeast = 28, 5

	// keptDays is how many days of shares are remembered.
	keptDays = 60

	// riskWithin is how long before the due date a claim whose share has not
	// begun to fall is at risk. Before that, not to have begun is no sign.
	riskWithin = 30 * 24 * time.Hour

	// riskOver is how long before the due date a projection must lie before a
	// claim that was at risk is so no longer: a pace near the line would tell
	// every other day.
	riskOver = 3 * 24 * time.Hour
)

// trend notes the share of a claim's answers that lay outside in this run, and
// tells when the claim comes to be at risk.
func (c *conclusion) trend(s residency.ClaimStanding, open bool) {
	due := s.Claim.Due
	if s.Claim.Kind != residency.KindPromise || due.IsZero() || s.Answers == 0 {
		return
	}
	known := c.of("claim/" + s.Claim.ID)
	known.Days = addDay(known.Days, residency.DateOf(c.at.In(due.Location())), s.Answers, s.AnswersOutside)
	if !open || !c.at.Before(due) {
		return
	}
	t := Project(known.Days, due)
	const name = "at-risk"
	told := dayOf(known.Steps, name)
	switch {
	case !t.AtRisk:
		if !told.IsZero() && !t.Projected.IsZero() && due.Sub(t.Projected) > riskOver {
			known.Steps = unmark(known.Steps, name)
		}
	case !told.IsZero():
	case t.Projected.IsZero() && due.Sub(c.at) > riskWithin:
	default:
		known.Steps = mark(known.Steps, name, residency.DateOf(c.at.UTC()))
		a := c.claimAlert(s, residency.EventAtRisk, residency.SeverityWarning, "")
		a.Trend = &t
		c.alerts = append(c.alerts, a)
	}
}

// addDay adds the answers of one run to those of its day.
func addDay(days []residency.DayShare, today residency.Date, answers, outside int) []residency.DayShare {
	if n := len(days); n > 0 && days[n-1].Day == today {
		days[n-1].Answers += answers
		days[n-1].Outside += outside
		return days
	}
	// A day that lies ahead is one of a clock that was wrong.
	days = slices.DeleteFunc(days, func(d residency.DayShare) bool { return !after(today, d.Day) })
	days = append(days, residency.DayShare{Day: today, Answers: answers, Outside: outside})
	return days[max(0, len(days)-keptDays):]
}

// Project works out when the share of answers outside reaches zero, from the
// last four weeks of days, which must be in order. The pace is the middle one
// of those between each two days, and the line goes through the middle of the
// days (the estimator of Theil and Sen): one bad day, or one without answers
// from half of the markets, does not move it as it would a line of least
// squares. With fewer than five days nothing is projected and nothing at risk.
func Project(days []residency.DayShare, due time.Time) residency.Trend {
	days = slices.DeleteFunc(slices.Clone(days), func(d residency.DayShare) bool { return d.Answers <= 0 })
	days = days[max(0, len(days)-trendDays):]
	t := residency.Trend{Days: days}
	if len(days) < trendLeast {
		return t
	}
	start := days[0].Day.Start(time.UTC)
	x, y := make([]float64, len(days)), make([]float64, len(days))
	for i, d := range days {
		x[i] = d.Day.Start(time.UTC).Sub(start).Hours() / 24
		y[i] = float64(d.Outside) / float64(d.Answers)
	}
	var slopes, rests []float64
	for i := range x {
		for j := range i {
			slopes = append(slopes, (y[i]-y[j])/(x[i]-x[j]))
		}
	}
	slope := median(slopes)
	for i := range x {
		rests = append(rests, y[i]-slope*x[i])
	}
	rest := median(rests)
	const still = 1e-4 // a share that falls by less in a day does not fall: it would take 27 years
	if slope > -still {
		t.AtRisk = true
		return t
	}
	zero := -rest / slope // days from the first
	if zero < 0 {
		zero = 0
	}
	t.Projected = start.Add(time.Duration(zero * 24 * float64(time.Hour)).Round(time.Hour)).In(due.Location())
	t.AtRisk = t.Projected.After(due)
	return t
}

// median returns the middle of a list, which it sorts; the mean of the two in
// the middle of an even one.
func median(list []float64) float64 {
	slices.Sort(list)
	n := len(list)
	if n == 0 {
		return 0
	}
	return (list[(n-1)/2] + list[n/2]) / 2
}
