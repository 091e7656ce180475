package channel

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"residency/internal/residency"

	"github.com/google/go-cmp/cmp"
)

// message is an alert with something in every field.
func message() residency.Notification {
	return residency.Notification{
		Key: "863937614d348c6dc1a208e65afc1085", Claim: "phase-2a", Vendor: "xiaomi", Standing: residency.Broken,
		At:      time.Date(2014, 11, 2, 14, 0, 0, 0, time.FixedZone("IST", 19800)),
		Subject: "xiaomi: phase-2a: still outside", Text: "line one\nline \"two\" <3\n", Run: "run-1",
	}
}

// recorded is one request that a receiver got.
type recorded struct {
	Method, Path, Query string
	Header              http.Header
	Body                []byte
}

// record is a receiver that notes what it gets and answers with the status.
func record(t *testing.T, status int, answer string) (*httptest.Server, func() []recorded) {
	t.Helper()
	var mu sync.Mutex
	var list []recorded
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("body: %v", err)
		}
		mu.Lock()
		list = append(list, recorded{r.Method, r.URL.Path, r.URL.RawQuery, r.Header, body})
		mu.Unlock()
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	t.Cleanup(srv.Close)
	return srv, func() []recorded { mu.Lock(); defer mu.Unlock(); return list }
}

// decoded reads a JSON body.
func decoded(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	return v
}

// TestWebhookPostsOld holds the older schema to what its receivers know.
func TestWebhookPostsOld(t *testing.T) {
	t.Parallel()
	srv, got := record(t, http.StatusAccepted, "")
	receipt, err := Webhook{URL: srv.URL + "/hook/token?k=v", Client: srv.Client(), Old: true}.Send(t.Context(), message())
	if err != nil || receipt != "status 202 Accepted" {
		t.Fatalf("Send = %q, %v, want the status line", receipt, err)
	}
	r := got()[0]
	if r.Method != "POST" || r.Path != "/hook/token" || r.Query != "k=v" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("request = %+v", r)
	}
	want := map[string]any{
		"schema": "residency/alert/v1", "key": "863937614d348c6dc1a208e65afc1085", "claim": "phase-2a",
		"vendor": "xiaomi", "standing": "broken", "at": "2014-11-02T08:30:00Z",
		"subject": "xiaomi: phase-2a: still outside", "text": "line one\nline \"two\" <3\n", "run": "run-1",
	}
	if diff := cmp.Diff(want, decoded(t, r.Body)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// TestWebhookSigns checks the signature as a receiver would.
func TestWebhookSigns(t *testing.T) {
	t.Parallel()
	srv, got := record(t, http.StatusOK, "")
	at := time.Unix(1_700_000_000, 0)
	hook := Webhook{URL: srv.URL, Secret: "s3cret", Now: func() time.Time { return at }}
	for range 2 {
		if _, err := hook.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range got() {
		mac := hmac.New(sha256.New, []byte("s3cret"))
		mac.Write([]byte("1700000000." + string(r.Body)))
		if got, want := r.Header.Get("Residency-Signature"), "t=1700000000,v1="+hex.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("signature = %s, want %s", got, want)
		}
		if got, want := r.Header.Get("Idempotency-Key"), message().Key; got != want {
			t.Errorf("idempotency key = %q, want %q", got, want)
		}
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", hook, hook, hook), "s3cret") {
		t.Error("the channel prints its secret")
	}
}

// TestWebhookSignedStays shows that a signed message follows no redirect, not
// even on the same host.
func TestWebhookSignedStays(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect))
	defer srv.Close()
	_, err := Webhook{URL: srv.URL, Secret: "s3cret"}.Send(t.Context(), message())
	if !errors.Is(err, errRedirect) || isPermanent(err) {
		t.Errorf("Send = %v, want the redirect, for another try", err)
	}
}

func isPermanent(err error) bool {
	e, ok := errors.AsType[interface {
		error
		Permanent() bool
	}](err)
	return ok && e.Permanent()
}

