package channel

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"residency/internal/residency"
)

// Alertmanager posts alerts to the Alertmanager of Prometheus (API v2). Each
// finding is one alert with stable labels: alertname, vendor, service,
// endpoint, market, claim, finding and severity.
//
// An Alertmanager forgets: it keeps alerts in memory, and takes one that has
// reached its end for resolved. So every alert ends Hold after it was last
// sent, and all that is open is sent again by Refresh. Hold is long on purpose:
// when this program dies, nothing may look resolved for that; its heartbeat
// says that it died.
type Alertmanager struct {
	URL            string // base, without /api/v2; path and user are secrets
	User, Password string // basic authentication; "" for none
	Client         *http.Client
	Timeout        time.Duration
	Now            func() time.Time // nil: time.Now
}

// Hold is how long an alert is held to be firing after it was last sent.
const Hold = 7 * 24 * time.Hour

// amBatch is how many alerts go into one request.
const amBatch = 500

// amText is how much text goes into an annotation, in bytes.
const amText = 8 << 10

// amAlert is a postableAlert of the API.
type amAlert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// Send posts the alerts of the message.
func (a Alertmanager) Send(ctx context.Context, n residency.Notification) (string, error) {
	notes := map[string]string{"summary": n.Subject, "description": cut(n.Text, amText), "key": n.Key}
	now := a.now()
	var list []amAlert
	for _, one := range n.Alerts {
		list = append(list, amAlerts(one, notes, now)...)
	}
	if len(n.Alerts) == 0 { // a test, or a message of a check that remembers nothing
		labels := map[string]string{"alertname": "ResidencyOutside", "vendor": n.Vendor, "claim": n.Claim, "severity": n.Severity.String()}
		end := now.Add(24 * time.Hour)
		if n.Test {
			labels = map[string]string{"alertname": "ResidencyTest", "severity": residency.SeverityInfo.String()}
			end = now.Add(time.Minute)
		}
		list = append(list, amAlert{Labels: labels, Annotations: notes, StartsAt: now, EndsAt: end})
	}
	return a.post(ctx, list)
}

// Refresh posts again what is open.
func (a Alertmanager) Refresh(ctx context.Context, open []residency.Alert) error {
	now := a.now()
	var list []amAlert
	for _, one := range open {
		list = append(list, amAlerts(one, nil, now)...)
	}
	_, err := a.post(ctx, list)
	return err
}

// amAlerts returns an alert as Alertmanager has it. The severity is a label, so
// that it can be routed by; the alerts that differ in it alone are ended, since
// what was a warning is critical from the due date on.
func amAlerts(a residency.Alert, notes map[string]string, now time.Time) []amAlert {
	labels := amLabels(a)
	if notes == nil {
		notes = map[string]string{"summary": labels["vendor"] + ": " + labels["endpoint"] + " is outside " + labels["claim"]}
	}
	start, end := a.At, now.Add(Hold)
	if a.Finding != nil && !a.Finding.Opened.IsZero() {
		start = a.Finding.Opened
		if !a.Finding.Reopened.IsZero() {
			start = a.Finding.Reopened
		}
	}
	if a.Finding == nil && a.Event != residency.EventMonitor {
		end = now.Add(24 * time.Hour) // news, not a state
	}
	over := a.Event == residency.EventMonitorGood || a.Finding != nil && !a.Finding.Open()
	if start.After(now) {
		start = now
	}
	var list []amAlert
	for s := residency.SeverityInfo; s <= residency.SeverityCritical; s++ {
		one := amAlert{Labels: map[string]string{}, Annotations: notes, StartsAt: start.UTC(), EndsAt: end.UTC()}
		for k, v := range labels {
			one.Labels[k] = v
		}
		one.Labels["severity"] = s.String()
		if over || s != a.Severity {
			if a.Finding == nil && !over {
				continue
			}
			one.EndsAt = now.UTC()
		}
		list = append(list, one)
	}
	return list
}

// amLabels returns the labels of the alert, without the severity.
func amLabels(a residency.Alert) map[string]string {
	labels := map[string]string{"kind": string(a.Kind)}
	set := func(name, value string) {
		if value != "" {
			labels[name] = strings.ToValidUTF8(value, "?")
		}
	}
	set("vendor", a.Vendor)
	if a.Claim != nil {
		set("claim", a.Claim.ID)
	}
	switch f := a.Finding; {
	case f != nil:
		labels["alertname"] = "ResidencyOutside"
		set("vendor", f.Vendor)
		set("service", f.Service)
		set("endpoint", f.Host)
		set("market", f.Market.String())
		set("claim", f.Claim)
		set("finding", f.Key)
	case a.Event == residency.EventMonitor, a.Event == residency.EventMonitorGood:
		labels["alertname"] = "ResidencyMonitor"
		set("group", a.Group)
	default:
		labels["alertname"] = "ResidencyNews"
		set("event", string(a.Event))
		set("group", a.Group)
	}
	return labels
}

// post sends the alerts, some at a time.
func (a Alertmanager) post(ctx context.Context, list []amAlert) (status string, err error) {
	header, secrets := http.Header{}, []string{a.Password}
	if a.User != "" || a.Password != "" {
		basic := base64.StdEncoding.EncodeToString([]byte(a.User + ":" + a.Password))
		header.Set("Authorization", "Basic "+basic)
		secrets = append(secrets, basic)
	}
	for len(list) > 0 {
		part := list[:min(amBatch, len(list))]
		list = list[len(part):]
		status, err = post{what: "post to Alertmanager", url: strings.TrimRight(a.URL, "/") + "/api/v2/alerts", header: header, body: part,
			client: a.Client, timeout: a.Timeout, stay: true, quote: true, secrets: secrets}.send(ctx)
		if err != nil {
			return "", err
		}
	}
	return status, nil
}

// now returns the time.
func (a Alertmanager) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

// String names the channel without its secrets.
func (a Alertmanager) String() string { return named("alertmanager", a.URL) }

// GoString is String: %#v would print the password.
func (a Alertmanager) GoString() string { return a.String() }
