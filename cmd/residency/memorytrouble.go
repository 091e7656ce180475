package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"residency/internal/alert"
	"residency/internal/config"
	"residency/internal/residency"
	"residency/internal/watch"
)

// memoryTrouble says that the memory cannot be used, and that it can again. An
// outbox that cannot be written tells nobody, so this goes to the channels
// directly, once each way.
func (d *daemon) memoryTrouble(ctx context.Context, run residency.Run) {
	failed := run.Partial && run.PartialBy == watch.PartialByMemory
	if failed == !d.failing.IsZero() {
		return
	}
	a := memoryFails(run)
	if failed {
		d.failing = run.Finished
		d.log.Error("the memory cannot be used", "store", d.cfg.Store.Path, "error", memoryNotice(run))
	} else {
		a.Event, a.Severity, a.Last = residency.EventMonitorGood, residency.SeverityInfo, true
		a.Text = "what is found is remembered again\nIt was not from " + clockOf(d.failing) + " to " + clockOf(run.Finished) + "."
		d.log.Info("the memory can be used again", "store", d.cfg.Store.Path)
		d.failing = time.Time{}
	}
	if !d.notify {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, notifyLimit)
	defer cancel()
	if err := d.e.tellDirectly(ctx, d.cfg, a); err != nil {
		d.log.Error("tell that the memory fails", "error", err)
	}
}

// tellDirectly tells the channels something that no outbox keeps.
func (e *env) tellDirectly(ctx context.Context, cfg *config.Config, a residency.Alert) error {
	routes, err := e.routes(cfg)
	return errors.Join(alert.Tell(ctx, []residency.Alert{a}, routes), err)
}

// memoryFails is what is told of a run that could not be remembered.
func memoryFails(run residency.Run) residency.Alert {
	return residency.Alert{
		ID: run.ID + "-memory", At: run.Finished, Kind: residency.AlertOperations, Event: residency.EventMonitor, Severity: residency.SeverityCritical,
		Group: residency.GroupOperations + "store", Run: run.ID, Config: run.ConfigPath, Notice: run.Notice,
		Text: "what is found is not remembered: " + memoryNotice(run) + "\nChecks go on, by themselves. Nothing is told of vendors until it can be remembered.",
	}
}

// memoryNotice returns what a run says of its memory.
func memoryNotice(run residency.Run) string {
	i := slices.IndexFunc(run.Notices, func(n string) bool {
		return strings.Contains(n, "remembered") || strings.Contains(n, "known")
	})
	if i < 0 {
		return run.PartialBy
	}
	return run.Notices[i]
}

// clockOf writes an instant for people.
func clockOf(t time.Time) string { return t.UTC().Format("15:04 UTC on 2 Jan 2006") }
