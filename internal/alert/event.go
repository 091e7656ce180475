package alert

import (
	"slices"

	"residency/internal/residency"
)

// weights are all events, the one that a message is named by first.
func weights() []residency.AlertEvent {
	return []residency.AlertEvent{
		residency.EventOpened, residency.EventReopened, residency.EventMoved, residency.EventDue, residency.EventOverdue,
		residency.EventReclassified, residency.EventAtRisk, residency.EventReminder,
		residency.EventMonitor, residency.EventDelivery, residency.EventClosed, residency.EventWaiverEnds,
		residency.EventCoverage, residency.EventWaiverUnused, residency.EventMonitorGood, residency.EventTest,
	}
}

// weightiest returns the event that a message of these alerts is named by.
func weightiest(alerts []residency.Alert) residency.AlertEvent {
	order := weights()
	best := len(order)
	for _, a := range alerts {
		if i := slices.Index(order, a.Event); i >= 0 {
			best = min(best, i)
		}
	}
	if best == len(order) {
		return ""
	}
	return order[best]
}

// seenTitle heads what was seen, for each event that a finding has.
func seenTitle(s section) string {
	switch {
	case s.event == residency.EventReclassified && s.open:
		return "The same addresses, judged otherwise than before"
	case !s.open:
		return capital(closedTitle(s.closedAs))
	case s.event == residency.EventReopened:
		return "Seen outside again"
	case s.event == residency.EventMoved:
		return "Still outside, in another place"
	case s.event == residency.EventOpened:
		return "Seen outside"
	}
	return "Still outside"
}

// closedTitle says in a few words how a finding ended.
func closedTitle(as residency.ClosedAs) string {
	switch as {
	case residency.ClosedReclassified:
		return "no longer judged outside, at the same addresses"
	case residency.ClosedFalsePositive:
		return "found to be wrong"
	case residency.ClosedNotAsked:
		return "no longer looked at"
	case residency.ClosedRetired:
		return "no longer in use"
	}
	return "no longer seen outside"
}

// resolves reports whether a group's alerts end with nothing open.
func resolves(alerts []residency.Alert) bool {
	var end residency.Alert
	for _, a := range alerts {
		if a.Last && !a.At.Before(end.At) {
			end = a
		}
	}
	if !end.Last {
		return false
	}
	return !slices.ContainsFunc(alerts, func(a residency.Alert) bool {
		began := a.Finding != nil && a.Finding.Open() || a.Event == residency.EventMonitor
		return began && a.At.After(end.At)
	})
}
