// Package channel holds the ways to tell people of an alert: a webhook and a
// command. Each is a struct whose Send makes one try and returns nil only when
// the receiver took the message. None of their errors names a secret.
package channel

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"residency/internal/residency"
)

// Schema is the version of the JSON that Webhook posts. Fields may be added
// under the same version; none changes its meaning or goes.
const Schema = "residency/alert/v1"

// DefaultTimeout bounds one Send of a channel that sets no other.
const DefaultTimeout = 10 * time.Second

// maxBody is how much of a receiver's answer is read: enough to let the
// connection be used again, not enough to be held up by it.
const maxBody = 64 << 10

// Webhook posts alerts as JSON to a URL. Any 2xx status means taken.
//
// The path, query and user of the URL are taken to be secrets: services such
// as Slack put a token there. They stand in no error and in no String.
type Webhook struct {
	URL     string        // http or https
	Client  *http.Client  // nil: http.DefaultClient; its CheckRedirect is not used
	Timeout time.Duration // of the whole exchange; 0: DefaultTimeout
}

// payload is the JSON of one alert.
type payload struct {
	Schema   string             `json:"schema"`
	Key      string             `json:"key"`
	Claim    string             `json:"claim"`
	Vendor   string             `json:"vendor"`
	Standing residency.Standing `json:"standing"`
	At       time.Time          `json:"at"` // RFC 3339, UTC
	Subject  string             `json:"subject"`
	Text     string             `json:"text"`
	Run      string             `json:"run"`
}

// Send posts the alert. Redirects are followed only within the same scheme
// and host and only where they keep the method (307, 308): anything else would
// send the message to somebody the user did not name, or turn it into a GET
// that succeeds and tells nobody.
func (w Webhook) Send(ctx context.Context, a residency.Notification) error {
	target, err := w.target()
	if err != nil {
		return fmt.Errorf("post alert: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, orDefault(w.Timeout))
	defer cancel()
	if err := w.post(ctx, target, a); err != nil {
		return fmt.Errorf("post alert to %s: %w", target.Host, err)
	}
	return nil
}

// target parses the URL. The error does not carry url.Parse's own, which
// quotes what it could not read.
func (w Webhook) target() (*url.URL, error) {
	u, err := url.Parse(w.URL)
	switch {
	case err != nil:
		return nil, errors.New("the webhook's URL cannot be read")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the webhook's URL begins with neither http:// nor https://")
	case u.Host == "":
		return nil, errors.New("the webhook's URL names no host")
	}
	return u, nil
}

// post makes the one exchange.
func (w Webhook) post(ctx context.Context, target *url.URL, a residency.Notification) error {
	body, err := json.Marshal(payload{
		Schema: Schema, Key: a.Key, Claim: a.Claim, Vendor: a.Vendor, Standing: a.Standing,
		At: a.At.UTC(), Subject: a.Subject, Text: a.Text, Run: a.Run,
	})
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("the webhook's URL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "residency")

	resp, err := w.client(target).Do(req)
	if err != nil {
		return transportError(ctx, err)
	}
	defer resp.Body.Close()
	// What the receiver says besides its status is read and thrown away. It is
	// not quoted either: an error page often repeats the path it was asked for.
	_, _ = io.CopyN(io.Discard, resp.Body, maxBody)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("not taken: status %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return nil
}

// errRedirect is what becomes of a redirect that is not followed.
var errRedirect = errors.New("not taken: it sends the message on to another place")

// client returns the client to use, with our rule on redirects.
func (w Webhook) client(target *url.URL) *http.Client {
	client := http.Client{}
	if w.Client != nil {
		client = *w.Client
	}
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		same := req.URL.Scheme == target.Scheme && req.URL.Host == target.Host
		if !same || req.Method != http.MethodPost || len(via) > 3 {
			return errRedirect
		}
		return nil
	}
	return &client
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

// String names the webhook without its secrets, so that it can be printed.
func (w Webhook) String() string {
	target, err := w.target()
	if err != nil {
		return "webhook"
	}
	return "webhook " + target.Host
}

// GoString is String: %#v would print the URL.
func (w Webhook) GoString() string { return w.String() }

// orDefault returns the time-out to use.
func orDefault(d time.Duration) time.Duration {
	if d <= 0 {
		return DefaultTimeout
	}
	return d
}
