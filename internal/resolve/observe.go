package resolve

import (
	"context"
	"sync"

	"residency/internal/residency"
)

// Observe puts every question to every server (but see Server.Only) and calls
// done once for each pair, failures included, in no particular order; for an
// iterative server once for each authoritative server that had the last word,
// those of one question one after the other. There is one call of done at a
// time; a slow done slows the looks down and loses none.
//
// Questions are begun in the order given. When ctx ends, looks under way and
// looks not begun become observations with the failure budget (its deadline
// passed) or cancelled, and Observe returns as soon as done has had them all.
//
// A server that did not answer the last Probe is not asked: its observations
// carry the failure of the probe. A server that falls silent in the middle is
// given up after a number of looks in a row, see silence.
func (r *Resolver) Observe(ctx context.Context, qs []residency.Question, done func(residency.Observation)) {
	set := r.settings()
	if !r.begins() {
		set.jitter = 0
	}
	lines := make([]*line, 0, len(r.Servers))
	var iterating sync.WaitGroup
	var one sync.Mutex
	for i, server := range r.Servers {
		if server.Iterative != nil {
			p, _ := r.lastProbe(i)
			it, mine := r.iteration(i, set), server.mine(qs)
			iterating.Go(func() {
				it.observe(ctx, mine, p.dead, func(list []residency.Observation) {
					one.Lock()
					defer one.Unlock()
					for _, o := range list {
						done(o)
					}
				})
			})
			continue
		}
		addr, dead := server.firstAddress(), (*deadServer)(nil)
		if p, ok := r.lastProbe(i); ok {
			addr, dead = p.addr, p.dead
		}
		ln := r.line(set, server, addr)
		ln.dead = dead
		lines = append(lines, ln)
	}
	run(ctx, lines, qs, false, func(f *flight) {
		one.Lock()
		defer one.Unlock()
		done(f.obs)
	})
	iterating.Wait()
}

// begins reports, once after each Probe, that a run begins.
func (r *Resolver) begins() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.begun
	r.begun = true
	return first
}
