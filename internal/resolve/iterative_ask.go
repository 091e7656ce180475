package resolve

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

const typeNS = dns.TypeNS

// walk is the work for one look: its time, its requests, and what is not worth
// trying again while it lasts.
type walk struct {
	it   *iteration
	run  context.Context // ends with the run
	ctx  context.Context // ends with the look
	stop context.CancelFunc
	left atomic.Int64 // requests that may still be made

	mu    sync.Mutex
	given map[string]string // name servers without address: why
}

func newWalk(it *iteration, ctx context.Context) *walk {
	w := &walk{it: it, run: ctx, given: map[string]string{}}
	w.ctx, w.stop = context.WithTimeout(ctx, 2*it.set.lookLimit())
	w.left.Store(int64(it.opt.LookQueries))
	return w
}

// query0 is a question to a server reached by delegation.
type query0 struct {
	name   string
	rtype  uint16
	subnet netip.Prefix // not valid: none is told
	tries  int
	secure bool // with the records of DNSSEC
}

// outcome is what came of asking one server.
type outcome struct {
	addr    string
	q       *query
	resp    *response // nil: none came
	plain   string    // rcode with which EDNS was refused
	tried   []residency.Exchange
	failure residency.Failure
	why     string
}

// ask asks a name server on its addresses in order, until one responds.
func (w *walk) ask(ns nameServer, q query0) outcome {
	last := outcome{failure: residency.FailUnreachable, why: ns.why}
	var tried []residency.Exchange
	for _, addr := range ns.addrs {
		last = w.askAddress(addr, q)
		last.addr = addr
		tried = append(tried, last.tried...)
		if last.resp != nil || ended(w.run) != "" {
			break
		}
	}
	last.tried = tried
	return last
}

// askAddress asks one address, again with less EDNS if it must.
func (w *walk) askAddress(addr string, q query0) outcome {
	e := w.it.end(addr)
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-w.ctx.Done():
		return w.late("it was busy with other looks")
	}
	if f := e.dead(); f != "" {
		return outcome{failure: f, why: fmt.Sprintf("not asked any more, because %d requests in a row got no response", deadAfter)}
	}
	// The look holds how the server takes EDNS and cookies.
	l := look{habits: e.line.habits, set: w.it.set}
	l.level, l.plain = l.habits.begin(w.it.set.now())
	var tried []residency.Exchange
	for {
		r := w.tries(addr, e, q, &l)
		r.tried, r.plain = append(tried, r.tried...), l.plain
		if r.resp == nil || !l.refused(r.q, r.resp) {
			if r.resp != nil {
				l.habits.answered(l.level, l.plain, w.it.set.now())
			}
			return r
		}
		tried = r.tried
	}
}

// tries makes the tries of one request.
func (w *walk) tries(addr string, e *endpoint, q query0, l *look) (r outcome) {
	var err error
	ask := asking{
		subnet: q.subnet, edns: l.level < ednsNone, nsid: l.level == ednsFull, udpSize: w.it.set.udpSize, mix: w.it.set.mixCase, secure: q.secure,
	}
	if ask.nsid && l.cookies < maxCookies {
		ask.cookie = l.habits.sends()
	}
	if r.q, err = newQuery(q.name, q.rtype, ask); err != nil {
		r.failure, r.why = residency.FailFormerr, err.Error()
		return r
	}
	r.q.delegations = true
	best := try{}
	begun := 0
	for range q.tries {
		if w.left.Add(-1) < 0 || w.it.spent.Add(1) > int64(w.it.opt.RunQueries) {
			r.failure = residency.FailBudget
			r.why = fmt.Sprintf("the %d requests of the look, or the %d of the run, are used up", w.it.opt.LookQueries, w.it.opt.RunQueries)
			return r
		}
		if !e.turn(w.ctx) {
			break
		}
		begun++
		t := w.exchange(e, l.overTCP, r.q)
		r.tried = append(r.tried, t.Exchange)
		if t.overTCP {
			e.line.pace.spend() // the same try goes on: it does not wait, and later ones pay
			w.left.Add(-1)
			w.it.spent.Add(1)
			t = w.exchange(e, true, r.q)
			r.tried = append(r.tried, t.Exchange)
		}
		if t.resp != nil {
			e.heard(t.resp.rcode)
			r.resp = t.resp
			return r
		}
		if best.Failure == "" || best.Failure == residency.FailTimeout {
			best = t
		}
		if w.ctx.Err() != nil || lasting(t.Failure) || t.Failure == residency.FailUnreachable {
			break
		}
	}
	return w.silent(r, e, best, begun)
}

// silent completes the outcome of a request that got no response.
func (w *walk) silent(r outcome, e *endpoint, best try, begun int) outcome {
	if begun == 0 {
		late := w.late("the look ran out of time before it was its turn")
		r.failure, r.why = late.failure, late.why
		return r
	}
	if f := ended(w.run); f != "" {
		r.failure, r.why = f, "the run ended before an answer came"
		return r
	}
	e.missed(best.Failure)
	r.failure = best.Failure
	switch best.Failure {
	case residency.FailTimeout:
		r.why = waited(w.it.set.timeout, begun)
	case residency.FailMismatch:
		r.why = "only responses to other questions came"
	case residency.FailMalformed:
		r.why = fmt.Sprintf("the response is no sound DNS message: it %v", best.cause)
	default:
		r.why = fmt.Sprint(best.cause)
	}
	return r
}

// late is the outcome of a look that ran out of time.
func (w *walk) late(why string) outcome {
	if f := ended(w.run); f != "" {
		return outcome{failure: f, why: "the run ended before it was asked"}
	}
	return outcome{failure: residency.FailTimeout, why: why}
}

// exchange makes one try on a socket of its own, so that each request has its
// own source port. A try cut short by the end of the look, and not of the run,
// has timed out.
func (w *walk) exchange(e *endpoint, tcp bool, q *query) try {
	transport := e.line.way.transport
	if tcp {
		transport = overTCP
	}
	t := e.line.exchange(w.ctx, transport, q, newID())
	e.line.habits.checkCookie(&t, q.cookie)
	if t.Failure == residency.FailBudget && ended(w.run) == "" {
		t.Failure = residency.FailTimeout
	}
	return t
}

// newID returns a request id that nobody can guess.
func newID() uint16 {
	var b [2]byte
	rand.Read(b[:]) // never fails: crypto/rand.Read ends the program instead
	return binary.BigEndian.Uint16(b[:])
}

// turn waits until the address may be asked once more.
func (e *endpoint) turn(ctx context.Context) bool {
	if e.line.pace == nil {
		return true
	}
	return e.line.pace.lim.Wait(ctx) == nil
}

// dead returns the failure of an address that is left alone, or "".
func (e *endpoint) dead() residency.Failure {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.row < deadAfter {
		return ""
	}
	return e.last
}

// heard notes a response; a refusal slows the requests down.
func (e *endpoint) heard(rcode int) {
	if rcode == dns.RcodeRefused {
		e.line.pace.slower(time.Now())
	} else {
		e.line.pace.faster()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.row = 0
}

func (e *endpoint) missed(f residency.Failure) {
	e.line.pace.slower(time.Now())
	e.mu.Lock()
	defer e.mu.Unlock()
	e.row++
	e.last = f
}

// hopeless returns why a name server's address could not be found earlier in
// this look, or "".
func (w *walk) hopeless(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.given[name]
}

// giveUp notes that a name server's address cannot be found, so that servers
// that need each other cost one attempt and not one for every order.
func (w *walk) giveUp(name, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given[name] = why
}
