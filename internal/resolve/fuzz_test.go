package resolve

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"

	"residency/internal/residency"
)

// FuzzResponse puts arbitrary bytes where a response to one question is
// expected, all the way to the observation. Other codecs are the oracle: where
// they can read the message too, they must see the addresses that we took from
// it, at the name at the end of the chain.
func FuzzResponse(f *testing.F) {
	const rtype = dns.TypeA
	ln := &line{set: (&Resolver{Now: fixedNow}).settings(), server: Server{Name: "fuzz"}, way: wayTo("192.0.2.53:53", "", nil), quiet: newSilence(), habits: newHabits()}
	q0, err := newQuery("api.a.test.", rtype, asking{subnet: netip.MustParsePrefix("198.51.100.0/24"), recurse: true, edns: true, udpSize: DefaultUDPSize})
	if err != nil {
		f.Fatal(err)
	}
	r := readRequest(f, q0.wire, false)
	for _, p := range []reply{
		{answers: []string{"api.a.test 60 A 192.0.2.1", "api.a.test 60 A 192.0.2.2"}, scope: 24},
		{answers: []string{"api.a.test 60 CNAME b.test", "b.test 60 A 192.0.2.1"}, authority: []string{"b.test 60 NS ns.b.test"}},
		{answers: []string{"a.test 60 DNAME b.test", "api.b.test 60 A 192.0.2.1"}, noOPT: true},
		{rcode: 3, authority: []string{"a.test 60 SOA ns.a.test"}},
		{answers: []string{"api.a.test 60 CNAME b.test", "b.test 60 CNAME api.a.test"}, ecs: []byte{0, 2, 24, 0, 1, 2, 3}},
		{rcode: 1, noOPT: true}, {extRcode: 1}, {tc: true}, {authority: []string{"test 60 NS ns.test"}},
	} {
		f.Add(p.message(f, r))
	}
	f.Add(cnameWire(r, []byte{0xc0, 12}))
	f.Fuzz(func(t *testing.T, msg []byte) {
		begin := time.Now()
		l, q := new(look), new(query)
		l.obs.Question = question("api.a.test", "A", "198.51.100.0/24")
		l.start(ln, fixedNow())
		if err := l.query(q); err != nil {
			t.Fatal(err)
		}
		asked := try{Exchange: residency.Exchange{Transport: "udp"}}
		if asked.check(q, 0, msg) {
			asked.accept(q, msg, new(response))
			if (asked.resp == nil) != (asked.Failure != "") || asked.Response == nil {
				t.Fatalf("failure %q and response %v", asked.Failure, asked.resp)
			}
		}
		if !asked.Failure.Valid() {
			t.Fatalf("failure %q", asked.Failure)
		}
		if asked.resp == nil {
			return
		}
		l.take(q, asked.resp, 0)
		o := l.obs
		if !o.Failure.Valid() || (o.Failure == "") != (o.Detail == "") {
			t.Fatalf("failure %q, detail %q", o.Failure, o.Detail)
		}
		if len(o.Chain) > 2*(DefaultMaxChain+1) {
			t.Fatalf("chain of %d links", len(o.Chain))
		}
		for _, a := range o.Addresses {
			if a.Address.Is4In6() || !a.Address.IsValid() || plainName(l.names[len(l.names)-1]) != a.Owner {
				t.Fatalf("address %v at %q, chain %v", a.Address, a.Owner, l.names)
			}
		}
		compare(t, msg, l)
		if took := time.Since(begin); took > 5*time.Second {
			t.Fatalf("took %v", took)
		}
	})
}

// compare holds the addresses to two other codecs, as far as they can read the
// message.
func compare(t *testing.T, msg []byte, l *look) {
	end := l.names[len(l.names)-1]
	wanted := map[netip.Addr]bool{}
	for _, a := range l.obs.Addresses {
		wanted[a.Address] = true
	}
	var m dns.Msg
	if m.Unpack(msg) == nil && len(m.Answer) == int(readHeader(msg).counts[sectionAnswer]) && l.obs.Answered() {
		got := map[netip.Addr]bool{}
		for _, rr := range m.Answer {
			a, ok := rr.(*dns.A)
			if ok && a.Hdr.Class == dns.ClassINET && canonical(a.Hdr.Name) == end && a.A != nil {
				addr, _ := netip.AddrFromSlice(a.A.To4())
				got[addr] = true
			}
		}
		if len(got) != len(wanted) {
			t.Fatalf("we see %v at %s, miekg/dns sees %v", wanted, end, got)
		}
	}
	var p dnsmessage.Parser
	if _, err := p.Start(msg); err != nil || p.SkipAllQuestions() != nil {
		return
	}
	answers, err := p.AllAnswers()
	if err != nil {
		return
	}
	seen := map[netip.Addr]bool{}
	for _, rr := range answers {
		if a, ok := rr.Body.(*dnsmessage.AResource); ok {
			seen[netip.AddrFrom4(a.A)] = true
		}
	}
	for a := range wanted {
		if !seen[a] {
			t.Fatalf("we see %v, dnsmessage does not", a)
		}
	}
}

// FuzzSound: a name that is passed over unread is one that could be read, and
// ends where it would.
func FuzzSound(f *testing.F) {
	head := string(make([]byte, headerLen))
	long := strings.Repeat("\x3f"+strings.Repeat("a", maxLabelLen), 3)
	for _, name := range []string{
		"\x00", "\x01a\x00", "\x03ns1\xc0\x0c", "\xc0\x0c", "\xc0\x00", "\xc0\xff", "\x40a\x00", "\xc0", "\x05abc",
		long + "\x3d" + strings.Repeat("b", 61) + "\x00", long + "\x3e" + strings.Repeat("b", 62) + "\x00", "\x80a\x00", "\x01.\x00",
	} {
		f.Add([]byte(head+"\x01a\x04test\x00"+name), uint16(headerLen+8))
	}
	f.Add([]byte(head+"\x00"+strings.Repeat("\xc0\x0c\xc0\x0d\xc0\x0f", 20)), uint16(headerLen+3))
	f.Fuzz(func(t *testing.T, msg []byte, off uint16) {
		w := walker{q: new(query), msg: msg}
		end, ok := w.sound(int(off))
		if !ok {
			return
		}
		if _, after, err := dns.UnpackDomainName(msg, int(off)); err != nil || after != end {
			t.Fatalf("passed over to %d; miekg/dns reads to %d, error %v", end, after, err)
		}
	})
}