// TestFailures says for every kind of answer whether another try is of use, and
// when.
func TestFailures(t *testing.T) {
	t.Parallel()
	date := "Sun, 22 Nov 2026 10:00:00 GMT"
	tests := []struct {
		status    int
		after     string
		permanent bool
		wait      time.Duration
	}{
		{300, "", false, 0}, {302, "", false, 0}, {400, "", true, 0}, {401, "", true, 0}, {403, "", true, 0}, {404, "", true, 0},
		{408, "", false, 0}, {410, "", true, 0}, {425, "", false, 0}, {429, "30", false, 30 * time.Second}, {500, "", false, 0},
		{503, "Sun, 22 Nov 2026 10:05:00 GMT", false, 5 * time.Minute}, {503, "Sun, 22 Nov 2026 09:00:00 GMT", false, 0},
		{503, "-5", false, 0}, {503, "99999999999999999999", false, 0}, {503, "soon", false, 0}, {599, "0", false, 0},
	}
	for _, tt := range tests {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", date)
			w.Header().Set("Retry-After", tt.after)
			w.WriteHeader(tt.status)
		}))
		_, err := Webhook{URL: srv.URL}.Send(t.Context(), message())
		e, ok := errors.AsType[*sendError](err)
		if !ok && tt.status != 302 {
			t.Errorf("status %d: Send = %v, want an error that says more", tt.status, err)
		} else if ok && (e.Permanent() != tt.permanent || e.RetryAfter() != tt.wait) {
			t.Errorf("status %d, Retry-After %q: permanent %v, wait %v; want %v, %v", tt.status, tt.after, e.Permanent(), e.RetryAfter(), tt.permanent, tt.wait)
		}
		srv.Close()
	}
}

func TestWebhookStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		200: "", 201: "", 202: "", 204: "", 299: "",
		300: "not taken: status 300 Multiple Choices",
		304: "not taken: status 304 Not Modified",
		400: "not taken: status 400 Bad Request",
		404: "not taken: status 404 Not Found",
		429: "not taken: status 429 Too Many Requests",
		500: "not taken: status 500 Internal Server Error",
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				if status >= 400 {
					fmt.Fprintf(w, "no such page: %s", r.URL)
				}
			}))
			defer srv.Close()
			_, err := Webhook{URL: srv.URL + "/s3cret", Client: srv.Client()}.Send(t.Context(), message())
			if want != "" {
				want = "post alert to " + strings.TrimPrefix(srv.URL, "http://") + ": " + want
			}
			if got := text(err); got != want {
				t.Errorf("Send = %q, want %q", got, want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestWebhookRedirects holds Send to the host and the method it was given.
func TestWebhookRedirects(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	var posts atomic.Int32
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	defer srv.Close()
	mux.HandleFunc("POST /taken", func(_ http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); len(b) > 0 {
			posts.Add(1)
		}
	})
	mux.HandleFunc("GET /taken", func(http.ResponseWriter, *http.Request) { t.Error("the message became a GET") })
	for path, to := range map[string]struct {
		status int
		url    string
	}{
		"/other-host": {307, other.URL + "/s3cret"},
		"/as-get":     {302, "/taken"},
		"/see-other":  {303, "/taken"},
		"/same-host":  {308, "/taken"},
		"/scheme":     {307, "https://" + strings.TrimPrefix(srv.URL, "http://") + "/taken"},
		"/circle":     {307, "/circle"},
		"/broken":     {307, "http://s3cret:bad port/"},
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to.url)
			w.WriteHeader(to.status)
		})
	}
	for path, want := range map[string]string{
		"/same-host":  "",
		"/other-host": errRedirect.Error(),
		"/as-get":     errRedirect.Error(),
		"/see-other":  errRedirect.Error(),
		"/scheme":     errRedirect.Error(),
		"/circle":     errRedirect.Error(),
		"/broken":     "no usable answer",
	} {
		_, err := Webhook{URL: srv.URL + path, Client: srv.Client()}.Send(t.Context(), message())
		if want != "" {
			want = "post alert to " + strings.TrimPrefix(srv.URL, "http://") + ": " + want
		}
		if got := text(err); got != want {
			t.Errorf("Send to %s = %q, want %q", path, got, want)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("another host got %d requests, want 0", n)
	}
	if n := posts.Load(); n != 1 {
		t.Errorf("the same host took %d messages, want 1", n)
	}
}

