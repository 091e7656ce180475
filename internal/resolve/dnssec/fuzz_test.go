package dnssec

import (
	"context"
	"testing"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// fuzzWorld is the usual internet with keys that are the same in each process.
func fuzzWorld(t testing.TB) *internet {
	specs := worldZones()
	for i := range specs {
		specs[i].algorithm = dns.ED25519
	}
	return newInternet(t, specs...)
}

// honest reports whether the zone owners have such an address record.
func (in *internet) honest(a *dns.A) bool {
	for _, z := range in.zones {
		for k, set := range z.sets {
			for _, rr := range set {
				if known, ok := rr.(*dns.A); ok && known.A.Equal(a.A) && k.rtype == dns.TypeA {
					return true
				}
			}
		}
	}
	return false
}

// FuzzValidate holds two promises: any bytes get a verdict, and no address
// that the owners did not sign is ever secure.
func FuzzValidate(f *testing.F) {
	in := fuzzWorld(f)
	v := in.validator(f)
	for _, name := range []string{"www.bank.test.", "x.wild.bank.test.", "cdn.bank.test.", "x.old.bank.test.", "nothing.bank.test.",
		"to3.bank.test.", "nothing.hashed.test.", "nothing.opt.", "www.plain.opt.", "x.w.heavy.test.", "."} {
		f.Add(in.raw(f, name, dns.TypeA))
	}
	f.Add(in.raw(f, "bank.test.", dns.TypeDS))
	f.Add(in.raw(f, "bank.test.", dns.TypeDNSKEY))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m dns.Msg
		if m.Unpack(raw) != nil || len(m.Question) == 0 {
			if got := v.Validate(context.Background(), raw, "www.bank.test.", dns.TypeA); got.State != Indeterminate {
				t.Errorf("Validate of no message = %s (%s), want indeterminate", got.State, got.Why)
			}
			return
		}
		q := m.Question[0]
		got := v.Validate(context.Background(), raw, q.Name, q.Qtype)
		if got.State.weight() == 3 && got.State != Bogus || (got.State == Secure) != (got.Why == "") {
			t.Errorf("Validate(%s) = %q (%q)", q.Name, got.State, got.Why)
		}
		if got.State != Secure {
			return
		}
		for _, rr := range m.Answer {
			if a, ok := rr.(*dns.A); ok && a.Hdr.Class == dns.ClassINET && !in.honest(a) {
				t.Errorf("Validate(%s) = secure with an address that nobody signed: %v", q.Name, a)
			}
		}
	})
}

// FuzzLinks gives arbitrary bytes for the links of the chain.
func FuzzLinks(f *testing.F) {
	in := fuzzWorld(f)
	for _, link := range []struct {
		name  string
		qtype uint16
	}{{".", dns.TypeDNSKEY}, {"test.", dns.TypeDS}, {"test.", dns.TypeDNSKEY}, {"bank.test.", dns.TypeDS}, {"bank.test.", dns.TypeDNSKEY}} {
		f.Add(in.raw(f, link.name, link.qtype))
	}
	f.Add(in.raw(f, "plain.test.", dns.TypeDS))
	f.Add(in.raw(f, "plain.opt.", dns.TypeDS))
	forged := address("www.bank.test.", 1)
	m := in.respond(dns.Question{Name: "www.bank.test.", Qtype: dns.TypeA, Qclass: dns.ClassINET})
	m.Answer = []dns.RR{forged}
	answer, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v := in.validator(t)
		v.Fetch = func(_ context.Context, name string, qtype uint16) (residency.Exchange, error) {
			var m dns.Msg
			if m.Unpack(raw) == nil && len(m.Question) == 1 && m.Question[0].Name == name && m.Question[0].Qtype == qtype {
				return residency.Exchange{Response: raw}, nil
			}
			return residency.Exchange{Response: in.raw(t, name, qtype)}, nil
		}
		if got := v.Validate(context.Background(), answer, "www.bank.test.", dns.TypeA); got.State.Usable() {
			t.Errorf("a forged answer is %s (%s)", got.State, got.Why)
		}
	})
}
