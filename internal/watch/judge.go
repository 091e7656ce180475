package watch

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"residency/internal/policy"
	"residency/internal/residency"
)

// judging is one endpoint's round on its way through a batch.
type judging struct {
	round  residency.Round
	looked bool // at least one look was not cut off by the end of the run

	kept  residency.KeptRound
	where map[netip.Addr]residency.Hash

	rec  residency.Recollection
	same int       // earlier runs of the window that showed the very same
	past []earlier // those that showed something else
	held *earlier  // the latest round, when it left something outside that is not shown any more
}

// earlier is what an earlier run showed.
type earlier struct {
	sight       residency.Hash
	runs        int
	first, last time.Time
	looks       []residency.Observation
	hashes      map[netip.Addr]residency.Hash
	locations   map[netip.Addr]residency.Location
}

// judge locates, judges and remembers a batch. What is worked out for one
// endpoint alone is done for several at a time; all that adds up is done in
// their order.
func (p *pass) judge(ctx context.Context, b *batch) {
	ctx = context.WithoutCancel(ctx) // what was seen is judged and remembered whatever ended the run
	list := p.gather(b)
	p.each(len(list), func(_ *residency.Keeper, i int) { p.round(list[i], b.where) })
	known := p.recall(ctx, list)
	p.save(ctx) // the batch before, while this one is judged
	var out residency.Batch
	if known {
		out.Rounds = make([]residency.KeptRound, 0, len(list))
	}
	for _, some := range p.portions(list, known) {
		if known {
			known = p.recallBodies(ctx, some)
		}
		p.each(len(some), func(k *residency.Keeper, i int) {
			j := some[i]
			p.cells(j, b, known)
			policy.Waive(j.round.Cells, p.e.Waivers, j.round.Locations, j.rec.Findings, p.run.At)
			if p.keeps(j, known) {
				k.Judged(&j.kept, j.where, &j.round)
			}
		})
		for _, j := range some {
			p.finish(j, known, &out)
		}
		p.bodies.bound()
	}
	p.ready = out
	for _, j := range list {
		p.handOut(j)
	}
}

// gather begins the round of every endpoint of a batch with what was seen of it.
func (p *pass) gather(b *batch) []*judging {
	list := make([]*judging, len(b.places))
	for n, i := range b.places {
		e := &p.e.Endpoints[i]
		looks := b.looks[nameOf(e)]
		delete(b.looks, nameOf(e))
		j := &judging{looked: e.Address.IsValid()}
		j.round.Endpoint, j.round.Observations = *e, looks
		for i := range looks {
			p.run.Looks[looks[i].Failure]++
			if cutOff(&looks[i]) {
				p.cut = true
			} else {
				j.looked = true
			}
		}
		list[n] = j
	}
	return list
}

// round locates what was seen of one endpoint.
func (p *pass) round(j *judging, where *places) {
	r := &j.round
	r.At, r.Degraded, r.Surveys = p.run.At, p.degraded, p.run.Surveys
	r.Types = residency.Needed(r.Endpoint.Types(p.e.types()))
	r.Observations = inOrder(r.Observations)
	r.Locations = where.all(r.Endpoint, r.Observations, p.run.Started)
	covered := p.scope.of(&r.Endpoint)
	r.Markets = make([]residency.Market, 0, len(covered))
	for _, c := range covered {
		r.Markets = append(r.Markets, *c.market)
	}
}

// cells judges every cell of a round.
func (p *pass) cells(j *judging, b *batch, known bool) {
	r := &j.round
	drawn := b.drawnOf(&r.Endpoint, r.Observations)
	n := 0
	for _, c := range p.scope.of(&r.Endpoint) {
		n += len(c.claims)
	}
	r.Cells = make([]residency.Cell, 0, n)
	for _, c := range p.scope.of(&r.Endpoint) {
		market := *c.market
		f := policy.Facts{
			Endpoint: r.Endpoint, Market: market, Types: r.Types, Looks: ofMarket(r.Observations, market.Code),
			Locations: r.Locations, At: r.At, Degraded: r.Degraded, Surveys: r.Surveys,
		}
		if known {
			f.Memory = p.memoryOf(j, market.Code)
		} else {
			f.Unread = p.unread
		}
		records := drawn.Of(market.Code)
		for _, i := range c.claims {
			claim := p.e.Claims[i]
			f.Before = nil
			if known {
				f.Before = before(j.rec.Cells, claim.ID, market.Code)
			}
			cell := policy.Judge(claim, f)
			cell.Pool = poolOf(records, c.market, r.Types, &cell)
			cell.Changed = known && cell.Verdict != verdictOf(f.Before)
			r.Cells = append(r.Cells, cell)
		}
	}
	j.locatePast()
}

