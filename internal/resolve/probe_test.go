package resolve

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"residency/internal/residency"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	a := []string{"api.a.test 60 A 192.0.2.1"}
	for _, c := range []struct {
		name   string
		h      handler
		server Server
		subnet string
		want   residency.ResolverStatus // Text: what it must contain
	}{
		{"passes", reply{answers: a, scope: 24}.always(t), Server{PassesSubnets: true}, "198.51.100.0/24",
			residency.ResolverStatus{Answers: true, PassesSubnets: true, Declared: true, Text: "answers, and passes client subnets on"}},
		{"passes, scope 0", reply{answers: a}.always(t), Server{PassesSubnets: true}, "198.51.100.0/24",
			residency.ResolverStatus{Answers: true, PassesSubnets: true, Declared: true, Text: "scope /0"}},
		{"passes, with NXDOMAIN", reply{rcode: 3, scope: 24}.always(t), Server{PassesSubnets: true}, "198.51.100.0/24",
			residency.ResolverStatus{Answers: true, PassesSubnets: true, Declared: true, Text: "answers, and passes client subnets on"}},
		{"strips, though declared", reply{answers: a, noECS: true}.always(t), Server{PassesSubnets: true}, "198.51.100.0/24",
			residency.ResolverStatus{Answers: true, Declared: true, Text: "something on the path may be answering in its place"}},
		{"strips", reply{answers: a, noECS: true}.always(t), Server{}, "198.51.100.0/24",
			residency.ResolverStatus{Answers: true, Text: "our own location"}},
		{"stands somewhere", reply{answers: a, noECS: true}.always(t), Server{StandsIn: []residency.Country{india}}, "198.51.100.0/24",
			residency.ResolverStatus{Answers: true, StandsIn: []residency.Country{india}, Text: "where it stands"}},
		{"another subnet", reply{answers: a, ecs: []byte{0, 1, 24, 24, 1, 2, 3}}.always(t), Server{PassesSubnets: true}, "198.51.100.0/24",
			residency.ResolverStatus{Answers: true, Declared: true, Text: "another client subnet"}},
		{"authoritative", reply{answers: a, aa: true, scope: 24}.always(t), Server{Authoritative: true}, "198.51.100.0/24",
			residency.ResolverStatus{Answers: true, PassesSubnets: true, Authoritative: true, Text: "knows client subnets"}},
		{"not asked about subnets", reply{answers: a}.always(t), Server{PassesSubnets: true}, "",
			residency.ResolverStatus{Answers: true, Declared: true, Text: "not asked about client subnets"}},
		{"refuses", reply{rcode: 5, noECS: true}.always(t), Server{PassesSubnets: true}, "198.51.100.0/24",
			residency.ResolverStatus{Answers: true, Declared: true, Text: "REFUSED to api.a.test A for IN through 198.51.100.0/24"}},
		{"no EDNS", func(r request) [][]byte {
			if r.opt {
				return [][]byte{reply{rcode: 1, noOPT: true}.message(t, r)}
			}
			return [][]byte{reply{answers: a}.message(t, r)}
		}, Server{PassesSubnets: true}, "198.51.100.0/24",
			residency.ResolverStatus{Answers: true, Declared: true, Text: "does not understand EDNS (FORMERR), though"}},
		{"silent", func(request) [][]byte { return nil }, Server{}, "198.51.100.0/24",
			residency.ResolverStatus{Failure: residency.FailTimeout, Text: "(timeout): is port "}},
		{"lies", func(r request) [][]byte { return [][]byte{put(evil(t, r), 0, 1, 2)} }, Server{}, "198.51.100.0/24",
			residency.ResolverStatus{Failure: residency.FailMismatch, Text: "answering in its place"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.server.Name, c.server.Addresses = "fake", []string{serve(t, c.h).addr}
			ask := patient
			if c.want.Failure != "" {
				ask = quick
			}
			got := ask(c.server).Probe(t.Context(), question(host, "A", c.subnet))
			if len(got) != 1 {
				t.Fatalf("%d states for one server", len(got))
			}
			g, w := got[0], c.want
			if g.Answers != w.Answers || g.PassesSubnets != w.PassesSubnets || g.Declared != w.Declared || g.Authoritative != w.Authoritative ||
				g.Failure != w.Failure || len(g.StandsIn) != len(w.StandsIn) || g.Name != "fake" || g.Server != c.server.Addresses[0] {
				t.Errorf("got %+v, want %+v", g, w)
			}
			if !strings.Contains(g.Text, w.Text) {
				t.Errorf("Text = %q, want %q in it", g.Text, w.Text)
			}
		})
	}
}

