package channel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"residency/internal/residency"
)

// PagerDutyURL is where PagerDuty takes events of its service region US.
const PagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

// PagerDuty sends events (Events API v2). All messages of a group are one
// incident: its dedup_key is the group. A message whose findings are all
// acknowledged acknowledges it, one that says that all is over resolves it.
type PagerDuty struct {
	Key     string // integration key; a secret
	URL     string // "": PagerDutyURL; that of the EU, or of what speaks the same
	Client  *http.Client
	Timeout time.Duration
}

type pagerEvent struct {
	RoutingKey string        `json:"routing_key"`
	Action     string        `json:"event_action"`
	DedupKey   string        `json:"dedup_key"`
	Client     string        `json:"client,omitempty"`
	Payload    *pagerPayload `json:"payload,omitempty"`
}

type pagerPayload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"`
	Timestamp string            `json:"timestamp"`
	Component string            `json:"component,omitempty"`
	Group     string            `json:"group,omitempty"`
	Class     string            `json:"class,omitempty"`
	Details   map[string]string `json:"custom_details"`
}

// Limits of the API, in bytes (it counts characters).
const (
	pagerSummary = 1024
	pagerDedup   = 255
	pagerText    = 16 << 10
)

// Send sends the event.
func (p PagerDuty) Send(ctx context.Context, n residency.Notification) (string, error) {
	url := p.URL
	if url == "" {
		url = PagerDutyURL
	}
	return post{what: "send to PagerDuty", url: url, body: p.event(n), client: p.Client, timeout: p.Timeout,
		stay: true, quote: true, secrets: []string{p.Key}}.send(ctx)
}

// event returns the message as an event.
func (p PagerDuty) event(n residency.Notification) pagerEvent {
	ev := pagerEvent{RoutingKey: p.Key, Action: pagerAction(n), DedupKey: dedupKey(n)}
	if ev.Action != "trigger" {
		return ev
	}
	source := n.Vendor
	if source == "" {
		source = "residency"
	}
	ev.Client = "residency"
	ev.Payload = &pagerPayload{
		Summary: cut(mark(n)+n.Subject, pagerSummary), Source: source, Severity: n.Severity.String(), Timestamp: n.At.UTC().Format(time.RFC3339),
		Component: n.Claim, Group: n.Group, Class: string(n.Event),
		Details: map[string]string{"message": cut(n.Text, pagerText), "key": n.Key, "run": n.Run},
	}
	return ev
}

// pagerAction says what the message does to the incident.
func pagerAction(n residency.Notification) string {
	if n.Resolves {
		return "resolve"
	}
	for _, a := range n.Alerts {
		if a.Finding == nil || a.Finding.Acknowledged == nil {
			return "trigger"
		}
	}
	if len(n.Alerts) == 0 {
		return "trigger"
	}
	return "acknowledge"
}

// dedupKey is the group; a test's is its own, so that it touches no incident.
func dedupKey(n residency.Notification) string {
	key := n.Group
	if key == "" || n.Test {
		key = "residency/" + n.Key
	}
	if len(key) > pagerDedup {
		sum := sha256.Sum256([]byte(key))
		return hex.EncodeToString(sum[:])
	}
	return key
}

// String names the channel without its secrets.
func (p PagerDuty) String() string { return "pagerduty" }

// GoString is String: %#v would print the key.
func (p PagerDuty) GoString() string { return p.String() }
