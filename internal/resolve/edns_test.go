package resolve

import (
	"bytes"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"residency/internal/residency"
)

func TestWhatIsRecorded(t *testing.T) {
	t.Parallel()
	o := lookAt(t, reply{answers: []string{"api.a.test 60 A 192.0.2.1"}, ad: true, options: []dnsmessage.Option{
		{Code: 3, Data: []byte("fra1.example")}, {Code: 15, Data: []byte("\x00\x03stale\x00")}, {Code: 15, Data: []byte{0x12, 0x67, 0xff, 0x1b}},
	}}.always(t), question(host, "A", "198.51.100.0/24"), nil)
	if o.Failure != "" || !o.Flags.Has(residency.FlagAD|residency.FlagRA) || o.NSID != "fra1.example" {
		t.Errorf("failure %q, flags %v, NSID %q", o.Failure, o.Flags, o.NSID)
	}
	if len(o.Errors) != 2 || o.Errors[0].String() != "3 Stale Answer: stale" || o.Errors[1].String() != "4711" {
		t.Errorf("extended errors %q", o.Errors)
	}
	if o := lookAt(t, reply{options: []dnsmessage.Option{{Code: 3, Data: []byte{1, 0xab}}}}.always(t), question(host, "A", ""), nil); o.NSID != "0x01ab" {
		t.Errorf("NSID %q", o.NSID)
	}
	long := reply{options: []dnsmessage.Option{{Code: 3, Data: bytes.Repeat([]byte{'x'}, 20000)}}}
	for range 2000 {
		long.options = append(long.options, dnsmessage.Option{Code: 15, Data: []byte{0, 0}})
	}
	s := serve(t, func(r request) [][]byte {
		if !r.tcp {
			return [][]byte{reply{tc: true}.message(t, r)}
		}
		return [][]byte{long.message(t, r)}
	})
	if o := observe(t, patient(Server{Addresses: []string{s.addr}}), question(host, "A", "")); len(o.NSID) > maxWords || len(o.Errors) > maxErrors || o.NSID == "" {
		t.Errorf("%d bytes of NSID and %d errors are kept", len(o.NSID), len(o.Errors))
	}
}

// TestForged: a server that says itself that it lies is not believed.
func TestForged(t *testing.T) {
	t.Parallel()
	for code, want := range map[byte]residency.Failure{4: "intercepted", 15: "intercepted", 16: "intercepted", 17: "intercepted", 3: "", 18: ""} {
		o := lookAt(t, reply{answers: []string{"api.a.test 60 A 192.0.2.1"}, options: []dnsmessage.Option{{Code: 15, Data: []byte{0, code}}}}.always(t), question(host, "A", ""), nil)
		if o.Failure != want || (len(o.Addresses) > 0) != (want == "") {
			t.Errorf("code %d: %q with %d addresses, want %q", code, o.Failure, len(o.Addresses), want)
		}
	}
	o := lookAt(t, reply{rcode: 2, options: []dnsmessage.Option{{Code: 15, Data: []byte("\x00\x16timed out")}}}.always(t), question(host, "A", ""), nil)
	if o.Failure != residency.FailServfail || !strings.Contains(o.Detail, "22 No Reachable Authority: timed out") {
		t.Errorf("%q: %s", o.Failure, o.Detail)
	}
}

// cookieServer answers with its half of the cookie, and BADCOOKIE to requests
// without it.
func cookieServer(t testing.TB, strict bool) handler {
	half := []byte("serverhalf")
	return func(r request) [][]byte {
		p := reply{answers: []string{r.name + " 60 A 192.0.2.1"}}
		if len(r.cookie) >= 8 {
			p.options = []dnsmessage.Option{{Code: 10, Data: append(append([]byte(nil), r.cookie[:8]...), half...)}}
			if strict && !bytes.Equal(r.cookie[8:], half) {
				p.answers, p.rcode, p.extRcode = nil, 23&0xf, 23>>4
			}
		}
		return [][]byte{p.message(t, r)}
	}
}

func TestCookies(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		s := serve(t, cookieServer(t, strict))
		r := patient(Server{Addresses: []string{s.addr}})
		for i := range 3 {
			o := observe(t, r, question(host, "A", ""))
			want := 1
			if strict && i == 0 {
				want = 2
			}
			if o.Failure != "" || len(o.Exchanges) != want || o.Transport != "udp" {
				t.Errorf("strict %v, look %d: %q in %d exchanges (%s), want %d", strict, i, o.Failure, len(o.Exchanges), o.Detail, want)
			}
		}
		seen := s.requests()
		first, last := seen[0].cookie, seen[len(seen)-1].cookie
		if len(first) != 8 || len(last) != 18 || !bytes.Equal(first, last[:8]) {
			t.Errorf("cookies sent: %x first, %x last", first, last)
		}
		other := serve(t, cookieServer(t, false))
		r2 := patient(Server{Addresses: []string{other.addr}})
		observe(t, r2, question(host, "A", ""))
		if bytes.Equal(other.requests()[0].cookie, first) {
			t.Error("two servers get the same cookie: it would tie our looks together")
		}
	}
}

