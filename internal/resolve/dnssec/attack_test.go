package dnssec

import (
	"context"
	"encoding/base64"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// drop removes the records of the sections for which gone says so.
func drop(m *dns.Msg, gone func(dns.RR) bool) {
	m.Answer = slices.DeleteFunc(m.Answer, gone)
	m.Ns = slices.DeleteFunc(m.Ns, gone)
}

// signatureOver reports whether rr is a signature over the type.
func signatureOver(rr dns.RR, t uint16) bool {
	sig, ok := rr.(*dns.RRSIG)
	return ok && (t == 0 || sig.TypeCovered == t)
}

// asked limits a tampering to the response to one question.
func asked(name string, qtype uint16, f func(m *dns.Msg)) func(dns.Question, *dns.Msg) {
	return func(q dns.Question, m *dns.Msg) {
		if strings.EqualFold(q.Name, name) && q.Qtype == qtype {
			f(m)
		}
	}
}

// TestTampering changes honest responses on their way. Each case must change
// something: the verdict without the change is checked to be another.
func TestTampering(t *testing.T) {
	t.Parallel()
	in := world(t)
	bank, hashed := in.zones["bank.test."], in.zones["hashed.test."]
	proofs := func(z *labZone, names ...string) (list []dns.RR) {
		for _, n := range names {
			list = append(list, z.matchOrCover(n)...)
		}
		return list
	}
	const www = "www.bank.test."
	forged := &dns.A{Hdr: header(www, dns.TypeA), A: net.IPv4(203, 0, 113, 66)}
	otherKey, otherSigner := makeKey(t, "bank.test.", dns.ECDSAP256SHA256, 0)
	thief := &labZone{zoneSpec: bank.zoneSpec, key: otherKey, signer: otherSigner}

	tests := []struct {
		what   string
		name   string
		qtype  uint16
		tamper func(dns.Question, *dns.Msg)
		state  State
		why    Why
	}{
		{"tampered rdata", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			m.Answer[0].(*dns.A).A = net.IPv4(203, 0, 113, 66)
		}), Bogus, WhySignature},
		{"a record more", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			m.Answer = append(m.Answer, forged)
		}), Bogus, WhySignature},
		{"a record less", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			m.Answer = m.Answer[1:]
		}), Bogus, WhySignature},
		{"signatures stripped", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			drop(m, func(rr dns.RR) bool { return signatureOver(rr, 0) })
		}), Bogus, WhyUnsigned},
		{"an unsigned stranger in the answer section", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			m.Answer = append(m.Answer, &dns.A{Hdr: header("other.bank.test.", dns.TypeA), A: net.IPv4(203, 0, 113, 66)})
		}), Bogus, WhyUnsigned},
		{"wrong key", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			m.Answer = []dns.RR{forged, thief.sign(t, []dns.RR{forged})}
		}), Bogus, WhyNoKey},
		{"wrong key with the tag of the right one", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			sig := thief.sign(t, []dns.RR{forged})
			sig.KeyTag = bank.key.KeyTag()
			m.Answer = []dns.RR{forged, sig}
		}), Bogus, WhySignature},
		{"signed by an unsigned zone beside it", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			sig := thief.sign(t, []dns.RR{forged})
			sig.SignerName = "plain.test."
			m.Answer = []dns.RR{forged, sig}
		}), Bogus, WhySigner},
		{"signed by a zone whose name is only a suffix of the text", "www.xbank.test.", dns.TypeA, asked("www.xbank.test.", dns.TypeA, func(m *dns.Msg) {
			rr := &dns.A{Hdr: header("www.xbank.test.", dns.TypeA), A: net.IPv4(203, 0, 113, 66)}
			m.Answer, m.Ns, m.Rcode = []dns.RR{rr, bank.sign(t, []dns.RR{rr})}, nil, 0
		}), Bogus, WhySigner},
		{"a zone signs for its child", "www.sub.bank.test.", dns.TypeTXT, asked("www.sub.bank.test.", dns.TypeTXT, func(m *dns.Msg) {
			m.Ns = proofs(bank, "www.sub.bank.test.", "*.sub.bank.test.")
			m.Rcode = dns.RcodeNameError
		}), Bogus, WhyDenial},
		{"the zone's keys replaced", www, dns.TypeA, asked("bank.test.", dns.TypeDNSKEY, func(m *dns.Msg) {
			m.Answer = []dns.RR{otherKey, thief.sign(t, []dns.RR{otherKey})}
		}), Bogus, WhyKeyMismatch},
		{"a key added", www, dns.TypeA, asked("bank.test.", dns.TypeDNSKEY, func(m *dns.Msg) {
			m.Answer = append(m.Answer, otherKey)
		}), Bogus, WhySignature},
		{"no keys", www, dns.TypeA, asked("bank.test.", dns.TypeDNSKEY, func(m *dns.Msg) {
			m.Answer = nil
		}), Bogus, WhyNoDNSKEY},
		{"the DS replaced", www, dns.TypeA, asked("bank.test.", dns.TypeDS, func(m *dns.Msg) {
			m.Answer[0] = otherKey.ToDS(dns.SHA256)
		}), Bogus, WhySignature},
		{"the DS gone without proof", www, dns.TypeA, asked("bank.test.", dns.TypeDS, func(m *dns.Msg) {
			m.Answer = nil
		}), Bogus, WhyDenial},
		{"the DS denied by the child", www, dns.TypeA, asked("bank.test.", dns.TypeDS, func(m *dns.Msg) {
			m.Answer, m.Ns = nil, proofs(bank, "bank.test.")
		}), Bogus, WhyDenial},
		{"the DS denied by a neighbour's opt-out", "www.signed.opt.", dns.TypeA, asked("signed.opt.", dns.TypeDS, func(m *dns.Msg) {
			m.Answer, m.Ns = nil, proofs(in.zones["opt."], "opt.", "plain.opt.")
		}), Bogus, WhyDenial},
		{"the DS denied as by a wildcard", www, dns.TypeA, asked("bank.test.", dns.TypeDS, func(m *dns.Msg) {
			m.Answer, m.Ns, m.Rcode = nil, proofs(in.zones["test."], "nothing.test."), dns.RcodeNameError
		}), Bogus, WhyDenial},

		{"a DS invented for an unsigned zone", "plain.test.", dns.TypeDS, asked("plain.test.", dns.TypeDS, func(m *dns.Msg) {
			ds := otherKey.ToDS(dns.SHA256)
			ds.Hdr.Name = "plain.test."
			m.Answer, m.Ns = []dns.RR{ds}, nil
		}), Bogus, WhyUnsigned},
		{"a DS signed by the child", "bank.test.", dns.TypeDS, asked("bank.test.", dns.TypeDS, func(m *dns.Msg) {
			ds := otherKey.ToDS(dns.SHA256)
			m.Answer = []dns.RR{ds, bank.sign(t, []dns.RR{ds})}
		}), Bogus, WhySigner},
		{"a wildcard above the zone's apex", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			high := address("*.test.", 66)
			sig := bank.sign(t, []dns.RR{high})
			high.Hdr.Name, sig.Hdr.Name = www, www
			m.Answer = []dns.RR{high, sig}
		}), Bogus, WhySignature},
		{"the DNAME left out", "x.old.bank.test.", dns.TypeA, asked("x.old.bank.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer, m.Rcode = nil, dns.RcodeNameError
			m.Ns = proofs(bank, "x.old.bank.test.", "*.old.bank.test.", "*.bank.test.")
		}), Bogus, WhyDenial},
		{"NSEC3: the DNAME left out", "x.old.hashed.test.", dns.TypeA, asked("x.old.hashed.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer, m.Rcode = nil, dns.RcodeNameError
			m.Ns = proofs(hashed, "old.hashed.test.", "x.old.hashed.test.", "*.old.hashed.test.")
		}), Bogus, WhyDenial},

		{"denial without proof", "nothing.bank.test.", dns.TypeA, asked("nothing.bank.test.", dns.TypeA, func(m *dns.Msg) {
			drop(m, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNSEC })
		}), Bogus, WhyDenial},
		{"denial without signatures", "nothing.bank.test.", dns.TypeA, asked("nothing.bank.test.", dns.TypeA, func(m *dns.Msg) {
			drop(m, func(rr dns.RR) bool { return signatureOver(rr, 0) })
		}), Bogus, WhyDenial},
		{"the wildcard not denied", "nothing.bank.test.", dns.TypeA, asked("nothing.bank.test.", dns.TypeA, func(m *dns.Msg) {
			m.Ns = proofs(bank, "nothing.bank.test.")
		}), Bogus, WhyDenial},
		{"only the wildcard denied", "nothing.bank.test.", dns.TypeA, asked("nothing.bank.test.", dns.TypeA, func(m *dns.Msg) {
			m.Ns = proofs(bank, "*.bank.test.")
		}), Bogus, WhyDenial},
		{"a name denied by another's NSEC", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			m.Answer, m.Ns, m.Rcode = nil, proofs(bank, "nothing.bank.test.", "*.bank.test."), dns.RcodeNameError
		}), Bogus, WhyDenial},
		{"a type denied by another's NSEC", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			m.Answer, m.Ns = nil, proofs(bank, "mx.bank.test.")
		}), Bogus, WhyDenial},
		{"a type denied by its own NSEC", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			m.Answer, m.Ns = nil, proofs(bank, www)
		}), Bogus, WhyDenial},
		{"a name that exists below denied", "b.c.bank.test.", dns.TypeA, asked("b.c.bank.test.", dns.TypeA, func(m *dns.Msg) {
			m.Rcode = dns.RcodeNameError
		}), Bogus, WhyDenial},
		{"a wildcard's answer denied", "x.wild.bank.test.", dns.TypeA, asked("x.wild.bank.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer, m.Rcode = nil, dns.RcodeNameError
		}), Bogus, WhyDenial},
		{"an alias's end denied by its zone, not the target's", "gone.bank.test.", dns.TypeA, asked("gone.bank.test.", dns.TypeA, func(m *dns.Msg) {
			m.Ns = proofs(bank, "nothing.bank.test.", "*.bank.test.")
		}), Bogus, WhyDenial},
		{"an NSEC made from a wildcard", "in.wild.bank.test.", dns.TypeTXT, asked("in.wild.bank.test.", dns.TypeTXT, func(m *dns.Msg) {
			m.Answer = nil
			m.Ns = bank.signedSet(setKey{"*.wild.bank.test.", dns.TypeNSEC}, "in.wild.bank.test.")
		}), Bogus, WhyDenial},
		{"NSEC3: a name denied by another's", "www.hashed.test.", dns.TypeA, asked("www.hashed.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer, m.Rcode = nil, dns.RcodeNameError
			m.Ns = proofs(hashed, "hashed.test.", "nothing.hashed.test.", "*.hashed.test.")
		}), Bogus, WhyDenial},
		{"NSEC3: a wildcard's answer denied", "x.wild.hashed.test.", dns.TypeA, asked("x.wild.hashed.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer, m.Rcode = nil, dns.RcodeNameError
			m.Ns = proofs(hashed, "wild.hashed.test.", "x.wild.hashed.test.", "*.wild.hashed.test.")
		}), Bogus, WhyDenial},
		{"NSEC3: the closest encloser not shown", "nothing.hashed.test.", dns.TypeA, asked("nothing.hashed.test.", dns.TypeA, func(m *dns.Msg) {
			at := hashed.matchOrCover("hashed.test.")[0].Header().Name
			drop(m, func(rr dns.RR) bool { return rr.Header().Name == at })
		}), Bogus, WhyDenial},
		{"NSEC3: a type denied by its own record", "www.hashed.test.", dns.TypeA, asked("www.hashed.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer, m.Ns = nil, proofs(hashed, "www.hashed.test.")
		}), Bogus, WhyDenial},
		{"NSEC3: the parent's record denies the child's type", "signed.opt.", dns.TypeA, asked("signed.opt.", dns.TypeA, func(m *dns.Msg) {
			m.Ns = proofs(in.zones["opt."], "signed.opt.")
		}), Bogus, WhyDenial},
		{"NSEC3: unknown flags", "nothing.hashed.test.", dns.TypeA, asked("nothing.hashed.test.", dns.TypeA, func(m *dns.Msg) {
			resignNSEC3(t, hashed, m, func(n *dns.NSEC3) { n.Flags = 2 })
		}), Bogus, WhyDenial},
		{"NSEC3: unknown hash", "nothing.hashed.test.", dns.TypeA, asked("nothing.hashed.test.", dns.TypeA, func(m *dns.Msg) {
			resignNSEC3(t, hashed, m, func(n *dns.NSEC3) { n.Hash = 2 })
		}), Bogus, WhyDenial},
		{"NSEC3: iterations raised on the way", "nothing.hashed.test.", dns.TypeA, asked("nothing.hashed.test.", dns.TypeA, func(m *dns.Msg) {
			for _, rr := range m.Ns {
				if n, ok := rr.(*dns.NSEC3); ok {
					n.Iterations = 2000
				}
			}
		}), Bogus, WhySignature},

		{"a wildcard without proof", "x.wild.bank.test.", dns.TypeA, asked("x.wild.bank.test.", dns.TypeA, func(m *dns.Msg) {
			m.Ns = nil
		}), Bogus, WhyWildcard},
		{"a wildcard over a name that exists", "in.wild.bank.test.", dns.TypeA, asked("in.wild.bank.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer = bank.signedSet(setKey{"*.wild.bank.test.", dns.TypeA}, "in.wild.bank.test.")
			m.Ns = proofs(bank, "in.wild.bank.test.", "x.wild.bank.test.")
		}), Bogus, WhyWildcard},
		{"a wildcard where a closer name exists", "x.in.wild.bank.test.", dns.TypeA, asked("x.in.wild.bank.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer = bank.signedSet(setKey{"*.wild.bank.test.", dns.TypeA}, "x.in.wild.bank.test.")
			m.Rcode = 0
		}), Bogus, WhyWildcard},
		{"a wildcard over an empty non-terminal", "ent.wild.bank.test.", dns.TypeA, asked("ent.wild.bank.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer = bank.signedSet(setKey{"*.wild.bank.test.", dns.TypeA}, "ent.wild.bank.test.")
		}), Bogus, WhyWildcard},
		{"NSEC3: a wildcard over an empty non-terminal", "ent.wild.hashed.test.", dns.TypeA, asked("ent.wild.hashed.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer = hashed.signedSet(setKey{"*.wild.hashed.test.", dns.TypeA}, "ent.wild.hashed.test.")
			m.Ns = append(m.Ns, proofs(hashed, "nothing.hashed.test.")...)
		}), Bogus, WhyWildcard},
		{"NSEC3: a wildcard where a closer name exists", "x.in.wild.hashed.test.", dns.TypeA, asked("x.in.wild.hashed.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer = hashed.signedSet(setKey{"*.wild.hashed.test.", dns.TypeA}, "x.in.wild.hashed.test.")
			m.Rcode = 0
		}), Bogus, WhyWildcard},
		{"fewer labels than the zone has", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			for _, rr := range m.Answer {
				if sig, ok := rr.(*dns.RRSIG); ok {
					sig.Labels = 1
				}
			}
		}), Bogus, WhySignature},

		{"an alias bent", "alias.bank.test.", dns.TypeA, asked("alias.bank.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer[0].(*dns.CNAME).Target = "edge.plain.test."
		}), Bogus, WhySignature},
		{"an unsigned alias into an unsigned zone", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			m.Answer = []dns.RR{&dns.CNAME{Hdr: header(www, dns.TypeCNAME), Target: "edge.plain.test."},
				&dns.A{Hdr: header("edge.plain.test.", dns.TypeA), A: net.IPv4(203, 0, 113, 66)}}
		}), Bogus, WhyUnsigned},
		{"a DNAME's alias bent", "x.old.bank.test.", dns.TypeA, asked("x.old.bank.test.", dns.TypeA, func(m *dns.Msg) {
			for _, rr := range m.Answer {
				if c, ok := rr.(*dns.CNAME); ok {
					c.Target = "edge.plain.test."
				}
			}
		}), Bogus, WhyDNAME},
		{"a DNAME's alias bent, asked for the alias", "x.old.bank.test.", dns.TypeCNAME, asked("x.old.bank.test.", dns.TypeCNAME, func(m *dns.Msg) {
			m.Answer[len(m.Answer)-1].(*dns.CNAME).Target = "edge.plain.test."
		}), Bogus, WhyDNAME},
		{"an invented DNAME", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			m.Answer = []dns.RR{&dns.DNAME{Hdr: header("bank.test.", dns.TypeDNAME), Target: "plain.test."},
				&dns.A{Hdr: header("www.plain.test.", dns.TypeA), A: net.IPv4(203, 0, 113, 66)}}
		}), Bogus, WhyUnsigned},
		{"two aliases at one name", "edge.plain.test.", dns.TypeA, asked("edge.plain.test.", dns.TypeA, func(m *dns.Msg) {
			m.Answer = []dns.RR{&dns.CNAME{Hdr: header("edge.plain.test.", dns.TypeCNAME), Target: "a.plain.test."},
				&dns.CNAME{Hdr: header("edge.plain.test.", dns.TypeCNAME), Target: "b.plain.test."}}
		}), Bogus, WhyAliases},

		{"a referral", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) {
			m.Answer, m.Ns = nil, []dns.RR{&dns.NS{Hdr: header("bank.test.", dns.TypeNS), Ns: "ns.invalid."}}
		}), Bogus, WhyDenial},
		{"an error", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure }), Indeterminate, WhyRcode},
		{"truncated", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) { m.Truncated = true }), Indeterminate, WhyMalformed},
		{"another question", www, dns.TypeA, asked(www, dns.TypeA, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }), Indeterminate, WhyMalformed},
		{"an error instead of the DS", www, dns.TypeA, asked("bank.test.", dns.TypeDS, func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure }), Indeterminate, WhyFetch},
		{"an error instead of the keys", www, dns.TypeA, asked("test.", dns.TypeDNSKEY, func(m *dns.Msg) { m.Truncated = true }), Indeterminate, WhyFetch},
	}
	for _, tt := range tests {
		honest := in.validator(t).Validate(context.Background(), in.raw(t, tt.name, tt.qtype), tt.name, tt.qtype)
		bad := &internet{zones: in.zones, tamper: tt.tamper}
		links := bad
		if tt.qtype == dns.TypeDS { // the answer alone is bad: as a link it would be found out before
			links = in
		}
		got := links.validator(t).Validate(context.Background(), bad.raw(t, tt.name, tt.qtype), tt.name, tt.qtype)
		if got.State != tt.state || got.Why != tt.why {
			t.Errorf("%s: Validate(%s %s) = %s (%s), want %s (%s)\n%+v", tt.what, tt.name, dns.Type(tt.qtype),
				got.State, got.Why, tt.state, tt.why, got.Chain)
		}
		if !honest.State.Usable() {
			t.Errorf("%s: without it Validate(%s) = %s (%s), want a usable answer", tt.what, tt.name, honest.State, honest.Why)
		}
	}
}

