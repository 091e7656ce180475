package resolve

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"residency/internal/residency"
)

// identity is a certificate for the names and addresses given, made by an
// authority of its own.
type identity struct {
	cert  tls.Certificate
	roots *x509.CertPool
}

func newIdentity(t testing.TB, names ...string) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	id := identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, x509.NewCertPool()}
	id.roots.AddCert(leaf)
	return id
}

// streamServer is a server over TCP, or TLS with an identity. Each connection
// is handed to h.
type streamServer struct {
	addr  string
	conns atomic.Int64
}

func serveStream(t testing.TB, id *identity, h func(t testing.TB, c net.Conn)) *streamServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &streamServer{addr: ln.Addr().String()}
	if id != nil {
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{id.cert}, NextProtos: []string{"dot"}})
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			wg.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(5 * time.Second))
				h(t, c)
			})
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return s
}

func readFrame(t testing.TB, in io.Reader) (request, bool) {
	var buf []byte
	msg, err := readFramed(in, &buf)
	if err != nil {
		return request{}, false
	}
	return readRequest(t, msg, true), true
}

func frame(m []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...) }

// honest answers every request of a connection, in order.
func honest(t testing.TB, c net.Conn) {
	in := bufio.NewReader(c)
	for {
		r, ok := readFrame(t, in)
		if !ok {
			return
		}
		c.Write(frame(good(t, r)))
	}
}

// onlyA is n questions about as many hosts.
func onlyA(n int) []residency.Question {
	var qs []residency.Question
	for i := range n {
		qs = append(qs, question(fmt.Sprintf("h%d.a.test", i), "A", "198.51.100.0/24"))
	}
	return qs
}

func TestStreams(t *testing.T) {
	t.Parallel()
	id := newIdentity(t, "127.0.0.1", "dns.test")
	for _, c := range []struct {
		name, format string
		id           *identity
		transport    string
	}{
		{"tcp", "tcp://%s", nil, "tcp"},
		{"tls, by address", "tls://%s", &id, "tls"},
		{"tls, by name", "tls://dns.test@%s", &id, "tls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serveStream(t, c.id, honest)
			r := patient(Server{Name: "fake", Addresses: []string{fmt.Sprintf(c.format, s.addr)}})
			r.Roots, r.InFlight, r.Rate = id.roots, 64, -1
			n := 0
			r.Observe(t.Context(), onlyA(500), func(o residency.Observation) {
				if addresses(o) == "192.0.2.1" && o.Transport == c.transport && o.Server == r.Servers[0].Addresses[0] {
					n++
				} else {
					t.Errorf("%q %q over %q: %s", o.Failure, addresses(o), o.Transport, o.Detail)
				}
			})
			if n != 500 || s.conns.Load() != 1 {
				t.Errorf("%d of 500 looks were answered, over %d connections; want all over one", n, s.conns.Load())
			}
		})
	}
}

// TestPipelining: requests go out without waiting, and answers may come in any
// order.
func TestPipelining(t *testing.T) {
	t.Parallel()
	const many = 16
	s := serveStream(t, nil, func(t testing.TB, c net.Conn) {
		in := bufio.NewReader(c)
		for {
			var batch []request
			for range many {
				r, ok := readFrame(t, in)
				if !ok {
					return
				}
				batch = append(batch, r)
			}
			slices.Reverse(batch)
			for _, r := range batch {
				c.Write(frame(reply{answers: []string{r.name + " 60 A 192.0.2.1", r.name + " 60 A 198.51.100." + strings.TrimPrefix(strings.Split(r.name, ".")[0], "h")}}.message(t, r)))
			}
		}
	})
	r := patient(Server{Addresses: []string{"tcp://" + s.addr}})
	var qs []residency.Question
	for i := range many * 4 {
		qs = append(qs, question(fmt.Sprintf("h%d.a.test", i), "A", ""))
	}
	r.InFlight = many
	r.Observe(t.Context(), qs, func(o residency.Observation) {
		want := "192.0.2.1 198.51.100." + strings.TrimPrefix(strings.Split(o.Endpoint.Host, ".")[0], "h")
		if addresses(o) != want || len(o.Exchanges) != 1 {
			t.Errorf("%s: %q in %d exchanges (%s), want %q", o.Endpoint.Host, addresses(o), len(o.Exchanges), o.Detail, want)
		}
	})
	if s.conns.Load() != 1 {
		t.Errorf("%d connections, want 1", s.conns.Load())
	}
}

