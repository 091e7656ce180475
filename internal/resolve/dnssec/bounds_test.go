package dnssec

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// patience is more than any hostile response may cost on a slow machine with
// the race detector; without bounds each case below takes minutes.
const patience = 5 * time.Second

// twins makes RSA keys with one tag. Nobody holds their private halves, and
// nobody needs to: trying them costs the validator all the same.
func twins(t testing.TB, zone string, count int, tag uint16) []dns.RR {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var list []dns.RR
	for len(list) < count {
		raw := append([]byte{3, 1, 0, 1}, make([]byte, 256)...)
		for i := 4; i < len(raw); i++ {
			raw[i] = byte(rng.Uint32())
		}
		raw[4] |= 0x80
		raw[len(raw)-1] |= 1
		raw[100], raw[101] = 0, 0
		key := &dns.DNSKEY{Hdr: header(zone, dns.TypeDNSKEY), Flags: 256, Protocol: 3, Algorithm: dns.RSASHA256}
		key.PublicKey = base64.StdEncoding.EncodeToString(raw)
		missing := tag - key.KeyTag() // the tag is nearly a sum
		raw[100], raw[101] = byte(missing>>8), byte(missing)
		key.PublicKey = base64.StdEncoding.EncodeToString(raw)
		if key.KeyTag() == tag {
			list = append(list, key)
		}
	}
	return list
}

// junkSignatures claims signatures over the set by keys of that tag.
func junkSignatures(set []dns.RR, zone string, tag uint16, count int) []dns.RR {
	var list []dns.RR
	for i := range count {
		raw := make([]byte, 256)
		raw[255], raw[254] = byte(i), byte(i>>8)
		list = append(list, &dns.RRSIG{Hdr: header(set[0].Header().Name, dns.TypeRRSIG), TypeCovered: set[0].Header().Rrtype,
			Algorithm: dns.RSASHA256, Labels: uint8(dns.CountLabel(set[0].Header().Name)), OrigTtl: 300, KeyTag: tag, SignerName: zone,
			Inception: uint32(noon.Add(-time.Hour).Unix()), Expiration: uint32(noon.Add(time.Hour).Unix()),
			Signature: base64.StdEncoding.EncodeToString(raw)})
	}
	return list
}

func address(name string, i int) *dns.A {
	return &dns.A{Hdr: header(name, dns.TypeA), A: net.IPv4(10, byte(i>>16), byte(i>>8), byte(i))}
}

