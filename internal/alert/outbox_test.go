package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"residency/internal/residency"
)

// box is an Outbox in memory, as slow and plain as its contract.
type box struct {
	mu         sync.Mutex
	alerts     []residency.Alert
	passed     map[string]bool // channel and id
	deliveries []residency.Delivery
	leased     map[string]time.Time
	broken     error // what every method returns
}

func (b *box) add(alerts ...residency.Alert) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.insert(alerts)
}

func (b *box) insert(alerts []residency.Alert) {
	for _, a := range alerts {
		if !slices.ContainsFunc(b.alerts, func(o residency.Alert) bool { return o.ID == a.ID }) {
			b.alerts = append(b.alerts, a)
		}
	}
	slices.SortStableFunc(b.alerts, func(x, y residency.Alert) int { return x.At.Compare(y.At) })
}

// told reports whether an alert is in a notification of the channel, and
// whether one of its group is under way.
func (b *box) told(channel string, a residency.Alert) (told, underWay bool) {
	for _, d := range b.deliveries {
		if d.Notification.Channel != channel {
			continue
		}
		told = told || slices.ContainsFunc(d.Notification.Alerts, func(o residency.Alert) bool { return o.ID == a.ID })
		underWay = underWay || d.Notification.Group == a.Group && !d.Next.IsZero()
	}
	return told, underWay
}

func (b *box) Waiting(_ context.Context, channel string, since, now time.Time) ([]residency.Alert, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []residency.Alert
	for _, a := range b.alerts {
		told, underWay := b.told(channel, a)
		if told || underWay || b.passed[channel+a.ID] || a.NotBefore.After(now) {
			continue
		}
		list = append(list, a)
	}
	return list, b.broken
}

func (b *box) Pass(_ context.Context, channel string, ids []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.passed == nil {
		b.passed = map[string]bool{}
	}
	for _, id := range ids {
		b.passed[channel+id] = true
	}
	return b.broken
}

func (b *box) Fix(_ context.Context, n residency.Notification, at time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil || slices.ContainsFunc(b.deliveries, func(d residency.Delivery) bool { return d.Notification.Key == n.Key }) {
		return b.broken
	}
	for _, a := range n.Alerts {
		if told, _ := b.told(n.Channel, a); told {
			return fmt.Errorf("alert %s is told already", a.ID)
		}
	}
	b.deliveries = append(b.deliveries, residency.Delivery{Notification: n, Fixed: at, Next: at})
	return nil
}

func (b *box) Ready(_ context.Context, channel string, now, lease time.Time, limit int) ([]residency.Delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leased == nil {
		b.leased = map[string]time.Time{}
	}
	var list []residency.Delivery
	for _, d := range b.deliveries {
		k := d.Notification.Key
		if d.Notification.Channel == channel && !d.Next.IsZero() && !d.Next.After(now) && !b.leased[k].After(now) && len(list) < limit {
			b.leased[k] = lease
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, func(x, y residency.Delivery) int { return cmp.Compare(x.Fixed.UnixNano(), y.Fixed.UnixNano()) })
	return list, b.broken
}

func (b *box) Tried(_ context.Context, key string, r residency.Receipt, next time.Time, parked bool, tell []residency.Alert) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return b.broken
	}
	for i := range b.deliveries {
		if d := &b.deliveries[i]; d.Notification.Key == key {
			d.Receipts = append(d.Receipts, r)
			d.Tries, d.Next, d.Parked = r.Try, next, parked
			delete(b.leased, key)
			b.insert(tell)
			return nil
		}
	}
	return errors.New("no delivery " + key)
}
