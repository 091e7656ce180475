package resolve

import (
	"bytes"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"
)

// burstOf returns a burst of requests of such lengths, each of its own bytes.
func burstOf(sizes []int, alike bool) (b *burst, want []string) {
	b = newBurst()
	b.alike = alike
	for i, n := range sizes {
		wire := bytes.Repeat([]byte{byte(i + 1)}, n)
		b.add(wire)
		want = append(want, string(wire))
	}
	slices.Sort(want)
	return b, want
}

// arrivals reads so many datagrams.
func arrivals(t *testing.T, pc net.PacketConn, n int) (got []string) {
	t.Helper()
	if err := pc.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	room := make([]byte, maxMessage)
	for range n {
		k, _, err := pc.ReadFrom(room)
		if err != nil {
			t.Fatalf("%d of %d datagrams came: %v", len(got), n, err)
		}
		got = append(got, string(room[:k]))
	}
	slices.Sort(got)
	return got
}

// pairOf returns two ends of a way over UDP.
func pairOf(t *testing.T, network, addr string) (net.PacketConn, *net.UDPConn) {
	t.Helper()
	pc, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	conn, err := net.Dial(network, pc.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return pc, conn.(*net.UDPConn)
}

// TestBurst: every request of a burst arrives as a datagram of its own, however
// long each is and whoever cuts them.
func TestBurst(t *testing.T) {
	t.Parallel()
	full := make([]int, burstMost)
	for i := range full {
		full[i] = 60
	}
	for name, sizes := range map[string][]int{
		"one":       {40},
		"alike":     full,
		"mixed":     {40, 41, 40, 300, 41, 40, 12, 300},
		"pairs":     {50, 50, 61, 61, 50, 50, 70, 70, 71},
		"very long": {1500, 1500, 4000, 4000, 60},
	} {
		for _, cut := range []bool{false, true} {
			pc, conn := pairOf(t, "udp4", "127.0.0.1:0")
			raw := rawOf(conn)
			b, want := burstOf(sizes, cut && raw != nil && canCut(raw))
			if err := b.write(conn, raw); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := arrivals(t, pc, len(want)); !slices.Equal(got, want) {
				t.Errorf("%s, cut %v: what arrived is not what was sent", name, cut)
			}
			if len(b.list) != 0 || len(b.wire) != 0 {
				t.Errorf("%s: %d requests are left in the burst", name, len(b.list))
			}
		}
	}
}

// TestBurstNobodyListens: what the system learned of earlier requests is an
// error of the next burst.
func TestBurstNobodyListens(t *testing.T) {
	t.Parallel()
	pc, conn := pairOf(t, "udp4", "127.0.0.1:0")
	pc.Close()
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		b, _ := burstOf([]int{40, 40, 40}, rawOf(conn) != nil && canCut(rawOf(conn)))
		if err := b.write(conn, rawOf(conn)); err != nil {
			return
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("requests to a port where nobody listens are no error")
		}
	}
}

// TestInbox: what was read together is neither cut nor lost, and the longest
// message there is always has room.
func TestInbox(t *testing.T) {
	t.Parallel()
	var queue [][]byte
	for i := range 3 * burstMost {
		queue = append(queue, bytes.Repeat([]byte{byte(i + 1)}, 100+i))
	}
	queue = append(queue, nil, bytes.Repeat([]byte{250}, maxMessage), bytes.Repeat([]byte{251}, maxMessage), []byte{252})
	want, interrupted := slices.Clone(queue), false
	read := func(room []byte) (int, error) {
		if len(queue) == 0 {
			return 0, syscall.EAGAIN
		}
		if interrupted = !interrupted; interrupted {
			return 0, syscall.EINTR
		}
		n := copy(room, queue[0])
		queue = queue[1:]
		return n, nil
	}
	in := newInbox()
	var got [][]byte
	for more := true; more; {
		more = in.read(read)
		if len(in.list) > burstMost {
			t.Errorf("%d messages were read together, want at most %d", len(in.list), burstMost)
		}
		for _, s := range in.list {
			got = append(got, bytes.Clone(in.room[s.begin:s.end]))
		}
	}
	if !slices.EqualFunc(got, want, bytes.Equal) || in.err != nil {
		t.Errorf("%d of %d messages were read, or not as they were; error %v", len(got), len(want), in.err)
	}
	if more := in.read(func([]byte) (int, error) { return 0, syscall.ECONNREFUSED }); more || in.err != syscall.ECONNREFUSED {
		t.Errorf("read after an error: more %v, error %v", more, in.err)
	}
}

// TestSingleAfterLoss: after a loss on a network, bursts are not cut by the
// system any more, and nowhere where a lost request is not sent again.
func TestSingleAfterLoss(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		addr          string
		tries         int
		before, after bool
	}{
		{"192.0.2.53:53", 2, false, true},
		{"192.0.2.53:53", 1, true, true},
		{"127.0.0.1:53", 1, false, false},
	} {
		r := &Resolver{Servers: []Server{{Addresses: []string{c.addr}}}, Tries: c.tries}
		e := newEngine(t.Context(), r.line(r.settings(), r.Servers[0], c.addr), newFeed(nil), false, newResults())
		defer e.close()
		if e.single != c.before {
			t.Errorf("%s, tries %d: one by one is %v at first, want %v", c.addr, c.tries, e.single, c.before)
		}
		e.lost(time.Now())
		if e.single != c.after {
			t.Errorf("%s, tries %d: one by one is %v after a loss, want %v", c.addr, c.tries, e.single, c.after)
		}
	}
}
