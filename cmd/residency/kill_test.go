package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
)

const killConfig = `
[schedule]
check = "* * * * *"
window = "1h"
[store]
[evidence]
key = "file:log.key"
[[alert.channel]]
name = "hook"
type = "webhook"
url = "env:HOOK"
per_minute = 600
`

// receiver is a webhook that fails by chance, until it is told not to.
type receiver struct {
	mu    sync.Mutex
	rng   *rand.Rand
	well  atomic.Bool
	keyOf map[string]string // of each change that came, the key it came under
	taken map[string]int    // by key: how often it was taken
	tries map[string]int    // by key: how often it came
	wrong []string
}

func newReceiver() *receiver {
	return &receiver{rng: rand.New(rand.NewPCG(2014, 8)), keyOf: map[string]string{}, taken: map[string]int{}, tries: map[string]int{}}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var m told
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // killed while it sent
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := json.Unmarshal(body, &m); err != nil || m.Key == "" || m.Key != req.Header.Get("Idempotency-Key") {
		r.wrong = append(r.wrong, fmt.Sprintf("message %q with key %q: %v", body, req.Header.Get("Idempotency-Key"), err))
	}
	for _, a := range m.Alerts {
		if key, known := r.keyOf[a.ID]; known && key != m.Key {
			r.wrong = append(r.wrong, fmt.Sprintf("%s came under the keys %s and %s", a.ID, key, m.Key))
		}
		r.keyOf[a.ID] = m.Key
	}
	r.tries[m.Key]++
	if !r.well.Load() && r.rng.IntN(5) < 2 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	r.taken[m.Key]++
}

// killed is a watch that is killed again and again.
type killed struct {
	t     *testing.T
	st    *stage
	r     *receiver
	url   string
	rng   *rand.Rand
	takes time.Duration                // how long a watch takes from its beginning to the end of its first run
	early int                          // kills in a row in which no run ended
	after time.Duration                // by how much the clock of the next process is ahead
	seen  map[string]residency.Finding // every finding that was ever on disk
	log   strings.Builder              // of all processes
}

// program makes the real program ready to run.
func (k *killed) program(args ...string) *exec.Cmd {
	cmd := exec.Command("residency-live", args...)
	cmd.Dir = k.st.dir
	k.after += 20 * time.Minute // what failed is tried again by the next
	cmd.Env = append(os.Environ(), "HOOK="+k.url, "USER=somebody", "SCRIPT_AFTER="+k.after.String(),
		liveClock+"="+strconv.FormatInt(time.Now().UnixNano(), 10))
	return cmd
}

// once runs a command to its end and wants its exit code.
func (k *killed) once(code int, args ...string) string {
	k.t.Helper()
	out, err := k.program(args...).CombinedOutput()
	got := 0
	if err != nil {
		ee, ok := err.(*exec.ExitError)
		if !ok {
			k.t.Fatal(err)
		}
		got = ee.ExitCode()
	}
	if got != code {
		k.t.Errorf("%s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return string(out)
}

// kill starts watch, and kills it at a moment by chance after it began.
func (k *killed) kill() {
	k.t.Helper()
	cmd := k.program("watch", "--notify")
	errs, err := cmd.StderrPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	lines := bufio.NewScanner(errs)
	began := false
	for !began && lines.Scan() {
		fmt.Fprintln(&k.log, lines.Text())
		began = strings.Contains(lines.Text(), "msg=watching")
	}
	if !began {
		k.t.Fatalf("watch did not begin:\n%s", k.log.String())
	}
	// What it does, it does at once: most moments lie in the middle of something.
	if k.takes > 0 {
		time.Sleep(time.Duration(k.rng.Int64N(3 * int64(k.takes))))
	} else {
		k.takes = k.first(lines)
	}
	if err := cmd.Process.Kill(); err != nil {
		k.t.Fatal(err)
	}
	ended := false
	for lines.Scan() {
		fmt.Fprintln(&k.log, lines.Text())
		ended = ended || strings.Contains(lines.Text(), "msg=checked")
	}
	// A machine that has become busier would have every run broken off.
	if k.early++; ended {
		k.early = 0
	}
	if k.early == 3 {
		k.takes, k.early = 2*k.takes, 0
	}
}

// first returns how long a watch takes to end its first run.
func (k *killed) first(lines *bufio.Scanner) time.Duration {
	began := time.Now()
	for lines.Scan() {
		fmt.Fprintln(&k.log, lines.Text())
		if strings.Contains(lines.Text(), "msg=checked") {
			break
		}
	}
	return time.Since(began)
}

// look reads the store beside the program's back: what was on disk once may not
// be gone later.
func (k *killed) look() []residency.Finding {
	k.t.Helper()
	s, err := store.Open(k.t.Context(), filepath.Join(k.st.dir, storeFile), store.Options{Now: time.Now, Version: "test", ReadOnly: true})
	if err != nil {
		k.t.Fatalf("open store after a kill: %v", err)
	}
	defer s.Close()
	all, err := s.Findings(k.t.Context(), store.Which{})
	if err != nil {
		k.t.Fatal(err)
	}
	now := map[string]residency.Finding{}
	for _, f := range all {
		now[f.Key] = f
	}
	for key, before := range k.seen {
		f, ok := now[key]
		if !ok {
			k.t.Errorf("the finding of %s in %s is gone", before.Host, before.Market)
		} else if !f.Opened.Equal(before.Opened) && len(f.Earlier) == len(before.Earlier) {
			k.t.Errorf("the finding of %s in %s began at %s, now at %s", before.Host, before.Market, before.Opened, f.Opened)
		}
	}
	k.seen = now
	return all
}

// storeFile is the name of the store beside the configuration.
const storeFile = "residency.db"

// TestKill kills the real program while it looks, remembers, tells and signs;
// RESIDENCY_KILLS times, 20 by default. What the vendor does changes all the
// time. After that: everything that was found is still there and was told, at
// least once, under one key; what is open is what is outside; the store is
// whole, and the log verifies.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("RESIDENCY_KILLS")); err == nil && n > 0 {
		kills = n
	}
	k := &killed{t: t, st: newStage(t, day("2014-08-14"), oneSubnet), r: newReceiver(), rng: rand.New(rand.NewPCG(7, 7))}
	srv := httptest.NewServer(k.r)
	t.Cleanup(srv.Close)
	k.url = srv.URL
	k.st.configure(killConfig)
	k.once(0, "key", "new", "--origin", "example.com/residency", "--out", "log.key")
	steps := []string{"2014-08-14", "2014-09-25", "2014-10-20", "2014-11-02", "2014-11-17", "2014-12-01", "2014-12-20", "2015-01-02"}
	for i := range kills {
		k.st.clock.set(day(steps[i*len(steps)/kills]))
		k.kill()
		if i%4 == 3 {
			k.look()
		}
	}
	k.r.well.Store(true)
	for range 6 { // a window and more, and what failed is tried again
		k.once(2, "check", "--notify", "--quiet")
	}
	k.settled(kills)
}

