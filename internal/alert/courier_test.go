package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

// receiver is a channel that notes what it took.
type receiver struct {
	mu     sync.Mutex
	taken  []string // subjects
	keys   []string // of every try
	answer func(try int, n residency.Notification) error
	takes  time.Duration // how long a try takes
}

func (r *receiver) Send(ctx context.Context, n residency.Notification) (string, error) {
	r.mu.Lock()
	r.keys = append(r.keys, n.Key)
	try := len(r.keys)
	r.mu.Unlock() // a bubble's clock stands still while somebody waits for a lock
	if r.takes > 0 {
		pause(ctx, r.takes)
		if err := ctx.Err(); err != nil {
			return "", err
		}
	}
	if r.answer != nil {
		if err := r.answer(try, n); err != nil {
			return "", err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, n.Subject)
	return fmt.Sprintf("taken as %d", try), nil
}

// pause sleeps until the context ends at most.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// refused is an error that is not worth another try.
type refused struct{}

func (refused) Error() string   { return "not taken: status 404 Not Found" }
func (refused) Permanent() bool { return true }

// busy is an error that says when to come again.
type busy time.Duration

func (busy) Error() string               { return "not taken: status 429 Too Many Requests" }
func (b busy) RetryAfter() time.Duration { return time.Duration(b) }

// courier makes one that composes by naming what it tells.
func courier(b *box, routes ...Route) *Courier {
	for i := range routes {
		routes[i].Compose = func(alerts []residency.Alert) residency.Notification {
			n := Compose(alerts)
			var ids []string
			for _, a := range alerts {
				ids = append(ids, a.ID)
			}
			n.Subject = strings.Join(ids, "+")
			return n
		}
	}
	return &Courier{Outbox: b, Routes: routes, Now: time.Now, Sleep: pause, Rand: func() float64 { return 0 }}
}

// finding is an alert of a group.
func finding(id, group string) residency.Alert {
	return residency.Alert{ID: id, At: time.Now(), NotBefore: time.Now(), Kind: residency.AlertFinding, Event: residency.EventOpened,
		Severity: residency.SeverityCritical, Group: group, Vendor: "v"}
}

// run runs the courier for a time of the bubble.
func (c *Courier) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := c.Run(ctx); err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestCourierGroupsAndKeepsReceipts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, hook := &box{}, &receiver{}
		b.add(finding("1", "v/a"), finding("2", "v/b"), finding("3", "v/a"))
		late := finding("4", "v/a")
		late.NotBefore = time.Now().Add(time.Minute)
		b.add(late)
		courier(b, Route{Name: "hook", Channel: hook}).run(t, 10*time.Minute)
		if diff := cmp.Diff([]string{"1+3", "2", "4"}, hook.taken); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		d := b.deliveries[0]
		if d.Notification.Key != DeliveryKey("hook", []string{"3", "1"}) || d.Notification.Group != "v/a" || d.Notification.Channel != "hook" {
			t.Errorf("notification = %+v, want key, group and channel set", d.Notification)
		}
		if len(d.Receipts) != 1 || !d.Receipts[0].Taken || d.Receipts[0].Detail != "taken as 1" || d.Receipts[0].Try != 1 {
			t.Errorf("receipts = %+v, want one of a message taken", d.Receipts)
		}
	})
}