// TestProbeFindsTheWorkingAddress, and Observe then uses it.
func TestProbeFindsTheWorkingAddress(t *testing.T) {
	t.Parallel()
	dead := serve(t, func(request) [][]byte { return nil })
	up := serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	r := quick(Server{Name: "two", Addresses: []string{dead.addr, up.addr}})
	st := r.Probe(t.Context(), question(host, "A", ""))[0]
	if !st.Answers || st.Server != up.addr {
		t.Fatalf("got %+v, want an answer of the second address", st)
	}
	before := dead.queries.Load()
	if o := observe(t, r, question(host, "A", "")); o.Server != up.addr || addresses(o) != "192.0.2.1" || dead.queries.Load() != before {
		t.Errorf("asked %s: %q", o.Server, addresses(o))
	}
	// Without a Probe it is the first one, whatever it is.
	if o := observe(t, quick(r.Servers[0]), question(host, "A", "")); o.Server != dead.addr || o.Failure != residency.FailTimeout {
		t.Errorf("without a probe: %s, failure %q", o.Server, o.Failure)
	}
}

// TestSilentServersAreNotAskedAgain in the run whose probe they failed; the
// next probe gives them another chance.
func TestSilentServersAreNotAskedAgain(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	s := serve(t, func(r request) [][]byte {
		if !up.Load() {
			return nil
		}
		return [][]byte{good(t, r)}
	})
	r := quick(Server{Name: "silent", Addresses: []string{s.addr}})
	r.Probe(t.Context(), question(host, "A", ""))
	before := s.queries.Load()
	r.Observe(t.Context(), questions(200, 200), func(o residency.Observation) {
		if o.Failure != residency.FailTimeout || !strings.Contains(o.Detail, "does not answer on "+s.addr) {
			t.Errorf("failure %q (%s)", o.Failure, o.Detail)
		}
	})
	if s.queries.Load() != before {
		t.Errorf("%d queries after a failed probe", s.queries.Load()-before)
	}
	up.Store(true)
	if st := r.Probe(t.Context(), question(host, "A", "")); !st[0].Answers {
		t.Fatalf("second probe: %+v", st)
	}
	if o := observe(t, r, question(host, "A", "")); addresses(o) != "192.0.2.1" {
		t.Errorf("after the second probe: %q (%s)", o.Failure, o.Detail)
	}
}

// TestNobodyWaitsForServersThatAreNotAsked: neither the pace nor the time before
// a run holds up the looks at a server whose probe failed.
func TestNobodyWaitsForServersThatAreNotAsked(t *testing.T) {
	t.Parallel()
	s := serve(t, func(request) [][]byte { return nil })
	r := quick(Server{Name: "silent", Addresses: []string{s.addr}, Rate: 1})
	r.Probe(t.Context(), question(host, "A", ""))
	// At one a second 3000 looks would take the better part of an hour.
	defer within(t, 20*time.Second, "Observe")()
	n := 0
	r.Observe(t.Context(), questions(3000, 10), func(o residency.Observation) {
		if n++; o.Failure != residency.FailTimeout {
			t.Errorf("failure %q (%s)", o.Failure, o.Detail)
		}
	})
	if n != 3000 {
		t.Errorf("%d observations of 3000 questions", n)
	}
}

func TestProbeEndsWithItsContext(t *testing.T) { // not parallel: it counts goroutines
	s := serve(t, func(request) [][]byte { return nil })
	noLeaks(t)
	r := &Resolver{Timeout: time.Minute}
	for range 40 {
		r.Servers = append(r.Servers, Server{Name: "silent", Addresses: []string{s.addr, s.addr}})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	defer within(t, 10*time.Second, "Probe")()
	for _, st := range r.Probe(ctx, question(host, "A", "")) {
		if st.Answers || st.Failure != residency.FailBudget || !strings.Contains(st.Text, "the run ended first") {
			t.Errorf("got %+v", st)
		}
	}
	// Nothing was learned, so nothing is held against them.
	if p, ok := r.lastProbe(0); !ok || p.dead != nil || p.addr != s.addr {
		t.Errorf("remembered %+v", p)
	}
}

func TestProbeWithoutNetwork(t *testing.T) {
	t.Parallel()
	r := quick(Server{Name: "a", Addresses: []string{"192.0.2.53:53", "[2001:db8::53]:53"}})
	r.Servers = append(r.Servers, Server{Name: "none"})
	r.Dial = func(_ context.Context, network, _ string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError("unreachable")}
	}
	st := r.Probe(t.Context(), question(host, "A", ""))
	want := "does not answer on 192.0.2.53:53 (unreachable) nor on [2001:db8::53]:53 (unreachable): is there a network, and is the address right?"
	if st[0].Text != want || st[0].Failure != residency.FailUnreachable || st[1].Text != "has no address configured" {
		t.Errorf("got %+v", st)
	}
}

func TestPortOfTheSentence(t *testing.T) {
	t.Parallel()
	got := silenceText([]string{"8.8.8.8:53 (timeout)"}, "8.8.8.8:53", residency.FailTimeout)
	if want := "does not answer on 8.8.8.8:53 (timeout): is port 53 blocked on this network?"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
