package alert

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	in, sg := residency.MustCountry("IN"), residency.MustCountry("SG")
	base := residency.Alert{Kind: residency.AlertFinding, Event: residency.EventOpened, Severity: residency.SeverityWarning,
		Vendor: "xiaomi", Claim: &residency.Claim{ID: "phase-1"}, Market: in}
	with := func(change func(*residency.Alert)) residency.Alert {
		a := base
		change(&a)
		return a
	}
	tests := []struct {
		name   string
		filter Filter
		alert  residency.Alert
		want   bool
	}{
		{"no filter", Filter{}, base, true},
		{"its kind", Filter{Kind: residency.AlertFinding}, base, true},
		{"other kind", Filter{Kind: residency.AlertOperations}, base, false},
		{"its vendor", Filter{Vendors: []string{"acme", "xiaomi"}}, base, true},
		{"other vendor", Filter{Vendors: []string{"acme"}}, base, false},
		{"about no vendor", Filter{Vendors: []string{"acme"}}, with(func(a *residency.Alert) { a.Vendor = "" }), true},
		{"its claim", Filter{Claims: []string{"phase-1"}}, base, true},
		{"other claim", Filter{Claims: []string{"phase-2"}}, base, false},
		{"about no claim", Filter{Claims: []string{"phase-2"}}, with(func(a *residency.Alert) { a.Claim = nil }), true},
		{"its market", Filter{Markets: []residency.Country{sg, in}}, base, true},
		{"other market", Filter{Markets: []residency.Country{sg}}, base, false},
		{"about no one market", Filter{Markets: []residency.Country{sg}}, with(func(a *residency.Alert) { a.Market = *new(residency.Country) }), true},
		{"severe enough", Filter{Severity: residency.SeverityWarning}, base, true},
		{"too mild", Filter{Severity: residency.SeverityCritical}, base, false},
		{"the end of it", Filter{Severity: residency.SeverityCritical}, with(func(a *residency.Alert) { a.Event = residency.EventClosed }), true},
		{"the end elsewhere", Filter{Markets: []residency.Country{sg}}, with(func(a *residency.Alert) { a.Event = residency.EventClosed }), false},
	}
	for _, tt := range tests {
		if got := tt.filter.wants(tt.alert); got != tt.want {
			t.Errorf("%s: wants = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestDeliveryKey(t *testing.T) {
	t.Parallel()
	a := DeliveryKey("hook", []string{"1", "2"})
	if b := DeliveryKey("hook", []string{"2", "1"}); a != b || len(a) != 32 {
		t.Errorf("keys of one set = %s, %s, want the same 32 digits", a, b)
	}
	for _, other := range []string{DeliveryKey("mail", []string{"1", "2"}), DeliveryKey("hook", []string{"12"}), DeliveryKey("hook", []string{"1"})} {
		if other == a {
			t.Errorf("another message has the same key %s", a)
		}
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	var got []time.Duration
	for _, tries := range []int{-1, 1, 2, 3, 7, 8, 9, 17, 1000, 1 << 40} {
		got = append(got, backoff(tries, 0))
	}
	want := []time.Duration{30 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 32 * time.Minute, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("backoff (-want +got):\n%s", diff)
	}
	if got := backoff(2, 0.5); got != 45*time.Second {
		t.Errorf("backoff with half the chance = %v, want 45s", got)
	}
}

// TestBucketAfterClockJump sets the clock back and forth: the pace neither
// stops nor bursts.
func TestBucketAfterClockJump(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := bucket{perMinute: 6}
	for range b.room(at) {
		b.use()
	}
	if got := b.room(at.Add(-5 * time.Hour)); got != 0 {
		t.Errorf("room after the clock was set back = %d, want 0", got)
	}
	if got := b.room(at.Add(-5*time.Hour + 20*time.Second)); got != 2 {
		t.Errorf("room 20s later = %d, want 2", got)
	}
	if got := b.room(at.Add(100 * time.Hour)); got != 6 {
		t.Errorf("room after a jump forward = %d, want 6 and no more", got)
	}
}

// TestCourierPassesOver shows that what a channel does not want is not looked
// at again.
func TestCourierPassesOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, ops := &box{}, &receiver{}
		b.add(finding("1", "v/a"))
		courier(b, Route{Name: "ops", Channel: ops, Wants: Filter{Kind: residency.AlertOperations}}).run(t, time.Minute)
		if left, _ := b.Waiting(t.Context(), "ops", time.Time{}, time.Now()); len(left) != 0 || len(ops.taken) != 0 {
			t.Errorf("%d alerts wait and %d were told, want none", len(left), len(ops.taken))
		}
	})
}

