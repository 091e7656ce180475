package resolve

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

const host = "api.a.test"

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		rtype     string
		reply     reply
		failure   residency.Failure
		rcode     string
		addresses string
		chain     string
	}{
		{name: "one address", reply: reply{answers: []string{"api.a.test 60 A 192.0.2.1"}}, addresses: "192.0.2.1"},
		{name: "every address, each once", reply: reply{answers: []string{
			"api.a.test 60 A 192.0.2.1", "api.a.test 60 A 192.0.2.2", "api.a.test 30 A 192.0.2.1"}}, addresses: "192.0.2.1 192.0.2.2"},
		{name: "AAAA", rtype: "AAAA", reply: reply{answers: []string{"api.a.test 60 AAAA 2001:db8::1"}}, addresses: "2001:db8::1"},
		{name: "a mapped address is unmapped", rtype: "AAAA", reply: reply{answers: []string{"api.a.test 60 AAAA ::ffff:192.0.2.1"}}, addresses: "192.0.2.1"},
		{name: "owner in other case", reply: reply{answers: []string{"API.a.TEST 60 A 192.0.2.1"}}, addresses: "192.0.2.1"},
		{name: "unrelated records", reply: reply{answers: []string{
			"evil.test 60 A 203.0.113.9", "api.a.test 60 A 192.0.2.1", "api.a.test 60 AAAA 2001:db8::1", "b.a.test 60 A 203.0.113.8"}}, addresses: "192.0.2.1"},
		{name: "aliases out of order", reply: reply{answers: []string{
			"c.test 60 A 192.0.2.1", "b.test 60 CNAME c.test", "api.a.test 60 CNAME B.test"}},
			addresses: "192.0.2.1", chain: "api.a.test CNAME b.test, b.test CNAME c.test"},
		{name: "an address beside an alias is not at the end", reply: reply{answers: []string{
			"api.a.test 60 A 203.0.113.9", "api.a.test 60 CNAME b.test", "b.test 60 A 192.0.2.1"}},
			addresses: "192.0.2.1", chain: "api.a.test CNAME b.test"},
		{name: "DNAME with its CNAME", reply: reply{answers: []string{
			"api.a.test 0 CNAME api.b.test", "a.test 60 DNAME b.test", "api.b.test 60 A 192.0.2.1"}},
			addresses: "192.0.2.1", chain: "a.test DNAME b.test, api.a.test CNAME api.b.test"},
		{name: "DNAME alone", reply: reply{answers: []string{"a.test 60 DNAME b.test", "api.b.test 60 A 192.0.2.1"}},
			addresses: "192.0.2.1", chain: "a.test DNAME b.test"},
		{name: "DNAME contradicted by a CNAME", reply: reply{answers: []string{
			"a.test 60 DNAME b.test", "api.a.test 60 CNAME c.test", "c.test 60 A 192.0.2.1"}},
			addresses: "192.0.2.1", chain: "api.a.test CNAME c.test"},
		{name: "NODATA with proof", reply: reply{authority: []string{"a.test 60 SOA ns.a.test"}}},
		{name: "NODATA without proof", reply: reply{}},
		{name: "NODATA at the end of a chain", reply: reply{answers: []string{"api.a.test 60 CNAME x.b.test"}, authority: []string{"b.test 60 SOA ns.b.test"}},
			chain: "api.a.test CNAME x.b.test"},
		{name: "referral", reply: reply{authority: []string{"test 60 NS ns.test"}}, failure: residency.FailLame},
		{name: "NODATA with NS and SOA", reply: reply{authority: []string{"a.test 60 NS ns.test", "a.test 60 SOA ns.a.test"}}},
		{name: "NXDOMAIN", reply: reply{rcode: 3}, rcode: "NXDOMAIN", failure: residency.FailNXDomain},
		{name: "NXDOMAIN at the end of a chain", reply: reply{rcode: 3, answers: []string{"api.a.test 60 CNAME gone.b.test"}},
			rcode: "NXDOMAIN", failure: residency.FailNXDomain, chain: "api.a.test CNAME gone.b.test"},
		{name: "NXDOMAIN with an address", reply: reply{rcode: 3, answers: []string{"api.a.test 60 A 192.0.2.1"}}, rcode: "NXDOMAIN", failure: residency.FailNXDomain},
		{name: "SERVFAIL", reply: reply{rcode: 2}, rcode: "SERVFAIL", failure: residency.FailServfail},
		{name: "REFUSED", reply: reply{rcode: 5}, rcode: "REFUSED", failure: residency.FailRefused},
		{name: "FORMERR", reply: reply{rcode: 1}, rcode: "FORMERR", failure: residency.FailFormerr},
		{name: "NOTIMP", reply: reply{rcode: 4}, rcode: "NOTIMP", failure: residency.FailNotimp},
		{name: "NOTAUTH", reply: reply{rcode: 9}, rcode: "NOTAUTH", failure: residency.FailOtherRcode},
		{name: "BADCOOKIE", reply: reply{rcode: 7, extRcode: 1}, rcode: "BADCOOKIE", failure: residency.FailOtherRcode},
		{name: "loop", reply: reply{answers: []string{"api.a.test 60 CNAME b.test", "b.test 60 CNAME api.a.test"}},
			failure: residency.FailLoop, chain: "api.a.test CNAME b.test, b.test CNAME api.a.test"},
		{name: "alias of itself", reply: reply{answers: []string{"api.a.test 60 CNAME api.a.test"}},
			failure: residency.FailLoop, chain: "api.a.test CNAME api.a.test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.rtype == "" {
				c.rtype = "A"
			}
			if c.rcode == "" {
				c.rcode = "NOERROR"
			}
			o := lookAt(t, c.reply.always(t), question(host, c.rtype, "198.51.100.0/24"), nil)
			if o.Failure != c.failure || o.Rcode != c.rcode || addresses(o) != c.addresses || chain(o) != c.chain {
				t.Errorf("got failure %q rcode %q addresses %q chain %q (%s)\nwant failure %q rcode %q addresses %q chain %q",
					o.Failure, o.Rcode, addresses(o), chain(o), o.Detail, c.failure, c.rcode, c.addresses, c.chain)
			}
			if (o.Failure != "") != (o.Detail != "") || o.Failure != "" && !strings.Contains(o.Detail, "fake 127.0.0.1:") || o.Failure != "" && !strings.Contains(o.Detail, host+" "+c.rtype+" for IN through 198.51.100.0/24") {
				t.Errorf("Detail = %q, want server and question in it", o.Detail)
			}
		})
	}
}