// settled holds what is there at the end.
func (k *killed) settled(kills int) {
	t := k.t
	t.Helper()
	fresh := k.fresh()
	open := map[string]bool{}
	for _, f := range k.look() {
		if f.Open() {
			open[f.Key] = true
		}
		if !fresh[f.Key] && f.Open() {
			t.Errorf("%s in %s is open, and a new store finds nothing outside there", f.Host, f.Market)
		}
	}
	for key := range fresh {
		if !open[key] {
			t.Errorf("%s is outside, and no finding is open", key)
		}
	}
	s, err := store.Open(t.Context(), filepath.Join(k.st.dir, storeFile), store.Options{Now: time.Now, Version: "test", ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	alerts, err := s.Alerts(t.Context(), time.Time{}, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	opened := map[string]bool{}
	k.r.mu.Lock()
	defer k.r.mu.Unlock()
	for _, a := range alerts {
		if a.Finding != nil {
			opened[a.Finding.Key] = true
		}
		if k.r.taken[k.r.keyOf[a.ID]] == 0 {
			t.Errorf("nobody was told of %s %s of %s", a.ID, a.Event, a.Group)
		}
	}
	for key, f := range k.seen {
		if !opened[key] {
			t.Errorf("there is no alert of the finding of %s in %s", f.Host, f.Market)
		}
	}
	if len(k.r.wrong) > 0 {
		t.Errorf("the receiver found fault: %s", strings.Join(k.r.wrong, "\n"))
	}
	k.count(s, kills, len(alerts))
	k.once(0, "store", "check")
	k.once(0, "seal")
	k.once(0, "verify")
}

// fresh returns the keys of what is outside now, as a new store finds it.
func (k *killed) fresh() map[string]bool {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join(k.st.dir, "config.toml"))
	if err != nil {
		k.t.Fatal(err)
	}
	k.st.write("fresh.toml", strings.Replace(string(text), "[store]\n[evidence]\nkey = \"file:log.key\"", "[store]\npath = \"fresh.db\"", 1))
	k.once(3, "check", "--quiet", "--config", "fresh.toml") // seen in one of two runs
	k.once(2, "check", "--quiet", "--config", "fresh.toml")
	s, err := store.Open(k.t.Context(), filepath.Join(k.st.dir, "fresh.db"), store.Options{Now: time.Now, Version: "test", ReadOnly: true})
	if err != nil {
		k.t.Fatal(err)
	}
	defer s.Close()
	list, err := s.Findings(k.t.Context(), store.Which{State: store.StateOpen})
	if err != nil || len(list) == 0 {
		k.t.Fatalf("a new store finds %d outside: %v", len(list), err)
	}
	keys := map[string]bool{}
	for _, f := range list {
		keys[f.Key] = true
	}
	return keys
}

// count says what was done, and that it was enough to show something.
func (k *killed) count(s *store.Store, kills, alerts int) {
	runs, broken, again := 0, 0, 0
	for r, err := range s.Runs(k.t.Context(), time.Time{}, time.Now().AddDate(10, 0, 0)) {
		if err != nil {
			k.t.Fatal(err)
		}
		runs++
		if r.Partial {
			broken++
		}
	}
	tries := 0
	for _, n := range k.r.tries {
		tries += n
		if n > 1 {
			again++
		}
	}
	k.t.Logf("killed %d times: %d runs, %d of them broken off; %d findings, %d changes in %d messages, %d of them sent more than once, %d tries; nothing lost",
		kills, runs, broken, len(k.seen), alerts, len(k.r.taken), again, tries)
	if broken == 0 || again == 0 || len(k.seen) < 20 {
		k.t.Errorf("the kills hit nothing: runs %d, broken off %d, messages again %d, findings %d", runs, broken, again, len(k.seen))
	}
	if bytes.Contains([]byte(k.log.String()), []byte("panic")) {
		k.t.Errorf("the program panicked:\n%s", k.log.String())
	}
}
