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

// exchangeTCP makes one try over TCP on a connection of its own: the request
// with its length in front (RFC 7766 section 8), then messages until one is
// the response or time is up. The deadline of the connection is fixed, so
// dripping bytes wins a server no time.
func (e *engine) exchangeTCP(f *flight) {
	t := &f.cur
	ctx, cancel := context.WithDeadline(e.ctx, f.deadline)
	defer cancel()
	conn, err := e.set.dial(ctx, "tcp", e.addr)
	if err != nil {
		t.ended(e.ctx, err)
		return
	}
	defer conn.Close()
	f.sent = time.Now()
	_ = conn.SetDeadline(f.deadline) // a connection without deadlines still ends with ctx, below
	// Closing ends a read under way at once when the time or the run ends.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	e.talkTCP(conn, f)
	t.RTT = time.Since(f.sent)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && t.Failure == residency.FailUnreachable {
		t.Failure = failureOf(e.ctx, ctx.Err()) // closed by us
	}
}

// talkTCP sends the request and reads until its response comes.
func (e *engine) talkTCP(conn net.Conn, f *flight) {
	t := &f.cur
	e.mu.Lock()
	id := e.id()
	e.mu.Unlock()
	binary.BigEndian.PutUint16(t.Request, id)
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(t.Request)))
	if _, err := conn.Write(append(framed, t.Request...)); err != nil {
		t.ended(e.ctx, err)
		return
	}
	buf, _ := e.bufs.Get().(*[maxMessage]byte)
	if buf == nil {
		buf = new([maxMessage]byte)
	}
	defer e.bufs.Put(buf)
	for range maxStray {
		msg, err := readFramed(conn, buf)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			t.mark(residency.FailMalformed, errors.New("ends before the length it announces"), msg)
			return
		}
		if err != nil {
			t.ended(e.ctx, err)
			return
		}
		if t.check(f.q, id, msg) {
			t.accept(f.q, msg, new(response))
			return
		}
	}
}

// readFramed reads one message with its length in front. The error is
// io.ErrUnexpectedEOF only if the connection ended inside a message; the part
// that came is returned with it.
func readFramed(conn net.Conn, buf *[maxMessage]byte) ([]byte, error) {
	if _, err := io.ReadFull(conn, buf[:2]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint16(buf[:]))
	n, err := io.ReadFull(conn, buf[:size])
	if errors.Is(err, io.EOF) && size > 0 {
		err = io.ErrUnexpectedEOF
	}
	return buf[:n], err
}
