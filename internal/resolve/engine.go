package resolve

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
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
	way    way // to the address asked
	dead   *deadServer
	quiet  *silence
	habits *habits // what is known of the server's EDNS; shared by its lines
	pace   *pace   // of the server; shared by its lines

	validator Validator // nil: responses are not validated

	viaText  string // via(), made once
	operator string // who runs the server; "" when not known
	key      string // of what the Resolver remembers of this way
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
	ctx    context.Context
	life   context.Context // ends with ctx or with the last look
	stop   context.CancelFunc
	asks   *feed
	reader int  // of asks
	once   bool // end each look at its first response (Probe)
	out    *results
	wg     sync.WaitGroup
	client *http.Client // for HTTPS

	mu     sync.Mutex
	over   bool      // ctx ended: nothing is sent any more
	start  time.Time // nothing is sent before; the zero time: at once
	begun  int       // looks
	active int       // of these not finished
	next   *flight   // the next look, not begun yet
	held   bool      // next has its question
	free   []*flight // for the looks after it
	window float64
	shrunk time.Time            // when the window was last made smaller
	first  lanes                // of the address's own transport
	second lanes                // over TCP, for what UDP could not bring
	open   map[*socket]struct{} // these and the ones waiting to be closed
	random [256]byte
	drawn  int       // bytes of random used up; 0: none drawn yet
	loaded []*socket // open ones with requests to be written
	near   bool      // the server is on this machine
	single bool      // nothing is given to the system to be cut into packets
	idle   []*inbox  // of readers that have ended, for the next ones
	spare  []*burst  // written
}

// run puts every question to every line and calls done for each look that
// ends. It returns when all have ended and every goroutine and socket is gone.
func run(ctx context.Context, lines []*line, asks *feed, once bool, done func(*flight)) {
	out := newResults()
	out.again = !once // who asks once looks at the look itself afterwards
	engines := make([]*engine, 0, len(lines))
	for _, ln := range lines {
		engines = append(engines, newEngine(ctx, ln, asks, once, out))
	}
	asks.begin(out.wakeUp)
	for _, e := range engines {
		e.wg.Go(e.sweep)
	}
	var batch []*flight
	for handed := 0; ; {
		for _, e := range engines {
			e.fill() // there is room again, or there are new questions
		}
		if batch = out.take(batch); len(batch) == 0 {
			if allOver(engines, handed) {
				break
			}
			<-out.wake
			continue
		}
		handed += len(batch)
		for _, f := range batch {
			done(f)
			if out.again {
				f.empty(!asks.whole)
			}
		}
	}
	for _, e := range engines {
		e.close()
	}
}

// allOver reports whether no look is left or will come, once so many have been
// handed to the caller.
func allOver(engines []*engine, handed int) bool {
	for _, e := range engines {
		e.mu.Lock()
		handed -= e.begun
		over := !e.held && e.asks.over(e.reader)
		e.mu.Unlock()
		if !over {
			return false
		}
	}
	return handed == 0
}

// newEngine makes the engine of one server.
func newEngine(ctx context.Context, ln *line, asks *feed, once bool, out *results) *engine {
	e := &engine{line: ln, ctx: ctx, asks: asks, reader: asks.join(), once: once, out: out, open: map[*socket]struct{}{}}
	e.near = ln.way.near()
	e.single = !e.near && ln.set.tries < 2 // see lost
	if ln.set.jitter > 0 && !once && !e.near {
		e.start = time.Now().Add(rand.N(ln.set.jitter))
	}
	e.life, e.stop = context.WithCancel(ctx)
	e.window = min(e.limit(), firstWindow)
	e.over = ended(ctx) != ""
	e.first.transport, e.second.transport = e.begins(), overTCP
	e.first.list = make([]*socket, e.width(e.first.transport))
	e.second.list = make([]*socket, e.width(overTCP))
	if e.first.transport == overHTTPS {
		e.client = ln.newClient()
	}
	return e
}

// begins returns the transport of a first request. A proxy carries no UDP.
func (ln *line) begins() string {
	if ln.way.transport == overUDP && ln.server.Proxy != nil {
		return overTCP
	}
	return ln.way.transport
}

// width returns how many sockets looks over a transport share.
func (e *engine) width(transport string) int {
	if transport == overUDP {
		return max(1, min(maxSockets, int(e.limit())/4))
	}
	return max(1, min(maxStreams, int(e.limit())/perSocket))
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
	if e.client != nil {
		e.client.CloseIdleConnections()
	}
}