// TestStreamsThatEnd: servers that close, drip, lie or fall silent.
func TestStreamsThatEnd(t *testing.T) {
	t.Parallel()
	first := func(t testing.TB, c net.Conn, n int) {
		in := bufio.NewReader(c)
		for range n {
			if r, ok := readFrame(t, in); ok {
				c.Write(frame(good(t, r)))
			}
		}
	}
	for _, tt := range []struct {
		name    string
		h       func(t testing.TB, c net.Conn)
		failure residency.Failure
	}{
		{"closes after each answer", func(t testing.TB, c net.Conn) { first(t, c, 1) }, ""},
		{"closes after three", func(t testing.TB, c net.Conn) { first(t, c, 3) }, ""},
		{"half closed after two", func(t testing.TB, c net.Conn) {
			first(t, c, 2)
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
		}, ""},
		{"closes at once", func(testing.TB, net.Conn) {}, residency.FailUnreachable},
		{"never reads", func(_ testing.TB, c net.Conn) { time.Sleep(time.Second) }, residency.FailTimeout},
		{"reads and is silent", func(_ testing.TB, c net.Conn) { io.Copy(io.Discard, c) }, residency.FailTimeout},
		{"announces more than it sends", func(t testing.TB, c net.Conn) {
			if r, ok := readFrame(t, c); ok {
				m := frame(good(t, r))
				m[0] = 0xff
				c.Write(m)
			}
		}, residency.FailMalformed},
		{"announces less than it sends", func(t testing.TB, c net.Conn) {
			if r, ok := readFrame(t, c); ok {
				m := frame(good(t, r))
				m[1] -= 20
				c.Write(m)
			}
		}, residency.FailMalformed},
		{"drips", func(t testing.TB, c net.Conn) {
			if r, ok := readFrame(t, c); ok {
				for _, b := range frame(good(t, r)) {
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			}
		}, residency.FailTimeout},
		{"endless strays", func(t testing.TB, c net.Conn) {
			if r, ok := readFrame(t, c); ok {
				m := frame(put(evil(t, r), 0, byte(r.msg.ID>>8)^1))
				for range 10000 {
					if _, err := c.Write(m); err != nil {
						return
					}
				}
			}
		}, residency.FailMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			defer within(t, 20*time.Second, "the looks")()
			s := serveStream(t, nil, tt.h)
			make := quick
			if tt.failure == "" {
				make = patient
			}
			r := make(Server{Name: "fake", Addresses: []string{"tcp://" + s.addr}})
			want := 12
			if tt.failure != "" {
				r.InFlight, want = 1, 3 // unread requests would reset the connection
			}
			n := 0
			r.Observe(t.Context(), onlyA(want), func(o residency.Observation) {
				n++
				if o.Failure != tt.failure || (addresses(o) == "192.0.2.1") != (tt.failure == "") {
					t.Errorf("%q %q (%s), want %q", o.Failure, addresses(o), o.Detail, tt.failure)
				}
			})
			if n != want {
				t.Errorf("%d observations, want %d", n, want)
			}
		})
	}
}

