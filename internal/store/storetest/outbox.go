package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

// tell makes a run that says the alerts.
func tell(t *testing.T, s Store, n int, alerts ...residency.Alert) {
	t.Helper()
	seq, err := s.Begin(t.Context(), RunAt(n))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.End(t.Context(), seq, residency.RunEnd{Run: RunAt(n), Alerts: alerts}); err != nil {
		t.Fatal(err)
	}
}

// note is a notification of the alerts.
func note(key, channel string, alerts ...residency.Alert) residency.Notification {
	return residency.Notification{Key: key, Channel: channel, Group: alerts[0].Group, Kind: residency.AlertFinding, Subject: "s", Text: "text", Alerts: alerts}
}

// waits holds Waiting to the ids wanted.
func waits(t *testing.T, s Store, channel string, now time.Time, want ...string) {
	t.Helper()
	list, err := s.Waiting(t.Context(), channel, Start().Add(-time.Hour), now)
	var got []string
	for _, a := range list {
		got = append(got, a.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Waiting(%s) at %v (-want +got): %v\n%s", channel, now, err, diff)
	}
}

// outbox: an alert waits from its time on until it is told or passed over,
// and no alert is told twice.
func outbox(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	a, b, c := Alert(1, Start()), Alert(2, Start()), Alert(3, Start())
	b.NotBefore, c.Group = Start().Add(time.Hour), "v/d"
	tell(t, s, 1, c, b, a)
	waits(t, s, "ch", Start(), a.ID, c.ID)
	waits(t, s, "ch", Start().Add(time.Hour), a.ID, b.ID, c.ID)
	if err := s.Pass(ctx, "ch", []string{c.ID}); err != nil {
		t.Fatal(err)
	}
	n := note("k1", "ch", a)
	if err := s.Fix(ctx, n, Start()); err != nil {
		t.Fatal(err)
	}
	if err := s.Fix(ctx, n, Start()); err != nil {
		t.Errorf("Fix of the same notification: %v", err)
	}
	if err := s.Fix(ctx, note("k2", "ch", b, a), Start()); err == nil {
		t.Error("Fix of an alert that was told succeeded")
	}
	waits(t, s, "ch", Start().Add(time.Hour)) // b is of the group of a, which is under way
	if err := s.Tried(ctx, "k1", residency.Receipt{At: Start(), Taken: true}, time.Time{}, false, nil); err != nil {
		t.Fatal(err)
	}
	waits(t, s, "ch", Start().Add(time.Hour), b.ID)
	waits(t, s, "other", Start().Add(time.Hour), a.ID, b.ID, c.ID)
}

// newChannel: a channel never heard of has what was made lately, and then all,
// whatever the clock does.
func newChannel(t *testing.T, open Open) {
	s := fresh(t, open)
	old, late := Alert(1, Start().Add(-2*time.Hour)), Alert(2, Start())
	tell(t, s, 1, old, late)
	waits(t, s, "ch", Start(), late.ID)
	back := Alert(3, Start().Add(-5*time.Hour)) // the clock was set back
	tell(t, s, 2, back)
	waits(t, s, "ch", Start(), back.ID, late.ID)
}

// clockSetBack: what was saved, leased or put off under a clock that was far
// ahead does not wait until the clock gets there again.
func clockSetBack(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	ahead := Start().Add(365 * 24 * time.Hour)
	a := Alert(1, ahead)
	a.NotBefore = ahead.Add(time.Minute)
	tell(t, s, 1, a)
	waits(t, s, "ch", Start(), a.ID)
	waits(t, s, "ch", ahead) // there it waits for others of its group
	if err := s.Fix(ctx, note("k", "ch", a), ahead); err != nil {
		t.Fatal(err)
	}
	ready := func(now time.Time, want int) {
		t.Helper()
		if list, err := s.Ready(ctx, "ch", now, now.Add(time.Minute), 5); err != nil || len(list) != want {
			t.Errorf("Ready at %v: %d deliveries, %v, want %d", now, len(list), err, want)
		}
	}
	ready(Start(), 1) // it was due a year later
	ready(Start(), 0)
	ready(ahead, 1)
	ready(ahead, 0)
	ready(Start(), 1) // it was leased a year later
	if err := s.Tried(ctx, "k", residency.Receipt{At: Start()}, Start().Add(6*time.Hour), false, nil); err != nil {
		t.Fatal(err)
	}
	ready(Start(), 0)
	ready(Start().Add(6*time.Hour), 1)
}

// manyChannels: what is settled for one channel is not for another, over many
// alerts.
func manyChannels(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	var all []residency.Alert
	var ids []string
	for n := range 300 {
		a := Alert(n, Start())
		a.Group = fmt.Sprint(n % 7)
		all, ids = append(all, a), append(ids, a.ID)
	}
	tell(t, s, 1, all...)
	waits(t, s, "a", Start(), ids...)
	if err := s.Pass(ctx, "a", append(append([]string{}, ids[:100]...), ids[150:]...)); err != nil {
		t.Fatal(err)
	}
	waits(t, s, "a", Start(), ids[100:150]...)
	waits(t, s, "a", Start(), ids[100:150]...) // once more, when what is settled is noted
	if err := s.Pass(ctx, "a", ids[100:150]); err != nil {
		t.Fatal(err)
	}
	waits(t, s, "a", Start())
	waits(t, s, "b", Start(), ids...)
	tell(t, s, 2, Alert(900, Start()))
	waits(t, s, "a", Start(), Alert(900, Start()).ID)
}

// deliveries: one is given to one process at a time, until it is taken, with
// the same message each time.
func deliveries(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	a, b := Alert(1, Start()), Alert(2, Start())
	tell(t, s, 1, a, b)
	n := note("k", "ch", a, b)
	if err := s.Fix(ctx, n, Start()); err != nil {
		t.Fatal(err)
	}
	ready := func(now time.Time, want int) []residency.Delivery {
		t.Helper()
		list, err := s.Ready(ctx, "ch", now, now.Add(time.Minute), 10)
		if err != nil || len(list) != want {
			t.Fatalf("Ready at %v = %v, %v, want %d", now, list, err, want)
		}
		return list
	}
	first := ready(Start(), 1)
	if diff := cmp.Diff(n, first[0].Notification); diff != "" {
		t.Errorf("notification (-want +got):\n%s", diff)
	}
	ready(Start().Add(30*time.Second), 0) // leased
	ready(Start().Add(time.Minute), 1)    // the lease ran out: its process died
	failed := residency.Receipt{At: Start(), Detail: "500"}
	if err := s.Tried(ctx, "k", failed, time.Time{}, false, nil); err == nil {
		t.Error("Tried without an outcome succeeded")
	}
	if err := s.Tried(ctx, "k", failed, Start().Add(time.Hour), false, []residency.Alert{Alert(9, Start())}); err != nil {
		t.Fatal(err)
	}
	ready(Start().Add(59*time.Minute), 0)
	again := ready(Start().Add(time.Hour), 1)
	if d := again[0]; d.Tries != 1 || !d.Fixed.Equal(Start()) || len(d.Receipts) != 1 || d.Receipts[0].Try != 1 || d.Receipts[0].Detail != "500" {
		t.Errorf("delivery after a try = %+v", d)
	}
	if diff := cmp.Diff(n, again[0].Notification); diff != "" {
		t.Errorf("notification after a try (-want +got):\n%s", diff)
	}
	if err := s.Tried(ctx, "k", residency.Receipt{At: Start(), Taken: true, Detail: "200"}, time.Time{}, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Tried(ctx, "k", failed, Start().Add(time.Hour), false, nil); err != nil {
		t.Fatal(err) // a second process, late
	}
	ready(Start().Add(24*time.Hour), 0)
	waits(t, s, "ch", Start(), Alert(9, Start()).ID)
	if err := s.Tried(ctx, "no such", failed, Start(), true, nil); err == nil {
		t.Error("Tried of no notification succeeded")
	}
}

// parked: what failed for good stays until a person has it tried again.
func parked(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	a := Alert(1, Start())
	tell(t, s, 1, a)
	if err := s.Fix(ctx, note("k", "ch", a), Start()); err != nil {
		t.Fatal(err)
	}
	if err := s.Tried(ctx, "k", residency.Receipt{At: Start(), Detail: "404"}, time.Time{}, true, nil); err != nil {
		t.Fatal(err)
	}
	later := Start().Add(48 * time.Hour)
	if list, err := s.Ready(ctx, "ch", later, later, 10); err != nil || len(list) != 0 {
		t.Errorf("Ready with a parked delivery = %v, %v", list, err)
	}
	waits(t, s, "ch", later) // it is told, if not taken
	if n, err := s.Retry(ctx, "", "other", later); err != nil || n != 0 {
		t.Errorf("Retry of another channel = %d, %v", n, err)
	}
	if n, err := s.Retry(ctx, "k", "", later); err != nil || n != 1 {
		t.Errorf("Retry = %d, %v, want 1", n, err)
	}
	if list, err := s.Ready(ctx, "ch", later, later, 10); err != nil || len(list) != 1 || list[0].Parked {
		t.Errorf("Ready after Retry = %v, %v, want one", list, err)
	}
}
