package channel

import (
	"net/netip"
	"time"

	"residency/internal/residency"
)

// NotificationSchema is the version of the JSON that Webhook and File write;
// docs/notification.schema.json describes it. Fields may be added under the
// same version; none changes its meaning or goes.
const NotificationSchema = "residency/notification/v1"

// AlertSchema is the version of the JSON that Webhook posts for receivers that
// know no newer one.
const AlertSchema = "residency/alert/v1"

// oldAlert is the JSON of AlertSchema.
type oldAlert struct {
	Schema   string             `json:"schema"`
	Key      string             `json:"key"`
	Claim    string             `json:"claim"`
	Vendor   string             `json:"vendor"`
	Standing residency.Standing `json:"standing"`
	At       time.Time          `json:"at"` // RFC 3339, UTC
	Subject  string             `json:"subject"`
	Text     string             `json:"text"`
	Run      string             `json:"run"`
}

// alertOf returns the message in the older schema.
func alertOf(n residency.Notification) oldAlert {
	return oldAlert{
		Schema: AlertSchema, Key: n.Key, Claim: n.Claim, Vendor: n.Vendor, Standing: n.Standing,
		At: n.At.UTC(), Subject: n.Subject, Text: n.Text, Run: n.Run,
	}
}

// notification is the JSON of NotificationSchema. It has all that oldAlert has.
type notification struct {
	Schema   string               `json:"schema"`
	Key      string               `json:"key"` // the same when the same message is sent again
	Channel  string               `json:"channel"`
	Group    string               `json:"group"`
	Kind     residency.AlertKind  `json:"kind"`
	Event    residency.AlertEvent `json:"event"`
	Severity residency.Severity   `json:"severity"`
	Vendor   string               `json:"vendor"`
	Claim    string               `json:"claim"`
	Standing residency.Standing   `json:"standing"`
	At       time.Time            `json:"at"` // RFC 3339, UTC
	Subject  string               `json:"subject"`
	Text     string               `json:"text"`
	Run      string               `json:"run"`
	Resolved bool                 `json:"resolved"` // everything it tells of is over
	Test     bool                 `json:"test"`
	Alerts   []change             `json:"alerts"`
}

// change is the JSON of one alert of a message.
type change struct {
	ID       string               `json:"id"`
	At       time.Time            `json:"at"`
	Event    residency.AlertEvent `json:"event"`
	Severity residency.Severity   `json:"severity"`
	Market   string               `json:"market,omitempty"`
	Text     string               `json:"text,omitempty"`
	Finding  *found               `json:"finding,omitempty"`
}

// found is the JSON of a finding.
type found struct {
	Key       string             `json:"key"`
	Service   string             `json:"service"`
	Endpoint  string             `json:"endpoint"`
	Market    string             `json:"market"`
	Opened    *time.Time         `json:"opened,omitempty"`
	LastSeen  *time.Time         `json:"last_seen,omitempty"`
	Closed    *time.Time         `json:"closed,omitempty"`
	ClosedAs  residency.ClosedAs `json:"closed_as,omitempty"`
	Grade     residency.Grade    `json:"grade"`
	Countries []string           `json:"countries"`
	Addresses []netip.Addr       `json:"addresses"`
	Reasons   []residency.Reason `json:"reasons"`
}

// notificationOf returns the message as JSON has it.
func notificationOf(n residency.Notification) notification {
	out := notification{
		Schema: NotificationSchema, Key: n.Key, Channel: n.Channel, Group: n.Group, Kind: n.Kind, Event: n.Event, Severity: n.Severity,
		Vendor: n.Vendor, Claim: n.Claim, Standing: n.Standing, At: n.At.UTC(), Subject: n.Subject, Text: n.Text, Run: n.Run,
		Resolved: n.Resolves, Test: n.Test, Alerts: []change{},
	}
	for _, a := range n.Alerts {
		c := change{ID: a.ID, At: a.At.UTC(), Event: a.Event, Severity: a.Severity, Text: a.Text, Finding: foundOf(a.Finding)}
		if a.Market.Known() {
			c.Market = a.Market.String()
		}
		out.Alerts = append(out.Alerts, c)
	}
	return out
}

// foundOf returns the finding as JSON has it, nil for none.
func foundOf(f *residency.Finding) *found {
	if f == nil {
		return nil
	}
	return &found{
		Key: f.Key, Service: f.Service, Endpoint: f.Host, Market: f.Market.String(),
		Opened: given(f.Opened), LastSeen: given(f.LastSeen), Closed: given(f.Closed), ClosedAs: f.ClosedAs, Grade: f.Grade,
		Countries: append([]string{}, f.Countries.Codes()...), Addresses: append([]netip.Addr{}, f.Addresses...), Reasons: append([]residency.Reason{}, f.Reasons...),
	}
}

// given returns the time in UTC, nil for none.
func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
