package watch

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"residency/internal/residency"
)

// portion bounds how many earlier sights are held at a time, but for those of
// one endpoint: each is as large as the round it is of.
const portion = 512

// recall finds out what is remembered of the endpoints of a batch, as far as
// that is known without opening a body. It reports whether it is known.
func (p *pass) recall(ctx context.Context, list []*judging) bool {
	if p.memory == nil {
		return false
	}
	keys := make([]string, len(list))
	for i, j := range list {
		keys[i] = j.round.Endpoint.Key()
	}
	all, err := p.memory.Recall(ctx, keys, p.since)
	if err != nil {
		p.fail(&p.unread, "what earlier runs showed is not known of everything", err)
		return false
	}
	p.each(len(list), func(k *residency.Keeper, i int) {
		list[i].rec = all[keys[i]]
		list[i].compare(k)
	})
	return true
}

// compare parts the spans of the window: what showed the same as this round, and
// what showed something else.
func (j *judging) compare(k *residency.Keeper) {
	j.kept, j.where = k.See(&j.round)
	sight := residency.HashOf(j.kept.Sight)
	for _, s := range j.rec.Spans {
		switch {
		case s.Runs == 0: // older than the window
		case s.Sight == sight && j.looked:
			j.same += s.Runs
		default:
			j.note(s)
		}
	}
	slices.SortStableFunc(j.past, func(a, b earlier) int { return a.last.Compare(b.last) })
	j.hold(sight)
}

// note takes in a span of the window. What was seen again after something else
// is one entry.
func (j *judging) note(s residency.Span) {
	for i := range j.past {
		if e := &j.past[i]; e.sight == s.Sight {
			e.runs += s.Runs
			if s.FirstAt.Before(e.first) {
				e.first = s.FirstAt
			}
			if s.LastAt.After(e.last) {
				e.last = s.LastAt
			}
			return
		}
	}
	j.past = append(j.past, earlier{sight: s.Sight, runs: s.Runs, first: s.FirstAt, last: s.LastAt})
}

// hold asks for the latest round, where that left something outside which this
// one may not show.
func (j *judging) hold(sight residency.Hash) {
	n := len(j.rec.Spans)
	if n == 0 {
		return
	}
	latest := j.rec.Spans[n-1]
	for i := range j.rec.Cells {
		c := &j.rec.Cells[i]
		if c.Verdict == residency.Outside && (latest.Sight != sight || !j.looked || j.restsOnEarlier(c)) {
			j.held = &earlier{sight: latest.Sight}
			return
		}
	}
}

// restsOnEarlier reports whether the cell has an address outside that this round
// does not show. It may do so whatever the cell says of itself: the claim may be
// another by now.
func (j *judging) restsOnEarlier(c *residency.Cell) bool {
	return slices.ContainsFunc(c.Addresses, func(a residency.JudgedAddress) bool {
		_, shown := j.round.Locations[a.Address]
		return a.Side == residency.SideOutside && !shown
	})
}

// portions parts a batch so that the earlier sights that one part needs fit
// into memory.
func (p *pass) portions(list []*judging, known bool) [][]*judging {
	if !known {
		return [][]*judging{list}
	}
	var parts [][]*judging
	from, n := 0, 0
	for i, j := range list {
		n += len(j.past)
		if n >= portion {
			parts = append(parts, list[from:i+1])
			from, n = i+1, 0
		}
	}
	return append(parts, list[from:])
}

// recallBodies opens the earlier sights of some endpoints, and the locations in
// them. It reports whether all of them could be read.
func (p *pass) recallBodies(ctx context.Context, list []*judging) bool {
	err := p.openSights(ctx, list)
	if err == nil {
		err = p.openLocations(ctx, list)
	}
	if err != nil {
		p.fail(&p.unread, "what earlier runs showed is not known of everything", err)
		return false
	}
	return true
}

// openSights reads the sights, and what the latest judgement knew besides.
func (p *pass) openSights(ctx context.Context, list []*judging) error {
	var want []residency.Hash
	for _, j := range list {
		for i := range j.past {
			want = append(want, j.past[i].sight)
		}
		if j.held != nil {
			want = append(want, j.held.sight, j.rec.Spans[len(j.rec.Spans)-1].Judgement)
		}
	}
	bodies, err := p.read(ctx, want)
	if err != nil {
		return err
	}
	for _, j := range list {
		for i := range j.past {
			e := &j.past[i]
			r, hashes, err := residency.ParseSight(bodies[e.sight])
			if err != nil {
				return fmt.Errorf("sight %v: %w", e.sight, err)
			}
			e.looks, e.hashes = r.Observations, hashes
		}
		if j.held == nil {
			continue
		}
		judgement := j.rec.Spans[len(j.rec.Spans)-1].Judgement
		_, past, err := residency.ParseJudgement(bodies[judgement], j.round.Endpoint)
		if err != nil {
			return fmt.Errorf("judgement %v: %w", judgement, err)
		}
		_, hashes, err := residency.ParseSight(bodies[j.held.sight])
		if err != nil {
			return fmt.Errorf("sight %v: %w", j.held.sight, err)
		}
		j.held.hashes = past
		for addr, h := range hashes {
			j.held.hashes[addr] = h
		}
	}
	return nil
}

// openLocations reads the locations that the opened sights name.
func (p *pass) openLocations(ctx context.Context, list []*judging) error {
	var want []residency.Hash
	for _, j := range list {
		for e := range j.earlier() {
			for _, h := range e.hashes {
				if _, held := p.bodies.known[h]; !held && h != (residency.Hash{}) {
					want = append(want, h)
				}
			}
		}
	}
	bodies, err := p.read(ctx, want)
	if err != nil {
		return err
	}
	for h, body := range bodies {
		if err := p.bodies.put(h, body); err != nil {
			return fmt.Errorf("location %v: %w", h, err)
		}
	}
	for _, j := range list {
		for e := range j.earlier() {
			e.locations = make(map[netip.Addr]residency.Location, len(e.hashes))
			for addr, h := range e.hashes {
				if loc, ok := p.bodies.get(h, addr); ok {
					e.locations[addr] = loc
				}
			}
			e.hashes = nil
		}
	}
	return nil
}

// earlier yields everything earlier that was opened.
func (j *judging) earlier() func(yield func(*earlier) bool) {
	return func(yield func(*earlier) bool) {
		for i := range j.past {
			if !yield(&j.past[i]) {
				return
			}
		}
		if j.held != nil {
			yield(j.held)
		}
	}
}

// read reads bodies, each once.
func (p *pass) read(ctx context.Context, want []residency.Hash) (map[residency.Hash][]byte, error) {
	if len(want) == 0 {
		return nil, nil
	}
	slices.SortFunc(want, func(a, b residency.Hash) int { return slices.Compare(a[:], b[:]) })
	return p.memory.Bodies(ctx, slices.Compact(want))
}

// save begins to remember the batch that is ready, once the one before it is
// saved. After the first failure of a run no other batch is tried: what is full
// or read-only for one is so for all, and the next run tries again.
func (p *pass) save(ctx context.Context) {
	p.saved()
	b := p.ready
	p.ready = residency.Batch{}
	if p.memory == nil || p.unsaved || len(b.Rounds) == 0 {
		return
	}
	done := make(chan error, 1)
	p.saving = done
	go func() { done <- p.memory.Save(ctx, p.seq, b) }()
}

// saved waits until the batch under way is saved.
func (p *pass) saved() {
	if p.saving == nil {
		return
	}
	if err := <-p.saving; err != nil {
		p.fail(&p.unsaved, "not everything of this run is remembered", err)
	}
	p.saving = nil
}
