package alert

import (
	"context"
	"errors"
	"fmt"

	"residency/internal/residency"
)

// Channel is a way to tell people. Send returns nil only when the receiver
// took the message; it keeps to the context, does not try again by itself, and
// its error names no secret. It may be called from one goroutine at a time.
type Channel interface {
	Send(ctx context.Context, a residency.Notification) error
}

// Notify sends every alert through every channel, one after the other. A
// channel that fails stops neither the others nor the next alert; all errors
// come back joined, nil if everything was taken.
func Notify(ctx context.Context, alerts []residency.Notification, channels []Channel) error {
	var errs []error
	for _, a := range alerts {
		for _, c := range channels {
			if err := c.Send(ctx, a); err != nil {
				errs = append(errs, fmt.Errorf("notify of %s: %w", a.Claim, err))
			}
		}
	}
	return errors.Join(errs...)
}
