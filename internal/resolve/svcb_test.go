package resolve

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"residency/internal/residency"
)

// serviceBody makes the body of a service record from its fields:
// "a.test 60 MX 10 mx.test", "a.test 60 SRV 1 2 443 b.test" and
// "a.test 60 HTTPS 1 . 4=c0000201", with keys as numbers and values in
// hexadecimal. It returns nil for another type.
func serviceBody(f []string) dnsmessage.ResourceBody {
	var n []uint16
	rest := f[3:]
	for len(n) < map[string]int{"MX": 1, "SRV": 3, "HTTPS": 1}[f[2]] {
		var v uint16
		fmt.Sscan(rest[0], &v)
		n, rest = append(n, v), rest[1:]
	}
	if len(n) == 0 {
		return nil
	}
	target := strings.TrimSuffix(rest[0], ".")
	switch f[2] {
	case "MX":
		return &dnsmessage.MXResource{Pref: n[0], MX: dnsmessage.MustNewName(target + ".")}
	case "SRV":
		return &dnsmessage.SRVResource{Priority: n[0], Weight: n[1], Port: n[2], Target: dnsmessage.MustNewName(target + ".")}
	}
	data := append(binary.BigEndian.AppendUint16(nil, n[0]), wireName(target)...)
	for _, param := range rest[1:] {
		key, value, _ := strings.Cut(param, "=")
		var k uint16
		fmt.Sscan(key, &k)
		raw, _ := hex.DecodeString(value)
		data = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(data, k), uint16(len(raw)))
		data = append(data, raw...)
	}
	return &dnsmessage.UnknownResource{Type: 65, Data: data}
}

// zoneHandler is a recursive server that has the records and nothing else.
func zoneHandler(t testing.TB, records []string) handler {
	return func(r request) [][]byte {
		p := reply{scope: 24}
		want := map[dnsmessage.Type]string{1: "A", 28: "AAAA", 15: "MX", 33: "SRV", 65: "HTTPS"}[r.msg.Questions[0].Type]
		for _, text := range records {
			f := strings.Fields(text)
			if strings.EqualFold(f[0], r.name) && (f[2] == want || f[2] == "CNAME") {
				p.answers = append(p.answers, text)
			}
		}
		if len(p.answers) == 0 {
			p.authority = []string{"test 60 SOA ns.test"}
		}
		return [][]byte{p.message(t, r)}
	}
}

// services returns what a look at service records showed, one word each.
func services(o residency.Observation) string {
	var b strings.Builder
	for _, a := range o.Addresses {
		hint := ""
		if a.Hint {
			hint = "hint:"
		}
		fmt.Fprintf(&b, "%s%v@%s ", hint, a.Address, a.Owner)
	}
	return strings.TrimSpace(b.String())
}

