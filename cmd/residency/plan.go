package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"residency/internal/config"
	"residency/internal/residency"
	"residency/internal/resolve"
	"residency/internal/watch"
)

// How long a check lasts at most, by default, under each of the two commands.
const (
	checkTimeout = 50 * time.Second // under the minute that Nagios gives a plugin
	watchTimeout = 10 * time.Minute
)

// share is what one check asks of one server, over all markets.
type share struct {
	server   config.Server
	operator string
	resolve.Forecast
}

// plan is what a check does beside its questions, for the forecast.
func (h *house) plan(engine *watch.Engine) resolve.Plan {
	p := h.cfg.Resolve.Pool
	plan := resolve.Plan{Questions: engine.Planned(), Within: checkTimeout, Names: h.cfg.Geo.PTR}
	if p.Max > 1 {
		plan.Draws = resolve.Draws{Most: p.PerRun, Authoritative: p.Authoritative, Recursive: p.Recursive}
	}
	return plan
}

// shares forecasts what a check asks of each server. One that is asked by
// several ways has one budget for all.
func (h *house) shares(plan resolve.Plan) []share {
	var list []share
	for _, s := range h.cfg.Resolve.Servers {
		sh := share{server: s}
		for i, way := range h.resolver.Servers {
			if way.Name != s.Name {
				continue
			}
			f := h.resolver.Forecast(i, plan)
			sh.operator = way.OperatorAt(strings.Join(way.Addresses[:min(1, len(way.Addresses))], ""))
			sh.Looks, sh.Tests, sh.Signatures, sh.Finding = sh.Looks+f.Looks, sh.Tests+f.Tests, sh.Signatures+f.Signatures, sh.Finding+f.Finding
			sh.Least, sh.Most = sh.Least+f.Least, sh.Most+f.Most
			sh.Rate, sh.Takes = max(sh.Rate, f.Rate), sh.Takes+f.Takes
		}
		list = append(list, sh)
	}
	return list
}

// describePlan says how many requests a check puts to whom, how long it takes
// at the pace each server gets, and whether the schedule leaves that time.
func (e *env) describePlan(h *house, engine *watch.Engine) error {
	plan := h.plan(engine)
	shares := h.shares(plan)
	var longest time.Duration
	fmt.Fprintln(e.stdout, "  what each check asks of whom:")
	for _, s := range shares {
		longest = max(longest, s.Takes)
		s.describe(e)
	}
	e.describeRest(h, plan, shares)
	fmt.Fprintf(e.stdout, "  a check takes %s at that pace, and longer where servers answer slowly\n", lasts(longest))
	every, err := h.interval(e.now())
	if err != nil {
		return err
	}
	e.warnOfTime(longest, every)
	e.noteOperators(shares)
	return nil
}

