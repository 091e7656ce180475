package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"residency/internal/config"
	"residency/internal/dataset"
	"residency/internal/geo"
	"residency/internal/geo/mmdb"
	"residency/internal/geo/prefix"
	"residency/internal/residency"
)

// evidence is every source of location evidence of a configuration, opened.
type evidence struct {
	locator  *geo.Locator
	datasets []residency.Dataset
	missing  []string // configured sources that could not be opened, with the reason
}

// source is a source of evidence that knows its data set.
type source interface {
	geo.Source
	Dataset() residency.Dataset
}

// openEvidence opens the embedded data and every file the configuration names.
// A file of the user's that cannot be opened is listed as missing and the
// others are used; only damage to the program's own data is an error.
func openEvidence(ctx context.Context, cfg config.Geo) (*evidence, error) {
	var sources []source
	if cfg.Embedded {
		list, err := openEmbedded()
		if err != nil {
			return nil, err
		}
		sources = list
	}
	ev := &evidence{}
	for _, db := range cfg.Databases {
		s, err := mmdb.Open(db.File, db.Lineage)
		if err != nil {
			ev.missing = append(ev.missing, fmt.Sprintf("%s: %v", db.Written, err))
			continue
		}
		sources = append(sources, s)
	}
	for _, r := range cfg.ProviderRanges {
		s, err := prefix.Open(r.File, r.Provider)
		if err != nil {
			ev.missing = append(ev.missing, fmt.Sprintf("%s: %v", r.Written, err))
			continue
		}
		sources = append(sources, s)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open location data: %w", context.Cause(ctx))
	}
	ev.locator = &geo.Locator{MaxAge: cfg.MaxAge, Missing: ev.missing}
	for _, s := range sources {
		ev.locator.Sources = append(ev.locator.Sources, s)
		ev.datasets = append(ev.datasets, s.Dataset())
	}
	return ev, nil
}

// openEmbedded opens the data that the program carries, in parallel, in the
// order of its manifest, and IP2Location LITE after it.
func openEmbedded() ([]source, error) {
	files, err := dataset.Embedded()
	if err != nil {
		return nil, err
	}
	list := make([]source, len(files)+1)
	errs := make([]error, len(files))
	var wg sync.WaitGroup
	for i, f := range files {
		wg.Go(func() {
			switch f.Format {
			case dataset.FormatMMDB:
				list[i], errs[i] = mmdb.FromBytes(f.Data, f.Dataset())
			case dataset.FormatPrefixes:
				list[i], errs[i] = prefix.ReadVetoes(f.Data, f.Dataset())
			default:
				errs[i] = fmt.Errorf("open embedded %s: unknown format %q", f.Name, f.Format)
			}
		})
	}
	list[len(files)] = mmdb.OpenIPLoc()
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// datasetsAt returns the data sets with what is too old at the time marked.
func (ev *evidence) datasetsAt(at time.Time, maxAge time.Duration) []residency.Dataset {
	if maxAge <= 0 {
		maxAge = geo.DefaultMaxAge
	}
	list := slices.Clone(ev.datasets)
	for i := range list {
		list[i].Stale = at.Sub(list[i].Built) > maxAge
	}
	return list
}

// notices says which sources are missing and which data is old.
func (ev *evidence) notices(at time.Time, cfg config.Geo) []string {
	var list []string
	if n := len(ev.missing); n > 0 {
		list = append(list, residency.Plural(n, "configured source")+" of location data could not be opened and could have disagreed, so nothing can be said to be inside")
	}
	maxAge := cfg.MaxAge
	if maxAge <= 0 {
		maxAge = geo.DefaultMaxAge
	}
	var old, stale []string
	for _, d := range ev.datasets {
		age := at.Sub(d.Built)
		item := fmt.Sprintf("%s (%s, %d days)", d.Name, d.Built.Format(time.DateOnly), int(age.Hours()/24))
		switch {
		case age > maxAge:
			stale = append(stale, item)
		case cfg.WarnAge > 0 && age > cfg.WarnAge:
			old = append(old, item)
		}
	}
	if len(stale) > 0 {
		list = append(list, "location data too old to speak for inside: "+strings.Join(stale, ", "))
	}
	if len(old) > 0 {
		list = append(list, "location data that is getting old: "+strings.Join(old, ", "))
	}
	return list
}

// settle gives every market its client subnets: the configured ones, or chosen
// ones, each located again. A subnet that left its market is kept and marked,
// so that its need stays unmet, and is reported.
func (ev *evidence) settle(markets []residency.Market, cfg config.Resolve, at time.Time) ([]residency.Market, []string) {
	var notices []string
	var candidates map[residency.Country][]netip.Prefix
	locate := func(a netip.Addr) residency.Location { return ev.locator.Locate(a, at) }
	list := slices.Clone(markets)
	for i := range list {
		m := &list[i]
		m.Subnets = slices.Clone(m.Subnets)
		if len(m.Subnets) == 0 && needsSubnets(cfg, m.Code) {
			if candidates == nil {
				var err error
				if candidates, err = dataset.Subnets(); err != nil {
					notices = append(notices, err.Error())
					candidates = map[residency.Country][]netip.Prefix{}
				}
			}
			v6 := cfg.SubnetsPerMarket / 3
			for _, p := range geo.ChooseSubnets(candidates[m.Code], m.Code, cfg.SubnetsPerMarket-v6, v6, locate) {
				m.Subnets = append(m.Subnets, residency.ClientSubnet{Prefix: p, Chosen: true})
			}
			if len(m.Subnets) == 0 {
				notices = append(notices, fmt.Sprintf("no client subnet of %s is known: name some in [[market]] client_subnets", m.Code.Name()))
			}
		}
		for j := range m.Subnets {
			s := &m.Subnets[j]
			where, in := geo.LocateSubnet(s.Prefix, m.Code, locate)
			s.Located, s.Displaced = where, !in
			if s.Displaced {
				notices = append(notices, displaced(m.Code, *s))
			}
		}
	}
	return list, notices
}

// displaced says that a client subnet is not, or not surely, in its market.
func displaced(market residency.Country, s residency.ClientSubnet) string {
	where := "where it is cannot be told"
	if codes := s.Located.Codes(); len(codes) > 0 {
		where = "it may be in " + strings.Join(codes, ", ")
	}
	return fmt.Sprintf("client subnet %s does not stand for %s any more (%s), so its looks do not count: replace it, or let \"residency config subnets --write\" do it", s.Prefix, market.Name(), where)
}

// needsSubnets reports whether some server must be told of client subnets to
// look as the market: one that does not stand there.
func needsSubnets(cfg config.Resolve, market residency.Country) bool {
	for _, s := range cfg.Servers {
		if !slices.Contains(s.StandsIn, market) {
			return true
		}
	}
	return false
}
