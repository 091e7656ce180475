package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"residency/internal/store"
)

// aftermath is a configuration with a store, a heartbeat and a channel, whose
// name server is none, and what the receivers of both got.
type aftermath struct {
	dir   string
	mu    sync.Mutex
	beats []string
	told  []string
	hold  chan struct{} // while it is open, the channel's receiver does not answer
	out   io.Writer     // nil: a buffer
	env   map[string]string
	later time.Duration // by how much the clock is later
}

func newAftermath(t *testing.T, silent bool) *aftermath {
	t.Helper()
	a := &aftermath{dir: t.TempDir(), hold: make(chan struct{})}
	close(a.hold)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		hold := a.hold
		if r.Method == http.MethodGet {
			a.beats = append(a.beats, r.URL.Path)
		} else {
			a.told = append(a.told, string(body))
		}
		a.mu.Unlock()
		if r.Method != http.MethodGet {
			<-hold
		}
	}))
	t.Cleanup(srv.Close)
	server, err := net.ListenPacket("udp", "127.0.0.1:0") // takes questions, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	if silent {
		t.Cleanup(func() { server.Close() })
	} else {
		server.Close() // the machine refuses
	}
	a.env = map[string]string{"HOOK": srv.URL + "/hook", "BEAT": srv.URL + "/beat", "USER": "somebody"}
	text := strings.Replace(alertConfig, `kind = "finding"`, `kind = "operations"`, 1) +
		fmt.Sprintf("[resolve]\n[[resolve.server]]\nname = \"silent\"\naddresses = [%q]\npasses_subnets = true\n", server.LocalAddr().String())
	text = strings.Replace(text, "secret = \"env:SIGN\"\n", "", 1)
	if err := os.WriteFile(filepath.Join(a.dir, "config.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// check makes a check, and returns its exit code and what it said.
func (a *aftermath) check(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out, errs bytes.Buffer
	e := testEnv(&out, &errs)
	if a.out != nil {
		e.stdout = a.out
	}
	e.now = func() time.Time { return scriptClock.Add(a.later) }
	e.rand = strings.NewReader(strings.Repeat(a.later.String(), 99))
	e.getenv = func(name string) string { return a.env[name] }
	code = run(t.Context(), e, append([]string{"check", "--timeout", "2s", "--config", filepath.Join(a.dir, "config.toml")}, args...))
	return code, out.String() + errs.String()
}

// got returns what the receivers got since the last time.
func (a *aftermath) got() (beats, told []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	beats, told = a.beats, a.told
	a.beats, a.told = nil, nil
	return beats, told
}

// broken is a writer that takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("nobody reads this") }

// TestCheckBeats asks for the heartbeat around each check of what is configured,
// and says there whether the monitor did its work.
func TestCheckBeats(t *testing.T) {
	t.Parallel()
	slow := newAftermath(t, true)
	_, said := slow.check(t, "--timeout", "300ms")
	if beats, _ := slow.got(); !slices.Equal(beats, []string{"/beat/start", "/beat/fail"}) {
		t.Errorf("a check whose time runs out asked for %v; it said:\n%s", beats, said)
	}
	a := newAftermath(t, false)
	tests := []struct {
		name string
		do   func()
		args []string
		want []string
	}{
		{"all was tried", nil, []string{"--timeout", "30s"}, []string{"/beat/start", "/beat"}},
		{"another time", nil, []string{"--at", "2026-01-01"}, nil},
		{"not remembered", nil, []string{"--no-store"}, nil},
		{"hosts by hand", nil, []string{"b.example.com", "--market", "IN", "--regions", "US"}, nil},
		{"nobody reads", func() { a.out = broken{} }, []string{"--timeout", "30s"}, []string{"/beat/start", "/beat"}},
		{"figures lost", func() { a.out = nil }, []string{"--timeout", "30s", "--metrics-file", filepath.Join(a.dir, "none", "f")}, []string{"/beat/start", "/beat/fail"}},
		{"the store is damaged", func() { spoil(t, a.dir) }, []string{"--timeout", "30s"}, []string{"/beat/start", "/beat/fail"}},
	}
	for i, tt := range tests {
		a.later = time.Duration(i) * time.Minute
		if tt.do != nil {
			tt.do()
		}
		code, said := a.check(t, tt.args...)
		if beats, _ := a.got(); !slices.Equal(beats, tt.want) || code != 3 {
			t.Errorf("%s: asked for %v, exit code %d, want %v and 3; it said:\n%s", tt.name, beats, code, tt.want, said)
		}
	}
	a.env["BEAT"] = "http://127.0.0.1:1/s3cret"
	if _, said := a.check(t); !strings.Contains(said, "ping heartbeat (start) at 127.0.0.1:1") || strings.Contains(said, "s3cret") {
		t.Errorf("a heartbeat that nobody takes: %q", said)
	}
}

// spoil makes the store no store any more.
func spoil(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"memory.db-wal", "memory.db-shm"} {
		_ = os.Remove(filepath.Join(dir, name))
	}
	if err := os.WriteFile(filepath.Join(dir, "memory.db"), []byte("no store"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCheckTellsWithinItsTime keeps a part of the time for telling, and leaves
// what the receiver does not take in it for the next check.
func TestCheckTellsWithinItsTime(t *testing.T) {
	t.Parallel()
	a := newAftermath(t, false)
	a.check(t) // a name server that does not answer once may be a hiccup
	a.got()
	a.mu.Lock()
	a.hold = make(chan struct{})
	a.mu.Unlock()
	a.later = time.Hour
	began := time.Now()
	_, said := a.check(t, "--notify")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the check took %v, want not much more than 2s", took)
	}
	_, told := a.got()
	if len(told) != 1 || !strings.Contains(told[0], "no name server could be reached") {
		t.Fatalf("the receiver got %q, want that no name server could be reached; the check said:\n%s", told, said)
	}
	close(a.hold)
	a.later = 2 * time.Hour
	a.check(t, "--notify")
	_, again := a.got()
	if len(again) != 1 || again[0] != told[0] {
		t.Errorf("the next check told %q, want %q again, with its key", again, told)
	}
	a.later = 3 * time.Hour
	a.check(t, "--notify")
	if _, again := a.got(); len(again) != 0 {
		t.Errorf("the check after it told %q, want nothing", again)
	}
}

// TestCheckTellsThatItsMemoryFails says so to operations, and says nothing of
// vendors by one run alone.
func TestCheckTellsThatItsMemoryFails(t *testing.T) {
	t.Parallel()
	a := newAftermath(t, false)
	spoil(t, a.dir)
	code, said := a.check(t, "--notify")
	_, told := a.got()
	if code != 3 || len(told) != 1 || !strings.Contains(told[0], "what is found is not remembered") {
		t.Errorf("exit code %d, told %q, want 3 and that nothing is remembered; the check said:\n%s", code, told, said)
	}
}

// TestCheckPrunesOnceADay deletes what has grown old after a check, once a day.
func TestCheckPrunesOnceADay(t *testing.T) {
	t.Parallel()
	a := newAftermath(t, false)
	runs := func() int {
		s, err := store.Open(t.Context(), filepath.Join(a.dir, "memory.db"), store.Options{Now: time.Now, Version: "test", ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		list, err := s.LastRuns(t.Context(), 99)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	steps := []struct {
		after time.Duration
		want  int
	}{
		{0, 1}, {time.Hour, 2},
		{401 * 24 * time.Hour, 1},            // both are too old
		{401*24*time.Hour + 23*time.Hour, 2}, // not yet a day
		{1000 * 24 * time.Hour, 1},           // all before are
	}
	for _, step := range steps {
		a.later = step.after
		code, said := a.check(t)
		if got := runs(); got != step.want || code != 3 {
			t.Errorf("after %v: %d runs are kept, exit code %d, want %d and 3; it said:\n%s", step.after, got, code, step.want, said)
		}
	}
}
