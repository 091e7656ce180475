package resolve

import (
	"context"
	"encoding/binary"
	"net"
	"time"

	"residency/internal/residency"
)

// exchange makes one exchange with the server of the line over one transport,
// on a connection of its own: for questions that are few at each server, where
// an engine is too much. It returns when the response has come, when the
// settings' time-out or ctx has ended, or when the connection has.
//
// The try says all: the bytes, the round trip, the response, or the failure
// with its cause. A truncated response over UDP is the failure truncated with
// overTCP set; asking again is for the caller.
func (ln *line) exchange(ctx context.Context, transport string, q *query, id uint16) try {
	t := try{Exchange: residency.Exchange{
		Server: ln.way.text, Transport: transport, Name: plainName(q.name),
		Request: append([]byte(nil), q.wire...), At: ln.set.now(),
	}}
	limit, cancel := context.WithTimeout(ctx, ln.set.timeout)
	defer cancel()
	begin := time.Now()
	if err := ln.talk(limit, &t, q, id); err != nil {
		t.ended(ctx, orTimeout(limit, err))
	}
	t.RTT = time.Since(begin)
	return t
}

// orTimeout returns why ctx ended, if it did, in the place of the error of a
// connection that was closed because of it.
func orTimeout(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// talk sends the request and reads until its response comes. Wrong messages
// leave their mark on the try.
func (ln *line) talk(ctx context.Context, t *try, q *query, id uint16) error {
	if t.Transport == overHTTPS {
		binary.BigEndian.PutUint16(t.Request, 0)
		client := ln.newClient()
		defer client.CloseIdleConnections()
		msg, err := ln.post(ctx, client, t.Request)
		if err == nil && t.check(q, 0, msg) {
			t.accept(q, msg, new(response))
		}
		return err
	}
	binary.BigEndian.PutUint16(t.Request, id)
	conn, err := ln.open(ctx, t.Transport)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer closeAtEnd(ctx, conn)()
	if err := sendOne(conn, t); err != nil {
		return err
	}
	buf := make([]byte, maxMessage)
	for range maxStray {
		msg, err := readOne(conn, t.Transport, &buf)
		if err != nil {
			return err
		}
		if t.check(q, id, msg) {
			t.accept(q, msg, new(response))
			return nil
		}
		if t.overTCP {
			return nil
		}
	}
	t.overTCP = t.Transport == overUDP
	return nil
}

// open opens a connection over a transport other than HTTPS.
func (ln *line) open(ctx context.Context, transport string) (net.Conn, error) {
	if transport == overUDP {
		return ln.set.dial(ctx, "udp", ln.way.targets[0])
	}
	return ln.connect(ctx, transport)
}

func sendOne(conn net.Conn, t *try) error {
	out := t.Request
	if t.Transport != overUDP {
		out = append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)
	}
	_, err := conn.Write(out)
	return err
}

func readOne(conn net.Conn, transport string, buf *[]byte) ([]byte, error) {
	if transport != overUDP {
		return readFramed(conn, buf)
	}
	n, err := conn.Read((*buf)[:cap(*buf)])
	return (*buf)[:max(n, 0)], err
}
