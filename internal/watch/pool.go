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

// drawing is how far the drawing of a run has got.
type drawing struct {
	begun bool
	left  int           // questions that may still be put
	time  time.Duration // that they may still take
	asked int
}

// maxRemembered bounds of how many endpoints the draws are kept from run to
// run. Those of the others begin anew in each.
const maxRemembered = 20_000

// redraw asks on, after the first look at every question of a batch, until the
// planner has nothing more to ask. What time cuts off here is no look at all:
// every question has had its own, so that the run is whole without it.
func (p *pass) redraw(ctx context.Context, b *batch) {
	settings := p.e.Pool
	if settings == nil {
		return
	}
	d := &p.draws
	if !d.begun {
		d.begun, d.left, d.time = true, settings.PerRun, settings.budget(ctx)
	}
	again := settings.Recursive || b.authoritative() // else nobody that would be asked again has answered
	if again || settings.Memory != nil {
		b.drawn = settings.remember(b.looks, p.run.Started)
	}
	if !again {
		return
	}
	began := p.e.Now()
	ctx, cancel := context.WithTimeout(ctx, d.time)
	defer cancel()
	list := askings(p.run.Resolvers, b.questions, b.drawn)
	end := began.Add(d.time)
	for ctx.Err() == nil {
		plan := settings.Next(p.e.Now(), end, d.left, candidates(list))
		if len(plan.Ask) == 0 || !wait(ctx, plan.At.Sub(p.e.Now())) {
			break
		}
		for _, some := range batches(list, plan.Ask) {
			d.left -= len(some.questions)
			p.again(ctx, some, b)
		}
	}
	d.time = max(0, d.time-p.e.Now().Sub(began))
}

// authoritative reports whether a look of the batch is from a server that
// answers from its own zones.
func (b *batch) authoritative() bool {
	for _, looks := range b.looks {
		for i := range looks {
			if looks[i].Authoritative {
				return true
			}
		}
	}
	return false
}

// remember adds the first looks to what earlier runs drew.
func (p *Pool) remember(byName map[name][]residency.Observation, at time.Time) map[name]*pool.Drawn {
	drawn := make(map[name]*pool.Drawn, len(byName))
	for key, looks := range byName {
		endpoint := residency.Endpoint{Vendor: key.vendor, Service: key.service, Host: key.host}
		d := p.Memory[endpoint.Key()]
		if d == nil {
			d = &pool.Drawn{}
			if p.Memory != nil && len(p.Memory) < maxRemembered {
				p.Memory[endpoint.Key()] = d
			}
		}
		d.Add(looks)
		if p.Window > 0 {
			d.Forget(at.Add(-p.Window), p.Max)
		}
		drawn[key] = d
	}
	return drawn
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
func askings(resolvers []residency.ResolverStatus, questions []residency.Question, drawn map[name]*pool.Drawn) []*asking {
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
		d := drawn[nameOf(&q.Endpoint)]
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

// asked is what one resolver is asked at a time.
type asked struct {
	status    residency.ResolverStatus
	questions []residency.Question
	of        []*asking
}

// batches gathers the wants of a plan by resolver, in the plan's order.
func batches(list []*asking, wants []pool.Want) []*asked {
	type id struct {
		q        residency.Question
		resolver string
	}
	byID := make(map[id]*asking, len(list))
	for _, a := range list {
		byID[id{a.Question, a.Resolver}] = a
	}
	var out []*asked
	for _, w := range wants {
		a := byID[id{w.Question, w.Resolver}]
		i := slices.IndexFunc(out, func(b *asked) bool {
			return b.status.Name == w.Resolver && slices.Equal(b.status.Only, a.status.Only)
		})
		if i < 0 {
			i, out = len(out), append(out, &asked{status: a.status})
		}
		out[i].of = append(out[i].of, a)
		out[i].questions = append(out[i].questions, slices.Repeat([]residency.Question{w.Question}, w.Times)...)
	}
	return out
}

// again puts one resolver's questions, keeps their looks and gives up what
// brought no draw.
func (p *pass) again(ctx context.Context, some *asked, b *batch) {
	observer := p.e.Observer
	if p.e.Pool.Only != nil {
		observer = p.e.Pool.Only(some.status)
	}
	before := make([]int, len(some.of))
	for i, a := range some.of {
		before[i] = a.draws()
	}
	looks := map[name][]residency.Observation{}
	count := &p.draws.asked
	total := *count + len(some.questions)
	observer.Observe(ctx, some.questions, func(o residency.Observation) {
		*count++
		if !cutOff(&o) {
			key := nameOf(&o.Endpoint)
			looks[key] = append(looks[key], o)
		}
		if p.e.Progress != nil {
			p.e.Progress(*count, max(total, *count))
		}
	})
	for _, a := range some.of {
		key := nameOf(&a.Question.Endpoint)
		a.drawn.Add(looks[key])
		b.looks[key] = append(b.looks[key], looks[key]...)
		delete(looks, key) // several candidates may be of one endpoint
	}
	for i, a := range some.of {
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
// they are kept, else those among the looks.
func (b *batch) drawnOf(e *residency.Endpoint, looks []residency.Observation) *pool.Drawn {
	if d := b.drawn[nameOf(e)]; d != nil {
		return d
	}
	return pool.Gather(looks)
}

// poolOf works out what the draws of a cell's market show. The outside bound
// rests on the cell's own sides: an address of an earlier run that this one
// did not judge is not known to be inside.
func poolOf(records []*pool.Record, m *residency.Market, types []string, cell *residency.Cell) residency.Pool {
	asked := subnets(m)
	needs := make([]pool.Need, 0, len(asked)*len(types))
	for _, s := range asked {
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
