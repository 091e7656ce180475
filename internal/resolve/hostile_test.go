package resolve

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// good is what an honest server would say.
func good(t testing.TB, r request) []byte {
	return reply{answers: []string{r.name + " 60 A 192.0.2.1"}, scope: 24}.message(t, r)
}

// evil is an answer that must never be believed.
func evil(t testing.TB, r request) []byte {
	return reply{answers: []string{r.name + " 60 A 203.0.113.66"}, scope: 24}.message(t, r)
}

// put returns a copy of m with b written at off.
func put(m []byte, off int, b ...byte) []byte {
	m = slices.Clone(m)
	copy(m[off:], b)
	return m
}

// questionEnd is the offset after the question of a request.
func questionEnd(r request) int { return 12 + len(r.name) + 2 + 4 }

// hostile is what a server does to a look, and what the look ends as.
type hostile struct {
	name    string
	h       func(t testing.TB, r request) [][]byte // over UDP
	failure residency.Failure
	want    string // addresses
	waits   bool   // the look ends by its time-out
}

// hostileOverUDP are servers that misbehave over UDP.
func hostileOverUDP() []hostile {
	const timeout, mismatch, malformed = residency.FailTimeout, residency.FailMismatch, residency.FailMalformed
	return []hostile{
		{"wrong id", func(t testing.TB, r request) [][]byte {
			return [][]byte{put(evil(t, r), 0, byte(r.msg.ID>>8)^1, byte(r.msg.ID))}
		}, mismatch, "", false},
		{"wrong id first, then right", func(t testing.TB, r request) [][]byte {
			return [][]byte{put(evil(t, r), 0, byte(r.msg.ID>>8)^1, byte(r.msg.ID)), good(t, r)}
		}, "", "192.0.2.1", false},
		{"no QR bit", func(t testing.TB, r request) [][]byte { return [][]byte{put(evil(t, r), 2, 0x01)} }, mismatch, "", false},
		{"the request itself", func(t testing.TB, r request) [][]byte { return [][]byte{r.raw} }, mismatch, "", false},
		{"another opcode", func(t testing.TB, r request) [][]byte { return [][]byte{put(evil(t, r), 2, 0xa8)} }, mismatch, "", false},
		{"wrong question name", func(t testing.TB, r request) [][]byte { return [][]byte{put(evil(t, r), 13, 'x')} }, mismatch, "", false},
		{"wrong question type", func(t testing.TB, r request) [][]byte {
			return [][]byte{put(evil(t, r), questionEnd(r)-3, 28)}
		}, mismatch, "", false},
		{"wrong question class", func(t testing.TB, r request) [][]byte {
			return [][]byte{put(evil(t, r), questionEnd(r)-1, 3)}
		}, mismatch, "", false},
		{"two questions", func(t testing.TB, r request) [][]byte { return [][]byte{put(evil(t, r), 4, 0, 2)} }, mismatch, "", false},
		{"an answer without question", func(t testing.TB, r request) [][]byte { return [][]byte{put(evil(t, r), 4, 0, 0)} }, mismatch, "", false},
		{"question in other case", func(t testing.TB, r request) [][]byte {
			m := good(t, r)
			return [][]byte{put(m, 13, bytes.ToUpper(m[13:16])...)}
		}, "", "192.0.2.1", false},
		{"garbage", func(t testing.TB, r request) [][]byte { return [][]byte{[]byte("HTTP/1.1 400")[:9]} }, malformed, "", true},
		{"garbage, then right", func(t testing.TB, r request) [][]byte { return [][]byte{{}, {1}, good(t, r)} }, "", "192.0.2.1", false},
		{"empty datagram", func(t testing.TB, r request) [][]byte { return [][]byte{{}} }, malformed, "", true},
		{"more answers announced than sent", func(t testing.TB, r request) [][]byte { return [][]byte{put(evil(t, r), 6, 0, 9)} }, malformed, "", false},
		{"more additionals announced than sent", func(t testing.TB, r request) [][]byte { return [][]byte{put(evil(t, r), 10, 0xff, 0xff)} }, malformed, "", false},
		{"fewer answers announced than sent", func(t testing.TB, r request) [][]byte {
			m := reply{answers: []string{r.name + " 60 A 192.0.2.1", r.name + " 60 A 192.0.2.2"}, noOPT: true}.message(t, r)
			return [][]byte{put(m, 6, 0, 1)}
		}, "", "192.0.2.1", false},
		{"data length too short for an address", rdlength(3), malformed, "", false},
		{"data length too long for an address", rdlength(5), malformed, "", false},
		{"data length beyond the message", rdlength(60000), malformed, "", false},
		{"compression pointer at itself", func(t testing.TB, r request) [][]byte {
			m, at := evil(t, r), questionEnd(r)
			return [][]byte{put(m, at, 0xc0, byte(at))}
		}, malformed, "", false},
		{"two compression pointers at each other", func(t testing.TB, r request) [][]byte {
			m, at := cnameWire(r, []byte{0xc0, 0}), questionEnd(r)
			target := at + 12
			return [][]byte{put(put(m, at, 0xc0, byte(target)), target, 0xc0, byte(at))}
		}, malformed, "", false},
		{"pointer beyond the message", func(t testing.TB, r request) [][]byte {
			return [][]byte{put(evil(t, r), questionEnd(r), 0xff, 0xff)}
		}, malformed, "", false},
		{"reserved label type", func(t testing.TB, r request) [][]byte {
			return [][]byte{put(evil(t, r), questionEnd(r), 0x80)}
		}, malformed, "", false},
		{"alias with bytes left over", func(t testing.TB, r request) [][]byte { return [][]byte{cnameWire(r, []byte{1, 'b', 0, 0})} }, malformed, "", false},
		{"alias of no length", func(t testing.TB, r request) [][]byte { return [][]byte{cnameWire(r, nil)} }, malformed, "", false},
		{"name longer than a name may be", func(t testing.TB, r request) [][]byte {
			return [][]byte{cnameWire(r, append(bytes.Repeat([]byte("\x3f"+strings.Repeat("a", 63)), 5), 0))}
		}, malformed, "", false},
		{"DNAME to a name too long", func(t testing.TB, r request) [][]byte {
			long := strings.Repeat(strings.Repeat("a", 49)+".", 5) + "bb"
			return [][]byte{reply{answers: []string{"a.test 60 DNAME " + long}}.message(t, r)}
		}, malformed, "", false},
		{"two OPT records", func(t testing.TB, r request) [][]byte {
			m := evil(t, r)
			opt := []byte{0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0}
			return [][]byte{put(append(m, opt...), 10, 0, 2)}
		}, malformed, "", false},
		{"OPT of another name", optWire([]byte{1, 'x', 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0}), malformed, "", false},
		{"OPT with half an option", optWire([]byte{0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 2, 0, 8}), malformed, "", false},
		{"OPT with an option beyond its end", optWire([]byte{0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 4, 0, 8, 0, 9}), malformed, "", false},
		{"broken record of a type that does not matter", optWire([]byte{0, 0, 65, 0, 1, 0, 0, 0, 9, 0, 2, 0xff, 0xff}), "", "192.0.2.1", false},
		{"bytes after the message", func(t testing.TB, r request) [][]byte { return [][]byte{append(good(t, r), "tail"...)} }, "", "192.0.2.1", false},
		{"class CH address", func(t testing.TB, r request) [][]byte {
			m := reply{answers: []string{r.name + " 60 A 203.0.113.66"}, noOPT: true}.message(t, r)
			return [][]byte{put(m, questionEnd(r)+2+2, 0, 3)}
		}, "", "", false},
		{"silence", func(testing.TB, request) [][]byte { return nil }, timeout, "", false},
	}
}