// resignNSEC3 changes the NSEC3 records of a response and signs them again:
// the zone itself sends them.
func resignNSEC3(t *testing.T, z *labZone, m *dns.Msg, change func(*dns.NSEC3)) {
	t.Helper()
	drop(m, func(rr dns.RR) bool { return signatureOver(rr, dns.TypeNSEC3) })
	for _, rr := range slices.Clone(m.Ns) {
		if n, ok := rr.(*dns.NSEC3); ok {
			change(n)
			m.Ns = append(m.Ns, z.sign(t, []dns.RR{n}))
		}
	}
}

// TestTimes moves the clock over the edges of a signature's validity.
func TestTimes(t *testing.T) {
	t.Parallel()
	in := newInternet(t, zoneSpec{name: ".", from: noon.Add(-1000 * time.Hour), to: noon.Add(1000 * time.Hour)},
		zoneSpec{name: "test.", from: noon, to: noon.Add(time.Hour), records: "www A 192.0.2.1\n"})
	raw := in.raw(t, "www.test.", dns.TypeA)
	tests := []struct {
		at, skew time.Duration
		state    State
		why      Why
	}{
		{0, 0, Secure, ""},
		{time.Hour, 0, Secure, ""},
		{-time.Second, 0, Bogus, WhyNotYet},
		{time.Hour + time.Second, 0, Bogus, WhyExpired},
		{-5 * time.Minute, 5 * time.Minute, Secure, ""},
		{-5*time.Minute - time.Second, 5 * time.Minute, Bogus, WhyNotYet},
		{time.Hour + 5*time.Minute, 5 * time.Minute, Secure, ""},
		{time.Hour + 5*time.Minute + time.Second, 5 * time.Minute, Bogus, WhyExpired},
		{50 * 365 * 24 * time.Hour, 0, Bogus, WhyExpired},
		{-50 * 365 * 24 * time.Hour, 0, Bogus, WhyNotYet},
	}
	for _, tt := range tests {
		v := in.validator(t)
		v.Now, v.Skew = func() time.Time { return noon.Add(tt.at) }, tt.skew
		got := v.Validate(context.Background(), raw, "www.test.", dns.TypeA)
		if got.State != tt.state || got.Why != tt.why {
			t.Errorf("at noon%+v with skew %v: %s (%s), want %s (%s)", tt.at, tt.skew, got.State, got.Why, tt.state, tt.why)
		}
	}
	// The codec alone takes the signature at any time: this is what the check is for.
	var m dns.Msg
	if err := m.Unpack(raw); err != nil {
		t.Fatal(err)
	}
	z := in.zones["test."]
	old := z.signAt(t, m.Answer[:1], noon.Add(-20000*time.Hour), noon.Add(-10000*time.Hour))
	if err := old.Verify(z.key, m.Answer[:1]); err != nil {
		t.Errorf("Verify of an expired signature = %v: it checks times now, so ours may go", err)
	}
}