// serviceCases are what clients do with service records.
var serviceCases = []struct {
	name, host, rtype string
	port              uint16
	records           []string
	want              string
	failure           residency.Failure
}{
	{"no HTTPS records", "a.test", "HTTPS", 0, []string{"a.test 60 A 192.0.2.1"}, "", ""},
	{"service at the owner: its addresses are other looks", "a.test", "HTTPS", 0,
		[]string{"a.test 60 HTTPS 1 . 1=026832", "a.test 60 A 192.0.2.1"}, "", ""},
	{"hints", "a.test", "HTTPS", 0,
		[]string{"a.test 60 HTTPS 1 . 4=c0000207c0000208 6=20010db8000000000000000000000007"},
		"hint:192.0.2.7@a.test hint:192.0.2.8@a.test hint:2001:db8::7@a.test", ""},
	{"another target", "a.test", "HTTPS", 0,
		[]string{"a.test 60 HTTPS 1 svc.test", "svc.test 60 A 192.0.2.1", "svc.test 60 AAAA 2001:db8::1"},
		"192.0.2.1@svc.test 2001:db8::1@svc.test", ""},
	{"the record says more than the hint", "a.test", "HTTPS", 0,
		[]string{"a.test 60 HTTPS 1 svc.test 4=c0000201c0000209", "svc.test 60 A 192.0.2.1"},
		"192.0.2.1@svc.test hint:192.0.2.9@svc.test", ""},
	{"every priority", "a.test", "HTTPS", 0,
		[]string{"a.test 60 HTTPS 2 b.test", "a.test 60 HTTPS 1 c.test", "b.test 60 A 192.0.2.2", "c.test 60 A 192.0.2.3"},
		"192.0.2.3@c.test 192.0.2.2@b.test", ""},
	{"target that is an alias", "a.test", "HTTPS", 0,
		[]string{"a.test 60 HTTPS 1 b.test", "b.test 60 CNAME c.test", "c.test 60 A 192.0.2.3"}, "192.0.2.3@c.test", ""},
	{"owner behind an alias", "a.test", "HTTPS", 0,
		[]string{"a.test 60 CNAME b.test", "b.test 60 HTTPS 1 . 4=c0000201"}, "hint:192.0.2.1@b.test", ""},
	{"alias mode to a service", "a.test", "HTTPS", 0,
		[]string{"a.test 60 HTTPS 0 b.test", "b.test 60 HTTPS 1 .", "b.test 60 A 192.0.2.2"}, "192.0.2.2@b.test", ""},
	{"alias mode to a name without HTTPS records", "a.test", "HTTPS", 0,
		[]string{"a.test 60 HTTPS 0 b.test", "b.test 60 A 192.0.2.2"}, "192.0.2.2@b.test", ""},
	{"alias mode hides services beside it", "a.test", "HTTPS", 0,
		[]string{"a.test 60 HTTPS 1 c.test", "a.test 60 HTTPS 0 b.test", "b.test 60 A 192.0.2.2", "c.test 60 A 192.0.2.3"}, "192.0.2.2@b.test", ""},
	{"alias to nowhere: not available", "a.test", "HTTPS", 0, []string{"a.test 60 HTTPS 0 .", "a.test 60 A 192.0.2.1"}, "", ""},
	{"alias loop", "a.test", "HTTPS", 0, []string{"a.test 60 HTTPS 0 b.test", "b.test 60 HTTPS 0 a.test"}, "", residency.FailLoop},
	{"mandatory key known", "a.test", "HTTPS", 0, []string{"a.test 60 HTTPS 1 . 0=0004 4=c0000201"}, "hint:192.0.2.1@a.test", ""},
	{"mandatory key unknown: dropped, the next counts", "a.test", "HTTPS", 0,
		[]string{"a.test 60 HTTPS 1 . 0=1234 4=c0000201 4660=00", "a.test 60 HTTPS 2 . 4=c0000202"}, "hint:192.0.2.2@a.test", ""},
	{"mandatory key missing: malformed", "a.test", "HTTPS", 0, []string{"a.test 60 HTTPS 1 . 0=0003 4=c0000201"}, "", residency.FailMalformed},
	{"keys out of order: malformed, all passed over", "a.test", "HTTPS", 0,
		[]string{"a.test 60 HTTPS 1 . 4=c0000201 1=026832", "a.test 60 HTTPS 2 . 4=c0000202"}, "", residency.FailMalformed},
	{"hint of half an address: malformed", "a.test", "HTTPS", 0, []string{"a.test 60 HTTPS 1 . 4=c00002"}, "", residency.FailMalformed},
	{"mapped hint", "a.test", "HTTPS", 0, []string{"a.test 60 HTTPS 1 . 6=00000000000000000000ffffc0000201"}, "hint:192.0.2.1@a.test", ""},
	{"port of its own", "a.test", "HTTPS", 8443,
		[]string{"a.test 60 HTTPS 1 . 4=c0000201", "_8443._https.a.test 60 HTTPS 1 b.test", "b.test 60 A 192.0.2.2"}, "192.0.2.2@b.test", ""},
	{"port 443 has no name of its own", "a.test", "HTTPS", 443, []string{"a.test 60 HTTPS 1 . 4=c0000201"}, "hint:192.0.2.1@a.test", ""},
	{"mail", "a.test", "MX", 0, []string{"a.test 60 MX 20 m2.test", "a.test 60 MX 10 m1.test", "m1.test 60 A 192.0.2.1", "m2.test 60 AAAA 2001:db8::2"},
		"192.0.2.1@m1.test 2001:db8::2@m2.test", ""},
	{"mail without MX: the domain itself", "a.test", "MX", 0, []string{"a.test 60 A 192.0.2.1"}, "192.0.2.1@a.test", ""},
	{"no mail", "a.test", "MX", 0, []string{"a.test 60 MX 0 .", "a.test 60 A 192.0.2.1"}, "", ""},
	{"SRV", "_x._tcp.a.test", "SRV", 0, []string{"_x._tcp.a.test 60 SRV 1 2 5222 b.test", "b.test 60 A 192.0.2.2"}, "192.0.2.2@b.test", ""},
	{"SRV of no service", "_x._tcp.a.test", "SRV", 0, []string{"_x._tcp.a.test 60 SRV 0 0 0 ."}, "", ""},
}

