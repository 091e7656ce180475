package main

import (
	"context"
	"fmt"
	"net/netip"

	"residency/internal/residency"
	"residency/internal/store"
)

// remembered opens rounds that a store has, as they were judged: the looks
// without times and messages, where every address was, and the cells. What was
// deleted because of its age comes back without looks.
func remembered(ctx context.Context, s *store.Store, spans []residency.Span, endpoints []residency.Endpoint) ([]residency.Round, error) {
	var want []residency.Hash
	for _, sp := range spans {
		want = append(want, sp.Sight, sp.Judgement)
	}
	bodies, err := s.Kept(ctx, want)
	if err != nil {
		return nil, err
	}
	rounds := make([]residency.Round, len(spans))
	hashes := make([]map[netip.Addr]residency.Hash, len(spans))
	want = want[:0]
	for i, sp := range spans {
		if rounds[i], hashes[i], err = opened(sp, endpoints[i], bodies); err != nil {
			return nil, fmt.Errorf("read round of %s: %w", sp.Endpoint, err)
		}
		for _, h := range hashes[i] {
			want = append(want, h)
		}
	}
	if bodies, err = s.Kept(ctx, want); err != nil {
		return nil, err
	}
	for i := range rounds {
		for addr, h := range hashes[i] {
			body, ok := bodies[h]
			if !ok {
				continue
			}
			if rounds[i].Locations[addr], err = residency.ParseLocation(body, addr); err != nil {
				return nil, fmt.Errorf("read location of %s: %w", addr, err)
			}
		}
	}
	return rounds, nil
}

// opened reads sight and judgement of one span, and which location each
// address had.
func opened(sp residency.Span, e residency.Endpoint, bodies map[residency.Hash][]byte) (residency.Round, map[netip.Addr]residency.Hash, error) {
	r, where := residency.Round{Endpoint: e}, map[netip.Addr]residency.Hash{}
	if body, ok := bodies[sp.Sight]; ok {
		var err error
		if r, where, err = residency.ParseSight(body); err != nil {
			return r, nil, err
		}
	}
	r.At, r.Locations = sp.LastAt, map[netip.Addr]residency.Location{}
	if body, ok := bodies[sp.Judgement]; ok {
		cells, earlier, err := residency.ParseJudgement(body, r.Endpoint)
		if err != nil {
			return r, nil, err
		}
		r.Cells = cells
		for addr, h := range earlier {
			where[addr] = h
		}
	}
	return r, where, nil
}

// relink gives the assertions of remembered locations the whole of the data
// sets that the run's header has: of an assertion only name, lineage and class
// are kept.
func relink(rounds []residency.Round, datasets []residency.Dataset) {
	type key struct {
		name, lineage string
		class         residency.Class
	}
	known := make(map[key]*residency.Dataset, len(datasets))
	for i := range datasets {
		d := &datasets[i]
		known[key{d.Name, d.Lineage, d.Class}] = d
	}
	for i := range rounds {
		for _, loc := range rounds[i].Locations {
			for j, a := range loc.Assertions {
				if a.Dataset == nil {
					continue
				}
				if d, ok := known[key{a.Dataset.Name, a.Dataset.Lineage, a.Dataset.Class}]; ok {
					loc.Assertions[j].Dataset = d
				}
			}
		}
	}
}