// describe says what one server gets.
func (s share) describe(e *env) {
	where := strings.Join(s.server.Addresses, ", ")
	pace := "at no limited pace"
	if s.Rate > 0 {
		pace = fmt.Sprintf("at %g a second, %s", s.Rate, lasts(s.Takes))
	}
	switch {
	case s.server.System:
		where = "this machine's own resolvers"
	case s.server.Iterative != nil:
		where = "all name servers that are found from the root, together"
		if s.Rate > 0 {
			pace = fmt.Sprintf("each at %g a second, %s", s.Rate, lasts(s.Takes))
		}
	}
	if s.operator != "" {
		where += "; run by " + s.operator
	}
	learns := s.server.Learns
	if learns == "" {
		learns = "not stated"
	}
	fmt.Fprintf(e.stdout, "    %s (%s)\n", s.server.Name, where)
	parts := []string{residency.Plural(s.Looks, "question")}
	for _, p := range []struct {
		n    int
		what string
	}{
		{s.Finding, "to find the servers"}, {s.Tests, "to see whether it answers and can be believed (in watch once an hour)"},
		{s.Signatures, "for the keys of signatures"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	fmt.Fprintf(e.stdout, "      when all is answered: %s, %s: %s\n", residency.Plural(s.Least, "request"), pace, strings.Join(parts, ", "))
	fmt.Fprintf(e.stdout, "      %s\n      learns: %s\n", s.bound(), learns)
}

// bound says how many requests a server gets at most. Nobody comes near that
// but who loses every answer or makes each lead on, so it is told as what it is
// for each question where no pace bounds it.
func (s share) bound() string {
	if s.Rate > 0 || s.Looks == 0 {
		return fmt.Sprintf("never more than %s, were every answer lost or to lead on to further names", residency.Plural(s.Most, "request"))
	}
	return fmt.Sprintf("never more than %s for each question on average, were every answer lost or to lead on to further names",
		residency.Plural((s.Most+s.Looks-1)/s.Looks, "request"))
}

// describeRest says what belongs to no one server.
func (e *env) describeRest(h *house, plan resolve.Plan, shares []share) {
	fmt.Fprintf(e.stdout, "  more is asked when answers get lost (up to %d tries), and when they lead to further names\n", h.cfg.Resolve.Tries)
	own := slices.ContainsFunc(h.resolver.Servers, func(s resolve.Server) bool { return s.Authoritative || s.Iterative != nil })
	if d := plan.Draws; d.Most > 0 && (d.Authoritative && own || d.Recursive) {
		whom := "name servers of the vendors' own"
		if d.Recursive {
			whom = "the same servers, as their answers run out"
		}
		fmt.Fprintf(e.stdout, "  asked again for addresses not shown at first: %s, up to %s and %v of a check\n", whom, residency.Plural(d.Most, "question"), h.cfg.Resolve.Pool.Time)
	}
	if plan.Names {
		fmt.Fprintln(e.stdout, "  the name of each address seen is asked of the recursive servers in turn, up to 1000 addresses")
	}
	away := slices.ContainsFunc(shares, func(s share) bool { return s.Rate > 0 }) // not on this machine
	if c := h.resolver.Controls; c != nil && c.Nowhere != "" && away {
		fmt.Fprintf(e.stdout, "  one request goes to %s, where no server can be, to see whether something answers in the place of servers\n", c.Nowhere)
	}
}

// warnOfTime warns of a check that is longer than what it is given.
func (e *env) warnOfTime(longest, every time.Duration) {
	if every > 0 && longest > every {
		fmt.Fprintf(e.stderr, "residency: warning: a check takes %s, but the schedule wants one after %v: some will be left out. Raise queries_per_second where the server's operator allows it, or check less often\n", lasts(longest), every)
	}
	for _, c := range []struct {
		name  string
		limit time.Duration
		used  bool
	}{{"check", checkTimeout, true}, {"watch", watchTimeout, every > 0}} {
		if c.used && longest > c.limit {
			fmt.Fprintf(e.stderr, "residency: warning: a check takes %s, but \"residency %s\" ends one after %v and says that it is partial: give it --timeout %v or more\n",
				lasts(longest), c.name, c.limit, roundUp(longest))
		}
	}
}

// noteOperators says that servers of one operator are one witness.
func (e *env) noteOperators(shares []share) {
	names := map[string][]string{}
	for _, s := range shares {
		if s.operator != "" {
			names[s.operator] = append(names[s.operator], s.server.Name)
		}
	}
	for _, s := range shares {
		if list := names[s.operator]; len(list) > 1 && list[0] == s.server.Name {
			fmt.Fprintf(e.stderr, "residency: note: %s are all run by %s, so their answers are one witness\n", strings.Join(list, ", "), s.operator)
		}
	}
}

// roundUp returns a time somewhat longer than d, in whole minutes.
func roundUp(d time.Duration) time.Duration {
	return (d + d/2).Truncate(time.Minute) + time.Minute
}

// lasts puts a time into words.
func lasts(d time.Duration) string {
	if d < time.Second {
		return "less than 1s"
	}
	return "at least " + d.Round(time.Second).String()
}

// interval returns the shortest time between two checks of the schedule in the
// week to come; 0 when there is no schedule.
func (h *house) interval(now time.Time) (time.Duration, error) {
	if len(h.cfg.Schedule.Check) == 0 {
		return 0, nil
	}
	schedule, err := watch.ParseSchedule(h.cfg.Schedule.Check, h.cfg.Organisation.Location, now)
	if err != nil {
		return 0, err
	}
	var gaps []time.Duration
	for at := schedule.Next(now); at.Sub(now) < 7*24*time.Hour && len(gaps) < 3000; {
		next := schedule.Next(at)
		if next.IsZero() {
			break
		}
		gaps = append(gaps, next.Sub(at))
		at = next
	}
	if len(gaps) == 0 {
		return 0, nil
	}
	return slices.Min(gaps), nil
}