func TestWhoIsBelieved(t *testing.T) {
	t.Parallel()
	id, other := newIdentity(t, "127.0.0.1", "dns.test"), newIdentity(t, "127.0.0.1")
	s := serveStream(t, &id, honest)
	plain := serveStream(t, nil, func(t testing.TB, c net.Conn) { c.Write([]byte("HTTP/1.0 400 Bad Request\r\n\r\n")) })
	for _, tt := range []struct {
		addr  string
		roots *x509.CertPool
		want  string // part of the detail; "" when it is believed
	}{
		{"tls://" + s.addr, id.roots, ""},
		{"tls://dns.test@" + s.addr, id.roots, ""},
		{"tls://other.test@" + s.addr, id.roots, "not other.test"},
		{"tls://" + s.addr, other.roots, "unknown authority"},
		{"tls://" + s.addr, nil, "unknown authority"},
		{"tls://" + plain.addr, id.roots, "speaks no TLS"},
	} {
		r := patient(Server{Name: "fake", Addresses: []string{tt.addr}})
		r.Roots = tt.roots
		o := observe(t, r, question(host, "A", ""))
		switch {
		case tt.want == "" && o.Failure != "":
			t.Errorf("%s: %q (%s)", tt.addr, o.Failure, o.Detail)
		case tt.want != "" && (o.Failure != residency.FailTLS || !strings.Contains(o.Detail, tt.want)):
			t.Errorf("%s: %q (%s), want tls and %q", tt.addr, o.Failure, o.Detail, tt.want)
		case tt.want != "" && len(o.Exchanges) != 1:
			t.Errorf("%s: asked %d times, want once", tt.addr, len(o.Exchanges))
		}
		if st := r.Probe(t.Context(), question(host, "A", "")); tt.want != "" && !strings.Contains(st[0].Text, tt.want) {
			t.Errorf("%s: probe says %q, want %q in it", tt.addr, st[0].Text, tt.want)
		}
	}
}

// serveHTTPS starts a DNS over HTTPS server.
func serveHTTPS(t testing.TB, h http.HandlerFunc) (addr string, id identity) {
	t.Helper()
	id = newIdentity(t, "127.0.0.1", "dns.test")
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{id.cert}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), id
}

func TestHTTPS(t *testing.T) {
	t.Parallel()
	var conns sync.Map
	addr, id := serveHTTPS(t, func(w http.ResponseWriter, req *http.Request) {
		conns.Store(req.RemoteAddr, true)
		body, _ := io.ReadAll(req.Body)
		r := readRequest(t, body, true)
		if req.Method != "POST" || req.URL.Path != "/dns-query" || req.ProtoMajor != 2 || r.msg.ID != 0 ||
			req.Header.Get("Content-Type") != dnsMessage || req.Header.Get("Accept") != dnsMessage || req.Host != "dns.test:"+portOf(req) {
			t.Errorf("%s %s %s to %s with id %d and %v", req.Method, req.URL, req.Proto, req.Host, r.msg.ID, req.Header)
		}
		w.Header().Set("Content-Type", dnsMessage)
		w.Write(good(t, r))
	})
	_, port, _ := net.SplitHostPort(addr)
	server := Server{Name: "doh", Addresses: []string{"https://dns.test:" + port + "/dns-query"}, Bootstrap: []string{"127.0.0.1"}}
	r := patient(server)
	r.Roots, r.Rate, r.InFlight = id.roots, -1, 32
	n := 0
	r.Observe(t.Context(), onlyA(300), func(o residency.Observation) {
		if addresses(o) == "192.0.2.1" && o.Transport == "https" && o.Tailoring == residency.TailoringSpecific {
			n++
			return
		}
		t.Errorf("%q %q over %q %v: %s", o.Failure, addresses(o), o.Transport, o.Tailoring, o.Detail)
	})
	count := 0
	conns.Range(func(any, any) bool { count++; return true })
	if n != 300 || count > 2 {
		t.Errorf("%d of 300 looks answered, over %d connections", n, count)
	}
}

func portOf(req *http.Request) string {
	_, port, _ := net.SplitHostPort(req.Host)
	return port
}

