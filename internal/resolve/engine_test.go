package resolve

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"residency/internal/residency"
)

// TestSourcePorts: looks share a few sockets, and no port is used for long.
func TestSourcePorts(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	var mu sync.Mutex
	ports := map[string]int{} // requests from each
	var open, peak atomic.Int64
	r := patient(Server{Addresses: []string{s.addr}})
	r.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if n := open.Add(1); n > peak.Load() {
			peak.Store(n) // dials may race here; the bound below is not that tight
		}
		return portConn{c, &mu, ports, &open}, err
	}
	const looks = 4 * 4 * perPort // four sockets by default, four times each
	answered := 0
	r.Observe(t.Context(), questions(looks, 100), func(o residency.Observation) {
		if o.Failure == "" {
			answered++
		}
	})
	if answered != looks {
		t.Errorf("%d of %d looks were answered", answered, looks)
	}
	if len(ports) < 16 || len(ports) > 40 {
		t.Errorf("%d source ports for %d requests, want about 16", len(ports), looks)
	}
	for p, n := range ports {
		if n > perPort {
			t.Errorf("%d requests left from %s, want at most %d", n, p, perPort)
		}
	}
	if peak.Load() > 12 || open.Load() != 0 {
		t.Errorf("%d sockets were open at once and %d still are", peak.Load(), open.Load())
	}
}

// portConn counts the requests of a source port and the sockets open.
type portConn struct {
	net.Conn
	mu    *sync.Mutex
	ports map[string]int
	open  *atomic.Int64
}

func (c portConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.ports[c.LocalAddr().String()]++
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c portConn) Close() error {
	err := c.Conn.Close()
	if err == nil { // the second Close of a socket is an error
		c.open.Add(-1)
	}
	return err
}

// TestSlowCaller: a done that is slower than every time-out loses nothing, and
// no more results pile up than they may (a list full, and one in hand).
func TestSlowCaller(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	r := patient(Server{Addresses: []string{s.addr}})
	const looks = 4 * resultsAhead
	n, answered := 0, 0
	r.Observe(t.Context(), questions(looks, 100), func(o residency.Observation) {
		if n++; n == 1 {
			for begin := time.Now(); s.queries.Load() < resultsAhead && time.Since(begin) < 10*time.Second; {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(50 * time.Millisecond)
			if got := s.queries.Load(); got > 2*resultsAhead+2*DefaultInFlight {
				t.Errorf("%d looks were begun while the caller was busy with the first", got)
			}
		}
		if o.Failure == "" {
			answered++
		}
	})
	if answered != looks {
		t.Errorf("%d of %d looks were answered", answered, looks)
	}
}

// countedConn counts the requests written to it.
type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// TestInFlightIsBounded counts what a silent server is sent before the first
// time-out.
func TestInFlightIsBounded(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	for inFlight, want := range map[int]int64{1: 1, 7: 7, 0: DefaultInFlight, 100000: firstWindow} {
		var writes atomic.Int64
		r := &Resolver{
			Servers:  []Server{{Name: "silent", Addresses: []string{pc.LocalAddr().String()}}},
			InFlight: inFlight, Timeout: time.Minute,
			Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, addr)
				return countedConn{c, &writes}, err
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, func() {
			for begin := time.Now(); writes.Load() < want && time.Since(begin) < 10*time.Second; {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(20 * time.Millisecond) // for one too many to show
			cancel()
		})
		r.Observe(ctx, questions(1000, 1000), func(residency.Observation) {})
		if got := writes.Load(); got != want {
			t.Errorf("InFlight %d: %d queries under way at once, want %d", inFlight, got, want)
		}
	}
}

// TestWindow: it opens while answers come, closes on loss, and has its limits.
func TestWindow(t *testing.T) {
	t.Parallel()
	e := &engine{line: &line{set: (&Resolver{InFlight: 100000, Timeout: time.Second}).settings()}, out: newResults(), window: firstWindow}
	answers := func(n int) float64 {
		for range n {
			e.finish(new(flight))
		}
		return e.window
	}
	if got := answers(100); got != firstWindow+100 {
		t.Errorf("after 100 answers the window is %v", got)
	}
	if got := answers(1000); got != maxSockets*perSocket {
		t.Errorf("after 1100 answers the window is %v", got)
	}
	at := fixedNow()
	for range 10 {
		e.lost(at)
	}
	if e.window != maxSockets*perSocket/2 {
		t.Errorf("after one burst of losses the window is %v", e.window)
	}
	if got := answers(256); got < 256.5 || got > 257 {
		t.Errorf("after a loss and a window of answers it is %v, want one more", got)
	}
	for i := range 20 {
		e.lost(at.Add(time.Duration(i) * time.Minute))
	}
	if e.window != leastWindow {
		t.Errorf("after many losses the window is %v", e.window)
	}
}

// BenchmarkObserve measures looks per second against a server in this process.
func BenchmarkObserve(b *testing.B) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer pc.Close()
	go echo(pc)
	r := &Resolver{Servers: []Server{{Name: "bench", Addresses: []string{pc.LocalAddr().String()}}}, Timeout: 2 * time.Second}
	qs := make([]residency.Question, b.N)
	for i := range qs {
		qs[i] = question("api.a.test", "A", "198.51.100.0/24")
	}
	b.ReportAllocs()
	b.ResetTimer()
	lost := 0
	r.Observe(b.Context(), qs, func(o residency.Observation) {
		if len(o.Addresses) != 1 {
			lost++
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "looks/s")
	if lost > 0 {
		b.Errorf("%d of %d looks gave no answer", lost, b.N)
	}
}

// echo answers every query with one address, as cheaply as it can be done: the
// question is copied, the OPT record of the query goes back as it came.
func echo(pc net.PacketConn) {
	buf := make([]byte, 2048)
	out := make([]byte, 0, 2048)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		end := 12
		for buf[end] != 0 {
			end += 1 + int(buf[end])
		}
		end += 5
		out = append(out[:0], buf[:end]...)
		out[2], out[3], out[7] = 0x81, 0x80, 1
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1)
		out = append(out, buf[end:n]...)
		pc.WriteTo(out, from)
	}
}
