package resolve

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// DefaultRate is how many queries per second a server gets that is not this
// machine: public resolvers serve that to one client without complaint, and a
// company's own hardly notice it.
const DefaultRate = 50

// pace holds the queries to one server to a rate, whichever market and path
// they are for. A nil pace is no limit.
//
// Only the first query of a look waits for its turn. Retries and the further
// queries of a look go out at once and are paid for by the looks after it, so
// that no look is cut off in the middle and the rate holds all the same.
type pace struct {
	lim  *rate.Limiter
	full rate.Limit

	mu     sync.Mutex
	slowed time.Time // when it was last slowed down
}

// newPace returns a pace of so many queries per second, nil for 0 or less.
func newPace(perSecond float64) *pace {
	if perSecond <= 0 {
		return nil
	}
	// A tenth of a second's worth at once: engines look for room that often.
	return &pace{lim: rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/10))), full: rate.Limit(perSecond)}
}

// allow takes the turn of one look if there is one.
func (p *pace) allow() bool { return p == nil || p.lim.Allow() }

// spend pays for a query that does not wait.
func (p *pace) spend() {
	if p != nil {
		p.lim.Reserve()
	}
}

// slower halves the rate, at most once in a second, when the server refuses or
// does not answer; never below an eighth.
func (p *pace) slower(now time.Time) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.slowed) < time.Second {
		return
	}
	p.slowed = now
	p.lim.SetLimitAt(now, max(p.lim.Limit()/2, p.full/8))
}

// faster gives some of the rate back after an answer.
func (p *pace) faster() {
	if p == nil || p.lim.Limit() >= p.full {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lim.SetLimit(min(p.lim.Limit()+p.full/100, p.full))
}