func TestBadCookies(t *testing.T) {
	t.Parallel()
	forever := serve(t, func(r request) [][]byte {
		if r.cookie == nil {
			return [][]byte{good(t, r)}
		}
		return [][]byte{reply{rcode: 23 & 0xf, extRcode: 23 >> 4}.message(t, r)}
	})
	if o := observe(t, patient(Server{Addresses: []string{forever.addr}}), question(host, "A", "")); o.Failure != "" || len(o.Exchanges) != 1+maxCookies {
		t.Errorf("BADCOOKIE for ever: %q in %d exchanges (%s)", o.Failure, len(o.Exchanges), o.Detail)
	}
	always := serve(t, reply{rcode: 23 & 0xf, extRcode: 23 >> 4}.always(t))
	if o := observe(t, patient(Server{Addresses: []string{always.addr}}), question(host, "A", "")); o.Failure != residency.FailOtherRcode || o.Rcode != "BADCOOKIE" {
		t.Errorf("BADCOOKIE even without: %q %s", o.Failure, o.Rcode)
	}
	// A response with another cookie than ours is not believed over UDP.
	forged := serve(t, func(r request) [][]byte {
		p := reply{answers: []string{r.name + " 60 A 203.0.113.66"}, options: []dnsmessage.Option{{Code: 10, Data: []byte("whatever12345678")}}}
		if r.tcp {
			return [][]byte{good(t, r)}
		}
		return [][]byte{p.message(t, r)}
	})
	if o := observe(t, patient(Server{Addresses: []string{forged.addr}}), question(host, "A", "")); addresses(o) != "192.0.2.1" || o.Transport != "tcp" {
		t.Errorf("forged cookie: %q over %q (%s)", addresses(o), o.Transport, o.Detail)
	}
	// Nor is one without, once the server has given its half.
	var n atomic.Int64
	lacks := serve(t, func(r request) [][]byte {
		if n.Add(1) == 1 {
			return cookieServer(t, false)(r)
		}
		return [][]byte{good(t, r)}
	})
	r := patient(Server{Addresses: []string{lacks.addr}})
	for i, want := range []string{"udp", "tcp", "udp"} { // over TCP it lacks it too, so it is the server's way
		if o := observe(t, r, question(host, "A", "")); o.Failure != "" || o.Transport != want {
			t.Errorf("look %d without a cookie: %q over %q (%s), want %q", i, o.Failure, o.Transport, o.Detail, want)
		}
	}
}

func TestNoCookiesOverTLS(t *testing.T) {
	t.Parallel()
	var q query
	err := (&look{level: ednsFull, cookies: maxCookies, rtype: 1, name: "a.test.", set: (&Resolver{}).settings(), server: &Server{}, habits: newHabits()}).query(&q)
	if err != nil || q.cookie != nil {
		t.Errorf("cookie %x, %v", q.cookie, err)
	}
	var l look
	l.obs.Question = question(host, "A", "")
	l.start(&line{set: (&Resolver{}).settings(), way: wayTo("tls://192.0.2.1", "", nil), habits: newHabits()}, fixedNow())
	if l.cookies != maxCookies {
		t.Error("a cookie is sent over TLS")
	}
}

// TestOptionsFallback: a server with EDNS that dislikes an option is asked
// again with the client subnet alone, and after a few looks at once so.
func TestOptionsFallback(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte {
		if r.nsid {
			return [][]byte{reply{rcode: 1}.message(t, r)}
		}
		return [][]byte{good(t, r)}
	})
	r := patient(Server{Addresses: []string{s.addr}})
	for i := range 6 {
		o := observe(t, r, question(host, "A", "198.51.100.0/24"))
		want := 2
		if i >= habitAfter {
			want = 1
		}
		if o.Failure != "" || o.Tailoring != residency.TailoringSpecific || len(o.Exchanges) != want {
			t.Errorf("look %d: %q, %v in %d exchanges (%s), want %d", i, o.Failure, o.Tailoring, len(o.Exchanges), o.Detail, want)
		}
	}
}

