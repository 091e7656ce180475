package alert

import (
	"context"
	"errors"
	"fmt"

	"residency/internal/residency"
)

// Channel is a way to tell people. Send makes one try and returns nil only
// when the receiver took the message, with what the receiver said of it: a
// status line, a queue id. It keeps to the context, and its error names no
// secret. An error whose chain has a method Permanent() bool that says true is
// not worth another try; RetryAfter() time.Duration says when one is. It may be
// called from one goroutine at a time.
type Channel interface {
	Send(ctx context.Context, n residency.Notification) (receipt string, err error)
}

// Refresher is a Channel whose receiver forgets, and has to be told again and
// again of what is still so.
type Refresher interface {
	// Refresh tells of everything that is open.
	Refresh(ctx context.Context, open []residency.Alert) error
}

// Tell joins alerts that nothing remembers into messages and sends each to
// every route that wants it, one after the other. A channel that fails stops
// neither the others nor the next message; all errors come back joined, nil if
// everything was taken. What is remembered goes by Courier.
func Tell(ctx context.Context, alerts []residency.Alert, routes []Route) error {
	var errs []error
	for i := range routes {
		r := &routes[i]
		var wanted []residency.Alert
		for _, a := range alerts {
			if r.Wants.wants(a) {
				wanted = append(wanted, a)
			}
		}
		for _, n := range joined(wanted, r.write()) {
			n.Channel = r.Name
			if _, err := r.Channel.Send(ctx, n); err != nil {
				errs = append(errs, fmt.Errorf("notify of %s: %w", n.Claim, err))
			}
		}
	}
	return errors.Join(errs...)
}
