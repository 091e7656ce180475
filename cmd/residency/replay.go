package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/geo"
	"residency/internal/report"
	"residency/internal/residency"
)

// replayFlags are the flags of replay.
type replayFlags struct {
	config, policy, data, at, from, to, format string
	claims                                     []string
	historic                                   bool
}

func newReplay(e *env) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay (--policy FILE | --data DIR | --at DATE)",
		Short: "Judge what is remembered again: by another policy, with other data, at another date",
		Long: `Judge what was seen again, and say what would have come out otherwise and why.
Nothing is looked at, and nothing is stored: it is for trying out.

  --policy  by the claims and endpoints of another configuration
  --data    with other location data: a directory, "embedded", "previous" or
            "current" (what is in use now). Delays that were measured and hints
            stay as they were; data is as old as it is now
  --at      as if the latest run, and all that it looks back on, had been at
            this date: what will be, when nothing changes?

Without any, all is judged again as it was, by the rules of this program.

Every difference has its cause: the claims or rules were changed, the sources now
place the same address elsewhere, the date came. Below them stands what changed
over time as it was judged again, where also servers move.

With --from, two windows before it are judged too, and not told. Exit codes: 0,
whatever comes out; 1 it could not be judged again; 2 usage.`,
		Example: `  residency replay --policy stricter.toml --from 2014-10-01
  residency replay --data ~/newer-data --claim phase-2a
  residency replay --at 2015-01-01`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runReplay(cmd.Context(), e, f) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "config.toml", "configuration file, whose store is read")
	fl.StringVar(&f.policy, "policy", "", "configuration file with other claims")
	fl.StringVar(&f.data, "data", "", "other location data: a directory, current, previous or embedded")
	fl.StringVar(&f.at, "at", "", "judge as of this time (2014-11-02 or RFC 3339)")
	fl.StringVar(&f.from, "from", "", "tell of runs from this day or instant on")
	fl.StringVar(&f.to, "to", "", "judge runs before this day or instant")
	fl.StringSliceVar(&f.claims, "claim", nil, "only these claims, by id")
	fl.BoolVar(&f.historic, "historic", false, "with --policy: judge its historic, withdrawn and superseded claims too")
	fl.StringVarP(&f.format, "format", "f", "table", "output: "+strings.Join(report.ReplayFormats(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(report.ReplayFormats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runReplay(ctx context.Context, e *env, f replayFlags) error {
	if !slices.Contains(report.ReplayFormats(), f.format) {
		return misused("unknown format %q: want one of %s", f.format, strings.Join(report.ReplayFormats(), ", "))
	}
	given := 0
	for _, flag := range []string{f.policy, f.data, f.at} {
		if flag != "" {
			given++
		}
	}
	if given > 1 {
		return misused("--policy, --data and --at go one at a time, or nobody could tell what a difference comes from")
	}
	in, err := e.readPeriod(ctx, f.config, f.from, f.to)
	if err != nil {
		return err
	}
	defer in.store.Close()
	r := &replaying{store: in.store, judge: &judge{}, only: f.claims, from: in.from, to: in.to, how: "as it was, by the rules of this program"}
	if err := e.vary(ctx, r, f, in.cfg); err != nil {
		return err
	}
	bar := e.progress("judging")
	r.progress = bar.set
	err = r.all(ctx)
	bar.done()
	if err != nil {
		return failed(err)
	}
	out := r.result(in.cfg)
	if err := report.WriteReplay(e.stdout, f.format, out, report.Options{Color: e.colour(), Width: e.width}); err != nil {
		return failed(fmt.Errorf("write output: %w", err))
	}
	return nil
}

// vary sets what is to be other than it was.
func (e *env) vary(ctx context.Context, r *replaying, f replayFlags, cfg *config.Config) error {
	switch {
	case f.policy != "":
		other, err := e.loader().Load(f.policy)
		if err != nil {
			return exitError{exitUsage, err}
		}
		r.how, r.factor, r.other = "by the claims of "+f.policy, residency.CausePolicy, &otherPolicy{endpoints: map[string]residency.Endpoint{}, markets: map[residency.Country]residency.Market{}}
		for _, c := range other.Claims {
			if c.Live() || f.historic {
				r.other.claims = append(r.other.claims, c)
			}
		}
		for _, ep := range other.Endpoints() {
			r.other.endpoints[ep.Key()] = ep
		}
		for _, m := range other.Markets {
			r.other.markets[m.Code] = m
		}
	case f.data != "":
		ev, err := e.with(f.data).openEvidence(ctx, cfg.Geo)
		if err != nil {
			return failed(err)
		}
		r.how, r.factor = "with the location data of "+f.data, residency.CauseReclassified
		r.judge.relocate = relocator(ev.locator, e.now())
	case f.at != "":
		at, err := parseAt(f.at, cfg.Organisation.Location)
		if err != nil {
			return exitError{exitUsage, err}
		}
		r.how, r.factor, r.at = "as if the latest run had been on "+at.Format("2 Jan 2006 15:04 MST"), residency.CauseDue, at
	}
	return nil
}

// relocator says where addresses are by other data. What is no data stays:
// delays that were measured, and hints in names.
func relocator(l *geo.Locator, now time.Time) func(residency.Location) residency.Location {
	return func(was residency.Location) residency.Location {
		is := l.Locate(was.Address, now)
		if is.Decision == residency.DecidedSpecial {
			return is
		}
		said := slices.Clone(is.Assertions)
		for _, a := range was.Assertions {
			if a.Class == residency.ClassRTT || a.Class == residency.ClassHint {
				said = append(said, a)
			}
		}
		loc := geo.Fuse(was.Address, said)
		loc.Missing = is.Missing
		return loc
	}
}

// result is what came of it, for whoever reads.
func (r *replaying) result(cfg *config.Config) report.Replay {
	out := r.out
	out.How, out.Zone, out.Notice, out.At = r.how, cfg.Organisation.Location, cfg.Organisation.Notice, r.at
	if r.other != nil {
		for key, ep := range r.other.endpoints {
			covered := slices.ContainsFunc(r.other.claims, func(c residency.Claim) bool {
				return r.wanted(c.ID) && isAbout(c, ep)
			})
			if covered && r.trails[key] == nil {
				out.NotLooked++
			}
		}
	}
	return out
}
