package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/store/storetest"
)

// lived returns a store with ten runs: endpoint 1 changed in each, endpoint 2
// in run 4, endpoint 3 never, and endpoint 4 was looked at in the first three
// only.
func lived(t *testing.T) *store.Store {
	t.Helper()
	s := open(t, t.TempDir())
	t.Cleanup(func() { s.Close() })
	for n := 1; n <= 10; n++ {
		rounds := []residency.KeptRound{storetest.Round(1, n*2, n), storetest.Round(2, 2*min(n/4, 1), n), storetest.Round(3, 1, n)}
		if n <= 3 {
			rounds = append(rounds, storetest.Round(4, 1, n))
		}
		storetest.Do(t, s, n, rounds...)
	}
	return s
}

// whole holds the store to being as it was written.
func whole(t *testing.T, s *store.Store) store.Checked {
	t.Helper()
	c, err := s.Check(t.Context())
	if err != nil || len(c.Problems) > 0 || len(c.Warnings) > 0 {
		t.Fatalf("Check = %+v, %v, want nothing wrong", c, err)
	}
	return c
}

// seals returns the rounds of each run.
func seals(t *testing.T, s *store.Store, from, to int64) map[int64][]residency.RoundSeal {
	t.Helper()
	all := map[int64][]residency.RoundSeal{}
	for seq := from; seq <= to; seq++ {
		list, err := s.Rounds(t.Context(), seq)
		if err != nil {
			t.Fatalf("Rounds(%d): %v", seq, err)
		}
		all[seq] = list
	}
	return all
}

