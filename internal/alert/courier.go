package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"residency/internal/residency"
)

// Courier brings what is in the outbox to the channels: at least once, the
// same message always under the same key, in the order of events within a
// group. Each channel goes at its own pace, so that a slow or dead one holds up
// no other.
type Courier struct {
	Outbox   Outbox
	Routes   []Route
	Fallback string // name of the channel that hears when another cannot deliver; "" for none

	// Open returns one alert for each thing that is open now, for channels
	// whose receiver forgets. nil: they are told of changes only.
	Open func(context.Context) ([]residency.Alert, error)

	Now   func() time.Time
	Sleep func(context.Context, time.Duration) // returns early when the context ends
	Rand  func() float64                       // from 0 to 1

	// Told is called after every try, and for what went wrong besides (then
	// with an empty key); for logs and metrics. nil: nobody is.
	Told func(Event)

	once  sync.Once
	mu    sync.Mutex // around Outbox and Told
	lines []*line
}

// Event is what became of a try, or what else went wrong in a channel.
type Event struct {
	Channel string
	Key     string // of the notification; "" when it is about none
	Try     int
	Taken   bool
	Parked  bool
	Detail  string // of the receiver
	Err     error  // nil when it was taken
	Next    time.Time
}

// Summary counts what a channel, or all of them, did.
type Summary struct {
	Taken  int // messages that were taken
	Failed int // tries that failed and are made again later
	Parked int // messages that cannot be delivered
	Held   int // alerts that wait for the hours of their channel, or for a later run
}

// Polling and leases.
const (
	pollEvery    = 5 * time.Second
	troubleWait  = 30 * time.Second // after the outbox itself failed
	refreshEvery = 5 * time.Minute

	// leaseSlack is how much longer than its time-out a try may take before
	// another process may make it again.
	leaseSlack = time.Minute

	// batch is how many deliveries are leased at once.
	batch = 8

	// recent is how far back a channel hears that was never heard of before.
	recent = 24 * time.Hour

	// settle is how far a drain looks ahead: nothing waits for a run that ended.
	settle = 2 * time.Minute

	// late is how long a message may go untaken before somebody is told.
	late = time.Hour
)

// line is a route at work.
type line struct {
	*Route
	bucket  bucket
	fails   int       // tries that failed one after the other
	rest    time.Time // not used before this, because it fails
	refresh time.Time // next refresh
}

// start makes the lines, once.
func (c *Courier) start() {
	c.once.Do(func() {
		for i := range c.Routes {
			r := &c.Routes[i]
			per := r.PerMinute
			if per <= 0 {
				per = DefaultPerMinute
			}
			c.lines = append(c.lines, &line{Route: r, bucket: bucket{perMinute: per}})
		}
	})
}

// Run delivers until the context ends. What is under way then is given up, and
// made again by the next process under the same key.
func (c *Courier) Run(ctx context.Context) error {
	c.each(func(ln *line) {
		for ctx.Err() == nil {
			_, more, err := c.turn(ctx, ln, 0)
			if err = errors.Join(err, c.again(ctx, ln)); err != nil {
				c.trouble(ctx, ln, err)
				c.Sleep(ctx, troubleWait)
			} else if !more {
				c.Sleep(ctx, pollEvery)
			}
		}
	})
	return nil
}

// Drain delivers what can be delivered now and within the budget, and returns.
// What fails, what a channel's pace or hours do not let through, and what the
// budget leaves over stays in the outbox for the next time. The error has what
// went wrong besides single deliveries, which Told hears of.
func (c *Courier) Drain(ctx context.Context, budget time.Duration) (Summary, error) {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	var d drained
	c.each(func(ln *line) { c.empty(ctx, ln, &d) })
	if d.sum.Parked > 0 && ctx.Err() == nil { // others are to hear of that
		c.each(func(ln *line) { c.empty(ctx, ln, &d) })
	}
	c.each(func(ln *line) {
		err := c.again(ctx, ln)
		d.note(ctx, Summary{Held: c.held(ctx, ln)}, ln, err)
	})
	return d.sum, errors.Join(d.errs...)
}

// drained gathers what the channels did.
type drained struct {
	mu   sync.Mutex
	sum  Summary
	errs []error
}

