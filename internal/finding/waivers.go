package finding

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// unusedAfter is how long a waiver may cover nothing before that is told.
const unusedAfter = 30 * 24 * time.Hour

// waivers tells of waivers that end soon, that have ended, and that cover
// nothing.
func (c *conclusion) waivers() {
	used := map[string]bool{}
	for _, s := range c.state.Run.Claims {
		for _, id := range s.Waived {
			used[id] = true
		}
	}
	known := map[string]bool{}
	for _, w := range c.state.Run.Waivers {
		known["waiver/"+w.ID] = true
		c.waiver(w, used[w.ID])
	}
	for subject := range c.told {
		if strings.HasPrefix(subject, "waiver/") && !known[subject] {
			c.forget(subject) // it is no longer in the configuration
		}
	}
}

// waiver follows one waiver.
func (c *conclusion) waiver(w residency.Waiver, used bool) {
	subject := "waiver/" + w.ID
	known := c.of(subject)
	if used {
		known.Since = c.at
		known.Steps = unmark(known.Steps, "unused")
	}
	c.waiverEnds(w, known)
	since := known.First
	for _, t := range []time.Time{w.From, known.Since} {
		if t.After(since) {
			since = t
		}
	}
	if c.state.Run.Partial || !w.Holds(c.at) || c.at.Sub(since) < unusedAfter || slices.Contains(known.Steps, "unused") {
		return
	}
	known.Steps = append(known.Steps, "unused")
	text := fmt.Sprintf("waiver %s has covered nothing since %s", w.ID, moment(since))
	c.alerts = append(c.alerts, c.waiverAlert(w, residency.EventWaiverUnused, residency.SeverityInfo, "unused", text))
}

// waiverEnds plans the latest step towards the end of a waiver that came up
// since it was first known: thirty days, seven days and a day before it, and
// the end itself.
func (c *conclusion) waiverEnds(w residency.Waiver, known *residency.Told) {
	steps := append(rungs(), rung{"ended", 0})
	for _, r := range slices.Backward(steps) {
		instant := w.Until.AddDate(0, 0, -r.days)
		if c.at.Before(instant) || !instant.After(known.First) || instant.Before(w.From) {
			continue
		}
		name := r.name + " " + day(w.Until)
		if slices.Contains(known.Steps, name) {
			return
		}
		known.Steps = append(slices.DeleteFunc(known.Steps, func(s string) bool {
			return s != "unused" && !strings.HasSuffix(s, " "+day(w.Until)) // of an end that was put off
		}), name)
		how, text := residency.SeverityWarning, fmt.Sprintf("waiver %s ends in %s", w.ID, residency.Plural(c.daysTo(w.Until), "day"))
		switch {
		case r.days == 0:
			text = "waiver " + w.ID + " has ended: what it covered is told again"
		case r.days == 30:
			how = residency.SeverityInfo
		}
		c.alerts = append(c.alerts, c.waiverAlert(w, residency.EventWaiverEnds, how, name, text))
		return
	}
}

// daysTo returns how many days are left, begun ones counted.
func (c *conclusion) daysTo(end time.Time) int {
	const day = 24 * time.Hour
	return int((end.Sub(c.at) + day - 1) / day)
}

// waiverAlert returns an alert about a waiver.
func (c *conclusion) waiverAlert(w residency.Waiver, event residency.AlertEvent, how residency.Severity, detail, text string) residency.Alert {
	a := c.t.alert(c.state.Run, residency.AlertFinding, event, how, "waivers", "waiver/"+w.ID, detail)
	a.Waiver, a.Text, a.Vendor = &w, text, w.Vendor
	return a
}
