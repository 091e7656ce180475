package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultTimeout bounds one Send of a channel that sets no other.
const DefaultTimeout = 10 * time.Second

// maxBody is how much of a receiver's answer is read: enough to let the
// connection be used again, not enough to be held up by it.
const maxBody = 64 << 10

// post is one HTTP exchange.
type post struct {
	what    string // "post alert"; begins every error
	url     string
	header  http.Header
	body    any // a value for JSON, or bytes
	client  *http.Client
	timeout time.Duration
	stay    bool // follow no redirect at all

	// quote lets the receiver's words into the error, without these secrets
	// and without the URL's.
	quote   bool
	secrets []string
}

// send makes the exchange and returns the status line. Redirects are followed
// only within the same scheme and host and only where they keep the method
// (307, 308): anything else would send the message to somebody the user did
// not name, or turn it into a GET that succeeds and tells nobody.
func (p post) send(ctx context.Context) (string, error) {
	target, err := webTarget(p.url)
	if err != nil {
		return "", never("%s: %w", p.what, err)
	}
	ctx, cancel := context.WithTimeout(ctx, orDefault(p.timeout))
	defer cancel()
	status, err := p.exchange(ctx, target)
	if err != nil {
		return "", fmt.Errorf("%s to %s: %w", p.what, target.Host, err)
	}
	return status, nil
}

// webTarget parses the URL. The error does not carry url.Parse's own, which
// quotes what it could not read.
func webTarget(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("the URL cannot be read")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the URL begins with neither http:// nor https://")
	case u.Host == "":
		return nil, errors.New("the URL names no host")
	}
	return u, nil
}

// exchange sends the request and reads the answer.
func (p post) exchange(ctx context.Context, target *url.URL) (string, error) {
	body, isBytes := p.body.([]byte)
	if !isBytes {
		var err error
		if body, err = compact(p.body); err != nil {
			return "", never("write JSON: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return "", never("the URL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "residency")
	for name, values := range p.header {
		req.Header[name] = values
	}
	resp, err := p.clientFor(target).Do(req)
	if err != nil {
		return "", transportError(ctx, err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		return strings.TrimSpace(fmt.Sprintf("status %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))), nil
	}
	if !p.quote {
		said = nil // an error page often repeats the path it was asked for
	}
	return "", statusError(resp, quoted(said, append(secretsOf(p.url), p.secrets...)...))
}

// compact is json.Marshal without its care for HTML, which makes six bytes of
// one, and receivers have limits.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// errRedirect is what becomes of a redirect that is not followed.
var errRedirect = errors.New("not taken: it sends the message on to another place")

// clientFor returns the client to use, with our rule on redirects.
func (p post) clientFor(target *url.URL) *http.Client {
	client := http.Client{}
	if p.client != nil {
		client = *p.client
	}
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		same := req.URL.Scheme == target.Scheme && req.URL.Host == target.Host
		if p.stay || !same || req.Method != http.MethodPost || len(via) > 3 {
			return errRedirect
		}
		return nil
	}
	return &client
}

// orDefault returns the time-out to use.
func orDefault(d time.Duration) time.Duration {
	if d <= 0 {
		return DefaultTimeout
	}
	return d
}

// named is how a channel with a URL prints: its kind and its host, since path,
// query and user may be secrets.
func named(kind, text string) string {
	u, err := webTarget(text)
	if err != nil {
		return kind
	}
	return kind + " " + u.Host
}

// cut returns at most n bytes of s, whole characters, with a mark if some are
// missing.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = " ..."
	return strings.ToValidUTF8(s[:max(n-len(mark), 0)], "") + mark
}