// note takes in what one channel did. What the end of the time cut off is no
// error: it is made next time.
func (d *drained) note(ctx context.Context, s Summary, ln *line, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sum.Taken, d.sum.Failed, d.sum.Parked, d.sum.Held = d.sum.Taken+s.Taken, d.sum.Failed+s.Failed, d.sum.Parked+s.Parked, d.sum.Held+s.Held
	if err != nil && ctx.Err() == nil {
		d.errs = append(d.errs, fmt.Errorf("channel %s: %w", ln.Name, err))
	}
}

// empty takes turns until there is nothing to do for the channel now.
func (c *Courier) empty(ctx context.Context, ln *line, d *drained) {
	for more := true; more && ctx.Err() == nil; {
		var s Summary
		var err error
		s, more, err = c.turn(ctx, ln, settle)
		d.note(ctx, s, ln, err)
	}
}

// each runs f for every channel at the same time, and waits for all.
func (c *Courier) each(f func(*line)) {
	c.start()
	var group sync.WaitGroup
	for _, ln := range c.lines {
		group.Go(func() { f(ln) })
	}
	group.Wait()
}

// turn puts waiting alerts into messages and tries what is due. more says that
// another turn at once would find something to do.
func (c *Courier) turn(ctx context.Context, ln *line, ahead time.Duration) (sum Summary, more bool, err error) {
	now := c.Now()
	room := min(ln.bucket.room(now), batch)
	if room <= 0 || now.Before(ln.rest) || !ln.Hours.Open(now) && !ln.Urgent {
		return sum, false, nil
	}
	ready, err := c.ready(ctx, ln, now, room)
	if err != nil {
		return sum, false, err
	}
	// A channel that does not work gets one new message at a time: what waits
	// for it grows into fewer messages.
	if len(ready) == 0 {
		if ln.fails > 0 {
			room = 1
		}
		if err := c.fix(ctx, ln, now, ahead, room); err != nil {
			return sum, false, err
		}
		if ready, err = c.ready(ctx, ln, now, room); err != nil {
			return sum, false, err
		}
	}
	for _, d := range ready {
		if ctx.Err() != nil {
			return sum, false, ctx.Err()
		}
		if !ln.mayTry(d.Notification, now) {
			continue // its lease runs out by itself
		}
		if err := c.try(ctx, ln, d, &sum); err != nil {
			return sum, false, err
		}
		if ln.fails >= 2 { // not this message: the channel
			ln.rest = c.Now().Add(backoff(ln.fails-1, c.random()))
			return sum, false, nil
		}
	}
	return sum, len(ready) > 0, nil
}

// random returns a number from 0 to 1 by chance.
func (c *Courier) random() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Rand()
}

// ready leases what is due.
func (c *Courier) ready(ctx context.Context, ln *line, now time.Time, room int) ([]residency.Delivery, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The lease is for all of them, one after the other.
	lease := now.Add(time.Duration(room)*ln.timeout() + leaseSlack)
	list, err := c.Outbox.Ready(ctx, ln.Name, now, lease, room)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return list, nil
}

// held counts the alerts that wait for the channel although they are due.
func (c *Courier) held(ctx context.Context, ln *line) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	// Also when the budget is used up: that is when there is something to say.
	waiting, _ := c.Outbox.Waiting(context.WithoutCancel(ctx), ln.Name, now.Add(-recent), now.Add(settle))
	for _, a := range waiting {
		if c.takes(ln.Route, a) {
			n++
		}
	}
	return n
}

// fix puts waiting alerts into at most room messages.
func (c *Courier) fix(ctx context.Context, ln *line, now time.Time, ahead time.Duration, room int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting, err := c.Outbox.Waiting(ctx, ln.Name, now.Add(-recent), now.Add(ahead))
	if err != nil {
		return fmt.Errorf("read outbox: %w", err)
	}
	groups, pass := c.sort(ln.Route, waiting, now)
	if len(pass) > 0 {
		if err := c.Outbox.Pass(ctx, ln.Name, pass); err != nil {
			return fmt.Errorf("write outbox: %w", err)
		}
	}
	var errs []error
	for _, alerts := range groups[:min(room, len(groups))] {
		if err := c.Outbox.Fix(ctx, ln.compose(alerts), now); err != nil {
			// Another process may just have taken one of them; the next turn
			// sees what is left.
			errs = append(errs, fmt.Errorf("write outbox: %w", err))
		}
	}
	return errors.Join(errs...)
}