func TestTTL(t *testing.T) {
	t.Parallel()
	o := lookAt(t, reply{answers: []string{
		"api.a.test 300 CNAME b.test",
		"b.test 60 A 192.0.2.1", "b.test 30 A 192.0.2.1", "b.test 90 A 192.0.2.1",
		"b.test 4294967295 A 192.0.2.2",
	}}.always(t), question(host, "A", ""), nil)
	if len(o.Addresses) != 2 || o.Addresses[0].TTL != 30 || o.Addresses[1].TTL != 0 || o.Chain[0].TTL != 300 {
		t.Errorf("got %+v %+v, want the lowest TTL of doubles, and 0 for one with its top bit set", o.Addresses, o.Chain)
	}
	if o.Addresses[0].Owner != "b.test" {
		t.Errorf("Owner = %q, want the end of the chain", o.Addresses[0].Owner)
	}
}

// TestRequest holds the query to the wire: what leaves the machine.
func TestRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		subnet string
		want   []byte // client subnet option
	}{
		{"198.51.100.77/24", []byte{0, 1, 24, 0, 198, 51, 100}},
		{"198.51.64.0/18", []byte{0, 1, 18, 0, 198, 51, 64}},
		{"198.51.100.77/32", []byte{0, 1, 24, 0, 198, 51, 100}}, // never longer than /24
		{"2001:db8:1:200::/56", []byte{0, 2, 56, 0, 0x20, 1, 0x0d, 0xb8, 0, 1, 2}},
		{"2001:db8:1:2ff:ffff::/80", []byte{0, 2, 56, 0, 0x20, 1, 0x0d, 0xb8, 0, 1, 2}}, // nor /56
		{"::ffff:198.51.100.0/120", []byte{0, 1, 24, 0, 198, 51, 100}},
		{"0.0.0.0/0", []byte{0, 1, 0, 0}},
		{"", nil},
	} {
		s := serve(t, reply{answers: []string{"api.a.test 60 A 192.0.2.1"}}.always(t))
		r := patient(Server{Name: "fake", Addresses: []string{s.addr}})
		q := question(host, "A", "")
		if c.subnet != "" {
			q.Subnet.Prefix = netip.MustParsePrefix(c.subnet)
		}
		o := observe(t, r, q)
		seen := s.requests()
		if len(seen) != 1 || !bytes.Equal(seen[0].ecs, c.want) {
			t.Errorf("subnet %q: sent %v, want %v", c.subnet, seen[0].ecs, c.want)
			continue
		}
		got := seen[0].msg
		if !seen[0].opt || got.Additionals[0].Header.Class != 1232 || !got.RecursionDesired || got.Response || got.CheckingDisabled {
			t.Errorf("subnet %q: header %+v, extra %+v", c.subnet, got.Header, got.Additionals)
		}
		if !bytes.Equal(o.Exchanges[0].Request, seen[0].raw) || len(o.Exchanges[0].Response) == 0 {
			t.Errorf("the exchange does not hold the bytes of the wire: %+v", o.Exchanges)
		}
	}
}

