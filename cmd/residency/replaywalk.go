package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"residency/internal/ledger"
	"residency/internal/policy"
	"residency/internal/report"
	"residency/internal/residency"
	"residency/internal/store"
)

// replaying judges what is remembered again, run by run, each round with what
// was judged again before it.
type replaying struct {
	store    *store.Store
	judge    *judge
	how      string
	factor   residency.Cause // what a difference comes from; "": nothing is other than it was
	other    *otherPolicy    // nil: the claims that each run judged
	only     []string        // claims, by id; none: all
	from, to time.Time
	at       time.Time // judge the latest run as of this time; zero: each as of its own
	progress func(done, total int)

	shift  time.Duration // of all times, so that the latest run is at at
	last   int64         // the latest run
	trails map[string]*trail
	times  []time.Time // at which the runs judged
	parsed map[residency.Hash][]residency.Cell
	out    report.Replay
	merge  merging
}

// otherPolicy is a policy in place of that of the runs.
type otherPolicy struct {
	claims    []residency.Claim
	endpoints map[string]residency.Endpoint // by key
	markets   map[residency.Country]residency.Market
}

// trail is what is remembered of one endpoint.
type trail struct {
	stretches []stretchOfRuns
	sight     residency.Hash // of the latest round
	at        time.Time      // it judged at
	cells     []residency.Cell
	stored    []residency.Cell // the latest round's as they were judged then
}

// stretchOfRuns is a row of runs in the window with the same sight.
type stretchOfRuns struct {
	sight residency.Hash
	runs  []int32 // indexes of replaying.times
}

// errDeleted says that a round was deleted by policy.
var errDeleted = errors.New("it was deleted")

// all judges the runs of the period, and before it what they look back on.
func (r *replaying) all(ctx context.Context) error {
	var runs []residency.Run
	for run, err := range r.store.Runs(ctx, time.Time{}, r.to) {
		if err != nil {
			return err
		}
		if !run.Finished.IsZero() {
			runs = append(runs, run)
		}
	}
	if len(runs) == 0 {
		return nil
	}
	latest := runs[len(runs)-1]
	if !r.at.IsZero() {
		r.shift, r.from, r.last = r.at.Sub(latest.At), latest.At, latest.Seq
	}
	if !r.from.IsZero() {
		begin := r.from.Add(-2 * latest.Window)
		runs = runs[slices.IndexFunc(runs, func(run residency.Run) bool { return !run.At.Before(begin) || run.Seq == latest.Seq }):]
	}
	r.trails, r.parsed, r.merge = map[string]*trail{}, map[residency.Hash][]residency.Cell{}, newMerging()
	for i := range runs {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := r.run(ctx, &runs[i]); err != nil {
			return fmt.Errorf("judge run %d again: %w", runs[i].Seq, err)
		}
		r.progress(i+1, len(runs))
	}
	r.out.Standings, r.out.Results = r.merge.standings, r.merge.results
	return nil
}

// wanted reports whether the claim is one of those asked about.
func (r *replaying) wanted(claim string) bool {
	return len(r.only) == 0 || slices.Contains(r.only, claim)
}

// run judges the rounds of a run.
func (r *replaying) run(ctx context.Context, run *residency.Run) error {
	at := run.At.Add(r.shift)
	told := !run.At.Before(r.from) && (r.last == 0 || run.Seq == r.last)
	rounds, err := r.store.Rounds(ctx, run.Seq)
	if err != nil {
		return err
	}
	r.times = append(r.times, at)
	claims := r.claimsOf(run)
	for _, seal := range rounds {
		err := r.round(ctx, run, at, seal, claims, told)
		switch {
		case errors.Is(err, errDeleted):
			r.out.Gone++
			delete(r.trails, seal.Endpoint)
		case err != nil:
			return fmt.Errorf("%s: %w", seal.Endpoint, err)
		case told:
			r.out.Rounds++
		}
	}
	if !told {
		return nil
	}
	if r.out.Runs == 0 {
		r.out.First, r.out.From = run.Seq, run.At
	}
	r.out.Runs, r.out.Last, r.out.To = r.out.Runs+1, run.Seq, run.At
	r.standings(run, at, claims)
	return nil
}

// claimsOf returns the claims that a run is judged by again.
func (r *replaying) claimsOf(run *residency.Run) []residency.Claim {
	var claims []residency.Claim
	if r.other != nil {
		claims = slices.Clone(r.other.claims)
	} else {
		for _, c := range run.Claims {
			claims = append(claims, c.Claim)
		}
	}
	return slices.DeleteFunc(claims, func(c residency.Claim) bool { return !r.wanted(c.ID) })
}

// bodies returns bodies, or errDeleted where one is not there any more.
func (r *replaying) bodies(ctx context.Context) func(hashes ...residency.Hash) ([][]byte, error) {
	return func(hashes ...residency.Hash) ([][]byte, error) {
		found, err := r.store.Kept(ctx, hashes)
		if err != nil {
			return nil, err
		}
		list := make([][]byte, len(hashes))
		for i, h := range hashes {
			body, ok := found[h]
			if !ok {
				return nil, errDeleted
			}
			list[i] = body
		}
		return list, nil
	}
}

