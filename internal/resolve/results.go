package resolve

import (
	"sync"
	"sync/atomic"
)

const (
	// resultsAhead is how many finished looks may wait for the caller. While so
	// many wait no look is begun; those under way are still received, so a slow
	// caller loses nothing and memory stays bounded. More would only spread
	// over more memory than the processor has at hand.
	resultsAhead = 256
	// resultsLoud is how many wait before the caller is woken by the one that
	// put them. Fewer wait until whoever reads responses has no more to read:
	// waking the caller for each would cost more than the look.
	resultsLoud = 64
)

// results carries finished looks from the engines to the caller, many at a
// time, and back to the engines to be used again.
type results struct {
	again bool // looks are used again

	mu      sync.Mutex
	list    []*flight
	free    []*flight
	waiting atomic.Int64  // len(list)
	wake    chan struct{} // holds one token while list may not be empty
}

func newResults() *results { return &results{wake: make(chan struct{}, 1)} }

// put adds a finished look. It never blocks. Whoever calls it must call ring
// after the last one.
func (r *results) put(f *flight) {
	r.mu.Lock()
	r.list = append(r.list, f)
	n := len(r.list)
	r.waiting.Store(int64(n))
	r.mu.Unlock()
	if n >= resultsLoud {
		r.wakeUp()
	}
}

// ring wakes the caller if looks wait for it.
func (r *results) ring() {
	if r.waiting.Load() > 0 {
		r.wakeUp()
	}
}

// wakeUp wakes the caller.
func (r *results) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// room reports whether another look may be begun.
func (r *results) room() bool { return r.waiting.Load() < resultsAhead }

// take returns what has been put since, and gets back the list before it, whose
// looks the caller is done with.
func (r *results) take(old []*flight) []*flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.again {
		r.free = append(r.free, old...)
	}
	clear(old)
	list := r.list
	r.list = old[:0]
	r.waiting.Store(0)
	return list
}

// flights adds empty looks to a list, one at least.
func (r *results) flights(to []*flight) []*flight {
	if r.again {
		r.mu.Lock()
		n := max(0, len(r.free)-burstMost)
		to = append(to, r.free[n:]...)
		clear(r.free[n:])
		r.free = r.free[:n]
		r.mu.Unlock()
	}
	if len(to) == 0 {
		to = append(to, new(flight))
	}
	return to
}
