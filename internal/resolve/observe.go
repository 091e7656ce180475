package resolve

import (
	"context"
	"iter"
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
	r.observe(ctx, newFeed(qs), func(o *residency.Observation) { done(*o) })
}

// Stream is Observe for questions without number, in memory that does not grow
// with them. They are drawn from qs, in a goroutine of its own, as the looks
// get on; no more are drawn after ctx has ended, and those that were become
// observations. When qs is waiting then, it is not waited for.
//
// The observation, and all it points to but its strings, is used again once
// done has returned.
func (r *Resolver) Stream(ctx context.Context, qs iter.Seq[residency.Question], done func(*residency.Observation)) {
	r.observe(ctx, newStream(ctx, qs), done)
}

// chunkSize is how many questions of a stream iterative servers are given at
// a time.
const chunkSize = 256

// observe puts the questions of a feed to every server.
func (r *Resolver) observe(ctx context.Context, asks *feed, done func(*residency.Observation)) {
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
			it, reader := r.iteration(i, set), asks.join()
			iterating.Go(func() {
				if p.dead == nil { // else nobody is asked, so nobody is spared by waiting
					it.hold(ctx, set.jitter)
				}
				for qs := asks.chunk(reader, chunkSize); len(qs) > 0; qs = asks.chunk(reader, chunkSize) {
					it.observe(ctx, server.mine(qs), p.dead, func(list []residency.Observation) {
						one.Lock()
						defer one.Unlock()
						for i := range list {
							done(&list[i])
						}
					})
				}
			})
			continue
		}
		addr, dead := server.firstAddress(), (*deadServer)(nil)
		if p, ok := r.lastProbe(i); ok {
			addr, dead = p.addr, p.dead
		}
		ln := r.line(set, server, addr)
		ln.dead, ln.validator = dead, r.validator(i, ln)
		lines = append(lines, ln)
	}
	run(ctx, lines, asks, false, func(f *flight) {
		one.Lock()
		defer one.Unlock()
		done(&f.obs)
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
