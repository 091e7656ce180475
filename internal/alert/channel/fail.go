package channel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// sendError is why a message was not taken, and whether another try is of use.
type sendError struct {
	text      string
	cause     error
	permanent bool
	after     time.Duration
}

// Error says why, without secrets.
func (e *sendError) Error() string { return e.text }

// Unwrap returns what it came from; nil if it came from the receiver.
func (e *sendError) Unwrap() error { return e.cause }

// Permanent reports whether trying again is of no use.
func (e *sendError) Permanent() bool { return e.permanent }

// RetryAfter returns how long the receiver asked to be left alone; 0 if it
// did not.
func (e *sendError) RetryAfter() time.Duration { return e.after }

// never makes an error that stays the same however often it is tried.
func never(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &sendError{text: err.Error(), cause: errors.Unwrap(err), permanent: true}
}

// statusError returns what an HTTP status says that is not 2xx. 4xx is for
// good, but for those that ask for patience (RFC 9110 section 15.5, RFC 6585
// section 4, RFC 8470 section 5.2); a redirect that is not followed may be a
// portal on the way, so it is not.
func statusError(resp *http.Response, said string) error {
	e := &sendError{text: fmt.Sprintf("not taken: status %d %s%s", resp.StatusCode, http.StatusText(resp.StatusCode), said)}
	switch code := resp.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
	case code >= 400 && code < 500:
		e.permanent = true
	}
	e.text = strings.TrimRight(e.text, " ")
	e.after = retryAfter(resp.Header)
	return e
}

// retryAfter reads the header of that name (RFC 9110 section 10.2.3): seconds,
// or a date, which is taken relative to the receiver's own clock.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(at.Sub(now), 0)
}

// transportError returns what went wrong without the URL. net/http wraps its
// errors with the whole URL, and some of the wrapped ones quote parts of it or
// of a Location, so only kinds known to name hosts and ports at most are
// passed on.
func transportError(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil {
		if errors.Is(cause, context.DeadlineExceeded) {
			return fmt.Errorf("no answer in time: %w", cause)
		}
		return fmt.Errorf("stopped: %w", cause)
	}
	for _, known := range []error{errRedirect, http.ErrSchemeMismatch, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, known) {
			return known
		}
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return e
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errors.New("no answer in time")
	}
	return errors.New("no usable answer")
}

// mostSaid is how much of a receiver's words goes into an error, in bytes.
const mostSaid = 200

// quoted returns what a receiver said, as the end of an error: in one line,
// short, and without the secrets. "" if it said nothing.
func quoted(said []byte, secrets ...string) string {
	text := hide(strings.ToValidUTF8(string(said), "?"), secrets...)
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if text == "" {
		return ""
	}
	if len(text) > mostSaid {
		text = strings.ToValidUTF8(text[:mostSaid], "") + " ..."
	}
	return fmt.Sprintf("; it said %q", text)
}

// secretsOf returns every part of a URL but the host, since each may be a
// secret.
func secretsOf(text string) []string {
	parts := []string{text}
	if u, err := url.Parse(text); err == nil {
		parts = append(parts, u.Path, u.RawQuery, u.Fragment)
		if u.User != nil {
			password, _ := u.User.Password()
			parts = append(parts, u.User.String(), u.User.Username(), password)
		}
		parts = append(parts, strings.Split(u.Path, "/")...)
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
	}
	return parts
}

// hide replaces every secret in the text, long ones first, as they are and as
// URLs write them. Short ones are left: they would be found everywhere.
func hide(text string, secrets ...string) string {
	secrets = slices.Clone(secrets)
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		if len(s) < 4 {
			continue
		}
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s)} {
			text = strings.ReplaceAll(text, form, "***")
		}
	}
	return text
}
