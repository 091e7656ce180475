package alert

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"residency/internal/residency"
)

// Route is a channel with all that decides what goes into it and when.
type Route struct {
	Name    string
	Channel Channel
	Wants   Filter

	// Hours are when it may be used; outside of them alerts are held, and those
	// of a group become one message. Urgent lets critical ones through all the
	// same.
	Hours  residency.Hours
	Urgent bool

	// Compose writes the message of alerts of one group; nil: the function
	// Compose, in the program's own words.
	Compose func([]residency.Alert) residency.Notification

	PerMinute int           // messages at most; 0: DefaultPerMinute
	Timeout   time.Duration // of one try; 0: DefaultTimeout
}

// DefaultPerMinute is how many messages a minute go into a channel that sets
// no other figure. What is more waits, and grows into fewer messages.
const DefaultPerMinute = 20

// DefaultTimeout bounds one try of a channel that sets no other time.
const DefaultTimeout = 10 * time.Second

// Filter says which alerts a channel wants. An empty part wants all of them.
type Filter struct {
	Kind     residency.AlertKind
	Vendors  []string
	Claims   []string // ids
	Markets  []residency.Country
	Severity residency.Severity // this or higher
}

// wants reports whether the alert passes the filter. What an alert does not
// say does not keep it out: one that is about a whole claim reaches a channel
// for one market, and one about the monitor a channel for one vendor. The end
// of a thing passes whatever its severity, so that nobody is left with an
// incident that is over.
func (f Filter) wants(a residency.Alert) bool {
	switch {
	case f.Kind != "" && a.Kind != f.Kind:
		return false
	case len(f.Vendors) > 0 && a.Vendor != "" && !slices.Contains(f.Vendors, a.Vendor):
		return false
	case len(f.Claims) > 0 && a.Claim != nil && !slices.Contains(f.Claims, a.Claim.ID):
		return false
	case len(f.Markets) > 0 && a.Market.Known() && !slices.Contains(f.Markets, a.Market):
		return false
	}
	return a.Severity >= f.Severity || ends(a.Event)
}

// ends reports whether the event is the end of something.
func ends(e residency.AlertEvent) bool {
	return e == residency.EventClosed || e == residency.EventReclassified || e == residency.EventMonitorGood
}

// takes reports whether the alert goes into the channel. That a channel could
// not deliver is told in every other channel that wants it, and in the
// fallback whatever that wants.
func (c *Courier) takes(r *Route, a residency.Alert) bool {
	if a.Event == residency.EventDelivery {
		return a.Channel != r.Name && (r.Name == c.Fallback || r.Wants.wants(a))
	}
	return r.Wants.wants(a)
}

// sort parts the waiting alerts into those of each group that may be told now,
// the groups in the order of their oldest alert, and the ids of those that are
// not for the channel. What is neither is held.
func (c *Courier) sort(r *Route, waiting []residency.Alert, now time.Time) (groups [][]residency.Alert, pass []string) {
	open := r.Hours.Open(now)
	at := map[string]int{}
	for _, a := range waiting {
		if !c.takes(r, a) {
			pass = append(pass, a.ID)
			continue
		}
		i, known := at[a.Group]
		if !known {
			i = len(groups)
			at[a.Group] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], a)
	}
	if !open { // a critical alert takes the rest of its group with it
		groups = slices.DeleteFunc(groups, func(g []residency.Alert) bool {
			return !r.Urgent || !slices.ContainsFunc(g, func(a residency.Alert) bool { return a.Severity >= residency.SeverityCritical })
		})
	}
	return groups, pass
}

// mayTry reports whether a delivery may be tried now, by the hours.
func (r *Route) mayTry(n residency.Notification, now time.Time) bool {
	return r.Hours.Open(now) || r.Urgent && n.Severity >= residency.SeverityCritical
}

// DeliveryKey returns the key of the notification that tells the alerts with
// the ids in the channel: the same for the same alerts in any order. It is 32
// hexadecimal digits.
func DeliveryKey(channel string, ids []string) string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return digest(slices.Concat([]string{"residency/delivery/v1", channel}, ids)...)
}

// digest returns a hash of the parts, 32 hexadecimal digits.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // no two lists run together
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