// TestRemembered shows that nothing remembered outlives its signature or TTL.
func TestRemembered(t *testing.T) {
	t.Parallel()
	in := newInternet(t, zoneSpec{name: "."}, zoneSpec{name: "test.", records: "www A 192.0.2.1\n"})
	v := in.validator(t)
	now := noon
	v.Now = func() time.Time { return now }
	raw := in.raw(t, "www.test.", dns.TypeA)
	for _, step := range []struct {
		after   time.Duration
		fetches int
		state   State
	}{
		{0, 3, Secure}, // DNSKEY of the root, DS and DNSKEY of test.
		{time.Second, 0, Secure},
		{299 * time.Second, 0, Secure},
		{301 * time.Second, 3, Secure},    // the TTL is 300 s
		{24 * time.Hour, 3, Secure},       // the last second
		{24*time.Hour + 1e9, 1, Bogus},    // expired, and nothing remembered hides it
		{24*time.Hour + 2e9, 0, Bogus},    // a failure is remembered
		{24*time.Hour + 12*1e9, 1, Bogus}, // but not for long
	} {
		now = noon.Add(step.after)
		got := v.Validate(context.Background(), raw, "www.test.", dns.TypeA)
		if got.State != step.state || got.Work.Fetches != step.fetches {
			t.Errorf("after %v: %s (%s) with %d fetches, want %s with %d", step.after, got.State, got.Why, got.Work.Fetches, step.state, step.fetches)
		}
	}
}

