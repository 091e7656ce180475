package dnssec

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// world is the internet of most tests.
func world(t testing.TB) *internet { return newInternet(t, worldZones()...) }

func worldZones() []zoneSpec {
	return []zoneSpec{
		{name: "."},
		{name: "test."},
		{name: "opt.", nsec3: true, optOut: true, salt: "ab"},
		{name: "signed.opt.", nsec3: true, records: "www A 192.0.2.1\n"},
		{name: "plain.opt.", unsigned: true, records: "www A 192.0.2.2\n"},
		{name: "bank.test.", records: `
www     A     192.0.2.1
www     A     192.0.2.2
www     AAAA  2001:db8::1
a.b.c   A     192.0.2.3
*.wild  A     192.0.2.4
in.wild TXT   "here"
x.ent.wild TXT "here"
*.cwild CNAME www
alias   CNAME www
cdn     CNAME edge.plain.test.
gone    CNAME nothing.hashed.test.
to3     CNAME x.wild.hashed.test.
loop1   CNAME loop2
loop2   CNAME loop1
old     DNAME new.hashed.test.
mx      MX    10 WWW
\*odd   A     192.0.2.9
`},
		{name: "hashed.test.", nsec3: true, iterate: 10, salt: "aabbccdd", records: `
www     A     192.0.2.1
a.b.c   A     192.0.2.3
*.wild  A     192.0.2.4
in.wild TXT   "here"
x.ent.wild TXT "here"
x.new   A     192.0.2.5
old     DNAME wild.bank.test.
`},
		{name: "sub.bank.test.", records: "www A 192.0.2.6\n"},
		{name: "plain.test.", unsigned: true, records: "edge A 192.0.2.7\n"},
		{name: "island.test.", noDS: true, records: "www A 192.0.2.8\n"},
		{name: "heavy.test.", nsec3: true, iterate: 101, records: "www A 192.0.2.1\n*.w A 192.0.2.1\n"},
		{name: "limit.test.", nsec3: true, iterate: 100, records: "www A 192.0.2.1\n"},
	}
}

