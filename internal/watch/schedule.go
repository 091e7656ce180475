package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when the next run is due: whenever any of its expressions says.
type Schedule struct {
	crons []cron.Schedule
	specs []string
}

// ParseSchedule reads five-field cron expressions (or @hourly, @daily,
// "@every 30m"), whose fields are meant in loc. An expression that never fires
// is refused, as is a time zone inside it: that belongs in the configuration's
// timezone.
func ParseSchedule(specs []string, loc *time.Location, now time.Time) (Schedule, error) {
	var s Schedule
	if len(specs) == 0 {
		return s, errors.New("no schedule given")
	}
	for _, spec := range specs {
		c, err := parseOne(strings.TrimSpace(spec), loc, now)
		if err != nil {
			return Schedule{}, err
		}
		s.crons = append(s.crons, c)
		s.specs = append(s.specs, strings.TrimSpace(spec))
	}
	return s, nil
}

func parseOne(spec string, loc *time.Location, now time.Time) (cron.Schedule, error) {
	if strings.Contains(spec, "TZ=") {
		return nil, errors.New("write the time zone in [organisation] timezone, not inside the schedule")
	}
	if every, ok := strings.CutPrefix(spec, "@every "); ok {
		d, err := time.ParseDuration(every)
		if err != nil || d < time.Second || d%time.Second != 0 {
			return nil, fmt.Errorf("@every wants whole seconds, 1s or more, not %q", every)
		}
	}
	c, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("parse schedule %q: %w", spec, err)
	}
	if fields, ok := c.(*cron.SpecSchedule); ok {
		fields.Location = loc
	}
	if c.Next(now).IsZero() {
		return nil, fmt.Errorf("schedule %q never fires", spec)
	}
	return c, nil
}

// Next returns the first instant after now at which a run is due.
func (s Schedule) Next(now time.Time) time.Time {
	var first time.Time
	for _, c := range s.crons {
		if t := c.Next(now); !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// String returns the expressions.
func (s Schedule) String() string { return strings.Join(s.specs, ", ") }

// Loop runs something on a schedule. There is never more than one run at a
// time: instants that pass during a run are counted and said, not stacked.
type Loop struct {
	Schedule Schedule
	Now      func() time.Time
	Log      *slog.Logger
	Grace    time.Duration // how long a run may still go on after the loop is told to stop; 10 s when zero

	// Do is one run. Its context ends when the loop's grace time is over.
	Do func(ctx context.Context)
}

// Run runs Do once at the start and then whenever the schedule says, until ctx
// ends. It then waits for a run under way, for Grace at most, and returns nil.
func (l *Loop) Run(ctx context.Context) error {
	for {
		l.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		next := l.Schedule.Next(l.Now())
		l.Log.Info("next run", "at", next.Format(time.RFC3339))
		timer := time.NewTimer(next.Sub(l.Now()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// once does one run and says which instants it made miss.
func (l *Loop) once(ctx context.Context) {
	grace := l.Grace
	if grace == 0 {
		grace = 10 * time.Second
	}
	// The run outlives ctx by the grace time, and ends at once when it is over.
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	started := l.Now()
	l.Do(run)
	missed := 0
	for t := l.Schedule.Next(started); !t.IsZero() && !t.After(l.Now()) && missed < 1000; t = l.Schedule.Next(t) {
		missed++
	}
	if missed > 0 {
		l.Log.Warn("run took longer than its schedule: runs left out", "runs", missed, "took", l.Now().Sub(started).Round(time.Second).String())
	}
}
