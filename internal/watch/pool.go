package watch

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"residency/internal/pool"
	"residency/internal/residency"
)

// Pool says how a run looks for the addresses that the first look at each
// question did not show.
type Pool struct {
	pool.Settings

	// Only returns an Observer that asks one of the resolvers, as the Probe
	// found it, and no other. Nil: the Engine's own Observer, which is right
	// where it has one resolver.
	Only func(residency.ResolverStatus) Observer

	// Memory is what earlier runs drew, by endpoint key; it is kept up to date.
	// Nil: each run begins anew. Draws older than Window are forgotten.
	Memory map[string]*pool.Drawn
	Window time.Duration
}

// asking is one question at one resolver on its way through a run.
type asking struct {
	pool.Candidate
	status residency.ResolverStatus
	drawn  *pool.Drawn // of the endpoint
	over   bool        // it brought no draw, though it should have
}

// redraw asks on, after the first look at every question, until the planner
// has nothing more to ask. What time cuts off here is no look at all: every
// question has had its own, so that the run is whole without it.
func (e *Engine) redraw(ctx context.Context, run *residency.Run, questions []residency.Question, byEndpoint map[string][]residency.Observation) {
	if e.Pool == nil {
		return
	}
	drawn := e.Pool.remember(byEndpoint, run.Started)
	budget := e.Pool.budget(ctx)
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	list := askings(run.Resolvers, questions, drawn)
	end, left, asked := e.Now().Add(budget), e.Pool.PerRun, 0
	for ctx.Err() == nil {
		plan := e.Pool.Next(e.Now(), end, left, candidates(list))
		if len(plan.Ask) == 0 || !wait(ctx, plan.At.Sub(e.Now())) {
			return
		}
		for _, batch := range batches(list, plan.Ask) {
			left -= len(batch.questions)
			e.again(ctx, batch, byEndpoint, &asked)
		}
	}
}

// remember adds the first looks to what earlier runs drew.
func (p *Pool) remember(byEndpoint map[string][]residency.Observation, at time.Time) map[string]*pool.Drawn {
	memory := p.Memory
	if memory == nil {
		memory = map[string]*pool.Drawn{}
	}
	for key, looks := range byEndpoint {
		d := memory[key]
		if d == nil {
			d = &pool.Drawn{}
			memory[key] = d
		}
		d.Add(looks)
		if p.Window > 0 {
			d.Forget(at.Add(-p.Window), p.Max)
		}
	}
	return memory
}

// budget is how long the draws may take: no more than half of what is left,
// which by a context is told by the wall clock.
func (p *Pool) budget(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return min(p.Time, time.Until(end)/2)
	}
	return p.Time
}

// askings lists every question at every resolver that drew something for it.
func askings(resolvers []residency.ResolverStatus, questions []residency.Question, drawn map[string]*pool.Drawn) []*asking {
	type group struct {
		market         residency.Country
		subnet         netip.Prefix
		typ, resolver  string
		endpointsDrawn *pool.Drawn
	}
	records := map[group][]*pool.Record{}
	done := map[*pool.Drawn]map[residency.Country]bool{}
	var list []*asking
	for _, q := range questions {
		d := drawn[q.Endpoint.Key()]
		if done[d] == nil {
			done[d] = map[residency.Country]bool{}
		}
		if !done[d][q.Market] {
			done[d][q.Market] = true
			for _, r := range d.Of(q.Market) {
				g := group{q.Market, r.Key.Subnet, r.Key.Type, r.Key.Resolver, d}
				records[g] = append(records[g], r)
			}
		}
		for _, s := range resolvers {
			if rs := records[group{q.Market, q.Subnet.Prefix, q.Type, s.Name, d}]; s.Answers && s.Asked(q.Market) && len(rs) > 0 {
				list = append(list, &asking{Candidate: pool.Candidate{Question: q, Resolver: s.Name, Records: rs}, status: s, drawn: d})
			}
		}
	}
	return list
}