// TestHostileWork gives the validator as much to do as fits into one response.
func TestHostileWork(t *testing.T) {
	t.Parallel()
	in := newInternet(t, zoneSpec{name: "."}, zoneSpec{name: "trap.", records: "www A 192.0.2.1\n"})
	trap := in.zones["trap."]
	var keys []dns.RR
	keys = append(append(keys, trap.key), twins(t, "trap.", 200, trap.key.KeyTag())...)
	keys = append(keys, trap.sign(t, keys))
	var names []string // each needs a walk of its own
	for i := range 100 {
		names = append(names, fmt.Sprintf("%s%d.trap.", strings.Repeat("a.", 50), i))
	}
	var pool []dns.RR
	for i := range 2500 {
		pool = append(pool, address("www.trap.", i))
	}
	honestDS := in.respond(dns.Question{Name: "trap.", Qtype: dns.TypeDS, Qclass: 1}).Answer
	var manyDS []dns.RR
	for i := range 1000 {
		ds := *honestDS[0].(*dns.DS)
		ds.Digest = fmt.Sprintf("%064x", i)
		manyDS = append(manyDS, &ds)
	}
	manyDS = append(manyDS, in.zones["."].sign(t, manyDS))

	tests := []struct {
		what, name string
		change     func(q dns.Question, m *dns.Msg)
		why        Why
	}{
		{"KeyTrap: 200 keys of one tag, 150 signatures", "www.trap.", func(q dns.Question, m *dns.Msg) {
			switch q.Qtype {
			case dns.TypeDNSKEY:
				if q.Name == "trap." {
					m.Answer = keys
				}
			case dns.TypeA:
				set := m.Answer[:1:1]
				m.Answer = append(set, junkSignatures(set, "trap.", trap.key.KeyTag(), 150)...)
			}
		}, WhyLimit},
		{"the same over the keys themselves", "www.trap.", func(q dns.Question, m *dns.Msg) {
			if q.Qtype == dns.TypeDNSKEY && q.Name == "trap." {
				m.Answer = append(keys[:100:100], junkSignatures(keys[:1], "trap.", trap.key.KeyTag(), 100)...)
			}
		}, WhyNoKey}, // only the key that the DS names is tried, and only for its algorithm
		{"1000 DS of one tag, 200 keys of it", "www.trap.", func(q dns.Question, m *dns.Msg) {
			if q.Qtype == dns.TypeDS && q.Name == "trap." {
				m.Answer = manyDS
			}
			if q.Qtype == dns.TypeDNSKEY && q.Name == "trap." {
				m.Answer = keys
			}
		}, WhyLimit},
		{"a pool of 2500 with 100 bad signatures", "www.trap.", func(q dns.Question, m *dns.Msg) {
			if q.Qtype == dns.TypeA {
				m.Answer = append(pool, junkSignatures(pool, "trap.", trap.key.KeyTag(), 100)...)
				for _, rr := range m.Answer[len(pool):] {
					rr.(*dns.RRSIG).Algorithm = trap.algorithm
				}
			}
		}, WhyLimit},
		{"100 unsigned strangers far down", "www.trap.", func(q dns.Question, m *dns.Msg) {
			if q.Qtype == dns.TypeA {
				for i, name := range names {
					m.Answer = append(m.Answer, address(name, i))
				}
			}
		}, WhyUnsigned}, // the first found names the reason
		{"more sets than an answer can have", "www.trap.", func(q dns.Question, m *dns.Msg) {
			if q.Qtype == dns.TypeA {
				for i := range 1000 {
					m.Answer = append(m.Answer, address(fmt.Sprintf("%d.trap.", i), i))
				}
			}
		}, WhyLimit},
		{"a long chain of aliases", "www.trap.", func(q dns.Question, m *dns.Msg) {
			if q.Qtype == dns.TypeA {
				m.Answer = nil
				name := "www.trap."
				for i := range 100 {
					next := fmt.Sprintf("%d.trap.", i)
					set := []dns.RR{&dns.CNAME{Hdr: header(name, dns.TypeCNAME), Target: next}}
					m.Answer = append(m.Answer, set[0], trap.sign(t, set))
					name = next
				}
			}
		}, WhyLimit},
		{"50 proofs, all signed wrong", "nothing.trap.", func(q dns.Question, m *dns.Msg) {
			if q.Qtype == dns.TypeA {
				for i := range 50 {
					set := []dns.RR{&dns.NSEC{Hdr: header(fmt.Sprintf("%d.trap.", i), dns.TypeNSEC), NextDomain: "trap."}}
					sig := trap.sign(t, set)
					sig.OrigTtl++
					m.Ns = append([]dns.RR{set[0], sig}, m.Ns...)
				}
			}
		}, WhyLimit},
	}
	for _, tt := range tests {
		bad := &internet{zones: in.zones, tamper: tt.change}
		v := bad.validator(t)
		raw := bad.raw(t, tt.name, dns.TypeA)
		start := time.Now()
		got := v.Validate(context.Background(), raw, tt.name, dns.TypeA)
		took := time.Since(start)
		t.Logf("%s: %s (%s), %d bytes, %v, %+v", tt.what, got.State, got.Why, len(raw), took, got.Work)
		if got.State != Bogus || got.Why != tt.why {
			t.Errorf("%s: %s (%s), want bogus (%s)\n%+v", tt.what, got.State, got.Why, tt.why, got.Chain)
		}
		l := Limits{}.filled()
		if got.Work.Fetches > l.Fetches || got.Work.Failures > l.Failures || got.Work.Verifications > l.Verifications ||
			got.Work.HashRounds > l.HashRounds || len(got.Chain) > 256 {
			t.Errorf("%s: work %+v and %d steps, want within %+v", tt.what, got.Work, len(got.Chain), l)
		}
		if took > patience {
			t.Errorf("%s: took %v, want less than %v", tt.what, took, patience)
		}
		// A hostile response must not harm the next honest one.
		bad.tamper = nil
		v.mu.Lock()
		clear(v.links)
		v.mu.Unlock()
		if again := v.Validate(context.Background(), bad.raw(t, "www.trap.", dns.TypeA), "www.trap.", dns.TypeA); again.State != Secure {
			t.Errorf("%s: the next honest answer is %s (%s), want secure", tt.what, again.State, again.Why)
		}
	}
}

// TestHashRounds holds the hashing of NSEC3 to its limit (CVE-2023-50868).
func TestHashRounds(t *testing.T) {
	t.Parallel()
	in := newInternet(t, zoneSpec{name: "."}, zoneSpec{name: "hash.", nsec3: true, iterate: 100, salt: strings.Repeat("ab", 255), records: "www A 192.0.2.1\n"})
	deep := strings.Repeat("a.", 120) + "hash."
	raw := in.raw(t, deep, dns.TypeA)
	for _, tt := range []struct {
		rounds int
		state  State
		why    Why
	}{{0, Secure, ""}, {5000, Bogus, WhyLimit}} {
		v := in.validator(t)
		v.Limits.HashRounds = tt.rounds
		start := time.Now()
		got := v.Validate(context.Background(), raw, deep, dns.TypeA)
		t.Logf("%d labels, %v, %+v", dns.CountLabel(deep), time.Since(start), got.Work)
		if got.State != tt.state || got.Why != tt.why {
			t.Errorf("with %d rounds: %s (%s) %+v, want %s (%s)", tt.rounds, got.State, got.Why, got.Work, tt.state, tt.why)
		}
		if tt.rounds > 0 && got.Work.HashRounds > tt.rounds {
			t.Errorf("HashRounds = %d, want at most %d", got.Work.HashRounds, tt.rounds)
		}
	}
}