// look makes one look at the server.
func (c *hostile) look(t testing.TB) residency.Observation {
	ask := patient
	if c.failure == residency.FailTimeout || c.failure == residency.FailMismatch || c.waits {
		ask = quick
	}
	s := serve(t, func(r request) [][]byte { return c.h(t, r) })
	return observe(t, ask(Server{Name: "fake", Addresses: []string{s.addr}}), question(host, "A", "198.51.100.0/24"))
}

// TestHostileServers: whatever comes back, the look ends in time with a
// failure from the closed list or with the right answer.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	for _, c := range hostileOverUDP() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			defer within(t, 10*time.Second, "the look")()
			o := c.look(t)
			if o.Failure != c.failure || addresses(o) != c.want {
				t.Errorf("failure %q addresses %q (%s), want %q and %q", o.Failure, addresses(o), o.Detail, c.failure, c.want)
			}
			if len(o.Exchanges) == 0 {
				t.Error("no exchange is recorded")
			}
		})
	}
}

// rdlength answers with an address record of the wrong data length.
func rdlength(n uint16) func(testing.TB, request) [][]byte {
	return func(t testing.TB, r request) [][]byte {
		m := reply{answers: []string{r.name + " 60 A 203.0.113.66"}, noOPT: true}.message(t, r)
		m = append(m, 0, 0, 0) // so that five bytes are there
		return [][]byte{put(m, questionEnd(r)+2+8, byte(n>>8), byte(n))}
	}
}

