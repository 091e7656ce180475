package resolve

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"residency/internal/residency"
)

// maxMessage is the longest DNS message there is, and so the most that is read
// of any response.
const maxMessage = 65535

// maxStray is how many wrong messages one socket bears before it is given up:
// a flood of guessed responses is answered by asking over TCP, where guessing
// is harder.
const maxStray = 64

// try is one request on one transport, and what came of it.
type try struct {
	residency.Exchange
	resp  *response
	room  []byte // for the response; nil: it gets its own
	cause error  // of the failure
	// overTCP says that the question must be asked again over TCP: the
	// response was truncated, or drowned in a flood of wrong ones.
	overTCP bool
}

var (
	errOther = errors.New("answers another question")
	errCase  = errors.New("the answer repeats the name with other capitals than it was asked with")
)

// check reports whether a message is the response to the try, sound or not. A
// message that is not leaves its mark, to be told from silence.
func (t *try) check(q *query, id uint16, msg []byte) bool {
	switch q.check(msg, id) {
	case stray:
		t.mark(residency.FailMismatch, errOther, msg)
		return false
	case folded:
		if t.Transport != overUDP {
			return true
		}
		t.mark(residency.FailMismatch, errCase, msg)
		t.overTCP = true
		return false
	case unparsed:
		t.mark(residency.FailMalformed, errShort, msg)
		return false
	}
	return true
}

// mark notes a message that is not the response, and keeps the first of them
// as evidence.
func (t *try) mark(f residency.Failure, cause error, msg []byte) {
	if t.Failure == "" {
		t.Response = append([]byte(nil), msg...)
	}
	if t.Failure != residency.FailMismatch { // a mismatch says more than garbage
		t.Failure, t.cause = f, cause
	}
}

// accept takes the message that is the response and reads it into resp.
func (t *try) accept(q *query, msg []byte, resp *response) {
	t.Response = append(t.room[:0], msg...)
	t.Failure, t.cause = "", nil
	if readHeader(msg).tc {
		t.Failure = residency.FailTruncated
		t.overTCP = t.Transport == overUDP
		t.cause = errors.New("the answer is truncated even over TCP")
		return
	}
	if err := q.parse(msg, resp); err != nil {
		t.Failure, t.cause = residency.FailMalformed, err
		return
	}
	t.resp = resp
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
	if _, ok := errors.AsType[tlsError](err); ok {
		return residency.FailTLS
	}
	if _, ok := errors.AsType[httpError](err); ok {
		return residency.FailHTTP
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
