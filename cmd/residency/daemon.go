package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"residency/internal/alert"
	"residency/internal/config"
	"residency/internal/heartbeat"
	"residency/internal/ledger"
	"residency/internal/policy"
	"residency/internal/report"
	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/watch"
)

// daemon is a watch under way, by one configuration. A new configuration makes
// a new one, with the same store where that is the same file.
type daemon struct {
	e       *env
	cfg     *config.Config
	log     *slog.Logger
	timeout time.Duration // of one run
	notify  bool
	pulse   *pulse
	manager manager

	house  *house
	store  *store.Store // nil: nothing is remembered
	signer *ledger.Signer
	sealed chan struct{} // wakes the signer: there is something new to sign
	beat   heartbeat.Heartbeat
	groups []group

	judged time.Time         // up to when due instants were met before the start
	tune   func(*watch.Loop) // for those who have another clock; may be nil

	failing  time.Time // since when the memory cannot be used; zero: it can
	strict   bool      // a store that cannot be used is an error at the start, whatever the cause
	unopened error     // why there is no store for now; nil: there is, or none is configured
	mended   bool      // run has ended because the store can be used again

	busy   sync.Mutex // held while something is looked at or judged
	latest atomic.Pointer[residency.Run]
}

// group is the endpoints that are looked at by the same schedule.
type group struct {
	entry     watch.Entry
	endpoints map[string]bool // by key
}

// start makes everything ready: what cannot be is an error now, and not at the
// first run.
func (d *daemon) start(ctx context.Context) error {
	var err error
	if d.groups, err = groupsOf(d.cfg, d.e.now()); err != nil {
		return exitError{exitUsage, err}
	}
	if d.house, err = d.e.furnish(ctx, d.cfg, false); err != nil {
		return failed(err)
	}
	d.house.resolver.Jitter = d.cfg.Schedule.Jitter
	if d.beat, err = d.e.heartbeat(d.cfg); err != nil {
		return failed(err)
	}
	if err = d.openMemory(ctx); err != nil {
		return failed(err)
	}
	if d.store == nil {
		if !d.cfg.Evidence.Key.IsZero() && d.unopened == nil {
			d.log.Warn("nothing is sealed: the configuration has no [store]")
		}
		return nil
	}
	if d.signer, err = d.e.signer(d.cfg, d.store, d.log); err == nil {
		err = d.resume(ctx)
	}
	if d.signer != nil {
		d.sealed = make(chan struct{}, 1)
		d.signer.Wake = d.sealed
	}
	if err != nil {
		d.store.Close()
		return failed(err)
	}
	return nil
}

// resume goes on where the run before left off: what it found is shown until
// there is another, and what came due since is judged.
func (d *daemon) resume(ctx context.Context) error {
	last, err := d.store.LastRuns(ctx, 1)
	if err != nil || len(last) == 0 {
		return err
	}
	// What was seen longer ago accuses nobody: then the next run tells.
	if d.e.now().Sub(last[0].At) <= d.cfg.Schedule.Window {
		d.judged = last[0].At
	}
	run, err := d.e.latest(ctx, d.cfg, d.store, nil, mostShown)
	if err != nil {
		return err
	}
	d.latest.Store(&run)
	d.pulse.ready.Store(true)
	return nil
}

// close gives back what start took.
func (d *daemon) close() error {
	if d.store == nil {
		return nil
	}
	return d.store.Close()
}

// schedules names the schedules, for the log.
func (d *daemon) schedules() string {
	names := make([]string, len(d.groups))
	for i, g := range d.groups {
		names[i] = g.entry.Name
	}
	return strings.Join(names, "; ")
}