func TestHonestAnswers(t *testing.T) {
	t.Parallel()
	in := world(t)
	tests := []struct {
		name  string
		qtype uint16
		state State
		why   Why
	}{
		{"www.bank.test.", dns.TypeA, Secure, ""},
		{"WWW.bank.TEST", dns.TypeA, Secure, ""},
		{"www.bank.test.", dns.TypeAAAA, Secure, ""},
		{"mx.bank.test.", dns.TypeMX, Secure, ""},
		{`\*odd.bank.test.`, dns.TypeA, Secure, ""},
		{"bank.test.", dns.TypeSOA, Secure, ""},
		{"bank.test.", dns.TypeDNSKEY, Secure, ""},
		{"bank.test.", dns.TypeDS, Secure, ""},
		{".", dns.TypeNS, Secure, ""},
		{".", dns.TypeDS, Secure, ""},
		{"www.sub.bank.test.", dns.TypeA, Secure, ""},
		{"a.b.c.hashed.test.", dns.TypeA, Secure, ""},
		{"www.signed.opt.", dns.TypeA, Secure, ""},

		{"alias.bank.test.", dns.TypeA, Secure, ""},
		{"alias.bank.test.", dns.TypeCNAME, Secure, ""},
		{"alias.bank.test.", dns.TypeTXT, Secure, ""},
		{"x.cwild.bank.test.", dns.TypeA, Secure, ""},
		{"x.wild.bank.test.", dns.TypeA, Secure, ""},
		{"x.y.wild.bank.test.", dns.TypeA, Secure, ""},
		{"*.wild.bank.test.", dns.TypeA, Secure, ""},
		{"x.wild.hashed.test.", dns.TypeA, Secure, ""},
		{"x.y.wild.hashed.test.", dns.TypeA, Secure, ""},
		{"to3.bank.test.", dns.TypeA, Secure, ""},
		{"x.old.bank.test.", dns.TypeA, Secure, ""},
		{"x.old.bank.test.", dns.TypeCNAME, Secure, ""},
		{"x.old.hashed.test.", dns.TypeA, Secure, ""},
		{"y.old.bank.test.", dns.TypeA, Secure, ""}, // ends in NXDOMAIN
		{"gone.bank.test.", dns.TypeA, Secure, ""},
		{"loop1.bank.test.", dns.TypeA, Secure, ""},

		{"nothing.bank.test.", dns.TypeA, Secure, ""},
		{"x.y.nothing.bank.test.", dns.TypeA, Secure, ""},
		{"zzz.bank.test.", dns.TypeA, Secure, ""},
		{"nothing.hashed.test.", dns.TypeA, Secure, ""},
		{"x.y.nothing.hashed.test.", dns.TypeA, Secure, ""},
		{"nothing.", dns.TypeA, Secure, ""},
		{"www.bank.test.", dns.TypeTXT, Secure, ""},
		{"b.c.bank.test.", dns.TypeA, Secure, ""}, // an empty non-terminal
		{"x.wild.bank.test.", dns.TypeTXT, Secure, ""},
		{"in.wild.bank.test.", dns.TypeA, Secure, ""},
		{"ent.wild.bank.test.", dns.TypeA, Secure, ""},
		{"ent.wild.hashed.test.", dns.TypeA, Secure, ""},
		{"www.hashed.test.", dns.TypeTXT, Secure, ""},
		{"b.c.hashed.test.", dns.TypeA, Secure, ""},
		{"x.wild.hashed.test.", dns.TypeTXT, Secure, ""},
		{"www.bank.test.", dns.TypeDS, Secure, ""},
		{"www.hashed.test.", dns.TypeDS, Secure, ""},
		{"www.limit.test.", dns.TypeTXT, Secure, ""},

		{"edge.plain.test.", dns.TypeA, Insecure, WhyNoDS},
		{"nothing.plain.test.", dns.TypeA, Insecure, WhyNoDS},
		{"plain.test.", dns.TypeDS, Secure, ""},
		{"cdn.bank.test.", dns.TypeA, Insecure, WhyNoDS},
		{"www.island.test.", dns.TypeA, Insecure, WhyNoDS},
		{"www.plain.opt.", dns.TypeA, Insecure, WhyOptOut},
		{"plain.opt.", dns.TypeDS, Insecure, WhyOptOut},
		{"nothing.opt.", dns.TypeA, Insecure, WhyOptOut},
		{"www.heavy.test.", dns.TypeA, Secure, ""},
		{"nothing.heavy.test.", dns.TypeA, Insecure, WhyIterations},
		{"x.w.heavy.test.", dns.TypeA, Insecure, WhyIterations},
		{"www.bank.test.", dns.TypeRRSIG, Indeterminate, WhyType},
	}
	v := in.validator(t) // one for all: what is remembered must not change a verdict
	for _, tt := range tests {
		raw := in.raw(t, tt.name, tt.qtype)
		got := v.Validate(context.Background(), raw, tt.name, tt.qtype)
		if got.State != tt.state || got.Why != tt.why {
			t.Errorf("Validate(%s %s) = %s (%s), want %s (%s)\n%v\n%+v", tt.name, dns.Type(tt.qtype), got.State, got.Why, tt.state, tt.why,
				in.respond(dns.Question{Name: tt.name, Qtype: tt.qtype, Qclass: 1}), got.Chain)
		}
		fresh := in.validator(t).Validate(context.Background(), raw, tt.name, tt.qtype)
		if fresh.State != got.State || fresh.Why != got.Why {
			t.Errorf("Validate(%s %s) with nothing remembered = %s (%s), else %s (%s)", tt.name, dns.Type(tt.qtype),
				fresh.State, fresh.Why, got.State, got.Why)
		}
	}
}

