package watch

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// Entry is something that is due again and again.
type Entry struct {
	Name     string // its own among the entries: what is remembered of it goes by it
	Schedule Schedule
}

// Due says what a run is for.
type Due struct {
	Entries []string  // names of the entries that are due, in their order
	At      time.Time // the latest instant at which one of them was due; that of the start for the first run ever
	Missed  int       // instants that passed without a run, since the last one
}

// Served remembers up to which instant each entry was run, so that a restart
// neither repeats a run nor loses one. Its methods are called by one goroutine.
type Served interface {
	// Load returns the instant of every entry known.
	Load(ctx context.Context) (map[string]time.Time, error)
	// Save remembers that the entries have been run up to the instant.
	Save(ctx context.Context, entries []string, at time.Time) error
}

// Loop runs what is due, one run at a time.
//
// An instant that passes while a run of the same entry is under way is counted
// and left out: late runs do not stack. One that passes while the program is
// down, the machine sleeps, or another entry runs is made up for, once however
// many there were. The clock is read at least every Pause, so that a machine
// that slept, or a clock that was set, is noticed.
type Loop struct {
	Entries []Entry
	Served  Served // nil: nothing is remembered
	Now     func() time.Time
	Log     *slog.Logger
	Grace   time.Duration // how long a run may still go on after the loop is told to stop; 10 s when zero
	Pause   time.Duration // longest time between two looks at the clock; 30 s when zero

	// Patient lets an entry that was never run wait for its first instant.
	// Otherwise it is run at the start.
	Patient bool

	// Do is one run. Its context ends when the loop's grace time is over.
	Do func(ctx context.Context, due Due)

	// Alive is called whenever the loop goes round, at least every Pause but for
	// the time of a run. It may end the context. Nil: nobody is told.
	Alive func()

	// Instant returns the first instant after the given one at which something
	// is to be judged again without looking, such as the due date of a claim;
	// the zero time if there is none. Nil: none. Reassess does it. Judged is up
	// to which instant that was done before the start, so that none is lost while
	// the program is down; zero: up to the start.
	Instant  func(after time.Time) time.Time
	Reassess func(ctx context.Context, at time.Time)
	Judged   time.Time

	// Sleep waits, until ctx ends at most. Nil: by the timer of the machine.
	Sleep func(ctx context.Context, d time.Duration)
}

// state is what a running loop knows.
type state struct {
	served map[string]time.Time // up to which instant each entry was run
	judged time.Time            // up to which instant Instant was followed
	missed map[string]int       // instants left out since the last run
}

// Run runs until ctx ends. It then waits for a run under way, for Grace at
// most, and returns nil. An error is that of Served at the start.
func (l *Loop) Run(ctx context.Context) error {
	s := state{served: map[string]time.Time{}, judged: l.Judged, missed: map[string]int{}}
	if s.judged.IsZero() {
		s.judged = l.Now()
	}
	if l.Served != nil {
		var err error
		if s.served, err = l.Served.Load(ctx); err != nil {
			return err
		}
	}
	told := time.Time{}
	for ctx.Err() == nil {
		if l.Alive != nil {
			l.Alive()
		}
		if ctx.Err() != nil {
			return nil
		}
		l.step(ctx, &s)
		if ctx.Err() != nil {
			return nil
		}
		next := l.next(&s)
		if !next.Equal(told) {
			l.Log.Info("next run", "at", next.Format(time.RFC3339))
			told = next
		}
		l.sleep(ctx, min(next.Sub(l.Now()), l.pause()))
	}
	return nil
}

// sleep waits, until ctx ends at most.
func (l *Loop) sleep(ctx context.Context, d time.Duration) {
	if l.Sleep != nil {
		l.Sleep(ctx, d)
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (l *Loop) pause() time.Duration {
	if l.Pause > 0 {
		return l.Pause
	}
	return 30 * time.Second
}

// next returns when something is due next.
func (l *Loop) next(s *state) time.Time {
	first := l.Now().Add(l.pause())
	for i, e := range l.Entries {
		if t := e.Schedule.Next(s.served[e.Name]); i == 0 || !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	if l.Instant != nil {
		if t := l.Instant(s.judged); !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	return first
}

// step does all that is due now.
func (l *Loop) step(ctx context.Context, s *state) {
	l.setBack(s)
	l.instants(ctx, s)
	now := l.Now()
	due := Due{}
	for _, e := range l.Entries {
		last, known := s.served[e.Name]
		if !known && l.Patient {
			s.served[e.Name] = now
			continue
		}
		if !known {
			due.Entries, due.At = append(due.Entries, e.Name), later(due.At, now)
			continue
		}
		at, passed := newest(e.Schedule, last, now)
		if passed == 0 {
			continue
		}
		due.Entries, due.At = append(due.Entries, e.Name), later(due.At, at)
		due.Missed = max(due.Missed, passed-1+s.missed[e.Name])
	}
	if len(due.Entries) == 0 {
		return
	}
	if due.Missed > 0 {
		l.Log.Warn("runs were missed; this one makes up for them", "missed", due.Missed)
	}
	l.run(ctx, due)
	l.ran(ctx, s, due, now)
}

// ran notes that a run which began at started is over.
func (l *Loop) ran(ctx context.Context, s *state, due Due, started time.Time) {
	now := l.Now()
	for _, e := range l.Entries {
		if !slices.Contains(due.Entries, e.Name) {
			continue
		}
		_, passed := newest(e.Schedule, started, now)
		if s.missed[e.Name] = passed; passed > 0 {
			l.Log.Warn("run took longer than its schedule: runs left out", "schedule", e.Schedule.String(), "runs", passed,
				"took", now.Sub(started).Round(time.Second).String())
		}
		s.served[e.Name] = now
	}
	if l.Served == nil {
		return
	}
	if err := l.Served.Save(context.WithoutCancel(ctx), due.Entries, now); err != nil {
		l.Log.Error("remember when the last run was", "error", err)
	}
}

// setBack notices a clock that was set back: what was run in its future is
// taken as run now, or nothing would be due until it got there again.
func (l *Loop) setBack(s *state) {
	now := l.Now()
	for name, at := range s.served {
		if at.After(now) {
			l.Log.Warn("the clock was set back", "by", at.Sub(now).Round(time.Second).String())
			s.served[name] = now
		}
	}
	if s.judged.After(now) {
		s.judged = now
	}
}

// instants judges again at every instant that has come, in order.
func (l *Loop) instants(ctx context.Context, s *state) {
	if l.Instant == nil {
		return
	}
	for ctx.Err() == nil {
		at := l.Instant(s.judged)
		if at.IsZero() || at.After(l.Now()) {
			return
		}
		l.Reassess(ctx, at)
		s.judged = at
	}
}

// run does one run. It outlives ctx by the grace time, and ends at once when
// that is over.
func (l *Loop) run(ctx context.Context, due Due) {
	grace := l.Grace
	if grace == 0 {
		grace = 10 * time.Second
	}
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	l.Do(inner, due)
}

// maxPassed bounds how many missed instants are counted one by one.
const maxPassed = 10_000

// newest returns the last instant of the schedule in (from, to], and how many
// there were.
func newest(s Schedule, from, to time.Time) (last time.Time, passed int) {
	for t := s.Next(from); !t.IsZero() && !t.After(to) && passed < maxPassed; t = s.Next(t) {
		last, passed = t, passed+1
	}
	return last, passed
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