// cnameWire is a response with one CNAME record of the data given.
func cnameWire(r request, data []byte) []byte {
	m := append(slices.Clone(r.raw[:questionEnd(r)]), 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, byte(len(data)>>8), byte(len(data)))
	m = append(m, data...)
	copy(m[2:], []byte{0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0})
	return m
}

// optWire answers well but for the additional record given.
func optWire(extra []byte) func(testing.TB, request) [][]byte {
	return func(t testing.TB, r request) [][]byte {
		m := reply{answers: []string{r.name + " 60 A 192.0.2.1"}, noOPT: true}.message(t, r)
		return [][]byte{put(append(m, extra...), 10, 0, 1)}
	}
}

// TestTruncationAtEveryLength cuts an honest response at every byte: only the
// whole one is an answer.
func TestTruncationAtEveryLength(t *testing.T) {
	t.Parallel()
	q, err := newQuery("api.a.test.", 1, asking{subnet: netip.MustParsePrefix("198.51.100.0/24"), recurse: true, edns: true, udpSize: 1232})
	if err != nil {
		t.Fatal(err)
	}
	const id = 0
	whole := reply{
		answers:   []string{"api.a.test 60 CNAME b.test", "b.test 60 A 192.0.2.1", "b.test 60 A 192.0.2.2"},
		authority: []string{"b.test 60 NS ns.b.test"}, scope: 24,
	}.message(t, readRequest(t, q.wire, false))
	for n := range whole {
		if q.check(whole[:n], id) != fits {
			continue
		}
		var resp response
		if err := q.parse(whole[:n], &resp); err == nil {
			t.Errorf("%d of %d bytes are taken for an answer: %+v", n, len(whole), resp)
		}
	}
	var resp response
	if err := q.parse(whole, &resp); err != nil || q.check(whole, id) != fits || len(resp.records) != 3 {
		t.Errorf("the whole response is no answer: %v", err)
	}
	// And once on the wire, for the failure that comes of it.
	o := lookAt(t, func(r request) [][]byte { m := good(t, r); return [][]byte{m[:len(m)-1]} }, question(host, "A", ""), nil)
	if o.Failure != residency.FailMalformed || o.Addresses != nil {
		t.Errorf("cut response: failure %q, addresses %v", o.Failure, o.Addresses)
	}
}

// hostileStream is what a server that truncated over UDP does over TCP.
type hostileStream struct {
	name    string
	tcp     func(t testing.TB, r request, c net.Conn)
	failure residency.Failure
	want    string
}

// look makes one look at the server.
func (c *hostileStream) look(t testing.TB) residency.Observation {
	s := serveRaw(t, func(r request) [][]byte { return [][]byte{reply{tc: true}.message(t, r)} }, func(conn net.Conn) {
		buf := make([]byte, 512)
		n, err := conn.Read(buf)
		if err != nil || n < 3 {
			return
		}
		c.tcp(t, readRequest(t, buf[2:n], true), conn)
	})
	ask := quick
	if c.failure == "" {
		ask = patient
	}
	return observe(t, ask(Server{Name: "fake", Addresses: []string{s.addr}}), question(host, "A", "198.51.100.0/24"))
}

