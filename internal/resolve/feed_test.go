package resolve

import (
	"context"
	"iter"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// counting is a stream of n questions about as many hosts.
func counting(n int) iter.Seq[residency.Question] {
	return func(yield func(residency.Question) bool) {
		for i := range n {
			if !yield(question("h"+strconv.Itoa(i)+".a.test", "A", "198.51.100.0/24")) {
				return
			}
		}
	}
}

// TestStream: every question of a stream goes to every server once, however
// different their speed, and what a look used before does not show in it.
func TestStream(t *testing.T) {
	t.Parallel()
	const n = 3 * feedAhead
	quick := serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	slow := serve(t, func(r request) [][]byte { // and with aliases, two addresses, and names that are not there
		time.Sleep(10 * time.Microsecond)
		switch r.msg.ID % 3 {
		case 0:
			return [][]byte{reply{answers: []string{r.name + " 60 CNAME b.test", "b.test 60 A 192.0.2.1", "b.test 60 A 192.0.2.2"}}.message(t, r)}
		case 1:
			return [][]byte{reply{rcode: dns.RcodeNameError, authority: []string{"a.test 60 SOA ns.a.test"}}.message(t, r)}
		}
		return [][]byte{good(t, r)}
	})
	r := patient(Server{Name: "quick", Addresses: []string{quick.addr}})
	r.Servers = append(r.Servers, Server{Name: "slow", Addresses: []string{slow.addr}})
	r.InFlight = 64
	seen := map[string]int{}
	r.Stream(t.Context(), counting(n), func(o *residency.Observation) {
		seen[o.Resolver+" "+o.Endpoint.Host]++
		x := o.Exchanges[len(o.Exchanges)-1]
		q, err := newQuery(canonical(o.Endpoint.Host), dns.TypeA, asking{edns: true})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case !sameQuestion(x.Request[headerLen:q.end], q.wire[headerLen:q.end]) || !sameQuestion(x.Response[headerLen:q.end], q.wire[headerLen:q.end]):
			t.Errorf("the evidence of %s is of another question", o.Endpoint.Host)
		case o.Failure == residency.FailNXDomain:
			if len(o.Addresses)+len(o.Chain) > 0 {
				t.Errorf("a name that is not there has %v %v", o.Chain, o.Addresses)
			}
		case len(o.Chain) == 1:
			if len(o.Addresses) != 2 || o.Chain[0].Owner != o.Endpoint.Host {
				t.Errorf("behind %v: %v", o.Chain, o.Addresses)
			}
		case o.Failure != "" || len(o.Addresses) != 1:
			t.Errorf("%s: %s, %v", o.Endpoint.Host, o.Detail, o.Addresses)
		}
	})
	if len(seen) != 2*n {
		t.Errorf("%d different looks, want %d", len(seen), 2*n)
	}
	for look, times := range seen {
		if times != 1 {
			t.Errorf("%s: %d times", look, times)
		}
	}
}

// TestStreamEnds: with its context, without waiting for a stream that waits.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	r := patient(Server{Addresses: []string{s.addr}})
	ctx, cancel := context.WithCancel(t.Context())
	never := make(chan struct{})
	defer close(never)
	got := 0
	r.Stream(ctx, func(yield func(residency.Question) bool) {
		if yield(question("a.test", "A", "")) {
			<-never
		}
	}, func(o *residency.Observation) {
		got++
		cancel()
	})
	if got != 1 {
		t.Errorf("%d observations, want 1", got)
	}
	r.Stream(t.Context(), counting(0), func(*residency.Observation) { t.Error("an observation of nothing") })
}

// TestPerSocket: no socket gets more than it bears while another has room.
func TestPerSocket(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	r := &Resolver{Servers: []Server{{Addresses: []string{pc.LocalAddr().String()}}}, InFlight: 1000, Timeout: time.Minute}
	e := newEngine(t.Context(), r.line(r.settings(), r.Servers[0], pc.LocalAddr().String()), newFeed(onlyA(600)), false, newResults())
	defer e.close()
	e.window = e.limit() - 13 // the tries below are not looks
	for range 100 {           // as if one socket's answers were late and all others' came
		e.mu.Lock()
		s := e.socket(&e.first)
		s.pending.put(&flight{id: uint16(s.pending.n)})
		for _, s := range e.first.list[1:] {
			if s != nil {
				s.pending.takeAll()
			}
		}
		e.mu.Unlock()
	}
	e.fill()
	e.mu.Lock()
	defer e.mu.Unlock()
	for s := range e.open {
		if s.pending.n > perSocket {
			t.Errorf("%d tries wait on one socket, want at most %d", s.pending.n, perSocket)
		}
	}
}

// FuzzPackPlain: what the short way packs, the long way packs to the same.
func FuzzPackPlain(f *testing.F) {
	for _, name := range []string{"a.test.", ".", "a..test.", "A_b-0.Test.", "a\\.b.test.", string(slices.Repeat([]byte("a."), 127)) + "b."} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		var short, long [headerLen + maxNameLen]byte
		n, ok := packPlain(name, short[:])
		if !ok {
			return
		}
		m, err := dns.PackDomainName(name, long[:], headerLen, nil, false)
		if err != nil || n != m || string(short[:n]) != string(long[:m]) {
			t.Errorf("packPlain(%q) = %q, want %q (%v)", name, short[headerLen:n], long[headerLen:m], err)
		}
	})
}
