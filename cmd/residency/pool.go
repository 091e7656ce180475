package main

import (
	"slices"
	"time"

	"residency/internal/config"
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
			if one[s.Name] == nil {
				one[s.Name] = h.only(e, s)
			}
			return one[s.Name]
		},
		Memory: memory, Window: p.Window,
	}
}

// only returns an observer that asks one server, at the address that answered
// the probe.
func (h *house) only(e *env, s residency.ResolverStatus) watch.Observer {
	cfg := h.cfg.Resolve
	cfg.Servers = slices.DeleteFunc(slices.Clone(cfg.Servers), func(srv config.Server) bool { return srv.Name != s.Name })
	for i, srv := range cfg.Servers {
		if slices.Contains(srv.Addresses, s.Server) {
			cfg.Servers[i].Addresses = []string{s.Server}
		}
	}
	r, err := e.resolver(cfg)
	if err != nil {
		return h.resolver // it could be made before; ask them all rather than none
	}
	return r
}
