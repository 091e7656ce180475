package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// entry makes an entry with a name and an expression.
func entry(t *testing.T, name, spec string) Entry {
	t.Helper()
	s, err := ParseSchedule([]string{spec}, time.UTC, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return Entry{Name: name, Schedule: s}
}

func loop(t *testing.T, spec string, do func(context.Context)) *Loop {
	t.Helper()
	return &Loop{Entries: []Entry{entry(t, "all", spec)}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Do: func(ctx context.Context, _ Due) { do(ctx) }}
}

// served is a memory in memory.
type served struct {
	at     map[string]time.Time
	broken error
}

func (s *served) Load(context.Context) (map[string]time.Time, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	at := maps.Clone(s.at)
	if at == nil {
		at = map[string]time.Time{}
	}
	return at, nil
}

func (s *served) Save(_ context.Context, entries []string, at time.Time) error {
	if s.at == nil {
		s.at = map[string]time.Time{}
	}
	for _, e := range entries {
		s.at[e] = at
	}
	return s.broken
}

func TestLoopRunsOnSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour-time.Second)
		defer cancel()
		runs := 0
		if err := loop(t, "*/30 * * * *", func(context.Context) { runs++ }).Run(ctx); err != nil {
			t.Fatal(err)
		}
		if runs != 48 { // one at the start (midnight), 47 more before the day is over
			t.Errorf("%d runs in a day, want 48", runs)
		}
	})
}

func TestLoopNeverOverlaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour-time.Second)
		defer cancel()
		under, runs, missed := 0, 0, 0
		l := loop(t, "0 * * * *", nil)
		l.Do = func(_ context.Context, d Due) {
			if under++; under > 1 {
				t.Error("two runs at once")
			}
			missed += d.Missed
			time.Sleep(90 * time.Minute)
			under--
			runs++
		}
		if err := l.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if runs != 5 || missed != 4 { // 0:00-1:30, 2:00-3:30, 4:00, 6:00, 8:00
			t.Errorf("%d runs with %d missed, want 5 with 4", runs, missed)
		}
	})
}

func TestLoopStopsCleanly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		finished, cut := false, false
		began := time.Now()
		if err := loop(t, "@daily", func(ctx context.Context) {
			select {
			case <-time.After(65 * time.Second): // within the grace time
				finished = true
			case <-ctx.Done():
			}
		}).Run(ctx); err != nil || !finished {
			t.Errorf("Run = %v, finished %v: want the run to finish within the grace time", err, finished)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := loop(t, "@daily", func(ctx context.Context) {
			select {
			case <-time.After(time.Hour):
			case <-ctx.Done():
				cut = true
			}
		}).Run(ctx); err != nil || !cut {
			t.Errorf("Run = %v, cut %v: want the run to be cut off after the grace time", err, cut)
		}
		if took := time.Since(began); took > 140*time.Second {
			t.Errorf("stopping took %v", took)
		}
	})
}

// TestLoopSeveralSchedules shows that an entry whose instant passes while
// another one runs is run after it.
func TestLoopSeveralSchedules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour-time.Second)
		defer cancel()
		begin := time.Now()
		var got []string
		l := &Loop{Entries: []Entry{entry(t, "slow", "0 * * * *"), entry(t, "daily", "20 1 * * *")},
			Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Do: func(_ context.Context, d Due) {
				got = append(got, fmt.Sprintf("%s %v due %s", time.Since(begin), d.Entries, d.At.Sub(begin)))
				if d.Entries[0] == "slow" {
					time.Sleep(40 * time.Minute)
				}
			}}
		if err := l.Run(ctx); err != nil {
			t.Fatal(err)
		}
		want := "0s [slow daily] due 0s, 1h0m0s [slow] due 1h0m0s, 1h40m0s [daily] due 1h20m0s, 2h0m0s [slow] due 2h0m0s"
		if list := strings.Join(got, ", "); list != want {
			t.Errorf("runs:\n got %s\nwant %s", list, want)
		}
	})
}

