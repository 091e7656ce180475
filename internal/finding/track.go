// Package finding follows what lies outside from run to run, and plans who is
// to be told of what: of findings that open, move, are judged otherwise and
// close, of due dates that come nearer, of what cannot be told, of waivers that
// end, and of the monitor itself.
//
// Everything is pure: what is known and what a run showed go in, findings and
// alerts come out. The same input gives the same alerts with the same ids, so
// that a transaction that is tried again tells nobody twice. Whether something
// is outside, and for how long it must be gone, is the verdict's business
// (package policy); here nothing is confirmed and nothing is waited for.
package finding

import (
	"net/netip"
	"slices"
	"time"

	"residency/internal/residency"
)

// ReopenWithin is how long after it was closed a finding that comes back is
// the same finding. After that a new one begins under the same key.
const ReopenWithin = 7 * 24 * time.Hour

// maxAddresses is how many addresses a finding remembers.
const maxAddresses = 256

// stepOpened is in Finding.Told, with the time, once people were told that it
// is there; and in Told.Steps of its claim.
const stepOpened = "opened"

// Tracker follows findings. Its methods change nothing that they are given.
type Tracker struct {
	// Claims are those judged, by id. Nothing is opened or told about one that
	// is historic, withdrawn or superseded: those accuse nobody.
	Claims map[string]residency.Claim

	// Hold is how long an alert waits for others of its group, so that what one
	// run finds is one message. Zero where the messages of a run are sent at
	// its end.
	Hold time.Duration
}

// Track follows the findings about one endpoint through one round of it. It
// returns those that changed, as they are now, and what is to be told. run is
// the run so far, without its rounds; before is what was remembered.
func (t *Tracker) Track(run residency.Run, before residency.Recollection, round residency.Round) ([]residency.Finding, []residency.Alert) {
	if run.Simulated {
		return nil, nil
	}
	var findings []residency.Finding
	var alerts []residency.Alert
	for _, cell := range round.Cells {
		outside := cell.Verdict == residency.Outside && cell.Counts
		if !outside && len(before.Findings) == 0 {
			continue // nearly every cell
		}
		claim, ok := t.Claims[cell.Claim]
		if !ok || !claim.Live() {
			continue
		}
		s := step{t: t, run: run, before: before, round: round, cell: cell, claim: claim}
		e := cell.Endpoint
		s.f.Key = residency.FindingKey(e.Vendor, e.Service, e.Host, cell.Market, cell.Claim)
		s.known = newest(before.Findings, s.f.Key)
		switch open := s.known != nil && s.known.Open(); {
		case outside && open:
			s.still()
		case outside:
			s.begin()
		case open:
			s.notOutside()
		}
		if s.changed {
			findings = append(findings, s.f)
		}
		alerts = append(alerts, s.alerts...)
	}
	return findings, alerts
}

// newest returns the last finding under the key, nil if there is none.
func newest(known []residency.Finding, key string) *residency.Finding {
	var last *residency.Finding
	for i := range known {
		if f := &known[i]; f.Key == key && (last == nil || f.Open() || last.Closed.Before(f.Closed) && !last.Open()) {
			last = f
		}
	}
	return last
}

// step is one cell of a round and what becomes of its finding.
type step struct {
	t      *Tracker
	run    residency.Run
	before residency.Recollection
	round  residency.Round
	cell   residency.Cell
	claim  residency.Claim
	known  *residency.Finding // nil: there was none

	f       residency.Finding // as it is now
	changed bool
	alerts  []residency.Alert
}

// begin opens a finding, or opens one again that was closed a short time ago.
func (s *step) begin() {
	seen := s.round.SeenOutside(s.cell)
	if s.known != nil && s.settled(seen) {
		return
	}
	event := residency.EventOpened
	if s.known != nil && s.run.At.Sub(s.known.Closed) <= ReopenWithin {
		s.f = clone(*s.known)
		s.f.Closed, s.f.ClosedAs, s.f.Reopened = time.Time{}, "", s.run.At
		event = residency.EventReopened
	} else {
		e := s.cell.Endpoint
		s.f = residency.Finding{Key: s.f.Key, Vendor: e.Vendor, Service: e.Service, Host: e.Host,
			Market: s.cell.Market, Claim: s.cell.Claim, Opened: s.run.At, Earlier: s.earlier()}
		if s.shownBefore(seen) {
			event = residency.EventReclassified
		}
	}
	s.changed = true
	s.take(seen)
	s.tellOpen(event, seen)
}

// maxEarlier is how many earlier lives a finding remembers.
const maxEarlier = 20

