package resolve

import (
	"context"
	"encoding/binary"
	"net"
	"time"

	"residency/internal/residency"
)

// socket is one UDP socket and the tries that wait for a response on it. All
// fields but the connection's own methods are guarded by the engine's mu.
type socket struct {
	conn    net.Conn // nil while it is being opened
	unsent  [][]byte // requests to be written once it is open
	pending map[uint16]*flight
	sends   int
	strays  int  // messages that were no response to anything
	worn    bool // takes no new tries, and is closed when the last one is over
	closed  bool
}

// socket returns the socket for the next try; they take turns. e.mu is held.
func (e *engine) socket() *socket {
	e.turn = (e.turn + 1) % len(e.lanes)
	s := e.lanes[e.turn]
	if s != nil && s.sends >= perPort {
		s.worn = true
		s.closeIfDone()
	}
	if s == nil || s.worn || s.closed {
		s = &socket{pending: make(map[uint16]*flight)}
		e.lanes[e.turn] = s
		e.open[s] = struct{}{}
		e.wg.Go(func() { e.serve(s) })
	}
	return s
}

// shut closes the socket. The engine's mu is held.
func (s *socket) shut() {
	s.closed = true
	if s.conn != nil {
		s.conn.Close()
	}
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
	conn, err := e.set.dial(ctx, "udp", e.addr)
	cancel()
	if err != nil {
		e.broke(s, err)
		return
	}
	defer conn.Close()
	e.mu.Lock()
	s.conn = conn
	unsent := s.unsent
	s.unsent = nil
	if s.closed {
		conn.Close()
	}
	e.mu.Unlock()
	for _, wire := range unsent {
		e.write(s, conn, wire)
	}
	buf := make([]byte, maxMessage)
	var scratch response
	for {
		n, err := conn.Read(buf)
		if err != nil {
			e.broke(s, err)
			return
		}
		e.receive(s, buf[:n], &scratch)
	}
}

// broke ends the tries that wait on a socket that gave an error: it could not
// be opened, or the system learned that nobody listens there.
func (e *engine) broke(s *socket, err error) {
	now := time.Now()
	e.mu.Lock()
	s.shut()
	delete(e.open, s)
	list := s.takeAll()
	e.mu.Unlock()
	for _, f := range list {
		f.cur.RTT = now.Sub(f.sent)
		f.cur.ended(e.ctx, err)
		e.settle(f)
	}
	if len(list) > 0 {
		e.fill()
	}
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
// reader's own, reused from message to message.
func (e *engine) receive(s *socket, msg []byte, scratch *response) {
	e.mu.Lock()
	f := s.match(msg)
	if f == nil {
		s.strays++
		var drowned []*flight
		if s.strays >= maxStray {
			s.worn = true
			drowned = s.takeAll()
		}
		s.closeIfDone()
		e.mu.Unlock()
		e.drown(drowned)
		return
	}
	delete(s.pending, binary.BigEndian.Uint16(msg))
	s.closeIfDone()
	e.mu.Unlock()
	f.cur.RTT = time.Since(f.sent)
	f.cur.accept(f.q, msg, scratch)
	e.settle(f)
	e.fill()
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
		if f.cur.check(f.q, id, msg) {
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
		f.cur.overTCP = true
		e.settle(f)
	}
}