// TestRest: a server may end on an alias into a zone that is not its own.
func TestRest(t *testing.T) {
	t.Parallel()
	in := world(t)
	in.tamper = asked("cdn.bank.test.", dns.TypeA, func(m *dns.Msg) {
		drop(m, func(rr dns.RR) bool { return rr.Header().Name != "cdn.bank.test." })
	})
	got := in.validator(t).Validate(context.Background(), in.raw(t, "cdn.bank.test.", dns.TypeA), "cdn.bank.test.", dns.TypeA)
	if got.State != Secure || got.Rest != "edge.plain.test." {
		t.Errorf("Validate = %s (%s), rest %q, want secure, rest edge.plain.test.", got.State, got.Why, got.Rest)
	}
	in.tamper = asked("cdn.bank.test.", dns.TypeA, func(m *dns.Msg) {
		drop(m, func(rr dns.RR) bool { return rr.Header().Name != "cdn.bank.test." })
		m.Rcode = dns.RcodeNameError // a denial is a denial, and insecure here
	})
	got = in.validator(t).Validate(context.Background(), in.raw(t, "cdn.bank.test.", dns.TypeA), "cdn.bank.test.", dns.TypeA)
	if got.State != Insecure || got.Rest != "" {
		t.Errorf("Validate of NXDOMAIN = %s (%s), rest %q, want insecure", got.State, got.Why, got.Rest)
	}
}

// TestChain is the proof of one answer, step by step.
func TestChain(t *testing.T) {
	t.Parallel()
	in := world(t)
	got := in.validator(t).Validate(context.Background(), in.raw(t, "cdn.bank.test.", dns.TypeA), "cdn.bank.test.", dns.TypeA)
	want := []string{
		". DNSKEY by . secure", "test. DS by . secure", "test. DNSKEY by test. secure",
		"bank.test. DS by test. secure", "bank.test. DNSKEY by bank.test. secure",
		"cdn.bank.test. CNAME by bank.test. secure",
		"plain.test. no DS by test. insecure", "edge.plain.test. A by  insecure",
	}
	var steps []string
	for _, s := range got.Chain {
		steps = append(steps, fmt.Sprintf("%s %s by %s %s", s.Name, s.Type, s.Zone, s.State))
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("Chain (-want +got):\n%s", diff)
	}
	first, key := got.Chain[0], in.zones["."].key
	if first.KeyTag != key.KeyTag() || first.Algorithm != 13 || !first.Inception.Equal(noon.Add(-time.Hour)) || !first.Expires.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("first step = %+v, want the key tag %d and times around %v", first, key.KeyTag(), noon)
	}
}

// TestAliasLeadsElsewhere: a response that ends on an alias says nothing of its
// target, whatever proofs it has for itself: here that of a wildcard.
func TestAliasLeadsElsewhere(t *testing.T) {
	t.Parallel()
	in := newInternet(t, zoneSpec{name: "."}, zoneSpec{name: "test."},
		zoneSpec{name: "bank.test.", records: "*.away CNAME www.else.test.\n"}, zoneSpec{name: "else.test.", records: "www A 192.0.2.1\n"})
	ofBank := func(rr dns.RR) bool { return !dns.IsSubDomain("bank.test.", rr.Header().Name) }
	for _, soa := range []bool{false, true} { // true: one of a zone that the target is not in
		in.tamper = func(q dns.Question, m *dns.Msg) {
			if q.Qtype != dns.TypeA {
				return
			}
			m.Answer, m.Ns = slices.DeleteFunc(m.Answer, ofBank), slices.DeleteFunc(m.Ns, ofBank)
			if soa {
				m.Ns = append(m.Ns, in.zones["bank.test."].signedSet(setKey{"bank.test.", dns.TypeSOA}, "bank.test.")...)
			}
		}
		got := in.validator(t).Validate(t.Context(), in.raw(t, "x.away.bank.test.", dns.TypeA), "x.away.bank.test.", dns.TypeA)
		if got.State != Secure || got.Rest != "www.else.test." {
			t.Errorf("SOA %v: %s %s, rest %q; want secure and the rest www.else.test.", soa, got.State, got.Why, got.Rest)
		}
	}
}
