package lab

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// eight is a pool of eight addresses, the last of which is in Beijing.
func eight(pool PoolKind, size int, seed uint64) *Scenario {
	a := Answer{Host: "api.example.com", Pool: pool, Size: size, Seed: seed}
	for i := range 7 {
		a.Addresses = append(a.Addresses, netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", i+1)))
	}
	a.Addresses = append(a.Addresses, netip.MustParseAddr(beijing), netip.MustParseAddr("2001:db8::1"))
	return &Scenario{Name: "pool", Servers: []Server{{Name: "ns", Authoritative: true}, {Name: "ns2", Authoritative: true}}, Answers: []Answer{a}}
}

const beijing = "203.0.113.16"

// asker asks the first server of a scenario again and again.
func asker(t *testing.T, s *Scenario) func() []string {
	t.Helper()
	r := responderFor(t, s, time.Unix(0, 0))
	req := ask{name: "api.example.com."}.request(t)
	return func() []string { return read(t, r.respond(nil, req, "udp").msg).addrs }
}

func TestPoolsThatShowThemselvesAreSeenInEveryRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind        PoolKind
		size, asked int
		each        int
	}{
		{"", 0, 1, 8}, {PoolWhole, 0, 1, 8}, {PoolRotate, 0, 1, 8}, {PoolRotate, 8, 1, 8},
		{PoolRotate, 1, 8, 1}, {PoolRotate, 3, 8, 3}, {PoolRotate, 4, 2, 4},
	} {
		next := asker(t, eight(tt.kind, tt.size, 0))
		for run := range 50 {
			seen := map[string]bool{}
			for range tt.asked {
				addrs := next()
				if len(addrs) != tt.each {
					t.Fatalf("%q of %d: %d addresses in a reply, want %d", tt.kind, tt.size, len(addrs), tt.each)
				}
				for _, a := range addrs {
					seen[a] = true
				}
			}
			if !seen[beijing] {
				t.Errorf("%q of %d, run %d: not seen in %d replies", tt.kind, tt.size, run, tt.asked)
			}
		}
	}
	next := asker(t, eight(PoolRotate, 0, 0))
	if a, b := next(), next(); a[0] != "192.0.2.1" || b[0] != "192.0.2.2" || b[7] != "192.0.2.1" {
		t.Errorf("the whole set does not turn: %v then %v", a, b)
	}
}

// TestRandomPoolMisses measures how often the one of eight stays unseen in n
// replies, over many seeds.
func TestRandomPoolMisses(t *testing.T) {
	t.Parallel()
	const runs = 3000
	counts := []int{8, 16, 24}
	missed := make([]int, len(counts))
	for seed := range runs {
		x := newIndex(eight(PoolRandom, 1, uint64(seed)))
		e, _ := x.entry("api.example.com.", 0, time.Unix(0, 0))
		turn, first := make(turns, x.pools), math.MaxInt
		for i := range counts[len(counts)-1] {
			srv := &Server{Name: "ns"}
			if of(turn.next(srv, e, dnsmessage.TypeA), e.a)[0] == netip.MustParseAddr(beijing).As4() {
				first = min(first, i)
			}
		}
		for i, n := range counts {
			if first >= n {
				missed[i]++
			}
		}
	}
	for i, n := range counts {
		want := math.Pow(7.0/8, float64(n))
		got, sd := float64(missed[i])/runs, math.Sqrt(want*(1-want)/runs)
		t.Logf("%2d replies: missed in %.4f of %d runs, (7/8)^n = %.4f", n, got, runs, want)
		if math.Abs(got-want) > 4*sd {
			t.Errorf("%d replies: missed in %.4f of runs, want %.4f within %.4f", n, got, want, 4*sd)
		}
	}
}

func TestRandomPoolIsTheSameBySeed(t *testing.T) {
	t.Parallel()
	told := func(s *Scenario) string {
		next, all := asker(t, s), ""
		for range 20 {
			addrs := next()
			if len(addrs) != 3 || len(slices.Compact(slices.Sorted(slices.Values(addrs)))) != 3 {
				t.Fatalf("reply %v, want three that differ", addrs)
			}
			all += strings.Join(addrs, " ") + "\n"
		}
		return all
	}
	a, b, c := told(eight(PoolRandom, 3, 7)), told(eight(PoolRandom, 3, 7)), told(eight(PoolRandom, 3, 8))
	if a != b || a == c {
		t.Errorf("the same seed gave the same: %v; another seed another: %v", a == b, a != c)
	}
	other := eight(PoolRandom, 3, 7)
	slices.Reverse(other.Servers)
	if told(other) == a {
		t.Error("two servers of one zone answer in step")
	}
}

func TestPoolKeys(t *testing.T) {
	t.Parallel()
	const head = "[[server]]\nname=\"a\"\n[[answer]]\nhost=\"a.example\"\n"
	for _, tt := range []struct{ data, want string }{
		{"a=[\"192.0.2.1\", \"192.0.2.2\"]\npool=\"random\"\nsize=1\nseed=9\n", ""},
		{"a=[\"192.0.2.1\"]\npool=\"shuffle\"\n", `x:6: answer[0].pool: "shuffle" is not whole, rotate or random`},
		{"a=[\"192.0.2.1\"]\npool=\"rotate\"\nsize=2\n", `x:7: answer[0].size: 2 is more than there are addresses, or the pool is not rotate or random`},
		{"a=[\"192.0.2.1\"]\nsize=1\n", `x:6: answer[0].size: 1 is more than there are addresses, or the pool is not rotate or random`},
		{"nodata=true\npool=\"rotate\"\n", `x:6: answer[0].pool: goes with addresses`},
		{"a=[\"192.0.2.1\"]\npool=\"rotate\"\nseed=2\n", `x:7: answer[0].seed: goes with pool random`},
	} {
		s, err := Parse("x", []byte(head+tt.data))
		if tt.want == "" {
			if must(t, err); s.Answers[0].Pool != PoolRandom || s.Answers[0].Size != 1 || s.Answers[0].Seed != 9 {
				t.Errorf("Parse(%q) = %+v", tt.data, s.Answers[0])
			}
		} else if err == nil || err.Error() != tt.want {
			t.Errorf("Parse(%q) = %v, want %s", tt.data, err, tt.want)
		}
	}
}
