package finding

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// Week is how often a thing that goes on is told again.
const Week = 7 * 24 * time.Hour

// State is all that the end of a run is told from.
type State struct {
	Run      residency.Run       // with its claims as they stand; its rounds are not needed
	Findings []residency.Finding // every open one, those of this run included
	Told     []residency.Told    // by subject, as remembered

	// Endpoints are all that are configured. A finding about another is closed,
	// since nobody asks any more.
	Endpoints []residency.Endpoint

	Troubles []Trouble // of the monitor, besides those that the run itself shows

	// Reasons has, for each claim, the main reason of what cannot be told.
	Reasons map[string]residency.Reason
}

// conclusion is the end of a run under way.
type conclusion struct {
	t     *Tracker
	state State
	at    time.Time
	told  map[string]*residency.Told // by subject

	findings map[string]residency.Finding // that changed, by key
	alerts   []residency.Alert
	touched  []string // subjects that changed
}

// Conclude returns what the end of a run changes and tells: findings that
// nobody asks about any more, reminders, claims at risk, what cannot be told,
// the monitor's own troubles, and waivers. What was told is as it is now.
func (t *Tracker) Conclude(s State) (findings []residency.Finding, alerts []residency.Alert, told []residency.Told) {
	if s.Run.Simulated {
		return nil, nil, nil
	}
	c := &conclusion{t: t, state: s, at: s.Run.At, told: map[string]*residency.Told{}, findings: map[string]residency.Finding{}}
	for i := range s.Told {
		known := s.Told[i]
		known.Steps, known.Days = slices.Clone(known.Steps), slices.Clone(known.Days)
		c.told[known.Subject] = &known
	}
	c.state.Findings = slices.Clone(s.Findings)
	c.notAsked()
	for i := range c.state.Findings {
		c.remind(&c.state.Findings[i])
	}
	judged := map[string]bool{}
	for _, standing := range s.Run.Claims {
		if standing.Claim.Live() {
			judged["claim/"+standing.Claim.ID] = true
			c.claim(standing)
		}
	}
	c.claimsGone(judged)
	down := c.troubles()
	c.coverage(down)
	c.waivers()
	return c.result()
}

// result sorts what changed, so that the same state gives the same bytes.
func (c *conclusion) result() (findings []residency.Finding, alerts []residency.Alert, told []residency.Told) {
	for _, f := range c.findings {
		findings = append(findings, f)
	}
	slices.SortFunc(findings, func(a, b residency.Finding) int { return cmp.Compare(a.Key, b.Key) })
	slices.Sort(c.touched)
	for _, subject := range slices.Compact(c.touched) {
		told = append(told, *c.told[subject])
	}
	slices.SortStableFunc(c.alerts, func(a, b residency.Alert) int { return cmp.Compare(a.ID, b.ID) })
	return findings, c.alerts, told
}

// of returns what was told of a subject, which from now on is remembered.
func (c *conclusion) of(subject string) *residency.Told {
	known := c.told[subject]
	if known == nil {
		known = &residency.Told{Subject: subject, First: c.at}
		c.told[subject] = known
	}
	c.touched = append(c.touched, subject)
	return known
}

// forget drops a subject of which nothing is to be kept.
func (c *conclusion) forget(subject string) { c.of(subject).Gone = true }

// notAsked closes the findings that nothing in the configuration asks about
// any more.
func (c *conclusion) notAsked() {
	endpoints := map[string]residency.Endpoint{}
	for _, e := range c.state.Endpoints {
		endpoints[e.Key()] = e
	}
	open := c.state.Findings[:0]
	for _, f := range c.state.Findings {
		if !f.Open() {
			continue
		}
		claim, judged := c.t.Claims[f.Claim]
		e, asked := endpoints[residency.Endpoint{Vendor: f.Vendor, Service: f.Service, Host: f.Host}.Key()]
		if judged && asked && claim.Live() && claim.Covers(e, f.Market) {
			open = append(open, f)
			continue
		}
		f = clone(f)
		told := tells(f)
		f.Closed, f.ClosedAs, f.Waiver, f.Told = c.at, residency.ClosedNotAsked, "", unmark(f.Told, stepOpened)
		c.findings[f.Key] = f
		if told {
			if !judged {
				claim = residency.Claim{ID: f.Claim, Vendor: f.Vendor}
			}
			c.alerts = append(c.alerts, c.t.about(c.state.Run, claim, f, residency.EventClosed, residency.SeverityInfo, ""))
		}
	}
	c.state.Findings = open
}

// claim follows one claim: whether its last finding is gone, and whether it
// will be done in time.
func (c *conclusion) claim(s residency.ClaimStanding) {
	open, covered := 0, 0
	for _, f := range c.state.Findings {
		switch {
		case f.Claim != s.Claim.ID:
		case f.Waiver != "":
			covered++
		default:
			open++
		}
	}
	subject := "claim/" + s.Claim.ID
	known := c.told[subject]
	was := known != nil && slices.Contains(known.Steps, stepOpened)
	switch {
	case open > 0 && !was:
		known = c.of(subject)
		known.Steps, known.Vendor = append(known.Steps, stepOpened), s.Claim.Vendor
	case open == 0 && was:
		known = c.of(subject)
		known.Steps = unmark(known.Steps, stepOpened)
		a := c.claimAlert(s, residency.EventClosed, residency.SeverityInfo, "")
		a.Last = true
		a.Text = "Nothing is seen outside any more."
		if covered > 0 {
			a.Text = "Nothing is seen outside any more but what a waiver covers (" + residency.Plural(covered, "result") + ")."
		}
		c.alerts = append(c.alerts, a)
	}
	if !c.state.Run.Partial {
		c.trend(s, open > 0)
	}
}

// claimsGone forgets the claims that are no longer judged, and ends what was
// told of them.
func (c *conclusion) claimsGone(judged map[string]bool) {
	for subject, known := range c.told {
		id, ok := strings.CutPrefix(subject, "claim/")
		if !ok || judged[subject] {
			continue
		}
		if slices.Contains(known.Steps, stepOpened) && known.Vendor != "" {
			a := c.claimAlert(residency.ClaimStanding{Claim: residency.Claim{ID: id, Vendor: known.Vendor}}, residency.EventClosed, residency.SeverityInfo, "")
			a.Last, a.Text = true, "It is no longer judged. That says nothing about where data goes."
			c.alerts = append(c.alerts, a)
		}
		c.forget(subject)
	}
}

// claimAlert returns an alert about a claim as a whole.
func (c *conclusion) claimAlert(s residency.ClaimStanding, event residency.AlertEvent, how residency.Severity, detail string) residency.Alert {
	a := c.t.alert(c.state.Run, residency.AlertFinding, event, how, Group(s.Claim.Vendor, s.Claim.ID), "claim/"+s.Claim.ID, detail)
	claim := s.Claim
	a.Vendor, a.Claim, a.Standing = claim.Vendor, &claim, s.Standing
	return a
}
