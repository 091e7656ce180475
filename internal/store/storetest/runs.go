package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

// Open opens the store in a directory, which is empty at first. What was
// remembered there before is there again.
type Open func(t testing.TB, dir string) Store

// Run holds a store to all that is promised of it.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(t *testing.T, open Open){
		"numbers":        numbers,
		"spans":          spans,
		"window":         window,
		"scopes":         scopes,
		"order":          order,
		"duplicates":     duplicates,
		"atomic":         atomic,
		"broken off":     brokenOff,
		"one at a time":  oneAtATime,
		"header":         header,
		"cells":          cells,
		"claims":         claims,
		"findings":       findings,
		"ongoing":        ongoing,
		"bodies":         bodies,
		"outbox":         outbox,
		"new channel":    newChannel,
		"clock set back": clockSetBack,
		"many channels":  manyChannels,
		"deliveries":     deliveries,
		"parked":         parked,
		"log":            evidence,
		"checkpoints":    checkpoints,
		"memos":          memos,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// fresh opens a new store that is closed at the end.
func fresh(t *testing.T, open Open) Store {
	t.Helper()
	s := open(t, t.TempDir())
	t.Cleanup(func() { s.Close() })
	return s
}

// numbers: runs are numbered from 1, also over a restart.
func numbers(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := 1; n <= 3; n++ {
		if got := Do(t, s, n, Round(1, 0, n)); got != int64(n) {
			t.Errorf("Begin = %d, want %d", got, n)
		}
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	if got := Do(t, s, 4, Round(1, 0, 4)); got != 4 {
		t.Errorf("Begin after a restart = %d, want 4", got)
	}
	list, err := s.LastRuns(t.Context(), 2)
	if err != nil || len(list) != 2 || list[0].Seq != 4 || list[1].Seq != 3 {
		t.Errorf("LastRuns(2) = %v, %v, want runs 4 and 3", list, err)
	}
}

// recallOne recalls one endpoint over a day before run n.
func recallOne(t *testing.T, s Store, endpoint, n int) residency.Recollection {
	t.Helper()
	key := Endpoint(endpoint).Key()
	all, err := s.Recall(t.Context(), []string{key}, RunAt(n).At.Add(-24*time.Hour))
	if err != nil {
		t.Fatalf("Recall(%s): %v", key, err)
	}
	rec, ok := all[key]
	if !ok {
		t.Fatalf("Recall(%s) has nothing of it", key)
	}
	return rec
}

// span is the span that the rounds of one version of an endpoint make.
func span(endpoint, version, first, last, runs int, open bool) residency.Span {
	r := Round(endpoint, version, 0)
	return residency.Span{Endpoint: r.Endpoint.Key(), First: int64(first), Last: int64(last), FirstAt: RunAt(first).At, LastAt: RunAt(last).At,
		Runs: runs, Open: open, Sight: residency.HashOf(r.Sight), Judgement: residency.HashOf(r.Judgement)}
}

// spans: what stays the same is one span, what comes back is another.
func spans(t *testing.T, open Open) {
	s := fresh(t, open)
	if rec := recallOne(t, s, 1, 1); len(rec.Spans)+len(rec.Cells)+len(rec.Findings) > 0 {
		t.Errorf("Recall of an endpoint never seen = %v", rec)
	}
	for n, version := range []int{2, 2, 2, 4, 2, 2} {
		Do(t, s, n+1, Round(1, version, n+1), Round(2, 0, n+1))
	}
	want := []residency.Span{span(1, 2, 1, 3, 3, false), span(1, 4, 4, 4, 1, false), span(1, 2, 5, 6, 2, true)}
	if diff := cmp.Diff(want, recallOne(t, s, 1, 7).Spans); diff != "" {
		t.Errorf("Recall (-want +got):\n%s", diff)
	}
	got, err := s.Spans(t.Context(), Endpoint(1).Key(), time.Time{}, time.Time{})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Spans (-want +got): %v\n%s", err, diff)
	}
	got, err = s.Spans(t.Context(), Endpoint(1).Key(), RunAt(2).At, RunAt(4).At)
	if diff := cmp.Diff([]residency.Span{span(1, 2, 1, 3, 2, false)}, got); diff != "" || err != nil {
		t.Errorf("Spans of runs 2 and 3 (-want +got): %v\n%s", err, diff)
	}
	if diff := cmp.Diff([]residency.Span{span(2, 0, 1, 6, 6, true)}, recallOne(t, s, 2, 7).Spans); diff != "" {
		t.Errorf("Recall of what never changed (-want +got):\n%s", diff)
	}
}

