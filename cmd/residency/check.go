package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/report"
	"residency/internal/residency"
)

// checkFlags are the flags of check.
type checkFlags struct {
	config, format, at     string
	data                   string
	market, regions, never []string
	timeout                time.Duration
	quiet, all, historic   bool
	rtt                    rttFlag
	notify, noStore        bool
	noWaive                bool
	metricsFile            string
	zone                   *time.Location // by which times are told to people; nil: as they are
	news                   bool           // with quiet: runs are remembered, so that it is known what changed
}

func newCheck(e *env) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [HOST...]",
		Short: "Look once, judge every claim, and say so in words and in the exit code",
		Long: `Look at every endpoint as users of each market would get it, work out where
every address is, and judge the claims of the configuration.

With host names, no configuration is needed:

  residency check api.example.com --market IN,SG --regions US,SG

Exit codes, which are those of a monitoring plugin:
  0  every claim is holding: nothing was seen outside
  1  something is still outside, and not due yet
  2  something is outside, and due
  3  it cannot be told: nothing could be measured, the run is partial, or the
     command line or the configuration is wrong (said on standard error)
Broken outweighs unknown, unknown outweighs pending, pending outweighs holding.

Claims that are historic, withdrawn or superseded are judged with --historic
only, and have no part in the exit code.

With [store] in the configuration the run is remembered, and results look back
over [schedule] window: something outside must be seen in two runs (in one where
that is beyond doubt), and stays outside until a whole window has not shown it.
Without, with --no-store, and for a check of host names, as of another time or
with other data, results rest on the one run alone, and every output says so.

With --notify what changed is told to the channels of the configuration: from
the store what waits there, each thing once. Without a store nothing is known of
earlier runs, so every run tells every pending and broken claim again. What
cannot be told within --timeout stays in the store for the next check. A store
that cannot be used is told to the channels for operations, each time.

A check of what is configured asks for the [alert] heartbeat URLs as watch does:
at its start, and at its end for success, or for failure when it was partial or
something of it was lost.`,
		Example: `  residency check
  residency check --format nagios
  residency check --at 2014-11-02 --historic
  residency check api.example.com --market IN --regions US,SG`,
		RunE: func(cmd *cobra.Command, hosts []string) error {
			f.rtt.read(cmd)
			return runCheck(cmd.Context(), e, f, hosts, cmd.Flags().Changed("config"))
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "config.toml", "configuration file")
	fl.StringVarP(&f.format, "format", "f", "table", "output: "+strings.Join(report.Formats(), ", "))
	fl.StringVar(&f.at, "at", "", "judge what is answered now as of this time (2014-11-02 or RFC 3339); tells no channel")
	fl.StringVar(&f.data, "data", "", dataUsage)
	f.rtt.add(cmd)
	fl.DurationVar(&f.timeout, "timeout", checkTimeout, "end after this long; what was measured by then is printed as partial")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print only what is not inside; with a store, only what has changed since the run before")
	fl.BoolVar(&f.noStore, "no-store", false, "remember nothing, and judge by this run alone")
	fl.BoolVar(&f.noWaive, "no-waivers", false, "count what a waiver covers too")
	fl.BoolVar(&f.all, "all", false, "print every result, however many")
	fl.BoolVar(&f.historic, "historic", false, "judge historic, withdrawn and superseded claims too")
	fl.BoolVar(&f.notify, "notify", false, "tell the channels of the configuration what changed; without a store, every pending and broken claim every time")
	fl.StringVar(&f.metricsFile, "metrics-file", "", "write the figures of the check to this file, for Prometheus (textfile collector)")
	fl.StringSliceVar(&f.market, "market", nil, "with HOST: markets to look as, such as IN,SG")
	fl.StringSliceVar(&f.regions, "regions", nil, "with HOST: where data may go, such as US,SG or aws:us-west-2")
	fl.StringSliceVar(&f.never, "never", nil, "with HOST: countries where data may never go")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(report.Formats(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("market", completeCountries)
	return cmd
}

// completeCountries completes a country code.
func completeCountries(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var list []string
	for c := range residency.AllCountries() {
		list = append(list, c.String()+"\t"+c.Name())
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

func runCheck(ctx context.Context, e *env, f checkFlags, hosts []string, named bool) error {
	if !slices.Contains(report.Formats(), f.format) {
		return misused("unknown format %q: want one of %s", f.format, strings.Join(report.Formats(), ", "))
	}
	if f.timeout <= 0 {
		return misused("--timeout must be longer than nothing")
	}
	if e.hurry != nil {
		e.hurry()
	}
	cfg, err := e.checkConfig(f, hosts, named)
	if err != nil {
		return exitError{exitUsage, err}
	}
	if cfg, err = f.rtt.apply(cfg); err != nil {
		return err
	}
	at, err := parseAt(f.at, cfg.Organisation.Location)
	if err != nil {
		return exitError{exitUsage, err}
	}
	if (f.notify || f.metricsFile != "") && (!at.IsZero() || f.data != "") {
		return misused("--notify and --metrics-file do not go with --at or --data: a check as of another time or with other data tells nobody")
	}
	return e.with(f.data).checkOnce(ctx, cfg, f, at, len(hosts) == 0)
}

// checkOnce makes the one run of a check, and what follows it. configured says
// that what is checked is what the configuration names.
func (e *env) checkOnce(ctx context.Context, cfg *config.Config, f checkFlags, at time.Time, configured bool) error {
	after := context.WithoutCancel(ctx) // what a run found is told whatever ended it
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	until, _ := ctx.Deadline()
	ctx, cancel = context.WithTimeout(ctx, f.timeout-f.reserve())
	defer cancel()
	good := false
	if configured && at.IsZero() && f.data == "" && !f.noStore {
		end := e.beat(ctx, cfg)
		defer func() { end(after, good) }()
	}
	h, err := e.furnish(ctx, cfg, f.historic)
	if err != nil {
		return exitError{exitUnknown, err}
	}
	h.drawn = nil // no other run comes that could add to what this one draws
	engine := h.engine(e, at)
	m := e.rememberCheck(ctx, h, engine, f)
	defer m.close()
	bar := e.progress("looking")
	engine.Progress = bar.set
	run := engine.Run(ctx)
	bar.done()
	f.news, f.zone = run.Window != 0, cfg.Organisation.Location
	if f.noWaive {
		withoutWaivers(&run)
	}
	unwritten := e.print(run, f)
	err = m.after(after, until, run, f)
	if err != nil {
		say(e, err.Error())
	}
	good = !run.Partial && err == nil
	if unwritten != nil {
		return exitError{exitUnknown, fmt.Errorf("write output: %w", unwritten)}
	}
	if code := report.ExitCode(run); code != 0 {
		return exitError{code: code}
	}
	return nil
}

// reserve is how much of the time of a check is kept for what follows looking:
// judging and printing, and telling.
func (f checkFlags) reserve() time.Duration {
	if f.notify {
		return min(f.timeout/4, 10*time.Second)
	}
	return min(f.timeout/10, time.Second)
}

// checkConfig loads the configuration, or makes one for the hosts given.
func (e *env) checkConfig(f checkFlags, hosts []string, named bool) (*config.Config, error) {
	if len(hosts) == 0 {
		if len(f.market)+len(f.regions)+len(f.never) > 0 {
			return nil, errors.New("--market, --regions and --never go with host names: residency check HOST... --market IN --regions US,SG")
		}
		return e.loader().Load(f.config)
	}
	if len(f.market) == 0 || len(f.regions)+len(f.never) == 0 {
		return nil, errors.New("a check of host names needs --market, and --regions or --never: residency check HOST... --market IN --regions US,SG")
	}
	base := ""
	if named {
		base = f.config
	}
	return e.adHoc(f, hosts, base)
}

// parseAt reads --at: a day, which means its first instant by the clock of the
// organisation, or an instant.
func parseAt(s string, loc *time.Location) (time.Time, error) { return parseTime("--at", s, loc) }

// parseTime is parseAt for a flag of another name.
func parseTime(flag, s string, loc *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := residency.ParseDate(s); err == nil {
		return d.Start(loc), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("read %s %q: want a day such as 2014-11-02, or an instant such as 2014-11-02T09:30:00+05:30", flag, s)
	}
	return t.In(loc), nil
}

// print writes the run in the format asked for.
func (e *env) print(run residency.Run, f checkFlags) error {
	if people := f.format != "json" && f.format != "ndjson" && f.format != "csv"; people && f.zone != nil {
		run.At = run.At.In(f.zone)
	}
	if f.quiet && f.format != "table" { // the table says what it leaves out
		run = f.shown(run)
	}
	return report.Write(e.stdout, f.format, run, report.Options{Color: e.colour(), Width: e.width, All: f.all, Quiet: f.quiet, News: f.news})
}

// shown returns the run with only the cells that a quiet output shows.
func (f checkFlags) shown(run residency.Run) residency.Run {
	o := report.Options{Quiet: true, News: f.news}
	rounds := slices.Clone(run.Rounds)
	for i := range rounds {
		rounds[i].Cells = slices.DeleteFunc(slices.Clone(rounds[i].Cells), func(c residency.Cell) bool {
			return !o.Shows(c.Changed, c.Verdict == residency.Inside)
		})
	}
	run.Rounds = slices.DeleteFunc(rounds, func(r residency.Round) bool { return len(r.Cells) == 0 })
	return run
}
