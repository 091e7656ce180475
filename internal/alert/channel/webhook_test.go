package channel

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
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

func TestWebhookPosts(t *testing.T) {
	t.Parallel()
	type request struct {
		Method, Path, Query, ContentType string
		Body                             map[string]any
	}
	var got request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, ContentType: r.Header.Get("Content-Type")}
		if err := json.NewDecoder(r.Body).Decode(&got.Body); err != nil {
			t.Errorf("body: %v", err)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer srv.Close()
	if err := (Webhook{URL: srv.URL + "/hook/token?k=v", Client: srv.Client()}).Send(t.Context(), message()); err != nil {
		t.Fatalf("Send: %v", err)
	}
	want := request{
		Method: "POST", Path: "/hook/token", Query: "k=v", ContentType: "application/json",
		Body: map[string]any{
			"schema": "residency/alert/v1", "key": "863937614d348c6dc1a208e65afc1085", "claim": "phase-2a",
			"vendor": "xiaomi", "standing": "broken", "at": "2014-11-02T08:30:00Z",
			"subject": "xiaomi: phase-2a: still outside", "text": "line one\nline \"two\" <3\n", "run": "run-1",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
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
			err := Webhook{URL: srv.URL + "/s3cret", Client: srv.Client()}.Send(t.Context(), message())
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
		err := Webhook{URL: srv.URL + path, Client: srv.Client()}.Send(t.Context(), message())
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
		err := w.Send(tt.ctx, message())
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
	err := Webhook{URL: srv.URL, Timeout: 50 * time.Millisecond}.Send(t.Context(), message())
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
	if err := (Webhook{URL: srv.URL}).Send(t.Context(), message()); err != nil {
		t.Errorf("Send = %v, want nil: the status said taken", err)
	}
}

// TestWebhookLeavesClient shows that the user's client is not changed.
func TestWebhookLeavesClient(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	client := &http.Client{}
	if err := (Webhook{URL: srv.URL, Client: client}).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if client.CheckRedirect != nil {
		t.Error("Send set CheckRedirect of the client it was given")
	}
}