// hostileOverTCP are servers that misbehave over TCP.
func hostileOverTCP() []hostileStream {
	frame := func(m []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...) }
	return []hostileStream{
		{"honest", func(t testing.TB, r request, c net.Conn) { c.Write(frame(good(t, r))) }, "", "192.0.2.1"},
		{"in two writes", func(t testing.TB, r request, c net.Conn) {
			m := frame(good(t, r))
			c.Write(m[:1])
			time.Sleep(time.Millisecond)
			c.Write(m[1:])
		}, "", "192.0.2.1"},
		{"another answer first", func(t testing.TB, r request, c net.Conn) {
			c.Write(frame(put(evil(t, r), 0, byte(r.msg.ID>>8)^1)))
			c.Write(frame(good(t, r)))
		}, "", "192.0.2.1"},
		{"closes at once", func(testing.TB, request, net.Conn) {}, residency.FailTruncated, ""},
		{"says nothing", func(_ testing.TB, _ request, c net.Conn) { time.Sleep(400 * time.Millisecond) }, residency.FailTruncated, ""},
		{"prefix too long, then closes", func(t testing.TB, r request, c net.Conn) {
			m := frame(good(t, r))
			m[0] = 0xff
			c.Write(m)
		}, residency.FailMalformed, ""},
		{"prefix too long, then waits", func(t testing.TB, r request, c net.Conn) {
			m := frame(good(t, r))
			m[0] = 0xff
			c.Write(m)
			time.Sleep(400 * time.Millisecond)
		}, residency.FailTruncated, ""},
		{"prefix too short", func(t testing.TB, r request, c net.Conn) {
			m := frame(good(t, r))
			m[1] -= 20
			c.Write(m)
		}, residency.FailMalformed, ""},
		{"prefix of zero", func(t testing.TB, r request, c net.Conn) { c.Write([]byte{0, 0}) }, residency.FailMalformed, ""},
		{"half a prefix", func(t testing.TB, r request, c net.Conn) { c.Write([]byte{0}) }, residency.FailMalformed, ""},
		{"slow drip", func(t testing.TB, r request, c net.Conn) {
			for _, b := range frame(good(t, r)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, residency.FailTruncated, ""},
		{"truncated even there", func(t testing.TB, r request, c net.Conn) { c.Write(frame(reply{tc: true}.message(t, r))) }, residency.FailTruncated, ""},
		{"endless wrong answers", func(t testing.TB, r request, c net.Conn) {
			m := frame(put(evil(t, r), 0, byte(r.msg.ID>>8)^1))
			for range 10000 {
				if _, err := c.Write(m); err != nil {
					return
				}
			}
		}, residency.FailMismatch, ""},
	}
}

// TestOverTCP: servers that truncate over UDP and then misbehave over TCP.
func TestOverTCP(t *testing.T) {
	t.Parallel()
	for _, c := range hostileOverTCP() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			defer within(t, 10*time.Second, "the look")()
			o := c.look(t)
			if o.Failure != c.failure || addresses(o) != c.want || o.Transport != "tcp" {
				t.Errorf("failure %q addresses %q over %q (%s), want %q and %q", o.Failure, addresses(o), o.Transport, o.Detail, c.failure, c.want)
			}
		})
	}
}

func TestNoTCPServer(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte { return [][]byte{reply{tc: true}.message(t, r)} })
	r := quick(Server{Addresses: []string{s.addr}})
	r.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if network == "tcp" {
			return nil, errors.New("connection refused")
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	o := observe(t, r, question(host, "A", ""))
	if o.Failure != residency.FailTruncated || !strings.Contains(o.Detail, "over TCP: connection refused") {
		t.Errorf("failure %q (%s)", o.Failure, o.Detail)
	}
}

// TestAnswersFromElsewhere: a response from another port than the one asked is
// not even seen.
func TestAnswersFromElsewhere(t *testing.T) {
	t.Parallel()
	other, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s := serve(t, func(r request) [][]byte {
		if a, err := net.ResolveUDPAddr("udp", r.from); err == nil {
			other.WriteTo(evil(t, r), a)
		}
		return nil
	})
	o := observe(t, quick(Server{Addresses: []string{s.addr}}), question(host, "A", ""))
	if o.Failure != residency.FailTimeout || o.Exchanges[0].Response != nil {
		t.Errorf("failure %q, response %q; want a time-out", o.Failure, o.Exchanges[0].Response)
	}
}

// TestLateAnswers: the answer to an earlier try does not pass for one to the
// next.
func TestLateAnswers(t *testing.T) {
	t.Parallel()
	var late []byte
	s := serve(t, func(r request) [][]byte {
		if r.nth == 1 {
			late = evil(t, r)
			return nil
		}
		return [][]byte{late, good(t, r)}
	})
	r := quick(Server{Addresses: []string{s.addr}})
	r.Timeout *= 4
	o := observe(t, r, question(host, "A", ""))
	if addresses(o) != "192.0.2.1" {
		t.Errorf("addresses %q, failure %q", addresses(o), o.Failure)
	}
}

