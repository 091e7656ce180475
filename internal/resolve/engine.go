package resolve

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"time"

	"residency/internal/residency"
)

const (
	// maxSockets is how many UDP sockets share the looks at one server, and
	// perSocket how many of them wait on one socket: more overflow its buffer
	// and are lost.
	maxSockets = 8
	perSocket  = 64
	// perPort is how many requests leave from one source port before it is
	// given back: a port used for long could be found out.
	perPort = 512
	// firstWindow is how many looks a server gets at once before it has shown
	// that it keeps up, and leastWindow how many stay under way whatever gets
	// lost.
	firstWindow = 64
	leastWindow = 16
)

// line is what is known of one server during one Observe or Probe.
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

// engine puts many questions to one server. Looks share a few sockets; a
// response goes on to the next request of its look, and a finished look to the
// next question, in the goroutine that read it. There is no goroutine and no
// timer for each look: one sweep, several times in each time-out, ends the
// tries whose time is up.
//
// A flight is either in the pending table of one socket, guarded by mu, or
// owned by the goroutine that took it out; so it is never touched by two.
type engine struct {
	*line
	ctx  context.Context
	life context.Context // ends with ctx or with the last look
	stop context.CancelFunc
	qs   []residency.Question
	once bool // end each look at its first response (Probe)
	out  *results
	wg   sync.WaitGroup
	bufs sync.Pool // of *[maxMessage]byte, for TCP

	mu     sync.Mutex
	over   bool // ctx ended: nothing is sent any more
	next   int  // index of the next question
	active int  // looks begun and not finished
	window float64
	shrunk time.Time // when the window was last made smaller
	lanes  []*socket // the sockets in use; the one of lane turn is next
	turn   int
	open   map[*socket]struct{} // these and the ones waiting to be closed
	random [256]byte
	drawn  int // bytes of random used up; 0: none drawn yet
}

// run puts every question to every line and calls done for each look that
// ends. It returns when all have ended and every goroutine and socket is gone.
func run(ctx context.Context, lines []*line, qs []residency.Question, once bool, done func(*flight)) {
	out := newResults()
	engines := make([]*engine, 0, len(lines))
	for _, ln := range lines {
		e := &engine{line: ln, ctx: ctx, qs: qs, once: once, out: out, open: map[*socket]struct{}{}}
		e.life, e.stop = context.WithCancel(ctx)
		e.window = min(e.limit(), firstWindow)
		e.lanes = make([]*socket, max(1, min(maxSockets, int(e.limit())/4)))
		e.over = ended(ctx) != ""
		engines = append(engines, e)
	}
	for _, e := range engines {
		e.wg.Go(e.sweep)
		e.fill()
	}
	var batch []*flight
	for left := len(lines) * len(qs); left > 0; {
		<-out.wake
		batch = out.take(batch[:0])
		left -= len(batch)
		for i, f := range batch {
			done(f)
			batch[i] = nil
		}
		for _, e := range engines {
			e.fill() // there is room again
		}
	}
	for _, e := range engines {
		e.close()
	}
}

// close ends the engine's goroutines and sockets, once no look is under way.
func (e *engine) close() {
	e.stop()
	e.mu.Lock()
	e.over = true
	for s := range e.open {
		s.shut()
	}
	e.mu.Unlock()
	e.wg.Wait()
}

// fill begins looks until the window or the room for results is full.
func (e *engine) fill() {
	for {
		e.mu.Lock()
		if e.next == len(e.qs) || float64(e.active) >= e.window || !e.out.room() {
			e.mu.Unlock()
			return
		}
		question := e.qs[e.next]
		e.next++
		e.active++
		e.mu.Unlock()
		e.begin(question)
	}
}

// begin begins a look.
func (e *engine) begin(question residency.Question) {
	f := new(flight)
	f.init(e.line, question)
	if failure, why := e.refuse(question); failure != "" {
		f.fail(failure, why)
		e.finish(f)
		return
	}
	f.until = time.Now().Add(e.set.lookLimit())
	e.ask(f)
}

// finish hands a look that has ended to the caller.
func (e *engine) finish(f *flight) {
	e.mu.Lock()
	e.active--
	if f.obs.Failure == "" {
		e.kept()
	}
	e.mu.Unlock()
	e.out.put(f)
}

// refuse returns why the question is not to be asked at all, or "".
func (e *engine) refuse(question residency.Question) (residency.Failure, string) {
	e.mu.Lock()
	over := e.over
	e.mu.Unlock()
	switch {
	case over:
		return ended(e.ctx), "the run ended before it was asked"
	case e.dead != nil:
		return e.dead.failure, "not asked, because the server did not answer the first question of this run: " + e.dead.text
	case e.addr == "":
		return residency.FailUnreachable, "the server has no address configured"
	}
	if f := e.quiet.gaveUp(question.Endpoint.Host); f != "" {
		return f, fmt.Sprintf("not asked any more, because %d looks in a row got no usable answer", silentLooks)
	}
	return "", ""
}

// sweep ends tries whose time is up, until the engine closes. It looks often
// enough that a try lasts at most a tenth longer than its time-out.
//
// A sweep that comes late (the machine was suspended, or had no time for us)
// ends nothing: the responses may have come and wait to be read, and our
// silence must not be taken for the server's.
func (e *engine) sweep() {
	every := min(max(e.set.timeout/10, time.Millisecond), 50*time.Millisecond)
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-e.life.Done():
			e.expire(true)
			e.fill() // the rest of the questions end where the run does
			return
		case <-tick.C:
			late := time.Since(last) > 3*every
			last = time.Now()
			if !late {
				e.expire(false)
				e.fill()
			}
		}
	}
}

// expire takes the flights whose time is up, or all of them when ctx has
// ended, and settles them.
func (e *engine) expire(all bool) {
	var list []*flight
	e.mu.Lock()
	e.over = e.over || all
	now := time.Now()
	for s := range e.open {
		for id, f := range s.pending {
			if !all && now.Before(f.deadline) {
				continue
			}
			delete(s.pending, id)
			s.worn = true // a retry must come from another port
			list = append(list, f)
		}
		s.closeIfDone()
	}
	if len(list) > 0 && !all {
		e.lost(now)
	}
	e.mu.Unlock()
	for _, f := range list {
		f.cur.RTT = now.Sub(f.sent)
		f.cur.ended(e.ctx, os.ErrDeadlineExceeded)
		e.settle(f)
	}
}

// limit is the largest window there may be.
func (e *engine) limit() float64 { return float64(min(e.set.inFlight, maxSockets*perSocket)) }

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
func (e *engine) lost(now time.Time) {
	if now.Sub(e.shrunk) < e.set.timeout {
		return
	}
	e.shrunk = now
	e.window = max(e.window/2, min(e.limit(), leastWindow))
}

// id returns a request id that nobody can guess. The ids are not handed in
// like other randomness: no caller may make them predictable. e.mu is held.
func (e *engine) id() uint16 {
	if e.drawn == 0 || e.drawn == len(e.random) {
		rand.Read(e.random[:]) // never fails: crypto/rand.Read ends the program instead
		e.drawn = 0
	}
	id := binary.BigEndian.Uint16(e.random[e.drawn:])
	e.drawn += 2
	return id
}
