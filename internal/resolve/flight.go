package resolve

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// flight is a look under way: the look, the query it is at, and the try that
// query is at.
type flight struct {
	look
	until time.Time // when the look must have ended

	q         *query
	own       query     // the look's first
	tries     int       // begun for q
	tcp       bool      // asked over TCP from now on, since UDP could not bring it
	truncated bool      // because a response over UDP was truncated
	kept      try       // the failed try of q to report: one that says more than silence
	first     *response // what a Probe needs of the one response it wants

	cur      try
	id       uint16    // of cur
	sent     time.Time // when cur was
	deadline time.Time // of cur
}

// rooms is memory for the parts of an observation. A look that is used again
// has some from its last use, any other has none and makes new.
type rooms struct {
	addresses []residency.Answer
	chain     []residency.Link
	exchanges []residency.Exchange
	response  []byte
}

// empty clears the look for its next use, all but its rooms. Where it may not
// keep those, because what was found in them is the caller's, it clears all.
func (f *flight) empty(keep bool) {
	if !keep {
		*f = flight{}
		return
	}
	rooms, wire := f.rooms, f.own.wire
	rooms.addresses, rooms.chain = roomOf(f.obs.Addresses, rooms.addresses), roomOf(f.obs.Chain, rooms.chain)
	if len(f.obs.Exchanges) > 0 {
		rooms.response = roomOf(f.obs.Exchanges[0].Response, rooms.response)
	}
	rooms.exchanges = roomOf(f.obs.Exchanges, rooms.exchanges)
	*f = flight{own: query{wire: wire[:0]}}
	f.rooms = rooms
}

// roomOf returns the memory of a slice to be used again: that of the slice, or
// the room there was if that is larger, and none larger than any but a monstrous
// answer needs.
func roomOf[T any](list, room []T) []T {
	if cap(room) > cap(list) {
		list = room
	}
	if cap(list) > maxRoom {
		return nil
	}
	list = list[:cap(list)]
	clear(list)
	return list[:0]
}

// maxRoom bounds what a look keeps for the next one, in elements.
const maxRoom = 1024

// ask puts the look's next query to the server.
func (e *engine) ask(f *flight) {
	q := &f.own
	if len(f.obs.Exchanges) > 0 { // the bytes of the one before are kept as evidence
		q = new(query)
	}
	err := f.query(q)
	if err != nil {
		f.fail(residency.FailFormerr, err.Error())
		e.finish(f)
		return
	}
	f.q, f.tries, f.tcp, f.truncated, f.kept = q, 0, f.overTCP && e.first.transport == overUDP, false, try{}
	if len(f.obs.Exchanges) > 0 {
		e.pace.spend()
	}
	e.again(f)
}

// again makes the next try of the look's query, with its own id and its own
// source port.
func (e *engine) again(f *flight) {
	if f.tries++; f.tries > 1 {
		e.pace.spend()
	}
	wire := f.q.wire
	if len(f.obs.Exchanges) > 0 { // the first bytes are kept as evidence
		wire = append([]byte(nil), wire...)
	}
	first := len(f.obs.Exchanges) == 0
	if !first {
		f.sent = time.Now()
	}
	f.deadline = f.sent.Add(e.set.timeout)
	if f.until.Before(f.deadline) {
		f.deadline = f.until
	}
	l := &e.first
	if f.tcp {
		l = &e.second
	}
	f.cur = try{Exchange: residency.Exchange{
		Server: e.way.text, Transport: l.transport, Name: plainName(f.q.name),
		Request: wire, At: f.obs.At,
	}}
	if first {
		f.cur.room = f.rooms.response
	} else {
		f.cur.At = e.set.at(f.sent)
	}
	if l.transport != overHTTPS {
		e.send(f, l)
		return
	}
	// HTTP has no tries that wait in a table: there each has a goroutine, and
	// the window bounds them.
	e.wg.Go(func() {
		e.exchangeHTTPS(f)
		e.settle(f)
		e.fill()
		e.out.ring()
	})
}

// send gives a try to a socket, which holds it until its response comes or its
// time is up. Over UDP it goes out with the next flush, which is at the end of
// fill: whoever has something sent fills after it.
func (e *engine) send(f *flight, l *lanes) {
	wire := f.cur.Request
	e.mu.Lock()
	if e.over {
		e.mu.Unlock()
		f.fail(ended(e.ctx), "the run ended before an answer came")
		e.finish(f) // the try was not made, so there is no exchange of it
		return
	}
	s := e.socket(l)
	id := e.id()
	for s.pending.get(id) != nil {
		id = e.id()
	}
	f.id = id
	binary.BigEndian.PutUint16(wire, id)
	s.pending.put(f)
	s.sends++
	if s.wake != nil { // a stream has a writer
		s.unsent = append(s.unsent, waiting{id, f})
		s.ring()
	} else {
		e.load(s, wire)
	}
	e.mu.Unlock()
}

// settle ends a try and goes on from there: to the next query of the look, to
// the next try, to TCP, or to the end of the look. The caller owns f.
func (e *engine) settle(f *flight) {
	t := &f.cur
	f.obs.Exchanges, f.obs.Transport = append(f.obs.Exchanges, t.Exchange), t.Transport
	switch {
	case t.resp != nil:
		e.quiet.heard(&f.obs.Question)
		e.took(f)
		return
	case t.overTCP:
		f.tcp, f.truncated = true, t.Failure == residency.FailTruncated
		if !f.truncated {
			f.kept = *t // a flood, or a sign that somebody else answered
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
	if f.tries < e.set.tries && !lasting(t.Failure) && time.Now().Before(f.until) && e.quiet.gaveUp(&f.obs.Question) == "" {
		e.again(f)
		return
	}
	failure, why := e.why(f)
	switch {
	case failure == residency.FailUnreachable: // that costs no time, and may pass
	case f.obs.Type == residency.TypeHTTPS:
		e.quiet.missedExtra(quietKey(&f.obs.Question), failure)
	default:
		e.quiet.missed(quietKey(&f.obs.Question), failure)
	}
	f.fail(failure, why)
	if f.next() {
		e.ask(f)
		return
	}
	e.finish(f)
}

// took goes on after a response.
func (e *engine) took(f *flight) {
	resp := f.cur.resp
	if e.backsOff(resp.rcode) {
		e.pace.slower(time.Now())
	} else {
		e.pace.faster()
	}
	if e.once {
		f.obs.Rcode, f.obs.RTT = rcodeName(resp.rcode), f.cur.RTT
		f.noteEDNS(resp)
		if f.refused(f.q, resp) {
			e.ask(f)
			return
		}
		f.first = &response{rcode: resp.rcode, subnet: resp.subnet}
		e.finish(f)
		return
	}
	f.uses(f.q, resp, f.cur.Response)
	if f.take(f.q, resp, f.cur.RTT) {
		e.ask(f)
		return
	}
	e.finish(f)
}

// backsOff reports whether an rcode is that of a server that wants to be asked
// less.
func (e *engine) backsOff(rcode int) bool { return rcode == dns.RcodeRefused }

// why returns the failure of a query that got no response, in a word and in
// words.
func (e *engine) why(f *flight) (residency.Failure, string) {
	failure, why := f.kept.Failure, ""
	switch failure {
	case residency.FailTimeout:
		why = waited(e.set.timeout, f.tries)
	case residency.FailMismatch:
		why = "only responses to other questions came"
		if f.kept.cause == errCookie || f.kept.cause == errNoCookie || f.kept.cause == errCase {
			why = f.kept.cause.Error() + ", and over TCP none came"
		}
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
