package heartbeat

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// service notes what is asked for, and answers with the statuses in turn, then
// with 200.
func service(t *testing.T, statuses ...int) (url string, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var list []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, r.Method+" "+r.URL.RequestURI())
		if n := len(list); n <= len(statuses) {
			w.WriteHeader(statuses[n-1])
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func() []string { mu.Lock(); defer mu.Unlock(); return list }
}

func TestBegin(t *testing.T) {
	t.Parallel()
	for _, good := range []bool{true, false} {
		url, asked := service(t)
		h := Heartbeat{Success: url + "/ping/t0ken?x=1"}
		h.Start, h.Fail = URLs(h.Success)
		if err := h.Begin(t.Context())(t.Context(), good); err != nil {
			t.Errorf("good %v: %v", good, err)
		}
		want := []string{"GET /ping/t0ken/start?x=1", "GET /ping/t0ken/fail?x=1"}
		if good {
			want[1] = "GET /ping/t0ken?x=1"
		}
		if diff := cmp.Diff(want, asked()); diff != "" {
			t.Errorf("good %v: asked for (-want +got):\n%s", good, diff)
		}
	}
}

func TestBeginAsksForNothing(t *testing.T) {
	t.Parallel()
	if err := (Heartbeat{}).Begin(t.Context())(t.Context(), true); err != nil {
		t.Errorf("end = %v, want nil", err)
	}
}

// TestBeginDoesNotWait has the service hang: the run begins at once, and the
// end is bounded by its context.
func TestBeginDoesNotWait(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	h := Heartbeat{Start: srv.URL + "/s3cret", Success: srv.URL + "/s3cret"}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	end := h.Begin(ctx)
	if took := time.Since(began); took > 200*time.Millisecond {
		t.Errorf("Begin took %v, want nothing", took)
	}
	err := end(ctx, true)
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("end = %v, want no answer in time, without secrets", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	once, onceAsked := service(t, 503)
	gone, goneAsked := service(t, 404, 404)
	for _, tt := range []struct{ url, want string }{
		{dead.URL + "/s3cret", "no usable answer"},
		{once + "/s3cret", ""},
		{gone + "/s3cret", "status 404 Not Found"},
		{"http://[s3cret", "the URL cannot be read"},
	} {
		err := Heartbeat{Success: tt.url}.Begin(t.Context())(t.Context(), true)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, tt.want) || (got == "") != (tt.want == "") || strings.Contains(got, "s3cret") {
			t.Errorf("end = %q, want %q without secrets", got, tt.want)
		}
	}
	if n := len(onceAsked()); n != 2 {
		t.Errorf("after 503 asked %d times, want twice", n)
	}
	if n := len(goneAsked()); n != 1 {
		t.Errorf("after 404 asked %d times, want once", n)
	}
}
