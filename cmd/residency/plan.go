package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"residency/internal/config"
	"residency/internal/residency"
	"residency/internal/watch"
)

// share is what one check asks of one server, over all markets.
type share struct {
	server    config.Server
	questions int
	rate      float64 // questions per second; 0: no limit
}

// takes is how long the server's questions take at its pace.
func (s share) takes() time.Duration {
	if s.rate == 0 {
		return 0
	}
	return time.Duration(float64(s.questions) / s.rate * float64(time.Second))
}

// shares lists what a check asks of each server.
func (h *house) shares(engine *watch.Engine) []share {
	planned := engine.Planned()
	var list []share
	for _, s := range h.cfg.Resolve.Servers {
		sh := share{server: s}
		for _, way := range h.resolver.Servers {
			if way.Name != s.Name {
				continue
			}
			for market, n := range planned {
				if way.Asked(market) {
					sh.questions += n
				}
			}
			sh.rate = max(sh.rate, h.resolver.RateOf(way))
		}
		list = append(list, sh)
	}
	return list
}

// describePlan says how many questions a check puts to whom, how long it takes
// at the pace each server gets, and whether the schedule leaves that time.
func (e *env) describePlan(h *house, engine *watch.Engine) error {
	shares := h.shares(engine)
	var longest time.Duration
	fmt.Fprintln(e.stdout, "  each check asks, retries and further names of a chain not counted:")
	for _, s := range shares {
		longest = max(longest, s.takes())
		where := strings.Join(s.server.Addresses, ", ")
		if s.server.System {
			where = "this machine's own resolvers"
		}
		if s.server.Iterative != nil {
			where = "name servers found from the root"
		}
		pace := "at no limited pace"
		if s.rate > 0 {
			pace = fmt.Sprintf("at %g a second, %s", s.rate, lasts(s.takes()))
		}
		learns := s.server.Learns
		if learns == "" {
			learns = "not stated"
		}
		fmt.Fprintf(e.stdout, "    %s (%s): %s, %s; learns: %s\n", s.server.Name, where, residency.Plural(s.questions, "question"), pace, learns)
	}
	fmt.Fprintf(e.stdout, "  a check takes %s at that pace, and longer where servers answer slowly\n", lasts(longest))
	every, err := h.interval(e.now())
	if err != nil {
		return err
	}
	if every > 0 && longest > every {
		fmt.Fprintf(e.stderr, "residency: warning: a check takes %s, but the schedule wants one after %v: some will be left out. Raise queries_per_second where the server's operator allows it, or check less often\n", lasts(longest), every)
	}
	return nil
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