// groupsOf gathers endpoints by schedule. One without any is never looked at,
// which is an error: nobody would notice.
func groupsOf(cfg *config.Config, now time.Time) ([]group, error) {
	at := map[string]int{}
	var list []group
	for _, ep := range cfg.Endpoints() {
		specs := cfg.Schedule.Of(ep, cfg.Claims)
		if len(specs) == 0 {
			if len(cfg.Schedule.Check) == 0 && len(cfg.Schedule.Claims)+len(cfg.Schedule.Endpoints) == 0 {
				return nil, errors.New(cfg.Path + ": watch needs a schedule\nhint: add [schedule] with check = \"*/30 * * * *\"")
			}
			return nil, fmt.Errorf("%s: no schedule says when to look at %s\nhint: add [schedule] with check = \"*/30 * * * *\"", cmp.Or(ep.Where, cfg.Path), ep.Host)
		}
		name := strings.Join(specs, ", ")
		i, known := at[name]
		if !known {
			schedule, err := watch.ParseSchedule(specs, cfg.Organisation.Location, now)
			if err != nil {
				return nil, err
			}
			i = len(list)
			at[name] = i
			list = append(list, group{watch.Entry{Name: name, Schedule: schedule}, map[string]bool{}})
		}
		list[i].endpoints[ep.Key()] = true
	}
	return list, nil
}

// run runs until ctx ends, and returns when all that it began has.
func (d *daemon) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopFresh, err := d.e.keepFresh(ctx, d.cfg, d.log)
	if err != nil {
		return exitError{exitUsage, err}
	}
	var beside sync.WaitGroup
	defer func() {
		cancel()
		stopFresh()
		beside.Wait()
		if err := d.close(); err != nil {
			d.log.Error("close store", "error", err)
		}
	}()
	if d.store != nil {
		if err := d.e.recordConfig(ctx, d.house, d.store); err != nil {
			d.log.Error("keep the configuration in the evidence log", "error", err)
		}
		if note := d.e.sharedStore(ctx, d.house, d.store); note != "" {
			d.log.Warn(note)
		}
		if d.notify && d.tune == nil { // who has another clock delivers by it
			beside.Go(func() { d.deliver(ctx) })
		}
		if d.signer != nil {
			beside.Go(func() { d.sign(ctx) })
		}
	}
	l := d.loop()
	l.Alive = func() {
		if d.alive(); d.mend(ctx) {
			cancel() // whoever comes next remembers
		}
	}
	return l.Run(ctx)
}

// loop is what runs all that is due.
func (d *daemon) loop() *watch.Loop {
	l := &watch.Loop{Now: d.e.now, Log: d.log, Do: d.once}
	for _, g := range d.groups {
		l.Entries = append(l.Entries, g.entry)
	}
	if d.store != nil {
		l.Served, l.Instant, l.Reassess, l.Judged = servedMemo{d.store}, d.nextDue, d.reassess, d.judged
	}
	if every := d.manager.watchdog(); every > 0 {
		l.Pause = min(30*time.Second, every/2)
	}
	if d.tune != nil {
		d.tune(l)
	}
	return l
}

// alive says that the loop goes round.
func (d *daemon) alive() {
	d.pulse.beat()
	d.manager.alive()
}

// deliver brings the outbox to the channels, all the time.
func (d *daemon) deliver(ctx context.Context) {
	c, err := d.e.courier(d.cfg, d.store, func(ev alert.Event) {
		switch {
		case ev.Err != nil:
			d.log.Warn("a message was not delivered", "channel", ev.Channel, "key", ev.Key, "error", ev.Err)
		default:
			d.log.Info("a message was delivered", "channel", ev.Channel, "key", ev.Key)
		}
	})
	if err != nil {
		d.log.Error("make a channel", "error", err)
	}
	if err := c.Run(ctx); err != nil && ctx.Err() == nil {
		d.log.Error("deliver messages", "error", err)
	}
}

