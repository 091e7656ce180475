package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// Compose joins the alerts of one group into one message, in the program's own
// words. Key and Channel are left to who sends it. No alerts are no message:
// the zero Notification.
func Compose(alerts []residency.Alert) residency.Notification {
	return (*Templates)(nil).Compose(alerts)
}

// Compose is the function Compose, in the words of the templates where there
// are any. One that cannot be used is replaced by the program's own words, and
// the message says so: a typing error must not keep anybody from being told.
func (t *Templates) Compose(alerts []residency.Alert) residency.Notification {
	if len(alerts) == 0 {
		return residency.Notification{}
	}
	alerts = slices.Clone(alerts)
	slices.SortStableFunc(alerts, func(a, b residency.Alert) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), a.At.Compare(b.At))
	})
	m := compose(alerts)
	newest := alerts[len(alerts)-1]
	n := residency.Notification{
		Group: newest.Group, Kind: newest.Kind, Event: m.Event, Severity: m.Severity,
		Vendor: m.Vendor, Standing: m.Standing, At: m.At,
		Subject: m.Subject, Text: m.Text(), HTML: m.HTML(),
		Alerts: alerts, Resolves: resolves(alerts), Test: m.Event == residency.EventTest,
	}
	if m.Claim != nil {
		n.Claim = m.Claim.ID
	}
	for _, a := range alerts {
		n.Run = cmp.Or(a.Run, n.Run)
	}
	t.rewrite(&n, m)
	return n
}

// compose works out all that a message says.
func compose(alerts []residency.Alert) *Message {
	m := &Message{Event: weightiest(current(alerts)), Alerts: alerts}
	for i := range alerts {
		a := &alerts[i]
		m.At, m.Severity = latest(m.At, a.At), max(m.Severity, a.Severity)
		m.Notice, m.Vendor = cmp.Or(m.Notice, a.Notice), cmp.Or(a.Vendor, m.Vendor)
		m.Standing = worse(m.Standing, a)
		if a.Claim != nil {
			m.Claim = a.Claim // the newest is how it stands now
		}
	}
	m.Notice = oneLine(m.Notice)
	ev := gather(alerts)
	m.Markets = marketsOf(ev.hosts())
	m.Headline = m.headline(ev)
	m.Subject = m.Headline
	if m.Notice != "" {
		m.Subject = "[" + lead(m.Notice) + "] " + m.Subject
	}
	m.Headline += "."
	m.promised()
	m.happened()
	m.seen(ev)
	m.where(ev)
	m.since(ev)
	m.trend()
	m.waivers()
	m.sure(ev)
	m.todo(ev)
	return m
}

// worse returns the standing of a message: the worst that an open finding
// gives its claim, else what the newest alert says of it.
func worse(s residency.Standing, a *residency.Alert) residency.Standing {
	if a.Finding != nil && a.Finding.Open() || s != residency.Broken && s != residency.Pending {
		if a.Standing == residency.StandingUnknown {
			return s
		}
		return max(s, a.Standing)
	}
	return s
}

// headline says in one line what there is to know.
func (m *Message) headline(ev evidence) string {
	about := oneLine(m.Vendor)
	if m.Claim != nil {
		about += ": " + name(*m.Claim)
	}
	line := m.what(ev)
	if about != "" {
		line = about + ": " + line
	}
	said := m.Event == residency.EventDue || m.Event == residency.EventOverdue
	if m.Claim != nil && !said && (len(ev.open) > 0 || m.Event == residency.EventAtRisk) {
		line += "; " + m.Claim.DueWords(m.Claim.InForce(m.At))
	}
	if len(ev.sections) > 0 { // of what the line is about
		line += " (" + residency.Plural(marketsOf(ev.sections[0].hosts).Len(), "market") + ")"
	}
	return line
}

