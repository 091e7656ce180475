package watch

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"residency/internal/policy"
	"residency/internal/residency"
)

// rest takes those endpoints into the standings that this run does not look
// at, as they were judged last. What was looked at longer ago than the window,
// or never for a claim, is not measured; but nothing that was outside is let go
// by age.
func (p *pass) rest(ctx context.Context, places []int) {
	ctx = context.WithoutCancel(ctx)
	for some := range slices.Chunk(places, usualBatch) {
		all := p.latest(ctx, some)
		for n, i := range some {
			e := &p.e.Endpoints[i]
			l := all[n]
			cells := p.stillAs(e, l)
			policy.Waive(cells, p.e.Waivers, l.locations, l.rec.Findings, p.run.At)
			p.tally(e, cells, l.locations, l.at)
		}
		p.bodies.bound()
	}
}

// latestRound is the latest round of an endpoint, as remembered.
type latestRound struct {
	rec       residency.Recollection
	at        time.Time // when it was last confirmed; zero: never
	cells     []residency.Cell
	locations map[netip.Addr]residency.Location
}

// latest reads the latest rounds of some endpoints; nothing where they cannot
// be read.
func (p *pass) latest(ctx context.Context, places []int) []latestRound {
	list := make([]latestRound, len(places))
	if p.memory == nil {
		return list
	}
	keys := make([]string, len(places))
	for n, i := range places {
		keys[n] = p.e.Endpoints[i].Key()
	}
	all, err := p.memory.Recall(ctx, keys, p.since)
	if err != nil {
		p.fail(&p.unread, "what earlier runs showed is not known of everything", err)
		return list
	}
	for n := range list {
		list[n].rec = all[keys[n]]
	}
	if err := p.readLatest(ctx, list); err != nil {
		p.fail(&p.unread, "what earlier runs showed is not known of everything", err)
		return make([]latestRound, len(places))
	}
	return list
}

// readLatest opens the judgements, and the locations of what is outside.
func (p *pass) readLatest(ctx context.Context, list []latestRound) error {
	var want []residency.Hash
	for i := range list {
		if span := list[i].span(); span != nil {
			want = append(want, span.Judgement)
			if list[i].outside() {
				want = append(want, span.Sight)
			}
		}
	}
	bodies, err := p.read(ctx, want)
	if err != nil {
		return err
	}
	hashes := make([]map[netip.Addr]residency.Hash, len(list))
	want = want[:0]
	for i := range list {
		l := &list[i]
		span := l.span()
		if span == nil {
			continue
		}
		l.at = span.LastAt
		if l.cells, hashes[i], err = residency.ParseJudgement(bodies[span.Judgement], residency.Endpoint{}); err != nil {
			return err
		}
		if l.outside() {
			_, shown, err := residency.ParseSight(bodies[span.Sight])
			if err != nil {
				return err
			}
			for addr, h := range shown {
				hashes[i][addr] = h
			}
			for _, h := range hashes[i] {
				if _, held := p.bodies.known[h]; !held && h != (residency.Hash{}) {
					want = append(want, h)
				}
			}
		}
	}
	if bodies, err = p.read(ctx, want); err != nil {
		return err
	}
	for h, body := range bodies {
		if err := p.bodies.put(h, body); err != nil {
			return err
		}
	}
	for i := range list {
		list[i].locations = make(map[netip.Addr]residency.Location, len(hashes[i]))
		for addr, h := range hashes[i] {
			if loc, ok := p.bodies.get(h, addr); ok {
				list[i].locations[addr] = loc
			}
		}
	}
	return nil
}

// span returns the latest one; nil for an endpoint never seen.
func (l *latestRound) span() *residency.Span {
	if n := len(l.rec.Spans); n > 0 {
		return &l.rec.Spans[n-1]
	}
	return nil
}

// outside reports whether a cell was outside.
func (l *latestRound) outside() bool {
	return slices.ContainsFunc(l.rec.Cells, func(c residency.Cell) bool { return c.Verdict == residency.Outside })
}

// stillAs returns every cell that claims ask for of an endpoint, as it was
// judged last, in the order of the scope.
func (p *pass) stillAs(e *residency.Endpoint, l latestRound) []residency.Cell {
	var cells []residency.Cell
	old := l.at.IsZero() || l.at.Before(p.since)
	for _, c := range p.scope.of(e) {
		for _, i := range c.claims {
			cell := residency.Cell{Claim: p.e.Claims[i].ID, Market: c.market.Code, Counts: true, Verdict: residency.NotMeasured}
			if known := before(l.cells, cell.Claim, cell.Market); known != nil {
				cell = *known
				if old && cell.Verdict != residency.Outside {
					cell = residency.Cell{Claim: cell.Claim, Market: cell.Market, Counts: cell.Counts, Verdict: residency.NotMeasured}
				}
			}
			cell.Endpoint = *e
			cells = append(cells, cell)
		}
	}
	return cells
}
