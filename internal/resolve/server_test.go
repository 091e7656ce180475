package resolve

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"residency/internal/residency"
)

// request is a query as the test's servers read it, with a codec other than
// the resolver's.
type request struct {
	raw    []byte
	tcp    bool
	msg    dnsmessage.Message
	name   string // without the final dot
	opt    bool
	ecs    []byte // data of the client subnet option; nil when there is none
	cookie []byte
	nsid   bool
	nth    int64  // 1 for the first request to the server
	from   string // address and port it came from
}

func readRequest(t testing.TB, raw []byte, tcp bool) request {
	r := request{raw: append([]byte(nil), raw...), tcp: tcp}
	if err := r.msg.Unpack(raw); err != nil {
		t.Errorf("the resolver's query does not parse: %v", err)
		return r
	}
	r.name = strings.TrimSuffix(r.msg.Questions[0].Name.String(), ".")
	for _, extra := range r.msg.Additionals {
		if opt, ok := extra.Body.(*dnsmessage.OPTResource); ok {
			r.opt = true
			for _, o := range opt.Options {
				switch o.Code {
				case 3:
					r.nsid = true
				case 8:
					r.ecs = o.Data
				case 10:
					r.cookie = o.Data
				}
			}
		}
	}
	return r
}

// handler answers a request with messages, sent in order; none is silence.
type handler func(request) [][]byte

// fakeServer is a name server on loopback, UDP and TCP on one port.
type fakeServer struct {
	addr    string
	queries atomic.Int64
	tcp     atomic.Int64
	mu      sync.Mutex
	seen    []request
}

// serve starts a server that ends with the test.
func serve(t testing.TB, h handler) *fakeServer {
	t.Helper()
	return serveRaw(t, h, nil)
}

// serveRaw is serve with the TCP side in the caller's hands.
func serveRaw(t testing.TB, h handler, tcp func(net.Conn)) *fakeServer {
	t.Helper()
	s := &fakeServer{}
	var pc net.PacketConn
	var ln net.Listener
	for range 20 { // until a port is free for both
		var err error
		if pc, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if ln, err = net.Listen("tcp", pc.LocalAddr().String()); err == nil {
			break
		}
		pc.Close()
	}
	if ln == nil {
		t.Fatal("no port is free for UDP and TCP")
	}
	s.addr = pc.LocalAddr().String()
	var wg sync.WaitGroup
	wg.Go(func() { s.serveUDP(t, pc, h) })
	if tcp == nil {
		tcp = func(c net.Conn) { s.serveTCP(t, c, h) }
	}
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.tcp.Add(1)
			wg.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(5 * time.Second))
				tcp(c)
			})
		}
	})
	t.Cleanup(func() {
		pc.Close()
		ln.Close()
		wg.Wait()
	})
	return s
}

func (s *fakeServer) serveUDP(t testing.TB, pc net.PacketConn, h handler) {
	buf := make([]byte, 65535)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		r := readRequest(t, buf[:n], false)
		s.note(&r, from)
		for _, m := range h(r) {
			pc.WriteTo(m, from)
		}
	}
}

func (s *fakeServer) serveTCP(t testing.TB, c net.Conn, h handler) {
	size := make([]byte, 2)
	if _, err := io.ReadFull(c, size); err != nil {
		return
	}
	raw := make([]byte, binary.BigEndian.Uint16(size))
	if _, err := io.ReadFull(c, raw); err != nil {
		return
	}
	r := readRequest(t, raw, true)
	s.note(&r, c.RemoteAddr())
	for _, m := range h(r) {
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
	}
}

func (s *fakeServer) note(r *request, from net.Addr) {
	r.nth, r.from = s.queries.Add(1), from.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) < 1000 {
		s.seen = append(s.seen, *r)
	}
}

func (s *fakeServer) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.seen...)
}

// rr makes one resource record from its text: "www.a.test 60 CNAME b.test".
func rr(t testing.TB, text string) dnsmessage.Resource {
	f := strings.Fields(text)
	r := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{
		Name: dnsmessage.MustNewName(strings.TrimSuffix(f[0], ".") + "."), Class: dnsmessage.ClassINET, TTL: 60,
	}}
	data := f[3]
	switch f[2] {
	case "A":
		r.Body = &dnsmessage.AResource{A: netip.MustParseAddr(data).As4()}
	case "AAAA":
		r.Body = &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(data).As16()}
	case "CNAME":
		r.Body = &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(data + ".")}
	case "NS":
		r.Body = &dnsmessage.NSResource{NS: dnsmessage.MustNewName(data + ".")}
	case "SOA":
		n := dnsmessage.MustNewName(data + ".")
		r.Body = &dnsmessage.SOAResource{NS: n, MBox: n, Serial: 1, MinTTL: 60}
	case "DNAME":
		r.Body = &dnsmessage.UnknownResource{Type: 39, Data: wireName(data)}
	default:
		if r.Body = serviceBody(f); r.Body == nil {
			t.Fatalf("rr(%q): no such type here", text)
		}
	}
	if f[1] != "-" {
		var ttl uint32
		for _, c := range f[1] {
			ttl = ttl*10 + uint32(c-'0')
		}
		r.Header.TTL = ttl
	}
	return r
}