func TestAuthoritativeIsAskedWithoutRecursion(t *testing.T) {
	t.Parallel()
	s := serve(t, reply{aa: true}.always(t))
	o := observe(t, patient(Server{Addresses: []string{s.addr}, Authoritative: true}), question(host, "A", ""))
	if s.requests()[0].msg.RecursionDesired || !o.Authoritative {
		t.Errorf("RD = true, Authoritative = %v, want neither recursion nor a recursive look", o.Authoritative)
	}
}

func TestTailoring(t *testing.T) {
	t.Parallel()
	a := []string{"api.a.test 60 A 192.0.2.1"}
	const sub4, sub6 = "198.51.100.0/24", "2001:db8:1:200::/56"
	for _, c := range []struct {
		name          string
		subnet        string
		reply         reply
		authoritative bool
		local         bool
		want          residency.Tailoring
		scope         int
		returned      string
		why           string
		meets         bool
	}{
		{"recursive, scope", sub4, reply{answers: a, scope: 20}, false, false, residency.TailoringSpecific, 20, sub4, "scope /20", true},
		{"recursive, scope of IPv6", sub6, reply{answers: a, scope: 48}, false, false, residency.TailoringSpecific, 48, sub6, "scope /48", true},
		{"recursive, longer scope", sub4, reply{answers: a, scope: 28}, false, false, residency.TailoringSpecific, 28, sub4, "longer", true},
		{"recursive, scope 0", sub4, reply{answers: a}, false, false, residency.TailoringUnknown, 0, sub4, "may not have passed", true},
		{"recursive, no option", sub4, reply{answers: a, noECS: true}, false, false, residency.TailoringNone, 0, "", "our own location", false},
		{"recursive, no EDNS at all", sub4, reply{answers: a, noOPT: true}, false, false, residency.TailoringNone, 0, "", "our own location", false},
		{"authoritative, scope", sub4, reply{answers: a, scope: 24}, true, false, residency.TailoringSpecific, 24, sub4, "scope /24", true},
		{"authoritative, scope 0", sub4, reply{answers: a}, true, false, residency.TailoringGlobal, 0, sub4, "every client", true},
		{"authoritative, no option", sub4, reply{answers: a, noECS: true}, true, false, residency.TailoringUnknown, 0, "", "who asks", true},
		{"another subnet", sub4, reply{answers: a, ecs: []byte{0, 1, 24, 24, 203, 0, 113}}, false, false, residency.TailoringNone, 24, "203.0.113.0/24", "203.0.113.0/24 and not for", false},
		{"another length", sub4, reply{answers: a, ecs: []byte{0, 1, 16, 16, 198, 51}}, true, false, residency.TailoringNone, 16, "198.51.0.0/16", "not for", false},
		{"another family", sub4, reply{answers: a, ecs: []byte{0, 2, 24, 24, 0x20, 1, 0x0d}}, false, false, residency.TailoringNone, 24, "2001:d00::/24", "not for", false},
		{"family 0", sub4, reply{answers: a, ecs: []byte{0, 0, 0, 0}}, false, false, residency.TailoringNone, 0, "", "broken", false},
		{"family 9", sub4, reply{answers: a, ecs: []byte{0, 9, 24, 24, 1, 2, 3}}, false, false, residency.TailoringNone, 0, "", "broken", false},
		{"too short an address", sub4, reply{answers: a, ecs: []byte{0, 1, 24, 24, 198, 51}}, false, false, residency.TailoringNone, 0, "", "broken", false},
		{"too long an address", sub4, reply{answers: a, ecs: []byte{0, 1, 24, 24, 198, 51, 100, 0, 0}}, false, false, residency.TailoringNone, 0, "", "broken", false},
		{"the whole address, as early servers", sub4, reply{answers: a, ecs: []byte{0, 1, 24, 24, 198, 51, 100, 0}}, false, false, residency.TailoringSpecific, 24, sub4, "", true},
		{"impossible scope", sub4, reply{answers: a, ecs: []byte{0, 1, 24, 33, 198, 51, 100}}, false, false, residency.TailoringNone, 0, "", "broken", false},
		{"impossible source", sub4, reply{answers: a, ecs: []byte{0, 1, 33, 24, 198, 51, 100, 0}}, false, false, residency.TailoringNone, 0, "", "broken", false},
		{"cut option", sub4, reply{answers: a, ecs: []byte{0, 1, 24}}, false, false, residency.TailoringNone, 0, "", "broken", false},
		{"nothing sent", "", reply{answers: a}, false, false, residency.TailoringNone, 0, "", "no client subnet was sent", false},
		{"nothing sent, authoritative", "", reply{answers: a}, true, false, residency.TailoringNone, 0, "", "no client subnet was sent", false},
		{"nothing sent, stands in the market", "", reply{answers: a}, false, true, residency.TailoringUnknown, 0, "", "stands in the market", true},
		{"option dropped, stands in the market", sub4, reply{answers: a, noECS: true}, false, true, residency.TailoringUnknown, 0, "", "stands in the market", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := lookAt(t, c.reply.always(t), question(host, "A", c.subnet), func(s *Server) {
				s.Authoritative = c.authoritative
				s.StandsIn = []residency.Country{singapore}
				if c.local {
					s.StandsIn = append(s.StandsIn, india)
				}
			})
			returned := ""
			if o.Returned.IsValid() {
				returned = o.Returned.String()
			}
			if o.Tailoring != c.want || o.Scope != c.scope || returned != c.returned || !strings.Contains(o.TailoringWhy, c.why) {
				t.Errorf("got %v scope %d returned %q (%s), want %v scope %d returned %q (%s)",
					o.Tailoring, o.Scope, returned, o.TailoringWhy, c.want, c.scope, c.returned, c.why)
			}
			if o.Local != c.local || o.Meets() != c.meets || addresses(o) != "192.0.2.1" {
				t.Errorf("Local = %v, Meets = %v, addresses %q; want %v, %v and the address", o.Local, o.Meets(), addresses(o), c.local, c.meets)
			}
		})
	}
}