// earlier returns the lives of the finding that ended.
func (s *step) earlier() []residency.Episode {
	if s.known == nil {
		return nil
	}
	list := append(slices.Clone(s.known.Earlier), residency.Episode{Opened: s.known.Opened, Closed: s.known.Closed, ClosedAs: s.known.ClosedAs})
	return list[max(0, len(list)-maxEarlier):]
}

// settled reports whether what is outside was found to be a false positive:
// the same addresses, in no other country. It stays closed until that changes.
func (s *step) settled(seen []residency.SeenAddress) bool {
	if s.known.ClosedAs != residency.ClosedFalsePositive {
		return false
	}
	return !slices.ContainsFunc(seen, func(a residency.SeenAddress) bool {
		return !slices.Contains(s.known.Addresses, a.Address) || !a.Countries.SubsetOf(s.known.Countries)
	})
}

// shownBefore reports whether every address was shown before this run, and
// none was outside the claim then: it was not a server that moved, but what is
// known of it, or the claim. An address that was relocated was not outside at
// first, also when it has been since, too seldom to be told.
func (s *step) shownBefore(seen []residency.SeenAddress) bool {
	shown := map[netip.Addr]bool{}
	for _, c := range s.before.Cells {
		for _, a := range c.Addresses {
			if c.Claim == s.cell.Claim && c.Market == s.cell.Market {
				shown[a.Address] = true
			}
		}
	}
	for _, c := range s.before.Cells {
		for _, a := range c.Addresses {
			if c.Claim == s.cell.Claim && a.Side == residency.SideOutside {
				shown[a.Address] = false
			}
		}
	}
	for _, a := range s.before.Relocated {
		shown[a] = true
	}
	return len(seen) > 0 && !slices.ContainsFunc(seen, func(a residency.SeenAddress) bool { return !shown[a.Address] })
}

// still goes on with an open finding.
func (s *step) still() {
	s.f = clone(*s.known)
	if s.f.Waiver != s.cell.Waiver {
		s.f.Waiver, s.changed = s.cell.Waiver, true
	}
	if !s.cell.LastOutside.IsZero() { // not seen by this run
		s.changed = s.changed || !s.f.LastSeen.Equal(s.cell.LastOutside)
		s.f.LastSeen = s.cell.LastOutside
		s.tellLate(nil)
		return
	}
	seen := s.round.SeenOutside(s.cell)
	event := s.moved(seen)
	s.take(seen)
	switch {
	case s.tellLate(seen):
	case event != "" && s.f.Waiver == "":
		s.tell(event, severity(s.claim, s.f, seen, s.run.At), seen, nil)
	}
}

// tellLate tells of a finding that nobody was told of, because a waiver
// covered it and does so no longer. It reports whether it did.
func (s *step) tellLate(seen []residency.SeenAddress) bool {
	if s.f.Waiver != "" || tells(s.f) {
		return false
	}
	s.tellOpen(residency.EventOpened, seen)
	return true
}

// moved returns what it is that an address is in a country in which the
// finding was not, nor has been for as long as one that is closed can come
// back: pools that take turns do not move every day. "" for nothing.
func (s *step) moved(seen []residency.SeenAddress) residency.AlertEvent {
	moved, same := false, true
	for _, a := range seen {
		same = same && slices.Contains(s.f.Addresses, a.Address)
		for c := range a.Countries.All() {
			moved = moved || !s.f.Countries.Has(c) && !lately(s.f.Told, "in "+c.String(), s.run.At, ReopenWithin)
		}
	}
	switch {
	case moved && same:
		return residency.EventReclassified
	case moved:
		return residency.EventMoved
	}
	return ""
}

// take notes what was seen now. When a thing was last seen is written down
// once an hour; the cell that stops being seen has it exactly.
func (s *step) take(seen []residency.SeenAddress) {
	old := clone(s.f)
	if len(seen) > 0 {
		s.f.Countries, s.f.Region, s.f.Addresses = residency.Countries{}, seen[0].Region, nil
		s.f.Tailoring = seen[0].Tailoring
	}
	day := residency.DateOf(s.run.At.UTC())
	for i, a := range seen {
		s.f.Countries = s.f.Countries.Union(a.Countries)
		s.f.Tailoring = min(s.f.Tailoring, a.Tailoring)
		if i < maxAddresses {
			s.f.Addresses = append(s.f.Addresses, a.Address)
		}
		for c := range a.Countries.All() {
			s.f.Told = mark(s.f.Told, "in "+c.String(), day)
		}
	}
	s.f.Grade, s.f.Reasons, s.f.Waiver = s.cell.Grade, slices.Clone(s.cell.Reasons), s.cell.Waiver
	s.changed = s.changed || !sameSight(old, s.f)
	if s.changed || s.run.At.Sub(s.f.LastSeen) >= time.Hour {
		s.changed = true
		if s.run.At.After(s.f.LastSeen) {
			s.f.LastSeen = s.run.At
		}
	}
}

