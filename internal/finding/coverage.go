package finding

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// coverageAfter is how long something must have stayed untold, in every run,
// before it is worth a message.
const coverageAfter = 24 * time.Hour

// coverage tells, once a week and vendor, of what cannot be told. Such results
// open no findings: nobody did anything wrong. While the monitor itself is in
// trouble nothing is told, since that has been told already; what a waiver
// covers is told to nobody.
func (c *conclusion) coverage(down bool) {
	if c.state.Run.Partial {
		return
	}
	untold := map[string][]residency.ClaimStanding{}
	var vendors []string
	for _, s := range c.state.Run.Claims {
		if !s.Claim.Live() {
			continue
		}
		v := s.Claim.Vendor
		if !slices.Contains(vendors, v) {
			vendors = append(vendors, v)
		}
		if s.Untold > 0 {
			untold[v] = append(untold[v], s)
		}
	}
	slices.Sort(vendors)
	for _, v := range vendors {
		subject := "vendor/" + v
		known := c.told[subject]
		switch {
		case len(untold[v]) == 0:
			if known != nil && !known.Since.IsZero() {
				c.of(subject).Since = time.Time{}
			}
		case known == nil || known.Since.IsZero():
			c.of(subject).Since = c.at
		case down, c.at.Sub(known.Since) < coverageAfter, lately(known.Steps, stepTold, c.at, Week-24*time.Hour):
		default:
			known = c.of(subject)
			known.Steps = mark(known.Steps, stepTold, residency.DateOf(c.at.UTC()))
			c.alerts = append(c.alerts, c.notice(v, untold[v], known.Since))
		}
	}
}

// notice is the alert of what cannot be told of one vendor.
func (c *conclusion) notice(vendor string, list []residency.ClaimStanding, since time.Time) residency.Alert {
	total := 0
	var lines []string
	for _, s := range list {
		total += s.Untold
		n := s.Counts
		line := fmt.Sprintf("%s: %d of %d", s.Claim.ID, s.Untold, n.Inside+n.Outside+n.Undetermined+n.NotMeasured)
		if why := c.state.Reasons[s.Claim.ID]; why != "" {
			line += ": mostly, " + why.Words()
		}
		lines = append(lines, line)
	}
	a := c.t.alert(c.state.Run, residency.AlertFinding, residency.EventCoverage, residency.SeverityWarning, vendor+"/coverage", "vendor/"+vendor, "")
	a.Vendor = vendor
	a.Text = fmt.Sprintf("%s cannot be told, since %s\n%s", residency.Plural(total, "result"), moment(since), strings.Join(lines, "\n"))
	return a
}
