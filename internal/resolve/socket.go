package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"residency/internal/residency"
)

// socket is one UDP socket, or one stream, and the tries that wait for a
// response on it. All fields but the connection's own methods are guarded by
// the engine's mu.
type socket struct {
	transport string
	conn      net.Conn        // nil while it is being opened
	raw       syscall.RawConn // conn, for many packets at a time; nil where that cannot be
	cuts      bool            // the system cuts bursts into packets
	out       *burst          // UDP: requests to be written; nil: none
	unsent    []waiting       // of a stream: tries to be written once it is open, or by the writer
	wake      chan struct{}   // of a stream: holds one token while unsent may not be empty
	pending   tries
	sends     int
	heard     time.Time // when the last response came on a stream; zero: none yet
	strays    int       // messages that were no response to anything
	bears     int       // how many of those it bears
	worn      bool      // takes no new tries, and is closed when the last one is over
	closed    bool
}

// waiting is a try that is to be written. It is still to be, and its flight may
// be touched, only while the pending table has it.
type waiting struct {
	id uint16
	f  *flight
}

// lanes are the sockets in use over one transport; the one of lane turn is
// next.
type lanes struct {
	transport string
	list      []*socket
	turn      int
	each      int // of streams: how many tries may wait on one; 0: any number
}

// socket returns the socket for the next try; they take turns. e.mu is held.
func (e *engine) socket(l *lanes) *socket {
	if s := l.list[l.turn]; s != nil && s.loading() {
		return s // what goes out together costs less
	}
	for range l.list {
		l.turn = (l.turn + 1) % len(l.list)
		// Another try on a socket that has its fill would overflow its buffer.
		if s := l.list[l.turn]; s == nil || s.wake != nil || s.pending.n < perSocket {
			break
		}
	}
	s := l.list[l.turn]
	if s != nil && s.spent() {
		s.worn = true
		s.closeIfDone()
	}
	if s != nil && !s.worn && !s.closed && (l.each == 0 || s.pending.n < l.each) {
		return s
	}
	s = &socket{transport: l.transport, bears: maxStray}
	if l.transport != overUDP {
		s.wake = make(chan struct{}, 1)
	}
	if old := l.list[l.turn]; old != nil {
		old.worn = true
		old.closeIfDone()
	}
	l.list[l.turn] = s
	e.open[s] = struct{}{}
	e.wg.Go(func() { e.serve(s) })
	return s
}

// loading reports whether the socket has requests that are still to be written,
// and takes another to go with them. The engine's mu is held.
func (s *socket) loading() bool {
	return s.out != nil && len(s.out.list) < burstMost && s.pending.n < perSocket && !s.spent() && !s.worn && !s.closed
}

// spent reports whether the socket has carried what it may. The engine's mu is
// held.
func (s *socket) spent() bool {
	if s.wake == nil {
		return s.sends >= perPort
	}
	return s.sends >= perStream
}

// expired notes that the time of a try on the socket is up. A retry over UDP
// must come from another port; a stream on which nothing has come since the
// try was sent is dead, and any other still good. The engine's mu is held.
func (s *socket) expired(f *flight) {
	if s.wake == nil || s.heard.Before(f.sent) {
		s.worn = true
	}
	s.bears++ // its answer may still come
}

// shut closes the socket. The engine's mu is held.
func (s *socket) shut() {
	s.closed = true
	switch conn := s.conn.(type) {
	case nil:
	case *net.UDPConn:
		// Its reader, which may be who calls, closes it: Close waits for readers.
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // fails only if it is closed
	default:
		conn.Close()
	}
	s.ring()
}

// closeIfDone closes a worn socket on which nothing waits. The engine's mu is
// held.
func (s *socket) closeIfDone() {
	if s.worn && !s.closed && s.pending.n == 0 {
		s.shut()
	}
}

// serve opens the socket and reads from it until it is closed.
func (e *engine) serve(s *socket) {
	ctx, cancel := context.WithTimeout(e.life, e.set.timeout)
	conn, err := e.line.open(ctx, s.transport)
	cancel()
	if err != nil {
		e.broke(s, err)
		return
	}
	defer conn.Close()
	raw := rawOf(conn)
	cuts := raw != nil && canCut(raw)
	e.mu.Lock()
	s.conn = conn
	if s.wake == nil {
		s.raw = raw
		s.cuts = cuts
		if s.out != nil {
			e.loaded = append(e.loaded, s)
		}
	}
	if s.closed {
		conn.Close()
	}
	e.mu.Unlock()
	if s.wake != nil {
		e.wg.Go(func() { e.writeStream(s, conn) })
		e.readStream(s, conn)
		return
	}
	e.flush()
	e.broke(s, e.readPackets(s, conn, raw))
}

