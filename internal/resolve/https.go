package resolve

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"residency/internal/residency"
)

const dnsMessage = "application/dns-message" // RFC 8484 section 6

// newClient makes the HTTP client of one server: its connections are of this
// run, and shared by all its looks (HTTP/2 where the server can).
func (ln *line) newClient() *http.Client {
	transport := &http.Transport{
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return ln.connect(ctx, overHTTPS)
		},
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    maxStreams,
		MaxResponseHeaderBytes: 32 << 10,
		DisableCompression:     true,
		IdleConnTimeout:        time.Minute,
	}
	return &http.Client{
		Transport: transport,
		// Following would send the questions to somebody not configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// exchangeHTTPS makes one try over HTTPS: a POST, with the id 0 so that equal
// questions are equal bytes (RFC 8484 section 4.1).
func (e *engine) exchangeHTTPS(f *flight) {
	t := &f.cur
	ctx, cancel := context.WithDeadline(e.ctx, f.deadline)
	defer cancel()
	binary.BigEndian.PutUint16(t.Request, 0)
	msg, err := e.line.post(ctx, e.client, t.Request)
	t.RTT = time.Since(f.sent)
	if err != nil {
		t.ended(e.ctx, err)
		return
	}
	if t.check(f.q, 0, msg) {
		t.accept(f.q, msg, new(response))
	}
}

// post sends one request and returns the message that came back.
func (ln *line) post(ctx context.Context, client *http.Client, wire []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, ln.way.url, bytes.NewReader(wire))
	if err != nil {
		return nil, httpError{err.Error()}
	}
	req.Header.Set("Content-Type", dnsMessage)
	req.Header.Set("Accept", dnsMessage)
	req.Header.Set("User-Agent", userAgent)
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask over HTTPS: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, httpError{"the server answered HTTP status " + resp.Status}
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != dnsMessage {
		return nil, httpError{fmt.Sprintf("the server answered with content of type %.60q and not a DNS message", resp.Header.Get("Content-Type"))}
	}
	msg, err := io.ReadAll(io.LimitReader(resp.Body, maxMessage+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, httpError{"the HTTP answer ends before the length it announces"}
	case err != nil:
		return nil, fmt.Errorf("read over HTTPS: %w", err)
	case len(msg) > maxMessage:
		return nil, httpError{"the HTTP answer is longer than any DNS message"}
	}
	return msg, nil
}

// lasting reports whether a failure would be the same again at once.
func lasting(f residency.Failure) bool {
	return f == residency.FailTLS || f == residency.FailHTTP
}