// TestAlgorithms signs one zone with each algorithm.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		algorithm, digest uint8
		bits              int
		sha1              bool
		state             State
		why               Why
	}{
		{dns.RSASHA256, 2, 1024, false, Secure, ""},
		{dns.RSASHA512, 2, 1024, false, Secure, ""},
		{dns.ECDSAP256SHA256, 2, 0, false, Secure, ""},
		{dns.ECDSAP384SHA384, 4, 0, false, Secure, ""},
		{dns.ED25519, 2, 0, false, Secure, ""},
		{dns.ED25519, 1, 0, false, Secure, ""}, // a SHA-1 digest alone
		{dns.RSASHA1, 2, 1024, false, Insecure, WhyAlgorithm},
		{dns.RSASHA1, 2, 1024, true, Secure, ""},
		{dns.RSASHA1NSEC3SHA1, 2, 1024, false, Insecure, WhyAlgorithm},
		{dns.RSASHA1NSEC3SHA1, 2, 1024, true, Secure, ""},
		{dns.ED448, 2, 0, false, Insecure, WhyAlgorithm},
		{dns.ECCGOST, 2, 0, false, Insecure, WhyAlgorithm},
		{99, 2, 0, false, Insecure, WhyAlgorithm},
		{dns.ED25519, 3, 0, false, Insecure, WhyDigest},
	}
	for _, tt := range tests {
		in := newInternet(t, zoneSpec{name: "."},
			zoneSpec{name: "test.", algorithm: tt.algorithm, dsDigest: tt.digest, bits: tt.bits, records: "www A 192.0.2.1\n"})
		v := in.validator(t)
		v.AllowSHA1 = tt.sha1
		got := v.Validate(context.Background(), in.raw(t, "www.test.", dns.TypeA), "www.test.", dns.TypeA)
		if got.State != tt.state || got.Why != tt.why {
			t.Errorf("algorithm %d, digest %d, SHA-1 %v: %s (%s), want %s (%s)\n%+v", tt.algorithm, tt.digest, tt.sha1,
				got.State, got.Why, tt.state, tt.why, got.Chain)
		}
	}
}