// busy reports whether so many looks are under way that their results will
// soon be enough to wake the caller for; if not soon, the sweep does.
func (e *engine) busy() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.active >= resultsLoud
}

// broke ends the tries that wait on a socket that gave an error: it could not
// be opened, or the system learned that nobody listens there.
//
// A server may close a stream whenever it likes (RFC 7766 section 6.2.4). If
// it answered on this one, the tries that were left over go out again on
// another, and no more wait on one than this server answers.
func (e *engine) broke(s *socket, err error) {
	now := time.Now()
	e.mu.Lock()
	s.shut()
	delete(e.open, s)
	list := s.pending.takeAll()
	again := s.wake != nil && !s.heard.IsZero() && !errors.Is(err, io.ErrUnexpectedEOF) && !e.over
	if again && len(list) > 0 {
		l := e.lanesOf(s)
		l.each = max(1, s.sends-len(list))
	}
	e.mu.Unlock()
	for _, f := range list {
		if again && f.cur.Failure == "" && now.Before(f.deadline) {
			e.resend(f)
			continue
		}
		f.cur.RTT = now.Sub(f.sent)
		f.cur.ended(e.ctx, err)
		e.settle(f)
	}
	if len(list) > 0 {
		e.fill()
		e.out.ring()
	}
}

// lanesOf returns the lanes the socket is of.
func (e *engine) lanesOf(s *socket) *lanes {
	if s.transport == e.first.transport {
		return &e.first
	}
	return &e.second
}

// resend sends a try again whose stream was closed under it. The server may
// never have seen it, so it is the same try, and its deadline stays.
func (e *engine) resend(f *flight) {
	l := &e.first
	if f.tcp {
		l = &e.second
	}
	e.send(f, l)
}

// reader is what whoever reads from a socket uses again and again.
type reader struct {
	scratch response
	arrived []arrival
}

// arrival is a try and its response.
type arrival struct {
	f   *flight
	msg []byte
}

// receive finds the tries that messages are the responses to, by id and
// question (the socket has seen to the source), and goes on with them. The
// reader begins new looks after that, all at once.
//
// The clock is read once for all, after they were: a round trip is never taken
// for shorter than it was, which would be proof of something.
func (e *engine) receive(s *socket, in *inbox, r *reader) {
	now := time.Now()
	var drowned []*flight
	e.mu.Lock()
	for _, at := range in.list {
		msg := in.room[at.begin:at.end]
		f := s.match(msg)
		if f != nil {
			s.pending.remove(f.id)
			s.heard = now
			r.arrived = append(r.arrived, arrival{f, msg})
			continue
		}
		if s.strays++; s.strays >= s.bears {
			s.worn = true
			drowned = append(drowned, s.pending.takeAll()...)
		}
	}
	s.closeIfDone()
	e.mu.Unlock()
	for _, a := range r.arrived {
		a.f.cur.RTT = now.Sub(a.f.sent)
		if !a.f.cur.overTCP {
			a.f.cur.accept(a.f.q, a.msg, &r.scratch)
			e.habits.checkCookie(&a.f.cur, a.f.q.cookie)
		}
		e.settle(a.f)
	}
	clear(r.arrived)
	r.arrived = r.arrived[:0]
	e.drown(drowned)
}

// match returns the try that msg is the response to. If there is none, the
// message leaves its mark on the tries it may have been meant for: the one
// with its id, else those with its question, else, when it is no DNS message
// at all, every one. The engine's mu is held.
func (s *socket) match(msg []byte) *flight {
	if len(msg) < headerLen {
		for f := range s.pending.all() {
			f.cur.mark(residency.FailMalformed, errShort, msg)
		}
		return nil
	}
	id := binary.BigEndian.Uint16(msg)
	if f := s.pending.get(id); f != nil {
		if f.cur.check(f.q, id, msg) || f.cur.overTCP {
			return f
		}
		return nil
	}
	for f := range s.pending.all() {
		if len(msg) >= f.q.end && sameQuestion(msg[headerLen:f.q.end], f.q.wire[headerLen:f.q.end]) {
			f.cur.mark(residency.FailMismatch, errOther, msg)
		}
	}
	return nil
}

// drown sends tries over TCP whose socket is flooded with guesses.
func (e *engine) drown(list []*flight) {
	for _, f := range list {
		f.cur.RTT = time.Since(f.sent)
		if f.cur.Failure == "" {
			f.cur.Failure, f.cur.cause = residency.FailMismatch, errOther
		}
		f.cur.overTCP = f.cur.Transport == overUDP
		e.settle(f)
	}
}
