package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// file is what a download is written to.
type file interface {
	io.WriteCloser
	Sync() error
}

// request is one file to get.
type request struct {
	url   string // as it is asked for, secrets included
	shown string // as it is written in errors and manifests
	user  string // HTTP basic authentication, when auth
	key   string
	auth  bool
	cond  Origin // what the server said of the file that is here; zero: ask for all of it
	limit int64
}

// answer is what a server said of a file that was got.
type answer struct {
	origin   Origin
	modified time.Time
	bytes    int64
}

// maxRedirects is enough for a release on GitHub (one) and a moved page.
const maxRedirects = 5

// get downloads one file to path. errSame: it has not changed.
func (u *Updater) get(ctx context.Context, q request, path string) (answer, error) {
	ctx, alive, stop := u.watchdog(ctx)
	defer stop()
	resp, err := u.ask(ctx, q)
	if err != nil {
		return answer{}, fmt.Errorf("get %s: %w", q.shown, plain(ctx, err))
	}
	defer resp.Body.Close()
	if err := judge(resp, q); err != nil {
		if errors.Is(err, errSame) {
			return answer{}, err
		}
		return answer{}, fmt.Errorf("get %s: %w", q.shown, err)
	}
	n, err := u.write(resp.Body, q.limit, path, alive)
	if err != nil {
		return answer{bytes: n}, fmt.Errorf("get %s: %w", q.shown, plain(ctx, err))
	}
	got := answer{bytes: n, origin: Origin{URL: q.shown, ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}}
	if t, err := http.ParseTime(got.origin.LastModified); err == nil {
		got.modified = t
	}
	return got, nil
}

// ask makes the request.
func (u *Updater) ask(ctx context.Context, q request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, q.url, nil)
	if err != nil {
		return nil, errors.New("it is no URL") // the error would show it, with its secrets
	}
	if q.auth {
		req.SetBasicAuth(q.user, q.key)
	}
	if secret := q.auth || q.url != q.shown; secret && req.URL.Scheme != "https" && !loopback(req.URL) {
		return nil, errors.New("credentials are not sent without TLS: use an https URL")
	}
	if u.Agent != "" {
		req.Header.Set("User-Agent", u.Agent)
	}
	if q.cond.ETag != "" {
		req.Header.Set("If-None-Match", q.cond.ETag)
	}
	if q.cond.LastModified != "" {
		req.Header.Set("If-Modified-Since", q.cond.LastModified)
	}
	client := *u.Client
	client.CheckRedirect = checkRedirect
	return client.Do(req)
}

// checkRedirect follows to https, and from http to http. It drops the Referer,
// which would carry a key of the first URL to the second server.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	switch to := req.URL; {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case to.Scheme != "https" && (to.Scheme != "http" || from.Scheme != "http"):
		return fmt.Errorf("redirect from %s to %s refused", from.Scheme, to.Scheme)
	}
	req.Header.Del("Referer")
	return nil
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// statusError is an answer that is no file.
type statusError struct{ code int }

func (e statusError) Error() string {
	text := fmt.Sprintf("the server answered %d %s", e.code, http.StatusText(e.code))
	switch e.code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return text + ": are account and key right, and is the download part of the account?"
	case http.StatusTooManyRequests:
		return text + ": asked too often, the maker wants a pause"
	}
	return text
}

// judge says why an answer is no data.
func judge(resp *http.Response, q request) error {
	switch {
	case resp.StatusCode == http.StatusNotModified && (q.cond.ETag != "" || q.cond.LastModified != ""):
		return errSame
	case resp.StatusCode != http.StatusOK:
		return statusError{resp.StatusCode}
	case resp.ContentLength > q.limit:
		return fmt.Errorf("it is %d bytes, more than the limit of %d", resp.ContentLength, q.limit)
	}
	return nil
}

// write copies a body to a new file, at most limit bytes of it.
func (u *Updater) write(body io.Reader, limit int64, path string, alive func()) (int64, error) {
	create := u.create
	if create == nil {
		create = func(path string) (file, error) { return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) }
	}
	f, err := create(path)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, io.LimitReader(&lively{body, alive}, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("more than the limit of %d bytes", limit)
	}
	return n, hideTemp(errors.Join(err, f.Close()), path)
}

// lively tells of every byte that comes.
type lively struct {
	io.Reader
	alive func()
}

func (l *lively) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if n > 0 {
		l.alive()
	}
	return n, err
}

// watchdog ends the context when nothing has come for the stall time.
func (u *Updater) watchdog(ctx context.Context) (_ context.Context, alive, stop func()) {
	stall := u.Stall
	if stall <= 0 {
		stall = 30 * time.Second
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(stall, func() { cancel(fmt.Errorf("nothing came for %s", stall)) })
	return ctx, func() { timer.Reset(stall) }, func() { timer.Stop(); cancel(nil) }
}

// plain takes the URL out of an error of net/http, which may hold a key, and
// says why a context ended.
func plain(ctx context.Context, err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection ended in the middle of the file")
	}
	return err
}

// hideTemp names a temporary file by its last element alone.
func hideTemp(err error, path string) error {
	if err == nil {
		return nil
	}
	if text := err.Error(); strings.Contains(text, path) {
		return errors.New(strings.ReplaceAll(text, path, filepath.Base(path)))
	}
	return err
}

// notAPage refuses a web page that came in place of data, from a captive
// portal, a login or a moved address, before a parser says something puzzling.
func notAPage(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if n == 0 {
		return errors.New("it is empty")
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	text := bytes.ToLower(bytes.TrimLeft(head[:n], "\xef\xbb\xbf \t\r\n"))
	for _, sign := range []string{"<!doctype html", "<html", "<head", "<body", "<?xml"} {
		if bytes.HasPrefix(text, []byte(sign)) {
			return errors.New("a web page came in place of the data")
		}
	}
	return nil
}
