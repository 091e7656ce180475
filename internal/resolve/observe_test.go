package resolve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"residency/internal/residency"
)

// questions makes n questions about hosts different hosts.
func questions(n, hosts int) []residency.Question {
	qs := make([]residency.Question, n)
	for i := range qs {
		qs[i] = question(fmt.Sprintf("h%d.a.test", i*hosts/n), []string{"A", "AAAA"}[i%2], "198.51.100.0/24")
	}
	return qs
}

// TestOneObservationForEachPair: every question and server, whatever happens.
func TestOneObservationForEachPair(t *testing.T) {
	t.Parallel()
	up := serve(t, reply{answers: []string{"h0.a.test 60 A 192.0.2.1"}}.always(t))
	liar := serve(t, func(r request) [][]byte { return [][]byte{put(evil(t, r), 0, 1, 2)} })
	r := &Resolver{
		Servers: []Server{
			{Name: "up", Addresses: []string{up.addr}},
			{Name: "liar", Addresses: []string{liar.addr}},
			{Name: "nowhere"},
			{Name: "bad address", Addresses: []string{"no port"}},
		},
		Timeout: 200 * time.Millisecond, Tries: 1,
	}
	qs := questions(100, 5)
	type pair struct{ host, rtype, server string }
	got, count := map[pair]int{}, map[string]int{}
	var inside atomic.Int32
	r.Observe(t.Context(), qs, func(o residency.Observation) {
		if inside.Add(1) != 1 {
			t.Error("done is called while it runs")
		}
		defer inside.Add(-1)
		got[pair{o.Endpoint.Host, o.Type, o.Resolver}]++
		count[o.Resolver+" "+string(o.Failure)]++
		if !o.Failure.Valid() || o.At.IsZero() {
			t.Errorf("observation %+v", o)
		}
	})
	if len(got) != 5*2*4 {
		t.Errorf("%d different pairs, want 40", len(got))
	}
	for p, n := range got {
		if n != 10 {
			t.Errorf("%v: %d observations, want 10", p, n)
		}
	}
	want := map[string]int{"up ": 100, "liar mismatch": 100, "nowhere unreachable": 100, "bad address unreachable": 100}
	for k, n := range want {
		if count[k] != n {
			t.Errorf("%q: %d observations, want %d (%v)", k, count[k], n, count)
		}
	}
	r.Observe(t.Context(), nil, func(o residency.Observation) { t.Errorf("an observation of no question: %+v", o) })
}

// TestEndOfContext: Observe returns at once (in milliseconds; the limit here
// is for busy machines, far below the time-out), and what was not measured
// says so.
func TestEndOfContext(t *testing.T) { // not parallel: it counts goroutines
	for _, c := range []struct {
		name string
		ctx  func() (context.Context, context.CancelFunc)
		want residency.Failure
	}{
		{"deadline", func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), 50*time.Millisecond)
		}, residency.FailBudget},
		{"cancel", func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(50*time.Millisecond, cancel)
			return ctx, cancel
		}, residency.FailCancelled},
		{"ended before", func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return ctx, cancel
		}, residency.FailCancelled},
	} {
		for _, transport := range []string{"udp", "tcp"} {
			t.Run(c.name+" "+transport, func(t *testing.T) {
				s := serveRaw(t, func(r request) [][]byte {
					if transport == "udp" {
						return nil
					}
					return [][]byte{reply{tc: true}.message(t, r)}
				}, func(conn net.Conn) { io.Copy(io.Discard, conn) })
				noLeaks(t)
				r := &Resolver{Servers: []Server{{Name: "silent", Addresses: []string{s.addr}}}, Timeout: time.Minute}
				ctx, cancel := c.ctx()
				defer cancel()
				defer within(t, 10*time.Second, "Observe")()
				n := 0
				r.Observe(ctx, questions(500, 500), func(o residency.Observation) {
					n++
					if o.Failure != c.want || o.Detail == "" {
						t.Errorf("failure %q (%s), want %q", o.Failure, o.Detail, c.want)
					}
				})
				if n != 500 {
					t.Errorf("%d observations, want 500", n)
				}
			})
		}
	}
}

