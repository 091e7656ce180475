package resolve

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"residency/internal/residency"
)

// A stream is a socket over TCP or TLS. Many looks share one: requests go out
// without waiting for the answers before them, and answers come in any order
// and are matched by id (RFC 7766 section 6.2.1.1). The request and the answer
// have their length in front (section 8).

const (
	// maxStreams is how many connections looks at one server share: RFC 7766
	// section 6.2.2 wants few.
	maxStreams = 4
	// perStream is how many requests one connection carries before it is
	// replaced.
	perStream = 1 << 14
)

// write sends what is waiting, many requests at a time, until the connection
// is closed. It is a goroutine of its own because a server that does not read
// makes a writer wait, and nobody else may wait with it.
func (e *engine) writeStream(s *socket, conn net.Conn) {
	var out []byte
	for range s.wake {
		out = out[:0]
		e.mu.Lock()
		now := time.Now()
		for _, u := range s.unsent {
			if s.pending.get(u.id) != u.f {
				continue // its time was up before it was sent
			}
			u.f.sent = now // the round trip has no part in opening the connection
			wire := u.f.cur.Request
			out = binary.BigEndian.AppendUint16(out, uint16(len(wire)))
			out = append(out, wire...)
		}
		clear(s.unsent)
		s.unsent = s.unsent[:0]
		closed := s.closed
		e.mu.Unlock()
		if closed {
			return
		}
		if len(out) == 0 {
			continue
		}
		if _, err := conn.Write(out); err != nil {
			conn.Close() // the reader sees it, and may still find answers that came before
			return
		}
	}
}

// readStream reads messages until the connection ends. A server that drips
// its bytes wins no time by it: each try has its own end.
func (e *engine) readStream(s *socket, conn net.Conn) {
	in := bufio.NewReaderSize(conn, 4096)
	var box inbox
	var r reader
	for {
		msg, err := readFramed(in, &box.room)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			e.cutShort(s, msg)
		}
		if err != nil {
			e.broke(s, err)
			return
		}
		box.list = append(box.list[:0], span{0, len(msg)})
		e.receive(s, &box, &r)
		if in.Buffered() == 0 {
			e.fill()
			e.out.ring()
		}
	}
}

// readFramed reads one message with its length in front into buf, which grows
// with what comes and not with what is announced. The error is
// io.ErrUnexpectedEOF only if the connection ended inside a message; the part
// that came is returned with it.
func readFramed(in io.Reader, buf *[]byte) ([]byte, error) {
	var length [2]byte
	if n, err := io.ReadFull(in, length[:]); err != nil {
		if n == 1 && errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	size := int(binary.BigEndian.Uint16(length[:]))
	*buf = (*buf)[:0]
	for len(*buf) < size {
		have := len(*buf)
		step := min(size-have, 4096)
		if cap(*buf) < have+step {
			*buf = append(*buf, make([]byte, step)...)
		}
		*buf = (*buf)[:have+step]
		n, err := io.ReadFull(in, (*buf)[have:])
		if err != nil {
			*buf = (*buf)[:have+n]
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return *buf, err
		}
	}
	return *buf, nil
}

// cutShort marks the tries that wait on a connection which ended inside a
// message.
func (e *engine) cutShort(s *socket, part []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for f := range s.pending.all() {
		f.cur.mark(residency.FailMalformed, errCut, part)
	}
}

var errCut = errors.New("ends before the length it announces")

// ring tells the writer of a stream that there is something to send, or that
// the stream is closed. The engine's mu is held.
func (s *socket) ring() {
	if s.wake == nil {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
