package watch

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"residency/internal/policy"
	"residency/internal/residency"
)

// pass is one run under way.
type pass struct {
	e     *Engine
	scope *scope
	run   residency.Run

	covered, due, undue []int // places in Engine.Endpoints
	left                []int // of due: not begun when ctx ended

	tallies  []*policy.Tally // by place in Engine.Claims
	outside  []time.Time     // the last time that something outside was seen, likewise
	degraded []string        // resolvers, see policy.Facts
	cut      bool            // ctx ended before everything was looked at

	memory  Memory // nil: there is none, or it cannot be used
	seq     int64
	since   time.Time // the start of the window
	unread  bool      // something could not be recalled
	unsaved bool      // something could not be remembered
	states  map[string]residency.ClaimState
	ready   residency.Batch    // judged and not saved
	saving  <-chan error       // of the batch that is being saved; nil: none is
	keepers []residency.Keeper // of those that judge side by side
	bodies  locations

	draws   drawing
	pending int // looks to be made
	done    int
}

// begin opens a run.
func (e *Engine) begin(ctx context.Context, at time.Time, reassessed bool) *pass {
	p := &pass{e: e, scope: newScope(e), run: e.Header, keepers: workers()}
	p.run.Started = e.Now()
	p.run.At, p.run.Simulated, p.run.Reassessed = p.run.Started, false, reassessed
	if !at.IsZero() {
		p.run.At, p.run.Simulated = at, !reassessed
	}
	p.run.At = p.run.At.Truncate(time.Microsecond) // what is remembered of it, so that it can be judged again
	p.run.ID, p.run.Rules, p.run.Slim = e.id(p.run.Started), policy.Version, e.Slim
	p.run.Waivers, p.run.Looks = e.Waivers, map[residency.Failure]int{}
	p.run.Notices, p.run.Datasets = slices.Clip(p.run.Notices), slices.Clip(p.run.Datasets)
	for i := range e.Endpoints {
		if len(p.scope.of(&e.Endpoints[i])) == 0 {
			continue
		}
		p.covered = append(p.covered, i)
		if e.Due == nil || e.Due(e.Endpoints[i]) {
			p.due = append(p.due, i)
		} else {
			p.undue = append(p.undue, i)
		}
	}
	for _, c := range e.Claims {
		p.tallies = append(p.tallies, policy.NewTally(c))
	}
	p.outside = make([]time.Time, len(e.Claims))
	if e.Memory != nil && !p.run.Simulated {
		p.open(ctx)
	}
	return p
}

// open begins the run in the memory. A run that cannot be begun there goes on
// without, and says so.
func (p *pass) open(ctx context.Context) {
	p.run.Window = p.e.Window
	p.since = p.run.At.Add(-p.e.Window)
	begun := p.run
	for _, c := range p.e.Claims { // what is judged, should the run never end
		begun.Claims = append(begun.Claims, residency.ClaimStanding{Claim: c})
	}
	seq, err := p.e.Memory.Begin(ctx, begun)
	if err != nil {
		p.run.Window = 0
		p.fail(&p.unread, "nothing of earlier runs is known, and this one is not remembered", err)
		return
	}
	p.memory, p.seq, p.run.Seq = p.e.Memory, seq, seq
	states, err := p.memory.Claims(context.WithoutCancel(ctx))
	if err != nil {
		p.fail(&p.unread, "since when claims stand as they do is not known", err)
	}
	p.states = make(map[string]residency.ClaimState, len(states))
	for _, s := range states {
		p.states[s.Claim] = s
	}
}

// fail notes, once for each kind, that the memory could not be used. Such a run
// is partial: something outside that earlier runs showed may be missing in it.
func (p *pass) fail(once *bool, what string, err error) {
	p.run.Partial, p.run.PartialBy = true, PartialByMemory
	if !*once {
		*once = true
		p.run.Notices = append(p.run.Notices, fmt.Sprintf("%s: %v", what, err))
	}
}

// end closes the run: standings, what follows from them, and the memory's own
// end of it.
func (p *pass) end(ctx context.Context) residency.Run {
	if ctx.Err() != nil && p.cut && p.run.PartialBy == "" { // that the memory fails weighs more
		p.run.Partial, p.run.PartialBy = true, ended(ctx)
	}
	for i, t := range p.tallies {
		p.run.Claims = append(p.run.Claims, p.history(i, p.stand(t)))
	}
	p.run.Finished = p.e.Now()
	if p.memory == nil {
		return p.run
	}
	ctx = context.WithoutCancel(ctx) // what was learned is remembered whatever ended the run
	var end residency.RunEnd
	open, told, err := p.memory.Ongoing(ctx)
	if err != nil {
		p.fail(&p.unread, "what is open and what was told is not known, so nothing is told", err)
	} else if p.e.Conclude != nil {
		end = p.e.Conclude(p.run, open, told)
	}
	end.Run = p.run
	end.Run.Rounds = nil
	if err := p.memory.End(ctx, p.seq, end); err != nil {
		p.fail(&p.unsaved, "this run is not remembered", err)
	}
	return p.run
}

// stand returns the standing of a claim. Where something of earlier runs could
// not be read, a waiver for what cannot be told may cover what is outside, where
// nobody has allowed it: then it is not known how the claim stands with waivers.
func (p *pass) stand(t *policy.Tally) residency.ClaimStanding {
	s := t.Stand(p.run.At)
	if p.unread && s.Effective == residency.Holding && s.Standing != residency.Holding {
		s.Effective = residency.StandingUnknown
	}
	return s
}

// history adds to a claim's standing what its history says.
func (p *pass) history(i int, s residency.ClaimStanding) residency.ClaimStanding {
	if p.memory == nil {
		return s
	}
	before, known := p.states[s.Claim.ID]
	s.Changed = known && before.Standing != s.Standing || !known && s.Standing != residency.Holding
	s.LastOutside = before.LastOutside
	if p.outside[i].After(s.LastOutside) {
		s.LastOutside = p.outside[i]
	}
	if s.Standing != residency.Broken {
		return s
	}
	s.BrokenSince = p.run.At
	switch begins := inForce(s.Claim); {
	case before.Standing == residency.Broken && !before.BrokenSince.IsZero():
		s.BrokenSince = before.BrokenSince
	case before.Standing == residency.Pending && begins.After(before.Since) && begins.Before(p.run.At):
		s.BrokenSince = begins // it was outside all the time, and came due
	}
	return s
}

// inForce returns the first instant at which something outside breaks the
// claim; the zero time for always.
func inForce(c residency.Claim) time.Time {
	if c.Kind == residency.KindPolicy {
		return c.From
	}
	return c.Due
}

// tally takes the judged cells of an endpoint into the standings. seen is when
// the cells that are outside and say nothing else were seen to be.
func (p *pass) tally(e *residency.Endpoint, cells []residency.Cell, where map[netip.Addr]residency.Location, seen time.Time) {
	n := 0
	for _, c := range p.scope.of(e) {
		for _, claim := range c.claims {
			cell := &cells[n]
			n++
			p.tallies[claim].Add(cell, where)
			if cell.Verdict != residency.Outside || !cell.Counts {
				continue
			}
			at := seen
			if !cell.LastOutside.IsZero() {
				at = cell.LastOutside
			}
			if at.After(p.outside[claim]) {
				p.outside[claim] = at
			}
		}
	}
}
