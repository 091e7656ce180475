package alert

import (
	"fmt"
	"strings"
	"time"

	"residency/internal/residency"
)

// parked is the alert that a message cannot be delivered.
func (c *Courier) parked(r *Route, d residency.Delivery, at time.Time, err error) []residency.Alert {
	id := stamp(at) + "-" + digest("parked", r.Name, d.Notification.Key)
	text := fmt.Sprintf("The channel %q refused a message for good: %v.\nThe message: %s\nTo send it again: residency alert retry %s",
		r.Name, err, d.Notification.Subject, d.Notification.Key)
	return c.failure(r, d, at, id, text, residency.SeverityCritical)
}

// late is the alert that messages wait for long, one a day for a channel.
func (c *Courier) late(r *Route, d residency.Delivery, at time.Time, err error) []residency.Alert {
	if at.Sub(d.Fixed) < late {
		return nil
	}
	day := at.UTC().Truncate(24 * time.Hour)
	id := stamp(day) + "-" + digest("late", r.Name)
	text := fmt.Sprintf("The channel %q has taken nothing for %s: %v.\nThe oldest message that waits: %s\nIt is tried again and again.",
		r.Name, at.Sub(d.Fixed).Round(time.Minute), err, d.Notification.Subject)
	return c.failure(r, d, at, id, text, residency.SeverityCritical)
}

// stamp is the beginning of an id, so that ids sort by time.
func stamp(at time.Time) string { return at.UTC().Format("20060102T150405.000Z") }

// failure is the alert that a channel could not deliver.
func (c *Courier) failure(r *Route, d residency.Delivery, at time.Time, id, text string, sev residency.Severity) []residency.Alert {
	if d.Notification.Event == residency.EventDelivery {
		return nil // a message about messages makes no further one: two dead channels would go on for ever
	}
	return []residency.Alert{{
		ID: id, At: at, NotBefore: at, Kind: residency.AlertOperations, Event: residency.EventDelivery, Severity: sev,
		Group: "operations/delivery/" + r.Name, Channel: r.Name, Text: strings.TrimSpace(text), Run: d.Notification.Run,
	}}
}
