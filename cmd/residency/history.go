package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/report"
	"residency/internal/residency"
	"residency/internal/store"
)

// historyFlags are the flags of history.
type historyFlags struct {
	config, format, market, from, to string
}

func newHistory(e *env) *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use:   "history ENDPOINT",
		Short: "Show what a host answered over time, and why its results changed",
		Long: `Show the first and last sighting of each country and address of an endpoint, and
every change with its cause: the server moved, the sources now place the same
address elsewhere, the claims or rules were changed, the date came, more or less
was answered, or it was seen often enough, or gone for long enough.

ENDPOINT is a host name, or VENDOR/SERVICE/HOST where several services have it.
All of it comes from the store; nothing is looked at.`,
		Example: `  residency history api.account.xiaomi.com --market IN
  residency history api.account.xiaomi.com --from 2014-10-01 --format json`,
		RunE: func(cmd *cobra.Command, args []string) error { return runHistory(cmd.Context(), e, f, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "config.toml", "configuration file")
	fl.StringVarP(&f.format, "format", "f", "table", "output: "+strings.Join(report.HistoryFormats(), ", "))
	fl.StringVar(&f.market, "market", "", "only users in this country, such as IN")
	fl.StringVar(&f.from, "from", "", "from this day or instant on")
	fl.StringVar(&f.to, "to", "", "before this day or instant")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(report.HistoryFormats(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("market", completeCountries)
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return e.completeHosts(f.config), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

func runHistory(ctx context.Context, e *env, f historyFlags, name string) error {
	if !slices.Contains(report.HistoryFormats(), f.format) {
		return misused("unknown format %q: want one of %s", f.format, strings.Join(report.HistoryFormats(), ", "))
	}
	cfg, err := e.loader().Load(f.config)
	if err != nil {
		return exitError{exitUsage, err}
	}
	from, to, err := period(f.from, f.to, cfg.Organisation.Location)
	if err != nil {
		return exitError{exitUsage, err}
	}
	var market residency.Country
	if f.market != "" {
		var known bool
		if market, known = residency.ParseCountry(strings.ToUpper(f.market)); !known {
			return misused("read --market: %q is no ISO 3166-1 code", f.market)
		}
	}
	if !cfg.Store.On {
		return failed(errNoStore)
	}
	s, err := e.readStore(ctx, cfg)
	if err != nil {
		return failed(err)
	}
	defer s.Close()
	ep, err := endpointNamed(ctx, s, name)
	if err != nil {
		return failed(err)
	}
	h, err := historyOf(ctx, s, cfg, ep, from, to)
	if err != nil {
		return failed(err)
	}
	h.Market = market
	if err := report.WriteHistory(e.stdout, f.format, h, report.Options{Color: e.colour(), Width: e.width}); err != nil {
		return failed(fmt.Errorf("write output: %w", err))
	}
	return nil
}

// period reads --from and --to.
func period(from, to string, loc *time.Location) (begin, end time.Time, err error) {
	if begin, err = parseTime("--from", from, loc); err != nil {
		return begin, end, err
	}
	if end, err = parseTime("--to", to, loc); err != nil {
		return begin, end, err
	}
	if !begin.IsZero() && !end.IsZero() && !begin.Before(end) {
		return begin, end, fmt.Errorf("--from %s is not before --to %s", from, to)
	}
	return begin, end, nil
}

// endpointNamed finds the endpoint that a name means among all that were ever
// looked at: those of the configuration may be others.
func endpointNamed(ctx context.Context, s *store.Store, name string) (residency.Endpoint, error) {
	all, err := s.Endpoints(ctx)
	if err != nil {
		return residency.Endpoint{}, err
	}
	var found []residency.Endpoint
	for _, e := range all {
		if e.Key() == name || strings.EqualFold(e.Host, strings.TrimSuffix(name, ".")) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return residency.Endpoint{}, fmt.Errorf("nothing is remembered of %s: no check looked at it\nhint: \"residency status\" says when was checked last", name)
	case 1:
		return found[0], nil
	}
	keys := make([]string, len(found))
	for i, e := range found {
		keys[i] = e.Key()
	}
	return residency.Endpoint{}, fmt.Errorf("several services have %s: name one of %s", name, strings.Join(keys, ", "))
}

// historyOf reads what is remembered of an endpoint from a time on, and before
// another.
func historyOf(ctx context.Context, s *store.Store, cfg *config.Config, ep residency.Endpoint, from, to time.Time) (report.History, error) {
	h := report.History{Endpoint: ep, Zone: cfg.Organisation.Location, Notice: cfg.Organisation.Notice}
	spans, err := s.Spans(ctx, ep.Key(), from, to)
	if err != nil {
		return h, err
	}
	rounds, err := remembered(ctx, s, spans, slices.Repeat([]residency.Endpoint{ep}, len(spans)))
	if err != nil {
		return h, err
	}
	for i, sp := range spans {
		stay := report.Stay{First: sp.FirstAt, Last: sp.LastAt, Runs: sp.Runs, Round: rounds[i]}
		run, _, err := s.Run(ctx, sp.First)
		if err != nil {
			return h, err
		}
		stay.Config, stay.Rules = run.ConfigSHA256, run.Rules
		h.Stays = append(h.Stays, stay)
	}
	var last time.Time
	if n := len(h.Stays); n > 0 {
		last = h.Stays[n-1].Last
	}
	for _, c := range cfg.Claims {
		if isAbout(c, ep) && !c.Due.IsZero() && !c.Due.After(last) &&
			!c.Due.Before(from) && (to.IsZero() || c.Due.Before(to)) {
			h.Dues = append(h.Dues, report.DueDate{Claim: c.ID, At: c.Due})
		}
	}
	return h, nil
}