func TestPrune(t *testing.T) {
	t.Parallel()
	s := lived(t)
	ctx := t.Context()
	before, was := seals(t, s, 6, 10), whole(t, s)
	done, err := s.Prune(ctx, store.Pruning{Before: storetest.RunAt(6).At, By: "me", Reason: "old"})
	if err != nil {
		t.Fatalf("Prune: %v", err)
	}
	// Endpoint 1: five spans; 2: the one up to run 3; 4: its only one.
	if want := (store.Pruned{FirstSeq: 1, LastSeq: 5, Runs: 5, Spans: 7}); done != want {
		t.Errorf("Prune = %+v, want %+v", done, want)
	}
	if diff := cmp.Diff(before, seals(t, s, 6, 10)); diff != "" {
		t.Errorf("rounds that stay are no longer as they were sealed (-want +got):\n%s", diff)
	}
	now := whole(t, s)
	if now.Leaves != was.Leaves+1 || now.Bodies >= was.Bodies {
		t.Errorf("leaves %d -> %d, bodies %d -> %d: want one more leaf and fewer bodies", was.Leaves, now.Leaves, was.Bodies, now.Bodies)
	}
	if _, ok, err := s.Run(ctx, 5); ok || err != nil {
		t.Errorf("Run(5) = %v, %v, want none", ok, err)
	}
	for _, tt := range []struct {
		round residency.KeptRound
		there bool
	}{
		{storetest.Round(1, 2, 1), false}, {storetest.Round(1, 10, 5), false}, {storetest.Round(1, 12, 6), true}, {storetest.Round(2, 0, 1), false},
		{storetest.Round(2, 2, 4), true}, {storetest.Round(3, 1, 1), true}, {storetest.Round(4, 1, 1), false},
	} {
		got, err := s.Kept(ctx, []residency.Hash{residency.HashOf(tt.round.Sight)})
		if err != nil || (len(got) == 1) != tt.there {
			t.Errorf("sight %s is there: %v (%v), want %v", tt.round.Sight, len(got) == 1, err, tt.there)
		}
		if tt.there { // with the location that it names
			for h := range tt.round.Locations {
				if _, err := s.Bodies(ctx, []residency.Hash{h}); err != nil {
					t.Errorf("location of %s: %v", tt.round.Sight, err)
				}
			}
		}
	}
	if n, err := s.PrunedBefore(ctx); n != 6 || err != nil {
		t.Errorf("PrunedBefore = %d, %v, want 6", n, err)
	}
	var records []residency.Record
	for r, err := range s.Records(ctx, "pruned") {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	var said struct {
		Reason string
		store.Pruned
	}
	if len(records) != 1 || records[0].By != "me" || json.Unmarshal(records[0].Body, &said) != nil || said.Reason != "old" || said.Pruned != done {
		t.Errorf("records = %+v, want the pruning on record", records)
	}
	again, err := s.Prune(ctx, store.Pruning{Before: storetest.RunAt(6).At, By: "me", Reason: "old"})
	if err != nil || again != (store.Pruned{}) {
		t.Errorf("Prune again = %+v, %v, want nothing", again, err)
	}
	if whole(t, s).Leaves != now.Leaves {
		t.Error("pruning nothing was recorded")
	}
	// What is gone can come back, under its old number.
	storetest.Do(t, s, 11, storetest.Round(4, 1, 11), storetest.Round(3, 1, 11))
	whole(t, s)
	if got := len(seals(t, s, 11, 11)[11]); got != 2 {
		t.Errorf("rounds of the run after = %d, want 2", got)
	}
}

// TestPruneNeverAll keeps the last run, and its number is not used again.
func TestPruneNeverAll(t *testing.T) {
	t.Parallel()
	s := lived(t)
	if _, err := s.Prune(t.Context(), store.Pruning{Before: storetest.RunAt(99).At}); err != nil {
		t.Fatal(err)
	}
	whole(t, s)
	if got := storetest.Do(t, s, 11, storetest.Round(1, 0, 11)); got != 11 {
		t.Errorf("Begin = %d, want 11", got)
	}
}

// TestPruneHold keeps all of an endpoint under a hold, and the hashes of the
// rounds beside it, so that its rounds can still be proved.
func TestPruneHold(t *testing.T) {
	t.Parallel()
	s := lived(t)
	ctx := t.Context()
	before := seals(t, s, 1, 10)
	held := func(e residency.Endpoint) bool { return e == storetest.Endpoint(1) }
	done, err := s.Prune(ctx, store.Pruning{Before: storetest.RunAt(6).At, Held: held})
	if want := (store.Pruned{FirstSeq: 1, LastSeq: 5, Spans: 2, Held: 1}); err != nil || done != want {
		t.Errorf("Prune = %+v, %v, want %+v", done, err, want)
	}
	if diff := cmp.Diff(before, seals(t, s, 1, 10)); diff != "" {
		t.Errorf("rounds under a hold cannot be proved (-want +got):\n%s", diff)
	}
	whole(t, s)
	for n := 1; n <= 5; n++ {
		r := storetest.Round(1, n*2, n)
		if _, err := s.Bodies(ctx, []residency.Hash{residency.HashOf(r.Sight), residency.HashOf(r.Judgement), residency.HashOf(r.Packets)}); err != nil {
			t.Errorf("round of run %d is under a hold: %v", n, err)
		}
	}
	if _, err := s.Bodies(ctx, []residency.Hash{residency.HashOf(storetest.Round(4, 1, 1).Sight)}); err == nil {
		t.Error("what is under no hold was kept")
	}
	var missing *store.Missing
	if _, err := s.Bodies(ctx, []residency.Hash{residency.HashOf(storetest.Round(4, 1, 1).Sight)}); !errors.As(err, &missing) {
		t.Errorf("Bodies of what was pruned = %v, want a Missing", err)
	}
	if again, err := s.Prune(ctx, store.Pruning{Before: storetest.RunAt(6).At, Held: held}); err != nil || again != (store.Pruned{}) {
		t.Errorf("Prune again = %+v, %v, want nothing", again, err)
	}
	// The hold ends.
	if done, err = s.Prune(ctx, store.Pruning{Before: storetest.RunAt(6).At}); err != nil || done.Spans != 5 || done.Runs != 5 {
		t.Errorf("Prune after the hold = %+v, %v, want five spans and runs", done, err)
	}
	whole(t, s)
	if diff := cmp.Diff(seals(t, s, 6, 10), map[int64][]residency.RoundSeal{6: before[6], 7: before[7], 8: before[8], 9: before[9], 10: before[10]}); diff != "" {
		t.Errorf("rounds that stay (-got +want):\n%s", diff)
	}
}

// TestPruneTold deletes old findings and alerts, and nothing that is still
// open, on its way, or settled.
func TestPruneTold(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	ctx := t.Context()
	end := func(n int, e residency.RunEnd) {
		t.Helper()
		e.Run = storetest.RunAt(n)
		seq, err := s.Begin(ctx, e.Run)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.End(ctx, seq, e); err != nil {
			t.Fatal(err)
		}
	}
	at := storetest.RunAt(1).At
	opened, closed, wrong := storetest.Finding(1), storetest.Finding(2), storetest.Finding(3)
	closed.Closed, closed.ClosedAs = at, residency.ClosedGone
	wrong.Closed, wrong.ClosedAs = at, residency.ClosedFalsePositive
	var alerts []residency.Alert
	for n := range 3 {
		a := storetest.Alert(n, at)
		a.Group = fmt.Sprint(n)
		alerts = append(alerts, a)
	}
	end(1, residency.RunEnd{Findings: []residency.Finding{opened, closed, wrong}, Alerts: alerts})
	end(2, residency.RunEnd{Alerts: []residency.Alert{storetest.Alert(9, storetest.RunAt(5).At)}})
	end(5, residency.RunEnd{})
	for n, a := range alerts[:2] {
		key := fmt.Sprint("key", n)
		if err := s.Fix(ctx, residency.Notification{Key: key, Channel: "ch", Group: a.Group, Alerts: []residency.Alert{a}}, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Tried(ctx, "key0", residency.Receipt{At: at, Taken: true}, time.Time{}, false, nil); err != nil {
		t.Fatal(err)
	}
	done, err := s.Prune(ctx, store.Pruning{Before: storetest.RunAt(5).At})
	if err != nil || done.Findings != 1 || done.Alerts != 2 {
		t.Errorf("Prune = %+v, %v, want one finding and two alerts", done, err)
	}
	whole(t, s)
	left, err := s.Deliveries(ctx, store.Post{})
	if err != nil || len(left) != 1 || left[0].Notification.Key != "key1" || len(left[0].Notification.Alerts) != 1 {
		t.Errorf("Deliveries = %+v, %v, want the one on its way", left, err)
	}
	findings, err := s.Findings(ctx, store.Which{})
	if err != nil || len(findings) != 2 {
		t.Errorf("Findings = %v, %v, want the open one and the settled one", findings, err)
	}
}

// TestPruneWaits does not touch a store in which a run is under way.
func TestPruneWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	defer a.Close()
	defer b.Close()
	if _, err := a.Begin(t.Context(), storetest.RunAt(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Prune(t.Context(), store.Pruning{Before: storetest.RunAt(9).At}); err == nil {
		t.Error("Prune during a run succeeded")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	if _, err := b.Prune(ctx, store.Pruning{Before: storetest.RunAt(9).At}); !errors.Is(err, store.ErrBusy) {
		t.Errorf("Prune during the run of another = %v, want %v", err, store.ErrBusy)
	}
}

// TestPruneAfterARunThatWasBrokenOff deletes a part of a block that has no tags
// yet, since its run was killed; the store can be written as before.
func TestPruneAfterARunThatWasBrokenOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	for n := 1; n <= 3; n++ {
		storetest.Do(t, s, n, storetest.Round(1, 1, n), storetest.Round(2, 1, n))
	}
	seq, err := s.Begin(t.Context(), storetest.RunAt(4))
	if err != nil {
		t.Fatal(err)
	}
	changed := []residency.KeptRound{storetest.Round(1, 2, 4), storetest.Round(2, 2, 4)}
	if err := s.Save(t.Context(), seq, residency.Batch{Rounds: changed}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	if _, err := s.Prune(t.Context(), store.Pruning{Before: storetest.RunAt(4).At.Add(time.Hour), By: "me", Reason: "old"}); err != nil {
		t.Fatal(err)
	}
	readable(t, s, changed...)
	whole(t, s)
	storetest.Do(t, s, 5, storetest.Round(1, 3, 5))
	whole(t, s)
}