// window: a span has the runs of the time asked about, and the latest one is
// there however old it is.
func window(t *testing.T, open Open) {
	s := fresh(t, open)
	for n, version := range []int{2, 2, 4, 4, 4} {
		Do(t, s, n+1, Round(1, version, n+1))
	}
	for _, tt := range []struct {
		since time.Time
		want  []residency.Span
	}{
		{RunAt(1).At, []residency.Span{span(1, 2, 1, 2, 2, false), span(1, 4, 3, 5, 3, true)}},
		{RunAt(2).At, []residency.Span{span(1, 2, 1, 2, 1, false), span(1, 4, 3, 5, 3, true)}},
		{RunAt(2).At.Add(time.Second), []residency.Span{span(1, 4, 3, 5, 3, true)}},
		{RunAt(5).At, []residency.Span{span(1, 4, 3, 5, 1, true)}},
		{RunAt(6).At, []residency.Span{span(1, 4, 3, 5, 0, true)}},
	} {
		all, err := s.Recall(t.Context(), []string{Endpoint(1).Key()}, tt.since)
		if diff := cmp.Diff(tt.want, all[Endpoint(1).Key()].Spans); diff != "" || err != nil {
			t.Errorf("Recall since %v (-want +got): %v\n%s", tt.since, err, diff)
		}
	}
}

// scopes: a run that did not look at an endpoint does not confirm it.
func scopes(t *testing.T, open Open) {
	s := fresh(t, open)
	Do(t, s, 1, Round(1, 0, 1), Round(2, 0, 1), Round(3, 0, 1))
	Do(t, s, 2, Round(1, 0, 2), Round(3, 0, 2))
	Do(t, s, 3, Round(2, 0, 3))
	Do(t, s, 4)
	Do(t, s, 5, Round(3, 2, 5))
	for endpoint, want := range map[int][]residency.Span{
		1: {span(1, 0, 1, 2, 2, true)}, 2: {span(2, 0, 1, 3, 2, true)}, 3: {span(3, 0, 1, 2, 2, false), span(3, 2, 5, 5, 1, true)},
	} {
		if diff := cmp.Diff(want, recallOne(t, s, endpoint, 5).Spans); diff != "" {
			t.Errorf("Recall of %d (-want +got):\n%s", endpoint, diff)
		}
	}
	for run, want := range map[int64]int{1: 3, 2: 2, 3: 1, 4: 0, 5: 1, 6: 0} {
		if got, err := s.Rounds(t.Context(), run); err != nil || len(got) != want {
			t.Errorf("Rounds(%d) = %v, %v, want %d", run, got, err, want)
		}
	}
}

