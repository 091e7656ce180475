package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/metrics"
	"residency/internal/residency"
)

func newWatch(e *env) *cobra.Command {
	var path string
	var timeout time.Duration
	var notify bool
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Check again and again, by the schedule of the configuration",
		Long: `Check whenever [schedule] check says (a claim or a host may have a schedule of its
own), by the clock of the organisation, until SIGTERM or SIGINT. There is never
more than one check at a time. What a long check made miss is counted and left
out; what was missed while the program was down or the machine slept is made up
for, once.

On the days on which the clock is put forward or back, a time of day that is
skipped is due when the clock is put forward, and one that comes twice is due the
first time. Expressions for every hour go by the time that passes.

With [store] everything is remembered, verdicts look back over [schedule] window,
and the instant at which a claim comes due is met exactly, between checks too.
With --notify people are told of what changed, and reminded; without a store, of
everything after every check. With [evidence] key what is remembered is signed.
A store that cannot be written keeps nobody from looking: checks go on without it,
say so, and take it up again when it can be.

Whenever [schedule] geo_data says, newer location data is asked for, as "residency
data update" does. A check uses the data that is there when it begins. SIGHUP, or
a change of its files, makes it read the configuration again between two checks;
one that is wrong is said in the log, and the old one stays in use.

With [web] listen it serves /metrics (Prometheus), /healthz and /readyz. It tells
systemd when it is ready, reloading and alive (Type=notify, WatchdogSec=).

The results go to standard output, the log to standard error. A check under way
is given ten seconds to end when the program is told to stop, and is remembered
as partial.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runWatch(cmd.Context(), e, path, timeout, notify)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "config.toml", "configuration file")
	cmd.Flags().DurationVar(&timeout, "timeout", watchTimeout, "end each check after this long")
	cmd.Flags().BoolVar(&notify, "notify", false, "tell the channels of the configuration")
	return cmd
}

// patience is how long the loop may be silent and still count as alive: a run
// shows signs of life with every answer, and no wait for one is as long.
const patience = 3 * time.Minute

func runWatch(ctx context.Context, e *env, path string, timeout time.Duration, notify bool) error {
	cfg, err := e.loader().Load(path)
	if err != nil {
		return exitError{exitUsage, err}
	}
	log := e.logger(cfg.Log)
	demand := make(chan os.Signal, 1)
	signal.Notify(demand, syscall.SIGHUP)
	defer signal.Stop(demand)
	m := manager{log}
	again := &reloader{path: path, load: e.loader().Load, log: log, every: 30 * time.Second, demand: demand, inUse: cfg.SHA256, told: m.reloading, kept: m.ready}
	beat := &pulse{now: e.now}
	var current atomic.Pointer[daemon]
	for {
		d := &daemon{e: e, cfg: cfg, log: log, timeout: timeout, notify: notify, pulse: beat, manager: m}
		old := current.Load()
		d.follow(old)
		if err := d.start(ctx); err != nil {
			if old == nil || old.cfg == cfg {
				return err
			}
			log.Error("the new configuration cannot be used: the old one stays in use", "config", path, "sha256", cfg.SHA256, "in_use", old.cfg.SHA256, "error", err)
			cfg = old.cfg
			continue
		}
		current.Store(d)
		if old == nil && cfg.Web.Listen != "" {
			p := page{pulse: beat, patient: patience, figures: func(ctx context.Context) (metrics.Figures, error) { return current.Load().figures(ctx) }}
			stop, err := p.serve(ctx, cfg.Web.Listen, log)
			if err != nil {
				return exitError{exitUsage, errors.Join(err, d.close())}
			}
			defer stop()
		}
		log.Info("watching", "version", buildVersion(), "config", path, "sha256", cfg.SHA256, "schedule", d.schedules(), "timezone", cfg.Organisation.Location.String(), "remembers", d.store != nil)
		m.ready()
		next, err := d.until(ctx, again)
		if d.mended && next == nil && err == nil && ctx.Err() == nil {
			continue // with the same configuration, and its store
		}
		if err != nil || next == nil {
			m.stopping()
			log.Info("stopped")
			return err
		}
		cfg = next
	}
}

// until runs the daemon until ctx ends, or there is another configuration,
// which it returns. The run under way then is not cut off.
func (d *daemon) until(ctx context.Context, again *reloader) (*config.Config, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var next *config.Config
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if next = again.wait(inner); next != nil {
			d.busy.Lock() // after the check under way
			cancel()
			d.busy.Unlock()
		}
	})
	err := d.run(inner)
	cancel()
	waiting.Wait()
	return next, err
}

// logRun writes one line about a run and one about each claim.
func logRun(log *slog.Logger, run residency.Run) {
	log.Info("checked", "run", run.ID, "took", run.Finished.Sub(run.Started).Round(time.Millisecond).String(), "partial", run.Partial)
	for _, c := range run.Claims {
		log.Info("claim", "claim", c.Claim.ID, "standing", c.Standing.String(), "words", c.Words(run.MainReason(c.Claim.ID)))
	}
}