// spoofed is a look whose answer over UDP comes behind many guesses.
func spoofed(t testing.TB) residency.Observation {
	return lookAt(t, func(r request) [][]byte {
		if r.tcp {
			return [][]byte{good(t, r)}
		}
		var flood [][]byte
		for i := range 2 * maxStray {
			flood = append(flood, put(evil(t, r), 0, byte(r.msg.ID>>8)^1, byte(i)))
		}
		return append(flood, evil(t, r))
	}, question(host, "A", ""), nil)
}

// TestSpoofFlood: many guesses over UDP send the question over TCP.
func TestSpoofFlood(t *testing.T) {
	t.Parallel()
	o := spoofed(t)
	if addresses(o) != "192.0.2.1" || o.Transport != "tcp" || o.Exchanges[0].Failure != residency.FailMismatch {
		t.Errorf("addresses %q over %q, first exchange %q", addresses(o), o.Transport, o.Exchanges[0].Failure)
	}
}

// monster is a response of many records.
type monster struct {
	name    string
	record  func(i int) string
	n, want int
	failure residency.Failure
}

func monsters() []monster {
	return []monster{
		{"4000 addresses", func(i int) string {
			return "api.a.test 60 A " + netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String()
		}, 4000, 4000, ""},
		{"2000 addresses of other names", func(i int) string { return fmt.Sprintf("x%d.a.test 60 A 203.0.113.66", i) }, 2000, 0, ""},
		{"a chain of 1000 aliases", func(i int) string {
			if i == 0 {
				return "api.a.test 60 CNAME x1.a.test"
			}
			return fmt.Sprintf("x%d.a.test 60 CNAME x%d.a.test", i, i+1)
		}, 1000, 0, residency.FailChainTooLong},
	}
}

// look makes one look at a server that gives the response over TCP.
func (c *monster) look(t testing.TB) residency.Observation {
	return lookAt(t, func(r request) [][]byte {
		if !r.tcp {
			return [][]byte{reply{tc: true}.message(t, r)}
		}
		var all []string
		for i := range c.n {
			all = append(all, c.record(i))
		}
		return [][]byte{reply{answers: all}.message(t, r)}
	}, question(host, "A", ""), nil)
}

// TestThousandsOfRecords: the largest messages there are cost little.
func TestThousandsOfRecords(t *testing.T) {
	t.Parallel()
	for _, c := range monsters() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			defer within(t, 10*time.Second, "the look")()
			o := c.look(t)
			if len(o.Addresses) != c.want || o.Failure != c.failure {
				t.Errorf("%d addresses, failure %q (%s), want %d and %q", len(o.Addresses), o.Failure, o.Detail, c.want, c.failure)
			}
			if len(o.Chain) > DefaultMaxChain+1 {
				t.Errorf("the chain kept has %d links", len(o.Chain))
			}
		})
	}
}

// TestParsingIsBounded holds the work and memory of the worst message to
// milliseconds: every owner a chain of compression pointers.
func TestParsingIsBounded(t *testing.T) {
	t.Parallel()
	q, err := newQuery("api.a.test.", 1, asking{recurse: true, edns: true, udpSize: 1232})
	if err != nil {
		t.Fatal(err)
	}
	m := append(slices.Clone(q.wire[:q.end]), make([]byte, 0, 1<<16)...)
	for i := range 120 { // pointers at pointers
		at := 0xc000 | (len(m) - 2*min(i, 1))
		m = append(m, byte(at>>8), byte(at))
	}
	copy(m[q.end:], []byte{0xc0, 12})
	deep := 0xc000 | (len(m) - 2)
	n := 0
	for ; len(m) < 65500; n++ {
		m = append(m, byte(deep>>8), byte(deep), 0, 5, 0, 1, 0, 0, 0, 1, 0, 2, 0xc0, byte(q.end+n%100))
	}
	binary.BigEndian.PutUint16(m[6:], uint16(n))
	defer within(t, 10*time.Second, "parsing")()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_ = q.parse(m, new(response))
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("parsing one message allocated %d bytes", grown)
	}
}
