package main

import (
	"context"
	"maps"
	"slices"

	"residency/internal/residency"
	"residency/internal/store"
)

// addInside adds to a run as status has it the results that are inside, of at
// most so many hosts (0: all), for a format in which what is not listed was not
// tested. Only hosts that the run itself looked at are added: what an older run
// saw is no test passed in this one.
func addInside(ctx context.Context, s *store.Store, run *residency.Run, asked map[string]int, most int) error {
	keys := slices.SortedFunc(maps.Keys(asked), func(a, b string) int { return asked[a] - asked[b] })
	if most > 0 {
		keys = keys[:min(most, len(keys))]
	}
	known, err := s.Recall(ctx, keys, run.At)
	if err != nil {
		return err
	}
	all, err := s.Endpoints(ctx)
	if err != nil {
		return err
	}
	var spans []residency.Span
	var endpoints []residency.Endpoint
	for _, ep := range all {
		list := known[ep.Key()].Spans
		if n := len(list); n > 0 && list[n-1].Last == run.Seq {
			spans, endpoints = append(spans, list[n-1]), append(endpoints, ep)
		}
	}
	rounds, err := remembered(ctx, s, spans, endpoints)
	if err != nil {
		return err
	}
	relink(rounds, run.Datasets)
	for _, r := range rounds {
		mergeInside(run, r)
	}
	slices.SortStableFunc(run.Rounds, func(a, b residency.Round) int { return asked[a.Endpoint.Key()] - asked[b.Endpoint.Key()] })
	return nil
}

// mergeInside adds the inside cells of a round, of the claims that the run
// judged, to the run.
func mergeInside(run *residency.Run, r residency.Round) {
	r.Cells = slices.DeleteFunc(r.Cells, func(c residency.Cell) bool {
		return c.Verdict != residency.Inside ||
			!slices.ContainsFunc(run.Claims, func(s residency.ClaimStanding) bool { return s.Claim.ID == c.Claim })
	})
	if len(r.Cells) == 0 {
		return
	}
	i := slices.IndexFunc(run.Rounds, func(o residency.Round) bool { return o.Endpoint.Key() == r.Endpoint.Key() })
	if i < 0 {
		run.Rounds = append(run.Rounds, r)
		return
	}
	for _, c := range r.Cells {
		if !slices.ContainsFunc(run.Rounds[i].Cells, func(o residency.Cell) bool { return o.Claim == c.Claim && o.Market == c.Market }) {
			run.Rounds[i].Cells = append(run.Rounds[i].Cells, c)
		}
	}
}
