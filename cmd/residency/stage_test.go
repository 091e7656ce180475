package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"residency/internal/config"
	"residency/internal/lab"
	"residency/internal/store"
	"residency/internal/watch"
)

// stepped is a clock that stands still until it is moved.
type stepped struct {
	mu sync.Mutex
	at time.Time
}

func (c *stepped) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *stepped) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// act is what happens on a stage at a time.
type act struct {
	at time.Time
	do func(*stage)
}

// stage is `residency watch` over a lab, by a clock that moves only when the
// loop waits. Everything else is as it is in the program: sockets, store,
// configuration, channels.
type stage struct {
	t     *testing.T
	dir   string
	clock *stepped
	e     *env
	net   *lab.Net
	base  string // the lab's configuration
	acts  []act
	until time.Time

	log    bytes.Buffer
	d      *daemon
	end    context.CancelFunc // of the daemon
	failed []string           // what the courier or the loop's log said went wrong
	jump   time.Duration      // the clock is set by so much at the next wait
}

// day returns the start of a day by the clock of the scenario, and hours of it.
func day(s string, hours ...float64) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, s, labZone())
	if err != nil {
		panic(err)
	}
	for _, h := range hours {
		t = t.Add(time.Duration(h * float64(time.Hour)))
	}
	return t
}

func labZone() *time.Location {
	loc, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		panic(err)
	}
	return loc
}

// newStage serves a scenario, changed by whoever tests, from a time on.
func newStage(t *testing.T, from time.Time, change func(*lab.Scenario)) *stage {
	t.Helper()
	s, err := lab.Builtin("xiaomi-2014")
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	st := &stage{t: t, dir: t.TempDir(), clock: &stepped{at: from}}
	if st.net, err = s.Serve(t.Context(), "127.0.0.1:0", st.clock.now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.net.Close() })
	st.e = testEnv(new(bytes.Buffer), new(bytes.Buffer))
	st.e.now, st.e.rand = st.clock.now, rand.NewChaCha8([32]byte{7})
	files, err := s.Config(st.net)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == "config.toml" {
			// A busy machine answers late; what it never answers is no part of these tests.
			st.base = strings.Replace(string(files[name]), "[resolve]\n", "[resolve]\ntimeout = \"20s\"\n", 1)
			continue
		}
		st.write(name, string(files[name]))
	}
	return st
}

// oneSubnet cuts a scenario down to one client subnet of each market, which is enough
// where time passes and not places.
func oneSubnet(s *lab.Scenario) {
	for i := range s.Markets {
		s.Markets[i].Networks = s.Markets[i].Subnets
		if m := &s.Markets[i]; len(m.Subnets) > 1 {
			m.Subnets = m.Subnets[:1]
		}
	}
}

func (st *stage) write(name, text string) {
	st.t.Helper()
	if err := os.WriteFile(filepath.Join(st.dir, name), []byte(text), 0o600); err != nil {
		st.t.Fatal(err)
	}
}

// configure writes the configuration: the lab's, and more.
func (st *stage) configure(more string) *config.Config {
	st.t.Helper()
	st.write("config.toml", st.base+more)
	cfg, err := st.e.loader().Load(filepath.Join(st.dir, "config.toml"))
	if err != nil {
		st.t.Fatal(err)
	}
	return cfg
}

// play watches until a time. A configuration that is changed meanwhile is
// taken up as watch does, by a daemon of its own.
func (st *stage) play(cfg *config.Config, until time.Time) {
	st.t.Helper()
	st.until = until
	var before *daemon
	for st.clock.now().Before(until) && !st.t.Failed() {
		ctx, cancel := context.WithCancel(st.t.Context())
		log := slog.New(slog.NewTextHandler(&st.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		st.d = &daemon{e: st.e, cfg: cfg, log: log, timeout: 5 * time.Minute, notify: true, pulse: &pulse{now: st.clock.now}, tune: st.tune}
		st.d.follow(before)
		before, st.end = st.d, cancel
		if err := st.d.start(ctx); err != nil {
			st.t.Fatal(err)
		}
		if err := st.d.run(ctx); err != nil {
			st.t.Fatal(err)
		}
		cancel()
		var err error
		if cfg, err = st.e.loader().Load(cfg.Path); err != nil {
			st.t.Fatal(err)
		}
	}
}

// tune has the loop wait by the clock of the stage.
func (st *stage) tune(l *watch.Loop) { l.Sleep, l.Pause = st.wait, 3*time.Hour }

// wait is the loop's wait: what there is to tell is told, and the clock moves.
func (st *stage) wait(ctx context.Context, d time.Duration) {
	st.deliver(ctx)
	if st.t.Failed() {
		st.end()
		return
	}
	to := st.clock.now().Add(d)
	for len(st.acts) > 0 && !st.acts[0].at.After(to) {
		a := st.acts[0]
		st.acts = st.acts[1:]
		st.clock.set(later(a.at, st.clock.now()))
		a.do(st)
		if ctx.Err() != nil {
			return
		}
	}
	if st.jump != 0 {
		to = st.clock.now().Add(st.jump)
		st.jump = 0
	}
	st.clock.set(to)
	if !to.Before(st.until) {
		st.end()
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// deliver brings the outbox to the channels, as watch --notify does beside the
// loop.
func (st *stage) deliver(ctx context.Context) {
	if st.d.store == nil {
		return
	}
	if _, err := st.e.drain(ctx, st.d.cfg, st.d.store); err != nil {
		st.failed = append(st.failed, err.Error())
	}
}

// change writes another configuration and has it taken up.
func (st *stage) change(more string) {
	st.configure(more)
	st.end()
}

// told is one message as a file channel has it.
type told struct {
	Key, Group, Event, Severity, Subject, Text string
	At                                         time.Time
	Alerts                                     []struct {
		ID      string
		Event   string
		Market  string
		Finding *struct{ Key, Endpoint, Market string }
	}
}

// told returns what the file channel took, in order. The file is read as its
// reader would; no change is in two messages.
func (st *stage) told(name string) []told {
	st.t.Helper()
	text, err := os.ReadFile(filepath.Join(st.dir, name))
	if err != nil && !os.IsNotExist(err) {
		st.t.Fatal(err)
	}
	var list []told
	keys, ids := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var m told
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			st.t.Fatalf("%s: %v in %q", name, err, line)
		}
		if keys[m.Key] {
			st.t.Errorf("message %s %q came twice", m.Key, m.Subject)
		}
		keys[m.Key] = true
		for _, a := range m.Alerts {
			if ids[a.ID] {
				st.t.Errorf("%s of %q was told twice", a.ID, m.Subject)
			}
			ids[a.ID] = true
		}
		list = append(list, m)
	}
	return list
}

// undelivered returns how many changes nobody was told of, and how many
// messages wait.
func (st *stage) undelivered() (alerts, messages int) {
	st.t.Helper()
	s, err := st.e.openStore(st.t.Context(), st.d.cfg, "test")
	if err != nil {
		st.t.Fatal(err)
	}
	defer s.Close()
	for _, c := range st.d.cfg.Alert.Channels {
		waiting, err := s.Waiting(st.t.Context(), c.Name, time.Time{}, st.clock.now().Add(time.Hour))
		if err != nil {
			st.t.Fatal(err)
		}
		alerts += len(waiting)
	}
	posts, err := s.Deliveries(st.t.Context(), store.Post{Waiting: true})
	if err != nil {
		st.t.Fatal(err)
	}
	return alerts, len(posts)
}