// TestBudgetIsNotRemembered: a link that one call could not afford is found
// out by the next.
func TestBudgetIsNotRemembered(t *testing.T) {
	t.Parallel()
	in := newInternet(t, zoneSpec{name: "."}, zoneSpec{name: "test.", records: "www A 192.0.2.1\n"})
	raw := in.raw(t, "www.test.", dns.TypeA)
	for _, limits := range []Limits{{Fetches: 2}, {Verifications: 2}} {
		v := in.validator(t)
		v.Limits = limits
		// The root is remembered from the first call, the zone from the second.
		want := []Why{WhyLimit, WhyLimit, ""}
		if limits.Fetches > 0 {
			want = []Why{WhyLimit, "", ""}
		}
		for i := range want {
			if got := v.Validate(context.Background(), raw, "www.test.", dns.TypeA); got.Why != want[i] {
				t.Errorf("%+v, call %d: %s (%s), want (%s)", limits, i, got.State, got.Why, want[i])
			}
		}
	}
}

// TestRememberedIsBounded validates more zones than there is room for.
func TestRememberedIsBounded(t *testing.T) {
	t.Parallel()
	specs := []zoneSpec{{name: "."}}
	for i := range 30 {
		specs = append(specs, zoneSpec{name: fmt.Sprintf("z%d.", i), records: "www A 192.0.2.1\n"})
	}
	in := newInternet(t, specs...)
	v := in.validator(t)
	v.Limits.Links = 8
	for i := range 30 {
		name := fmt.Sprintf("www.z%d.", i)
		if got := v.Validate(context.Background(), in.raw(t, name, dns.TypeA), name, dns.TypeA); got.State != Secure {
			t.Errorf("Validate(%s) = %s (%s), want secure", name, got.State, got.Why)
		}
		if len(v.links) > 8 {
			t.Errorf("%d links remembered, want at most 8", len(v.links))
		}
	}
}

// TestTogether asks from many goroutines at once: each link is fetched once.
func TestTogether(t *testing.T) {
	t.Parallel()
	in := newInternet(t, zoneSpec{name: "."}, zoneSpec{name: "test.", records: "www A 192.0.2.1\n"})
	v := in.validator(t)
	raw := in.raw(t, "www.test.", dns.TypeA)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if got := v.Validate(context.Background(), raw, "www.test.", dns.TypeA); got.State != Secure {
				t.Errorf("Validate = %s (%s), want secure", got.State, got.Why)
			}
		})
	}
	group.Wait()
	if in.asked != 3 {
		t.Errorf("%d fetches for 50 calls, want 3", in.asked)
	}
}

// TestFetchFails: what cannot be had is indeterminate, and asked for again.
func TestFetchFails(t *testing.T) {
	t.Parallel()
	in := newInternet(t, zoneSpec{name: "."}, zoneSpec{name: "test.", records: "www A 192.0.2.1\n"})
	v := in.validator(t)
	raw := in.raw(t, "www.test.", dns.TypeA)
	in.fail = func(q dns.Question) error {
		if q.Qtype == dns.TypeDS {
			return errUnreachable
		}
		return nil
	}
	if got := v.Validate(context.Background(), raw, "www.test.", dns.TypeA); got.State != Indeterminate || got.Why != WhyFetch {
		t.Errorf("without the DS: %s (%s), want indeterminate (fetch)", got.State, got.Why)
	}
	in.fail = nil
	if got := v.Validate(context.Background(), raw, "www.test.", dns.TypeA); got.State != Secure {
		t.Errorf("with it: %s (%s), want secure", got.State, got.Why)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got := in.validator(t).Validate(ctx, raw, "www.test.", dns.TypeA); got.State != Indeterminate {
		t.Errorf("cancelled: %s (%s), want indeterminate", got.State, got.Why)
	}
	if got := new(Validator).Validate(ctx, raw, "www.test.", dns.TypeA); got.State != Indeterminate || got.Why != WhyNoAnchor {
		t.Errorf("the zero Validator: %s (%s), want indeterminate (no-anchor)", got.State, got.Why)
	}
	if got := (&Validator{Anchors: RootAnchors()}).Validate(ctx, raw, "www.test.", dns.TypeA); got.State != Indeterminate || got.Why != WhyFetch {
		t.Errorf("without Fetch: %s (%s), want indeterminate (fetch)", got.State, got.Why)
	}
}
