package resolve

import (
	"encoding/binary"
	"fmt"
	"time"

	"residency/internal/residency"
)

// flight is a look under way: the look, the query it is at, and the try that
// query is at.
type flight struct {
	look
	until time.Time // when the look must have ended

	q         *query
	tries     int      // begun for q
	tcp       bool     // asked over TCP from now on
	truncated bool     // because a response over UDP was truncated
	kept      try      // the failed try of q to report: one that says more than silence
	first     response // what a Probe needs of the one response it wants

	cur      try
	sent     time.Time // when cur was
	deadline time.Time // of cur
}

// ask puts the look's next query to the server.
func (e *engine) ask(f *flight) {
	q, err := f.query()
	if err != nil {
		f.fail(residency.FailFormerr, err.Error())
		e.finish(f)
		return
	}
	f.q, f.tries, f.tcp, f.truncated, f.kept = q, 0, false, false, try{}
	e.again(f)
}

// again makes the next try of the look's query, with its own id and its own
// source port.
func (e *engine) again(f *flight) {
	f.tries++
	wire := f.q.wire
	if len(f.obs.Exchanges) > 0 { // the first bytes are kept as evidence
		wire = append([]byte(nil), wire...)
	}
	f.sent = time.Now()
	f.deadline = f.sent.Add(e.set.timeout)
	if f.until.Before(f.deadline) {
		f.deadline = f.until
	}
	f.cur = try{Exchange: residency.Exchange{
		Server: e.addr, Transport: "udp", Name: plainName(f.q.name),
		Request: wire, At: e.set.now(),
	}}
	if !f.tcp {
		e.send(f)
		return
	}
	f.cur.Transport = "tcp"
	// TCP is rare, so there a goroutine for each exchange is no matter; the
	// window bounds them.
	e.wg.Go(func() {
		e.exchangeTCP(f)
		e.settle(f)
		e.fill()
	})
}

// send gives a try to a socket, which holds it until its response comes or its
// time is up.
func (e *engine) send(f *flight) {
	wire := f.cur.Request
	e.mu.Lock()
	if e.over {
		e.mu.Unlock()
		f.fail(ended(e.ctx), "the run ended before an answer came")
		e.finish(f) // the try was not made, so there is no exchange of it
		return
	}
	s := e.socket()
	id := e.id()
	for s.pending[id] != nil {
		id = e.id()
	}
	binary.BigEndian.PutUint16(wire, id)
	s.pending[id] = f
	s.sends++
	conn := s.conn
	if conn == nil { // still being opened
		s.unsent = append(s.unsent, wire)
	}
	e.mu.Unlock()
	if conn != nil {
		e.write(s, conn, wire)
	}
}

// settle ends a try and goes on from there: to the next query of the look, to
// the next try, to TCP, or to the end of the look. The caller owns f.
func (e *engine) settle(f *flight) {
	t := &f.cur
	f.obs.Exchanges, f.obs.Transport = append(f.obs.Exchanges, t.Exchange), t.Transport
	host := f.obs.Endpoint.Host
	switch {
	case t.resp != nil:
		e.quiet.heard(host)
		e.took(f)
		return
	case t.overTCP:
		f.tcp, f.truncated = true, t.Failure == residency.FailTruncated
		if !f.truncated {
			f.kept = *t // a flood
		}
		f.tries-- // TCP continues the same try
		e.again(f)
		return
	case t.Failure == residency.FailCancelled || t.Failure == residency.FailBudget:
		f.fail(t.Failure, "the run ended before an answer came")
		e.finish(f)
		return
	}
	if f.kept.Failure == "" || f.kept.Failure == residency.FailTimeout {
		f.kept = *t
	}
	if f.tries < e.set.tries && time.Now().Before(f.until) && e.quiet.gaveUp(host) == "" {
		e.again(f)
		return
	}
	failure, why := e.why(f)
	if failure != residency.FailUnreachable { // that costs no time, and may pass
		e.quiet.missed(host, failure)
	}
	f.fail(failure, why)
	e.finish(f)
}

// took goes on after a response.
func (e *engine) took(f *flight) {
	resp := f.cur.resp
	if e.once && !(f.q.edns && refusesEDNS(resp.rcode)) {
		f.first = response{rcode: resp.rcode, subnet: resp.subnet}
		e.finish(f)
		return
	}
	if f.take(f.q, resp, f.cur.RTT) {
		e.ask(f)
		return
	}
	e.finish(f)
}

// why returns the failure of a query that got no response, in a word and in
// words.
func (e *engine) why(f *flight) (residency.Failure, string) {
	failure, why := f.kept.Failure, ""
	switch failure {
	case residency.FailTimeout:
		why = waited(e.set.timeout, f.tries)
	case residency.FailMismatch:
		why = "only responses to other questions came"
	case residency.FailMalformed:
		why = fmt.Sprintf("the response is no sound DNS message: it %v", f.kept.cause)
	default:
		why = fmt.Sprint(f.kept.cause)
	}
	if f.truncated && (failure == residency.FailTimeout || failure == residency.FailUnreachable) {
		return residency.FailTruncated, "the answer did not fit into UDP, and over TCP: " + why
	}
	return failure, why
}
