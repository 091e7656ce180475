package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"residency/internal/residency"
)

// exchangeTCP sends the request with its length in front (RFC 7766 section 8)
// and reads messages until one is the response or time is up. The deadline of
// the connection is fixed, so dripping bytes wins a server no time.
func (a *asker) exchangeTCP(ctx context.Context, conn net.Conn, q *query, id uint16, t *try) {
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(t.Request)))
	if _, err := conn.Write(append(framed, t.Request...)); err != nil {
		t.Failure, t.cause = failureOf(ctx, err), err
		return
	}
	for range maxStray {
		msg, err := a.readFramed(conn)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			t.mark(residency.FailMalformed, errors.New("ends before the length it announces"), msg)
			return
		}
		if err != nil {
			t.ended(ctx, err)
			return
		}
		if t.read(q, id, msg) {
			return
		}
	}
}

// readFramed reads one message with its length in front. The error is
// io.ErrUnexpectedEOF only if the connection ended inside a message; the part
// that came is returned with it.
func (a *asker) readFramed(conn net.Conn) ([]byte, error) {
	if _, err := io.ReadFull(conn, a.buf[:2]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint16(a.buf))
	n, err := io.ReadFull(conn, a.buf[:size])
	if errors.Is(err, io.EOF) && size > 0 {
		err = io.ErrUnexpectedEOF
	}
	return a.buf[:n], err
}
