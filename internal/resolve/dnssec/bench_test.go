package dnssec

import (
	"context"
	"testing"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// BenchmarkWarm validates with the keys of all zones remembered, and
// BenchmarkCold with nothing remembered and fetches that cost nothing.
func BenchmarkWarm(b *testing.B) {
	for _, one := range []struct {
		what, name string
		algorithm  uint8
		bits       int
	}{
		{"A,ECDSAP256", "www.bank.test.", dns.ECDSAP256SHA256, 0},
		{"A,ED25519", "www.bank.test.", dns.ED25519, 0},
		{"A,RSASHA256-2048", "www.bank.test.", dns.RSASHA256, 2048},
		{"alias+wildcard,ECDSAP256", "to3.bank.test.", dns.ECDSAP256SHA256, 0},
		{"NXDOMAIN-NSEC,ECDSAP256", "nothing.bank.test.", dns.ECDSAP256SHA256, 0},
		{"NXDOMAIN-NSEC3-10,ECDSAP256", "nothing.hashed.test.", dns.ECDSAP256SHA256, 0},
		{"insecure", "edge.plain.test.", dns.ECDSAP256SHA256, 0},
	} {
		b.Run(one.what, func(b *testing.B) {
			specs := worldZones()
			for i := range specs {
				specs[i].algorithm, specs[i].bits = one.algorithm, one.bits
			}
			in := newInternet(b, specs...)
			v, raw := in.validator(b), in.raw(b, one.name, dns.TypeA)
			ctx := context.Background()
			if got := v.Validate(ctx, raw, one.name, dns.TypeA); !got.State.Usable() {
				b.Fatalf("%s (%s)", got.State, got.Why)
			}
			b.ReportAllocs()
			for b.Loop() {
				v.Validate(ctx, raw, one.name, dns.TypeA)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "validations/s")
		})
	}
}

func BenchmarkCold(b *testing.B) {
	in := world(b)
	raws := map[setKey][]byte{}
	v := in.validator(b)
	honest := v.Fetch
	v.Fetch = func(ctx context.Context, name string, qtype uint16) (residency.Exchange, error) {
		k := setKey{name, qtype}
		if raws[k] == nil {
			x, _ := honest(ctx, name, qtype)
			raws[k] = x.Response
		}
		return residency.Exchange{Name: name, Response: raws[k]}, nil
	}
	raw := in.raw(b, "www.bank.test.", dns.TypeA)
	for b.Loop() {
		clear(v.links)
		if got := v.Validate(context.Background(), raw, "www.bank.test.", dns.TypeA); got.State != Secure {
			b.Fatalf("%s (%s)", got.State, got.Why)
		}
	}
}