// sign signs what the evidence log has, all the time.
func (d *daemon) sign(ctx context.Context) {
	err := d.signer.Run(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	d.log.Error("sign the evidence log: nothing is signed any more", "error", err)
	if !d.notify {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, notifyLimit)
	defer cancel()
	if err := d.e.tellDirectly(ctx, d.cfg, logFails(d.cfg, d.e.now(), err)); err != nil {
		d.log.Error("tell that the evidence log is not what was signed", "error", err)
	}
}

// once is one run of all that is due.
func (d *daemon) once(ctx context.Context, due watch.Due) {
	d.busy.Lock()
	defer d.busy.Unlock()
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	d.house = d.e.refurnish(ctx, d.house, d.log)
	end := d.beat.Begin(ctx)
	engine := d.house.engine(d.e, time.Time{})
	engine.Slim = true
	if !d.unlike(ctx) {
		engine.Due = d.dueEndpoints(due.Entries)
	}
	engine.Header.Due, engine.Header.Missed = due.At, due.Missed
	engine.Progress = func(int, int) { d.alive() }
	switch {
	case d.store != nil:
		d.house.remember(engine, d.store, d.e.troubles(ctx, d.cfg, d.store)...)
	case d.unopened != nil:
		engine.Memory, engine.Window = unopened{err: d.unopened}, d.cfg.Schedule.Window
	}
	run := engine.Run(ctx)
	d.ended(context.WithoutCancel(ctx), run)
	if err := end(context.WithoutCancel(ctx), !run.Partial); err != nil {
		d.log.Warn("ping heartbeat", "error", err)
	}
}

// dueEndpoints says which endpoints the entries are about; nil: all.
func (d *daemon) dueEndpoints(entries []string) func(residency.Endpoint) bool {
	if len(entries) == len(d.groups) {
		return nil
	}
	return func(e residency.Endpoint) bool {
		return slices.ContainsFunc(d.groups, func(g group) bool {
			return g.endpoints[e.Key()] && slices.Contains(entries, g.entry.Name)
		})
	}
}

// unlike reports whether what is remembered was judged by another configuration
// or by the rules of another version, or may have been: until a whole run by
// these has looked at everything, no endpoint stands by what was found before.
func (d *daemon) unlike(ctx context.Context) bool {
	if d.store == nil {
		return false
	}
	whole, ok, err := d.store.LastWhole(ctx)
	return err != nil || !ok || judgedOtherwise(whole, d.cfg.SHA256)
}

// judgedOtherwise reports whether a run was judged by another configuration, or by
// other rules, than one would be now.
func judgedOtherwise(run residency.Run, config string) bool {
	return run.ConfigSHA256 != config || run.Rules != policy.Version
}

// ended shows and tells what a run found.
func (d *daemon) ended(ctx context.Context, run residency.Run) {
	d.latest.Store(&run)
	logRun(d.log, run)
	local := run // a copy: what was stored is read by others
	local.At = local.At.In(d.cfg.Organisation.Location)
	if err := report.Table(d.e.stdout, local, report.Options{Color: d.e.colour(), Width: d.e.width, Quiet: true, News: run.Window != 0}); err != nil {
		d.log.Error("write results", "error", err)
	}
	kept := ""
	if run.PartialBy == watch.PartialByMemory {
		kept = ", not remembered"
	}
	d.manager.status("last check " + run.Finished.UTC().Format(time.RFC3339) + ", exit code " + fmt.Sprint(report.ExitCode(run)) + kept)
	d.pulse.ready.Store(true)
	if d.store != nil || d.unopened != nil {
		d.memoryTrouble(ctx, run)
	}
	if d.store == nil {
		if d.notify && d.unopened == nil {
			if err := d.e.notify(ctx, d.cfg, run); err != nil {
				d.log.Error("notify", "error", err)
			}
		}
		return
	}
	if pruned, err := d.e.keepStore(ctx, d.store, d.cfg.Store); err != nil {
		d.log.Error("delete what is too old", "error", err)
	} else if pruned.Runs > 0 {
		d.log.Info("deleted what is too old", "runs", pruned.Runs)
	}
	select {
	case d.sealed <- struct{}{}:
	default: // it is awake, or there is none
	}
}

// reassess judges what is known again at an instant at which that changes: a
// claim comes due, or a waiver ends. Where that was found by another
// configuration it says nothing of this one, and everything is looked at.
func (d *daemon) reassess(ctx context.Context, at time.Time) {
	if d.unlike(ctx) {
		d.once(ctx, watch.Due{At: at})
		return
	}
	d.busy.Lock()
	defer d.busy.Unlock()
	engine := d.house.engine(d.e, time.Time{})
	engine.Slim = true
	d.house.remember(engine, d.store, d.e.troubles(ctx, d.cfg, d.store)...)
	run := engine.Reassess(ctx, at)
	d.log.Info("judged again", "at", at.Format(time.RFC3339))
	d.ended(ctx, run)
}
