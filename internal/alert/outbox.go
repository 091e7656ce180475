package alert

import (
	"context"
	"time"

	"residency/internal/residency"
)

// Outbox holds what is to be told. Its methods may be called by one courier at
// a time in each process, and by several processes; each is one transaction,
// on disk when it returns.
type Outbox interface {
	// Waiting returns the alerts due at now that are in no notification of the
	// channel yet and that it has not passed over, oldest first. Alerts of a
	// group that has a delivery of the channel under way (neither taken nor
	// parked) are left out: what came later is told later. A channel never
	// heard of before has those made since the given time only.
	Waiting(ctx context.Context, channel string, since, now time.Time) ([]residency.Alert, error)

	// Pass remembers that the alerts are not for the channel.
	Pass(ctx context.Context, channel string, ids []string) error

	// Fix remembers a notification before it is sent. One with the same key is
	// left as it is; an alert that has gone into another notification of the
	// channel meanwhile is an error, and nothing is remembered.
	Fix(ctx context.Context, n residency.Notification, at time.Time) error

	// Ready returns the deliveries of a channel that are to be tried at now,
	// oldest first and at most limit of them, and leases each until the given
	// time, so that no other process sends it meanwhile.
	Ready(ctx context.Context, channel string, now, lease time.Time, limit int) ([]residency.Delivery, error)

	// Tried remembers what came of a try, and the alerts that follow from it;
	// one whose id is known is left as it is. next is when to try again: zero
	// when it was taken, or parked.
	Tried(ctx context.Context, key string, r residency.Receipt, next time.Time, parked bool, tell []residency.Alert) error
}
