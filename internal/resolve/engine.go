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

	viaText string // via(), made once
	key     string // of what the Resolver remembers of this way
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
	qs     []residency.Question
	mine   []int // indexes of the questions that go to this server; nil: all
	once   bool  // end each look at its first response (Probe)
	out    *results
	wg     sync.WaitGroup
	client *http.Client // for HTTPS

	mu     sync.Mutex
	over   bool      // ctx ended: nothing is sent any more
	start  time.Time // nothing is sent before; the zero time: at once
	next   int       // index of the next question in mine
	active int       // looks begun and not finished
	window float64
	shrunk time.Time            // when the window was last made smaller
	first  lanes                // of the address's own transport
	second lanes                // over TCP, for what UDP could not bring
	open   map[*socket]struct{} // these and the ones waiting to be closed
	random [256]byte
	drawn  int // bytes of random used up; 0: none drawn yet
}

// run puts every question to every line and calls done for each look that
// ends. It returns when all have ended and every goroutine and socket is gone.
func run(ctx context.Context, lines []*line, qs []residency.Question, once bool, done func(*flight)) {
	out := newResults()
	engines := make([]*engine, 0, len(lines))
	left := 0
	for _, ln := range lines {
		e := newEngine(ctx, ln, qs, once, out)
		engines = append(engines, e)
		left += e.count()
	}
	for _, e := range engines {
		e.wg.Go(e.sweep)
		e.fill()
	}
	var batch []*flight
	for left > 0 {
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

// newEngine makes the engine of one server.
func newEngine(ctx context.Context, ln *line, qs []residency.Question, once bool, out *results) *engine {
	e := &engine{line: ln, ctx: ctx, qs: qs, once: once, out: out, open: map[*socket]struct{}{}}
	if ln.set.jitter > 0 && !once && !ln.way.near() {
		e.start = time.Now().Add(rand.N(ln.set.jitter))
	}
	if ln.server.picky() {
		e.mine = make([]int, 0, len(qs))
		for i := range qs {
			if ln.server.Asked(qs[i].Market) {
				e.mine = append(e.mine, i)
			}
		}
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

// count returns how many questions go to the server.
func (e *engine) count() int {
	if e.mine != nil {
		return len(e.mine)
	}
	return len(e.qs)
}

// question returns the nth question that goes to the server.
func (e *engine) question(n int) residency.Question {
	if e.mine != nil {
		n = e.mine[n]
	}
	return e.qs[n]
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

// fill begins looks until the window or the room for results is full.
func (e *engine) fill() {
	for {
		e.mu.Lock()
		if e.next == e.count() || float64(e.active) >= e.window || !e.out.room() || !e.over && !e.mayAsk() {
			e.mu.Unlock()
			return
		}
		question := e.question(e.next)
		e.next++
		e.active++
		e.mu.Unlock()
		e.begin(question)
	}
}

// mayAsk reports whether another look may be begun now, as far as politeness
// goes, and takes its turn. e.mu is held.
func (e *engine) mayAsk() bool {
	if !e.start.IsZero() {
		if time.Now().Before(e.start) {
			return false
		}
		e.start = time.Time{}
	}
	return e.pace.allow()
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
	case len(e.way.targets) == 0 && e.way.err == nil:
		return residency.FailUnreachable, "the server has no address configured"
	case e.way.err != nil:
		return residency.FailUnreachable, e.way.err.Error()
	}
	if f := e.quiet.gaveUp(quietKey(question)); f != "" {
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
			s.expired(f)
			list = append(list, f)
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
		crand.Read(e.random[:]) // never fails: crypto/rand.Read ends the program instead
		e.drawn = 0
	}
	id := binary.BigEndian.Uint16(e.random[e.drawn:])
	e.drawn += 2
	return id
}
