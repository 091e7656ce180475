package main

import (
	"context"
	"errors"
	"os"
	"time"

	"residency/internal/config"
	"residency/internal/geo/hint"
	"residency/internal/geo/prefix"
	"residency/internal/geo/rtt"
	"residency/internal/pool"
	"residency/internal/residency"
	"residency/internal/resolve"
	"residency/internal/watch"
)

// house is everything a check needs, made from a configuration. This file and
// locator.go are the only places that know every package.
type house struct {
	cfg      *config.Config
	claims   []residency.Claim
	leftOut  int // claims that are not live
	geo      *evidence
	resolver *resolve.Resolver
	hints    *hint.Hints
	outlines *rtt.Outlines // nil where no delays are measured
	notices  []string
	drawn    map[string]*pool.Drawn // by endpoint, from run to run
}

// loader is the reader of configurations.
func (e *env) loader() config.Loader {
	return config.Loader{
		Now: e.now, Getenv: e.getenv,
		ProviderRegions: prefix.Regions(), DataSources: dataSources(), FarFrom: farFrom(),
		ParseSchedule: func(spec string) error {
			_, err := watch.ParseSchedule([]string{spec}, time.UTC, e.now())
			return err
		},
	}
}

// furnish makes a house from a configuration. Data that cannot be opened is no
// error here: it is said in every output, and nothing is inside without it.
// historic takes in the claims that are not live.
func (e *env) furnish(ctx context.Context, cfg *config.Config, historic bool) (*house, error) {
	h := &house{cfg: cfg, drawn: map[string]*pool.Drawn{}}
	for _, c := range cfg.Claims {
		if historic || c.Live() {
			h.claims = append(h.claims, c)
		} else {
			h.leftOut++
		}
	}
	for _, w := range cfg.Warnings {
		h.notices = append(h.notices, w.String())
	}
	var err error
	if h.geo, err = e.openEvidence(ctx, cfg.Geo); err != nil {
		return nil, err
	}
	if h.resolver, err = e.resolver(cfg); err != nil {
		return nil, err
	}
	if h.hints, err = hint.New(prefix.Regions()); err != nil {
		return nil, err
	}
	if cfg.Geo.RTT.Enabled {
		if h.outlines, err = rtt.Load(); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// iterative makes a server that is found from the root.
func iterative(c *config.Iterative) *resolve.Iterative {
	if c == nil {
		return nil
	}
	return &resolve.Iterative{
		Roots: c.Roots, Port: c.Port, Minimise: c.Minimise, AllowSpecial: c.AllowSpecial,
		Sample: c.Sample, SubnetLabels: c.SubnetLabels, LookQueries: c.LookQueries, RunQueries: c.RunQueries,
	}
}

// systemServers reads the resolvers of this machine.
func systemServers(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := resolve.SystemServers(f)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("read " + path + ": it names no server")
	}
	return list, nil
}

// engine makes the engine for one run at the given time; the zero time is now.
// Client subnets are chosen and located again here, at the start of each run.
func (h *house) engine(e *env, at time.Time) *watch.Engine {
	now := e.now() // data is as old as it is when the look is made, whatever time is judged at
	markets, notices := h.geo.settle(h.cfg.Markets, h.cfg.Resolve, now)
	h.withoutSubnets(markets)
	return &watch.Engine{
		Observer: h.resolver, Locator: h.geo.locator, Hints: h.hints, Namer: h.namer(), Surveyor: h.surveyor(e, now),
		Claims: h.claims, Endpoints: h.cfg.Endpoints(), Markets: markets, Types: h.cfg.Resolve.Types, Waivers: h.cfg.Waivers,
		Pool: h.pool(e, at), At: at, Now: e.now, Rand: e.rand,
		Header: residency.Run{
			Version: buildVersion(), Commit: buildCommit(), Clock: machineClock(), ConfigPath: h.cfg.Path, ConfigSHA256: h.cfg.SHA256, LeftOut: h.leftOut,
			Notice:   h.cfg.Organisation.Notice,
			Datasets: append(h.geo.datasetsAt(now, h.cfg.Geo.MaxAge), h.hints.Dataset()), Missing: h.geo.missing,
			Notices: append(append(append([]string(nil), h.notices...), h.geo.notices(now, h.cfg.Geo, !at.IsZero())...), notices...),
		},
	}
}

// namer returns what asks for the names of addresses, nil where the
// configuration does not want it.
func (h *house) namer() watch.Namer {
	if !h.cfg.Geo.PTR {
		return nil
	}
	return h.resolver
}