// sameSight reports whether two states of a finding say the same of where it is.
func sameSight(a, b residency.Finding) bool {
	return a.Countries == b.Countries && a.Region == b.Region && a.Grade == b.Grade && a.Tailoring == b.Tailoring &&
		a.Waiver == b.Waiver && slices.Equal(a.Addresses, b.Addresses) && slices.Equal(a.Reasons, b.Reasons)
}

// notOutside goes on with an open finding whose cell is not outside. What
// cannot be told, or was not measured, does not close it.
func (s *step) notOutside() {
	s.f = clone(*s.known)
	if s.f.Waiver != s.cell.Waiver && s.cell.Verdict != residency.Inside {
		s.f.Waiver, s.changed = s.cell.Waiver, true
	}
	switch {
	case !s.cell.Counts && s.cell.Endpoint.RetiredAt(s.run.At):
		s.end(residency.ClosedRetired)
	case !s.cell.Counts && s.cell.Verdict == residency.Undetermined:
		// A declared CDN of which only anycast addresses are left: the claim can
		// hold, so nobody may be reminded of this one for ever.
		if s.showsAny() {
			s.unsure()
		} else {
			s.end(residency.ClosedGone)
		}
	case !s.cell.Counts:
	case s.cell.Verdict == residency.Inside && s.shows(residency.SideInside):
		s.end(residency.ClosedReclassified)
	case s.cell.Verdict == residency.Inside:
		s.end(residency.ClosedGone)
	case s.cell.Verdict == residency.Undetermined && s.shows(residency.SideUnknown):
		s.unsure()
	}
}

// shows reports whether the cell shows an address of the finding, on a side.
func (s *step) shows(side residency.Side) bool {
	return slices.ContainsFunc(s.cell.Addresses, func(a residency.JudgedAddress) bool {
		return a.Counts && a.Side == side && slices.Contains(s.f.Addresses, a.Address)
	})
}

// showsAny reports whether the cell shows an address of the finding at all.
func (s *step) showsAny() bool {
	return slices.ContainsFunc(s.cell.Addresses, func(a residency.JudgedAddress) bool {
		return slices.Contains(s.f.Addresses, a.Address)
	})
}

// unsure tells that the addresses of a finding are still there and can no
// longer be told: what is known of them changed. It stays open. Where a source
// is missing that is no change of what is known, and told as what it is.
func (s *step) unsure() {
	const name = "untold"
	told := lately(s.f.Told, name, s.run.At, ReopenWithin)
	if told || slices.Contains(s.cell.Reasons, residency.ReasonSourceMissing) {
		return
	}
	s.f.Told, s.changed = mark(s.f.Told, name, residency.DateOf(s.run.At.UTC())), true
	if s.f.Waiver == "" && tells(s.f) {
		s.tell(residency.EventReclassified, residency.SeverityInfo, nil, nil)
		a := &s.alerts[len(s.alerts)-1]
		a.Limits = append(a.Limits, "The same addresses were seen by this run, and it can no longer be told where they are, so this stays open.")
	}
}

// end closes the finding.
func (s *step) end(as residency.ClosedAs) {
	told := tells(s.f)
	s.f.Closed, s.f.ClosedAs, s.f.Waiver, s.changed = s.run.At, as, "", true
	s.f.Told = unmark(s.f.Told, stepOpened)
	if !s.cell.LastOutside.IsZero() {
		s.f.LastSeen = s.cell.LastOutside
	}
	if !told {
		return // nobody was told that it was there
	}
	event := residency.EventClosed
	if as == residency.ClosedReclassified {
		event = residency.EventReclassified
	}
	s.tell(event, residency.SeverityInfo, nil, s.clearing())
}

// clearing returns what the end of the finding rests on.
func (s *step) clearing() *residency.Clearing {
	c := &residency.Clearing{From: s.cell.ClearFrom, Window: s.run.Window, Coverage: s.cell.Coverage, Runs: 1}
	for _, cell := range s.before.Cells {
		if c.From.IsZero() && cell.Claim == s.cell.Claim && cell.Market == s.cell.Market {
			c.From = cell.ClearFrom
		}
	}
	for _, span := range s.before.Spans {
		c.Runs += span.Runs
	}
	return c
}

// clone returns a finding that shares nothing with the one given.
func clone(f residency.Finding) residency.Finding {
	f.Addresses, f.Reasons, f.Told = slices.Clone(f.Addresses), slices.Clone(f.Reasons), slices.Clone(f.Told)
	f.Earlier = slices.Clone(f.Earlier)
	return f
}
