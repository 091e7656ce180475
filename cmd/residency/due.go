package main

import (
	"context"
	"log/slog"
	"time"

	"residency/internal/config"
	"residency/internal/metrics"
	"residency/internal/residency"
	"residency/internal/store"
)

// nextDue returns the first instant after the given one at which how claims
// stand, or who is told, changes by itself.
func (d *daemon) nextDue(after time.Time) time.Time {
	var first time.Time
	note := func(t time.Time) {
		if t.After(after) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, c := range d.house.claims {
		note(c.Due)
		note(c.From)
	}
	for _, w := range d.cfg.Waivers {
		note(w.From)
		note(w.Until)
	}
	return first
}

// servedMemo remembers in the store up to when each schedule was served.
type servedMemo struct{ s *store.Store }

const memoServed = "schedule/served"

// Load returns what is remembered.
func (m servedMemo) Load(ctx context.Context) (map[string]time.Time, error) {
	at := map[string]time.Time{}
	if _, err := m.s.Memo(ctx, memoServed, &at); err != nil {
		return nil, err
	}
	return at, nil
}

// Save remembers that the entries were served up to the instant.
func (m servedMemo) Save(ctx context.Context, entries []string, at time.Time) error {
	all, err := m.Load(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		all[e] = at
	}
	return m.s.SetMemo(ctx, memoServed, all)
}

// figures is what the metrics show. A store that cannot be read is one of them:
// all that is known without it is shown.
func (d *daemon) figures(ctx context.Context) (metrics.Figures, error) {
	f := metrics.Figures{Now: d.e.now(), Run: residency.Run{Version: buildVersion()}, Schedule: longest(d.groups, d.e.now())}
	if run := d.latest.Load(); run != nil {
		ofRun(&f, *run)
	}
	if d.store == nil {
		if d.unopened != nil {
			f.StoreUp = new(bool)
		}
		return f, nil
	}
	unread := storeFigures(ctx, d.store, &f)
	if ctx.Err() != nil {
		return f, unread // whoever asked is gone
	}
	f.StoreUp = storeUp(f.Run, true, unread)
	return f, nil
}

// longest returns the longest time between two runs of one schedule.
func longest(groups []group, now time.Time) (most time.Duration) {
	for _, g := range groups {
		first := g.entry.Schedule.Next(now)
		most = max(most, g.entry.Schedule.Next(first).Sub(first))
	}
	return most
}

// ofRun adds what a run found.
func ofRun(f *metrics.Figures, run residency.Run) {
	f.Run = run
	for _, r := range run.Rounds {
		f.Cells = append(f.Cells, r.Cells...)
	}
	if !run.Partial {
		f.LastSuccess = run.Finished
	}
}

// storeFigures adds what only the store knows: runs of other processes, and
// the outbox.
func storeFigures(ctx context.Context, s *store.Store, f *metrics.Figures) error {
	whole, ok, err := s.LastWhole(ctx)
	if err != nil {
		return err
	}
	if ok && whole.Finished.After(f.LastSuccess) {
		f.LastSuccess = whole.Finished
	}
	for _, q := range []store.Post{{Waiting: true}, {Parked: true}} {
		list, err := s.Deliveries(ctx, q)
		if err != nil {
			return err
		}
		f.Outbox.Waiting += len(list)
		if q.Parked {
			f.Outbox.Parked = len(list)
		}
		for _, del := range list {
			if f.Outbox.Oldest.IsZero() || del.Fixed.Before(f.Outbox.Oldest) {
				f.Outbox.Oldest = del.Fixed
			}
		}
	}
	return nil
}

// logger writes the log as the configuration has it.
func (e *env) logger(cfg config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo // the configuration was read, so it is right
	}
	o := &slog.HandlerOptions{Level: level}
	if cfg.JSON {
		return slog.New(slog.NewJSONHandler(e.stderr, o))
	}
	return slog.New(slog.NewTextHandler(e.stderr, o))
}