func TestAsksOnForTheTarget(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte {
		p := map[string]reply{
			"api.a.test":  {answers: []string{"api.a.test 60 CNAME lb.b.test"}, authority: []string{"a.test 60 SOA ns.a.test"}, scope: 24},
			"lb.b.test":   {answers: []string{"lb.b.test 60 CNAME edge.c.test"}},
			"edge.c.test": {answers: []string{"edge.c.test 60 A 192.0.2.7"}, scope: 16},
		}[r.name]
		return [][]byte{p.message(t, r)}
	})
	o := observe(t, patient(Server{Name: "fake", Addresses: []string{s.addr}}), question(host, "A", "198.51.100.0/24"))
	if o.Failure != "" || addresses(o) != "192.0.2.7" || chain(o) != "api.a.test CNAME lb.b.test, lb.b.test CNAME edge.c.test" {
		t.Errorf("got %q %q %q", o.Failure, addresses(o), chain(o))
	}
	if o.Tailoring != residency.TailoringUnknown || !strings.HasSuffix(o.TailoringWhy, "for lb.b.test") || o.Scope != 16 {
		t.Errorf("tailoring = %v (%s), scope %d: want the weakest link, and the last scope", o.Tailoring, o.TailoringWhy, o.Scope)
	}
	var names []string
	for _, e := range o.Exchanges {
		names = append(names, e.Name)
	}
	if got := strings.Join(names, " "); got != "api.a.test lb.b.test edge.c.test" {
		t.Errorf("asked %q", got)
	}
	for _, r := range s.requests() {
		if !bytes.Equal(r.ecs, []byte{0, 1, 24, 0, 198, 51, 100}) {
			t.Errorf("asked for %s with subnet %v", r.name, r.ecs)
		}
	}
}

func TestAskingOnEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		next    func(string) string
		failure residency.Failure
		queries int64
	}{
		{"ever longer", func(n string) string { return "x" + n }, residency.FailChainTooLong, 17},
		{"round and round", func(n string) string {
			if n == host {
				return "b.test"
			}
			return host
		}, residency.FailLoop, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(r request) [][]byte {
				return [][]byte{reply{answers: []string{r.name + " 60 CNAME " + c.next(r.name)}}.message(t, r)}
			})
			o := observe(t, patient(Server{Addresses: []string{s.addr}}), question(host, "A", ""))
			if o.Failure != c.failure || s.queries.Load() != c.queries {
				t.Errorf("failure %q after %d queries, want %q after %d", o.Failure, s.queries.Load(), c.failure, c.queries)
			}
		})
	}
}

func TestEDNSFallback(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		reply reply
		strip bool // answer with the header alone
		rcode string
	}{
		{"FORMERR", reply{rcode: 1, noOPT: true}, false, "FORMERR"},
		{"FORMERR without the question", reply{rcode: 1, noOPT: true}, true, "FORMERR"},
		{"NOTIMP", reply{rcode: 4}, false, "NOTIMP"},
		{"BADVERS", reply{extRcode: 1}, false, "BADVERS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(r request) [][]byte {
				if !r.opt {
					return [][]byte{reply{answers: []string{"api.a.test 60 A 192.0.2.1"}}.message(t, r)}
				}
				m := c.reply.message(t, r)
				if c.strip {
					m = append(append([]byte(nil), m[:4]...), make([]byte, 8)...)
				}
				return [][]byte{m}
			})
			o := observe(t, patient(Server{Addresses: []string{s.addr}}), question(host, "A", "198.51.100.0/24"))
			if o.Failure != "" || addresses(o) != "192.0.2.1" || len(o.Exchanges) != 2 {
				t.Errorf("got %q %q in %d exchanges (%s)", o.Failure, addresses(o), len(o.Exchanges), o.Detail)
			}
			if o.Tailoring != residency.TailoringNone || !strings.Contains(o.TailoringWhy, c.rcode) {
				t.Errorf("tailoring %v (%s), want none because of %s", o.Tailoring, o.TailoringWhy, c.rcode)
			}
		})
	}
}

