package finding

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"residency/internal/residency"
)

// ID returns the id of an alert: it sorts by time, and is the same for the same
// subject, event and detail at the same time, on every machine and however
// often it is made.
func ID(at time.Time, subject string, event residency.AlertEvent, detail string) string {
	h := sha256.New()
	for _, part := range []string{"residency/alert/v2", at.UTC().Format(time.RFC3339Nano), subject, string(event), detail} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // no two lists run together
		h.Write([]byte(part))
	}
	return at.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(h.Sum(nil)[:10])
}

// Group returns the group of what is told about a claim.
func Group(vendor, claim string) string { return vendor + "/" + claim }

// severity says how much an open finding presses. Before the due date it is a
// warning; from then on, and at once in a country where data may never go, it
// is critical.
func severity(c residency.Claim, f residency.Finding, seen []residency.SeenAddress, at time.Time) residency.Severity {
	never := func(in residency.Countries) bool { return !in.Empty() && in.SubsetOf(c.Never) }
	if c.InForce(at) || never(f.Countries) ||
		slices.ContainsFunc(seen, func(a residency.SeenAddress) bool { return never(a.Countries) }) {
		return residency.SeverityCritical
	}
	return residency.SeverityWarning
}

// tellOpen plans the alert that a finding is there, unless a waiver covers it.
func (s *step) tellOpen(event residency.AlertEvent, seen []residency.SeenAddress) {
	if s.f.Waiver != "" {
		return
	}
	if !tells(s.f) {
		s.f.Told = append(s.f.Told, stepOpened+" "+s.run.At.UTC().Format(time.RFC3339))
	}
	s.changed = true
	s.tell(event, severity(s.claim, s.f, seen, s.run.At), seen, nil)
}

// tell plans an alert about the finding.
func (s *step) tell(event residency.AlertEvent, how residency.Severity, seen []residency.SeenAddress, clear *residency.Clearing) {
	a := s.t.about(s.run, s.claim, s.f, event, how, "")
	a.Seen, a.Clear = seen, clear
	s.alerts = append(s.alerts, a)
}

// about returns an alert about a finding.
func (t *Tracker) about(run residency.Run, c residency.Claim, f residency.Finding, event residency.AlertEvent, how residency.Severity, detail string) residency.Alert {
	a := t.alert(run, residency.AlertFinding, event, how, Group(f.Vendor, f.Claim), f.Key, detail)
	f = clone(f)
	a.Vendor, a.Claim, a.Market, a.Finding = f.Vendor, &c, f.Market, &f
	if f.Open() {
		a.Standing = residency.Pending
		if c.InForce(run.At) {
			a.Standing = residency.Broken
		}
	}
	return a
}

// alert returns an alert of a run. subject and detail tell it from all others
// of its event in the run.
func (t *Tracker) alert(run residency.Run, kind residency.AlertKind, event residency.AlertEvent, how residency.Severity, group, subject, detail string) residency.Alert {
	return residency.Alert{
		ID: ID(run.At, subject, event, detail), At: run.At, NotBefore: run.At.Add(t.Hold),
		Kind: kind, Event: event, Severity: how, Group: group,
		Run: run.ID, Config: run.ConfigPath, Notice: run.Notice,
	}
}

// OfRun returns what is to be told of a run where nothing is remembered: every
// claim with something outside, each time again. Nothing is told of a run that
// is judged as of another time.
func OfRun(run residency.Run) []residency.Alert {
	t := Tracker{Claims: map[string]residency.Claim{}}
	for _, s := range run.Claims {
		t.Claims[s.Claim.ID] = s.Claim
	}
	var limits []string
	if run.Partial {
		by := run.PartialBy
		if by == "" {
			by = "it was stopped"
		}
		limits = append(limits, "The run ended early ("+by+"), so there may be more.")
	}
	for _, missing := range run.Missing {
		limits = append(limits, "Not available in this run: "+missing+".")
	}
	var alerts []residency.Alert
	for _, round := range run.Rounds {
		_, more := t.Track(run, residency.Recollection{}, round)
		for _, a := range more {
			a.Finding.Opened, a.Finding.Told, a.Limits = time.Time{}, nil, limits
			alerts = append(alerts, a)
		}
	}
	return alerts
}