// TestCourierDeadForADay has the receiver away for a day: nothing is lost, one
// message per group waits, what comes later joins the next, in order, and
// somebody is told of the silence once.
func TestCourierDeadForADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		b, mail := &box{}, &receiver{}
		hook := &receiver{answer: func(int, residency.Notification) error {
			if time.Since(start) < 24*time.Hour {
				return errors.New("connect: connection refused")
			}
			return nil
		}}
		b.add(finding("open", "v/a"))
		c := courier(b, Route{Name: "hook", Channel: hook, Wants: Filter{Kind: residency.AlertFinding}},
			Route{Name: "mail", Channel: mail, Wants: Filter{Kind: residency.AlertFinding, Vendors: []string{"other"}}})
		c.Fallback = "mail"
		go func() {
			for i := range 20 {
				time.Sleep(time.Hour)
				a := finding(fmt.Sprintf("h%02d", i), "v/a")
				a.Event = residency.EventMoved
				b.add(a)
			}
		}()
		c.run(t, 26*time.Hour)
		if len(hook.taken) != 2 || hook.taken[0] != "open" || strings.Count(hook.taken[1], "+") != 19 {
			t.Errorf("told %q, want the first message and then one of 20 alerts", hook.taken)
		}
		if n := len(hook.keys); n < 24 || n > 50 {
			t.Errorf("%d tries in a day, want one an hour or two", n)
		}
		if first := hook.keys[0]; slices.ContainsFunc(hook.keys[:len(hook.keys)-1], func(k string) bool { return k != first }) {
			t.Errorf("keys of the first message differ: %q", hook.keys)
		}
		if len(mail.taken) < 1 || len(mail.taken) > 2 { // a second one after midnight
			t.Errorf("the fallback was told %d times of the silence, want once a day", len(mail.taken))
		}
		last := b.alerts[slices.IndexFunc(b.alerts, func(a residency.Alert) bool { return a.Event == residency.EventDelivery })]
		if !strings.Contains(last.Text, `"hook" has taken nothing for`) || last.Channel != "hook" || last.Kind != residency.AlertOperations {
			t.Errorf("alert = %+v, want one about the channel", last)
		}
	})
}

func TestCourierAnswers500Then200(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		hook := &receiver{answer: func(try int, _ residency.Notification) error {
			if try <= 3 {
				return errors.New("not taken: status 500 Internal Server Error")
			}
			return nil
		}}
		b.add(finding("1", "v/a"))
		start := time.Now()
		courier(b, Route{Name: "hook", Channel: hook}).run(t, time.Hour)
		if len(hook.taken) != 1 || len(hook.keys) != 4 {
			t.Fatalf("told %q in %d tries, want once in 4", hook.taken, len(hook.keys))
		}
		var waits []time.Duration
		for _, r := range b.deliveries[0].Receipts {
			waits = append(waits, r.At.Sub(start).Round(10*time.Second))
		}
		if diff := cmp.Diff([]time.Duration{0, 30 * time.Second, 90 * time.Second, 210 * time.Second}, waits); diff != "" {
			t.Errorf("tries after (-want +got):\n%s", diff)
		}
	})
}

func TestCourierKeepsToRetryAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ asked, want time.Duration }{
		{20 * time.Minute, 20 * time.Minute},
		{time.Second, firstWait},
		{100 * time.Hour, longestAsked},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &box{}
			hook := &receiver{answer: func(try int, _ residency.Notification) error {
				if try == 1 {
					return busy(tt.asked)
				}
				return nil
			}}
			b.add(finding("1", "v/a"))
			courier(b, Route{Name: "hook", Channel: hook}).run(t, 7*time.Hour)
			r := b.deliveries[0].Receipts
			if got := r[1].At.Sub(r[0].At); got < tt.want || got > tt.want+2*pollEvery {
				t.Errorf("asked to wait %v, tried again after %v, want %v", tt.asked, got, tt.want)
			}
		})
	}
}

// TestCourierParks has one channel refuse for good, and the fallback refuse the
// message about that: it ends there.
func TestCourierParks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		no := func(int, residency.Notification) error { return refused{} }
		hook, mail, ops := &receiver{answer: no}, &receiver{answer: no}, &receiver{}
		b.add(finding("1", "v/a"))
		c := courier(b, Route{Name: "hook", Channel: hook},
			Route{Name: "mail", Channel: mail, Wants: Filter{Vendors: []string{"none"}, Kind: residency.AlertFinding}},
			Route{Name: "ops", Channel: ops, Wants: Filter{Kind: residency.AlertOperations}})
		c.Fallback = "mail"
		c.run(t, 48*time.Hour)
		if len(hook.keys) != 1 || len(mail.keys) != 1 || len(ops.taken) != 1 {
			t.Errorf("tries: hook %d, mail %d; ops told %d; want 1 each", len(hook.keys), len(mail.keys), len(ops.taken))
		}
		if d := b.deliveries[0]; !d.Parked || !d.Next.IsZero() || d.Receipts[0].Taken || d.Receipts[0].Detail != "not taken: status 404 Not Found" {
			t.Errorf("delivery = %+v, want parked with its reason", d)
		}
		var text string
		for _, a := range b.alerts {
			if a.Event == residency.EventDelivery {
				text += a.Text
			}
		}
		for _, want := range []string{`The channel "hook" refused a message for good: not taken: status 404 Not Found.`, "residency alert retry " + b.deliveries[0].Notification.Key} {
			if !strings.Contains(text, want) || strings.Contains(text, `"mail"`) {
				t.Errorf("alerts say %q, want %q and nothing of the fallback", text, want)
			}
		}
	})
}