func TestTruncatedGoesToTCP(t *testing.T) {
	t.Parallel()
	full := make([]string, 0, 200)
	for i := range 200 {
		full = append(full, "api.a.test 60 A "+netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String())
	}
	s := serve(t, func(r request) [][]byte {
		if r.tcp {
			return [][]byte{reply{answers: full, scope: 24}.message(t, r)}
		}
		m := reply{tc: true, answers: full[:3]}.message(t, r)
		return [][]byte{m[:len(m)-20]} // cut in the middle of a record, as some servers do
	})
	o := observe(t, patient(Server{Addresses: []string{s.addr}}), question(host, "A", "198.51.100.0/24"))
	if o.Failure != "" || len(o.Addresses) != 200 || o.Transport != "tcp" || len(o.Exchanges) != 2 {
		t.Errorf("got %q, %d addresses over %q in %d exchanges (%s)", o.Failure, len(o.Addresses), o.Transport, len(o.Exchanges), o.Detail)
	}
	if e := o.Exchanges[0]; e.Failure != residency.FailTruncated || e.Transport != "udp" || len(e.Response) == 0 {
		t.Errorf("first exchange %+v, want the truncated one with its bytes", e)
	}
}

// TestRetriesAreFresh: each try has another id and another source port, so a
// guess for one try is no good for the next.
func TestRetriesAreFresh(t *testing.T) {
	t.Parallel()
	s := serve(t, func(request) [][]byte { return nil })
	r := quick(Server{Name: "fake", Addresses: []string{s.addr}})
	r.Tries = 5
	o := observe(t, r, question(host, "A", ""))
	if o.Failure != residency.FailTimeout || len(o.Exchanges) != 5 || !strings.Contains(o.Detail, "5 tries of 100ms") {
		t.Fatalf("got %q (%s) in %d exchanges", o.Failure, o.Detail, len(o.Exchanges))
	}
	ids, ports := map[uint16]bool{}, map[string]bool{}
	for _, r := range s.requests() {
		ids[r.msg.ID], ports[r.from] = true, true
	}
	if len(ids) < 4 || len(ports) < 4 { // two of five may meet by chance
		t.Errorf("5 tries had %d ids and %d source ports", len(ids), len(ports))
	}
}

func TestLostPacketsAreRetried(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte {
		if r.nth == 1 {
			return nil
		}
		return [][]byte{reply{answers: []string{"api.a.test 60 A 192.0.2.1"}}.message(t, r)}
	})
	r := quick(Server{Addresses: []string{s.addr}})
	r.Timeout *= 4
	o := observe(t, r, question(host, "A", ""))
	if addresses(o) != "192.0.2.1" || len(o.Exchanges) != 2 || o.Exchanges[0].Failure != residency.FailTimeout || o.Exchanges[0].Response != nil {
		t.Errorf("got %q in %+v", addresses(o), o.Exchanges)
	}
	if !o.At.Equal(fixedNow()) || o.RTT <= 0 || o.RTT > time.Second || !o.Exchanges[1].At.Equal(fixedNow()) {
		t.Errorf("At = %v, RTT = %v; want the clock handed in and a real round trip", o.At, o.RTT)
	}
}

func TestOtherTypesAreNotAsked(t *testing.T) {
	t.Parallel()
	s := serve(t, reply{}.always(t))
	r := patient(Server{Addresses: []string{s.addr}})
	for _, q := range []residency.Question{question(host, "TXT", ""), question(strings.Repeat("a", 64)+".test", "A", "")} {
		o := observe(t, r, q)
		if o.Failure != residency.FailFormerr || s.queries.Load() != 0 {
			t.Errorf("%s %s: failure %q, %d queries; want formerr and none", q.Endpoint.Host, q.Type, o.Failure, s.queries.Load())
		}
	}
}