func TestHTTPSFailures(t *testing.T) {
	t.Parallel()
	answer := func(kind string, status int, body func(t testing.TB, r request) []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			raw, _ := io.ReadAll(req.Body)
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			w.Write(body(t, readRequest(t, raw, true)))
		}
	}
	long := func(testing.TB, request) []byte { return make([]byte, 1<<20) }
	for _, tt := range []struct {
		name    string
		h       http.HandlerFunc
		failure residency.Failure
		want    string
	}{
		{"parameters", answer(dnsMessage+"; charset=binary", 200, good), "", ""},
		{"status", answer(dnsMessage, 503, good), residency.FailHTTP, "503"},
		{"redirect", func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "/elsewhere", http.StatusTemporaryRedirect)
		}, residency.FailHTTP, "307"},
		{"block page", answer("text/html", 200, good), residency.FailHTTP, "text/html"},
		{"no type", answer("", 200, good), residency.FailHTTP, "type"},
		{"too long", answer(dnsMessage, 200, long), residency.FailHTTP, "longer"},
		{"garbage", answer(dnsMessage, 200, func(testing.TB, request) []byte { return []byte("hello") }), residency.FailMalformed, ""},
		{"another answer", answer(dnsMessage, 200, func(t testing.TB, r request) []byte { return put(good(t, r), 0, 1) }), residency.FailMismatch, ""},
		{"truncated", answer(dnsMessage, 200, func(t testing.TB, r request) []byte { return reply{tc: true}.message(t, r) }), residency.FailTruncated, ""},
		{"shorter than announced", func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", dnsMessage)
			w.Header().Set("Content-Length", "400")
			w.Write([]byte("short"))
		}, residency.FailHTTP, ""},
		{"silent", func(w http.ResponseWriter, req *http.Request) { <-req.Context().Done() }, residency.FailTimeout, ""},
		{"drips", func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", dnsMessage)
			for req.Context().Err() == nil {
				w.Write([]byte{0})
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}, residency.FailTimeout, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			defer within(t, 10*time.Second, "the look")()
			addr, id := serveHTTPS(t, tt.h)
			r := patient(Server{Name: "doh", Addresses: []string{"https://" + addr + "/dns-query"}})
			if tt.failure == residency.FailTimeout {
				r.Timeout = 300 * time.Millisecond
			}
			r.Roots = id.roots
			o := observe(t, r, question(host, "A", "198.51.100.0/24"))
			if o.Failure != tt.failure || !strings.Contains(o.Detail, tt.want) || (addresses(o) != "") != (tt.failure == "") {
				t.Errorf("%q %q (%s), want %q with %q", o.Failure, addresses(o), o.Detail, tt.failure, tt.want)
			}
		})
	}
}

// TestHTTPSAlone: port 53 is closed, and a server over HTTPS behind the second
// address answers all.
func TestHTTPSAlone(t *testing.T) {
	t.Parallel()
	addr, id := serveHTTPS(t, func(w http.ResponseWriter, req *http.Request) {
		raw, _ := io.ReadAll(req.Body)
		w.Header().Set("Content-Type", dnsMessage)
		w.Write(good(t, readRequest(t, raw, true)))
	})
	r := quick(Server{Name: "either", Addresses: []string{closedPort(t), "https://" + addr + "/q"}})
	r.Roots, r.Timeout = id.roots, 2*time.Second
	if st := r.Probe(t.Context(), question(host, "A", "198.51.100.0/24")); !st[0].Answers || !st[0].PassesSubnets {
		t.Errorf("probe: %+v", st[0])
	}
	if o := observe(t, r, question(host, "A", "198.51.100.0/24")); o.Transport != "https" || addresses(o) != "192.0.2.1" {
		t.Errorf("%q over %q: %s", addresses(o), o.Transport, o.Detail)
	}
}

func closedPort(t testing.TB) string {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	return pc.LocalAddr().String()
}

