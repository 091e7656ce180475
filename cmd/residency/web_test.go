package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"residency/internal/metrics"
)

func TestPage(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var broken error
	var store *bool
	p := page{
		pulse: &pulse{now: func() time.Time { return now }}, patient: time.Minute,
		figures: func(context.Context) (metrics.Figures, error) {
			return metrics.Figures{Now: now, StoreUp: store}, broken
		},
	}
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		p.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	want := func(path string, code int, text string) {
		t.Helper()
		if c, body := get(path); c != code || !strings.Contains(body, text) {
			t.Errorf("GET %s = %d %q, want %d with %q", path, c, body, code, text)
		}
	}
	want("/healthz", 200, "ok")
	want("/readyz", 503, "first check")
	p.pulse.beat()
	p.pulse.ready.Store(true)
	want("/readyz", 200, "ok")
	want("/metrics", 200, "residency_outbox_notifications 0")
	now = now.Add(2 * time.Minute)
	want("/healthz", 503, "2m0s")
	p.pulse.beat()
	want("/healthz", 200, "ok")
	store = new(bool)
	want("/readyz", 503, "the store cannot be used")
	want("/metrics", 200, "residency_store_up 0")
	broken = errors.New("read store: disk error")
	want("/readyz", 503, "disk error")
	want("/metrics", 503, "disk error")
	want("/", 404, "")
	want("/debug/pprof/", 404, "")
}

func TestServeEnds(t *testing.T) {
	t.Parallel()
	p := page{pulse: &pulse{now: time.Now}, figures: func(context.Context) (metrics.Figures, error) { return metrics.Figures{}, nil }}
	var b strings.Builder
	log := slog.New(slog.NewTextHandler(&b, nil))
	stop, err := p.serve(t.Context(), "127.0.0.1:0", log)
	if err != nil {
		t.Fatal(err)
	}
	addr := b.String()[strings.Index(b.String(), "listen=")+len("listen="):]
	addr = strings.TrimSpace(addr)
	resp, err := http.Get("http://" + addr + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if _, err := p.serve(t.Context(), addr, log); err == nil {
		t.Error("an address in use is no error")
	}
	stop()
	if _, err := http.Get("http://" + addr + "/healthz"); err == nil {
		t.Error("still serves after stop")
	}
}
