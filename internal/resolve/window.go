package resolve

import "time"

// limit is the largest window there may be.
func (e *engine) limit() float64 {
	n := e.set.inFlight
	if e.server.InFlight > 0 {
		n = e.server.InFlight
	}
	return float64(min(n, maxSockets*perSocket))
}

// kept makes the window larger after an answer: by one look until something is
// lost for the first time, and from then on by one in a whole window, as TCP
// does. e.mu is held.
func (e *engine) kept() {
	step := 1.0
	if !e.shrunk.IsZero() {
		step = 1 / e.window
	}
	e.window = min(e.window+step, e.limit())
}

// lost makes the window smaller after a loss, at most once in a time-out (one
// burst of losses is one sign): the server or the path has too much to do.
// e.mu is held.
//
// Some network cards lose what they were to cut into packets, and say nothing.
// So after the first loss on a network all requests go out one by one: the
// retries of what was lost among them.
func (e *engine) lost(now time.Time) {
	e.single = e.single || !e.near
	if now.Sub(e.shrunk) < e.set.timeout {
		return
	}
	e.shrunk = now
	e.window = max(e.window/2, min(e.limit(), leastWindow))
}
