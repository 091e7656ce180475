package resolve

import "sync"

// resultsAhead is how many finished looks may wait for the caller. While so
// many wait no look is begun; those under way are still received, so a slow
// caller loses nothing and memory stays bounded.
const resultsAhead = 1024

// results carries finished looks from the engines to the caller, many at a
// time: waking the caller for each would cost more than the look.
type results struct {
	mu   sync.Mutex
	list []*flight
	wake chan struct{} // holds one token while list may not be empty
}

func newResults() *results { return &results{wake: make(chan struct{}, 1)} }

// put adds a finished look. It never blocks.
func (r *results) put(f *flight) {
	r.mu.Lock()
	r.list = append(r.list, f)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// room reports whether another look may be begun.
func (r *results) room() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.list) < resultsAhead
}

// take returns what has been put since, and keeps the empty list for reuse.
func (r *results) take(empty []*flight) []*flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = empty
	return list
}