// TestLoopAfterARestart shows that nothing is run twice, and that what was
// missed is made up for once.
func TestLoopAfterARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &served{}
		var got []Due
		live := func(d time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			l := loop(t, "0 * * * *", nil)
			l.Served, l.Do = memory, func(_ context.Context, d Due) { got = append(got, d) }
			if err := l.Run(ctx); err != nil {
				t.Fatal(err)
			}
		}
		live(90 * time.Minute) // at the start and at one o'clock
		live(10 * time.Minute) // nothing is due
		if len(got) != 2 {
			t.Fatalf("%d runs, want 2: %v", len(got), got)
		}
		time.Sleep(5 * time.Hour) // down from 1:40 to 6:40
		live(10 * time.Minute)
		if len(got) != 3 || got[2].Missed != 4 || got[2].At.Hour() != 6 {
			t.Errorf("after five hours: %+v, want one run for six o'clock, four missed", got[2:])
		}
	})
}

// TestLoopClockIsSet sets the clock back and forth while the loop sleeps.
func TestLoopClockIsSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Hour-time.Second)
		defer cancel()
		var off atomic.Int64
		var got []string
		begin := time.Now()
		l := loop(t, "0 * * * *", nil)
		l.Now = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
		l.Do = func(_ context.Context, d Due) {
			got = append(got, fmt.Sprintf("%s missed %d", l.Now().Sub(begin), d.Missed))
		}
		time.AfterFunc(90*time.Minute+10*time.Second, func() { off.Store(int64(5 * time.Hour)) })
		time.AfterFunc(150*time.Minute+10*time.Second, func() { off.Store(int64(-2 * time.Hour)) })
		if err := l.Run(ctx); err != nil {
			t.Fatal(err)
		}
		want := "0s missed 0, 1h0m0s missed 0, 6h30m30s missed 4, 7h0m0s missed 0, 1h0m0s missed 0"
		if list := strings.Join(got, ", "); list != want {
			t.Errorf("runs by the clock:\n got %s\nwant %s", list, want)
		}
	})
}

// TestLoopJudgesAgain shows that due instants are met exactly, in order, also
// between runs, and once.
func TestLoopJudgesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
		defer cancel()
		begin := time.Now()
		dues := []time.Duration{time.Hour + 7*time.Second, time.Hour + 8*time.Second, 3*time.Hour + 20*time.Minute}
		var got []string
		l := loop(t, "0 * * * *", func(context.Context) {
			if time.Since(begin) == 3*time.Hour {
				time.Sleep(30 * time.Minute) // past the third
			}
		})
		l.Instant = func(after time.Time) time.Time {
			for _, d := range dues {
				if at := begin.Add(d); at.After(after) {
					return at
				}
			}
			return time.Time{}
		}
		l.Reassess = func(_ context.Context, at time.Time) {
			got = append(got, fmt.Sprintf("%s at %s", at.Sub(begin), time.Since(begin)))
		}
		if err := l.Run(ctx); err != nil {
			t.Fatal(err)
		}
		want := "1h0m7s at 1h0m7s, 1h0m8s at 1h0m8s, 3h20m0s at 3h30m0s"
		if list := strings.Join(got, ", "); list != want {
			t.Errorf("judged again:\n got %s\nwant %s", list, want)
		}
	})
}

func TestLoopThatIsPatient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour-time.Second)
		defer cancel()
		time.Sleep(10 * time.Minute)
		var got []time.Time
		l := loop(t, "0 * * * *", func(context.Context) { got = append(got, time.Now()) })
		l.Patient = true
		if err := l.Run(ctx); err != nil || len(got) != 2 || got[0].Minute() != 0 {
			t.Errorf("Run = %v, runs at %v; want one and two o'clock", err, got)
		}
	})
}

func TestLoopWhoseMemoryIsBroken(t *testing.T) {
	t.Parallel()
	broken := errors.New("read store: disk error")
	l := loop(t, "@hourly", func(context.Context) { t.Error("ran") })
	l.Served = &served{broken: broken}
	if err := l.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Run = %v, want %v", err, broken)
	}
}

// TestLoopMeetsInstantsOfBefore: an instant that came while the program was down
// is judged at the start, before the run that is due, and once.
func TestLoopMeetsInstantsOfBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var order []string
		l := loop(t, "@daily", func(context.Context) { order = append(order, "run") })
		due := time.Now().Add(-2 * time.Hour)
		l.Judged = due.Add(-time.Hour)
		l.Instant = func(after time.Time) time.Time {
			if after.Before(due) {
				return due
			}
			return time.Time{}
		}
		l.Reassess = func(_ context.Context, at time.Time) { order = append(order, at.Sub(due).String()) }
		if err := l.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(order, " "); got != "0s run" {
			t.Errorf("order %q, want the instant, then the run", got)
		}
	})
}