// order: the seals of a run are the same whatever order and batches its rounds
// came in, ordered by endpoint, and the leaf saw the same as Rounds returns.
func order(t *testing.T, open Open) {
	a, b := fresh(t, open), fresh(t, open)
	ctx := t.Context()
	for n := 1; n <= 3; n++ {
		Do(t, a, n, Round(3, n/2*2, n), Round(1, 0, n), Round(2, n*2, n))
		seq, err := b.Begin(ctx, RunAt(n))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []residency.KeptRound{Round(2, n*2, n), Round(3, n/2*2, n), Round(1, 0, n)} { // nothing recalled
			if err := b.Save(ctx, seq, residency.Batch{Rounds: []residency.KeptRound{r}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.End(ctx, seq, residency.RunEnd{Run: RunAt(n)}); err != nil {
			t.Fatal(err)
		}
	}
	for seq := int64(1); seq <= 3; seq++ {
		one, err1 := a.Rounds(ctx, seq)
		two, err2 := b.Rounds(ctx, seq)
		if err := errors.Join(err1, err2); err != nil || len(one) != 3 {
			t.Fatalf("Rounds(%d) = %v, %v", seq, one, err)
		}
		if diff := cmp.Diff(one, two); diff != "" {
			t.Errorf("Rounds(%d) in two orders (-one +two):\n%s", seq, diff)
		}
		for i, want := range []int{1, 2, 3} {
			if one[i].Endpoint != Endpoint(want).Key() {
				t.Errorf("Rounds(%d)[%d] is %s, want %s", seq, i, one[i].Endpoint, Endpoint(want).Key())
			}
		}
	}
	last, _ := a.Rounds(ctx, 3) // 1 is unchanged, 2 changed each time, 3 changed in run 2
	if last[0].Packets != (residency.Hash{}) || last[0].LastPackets != (residency.Hash{}) || last[2].Packets != (residency.Hash{}) {
		t.Errorf("unchanged rounds have packets: %v", last)
	}
	if want := residency.HashOf(Round(2, 6, 3).Packets); last[1].Packets != want {
		t.Errorf("packets of the round that changed = %v, want %v", last[1].Packets, want)
	}
	if want := residency.HashOf(Round(2, 4, 2).Packets); last[1].LastPackets != want {
		t.Errorf("packets before the change = %v, want %v", last[1].LastPackets, want)
	}
	if got := leaves(t, a); len(got) != 3 || !strings.Contains(got[2], residency.HashOf(Round(2, 6, 3).Packets).String()) {
		t.Errorf("leaves = %q", got)
	}
	if diff := cmp.Diff(leaves(t, a), leaves(t, b)); diff != "" {
		t.Errorf("leaves in two orders (-one +two):\n%s", diff)
	}
}

// duplicates: the same round saved twice is saved once, another is refused.
func duplicates(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	Do(t, s, 1, Round(1, 0, 1))
	seq, err := s.Begin(ctx, RunAt(2))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Save(ctx, seq, residency.Batch{Rounds: []residency.KeptRound{Round(1, 2, 2), Round(1, 2, 2), Round(2, 0, 2), Round(2, 0, 2)}, Alerts: []residency.Alert{Alert(1, Start())}}); err != nil {
			t.Fatalf("Save of the same rounds: %v", err)
		}
	}
	if err := s.Save(ctx, seq, residency.Batch{Rounds: []residency.KeptRound{Round(3, 0, 2), Round(1, 4, 2)}}); err == nil {
		t.Error("Save of another round of an endpoint in one run succeeded")
	}
	if err := s.End(ctx, seq, residency.RunEnd{Run: RunAt(2)}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Rounds(ctx, seq); err != nil || len(got) != 2 {
		t.Errorf("Rounds = %v, %v, want 2", got, err)
	}
	if got, err := s.Waiting(ctx, "ch", time.Time{}, Start()); err != nil || len(got) != 1 {
		t.Errorf("Waiting = %v, %v, want one alert", got, err)
	}
	if err := s.Save(ctx, seq, residency.Batch{}); err == nil {
		t.Error("Save into a run that has ended succeeded")
	}
	if err := s.End(ctx, seq, residency.RunEnd{Run: RunAt(2)}); err == nil {
		t.Error("End of a run that has ended succeeded")
	}
}

// atomic: a batch of which one part cannot be saved leaves nothing behind, and
// can be saved again without that part.
func atomic(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	Do(t, s, 1, Round(1, 0, 1))
	seq, err := s.Begin(ctx, RunAt(2))
	if err != nil {
		t.Fatal(err)
	}
	bad := Round(3, 0, 2)
	bad.Locations = map[residency.Hash][]byte{{1}: []byte("not what the hash says")}
	good := residency.Batch{Rounds: []residency.KeptRound{Round(1, 2, 2), Round(2, 0, 2)}, Findings: []residency.Finding{Finding(1)}, Alerts: []residency.Alert{Alert(1, Start())}}
	worse := good
	worse.Rounds = append([]residency.KeptRound{}, append(good.Rounds, bad)...)
	if err := s.Save(ctx, seq, worse); err == nil {
		t.Fatal("Save of a location under a false hash succeeded")
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Save(over, seq, good); !errors.Is(err, context.Canceled) {
		t.Errorf("Save when ctx has ended = %v, want %v", err, context.Canceled)
	}
	if rec := recallOne(t, s, 1, 3); len(rec.Spans) != 1 || len(rec.Findings) != 0 {
		t.Errorf("after Saves that failed: %+v", rec)
	}
	if got, err := s.Waiting(ctx, "ch", time.Time{}, Start()); err != nil || len(got) != 0 {
		t.Errorf("Waiting after Saves that failed = %v, %v", got, err)
	}
	if err := s.Save(ctx, seq, good); err != nil {
		t.Fatalf("Save after Saves that failed: %v", err)
	}
	if err := s.End(ctx, seq, residency.RunEnd{Run: RunAt(2)}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Rounds(ctx, seq); err != nil || len(got) != 2 {
		t.Errorf("Rounds = %v, %v, want 2", got, err)
	}
	if rec := recallOne(t, s, 1, 3); len(rec.Spans) != 2 || len(rec.Findings) != 1 {
		t.Errorf("after a Save: %+v", rec)
	}
}

// brokenOff: a run that nobody ended is ended as partial by the next, with
// what was saved of it, and sealed.
func brokenOff(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	ctx := t.Context()
	Do(t, s, 1, Round(1, 0, 1), Round(2, 0, 1))
	seq, err := s.Begin(ctx, RunAt(2))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []residency.KeptRound{Round(2, 2, 2), Round(1, 0, 2)} {
		if err := s.Save(ctx, seq, residency.Batch{Rounds: []residency.KeptRound{r}}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	if got := Do(t, s, 3, Round(1, 0, 3), Round(2, 2, 3)); got != 3 {
		t.Errorf("Begin after a run that was broken off = %d, want 3", got)
	}
	run, ok, err := s.Run(ctx, 2)
	if err != nil || !ok || !run.Partial || run.PartialBy == "" || run.Finished.IsZero() || run.Version != "test" || run.ID != "run-0002" {
		t.Errorf("Run(2) = %+v, %v, %v, want it partial", run, ok, err)
	}
	seals, err := s.Rounds(ctx, 2)
	if err != nil || len(seals) != 2 || seals[1].LastPackets != residency.HashOf(Round(2, 0, 1).Packets) {
		t.Errorf("Rounds(2) = %v, %v", seals, err)
	}
	list := leaves(t, s)
	if len(list) != 3 || !strings.Contains(list[1], `"run-0002" partial`) || !strings.Contains(list[1], fmt.Sprint(seals)) {
		t.Errorf("leaves = %q", list)
	}
	if diff := cmp.Diff([]residency.Span{span(1, 0, 1, 3, 3, true)}, recallOne(t, s, 1, 4).Spans); diff != "" {
		t.Errorf("Recall (-want +got):\n%s", diff)
	}
}

// oneAtATime: a run waits for that of another process, and says who has it.
func oneAtATime(t *testing.T, open Open) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	defer a.Close()
	defer b.Close()
	ctx := t.Context()
	seq, err := a.Begin(ctx, RunAt(1))
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := b.Begin(short, RunAt(2)); err == nil || !strings.Contains(err.Error(), "process") {
		t.Errorf("Begin beside a run = %v, want an error that names the process", err)
	}
	began := make(chan error, 1)
	go func() {
		_, err := b.Begin(ctx, RunAt(2))
		began <- err
	}()
	if err := a.End(ctx, seq, residency.RunEnd{Run: RunAt(1)}); err != nil {
		t.Fatal(err)
	}
	if err := <-began; err != nil {
		t.Errorf("Begin after the other run had ended: %v", err)
	}
}