// fill begins looks until the window or the room for results is full, and has
// everything written that waits for it. Looks that begin together share one
// reading of the clock, taken before they are written.
func (e *engine) fill() {
	var now, at time.Time
	for n := 0; ; n++ {
		f, over := e.nextLook()
		if f == nil {
			break
		}
		if n%burstMost == 0 {
			e.flush()
			now = time.Now()
			at = e.set.at(now)
		}
		e.begin(f, over, now, at)
	}
	e.flush()
}

// nextLook returns the look of the next question if it is to be begun now, and
// whether the run is over.
func (e *engine) nextLook() (f *flight, over bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if float64(e.active) >= e.window || !e.out.room() || !e.another() || !e.over && !e.mayAsk() {
		return nil, false
	}
	f, e.next, e.held = e.next, nil, false
	e.begun++
	e.active++
	return f, e.over
}

// another fetches the next question for this server, if there is one now.
// e.mu is held.
func (e *engine) another() bool {
	if e.next == nil {
		if len(e.free) == 0 {
			e.free = e.out.flights(e.free)
		}
		n := len(e.free) - 1
		e.next, e.free = e.free[n], e.free[:n]
	}
	for !e.held {
		if !e.asks.take(e.reader, &e.next.obs.Question) {
			return false
		}
		e.held = e.server.Asked(e.next.obs.Market)
	}
	return true
}

// mayAsk reports whether another look may be begun now, as far as politeness
// goes, and takes its turn. A server that is not asked at all needs none: its
// looks end at once. e.mu is held.
func (e *engine) mayAsk() bool {
	if e.dead != nil || len(e.way.targets) == 0 {
		return true
	}
	if !e.start.IsZero() {
		if time.Now().Before(e.start) {
			return false
		}
		e.start = time.Time{}
	}
	return e.pace.allow()
}

// begin begins a look at an instant, which observations call at.
func (e *engine) begin(f *flight, over bool, now, at time.Time) {
	f.sent = now
	f.until = f.sent.Add(e.set.lookLimit())
	f.start(e.line, at)
	if failure, why := e.refuse(&f.obs.Question, over); failure != "" {
		f.fail(failure, why)
		e.finish(f)
		return
	}
	e.ask(f)
}

// hand hands a look that has ended to the caller.
func (e *engine) hand(f *flight) {
	e.mu.Lock()
	e.active--
	if f.obs.Failure == "" {
		e.kept()
	}
	e.mu.Unlock()
	e.out.put(f)
}

// refuse returns why the question is not to be asked at all, or "".
func (e *engine) refuse(question *residency.Question, over bool) (residency.Failure, string) {
	switch {
	case over:
		return ended(e.ctx), "the run ended before it was asked"
	case e.dead != nil:
		return e.dead.failure, "not asked, because the server did not answer the first question of this run: " + e.dead.text
	case len(e.way.targets) == 0 && e.way.err == nil:
		return residency.FailUnreachable, "the server has no address configured"
	case e.way.err != nil:
		return residency.FailUnreachable, e.way.err.Error()
	}
	if f := e.quiet.gaveUp(question); f != "" {
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
			e.out.ring()
			return
		case <-tick.C:
			late := time.Since(last) > 3*every
			last = time.Now()
			if !late {
				e.expire(false)
				e.fill()
				e.out.ring()
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
		due := len(list)
		for f := range s.pending.all() {
			if all || !now.Before(f.deadline) {
				list = append(list, f)
			}
		}
		for _, f := range list[due:] {
			s.pending.remove(f.id)
			s.expired(f)
		}
		s.closeIfDone()
	}
	if len(list) > 0 && !all {
		e.lost(now)
		e.pace.slower(now)
	}
	e.mu.Unlock()
	for _, f := range list {
		f.cur.RTT = now.Sub(f.sent)
		f.cur.ended(e.ctx, os.ErrDeadlineExceeded)
		e.settle(f)
	}
}

// id returns a request id that nobody can guess. The ids are not handed in
// like other randomness: no caller may make them predictable. e.mu is held.
func (e *engine) id() uint16 {
	if e.drawn == 0 || e.drawn == len(e.random) {
		crand.Read(e.random[:]) // never fails: crypto/rand.Read ends the program instead
		e.drawn = 0
	}
	id := binary.BigEndian.Uint16(e.random[e.drawn:])
	e.drawn += 2
	return id
}