// memoryOf is what is remembered of an endpoint in one market, but for the cell
// before.
func (p *pass) memoryOf(j *judging, market residency.Country) policy.Memory {
	m := policy.Memory{Window: p.run.Window, Same: j.same, Confirm: p.e.Confirm}
	if m.Confirm == (policy.Confirmations{}) {
		m.Confirm = policy.DefaultConfirmations()
	}
	for i := range j.past {
		e := &j.past[i]
		if looks := ofMarket(e.looks, market); len(looks) > 0 {
			m.Past = append(m.Past, policy.Past{Looks: looks, Locations: e.locations, Runs: e.runs, First: e.first, Last: e.last})
		}
	}
	if n := len(j.rec.Spans); n > 0 {
		m.BeforeAt = j.rec.Spans[n-1].LastAt
	}
	return m
}

// before finds the cell that was judged last; nil where it was plainly inside,
// or was none.
func before(cells []residency.Cell, claim string, market residency.Country) *residency.Cell {
	for i := range cells {
		if cells[i].Claim == claim && cells[i].Market == market {
			return &cells[i]
		}
	}
	return nil
}

// verdictOf returns the verdict of a cell as remembered, where one that is not is
// inside.
func verdictOf(c *residency.Cell) residency.Verdict {
	if c == nil {
		return residency.Inside
	}
	return c.Verdict
}

// locatePast adds the locations of those judged addresses that only earlier
// rounds showed.
func (j *judging) locatePast() {
	r := &j.round
	if len(j.past) == 0 && j.held == nil {
		return
	}
	for i := range r.Cells {
		for _, a := range r.Cells[i].Addresses {
			if _, known := r.Locations[a.Address]; !known {
				if loc, found := j.locationOf(a.Address); found {
					r.Locations[a.Address] = loc
				}
			}
		}
	}
}

// locationOf finds the newest location that earlier rounds had of an address.
func (j *judging) locationOf(addr netip.Addr) (residency.Location, bool) {
	for _, e := range slices.Backward(j.past) {
		if loc, ok := e.locations[addr]; ok {
			return loc, true
		}
	}
	if j.held != nil {
		loc, ok := j.held.locations[addr]
		return loc, ok
	}
	return residency.Location{}, false
}

// keeps reports whether a round is remembered: not when nothing new is known of
// it, or it was judged without what came before.
func (p *pass) keeps(j *judging, known bool) bool { return known && j.looked && !p.unsaved }

// finish takes a judged round into standings, findings and what is to be saved.
func (p *pass) finish(j *judging, known bool, out *residency.Batch) {
	r := &j.round
	p.tally(&r.Endpoint, r.Cells, r.Locations, p.run.At)
	if !p.keeps(j, known) {
		return
	}
	if p.e.Track != nil {
		head := p.run
		head.Rounds = nil
		j.rec.Relocated = j.relocated()
		findings, alerts := p.e.Track(head, j.rec, *r)
		out.Findings = append(out.Findings, findings...)
		out.Alerts = append(out.Alerts, alerts...)
	}
	out.Rounds = append(out.Rounds, j.kept)
}

// handOut adds the round to the run, without what the caller does not need.
func (p *pass) handOut(j *judging) {
	r := &j.round
	if p.memory != nil {
		for i := range r.Observations {
			r.Observations[i].Exchanges = nil
		}
	}
	if p.e.Slim && !slices.ContainsFunc(r.Cells, func(c residency.Cell) bool { return !c.Plain() || c.Changed }) {
		return
	}
	p.run.Rounds = append(p.run.Rounds, *r)
}