// round judges one round again, and notes what comes out otherwise.
func (r *replaying) round(ctx context.Context, run *residency.Run, at time.Time, seal residency.RoundSeal, claims []residency.Claim, told bool) error {
	t := ledger.Trial{Round: seal, Bodies: r.bodies(ctx)}
	seen, err := r.judge.sight(t, seal.Sight)
	if err != nil {
		return err
	}
	stored, err := r.judged(t, seal.Judgement, seen.round.Endpoint)
	if err != nil {
		return err
	}
	tr := r.trails[seal.Endpoint]
	first := tr == nil
	if first {
		tr = &trail{}
		r.trails[seal.Endpoint] = tr
	}
	before := *tr
	cells := stored
	if !first || r.last == 0 || run.Seq == 1 { // judged as of another date, what lies further back is as it was judged
		if cells, err = r.again(t, run, at, seen.round, claims, tr); err != nil {
			return err
		}
	}
	tr.add(seal.Sight, len(r.times)-1)
	tr.sight, tr.at, tr.cells, tr.stored = seal.Sight, at, cells, stored
	if !told {
		return nil
	}
	r.compare(run, seal.Endpoint, stored, cells)
	if first {
		return nil
	}
	return r.turns(t, seal.Endpoint, &before, tr, seen.round, claims)
}

// again judges a round.
func (r *replaying) again(t ledger.Trial, run *residency.Run, at time.Time, round residency.Round, claims []residency.Claim, tr *trail) ([]residency.Cell, error) {
	markets := round.Markets
	if r.other != nil {
		ep, ok := r.other.endpoints[t.Round.Endpoint]
		if !ok {
			return nil, nil
		}
		round.Endpoint, markets = ep, r.other.marketsOf(round, claims)
	}
	m := policy.Memory{Window: run.Window, BeforeAt: tr.at, Confirm: policy.DefaultConfirmations()}
	var before []residency.Cell
	if run.Window > 0 {
		before = tr.cells
		t.Past = tr.past(r.times, at.Add(-run.Window))
		var err error
		if m.Past, m.Same, err = r.judge.past(t, map[netip.Addr]residency.Location{}, map[netip.Addr]residency.Hash{}); err != nil {
			return nil, err
		}
	}
	return judgeCells(round, at, markets, claims, m, before), nil
}

// marketsOf returns the markets of a round, and those that the other policy
// asks for besides: nobody looked as them.
func (o *otherPolicy) marketsOf(round residency.Round, claims []residency.Claim) []residency.Market {
	list := slices.Clone(round.Markets)
	for _, c := range claims {
		for _, code := range c.Markets {
			there := slices.ContainsFunc(list, func(m residency.Market) bool { return m.Code == code })
			if there || !c.Covers(round.Endpoint, code) {
				continue
			}
			m, ok := o.markets[code]
			if !ok {
				m.Code = code
			}
			list = append(list, m)
		}
	}
	return list
}

// maxParsed bounds how many opened judgements are kept at hand.
const maxParsed = 4096

// judged opens a judgement, without the cells that nobody asks about.
func (r *replaying) judged(t ledger.Trial, h residency.Hash, e residency.Endpoint) ([]residency.Cell, error) {
	if cells, ok := r.parsed[h]; ok {
		return cells, nil
	}
	bodies, err := t.Bodies(h)
	if err != nil {
		return nil, err
	}
	cells, _, err := residency.ParseJudgement(bodies[0], e)
	if err != nil {
		return nil, err
	}
	cells = slices.DeleteFunc(cells, func(c residency.Cell) bool { return !r.wanted(c.Claim) })
	if len(r.parsed) >= maxParsed {
		clear(r.parsed)
	}
	r.parsed[h] = cells
	return cells, nil
}

// add remembers that a run showed a sight.
func (t *trail) add(sight residency.Hash, run int) {
	if n := len(t.stretches); n > 0 && t.stretches[n-1].sight == sight {
		t.stretches[n-1].runs = append(t.stretches[n-1].runs, int32(run))
		return
	}
	t.stretches = append(t.stretches, stretchOfRuns{sight, []int32{int32(run)}})
}

// past returns what the window showed, and forgets what lies before it.
func (t *trail) past(times []time.Time, since time.Time) []ledger.Sighting {
	var list []ledger.Sighting
	kept := t.stretches[:0]
	for _, s := range t.stretches {
		for len(s.runs) > 0 && times[s.runs[0]].Before(since) {
			s.runs = s.runs[1:]
		}
		if len(s.runs) > 0 {
			kept = append(kept, s)
			list = append(list, ledger.Sighting{Sight: s.sight, Runs: len(s.runs), First: times[s.runs[0]], Last: times[s.runs[len(s.runs)-1]]})
		}
	}
	t.stretches = kept
	return list
}
