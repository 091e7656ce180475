package main

import (
	"fmt"
	"time"

	"residency/internal/pool"
	"residency/internal/residency"
	"residency/internal/watch"
)

// pool makes the settings by which the engine asks again for addresses that
// the first looks did not show. What was drawn is kept from run to run, so
// that in watch a recursive server's answers add up; a run judged as of another
// time than now has nothing to do with the ones before.
func (h *house) pool(e *env, at time.Time) *watch.Pool {
	memory := h.drawn
	if !at.IsZero() {
		memory = nil
	}
	p := h.cfg.Resolve.Pool
	one := map[string]watch.Observer{}
	return &watch.Pool{
		Settings: pool.Settings{
			UntilNoNew: p.UntilNoNew, Max: p.Max, Authoritative: p.Authoritative, Recursive: p.Recursive,
			PerRun: p.PerRun, Time: p.Time,
		},
		Only: func(s residency.ResolverStatus) watch.Observer {
			key := fmt.Sprint(s.Name, s.Server, s.Only)
			if one[key] == nil {
				one[key] = h.resolver.One(s)
			}
			return one[key]
		},
		Memory: memory, Window: p.Window,
	}
}