// candidates returns the ones that still bring draws.
func candidates(list []*asking) []pool.Candidate {
	var open []pool.Candidate
	for _, a := range list {
		if !a.over {
			open = append(open, a.Candidate)
		}
	}
	return open
}

// batch is what one resolver is asked at a time.
type batch struct {
	status    residency.ResolverStatus
	questions []residency.Question
	of        []*asking
}

// batches gathers the wants of a plan by resolver, in the plan's order.
func batches(list []*asking, wants []pool.Want) []*batch {
	type id struct {
		q        residency.Question
		resolver string
	}
	byID := make(map[id]*asking, len(list))
	for _, a := range list {
		byID[id{a.Question, a.Resolver}] = a
	}
	var out []*batch
	for _, w := range wants {
		a := byID[id{w.Question, w.Resolver}]
		i := slices.IndexFunc(out, func(b *batch) bool {
			return b.status.Name == w.Resolver && slices.Equal(b.status.Only, a.status.Only)
		})
		if i < 0 {
			i, out = len(out), append(out, &batch{status: a.status})
		}
		out[i].of = append(out[i].of, a)
		out[i].questions = append(out[i].questions, slices.Repeat([]residency.Question{w.Question}, w.Times)...)
	}
	return out
}

// again puts one batch, keeps its looks and gives up what brought no draw.
func (e *Engine) again(ctx context.Context, b *batch, byEndpoint map[string][]residency.Observation, asked *int) {
	observer := e.Observer
	if e.Pool.Only != nil {
		observer = e.Pool.Only(b.status)
	}
	before := make([]int, len(b.of))
	for i, a := range b.of {
		before[i] = a.draws()
	}
	looks := map[string][]residency.Observation{}
	total := *asked + len(b.questions)
	observer.Observe(ctx, b.questions, func(o residency.Observation) {
		*asked++
		if cut := o.Failure == residency.FailBudget || o.Failure == residency.FailCancelled; !cut {
			looks[o.Endpoint.Key()] = append(looks[o.Endpoint.Key()], o)
		}
		if e.Progress != nil {
			e.Progress(*asked, max(total, *asked))
		}
	})
	for _, a := range b.of {
		key := a.Question.Endpoint.Key()
		a.drawn.Add(looks[key])
		byEndpoint[key] = append(byEndpoint[key], looks[key]...)
		delete(looks, key) // several candidates may be of one endpoint
	}
	for i, a := range b.of {
		a.over = a.draws() == before[i]
	}
}

// draws counts what the candidate has drawn.
func (a *asking) draws() int {
	n := 0
	for _, r := range a.Records {
		n += len(r.Draws)
	}
	return n
}

// wait waits; it reports false if ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// drawnOf returns the draws of an endpoint: with those of earlier runs where
// the engine has a memory, else those among the looks.
func (e *Engine) drawnOf(ep residency.Endpoint, looks []residency.Observation) *pool.Drawn {
	if e.Pool != nil {
		if d := e.Pool.Memory[ep.Key()]; d != nil {
			return d
		}
	}
	return pool.Gather(looks)
}

// poolOf works out what the draws of a cell's market show. The outside bound
// rests on the cell's own sides: an address of an earlier run that this one
// did not judge is not known to be inside.
func poolOf(records []*pool.Record, m residency.Market, types []string, cell residency.Cell) residency.Pool {
	subnets := m.Subnets
	if len(subnets) == 0 {
		subnets = []residency.ClientSubnet{{}}
	}
	var needs []pool.Need
	for _, s := range subnets {
		for _, typ := range types {
			needs = append(needs, pool.Need{Subnet: s.Prefix, Type: typ})
		}
	}
	return pool.Merge(records, needs, func(addr netip.Addr) bool {
		i, found := slices.BinarySearchFunc(cell.Addresses, addr, func(a residency.JudgedAddress, x netip.Addr) int {
			return a.Address.Compare(x)
		})
		return found && (cell.Addresses[i].Side == residency.SideInside || !cell.Addresses[i].Counts)
	})
}
