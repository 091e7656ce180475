// Package heartbeat shows others that the monitor lives: it asks for a URL
// when a run begins and when it ends. Whoever keeps the URL (healthchecks.io
// and its like) tells people when it is no longer asked for.
//
// Failure here means that the monitor did not do its work, never that a vendor
// broke a promise: that is what alerts are for.
package heartbeat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Timeout bounds each request.
const Timeout = 10 * time.Second

// Heartbeat asks for URLs. The zero value asks for none. The paths and queries
// of the URLs are secrets, and stand in no error.
type Heartbeat struct {
	Start   string // when a run begins; "" for none
	Success string // when it did its work
	Fail    string // when it did not
	Client  *http.Client
}

// URLs returns the usual ones of a service such as healthchecks.io: those of
// start and failure are the one of success with /start and /fail at the end of
// the path.
func URLs(success string) (start, fail string) {
	u, err := url.Parse(success)
	if err != nil {
		return "", ""
	}
	return u.JoinPath("start").String(), u.JoinPath("fail").String()
}

// Begin says that a run begins, and returns a function that says how it ended.
// It waits for nothing: the answer is awaited when the run has ended, so that
// no run is delayed. The function returns what went wrong with the requests; no
// run fails for that.
func (h Heartbeat) Begin(ctx context.Context) (end func(ctx context.Context, good bool) error) {
	begun := make(chan error, 1)
	go func() { begun <- h.ask(ctx, "start", h.Start) }()
	return func(ctx context.Context, good bool) error {
		err := <-begun // within Timeout of the start; so the two arrive in order
		if good {
			return errors.Join(err, h.ask(ctx, "success", h.Success))
		}
		return errors.Join(err, h.ask(ctx, "failure", h.Fail))
	}
}

// ask makes one request, and a second one where the first had no answer.
func (h Heartbeat) ask(ctx context.Context, what, target string) error {
	if target == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	again, err := h.once(ctx, target)
	if again && ctx.Err() == nil {
		_, err = h.once(ctx, target)
	}
	if err != nil {
		return fmt.Errorf("ping heartbeat (%s) at %s: %w", what, host(target), err)
	}
	return nil
}

// once makes one request; again says that another may go better.
func (h Heartbeat) once(ctx context.Context, target string) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return false, errors.New("the URL cannot be read")
	}
	req.Header.Set("User-Agent", "residency")
	client := h.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("no answer in time: %w", ctx.Err())
	case err != nil:
		return true, errors.New("no usable answer") // the library's error has the URL
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 16<<10)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp.StatusCode >= 500, fmt.Errorf("status %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return false, nil
}

// host names the URL without its secrets.
func host(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return "a URL that cannot be read"
	}
	return u.Host
}