// TestCourierOneSlowChannel shows that a channel that takes its whole time-out
// holds up no other, in a run and in a drain.
func TestCourierOneSlowChannel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, fast, slow := &box{}, &receiver{}, &receiver{takes: time.Hour}
		for i := range 5 {
			b.add(finding(fmt.Sprint(i), fmt.Sprint("v/", i)))
		}
		c := courier(b, Route{Name: "slow", Channel: slow, Timeout: 20 * time.Second}, Route{Name: "fast", Channel: fast})
		began := time.Now()
		sum, err := c.Drain(t.Context(), 30*time.Second)
		if took := time.Since(began); took > 30*time.Second || err != nil {
			t.Errorf("Drain took %v and returned %v, want at most 30s and nil", took, err)
		}
		if len(fast.taken) != 5 || sum.Taken != 5 || sum.Failed != 1 {
			t.Errorf("told %q, summary %+v, want 5 taken and one that failed", fast.taken, sum)
		}
	})
}

// TestCourierThousandFindings has a thousand findings at once: those of a claim
// are one message, and many claims do not flood the channel.
func TestCourierThousandFindings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, hook := &box{}, &receiver{}
		for i := range 1000 {
			b.add(finding(fmt.Sprintf("%04d", i), fmt.Sprintf("v/%d", i%50)))
		}
		c := courier(b, Route{Name: "hook", Channel: hook, PerMinute: 10})
		sum, err := c.Drain(t.Context(), time.Minute)
		if err != nil || sum.Taken != 10 || sum.Held != 800 {
			t.Errorf("Drain = %+v, %v, want 10 messages and 800 alerts for later", sum, err)
		}
		c.run(t, 90*time.Second)
		if n := len(hook.taken); n < 19 || n > 26 {
			t.Errorf("%d messages after 90 s at 10 a minute, want about 25", n)
		}
		c.run(t, 10*time.Minute)
		seen := 0
		for _, s := range hook.taken {
			seen += strings.Count(s, "+") + 1
		}
		if len(hook.taken) != 50 || seen != 1000 {
			t.Errorf("%d messages of %d alerts, want 50 of 1000", len(hook.taken), seen)
		}
	})
}

func TestCourierHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the bubble begins at midnight UTC of a Saturday
		hours, err := residency.ParseHours([]string{"Mon-Fri 09:00-18:00"}, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		b, office, pager := &box{}, &receiver{}, &receiver{}
		mild := finding("mild", "v/a")
		mild.Severity = residency.SeverityWarning
		b.add(mild)
		c := courier(b, Route{Name: "office", Channel: office, Hours: hours}, Route{Name: "pager", Channel: pager, Hours: hours, Urgent: true})
		c.run(t, 24*time.Hour)
		if len(office.taken)+len(pager.taken) != 0 {
			t.Errorf("told %q and %q outside of hours, want nothing", office.taken, pager.taken)
		}
		b.add(finding("bad", "v/b"))
		c.run(t, time.Minute)
		if diff := cmp.Diff([]string{"bad"}, pager.taken); diff != "" || len(office.taken) != 0 {
			t.Errorf("urgent channel (-want +got):\n%s; the other: %q", diff, office.taken)
		}
		b.add(finding("worse", "v/a"))
		c.run(t, 48*time.Hour)
		if diff := cmp.Diff([]string{"mild+worse", "bad"}, office.taken); diff != "" {
			t.Errorf("held (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"bad", "mild+worse"}, pager.taken); diff != "" {
			t.Errorf("urgent (-want +got):\n%s", diff)
		}
	})
}
