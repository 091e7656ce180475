package resolve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"residency/internal/residency"
)

// maxMessage is the longest DNS message there is, and so the most that is read
// of any response.
const maxMessage = 65535

// maxStray is how many wrong messages one try bears before it ends: a flood of
// guessed responses is answered by asking over TCP, where guessing is harder.
const maxStray = 64

// asker is one worker: it puts queries to its server, one after another.
type asker struct {
	*line
	buf []byte
}

func newAsker(ln *line) *asker { return &asker{line: ln, buf: make([]byte, maxMessage)} }

// outcome is what came of one query: a response, or a failure and its cause in
// words.
type outcome struct {
	resp    *response
	rtt     time.Duration
	failure residency.Failure
	cause   string
}

// try is one request on one transport.
type try struct {
	residency.Exchange
	resp  *response
	cause error // of the failure
	// overTCP says that the question must be asked again over TCP: the
	// response was truncated, or drowned in a flood of wrong ones.
	overTCP bool
}

// ask puts q to the server until a usable response comes, at most Tries times,
// and adds each exchange to obs. host is the endpoint that the look is about.
func (a *asker) ask(ctx context.Context, q *query, until time.Time, host string, obs *residency.Observation) outcome {
	var kept try // the failure to report: one that says more than silence
	tcp, truncated, tries := false, false, 0
	for tries < a.set.tries {
		tries++
		t := a.tryOnce(ctx, q, until, tcp)
		obs.Exchanges, obs.Transport = append(obs.Exchanges, t.Exchange), t.Transport
		if t.overTCP {
			tcp, truncated = true, t.Failure == residency.FailTruncated
			if !truncated {
				kept = t // a flood
			}
			t = a.tryOnce(ctx, q, until, tcp)
			obs.Exchanges, obs.Transport = append(obs.Exchanges, t.Exchange), t.Transport
		}
		if t.resp != nil {
			a.quiet.heard(host)
			return outcome{resp: t.resp, rtt: t.RTT}
		}
		if t.Failure == residency.FailCancelled || t.Failure == residency.FailBudget {
			return outcome{failure: t.Failure, cause: "the run ended before an answer came"}
		}
		if kept.Failure == "" || kept.Failure == residency.FailTimeout {
			kept = t
		}
		if !time.Now().Before(until) || a.quiet.gaveUp(host) != "" {
			break
		}
	}
	got := outcome{failure: kept.Failure, cause: a.why(kept, tries)}
	if truncated && (kept.Failure == residency.FailTimeout || kept.Failure == residency.FailUnreachable) {
		got.failure = residency.FailTruncated
		got.cause = "the answer did not fit into UDP, and over TCP: " + got.cause
	}
	if got.failure != residency.FailUnreachable {
		a.quiet.missed(host, got.failure)
	}
	return got
}

// why puts the failure of a try into words.
func (a *asker) why(t try, tries int) string {
	switch t.Failure {
	case residency.FailTimeout:
		return waited(a.set.timeout, tries)
	case residency.FailMismatch:
		return "only responses to other questions came"
	case residency.FailMalformed:
		return fmt.Sprintf("the response is no sound DNS message: it %v", t.cause)
	}
	return fmt.Sprint(t.cause)
}

// tryOnce sends one request, with its own id and its own source port.
func (a *asker) tryOnce(ctx context.Context, q *query, until time.Time, tcp bool) try {
	wire, id := q.request()
	t := try{Exchange: residency.Exchange{
		Server: a.addr, Transport: "udp", Name: plainName(q.name),
		Request: wire, At: a.set.now(),
	}}
	if tcp {
		t.Transport = "tcp"
	}
	end := time.Now().Add(a.set.timeout)
	if until.Before(end) {
		end = until
	}
	if limit, ok := ctx.Deadline(); ok && limit.Before(end) {
		end = limit
	}
	conn, err := a.open(ctx, t.Transport, end)
	if err != nil {
		t.Failure, t.cause = failureOf(ctx, err), err
		return t
	}
	defer conn.Close()
	begin := time.Now()
	_ = conn.SetDeadline(end) // a connection without deadlines still ends with ctx, below
	// Closing ends a read under way at once when ctx ends.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if tcp {
		a.exchangeTCP(ctx, conn, q, id, &t)
	} else {
		a.exchangeUDP(ctx, conn, q, id, &t)
	}
	t.RTT = time.Since(begin)
	return t
}

// open dials, within the time of the try.
func (a *asker) open(ctx context.Context, network string, end time.Time) (net.Conn, error) {
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	return a.set.dial(ctx, network, a.addr)
}

// exchangeUDP sends the request as one datagram and reads datagrams until one
// is its response or time is up.
func (a *asker) exchangeUDP(ctx context.Context, conn net.Conn, q *query, id uint16, t *try) {
	if _, err := conn.Write(t.Request); err != nil {
		t.Failure, t.cause = failureOf(ctx, err), err
		return
	}
	for strays := 0; ; strays++ {
		if strays == maxStray {
			t.overTCP = true
			return
		}
		n, err := conn.Read(a.buf)
		if err != nil {
			t.ended(ctx, err)
			return
		}
		if t.read(q, id, a.buf[:n]) {
			return
		}
	}
}

// read takes one message and reports whether it ends the try: it is the
// response, sound or not. A message that is not for this request leaves its
// mark, to be told from silence, and the first of them is kept as evidence.
func (t *try) read(q *query, id uint16, msg []byte) (done bool) {
	switch q.check(msg, id) {
	case stray:
		t.mark(residency.FailMismatch, errors.New("answers another question"), msg)
		return false
	case unparsed:
		t.mark(residency.FailMalformed, errShort, msg)
		return false
	}
	t.Response = append([]byte(nil), msg...)
	t.Failure, t.cause = "", nil
	if readHeader(msg).tc {
		if t.Transport == "tcp" {
			t.Failure, t.cause = residency.FailTruncated, errors.New("the answer is truncated even over TCP")
			return true
		}
		t.Failure, t.overTCP = residency.FailTruncated, true
		return true
	}
	resp, err := q.parse(msg)
	if err != nil {
		t.Failure, t.cause = residency.FailMalformed, err
		return true
	}
	t.resp = resp
	return true
}

// mark notes a message that is not the response.
func (t *try) mark(f residency.Failure, cause error, msg []byte) {
	if t.Failure == "" {
		t.Response = append([]byte(nil), msg...)
	}
	if t.Failure != residency.FailMismatch { // a mismatch says more than garbage
		t.Failure, t.cause = f, cause
	}
}

// ended ends a try whose connection gave an error instead of a response. If
// wrong messages came before, those are the failure.
func (t *try) ended(ctx context.Context, err error) {
	f := failureOf(ctx, err)
	if t.Failure != "" && (f == residency.FailTimeout || f == residency.FailUnreachable) {
		return
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the connection was closed without an answer")
	}
	t.Failure, t.cause = f, err
}

// failureOf returns the failure that an error of a socket stands for.
func failureOf(ctx context.Context, err error) residency.Failure {
	if f := ended(ctx); f != "" {
		return f
	}
	var timeout interface{ Timeout() bool }
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout() {
		return residency.FailTimeout
	}
	return residency.FailUnreachable
}

// ended returns why ctx ended, or "" while it has not. A deadline counts from
// the instant it passes, which can be a little before ctx itself notices.
func ended(ctx context.Context) residency.Failure {
	limit, limited := ctx.Deadline()
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return residency.FailCancelled
	case ctx.Err() != nil, limited && !time.Now().Before(limit):
		return residency.FailBudget
	}
	return ""
}