// TestServices holds what becomes of service records to what clients do.
func TestServices(t *testing.T) {
	t.Parallel()
	for _, c := range serviceCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			q := question(c.host, c.rtype, "198.51.100.0/24")
			q.Endpoint.Port = c.port
			o := lookAt(t, zoneHandler(t, c.records), q, nil)
			if services(o) != c.want || o.Failure != c.failure {
				t.Errorf("got %q, failure %q (%s)\nwant %q, failure %q", services(o), o.Failure, o.Detail, c.want, c.failure)
			}
			if o.Tailoring != residency.TailoringSpecific {
				t.Errorf("tailoring %v: the subnet was not told with every question", o.Tailoring)
			}
		})
	}
}

// TestServicePart: where one host has no answer, the others are shown, and the
// look is a failure all the same.
func TestServicePart(t *testing.T) {
	t.Parallel()
	zone := zoneHandler(t, []string{"a.test 60 MX 10 gone.test", "a.test 60 MX 20 here.test", "here.test 60 A 192.0.2.1"})
	o := lookAt(t, func(r request) [][]byte {
		if r.name == "gone.test" {
			return [][]byte{reply{rcode: dnsmessage.RCodeServerFailure}.message(t, r)}
		}
		return zone(r)
	}, question("a.test", "MX", ""), nil)
	if services(o) != "192.0.2.1@here.test" || o.Failure != residency.FailServfail || !strings.Contains(o.Detail, "gone.test") {
		t.Errorf("got %q, failure %q: %s", services(o), o.Failure, o.Detail)
	}
	if o.Meets() || len(o.Chain) != 2 {
		t.Errorf("Meets = %v, chain %q", o.Meets(), chain(o))
	}
}

// TestManyServices: a set of records that names too many hosts is followed
// only so far, and is a failure.
func TestManyServices(t *testing.T) {
	t.Parallel()
	var records []string
	for i := range 40 {
		records = append(records, fmt.Sprintf("a.test 60 MX %d m%d.test", i, i), fmt.Sprintf("m%d.test 60 A 192.0.2.%d", i, i))
	}
	s := serve(t, zoneHandler(t, records))
	o := observe(t, patient(Server{Addresses: []string{s.addr}}), question("a.test", "MX", ""))
	if o.Failure != residency.FailChainTooLong || len(o.Addresses) != maxServices || s.queries.Load() > 2*(1+2*maxServices) {
		t.Errorf("failure %q, %d addresses, %d queries", o.Failure, len(o.Addresses), s.queries.Load())
	}
}

// TestHTTPSSilenceHurtsNothing: a server that does not answer HTTPS questions
// is still asked for addresses.
func TestHTTPSSilenceHurtsNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte {
		if r.msg.Questions[0].Type == 65 {
			return nil
		}
		return [][]byte{reply{answers: []string{r.name + " 60 A 192.0.2.1"}}.message(t, r)}
	})
	r := quick(Server{Addresses: []string{s.addr}})
	r.Timeout, r.Tries, r.InFlight = 30*time.Millisecond, 1, 1
	var qs []residency.Question
	for i := range 2 * silentLooks {
		qs = append(qs, question(fmt.Sprintf("h%d.a.test", i%2), "HTTPS", ""))
	}
	qs = append(qs, question("h0.a.test", "A", ""), question("h1.a.test", "A", ""), question("h2.a.test", "A", ""))
	r.Observe(t.Context(), qs, func(o residency.Observation) {
		if o.Type == "A" && addresses(o) != "192.0.2.1" {
			t.Errorf("%s A: %q, failure %q (%s)", o.Endpoint.Host, addresses(o), o.Failure, o.Detail)
		}
	})
}

// FuzzService: no bytes of a service record break the reader, and no address
// in it is mapped.
func FuzzService(f *testing.F) {
	for _, c := range serviceCases {
		for _, text := range c.records {
			m := dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{rr(f, text)}}
			if wire, err := m.Pack(); err == nil {
				f.Add(wire[12:])
			}
		}
	}
	f.Fuzz(func(t *testing.T, records []byte) {
		for _, rtype := range []uint16{15, 33, 65} {
			q, err := newQuery("a.test.", rtype, asking{})
			if err != nil {
				t.Fatal(err)
			}
			msg := append(append(append([]byte{}, q.wire[:q.end]...), records...), 0)
			msg[2] |= 0x80
			msg[7] = 1
			var resp response
			if q.parse(msg[:len(msg)-1], &resp) != nil {
				continue
			}
			for _, rec := range resp.records {
				if isService(rec.rtype) && rec.svc == nil {
					t.Fatalf("a record of type %d has no service", rec.rtype)
				}
			}
			_, hints, _ := resp.services(step{name: "a.test.", rtype: rtype, names: []string{"a.test."}}, "a.test.", true)
			for _, h := range hints {
				if !h.Address.IsValid() || h.Address.Is4In6() {
					t.Fatalf("hint %v", h.Address)
				}
			}
		}
	})
}