func TestFallbackIsRemembered(t *testing.T) {
	t.Parallel()
	old := serve(t, func(r request) [][]byte {
		if r.opt {
			return [][]byte{reply{rcode: 1, noOPT: true}.message(t, r)}
		}
		return [][]byte{good(t, r)}
	})
	r := patient(Server{Addresses: []string{old.addr}})
	var mu sync.Mutex
	now := fixedNow()
	r.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	exchanges := func() int {
		o := observe(t, r, question(host, "A", "198.51.100.0/24"))
		if o.Failure != "" || o.Tailoring != residency.TailoringNone || !strings.Contains(o.TailoringWhy, "FORMERR") {
			t.Errorf("%q %v %s", o.Failure, o.Tailoring, o.TailoringWhy)
		}
		return len(o.Exchanges)
	}
	for i, want := range []int{2, 2, 2, 1, 1} {
		if got := exchanges(); got != want {
			t.Errorf("look %d: %d exchanges, want %d", i, got, want)
		}
	}
	mu.Lock()
	now = now.Add(2 * habitsLast)
	mu.Unlock()
	if got := exchanges(); got != 2 {
		t.Errorf("two hours later: %d exchanges, want 2", got)
	}
	// A refusal now and then is no habit: a forged one must not cost the
	// client subnets of a whole run.
	var n atomic.Int64
	moody := serve(t, func(r request) [][]byte {
		if r.opt && n.Add(1)%2 == 1 {
			return [][]byte{reply{rcode: 1, noOPT: true}.message(t, r)}
		}
		return [][]byte{good(t, r)}
	})
	r = patient(Server{Addresses: []string{moody.addr}})
	for range 10 {
		observe(t, r, question(host, "A", "198.51.100.0/24"))
	}
	for _, h := range r.remember().habits {
		if h.level.Load() != ednsFull {
			t.Error("a refusal now and then is remembered as a habit")
		}
	}
}

func TestMixedCase(t *testing.T) {
	t.Parallel()
	keeps := serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	lowers := serve(t, func(r request) [][]byte {
		m := good(t, r)
		end := questionEnd(r)
		return [][]byte{append(append(append([]byte(nil), m[:12]...), bytes.ToLower(m[12:end])...), m[end:]...)}
	})
	for _, tt := range []struct {
		s    *fakeServer
		want string
	}{{keeps, "udp"}, {lowers, "tcp"}} {
		r := patient(Server{Addresses: []string{tt.s.addr}})
		r.MixCase = true
		const long = "abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvwxyz.test"
		o := observe(t, r, question(long, "A", ""))
		if addresses(o) != "192.0.2.1" || o.Transport != tt.want {
			t.Errorf("%q over %q, want %q (%s)", addresses(o), o.Transport, tt.want, o.Detail)
		}
		name := tt.s.requests()[0].name
		if name == long || !strings.EqualFold(name, long) {
			t.Errorf("asked for %q", name)
		}
	}
}

func TestDNS64(t *testing.T) {
	t.Parallel()
	v4 := netip.MustParseAddr("198.51.100.7")
	// RFC 6052 section 2.4: 192.0.2.33 with each length of prefix.
	for text, addr := range map[string]string{
		"2001:db8::/32": "2001:db8:c000:221::", "2001:db8:100::/40": "2001:db8:1c0:2:21::",
		"2001:db8:122::/48": "2001:db8:122:c000:2:2100::", "2001:db8:122:300::/56": "2001:db8:122:3c0:0:221::",
		"2001:db8:122:344::/64": "2001:db8:122:344:c0:2:2100::", "2001:db8:122:344::/96": "2001:db8:122:344::192.0.2.33",
		"64:ff9b::/96": "64:ff9b::192.0.2.33",
	} {
		if got, ok := embedded(netip.MustParseAddr(addr), netip.MustParsePrefix(text)); !ok || got.String() != "192.0.2.33" {
			t.Errorf("embedded(%s, %s) = %v, %v", addr, text, got, ok)
		}
	}
	s := serve(t, func(r request) [][]byte {
		p := reply{}
		switch {
		case r.msg.Questions[0].Type != dnsmessage.TypeAAAA:
		case r.name == only4:
			p.answers = []string{only4 + " 60 AAAA 2001:db8:64::192.0.0.170", only4 + " 60 AAAA 2001:db8:64::192.0.0.171"}
		default:
			p.answers = []string{r.name + " 60 AAAA 2001:db8:64::198.51.100.7", r.name + " 60 AAAA 2001:db8:1::1", r.name + " 60 AAAA 64:ff9b::198.51.100.7"}
		}
		return [][]byte{p.message(t, r)}
	})
	r := patient(Server{Name: "dns64", Addresses: []string{s.addr}})
	if o := observe(t, r, question(host, "AAAA", "")); o.Addresses[0].DNS64.IsValid() || o.Addresses[2].Address != v4 {
		t.Errorf("before the prefix is known: %+v", o.Addresses)
	}
	r.Controls = &Controls{}
	st := r.Probe(t.Context(), question(host, "A", ""))
	if c := find(st[0], checkDNS64); c.Result != residency.CheckNote || !strings.Contains(c.Text, "2001:db8:64::/96") {
		t.Errorf("checks: %+v", st[0].Checks)
	}
	o := observe(t, r, question(host, "AAAA", ""))
	if len(o.Addresses) != 3 || o.Addresses[0].Address != v4 || o.Addresses[0].DNS64.String() != "2001:db8:64::c633:6407" ||
		o.Addresses[1].DNS64.IsValid() || o.Addresses[1].Address.String() != "2001:db8:1::1" {
		t.Errorf("with the prefix: %+v", o.Addresses)
	}
}

func find(st residency.ResolverStatus, name string) residency.ResolverCheck {
	for _, c := range st.Checks {
		if c.Name == name {
			return c
		}
	}
	return residency.ResolverCheck{}
}
