package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"residency/internal/config"
	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/watch"
)

// overdue says why the last complete run is too old to say anything of now; ""
// if it is not.
func (e *env) overdue(ctx context.Context, cfg *config.Config, s *store.Store, whole residency.Run, ok bool) string {
	if !ok {
		return "no check was complete yet, so nothing can be said of now"
	}
	now, until := e.now(), speaksUntil(cfg, whole, e.now())
	if until.IsZero() {
		every := between(ctx, s)
		if every == 0 {
			return ""
		}
		until = whole.Finished.Add(2 * every)
	}
	if !now.After(until) {
		return ""
	}
	return fmt.Sprintf("the last complete check ended %s, and two more were due since: it says nothing of now",
		ago(now.Sub(whole.Finished)))
}

// speaksUntil returns until when a run says something of now, by the schedule:
// the second instant after it at which a check is due, and the time that a
// check takes. Of several schedules the first to come counts. Zero when there
// is no schedule.
func speaksUntil(cfg *config.Config, run residency.Run, now time.Time) time.Time {
	var first time.Time
	seen := map[string]bool{}
	for _, ep := range cfg.Endpoints() {
		specs := cfg.Schedule.Of(ep, cfg.Claims)
		name := strings.Join(specs, "\n")
		if len(specs) == 0 || seen[name] {
			continue
		}
		seen[name] = true
		schedule, err := watch.ParseSchedule(specs, cfg.Organisation.Location, now)
		if err != nil {
			continue // the configuration was read, so it is right
		}
		t := schedule.Next(schedule.Next(run.Started))
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if first.IsZero() {
		return first
	}
	return first.Add(max(time.Minute, run.Finished.Sub(run.Started)))
}

// between returns the time between the last two runs, an hour at least; zero
// when there was one.
func between(ctx context.Context, s *store.Store) time.Duration {
	runs, err := s.LastRuns(ctx, 2)
	if err != nil || len(runs) < 2 {
		return 0
	}
	return max(time.Hour, runs[0].Started.Sub(runs[1].Started))
}

// ago says how long ago something was, in the two largest units: "14m ago",
// "3h5m ago", "2d4h ago".
func ago(d time.Duration) string {
	switch m := int(d.Round(time.Minute) / time.Minute); {
	case m < 1:
		return "less than a minute ago"
	case m < 60:
		return fmt.Sprintf("%dm ago", m)
	case m < 24*60:
		return fmt.Sprintf("%dh%dm ago", m/60, m%60)
	default:
		return fmt.Sprintf("%dd%dh ago", m/(24*60), m/60%24)
	}
}