// what says what happened, by the weightiest event.
func (m *Message) what(ev evidence) string {
	switch m.Event {
	case residency.EventOpened:
		return "seen outside"
	case residency.EventReopened:
		return "seen outside again"
	case residency.EventMoved:
		return "still outside, in another place"
	case residency.EventReclassified:
		if len(ev.open) > 0 {
			return "judged otherwise, at the same addresses"
		}
		return closedTitle(residency.ClosedReclassified)
	case residency.EventClosed:
		for _, a := range m.Alerts {
			if a.Last {
				return uncapital(strings.TrimSuffix(oneLine(a.Text), "."))
			}
		}
		if len(ev.sections) > 0 {
			return closedTitle(ev.sections[0].closedAs)
		}
		return closedTitle("")
	case residency.EventAtRisk:
		return "at this pace it will not be done in time"
	case residency.EventReminder:
		if left := m.daysLeft(); left > 0 {
			return "still outside, " + residency.Plural(left, "day") + " left"
		}
		return "still outside"
	case residency.EventDue:
		return "still outside, and due now"
	case residency.EventOverdue:
		if m.Claim == nil {
			return "still outside, and overdue"
		}
		return "still outside, " + residency.Plural(-m.daysLeft(), "day") + " after " + m.Claim.DueOn.Human()
	}
	return m.whatElse()
}

// whatElse says what happened where no promise is concerned.
func (m *Message) whatElse() string {
	first, _, _ := strings.Cut(m.of(m.Event).Text, "\n")
	switch m.Event {
	case residency.EventWaiverEnds, residency.EventWaiverUnused:
		if n := m.count(m.Event); n > 1 {
			return residency.Plural(n, "waiver") + ", which " + map[residency.AlertEvent]string{
				residency.EventWaiverEnds: "ended or end soon", residency.EventWaiverUnused: "cover nothing",
			}[m.Event]
		}
	case residency.EventCoverage:
		return oneLine(first)
	case residency.EventMonitor, residency.EventMonitorGood:
		if n := m.count(m.Event); n > 1 {
			return fmt.Sprintf("the monitor: %s, and %d more", oneLine(first), n-1)
		}
		return "the monitor: " + oneLine(first)
	case residency.EventTest:
		return "test message: if you read this, the channel works"
	}
	return oneLine(first)
}

// of returns the newest alert of an event; the zero Alert if there is none.
func (m *Message) of(e residency.AlertEvent) residency.Alert {
	for _, a := range slices.Backward(m.Alerts) {
		if a.Event == e {
			return a
		}
	}
	return residency.Alert{}
}

// count returns how many alerts of an event there are.
func (m *Message) count(e residency.AlertEvent) int {
	n := 0
	for _, a := range m.Alerts {
		if a.Event == e {
			n++
		}
	}
	return n
}

// daysLeft returns how many days of the claim's calendar lie between the
// message and the due instant: 1 on the last day, negative after it.
func (m *Message) daysLeft() int {
	if m.Claim == nil {
		return 0
	}
	due, day := m.Claim.Due, m.Claim.DueOn
	if m.Claim.Kind == residency.KindPolicy {
		due, day = m.Claim.From, m.Claim.FromOn
	}
	if due.IsZero() {
		return 0
	}
	today := residency.DateOf(m.At.In(due.Location()))
	n := int(day.Start(time.UTC).Sub(today.Start(time.UTC)).Hours() / 24)
	if n >= 0 && m.Claim.Kind == residency.KindPromise {
		n++ // the whole of the last day is left
	}
	return n
}

// name returns the claim's title with its id, or the id.
func name(c residency.Claim) string {
	if c.Title == "" {
		return oneLine(c.ID)
	}
	return fmt.Sprintf("%s (%s)", oneLine(c.Title), oneLine(c.ID))
}

// uncapital returns s with its first letter in lower case.
func uncapital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// lead returns the first words of the notice, up to a stop, for a subject.
func lead(notice string) string {
	s := oneLine(notice)
	if i := strings.IndexAny(s, ".:;,!"); i > 0 {
		s = s[:i]
	}
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}
