package main

import (
	"context"
	"encoding/json"
	"errors"
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

// statusFlags are the flags of status.
type statusFlags struct {
	config, format      string
	claims              []string
	quiet, all, noWaive bool
}

func newStatus(e *env) *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how every claim stands by what is remembered, without looking",
		Long: `Read the results of the latest check from the store, in no time and without a
packet, and end with the exit code of check. Whether a claim is due is judged as
of now.

The exit code is 3 when nothing was checked yet, when the store cannot be read,
and when two more checks were due by [schedule] since the last complete one began
(without a schedule: when that is older than twice the time between the last two):
what it found then says nothing of now. A store that nobody can write to is said.

Only results that are not plainly inside are listed, but with --format junit also
those that are, so that what was tested and passed shows; the claims count all. Of
more than 500 hosts those with something outside come first, and a note says that
others are left out; --all lists them, however long that takes.`,
		Example: `  residency status
  residency status --claim phase-2a --format nagios`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), e, f) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "config.toml", "configuration file")
	fl.StringVarP(&f.format, "format", "f", "table", "output: "+strings.Join(report.Formats(), ", "))
	fl.StringSliceVar(&f.claims, "claim", nil, "only these claims, by id")
	fl.BoolVar(&f.noWaive, "no-waivers", false, "count what a waiver covers too")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing when all is well")
	fl.BoolVar(&f.all, "all", false, "print every result that is not inside, however many")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(report.Formats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runStatus(ctx context.Context, e *env, f statusFlags) error {
	if !slices.Contains(report.Formats(), f.format) {
		return misused("unknown format %q: want one of %s", f.format, strings.Join(report.Formats(), ", "))
	}
	cfg, err := e.loader().Load(f.config)
	if err != nil {
		return exitError{exitUsage, err}
	}
	if !cfg.Store.On {
		return exitError{exitUnknown, errNoStore}
	}
	lost := unwritable(cfg.Store.Path)
	s, err := e.readStore(ctx, cfg)
	if err != nil {
		return exitError{exitUnknown, err}
	}
	defer s.Close()
	most := mostShown
	if f.all {
		most = 0
	}
	run, err := e.latest(ctx, cfg, s, f.claims, most)
	if err != nil {
		return exitError{exitUnknown, err}
	}
	if f.format == "junit" {
		if err := addInside(ctx, s, &run, configured(cfg, f.claims), most); err != nil {
			return exitError{exitUnknown, err}
		}
	}
	if lost != "" {
		run.Notices = append([]string{"nothing can be remembered: " + lost + ". What checks found since then is not in this"}, run.Notices...)
	}
	if f.noWaive {
		withoutWaivers(&run)
	}
	if err := e.print(run, checkFlags{format: f.format, quiet: f.quiet, all: f.all, zone: cfg.Organisation.Location}); err != nil {
		return exitError{exitUnknown, fmt.Errorf("write output: %w", err)}
	}
	if code := report.ExitCode(run); code != 0 {
		return exitError{code: code}
	}
	return nil
}

// withoutWaivers makes of a run what it is without any waiver. What was saved
// of it stays as it is.
func withoutWaivers(run *residency.Run) {
	run.Claims = slices.Clone(run.Claims)
	for i := range run.Claims {
		c := &run.Claims[i]
		c.Effective, c.Waived, c.Counts.Waived = c.Standing, nil, 0
	}
	run.Rounds = slices.Clone(run.Rounds)
	for i := range run.Rounds {
		run.Rounds[i].Cells = slices.Clone(run.Rounds[i].Cells)
		for j := range run.Rounds[i].Cells {
			run.Rounds[i].Cells[j].Waiver = ""
		}
	}
}

// waiversNow brings what waivers cover up to now: where one of a claim has
// ended since the check, was taken out or covers something else, nothing of the
// claim is excepted, until the next check has seen what the others cover.
func waiversNow(run *residency.Run, waivers []residency.Waiver, now time.Time) {
	before := run.Waivers
	run.Waivers = waivers
	holds := func(id string) bool {
		return slices.ContainsFunc(waivers, func(w residency.Waiver) bool {
			return w.ID == id && w.Holds(now) && slices.ContainsFunc(before, func(b residency.Waiver) bool { return b.ID == id && sameScope(b, w) })
		})
	}
	for i := range run.Claims {
		c := &run.Claims[i]
		if slices.ContainsFunc(c.Waived, func(id string) bool { return !holds(id) }) {
			c.Effective = c.Standing
			c.Waived = slices.DeleteFunc(slices.Clone(c.Waived), func(id string) bool { return !holds(id) })
		}
	}
	for i := range run.Rounds {
		for j := range run.Rounds[i].Cells {
			if c := &run.Rounds[i].Cells[j]; !holds(c.Waiver) {
				c.Waiver = ""
			}
		}
	}
}

// sameScope reports whether two waivers cover the same, but for when.
func sameScope(a, b residency.Waiver) bool {
	return a.Vendor == b.Vendor && a.Countries == b.Countries && slices.Equal(a.Claims, b.Claims) && slices.Equal(a.Services, b.Services) &&
		slices.Equal(a.Hosts, b.Hosts) && slices.Equal(a.Markets, b.Markets) && slices.Equal(a.Verdicts, b.Verdicts)
}

// mostShown is how many hosts status opens, so that it answers in no time: more
// are counted, and not listed.
const mostShown = 500

// latest returns the latest run as it stands now: its claims judged by now's
// date, the results that are not inside with what they rest on, and why it says
// nothing of now if it is too old. Of more hosts than most (0: no bound) it says
// that there are more.
func (e *env) latest(ctx context.Context, cfg *config.Config, s *store.Store, ids []string, most int) (residency.Run, error) {
	runs, err := s.LastRuns(ctx, 1)
	if err != nil {
		return residency.Run{}, err
	}
	if len(runs) == 0 {
		return residency.Run{}, errors.New("nothing was checked yet\nhint: \"residency check\" makes the first check")
	}
	run, now := runs[0], e.now()
	unjudged(&run, cfg.Claims)
	for _, id := range ids {
		if !judges(&run, id) {
			var known []string
			for _, c := range run.Claims {
				known = append(known, c.Claim.ID)
			}
			return run, fmt.Errorf("the latest check judged no claim %q\nhint: it judged %s", id, strings.Join(known, ", "))
		}
	}
	run.Claims = slices.DeleteFunc(run.Claims, func(c residency.ClaimStanding) bool {
		return len(ids) > 0 && !slices.Contains(ids, c.Claim.ID)
	})
	if err := addUnseen(ctx, cfg, s, &run, now); err != nil {
		return run, err
	}
	if err := stateClaims(ctx, s, &run, now); err != nil {
		return run, err
	}
	if err := e.cellsOf(ctx, s, &run, configured(cfg, ids), most); err != nil {
		return run, err
	}
	waiversNow(&run, cfg.Waivers, now)
	whole, ok, err := s.LastWhole(ctx)
	if err != nil {
		return run, err
	}
	run.Overdue = e.overdue(ctx, cfg, s, whole, ok)
	run.Notices = append([]string{fmt.Sprintf("this is what the check of %s found, %s; nothing was looked at now",
		run.Started.In(cfg.Organisation.Location).Format("2 Jan 2006 15:04 MST"), ago(now.Sub(run.Finished)))}, run.Notices...)
	if run.Overdue != "" {
		run.Notices = append([]string{run.Overdue}, run.Notices...)
	}
	return run, nil
}

// unjudged has the claims of the configuration unknown that the run did not
// judge: one that was added since is not known to hold, nor one that says
// something else than it did. What was broken then stays so.
func unjudged(run *residency.Run, claims []residency.Claim) {
	run.Claims, run.Notices = slices.Clone(run.Claims), slices.Clone(run.Notices)
	for _, c := range claims {
		if !c.Live() {
			continue
		}
		i := slices.IndexFunc(run.Claims, func(s residency.ClaimStanding) bool { return s.Claim.ID == c.ID })
		switch {
		case i < 0:
			run.Claims = append(run.Claims, residency.ClaimStanding{Claim: c}) // nothing is known of it
			run.Notices = append(run.Notices, fmt.Sprintf("%s was not judged yet: it is new in the configuration", c.ID))
		case run.Claims[i].Effective != residency.Broken && !sameTerms(run.Claims[i].Claim, c):
			now := residency.ClaimStanding{Claim: c}
			if run.Claims[i].Standing == residency.Broken { // and all that was outside was excepted
				now.Standing = residency.Broken
			}
			run.Claims[i] = now
			run.Notices = append(run.Notices, fmt.Sprintf("%s was not judged yet as it is in the configuration now", c.ID))
		}
	}
}

// sameTerms reports whether what lies inside by one claim does by the other. As
// JSON, so that one that was remembered is like one that was loaded.
func sameTerms(a, b residency.Claim) bool {
	terms := func(c residency.Claim) string {
		data, err := json.Marshal(residency.Claim{Kind: c.Kind, Vendor: c.Vendor, Services: c.Services, Markets: c.Markets,
			Regions: c.Regions, Never: c.Never, CDNRegions: c.CDNRegions, Floor: c.Floor})
		if err != nil {
			return err.Error()
		}
		return string(data)
	}
	return terms(a) == terms(b)
}

// stateClaims brings standings up to now: a claim may have come due since, and
// the store knows since when each has stood so.
func stateClaims(ctx context.Context, s *store.Store, run *residency.Run, now time.Time) error {
	states, err := s.Claims(ctx)
	if err != nil {
		return err
	}
	for i := range run.Claims {
		c := &run.Claims[i]
		for _, st := range states {
			if st.Claim != c.Claim.ID {
				continue
			}
			if c.LastOutside = st.LastOutside; c.Standing == residency.Broken {
				c.BrokenSince = st.BrokenSince
			}
		}
		if !c.Claim.InForce(now) {
			continue
		}
		if c.Standing == residency.Pending {
			c.Standing, c.BrokenSince = residency.Broken, c.Claim.Due
		}
		if c.Effective == residency.Pending {
			c.Effective = residency.Broken
		}
	}
	return nil
}

// configured has the key of every endpoint of a configuration that one of the
// claims is about, with its place in the order in which a check has them; of all
// claims when none is named.
func configured(cfg *config.Config, ids []string) map[string]int {
	keys := map[string]int{}
	for i, ep := range cfg.Endpoints() {
		if len(ids) == 0 || slices.ContainsFunc(cfg.Claims, func(c residency.Claim) bool {
			return slices.Contains(ids, c.ID) && isAbout(c, ep)
		}) {
			keys[ep.Key()] = i
		}
	}
	return keys
}

// cellsOf adds the results that are not plainly inside, with where their
// addresses are, in the order of a check. The store has those of endpoints that
// nobody asks about any more, too.
func (e *env) cellsOf(ctx context.Context, s *store.Store, run *residency.Run, asked map[string]int, most int) error {
	var ids []string
	for _, c := range run.Claims {
		ids = append(ids, c.Claim.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	cells, more, err := s.LatestCells(ctx, most, func(key string) bool { _, ok := asked[key]; return ok }, ids...)
	if err != nil {
		return err
	}
	if more {
		run.Notices = append(run.Notices, fmt.Sprintf("only %d of the hosts whose results are not inside are listed, those with something outside first; the claims count all", most))
	}
	slices.SortStableFunc(cells, func(a, b residency.Cell) int { return asked[a.Endpoint.Key()] - asked[b.Endpoint.Key()] })
	at := map[string]int{}
	var keys []string
	for _, c := range cells {
		key := c.Endpoint.Key()
		i, known := at[key]
		if !known {
			i = len(run.Rounds)
			at[key] = i
			keys = append(keys, key)
			run.Rounds = append(run.Rounds, residency.Round{Endpoint: c.Endpoint, At: run.At})
		}
		run.Rounds[i].Cells = append(run.Rounds[i].Cells, c)
	}
	return places(ctx, s, run, keys)
}

// places adds where the addresses of the rounds are, and the looks that showed
// them.
func places(ctx context.Context, s *store.Store, run *residency.Run, keys []string) error {
	known, err := s.Recall(ctx, keys, run.At)
	if err != nil {
		return err
	}
	var spans []residency.Span
	var endpoints []residency.Endpoint
	var which []int
	for i, key := range keys {
		if list := known[key].Spans; len(list) > 0 {
			spans, which = append(spans, list[len(list)-1]), append(which, i)
			endpoints = append(endpoints, run.Rounds[i].Endpoint)
		}
	}
	rounds, err := remembered(ctx, s, spans, endpoints)
	if err != nil {
		return err
	}
	relink(rounds, run.Datasets)
	for n, r := range rounds {
		round := &run.Rounds[which[n]]
		round.Observations, round.Locations, round.Markets = r.Observations, r.Locations, r.Markets
	}
	return nil
}
