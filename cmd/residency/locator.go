package main

import (
	"context"
	"errors"
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
	silent   []string // the same of sources that have no voice
	unused   []unusedData
	asOf     string   // said when it is not the data in use
	copies   []string // databases left out because another one is the same
	stamp    string   // of the store when it was opened

	corrections *prefix.Corrections // nil: none
}

// source is a source of evidence that knows its data set.
type source interface {
	geo.Source
	Dataset() residency.Dataset
}

// openEvidence opens the data in use, or that which e.data names: the embedded
// data, newer files in its place, and the files of the configuration.
func (e *env) openEvidence(ctx context.Context, cfg config.Geo) (*evidence, error) {
	stamp := dataset.Store{Dir: e.dataDir(cfg)}.Stamp() // before: what changes meanwhile is noticed
	held, err := e.pick(ctx, cfg, e.data)
	if err != nil {
		return nil, err
	}
	ev, err := openPicked(ctx, cfg, held)
	if err != nil {
		return nil, err
	}
	ev.stamp = stamp
	return ev, nil
}

// openPicked opens the embedded data, the files picked in its place, and every
// file the configuration names: a file of the user's is the only one of its
// lineage. What cannot be opened is listed as missing and the others are used;
// only damage to the program's own data is an error.
func openPicked(ctx context.Context, cfg config.Geo, held picked) (*evidence, error) {
	var embedded []source
	if cfg.Embedded {
		list, err := openEmbedded()
		if err != nil {
			return nil, err
		}
		embedded = list
	}
	ev := &evidence{}
	files, unopened := ev.openFiles(cfg)
	own := map[voice]bool{}
	for _, lineage := range unopened { // what they would say is not known
		own[voice{class: residency.ClassDatabase, lineage: lineage}] = true
	}
	for _, s := range files {
		// Vetoes and geofeeds add to each other: to drop one could let a place be named.
		if d := s.Dataset(); d.Class == residency.ClassDatabase || d.Class == residency.ClassProvider {
			own[voiceOf(d)] = true
		}
	}
	sources, unused, missing := held.merge(embedded, own)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open location data: %w", context.Cause(ctx))
	}
	ev.unused, ev.asOf, ev.missing = unused, held.note, append(missing, ev.missing...)
	corrections := ev.correct(cfg.Corrections)
	ev.locator = &geo.Locator{MaxAge: cfg.MaxAge, Missing: ev.missing, Corrections: corrections}
	ev.take(append(sources, files...))
	if ev.corrections != nil {
		ev.datasets = append(ev.datasets, ev.corrections.Datasets()...)
	}
	return ev, nil
}

// take makes the sources those that are asked. A database that is a copy of
// another, by its hash, is left out and said to be: under two names it would be
// two voices.
func (ev *evidence) take(list []source) {
	first := map[string]string{}
	for _, s := range list {
		d := s.Dataset()
		if name, twice := first[d.SHA256]; twice && d.Class == residency.ClassDatabase && d.SHA256 != "" {
			ev.copies = append(ev.copies, fmt.Sprintf("%s holds the same data as %s, so it is no second voice and is left out", d.Name, name))
			continue
		}
		first[d.SHA256] = d.Name
		ev.locator.Sources = append(ev.locator.Sources, s)
		ev.datasets = append(ev.datasets, d)
	}
}

// openFiles opens the files that the configuration names, and returns the
// lineages of databases that could not be opened.
func (ev *evidence) openFiles(cfg config.Geo) (list []source, unopened []string) {
	for _, db := range cfg.Databases {
		sources, err := openDatabase(db)
		if err != nil {
			ev.missing = append(ev.missing, fmt.Sprintf("%s: %v", db.Written, err))
			unopened = append(unopened, db.Lineage)
			continue
		}
		list = append(list, sources...)
	}
	for _, r := range cfg.ProviderRanges {
		s, err := prefix.Open(r.File, r.Provider, madeOn(r.Built))
		if err != nil {
			ev.missing = append(ev.missing, fmt.Sprintf("%s: %v", r.Written, err))
			continue
		}
		list = append(list, s)
	}
	return append(list, ev.openLists(cfg)...), unopened
}

// openDatabase opens a file that says where addresses are, which network
// announces them, or both.
func openDatabase(db config.Database) ([]source, error) {
	var list []source
	s, err := mmdb.Open(db.File, db.Lineage)
	switch {
	case err == nil:
		list = append(list, s)
	case !errors.Is(err, mmdb.ErrNoCountries):
		return nil, err
	}
	n, noNetworks := mmdb.OpenNetworks(db.File, db.Lineage)
	switch {
	case noNetworks == nil:
		return append(list, n), nil
	case len(list) > 0:
		return list, nil
	}
	return nil, err
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

// notices says which sources are missing and which data is old, by a clock that
// is the machine's own or a played one.
func (ev *evidence) notices(at time.Time, cfg config.Geo, played bool) []string {
	list := slices.Clone(ev.copies)
	if ev.asOf != "" {
		list = append(list, ev.asOf)
	}
	if n := len(ev.missing); n > 0 {
		list = append(list, residency.Plural(n, "configured source")+" of location data could not be opened and could have disagreed, so nothing can be said to be inside")
	}
	list = append(list, ageLines(ev.datasets, at, cfg, played)...)
	return append(list, ev.unusedLines(at)...)
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
			for _, p := range chooseSubnets(candidates, m.Code, cfg, locate) {
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

// chooseSubnets chooses the client subnets of a market: one in three is IPv6.
func chooseSubnets(candidates map[residency.Country][]netip.Prefix, market residency.Country, cfg config.Resolve, locate func(netip.Addr) residency.Location) []netip.Prefix {
	v6 := cfg.SubnetsPerMarket / 3
	return geo.ChooseSubnets(candidates[market], market, cfg.SubnetsPerMarket-v6, v6, locate)
}

// displaced says that a client subnet is not, or not surely, in its market.
func displaced(market residency.Country, s residency.ClientSubnet) string {
	where := "where it is cannot be told"
	if codes := s.Located.Codes(); len(codes) > 0 {
		where = "it may be in " + strings.Join(codes, ", ")
	}
	return fmt.Sprintf("client subnet %s does not stand for %s (%s), so its looks do not count: replace it, or let \"residency config subnets --write\" do it", s.Prefix, market.Name(), where)
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