// compose makes the message of one group.
func (r *Route) compose(alerts []residency.Alert) residency.Notification {
	n := r.write()(alerts)
	ids := make([]string, 0, len(alerts))
	for _, a := range alerts {
		ids = append(ids, a.ID)
	}
	n.Key, n.Channel, n.Group, n.Alerts = DeliveryKey(r.Name, ids), r.Name, alerts[0].Group, alerts
	return n
}

// write returns what writes the route's messages.
func (r *Route) write() func([]residency.Alert) residency.Notification {
	if r.Compose != nil {
		return r.Compose
	}
	return Compose
}

// try sends one delivery and remembers what came of it.
func (c *Courier) try(ctx context.Context, ln *line, d residency.Delivery, sum *Summary) error {
	ln.bucket.use()
	receipt, sendErr := c.send(ctx, ln, d.Notification)
	if sendErr != nil && ctx.Err() != nil {
		return ctx.Err() // we stopped it: that says nothing about the channel
	}
	at := c.Now()
	ev := Event{Channel: ln.Name, Key: d.Notification.Key, Try: d.Tries + 1, Taken: sendErr == nil, Detail: receipt, Err: sendErr}
	var tell []residency.Alert
	switch {
	case sendErr == nil:
		ln.fails = 0
		sum.Taken++
	case permanent(sendErr):
		ln.fails = 0 // it answered
		sum.Parked++
		ev.Parked, ev.Detail = true, sendErr.Error()
		tell = c.parked(ln.Route, d, at, sendErr)
	default:
		ln.fails++
		sum.Failed++
		ev.Detail = sendErr.Error()
		ev.Next = at.Add(max(backoff(ev.Try, c.random()), askedWait(sendErr)))
		tell = c.late(ln.Route, d, at, sendErr)
	}
	r := residency.Receipt{At: at, Try: ev.Try, Taken: ev.Taken, Detail: ev.Detail}
	c.mu.Lock()
	defer c.mu.Unlock()
	// Also when the context ended just now: a message that was taken is not to
	// be sent again for that.
	err := c.Outbox.Tried(context.WithoutCancel(ctx), ev.Key, r, ev.Next, ev.Parked, tell)
	if c.Told != nil {
		c.Told(ev)
	}
	if err != nil {
		return fmt.Errorf("write outbox: %w", err)
	}
	return nil
}

// send makes one try. A channel that panics fails for good: the message would
// end the next process too, and nobody would be told of anything any more.
func (c *Courier) send(ctx context.Context, ln *line, n residency.Notification) (receipt string, err error) {
	ctx, cancel := context.WithTimeout(ctx, ln.timeout())
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = brokenChannel{}
		}
	}()
	return ln.Channel.Send(ctx, n)
}

// brokenChannel is the error of a channel that panicked. The value it panicked
// with may hold a secret.
type brokenChannel struct{}

func (brokenChannel) Error() string   { return "the program has a fault in this channel" }
func (brokenChannel) Permanent() bool { return true }

func (r *Route) timeout() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return DefaultTimeout
}

// again tells a channel whose receiver forgets of all that is open.
func (c *Courier) again(ctx context.Context, ln *line) error {
	ch, ok := ln.Channel.(Refresher)
	if now := c.Now(); !ok || c.Open == nil || now.Before(ln.refresh) || now.Before(ln.rest) {
		return nil
	}
	ln.refresh = c.Now().Add(refreshEvery)
	c.mu.Lock()
	open, err := c.Open(ctx)
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("read findings: %w", err)
	}
	open = slices.DeleteFunc(slices.Clone(open), func(a residency.Alert) bool { return !c.takes(ln.Route, a) })
	if len(open) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ln.timeout())
	defer cancel()
	return ch.Refresh(ctx, open)
}

// trouble tells of what went wrong besides a delivery.
func (c *Courier) trouble(ctx context.Context, ln *line, err error) {
	if err == nil || ctx.Err() != nil || c.Told == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Told(Event{Channel: ln.Name, Err: err})
}
