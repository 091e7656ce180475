package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"residency/internal/residency"
)

// socket is one UDP socket, or one stream, and the tries that wait for a
// response on it. All fields but the connection's own methods are guarded by
// the engine's mu.
type socket struct {
	transport string
	conn      net.Conn      // nil while it is being opened
	unsent    []waiting     // tries to be written once it is open, or by the writer
	wake      chan struct{} // of a stream: holds one token while unsent may not be empty
	pending   map[uint16]*flight
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
	for range l.list {
		l.turn = (l.turn + 1) % len(l.list)
		// Another try on a socket that has its fill would overflow its buffer.
		if s := l.list[l.turn]; s == nil || s.wake != nil || len(s.pending) < perSocket {
			break
		}
	}
	s := l.list[l.turn]
	if s != nil && s.spent() {
		s.worn = true
		s.closeIfDone()
	}
	if s != nil && !s.worn && !s.closed && (l.each == 0 || len(s.pending) < l.each) {
		return s
	}
	s = &socket{transport: l.transport, pending: make(map[uint16]*flight), bears: maxStray}
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
	if s.worn && !s.closed && len(s.pending) == 0 {
		s.shut()
	}
}

// write sends one request. The system may tell the writer, and only the
// writer, what it learned of earlier requests (nobody listens there), so an
// error ends the socket here as it does in serve.
func (e *engine) write(s *socket, conn net.Conn, wire []byte) {
	if _, err := conn.Write(wire); err != nil {
		e.broke(s, err)
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
	e.mu.Lock()
	s.conn = conn
	var unsent [][]byte
	if s.wake == nil {
		for _, u := range s.unsent {
			if s.pending[u.id] == u.f {
				unsent = append(unsent, u.f.cur.Request)
			}
		}
		s.unsent = nil
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
	for _, wire := range unsent {
		e.write(s, conn, wire)
	}
	e.broke(s, e.readPackets(s, conn))
}

// busy reports whether so many looks are under way that their results will
// soon be enough to wake the caller for; if not soon, the sweep does.
func (e *engine) busy() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.active >= resultsLoud
}

// buffer returns room for a message. Sockets change often, and the room for the
// longest message there is would be most of the garbage.
func (e *engine) buffer() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(e.idle) - 1
	if n < 0 {
		return make([]byte, maxMessage)
	}
	buf := e.idle[n]
	e.idle = e.idle[:n]
	return buf
}

// release takes a buffer back.
func (e *engine) release(buf []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.idle = append(e.idle, buf)
}

// readPackets reads from a UDP socket until it gives an error. It tells the
// caller of finished looks only when nothing is left to be read.
func (e *engine) readPackets(s *socket, conn net.Conn) error {
	buf := e.buffer()
	defer e.release(buf)
	var scratch response
	if udp, ok := conn.(*net.UDPConn); ok {
		return drain(udp, buf, func(n int) { e.receive(s, buf[:n], &scratch) }, func() {
			e.fill()
			if !e.busy() {
				e.out.ring()
			}
		})
	}
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		e.receive(s, buf[:n], &scratch)
		e.fill()
		e.out.ring()
	}
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
	list := s.takeAll()
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

// takeAll takes every try out of the pending table. The engine's mu is held.
func (s *socket) takeAll() []*flight {
	list := make([]*flight, 0, len(s.pending))
	for _, f := range s.pending {
		list = append(list, f)
	}
	clear(s.pending)
	return list
}

// receive finds the try that a message is the response to, by id and question
// (the socket has seen to the source), and goes on with it. scratch is the
// reader's own, reused from message to message. The reader begins new looks
// after some messages, all at once: a server that is sent one request at a time
// goes to sleep after each, and waking it costs more than the request.
func (e *engine) receive(s *socket, msg []byte, scratch *response) {
	e.mu.Lock()
	f := s.match(msg)
	if f == nil {
		s.strays++
		var drowned []*flight
		if s.strays >= s.bears {
			s.worn = true
			drowned = s.takeAll()
		}
		s.closeIfDone()
		e.mu.Unlock()
		e.drown(drowned)
		return
	}
	delete(s.pending, binary.BigEndian.Uint16(msg))
	now := time.Now()
	s.heard = now
	s.closeIfDone()
	e.mu.Unlock()
	f.cur.RTT = now.Sub(f.sent)
	if !f.cur.overTCP {
		f.cur.accept(f.q, msg, scratch)
		e.cookies(f)
	}
	e.settle(f)
}

// match returns the try that msg is the response to. If there is none, the
// message leaves its mark on the tries it may have been meant for: the one
// with its id, else those with its question, else, when it is no DNS message
// at all, every one. The engine's mu is held.
func (s *socket) match(msg []byte) *flight {
	if len(msg) < headerLen {
		for _, f := range s.pending {
			f.cur.mark(residency.FailMalformed, errShort, msg)
		}
		return nil
	}
	id := binary.BigEndian.Uint16(msg)
	if f := s.pending[id]; f != nil {
		if f.cur.check(f.q, id, msg) || f.cur.overTCP {
			return f
		}
		return nil
	}
	for _, f := range s.pending {
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
