package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// quiet is how long a test waits to be sure that no answer comes.
const quiet = 60 * time.Millisecond

func serve(t testing.TB, s *Scenario, now func() time.Time) *Net {
	t.Helper()
	n, err := s.Serve(context.Background(), "127.0.0.1:0", now)
	must(t, err)
	t.Cleanup(func() { must(t, n.Close()) })
	return n
}

// exchange sends one message over UDP and returns every datagram that comes
// back until the given time has passed or count of them have come.
func exchange(t testing.TB, addr string, msg []byte, count int, wait time.Duration) [][]byte {
	t.Helper()
	conn, err := net.Dial("udp", addr)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(wait)))
	_, err = conn.Write(msg)
	must(t, err)
	var got [][]byte
	for len(got) < count {
		buf := make([]byte, 65535)
		n, err := conn.Read(buf)
		if err != nil {
			return got
		}
		got = append(got, buf[:n])
	}
	return got
}

// overTCP sends messages on one connection, all at once, and reads as many back.
func overTCP(t testing.TB, addr string, wait time.Duration, msgs ...[]byte) [][]byte {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(wait)))
	var out []byte
	for _, m := range msgs {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(m))), m...)
	}
	_, err = conn.Write(out)
	must(t, err)
	var got [][]byte
	for range msgs {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return got
		}
		msg := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, msg); err != nil {
			return got
		}
		got = append(got, msg)
	}
	return got
}

func TestServeBothTransports(t *testing.T) {
	t.Parallel()
	n := serve(t, geoZone(Server{Name: "a"}, Server{Name: "b", Ignores: true}), nil)
	req := ask{name: "www.example.com.", subnet: "10.1.2.0/24"}.request(t)
	for i, want := range []string{"192.0.2.91", "192.0.2.1"} {
		addr := n.Servers[i].Addr
		udp := exchange(t, addr, req, 1, 2*time.Second)
		tcp := overTCP(t, addr, 2*time.Second, req, req)
		if len(udp) != 1 || len(tcp) != 2 {
			t.Fatalf("%s: %d answers over UDP and %d over TCP, want 1 and 2", addr, len(udp), len(tcp))
		}
		for _, msg := range append(udp, tcp...) {
			if got := read(t, msg); !equal(got.addrs, []string{want}) {
				t.Errorf("%s answered %v, want %s", addr, got.addrs, want)
			}
		}
		if got := n.Servers[i].Queries(); got != 3 {
			t.Errorf("Queries() = %d, want 3", got)
		}
	}
	if b, ok := n.Server("b"); !ok || b.Honours || b.Does != "ignores client subnets" {
		t.Errorf("Server(b) = %+v, %v", b, ok)
	}
	if _, ok := n.Server("c"); ok {
		t.Error("Server(c) was found")
	}
}

func TestServeFixedPorts(t *testing.T) {
	t.Parallel()
	// Find three neighbouring ports that are free now; another process may take
	// one in between, so a few tries are allowed.
	s := geoZone(Server{Name: "a"}, Server{Name: "b"}, Server{Name: "c"})
	var n *Net
	var first netip.AddrPort
	for try := 0; n == nil && try < 200; try++ {
		free := serve(t, geoZone(), nil)
		first = netip.MustParseAddrPort(free.Servers[0].Addr)
		must(t, free.Close())
		n, _ = s.Serve(context.Background(), first.String(), nil)
	}
	if n == nil {
		t.Fatal("no three neighbouring ports are free, in 200 tries")
	}
	defer n.Close()
	for i, srv := range n.Servers {
		if want := fmt.Sprintf("127.0.0.1:%d", int(first.Port())+i); srv.Addr != want {
			t.Errorf("server %d listens on %s, want %s", i, srv.Addr, want)
		}
	}
	// The ports are taken now, and the error says by whom they were wanted.
	_, err := s.Serve(context.Background(), first.String(), nil)
	if err == nil || !strings.Contains(err.Error(), `start server "a"`) {
		t.Errorf("Serve on taken ports = %v", err)
	}
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ listen, want string }{
		{"0.0.0.0:0", "on loopback addresses only"},
		{"192.0.2.1:5300", "on loopback addresses only"},
		{":5300", "want an address and a port"},
		{"localhost:5300", "want an address and a port"},
		{"127.0.0.1", "want an address and a port"},
		{"127.0.0.1:65535", `no port 65536 for server "b"`},
	} {
		n, err := geoZone(Server{Name: "a"}, Server{Name: "b"}).Serve(context.Background(), tt.listen, nil)
		if err == nil {
			must(t, n.Close())
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Serve(%q) = %v, want %q", tt.listen, err, tt.want)
		}
	}
	if _, err := (&Scenario{Name: "none"}).Serve(context.Background(), "127.0.0.1:0", nil); err == nil {
		t.Error("a scenario without servers was served")
	}
}

func TestServeStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	n, err := geoZone(Server{Name: "a", Faults: []Fault{{Kind: FaultDelay, Delay: time.Hour}}}).Serve(ctx, "127.0.0.1:0", nil)
	must(t, err)
	exchange(t, n.Servers[0].Addr, ask{name: "www.example.com."}.request(t), 1, quiet) // an answer is under way
	idle, err := net.Dial("tcp", n.Servers[0].Addr)
	must(t, err)
	defer idle.Close()
	cancel()
	must(t, idle.SetReadDeadline(time.Now().Add(5*time.Second)))
	if _, err := idle.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read from a stopped server = %v, want the connection closed", err)
	}
	must(t, n.Close())
	must(t, n.Close()) // twice does no harm
	again, err := geoZone().Serve(context.Background(), n.Servers[0].Addr, nil)
	if err != nil {
		t.Fatalf("the port is not free after Close: %v", err)
	}
	must(t, again.Close())
}

func TestServeFollowsTheClock(t *testing.T) {
	t.Parallel()
	s := geoZone()
	s.Answers = append(s.Answers, Answer{Host: "four.example.com", From: time.Unix(1000, 0), NXDomain: true})
	var now atomic.Int64
	n := serve(t, s, func() time.Time { return time.Unix(now.Load(), 0) })
	req := ask{name: "four.example.com."}.request(t)
	for _, tt := range []struct {
		at    int64
		rcode dnsmessage.RCode
	}{{999, dnsmessage.RCodeSuccess}, {1000, dnsmessage.RCodeNameError}, {10, dnsmessage.RCodeSuccess}} {
		now.Store(tt.at)
		if got := read(t, exchange(t, n.Servers[0].Addr, req, 1, 2*time.Second)[0]); got.rcode != tt.rcode {
			t.Errorf("at %d: rcode %v, want %v", tt.at, got.rcode, tt.rcode)
		}
	}
}

func TestServeManyAtOnce(t *testing.T) {
	t.Parallel()
	n := serve(t, geoZone(Server{Name: "a", Faults: []Fault{{Kind: FaultRcode, Rcode: "SERVFAIL", Every: 1 << 30}}}), nil)
	var wg sync.WaitGroup
	var right atomic.Int64
	for i := range 16 {
		wg.Go(func() {
			req := ask{name: "www.example.com.", subnet: fmt.Sprintf("10.%d.0.0/24", i)}.request(t)
			for range 20 {
				for _, msg := range exchange(t, n.Servers[0].Addr, req, 1, 5*time.Second) {
					if got := read(t, msg); equal(got.addrs, []string{"192.0.2.91"}) {
						right.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	if right.Load() != 320 || n.Servers[0].Queries() != 320 {
		t.Errorf("%d right answers to %d requests, want 320 to 320", right.Load(), n.Servers[0].Queries())
	}
}

func TestOversizedRequest(t *testing.T) {
	t.Parallel()
	n := serve(t, geoZone(), nil)
	addr := n.Servers[0].Addr
	huge := append(ask{name: "www.example.com.", subnet: "-"}.request(t), make([]byte, 20000)...)
	exchange(t, addr, huge, 1, quiet)
	overTCP(t, addr, quiet, huge, nil, []byte{1})
	if got := exchange(t, addr, ask{name: "www.example.com."}.request(t), 1, 2*time.Second); len(got) != 1 {
		t.Error("the server does not answer after an oversized request")
	}
}