func TestNoGoroutineOutlivesAStream(t *testing.T) { // not parallel: it counts goroutines
	noLeaks(t)
	id := newIdentity(t, "127.0.0.1")
	s := serveStream(t, &id, honest)
	addr, web := serveHTTPS(t, func(w http.ResponseWriter, req *http.Request) {
		raw, _ := io.ReadAll(req.Body)
		w.Header().Set("Content-Type", dnsMessage)
		w.Write(good(t, readRequest(t, raw, true)))
	})
	id.roots.AppendCertsFromPEM(nil)
	for _, r := range []*Resolver{
		{Servers: []Server{{Addresses: []string{"tls://" + s.addr}}}, Roots: id.roots},
		{Servers: []Server{{Addresses: []string{"https://" + addr + "/"}}}, Roots: web.roots},
	} {
		if o := observe(t, r, question(host, "A", "")); o.Failure != "" {
			t.Errorf("%s: %s", r.Servers[0].Addresses[0], o.Detail)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.1:53":                           "udp [192.0.2.1:53]  ",
		"tcp://192.0.2.1":                        "tcp [192.0.2.1:53]  ",
		"tcp://[2001:db8::1]:5300":               "tcp [[2001:db8::1]:5300]  ",
		"tls://2001:db8::1":                      "tls [[2001:db8::1]:853] 2001:db8::1 ",
		"tls://192.0.2.1:8853":                   "tls [192.0.2.1:8853] 192.0.2.1 ",
		"tls://dns.test@192.0.2.1":               "tls [192.0.2.1:853] dns.test ",
		"tls://dns.test":                         "tls [198.51.100.1:853 [2001:db8::2]:853] dns.test ",
		"https://dns.test/dns-query":             "https [198.51.100.1:443 [2001:db8::2]:443] dns.test https://dns.test/dns-query",
		"https://192.0.2.1:8443/q":               "https [192.0.2.1:8443] 192.0.2.1 https://192.0.2.1:8443/q",
		"quic://192.0.2.1":                       "error",
		"tls://":                                 "error",
		"https:///dns-query":                     "error",
		"https://user:secret@dns.test/dns-query": "error",
		"tcp://192.0.2.1:53/x":                   "error",
	} {
		w := wayTo(text, "", []string{"198.51.100.1", "2001:db8::2"})
		got := fmt.Sprintf("%s %v %s %s", w.transport, w.targets, w.tlsName, w.url)
		if w.err != nil {
			got = "error"
			if strings.Contains(w.err.Error(), "secret") {
				t.Errorf("the error shows a password: %v", w.err)
			}
		}
		if got != want {
			t.Errorf("wayTo(%q) = %s (%v), want %s", text, got, w.err, want)
		}
	}
	o := observe(t, patient(Server{Addresses: []string{"quic://192.0.2.1"}}), question(host, "A", ""))
	if o.Failure != residency.FailUnreachable || !strings.Contains(o.Detail, "no transport for DNS") {
		t.Errorf("%q %s", o.Failure, o.Detail)
	}
}

// proxies for tests: an HTTP proxy and a SOCKS5 proxy that want a user.
func httpProxy(t testing.TB, status string) (*streamServer, *atomic.Int64) {
	var tunnels atomic.Int64
	return serveStream(t, nil, func(t testing.TB, c net.Conn) {
		in := bufio.NewReader(c)
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		req.Header.Set("Authorization", req.Header.Get("Proxy-Authorization"))
		if user, password, ok := req.BasicAuth(); req.Method != "CONNECT" || !ok || user != "u" || password != "p" {
			fmt.Fprint(c, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
			return
		}
		if status != "" {
			fmt.Fprintf(c, "HTTP/1.1 %s\r\n\r\n", status)
			return
		}
		tunnels.Add(1)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nVia: test\r\n\r\n")
		splice(c, in, req.Host)
	}), &tunnels
}

func socksProxy(t testing.TB) (*streamServer, *atomic.Int64) {
	var tunnels atomic.Int64
	return serveStream(t, nil, func(t testing.TB, c net.Conn) {
		in := bufio.NewReader(c)
		head := make([]byte, 2)
		io.ReadFull(in, head)
		io.CopyN(io.Discard, in, int64(head[1]))
		c.Write([]byte{5, 2}) // user and password
		io.ReadFull(in, head)
		user := make([]byte, int(head[1])+1)
		io.ReadFull(in, user)
		password := make([]byte, user[len(user)-1])
		io.ReadFull(in, password)
		if string(user[:len(user)-1]) != "u" || string(password) != "p" {
			c.Write([]byte{1, 1})
			return
		}
		c.Write([]byte{1, 0})
		to := make([]byte, 10) // IPv4
		io.ReadFull(in, to)
		tunnels.Add(1)
		c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		splice(c, in, fmt.Sprintf("%v:%d", net.IP(to[4:8]), binary.BigEndian.Uint16(to[8:])))
	}), &tunnels
}

func splice(c net.Conn, in io.Reader, target string) {
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	go func() {
		io.Copy(far, in)
		far.Close()
	}()
	io.Copy(c, far)
}

func TestProxies(t *testing.T) {
	t.Parallel()
	id := newIdentity(t, "127.0.0.1")
	secure, plain := serveStream(t, &id, honest), serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	web, webID := serveHTTPS(t, func(w http.ResponseWriter, req *http.Request) {
		raw, _ := io.ReadAll(req.Body)
		w.Header().Set("Content-Type", dnsMessage)
		w.Write(good(t, readRequest(t, raw, true)))
	})
	viaHTTP, n1 := httpProxy(t, "")
	viaSOCKS, n2 := socksProxy(t)
	refuses, _ := httpProxy(t, "403 Forbidden")
	for _, tt := range []struct {
		proxy, addr, transport string
		roots                  *x509.CertPool
		failure                residency.Failure
		want                   string
	}{
		{"http://u:p@" + viaHTTP.addr, "tls://" + secure.addr, "tls", id.roots, "", ""},
		{"http://u:p@" + viaHTTP.addr, "https://" + web + "/", "https", webID.roots, "", ""},
		{"http://u:p@" + viaHTTP.addr, plain.addr, "tcp", nil, "", ""}, // no UDP through a proxy
		{"socks5://u:p@" + viaSOCKS.addr, "tls://" + secure.addr, "tls", id.roots, "", ""},
		{"socks5://u:p@" + viaSOCKS.addr, "https://" + web + "/", "https", webID.roots, "", ""},
		{"socks5://u:p@" + viaSOCKS.addr, "tcp://" + plain.addr, "tcp", nil, "", ""},
		{"socks5://u:wrong@" + viaSOCKS.addr, "tcp://" + plain.addr, "tcp", nil, residency.FailUnreachable, "proxy"},
		{"http://u:wrong@" + viaHTTP.addr, "tls://" + secure.addr, "tls", id.roots, residency.FailHTTP, "407"},
		{"http://u:p@" + refuses.addr, "https://" + web + "/", "https", webID.roots, residency.FailHTTP, "403"},
		{"ftp://" + refuses.addr, "tcp://" + plain.addr, "tcp", nil, residency.FailUnreachable, "no kind of proxy"},
	} {
		u, err := url.Parse(tt.proxy)
		if err != nil {
			t.Fatal(err)
		}
		r := patient(Server{Name: "far", Addresses: []string{tt.addr}, Proxy: u})
		r.Roots = tt.roots
		o := observe(t, r, question(host, "A", "198.51.100.0/24"))
		if o.Failure != tt.failure || o.Transport != tt.transport || !strings.Contains(o.Detail, tt.want) || (addresses(o) != "") != (tt.failure == "") {
			t.Errorf("%s through %s: %q %q over %q (%s)", tt.addr, tt.proxy, o.Failure, addresses(o), o.Transport, o.Detail)
		}
		if o.Via != u.Scheme+"://"+u.Host || strings.Contains(o.Detail, "wrong") {
			t.Errorf("%s: Via = %q, detail %q", tt.proxy, o.Via, o.Detail)
		}
	}
	if n1.Load() != 3 || n2.Load() != 3 {
		t.Errorf("%d and %d tunnels, want 3 each", n1.Load(), n2.Load())
	}
}

func TestProxyFromEnvironment(t *testing.T) {
	t.Parallel()
	env := map[string]string{"ALL_PROXY": "socks5://192.0.2.9:1080", "no_proxy": "dns.test,198.51.100.0/24"}
	find := ProxyFromEnvironment(func(k string) string { return env[k] })
	for addr, want := range map[string]string{
		"9.9.9.9:853": "socks5://192.0.2.9:1080", "dns.test:443": "", "198.51.100.7:53": "", "127.0.0.1:53": "", "[::1]:53": "",
	} {
		u, err := find(addr)
		if got := fmt.Sprint(u); err != nil || got != want && (want != "" || u != nil) {
			t.Errorf("%s: %v, %v, want %q", addr, u, err, want)
		}
	}
	env["HTTPS_PROXY"] = "http://192.0.2.8:3128"
	if u, _ := ProxyFromEnvironment(func(k string) string { return env[k] })("9.9.9.9:443"); u == nil || u.Host != "192.0.2.8:3128" {
		t.Errorf("HTTPS_PROXY does not win: %v", u)
	}
	if u, _ := ProxyFromEnvironment(func(string) string { return "" })("9.9.9.9:443"); u != nil {
		t.Errorf("a proxy from nothing: %v", u)
	}
}