// TestDeadServerIsGivenUp: silence costs a few time-outs, not one a question.
func TestDeadServerIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		h     handler
		hosts int
		want  residency.Failure
	}{
		{"silent, many hosts", func(request) [][]byte { return nil }, 1000, residency.FailTimeout},
		{"silent, one host", func(request) [][]byte { return nil }, 1, residency.FailTimeout},
		{"silent, few hosts", func(request) [][]byte { return nil }, 4, residency.FailTimeout},
		{"lying", func(r request) [][]byte { return [][]byte{put(evil(t, r), 0, byte(r.msg.ID>>8)^1)} }, 1000, residency.FailMismatch},
		{"garbage", func(r request) [][]byte { return [][]byte{{1, 2, 3}} }, 1000, residency.FailMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.h)
			r := &Resolver{Servers: []Server{{Name: "dead", Addresses: []string{s.addr}}}, Timeout: 100 * time.Millisecond, Tries: 2, InFlight: 16}
			defer within(t, 8*time.Second, "1000 questions")()
			given := 0
			r.Observe(t.Context(), questions(1000, c.hosts), func(o residency.Observation) {
				if o.Failure != c.want {
					t.Errorf("failure %q (%s), want %q", o.Failure, o.Detail, c.want)
				}
				if strings.Contains(o.Detail, "not asked any more") {
					given++
				}
			})
			if given < 900 || s.queries.Load() > 150 {
				t.Errorf("%d of 1000 were given up after %d queries", given, s.queries.Load())
			}
		})
	}
}

// TestOneDeadNameIsNoDeadServer: a recursive that stays silent about one name
// is still asked about the others.
func TestOneDeadNameIsNoDeadServer(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte {
		if r.name == "h0.a.test" {
			return nil
		}
		return [][]byte{good(t, r)}
	})
	r := &Resolver{Servers: []Server{{Addresses: []string{s.addr}}}, Timeout: 150 * time.Millisecond, Tries: 1, InFlight: 4}
	failed, answered := 0, 0
	r.Observe(t.Context(), questions(300, 3), func(o residency.Observation) {
		switch {
		case o.Endpoint.Host == "h0.a.test" && o.Failure == residency.FailTimeout:
			failed++
		case o.Failure == "":
			answered++
		}
	})
	if failed != 100 || answered != 200 {
		t.Errorf("%d looks at the dead name failed, %d others were answered; want 100 and 200", failed, answered)
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	s := newSilence()
	about := func(host string) *residency.Question {
		return &residency.Question{Endpoint: residency.Endpoint{Host: host}}
	}
	for range silentLooks - 1 {
		s.missed("a", residency.FailTimeout)
	}
	if f := s.gaveUp(about("a")); f != "" {
		t.Errorf("given up (%s) after %d looks", f, silentLooks-1)
	}
	s.missed("b", residency.FailMalformed)
	if s.gaveUp(about("a")) != residency.FailMalformed || s.gaveUp(about("c")) != residency.FailMalformed {
		t.Errorf("not given up after %d looks about two hosts", silentLooks)
	}
	s.heard(about("c"))
	if s.gaveUp(about("a")) != "" || s.gaveUp(about("c")) != "" {
		t.Error("given up although the server is heard")
	}
	s.missed("a", residency.FailTimeout)
	if s.gaveUp(about("a")) == "" || s.gaveUp(about("c")) != "" {
		t.Error("a host is given up by its own looks only")
	}
}

// TestConcurrentUse: one Resolver, several callers.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	r := &Resolver{Servers: []Server{{Addresses: []string{s.addr}}}, Timeout: 2 * time.Second}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			r.Probe(t.Context(), question(host, "A", ""))
			n := 0
			r.Observe(t.Context(), questions(50, 50), func(o residency.Observation) {
				if o.Failure == "" {
					n++
				}
			})
			if n != 50 {
				t.Errorf("%d of 50 answered", n)
			}
		})
	}
	wg.Wait()
}

// TestConnectionsOfOtherKinds: Dial may return anything that is a net.Conn,
// one that knows no deadlines included.
func TestConnectionsOfOtherKinds(t *testing.T) {
	t.Parallel()
	r := &Resolver{
		Servers: []Server{{Addresses: []string{"pipe:53"}}}, Timeout: time.Second,
		Dial: pipeDial(func(_ string, far net.Conn) {
			defer far.Close()
			buf := make([]byte, 512)
			n, err := far.Read(buf)
			if err != nil {
				return
			}
			far.Write(good(t, readRequest(t, buf[:n], false)))
		}),
	}
	if o := observe(t, r, question(host, "A", "")); addresses(o) != "192.0.2.1" {
		t.Errorf("over a pipe: %q (%s)", addresses(o), o.Detail)
	}
	r.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route to host") }
	if o := observe(t, r, question(host, "A", "")); o.Failure != residency.FailUnreachable || !strings.Contains(o.Detail, "no route to host") {
		t.Errorf("failure %q (%s)", o.Failure, o.Detail)
	}
}

// TestClosedPort: a host that is up and has no server there (ICMP).
func TestClosedPort(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := pc.LocalAddr().String()
	pc.Close()
	defer within(t, 10*time.Second, "a closed port")()
	r := &Resolver{Servers: []Server{{Addresses: []string{addr}}}, Timeout: time.Minute}
	if o := observe(t, r, question(host, "A", "")); o.Failure != residency.FailUnreachable {
		t.Errorf("failure %q (%s), want unreachable", o.Failure, o.Detail)
	}
}