// TestWebhookKeepsSecrets makes Send fail in every way and looks for the
// secrets of the URL in what it says.
func TestWebhookKeepsSecrets(t *testing.T) {
	t.Parallel()
	garbage := rawServer(t, "this is not HTTP, but s3cret\r\n\r\n")
	silent := rawServer(t, "")
	dead := rawServer(t, "")
	deadAddr := dead.Addr().String()
	dead.Close()
	tlsServer := httptest.NewTLSServer(http.NotFoundHandler())
	defer tlsServer.Close()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	tests := []struct {
		name string
		ctx  context.Context
		url  string
		want string // part of the error
	}{
		{"not HTTP", t.Context(), "http://us3cret:ps3cret@" + garbage.Addr().String() + "/s3cret?s3cret", "no usable answer"},
		{"hangs up", t.Context(), "http://us3cret:ps3cret@" + silent.Addr().String() + "/s3cret?s3cret", "EOF"},
		{"nobody there", t.Context(), "http://us3cret:ps3cret@" + deadAddr + "/s3cret?s3cret", "connection refused"},
		{"not trusted", t.Context(), tlsServer.URL + "/s3cret?s3cret", "certificate"},
		{"HTTP for HTTPS", t.Context(), "http://" + strings.TrimPrefix(tlsServer.URL, "https://") + "/s3cret", "status 400"},
		{"stopped", stopped, "http://" + deadAddr + "/s3cret", "stopped: context canceled"},
		{"bad port", t.Context(), "http://user:pas/s3cret@host/", "cannot be read"},
		{"bad escape", t.Context(), "http://host/%zzs3cret", "cannot be read"},
		{"control", t.Context(), "http://host/s3cret\n", "cannot be read"},
		{"other scheme", t.Context(), "ftp://host/s3cret", "neither http:// nor https://"},
		{"no host", t.Context(), "http:///s3cret", "names no host"},
		{"empty", t.Context(), "", "neither http:// nor https://"},
	}
	for _, tt := range tests {
		w := Webhook{URL: tt.url, Timeout: 5 * time.Second}
		_, err := w.Send(tt.ctx, message())
		if got := text(err); !strings.Contains(got, tt.want) || err == nil {
			t.Errorf("%s: Send = %q, want %q in it", tt.name, got, tt.want)
		}
		for _, s := range []string{text(err), fmt.Sprint(w), fmt.Sprintf("%+v", w), fmt.Sprintf("%#v", w)} {
			if strings.Contains(s, "s3cret") {
				t.Errorf("%s: %q holds a secret", tt.name, s)
			}
		}
	}
}

// rawServer reads one request, writes the answer and hangs up, again and again.
func rawServer(t *testing.T, answer string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				io.Copy(io.Discard, req.Body)
			}
			io.WriteString(conn, answer)
			conn.Close()
		}
	}()
	return l
}

func TestWebhookTimesOut(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	_, err := Webhook{URL: srv.URL, Timeout: 50 * time.Millisecond}.Send(t.Context(), message())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(text(err), "no answer in time") {
		t.Errorf("Send = %v, want no answer in time", err)
	}
}

// TestWebhookEndlessAnswer takes a message from a receiver that never stops
// talking.
func TestWebhookEndlessAnswer(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	if _, err := (Webhook{URL: srv.URL}).Send(t.Context(), message()); err != nil {
		t.Errorf("Send = %v, want nil: the status said taken", err)
	}
}

// TestWebhookLeavesClient shows that the user's client is not changed.
func TestWebhookLeavesClient(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	client := &http.Client{}
	if _, err := (Webhook{URL: srv.URL, Client: client}).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if client.CheckRedirect != nil {
		t.Error("Send set CheckRedirect of the client it was given")
	}
}