func wireName(name string) []byte {
	var b []byte
	for label := range strings.SplitSeq(name, ".") {
		if label != "" {
			b = append(append(b, byte(len(label))), label...)
		}
	}
	return append(b, 0)
}

// reply describes a response.
type reply struct {
	rcode     dnsmessage.RCode
	aa, tc    bool
	answers   []string
	authority []string
	extra     []string // additional section
	scope     int      // of the client subnet option
	noECS     bool     // no option although one was sent
	ecs       []byte
	noOPT     bool
	extRcode  uint8
	ad        bool
	options   []dnsmessage.Option // besides the client subnet
}

// message builds the response to r. The client subnet of the request is
// repeated with the scope given, unless the reply says otherwise.
func (p reply) message(t testing.TB, r request) []byte {
	m := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: r.msg.ID, Response: true, RCode: p.rcode, Authoritative: p.aa, Truncated: p.tc, AuthenticData: p.ad,
			RecursionDesired: r.msg.RecursionDesired, RecursionAvailable: true,
		},
		Questions: r.msg.Questions,
	}
	for _, a := range p.answers {
		m.Answers = append(m.Answers, rr(t, a))
	}
	for _, a := range p.authority {
		m.Authorities = append(m.Authorities, rr(t, a))
	}
	for _, a := range p.extra {
		m.Additionals = append(m.Additionals, rr(t, a))
	}
	if r.opt && !p.noOPT {
		opt := &dnsmessage.OPTResource{}
		data := p.ecs
		if data == nil && r.ecs != nil {
			data = append([]byte(nil), r.ecs...)
			data[3] = byte(p.scope)
		}
		if data != nil && !p.noECS {
			opt.Options = append(opt.Options, dnsmessage.Option{Code: 8, Data: data})
		}
		opt.Options = append(opt.Options, p.options...)
		h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeOPT, Class: 1232, TTL: uint32(p.extRcode) << 24}
		m.Additionals = append(m.Additionals, dnsmessage.Resource{Header: h, Body: opt})
	}
	wire, err := m.Pack()
	if err != nil {
		t.Errorf("pack reply: %v", err)
	}
	return wire
}

// always answers every request with the reply.
func (p reply) always(t testing.TB) handler {
	return func(r request) [][]byte { return [][]byte{p.message(t, r)} }
}

var (
	india     = residency.MustCountry("IN")
	singapore = residency.MustCountry("SG")
)

func question(host, rtype, subnet string) residency.Question {
	q := residency.Question{Endpoint: residency.Endpoint{Vendor: "v", Service: "s", Host: host}, Market: india, Type: rtype}
	if subnet != "" {
		q.Subnet.Prefix = netip.MustParsePrefix(subnet)
	}
	return q
}

// patient is a resolver that waits long enough for the server given on the
// busiest machine: for tests in which an answer comes.
func patient(s Server) *Resolver {
	return &Resolver{Servers: []Server{s}, Timeout: 5 * time.Second, Tries: 2, Now: fixedNow}
}

// quick is a resolver with small time-outs: for tests that wait for them.
func quick(s Server) *Resolver {
	return &Resolver{Servers: []Server{s}, Timeout: 100 * time.Millisecond, Tries: 2, Now: fixedNow}
}

func fixedNow() time.Time { return time.Date(2014, 11, 2, 8, 30, 0, 0, time.UTC) }

// observe asks one question and returns the one observation.
func observe(t testing.TB, r *Resolver, q residency.Question) residency.Observation {
	t.Helper()
	var got []residency.Observation
	r.Observe(t.Context(), []residency.Question{q}, func(o residency.Observation) { got = append(got, o) })
	if len(got) != len(r.Servers) {
		t.Fatalf("Observe gave %d observations for one question and %d servers", len(got), len(r.Servers))
	}
	if !got[0].Failure.Valid() {
		t.Errorf("failure %q is not on the closed list", got[0].Failure)
	}
	return got[0]
}

// lookAt asks a server that is up for as long as the test.
func lookAt(t testing.TB, h handler, q residency.Question, change func(*Server)) residency.Observation {
	t.Helper()
	s := Server{Name: "fake", Addresses: []string{serve(t, h).addr}}
	if change != nil {
		change(&s)
	}
	return observe(t, patient(s), q)
}

// addresses returns the addresses of an observation as text.
func addresses(o residency.Observation) string {
	var list []string
	for _, a := range o.Addresses {
		list = append(list, a.Address.String())
	}
	return strings.Join(list, " ")
}

// chain returns the chain of an observation as text.
func chain(o residency.Observation) string {
	var list []string
	for _, l := range o.Chain {
		list = append(list, l.Owner+" "+l.Type+" "+l.Target)
	}
	return strings.Join(list, ", ")
}

// within fails the test if what is done takes longer than it may.
func within(t testing.TB, limit time.Duration, what string) func() {
	t.Helper()
	begin := time.Now()
	return func() {
		t.Helper()
		if took := time.Since(begin); took > limit {
			t.Errorf("%s took %v, want at most %v", what, took, limit)
		}
	}
}

// noLeaks fails the test if goroutines of this package outlive it. It is for
// tests that do not run in parallel with others.
func noLeaks(t testing.TB) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 200 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	})
}

// pipeDial returns a Dial that gives one end of a net.Pipe and hands the other
// to h.
func pipeDial(h func(network string, far net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		go h(network, far)
		return near, nil
	}
}
