package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/report"
	"residency/internal/residency"
	"residency/internal/watch"
)

func newWatch(e *env) *cobra.Command {
	var path string
	var timeout time.Duration
	var notify bool
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Check again and again, by the schedule of the configuration",
		Long: `Check at the start and then whenever [schedule] check says, by the clock of the
organisation, until SIGTERM or SIGINT. There is never more than one check at a
time; what a long check made miss is said in the log and not made up for.

Whenever [schedule] geo_data says, newer location data is asked for, as "residency
data update" does. A check uses the data that is there when it begins, also when
another process brought it.

The results go to standard output, the log to standard error. A check under way
is given ten seconds to end when the program is told to stop.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runWatch(cmd.Context(), e, path, timeout, notify)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "config.toml", "configuration file")
	cmd.Flags().DurationVar(&timeout, "timeout", watchTimeout, "end each check after this long")
	cmd.Flags().BoolVar(&notify, "notify", false, "tell the channels of the configuration about pending and broken claims, after every check")
	return cmd
}

func runWatch(ctx context.Context, e *env, path string, timeout time.Duration, notify bool) error {
	cfg, err := e.loader().Load(path)
	if err != nil {
		return exitError{exitUsage, err}
	}
	if len(cfg.Schedule.Check) == 0 {
		return exitError{exitUsage, errors.New(path + ": watch needs a schedule\nhint: add [schedule] with check = \"*/30 * * * *\"")}
	}
	schedule, err := watch.ParseSchedule(cfg.Schedule.Check, cfg.Organisation.Location, e.now())
	if err != nil {
		return exitError{exitUsage, err}
	}
	h, err := e.furnish(ctx, cfg, false)
	if err != nil {
		return failed(err)
	}
	h.resolver.Jitter = cfg.Schedule.Jitter
	log := slog.New(slog.NewTextHandler(e.stderr, nil))
	stop, err := e.keepFresh(ctx, cfg, log)
	if err != nil {
		return exitError{exitUsage, err}
	}
	defer stop()
	loop := watch.Loop{Entries: []watch.Entry{{Name: "check", Schedule: schedule}}, Now: e.now, Log: log, Do: func(ctx context.Context, _ watch.Due) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		h = e.refurnish(ctx, h, log)
		run := h.engine(e, time.Time{}).Run(ctx)
		logRun(log, run)
		if err := report.Table(e.stdout, run, report.Options{Color: e.colour(), Width: e.width, Quiet: true}); err != nil {
			log.Error("write results", "error", err)
		}
		if notify {
			if err := e.notify(context.WithoutCancel(ctx), cfg, run); err != nil {
				log.Error("notify", "error", err)
			}
		}
	}}
	log.Info("watching", "version", buildVersion(), "config", path, "sha256", cfg.SHA256, "schedule", schedule.String(), "timezone", cfg.Organisation.Location.String())
	defer log.Info("stopped")
	return loop.Run(ctx)
}

// logRun writes one line about a run and one about each claim.
func logRun(log *slog.Logger, run residency.Run) {
	log.Info("checked", "run", run.ID, "took", run.Finished.Sub(run.Started).Round(time.Millisecond).String(), "partial", run.Partial)
	for _, c := range run.Claims {
		log.Info("claim", "claim", c.Claim.ID, "standing", c.Standing.String(), "words", c.Words(run.MainReason(c.Claim.ID)))
	}
}
