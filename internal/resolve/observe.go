package resolve

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"residency/internal/residency"
)

// resultsAhead is how many finished looks may wait for the caller's done.
const resultsAhead = 64

// Observe puts every question to every server and calls done once for each
// pair, failures included, in no particular order. done is called from the
// calling goroutine, one call at a time; a slow done slows the looks down.
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
	results := make(chan residency.Observation, resultsAhead)
	var workers sync.WaitGroup
	for i, server := range r.Servers {
		line := &line{set: set, server: server, addr: server.firstAddress(), quiet: newSilence()}
		if p, ok := r.lastProbe(i); ok {
			line.addr, line.dead = p.addr, p.dead
		}
		var next atomic.Int64
		for range min(set.inFlight, len(qs)) {
			workers.Go(func() {
				a := newAsker(line)
				for n := int(next.Add(1)) - 1; n < len(qs); n = int(next.Add(1)) - 1 {
					results <- a.look(ctx, qs[n])
				}
			})
		}
	}
	go func() {
		workers.Wait()
		close(results)
	}()
	for o := range results {
		done(o)
	}
}

// line is what the askers of one server share during one Observe or Probe.
type line struct {
	set    *settings
	server Server
	addr   string // the address asked
	dead   *deadServer
	quiet  *silence
}

// deadServer is why a server is not asked at all.
type deadServer struct {
	failure residency.Failure
	text    string
}

// look puts one question to the server and follows it to its end.
func (a *asker) look(ctx context.Context, question residency.Question) residency.Observation {
	l := newLook(a.line, question)
	if f, why := a.refuse(ctx, question); f != "" {
		l.fail(f, why)
		return l.obs
	}
	// Time-outs and round trips need the machine's monotonic clock: Now may be
	// simulated, sockets are not.
	until := time.Now().Add(a.set.lookLimit())
	for more := true; more; {
		q, err := l.query()
		if err != nil {
			l.fail(residency.FailFormerr, err.Error())
			break
		}
		got := a.ask(ctx, q, until, question.Endpoint.Host, &l.obs)
		if got.resp == nil {
			l.fail(got.failure, got.cause)
			break
		}
		more = l.take(q, got)
	}
	return l.obs
}

// refuse returns why the question is not to be asked at all, or "".
func (a *asker) refuse(ctx context.Context, question residency.Question) (residency.Failure, string) {
	switch {
	case ended(ctx) != "":
		return ended(ctx), "the run ended before it was asked"
	case a.dead != nil:
		return a.dead.failure, "not asked, because the server did not answer the first question of this run: " + a.dead.text
	case a.addr == "":
		return residency.FailUnreachable, "the server has no address configured"
	}
	if f := a.quiet.gaveUp(question.Endpoint.Host); f != "" {
		return f, fmt.Sprintf("not asked any more, because %d looks in a row got no usable answer", silentLooks)
	}
	return "", ""
}
