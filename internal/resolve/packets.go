package resolve

import (
	"errors"
	"net"
	"syscall"
)

// flush writes what waits to be written over UDP.
func (e *engine) flush() {
	e.mu.Lock()
	for len(e.loaded) > 0 {
		n := len(e.loaded) - 1
		s := e.loaded[n]
		e.loaded = e.loaded[:n]
		out, conn, raw := s.out, s.conn, s.raw
		s.out, out.alike = nil, s.cuts && !e.single
		e.mu.Unlock()
		err := out.write(conn, raw)
		if err != nil {
			e.broke(s, err) // nobody listens there, for one
		}
		e.mu.Lock()
		s.cuts = out.alike
		e.spare = append(e.spare, out)
	}
	e.mu.Unlock()
}

// load puts a request where flush finds it. The engine's mu is held.
func (e *engine) load(s *socket, wire []byte) {
	if s.out == nil {
		if n := len(e.spare) - 1; n >= 0 {
			s.out, e.spare = e.spare[n], e.spare[:n]
		} else {
			s.out = newBurst()
		}
		if s.conn != nil {
			e.loaded = append(e.loaded, s)
		}
	}
	s.out.add(wire)
}

// inbox returns room for messages. Sockets change often, and the room for the
// longest message there is would be most of the garbage.
func (e *engine) inbox() *inbox {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(e.idle) - 1
	if n < 0 {
		return newInbox()
	}
	in := e.idle[n]
	e.idle = e.idle[:n]
	return in
}

// release takes an inbox back.
func (e *engine) release(in *inbox) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.idle = append(e.idle, in)
}

// readPackets reads from a UDP socket until it gives an error. It tells the
// caller of finished looks only when nothing is left to be read.
func (e *engine) readPackets(s *socket, conn net.Conn, raw syscall.RawConn) error {
	in := e.inbox()
	defer e.release(in)
	var r reader
	if raw == nil {
		for {
			n, err := conn.Read(in.room)
			if err != nil {
				return err
			}
			in.list = append(in.list[:0], span{0, n})
			e.receive(s, in, &r)
			e.fill()
			e.out.ring()
		}
	}
	err := raw.Read(func(fd uintptr) bool {
		for more := true; more; {
			more = in.read(func(room []byte) (int, error) { return readNow(fd, room) })
			if len(in.list) > 0 {
				e.receive(s, in, &r)
				e.fill()
			}
		}
		if !e.busy() {
			e.out.ring()
		}
		return in.err != nil
	})
	return errors.Join(in.err, err)
}