// TestCourierTwoProcesses runs two couriers over one outbox: no message is
// told twice while both live, and one that dies in a try is taken over.
func TestCourierTwoProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, hook := &box{}, &receiver{takes: time.Second}
		for _, id := range strings.Split("abcdefghij", "") {
			b.add(finding(id, "v/"+id))
		}
		one, two := courier(b, Route{Name: "hook", Channel: hook}), courier(b, Route{Name: "hook", Channel: hook})
		var both sync.WaitGroup
		both.Go(func() { one.run(t, 10*time.Minute) })
		both.Go(func() { two.run(t, 10*time.Minute) })
		both.Wait()
		if len(hook.taken) != 10 {
			t.Errorf("%d messages told, want 10: %q", len(hook.taken), hook.taken)
		}

		b.add(finding("last", "v/last"))
		ctx, die := context.WithCancel(t.Context())
		dying := courier(b, Route{Name: "hook", Channel: channelFunc(func(ctx context.Context, _ residency.Notification) error {
			die()
			return ctx.Err()
		})})
		if err := dying.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
		two.run(t, 10*time.Minute)
		if n := len(hook.taken); n != 11 || hook.taken[10] != "last" {
			t.Errorf("told %q, want the message of the dead process too", hook.taken)
		}
	})
}

// TestCourierPanic has a channel with a fault: its message is parked, the
// others go on.
func TestCourierPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, good := &box{}, &receiver{}
		b.add(finding("1", "v/a"))
		bad := channelFunc(func(context.Context, residency.Notification) error { panic("s3cret") })
		c := courier(b, Route{Name: "bad", Channel: bad, Wants: Filter{Kind: residency.AlertFinding}}, Route{Name: "good", Channel: good})
		sum, err := c.Drain(t.Context(), time.Minute)
		if err != nil || sum.Parked != 1 {
			t.Errorf("Drain = %+v, %v, want one parked", sum, err)
		}
		for _, d := range b.deliveries {
			if strings.Contains(d.Receipts[0].Detail, "s3cret") {
				t.Errorf("receipt %q shows what it panicked with", d.Receipts[0].Detail)
			}
		}
	})
}

// TestCourierBrokenOutbox has the outbox fail: nothing is sent that cannot be
// remembered, it is told, and all goes on when the outbox is well again.
func TestCourierBrokenOutbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, hook := &box{broken: errors.New("disk full")}, &receiver{}
		b.add(finding("1", "v/a"))
		c := courier(b, Route{Name: "hook", Channel: hook})
		var events []Event
		c.Told = func(e Event) { events = append(events, e) }
		if _, err := c.Drain(t.Context(), time.Minute); err == nil || err.Error() != "channel hook: read outbox: disk full" {
			t.Errorf("Drain = %v, want the error of the outbox", err)
		}
		c.run(t, 5*time.Minute)
		if len(hook.keys) != 0 || len(events) < 5 || len(events) > 12 || events[0].Err.Error() != "read outbox: disk full" {
			t.Errorf("%d tries, events %v, want none and one each half minute", len(hook.keys), events)
		}
		b.broken = nil
		c.run(t, time.Minute)
		if len(hook.taken) != 1 {
			t.Errorf("told %q, want the message", hook.taken)
		}
	})
}

// TestCourierRefreshes tells a forgetful receiver of what is open, again and
// again, and of nothing that it does not want.
func TestCourierRefreshes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ch := &forgetful{}
		c := courier(&box{}, Route{Name: "am", Channel: ch, Wants: Filter{Vendors: []string{"v"}}})
		other := finding("2", "w/a")
		other.Vendor = "w"
		c.Open = func(context.Context) ([]residency.Alert, error) {
			return []residency.Alert{finding("1", "v/a"), other}, nil
		}
		c.run(t, 16*time.Minute)
		if diff := cmp.Diff([]string{"1", "1", "1", "1"}, ch.open); diff != "" {
			t.Errorf("refreshed (-want +got):\n%s", diff)
		}
	})
}

// forgetful is a Refresher that notes what it is told is open.
type forgetful struct {
	receiver
	open []string
}

func (f *forgetful) Refresh(_ context.Context, open []residency.Alert) error {
	for _, a := range open {
		f.open = append(f.open, a.ID)
	}
	return nil
}