// TestWeakKeyIsNoWayDown: a zone with a good key and one that we cannot
// compute with is not made insecure by dropping the good one on the way.
func TestWeakKeyIsNoWayDown(t *testing.T) {
	t.Parallel()
	weak := &dns.DNSKEY{Hdr: header("test.", dns.TypeDNSKEY), Flags: 257, Protocol: 3, Algorithm: dns.RSASHA256,
		PublicKey: base64.StdEncoding.EncodeToString(append([]byte{3, 1, 0, 1}, make([]byte, 64)...))}
	in := newInternet(t, zoneSpec{name: "."}, zoneSpec{name: "test.", records: "www A 192.0.2.1\n"})
	root, zone := in.zones["."], in.zones["test."]
	both := []dns.RR{zone.key.ToDS(dns.SHA256), weak.ToDS(dns.SHA256)}
	tests := []struct {
		what  string
		ds    []dns.RR
		keys  []dns.RR
		state State
		why   Why
	}{
		{"both", both, []dns.RR{zone.key, weak}, Secure, ""},
		{"the good one dropped", both, []dns.RR{weak}, Bogus, WhyKeyMismatch},
		{"only the weak one vouched for", both[1:], []dns.RR{zone.key, weak}, Insecure, WhyAlgorithm},
	}
	for _, tt := range tests {
		in.tamper = func(q dns.Question, m *dns.Msg) {
			switch {
			case q.Qtype == dns.TypeDS:
				m.Answer = append(slices.Clone(tt.ds), root.sign(t, tt.ds))
			case q.Qtype == dns.TypeDNSKEY && q.Name == "test.":
				m.Answer = append(slices.Clone(tt.keys), zone.sign(t, tt.keys))
			}
		}
		got := in.validator(t).Validate(context.Background(), in.raw(t, "www.test.", dns.TypeA), "www.test.", dns.TypeA)
		if got.State != tt.state || got.Why != tt.why {
			t.Errorf("%s: %s (%s), want %s (%s)\n%+v", tt.what, got.State, got.Why, tt.state, tt.why, got.Chain)
		}
	}
}
