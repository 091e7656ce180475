package pool

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"residency/internal/residency"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func addr(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0xc6120000+uint32(i))
	return netip.AddrFrom4(b)
}

// sets turns lists of numbers into draws, a second apart.
func sets(list ...[]int) []Draw {
	draws := make([]Draw, len(list))
	for i, set := range list {
		draws[i].At = start.Add(time.Duration(i) * time.Second)
		for _, n := range set {
			draws[i].Addresses = append(draws[i].Addresses, addr(n))
		}
	}
	return draws
}

// simulated answers like a server with a pool of addresses.
type simulated struct {
	size, shown int
	kind        string // "random", "rotate", "whole", "sticky"
	rng         *rand.Rand
	turn        int
}

func (p *simulated) answer() []int {
	var out []int
	switch p.kind {
	case "whole":
		for i := range p.size {
			out = append(out, i)
		}
	case "rotate":
		for i := range p.shown {
			out = append(out, (p.turn*p.shown+i)%p.size)
		}
		p.turn++
	case "random":
		out = p.rng.Perm(p.size)[:p.shown]
	}
	return out
}

// draw asks until the stop rule says so.
func (p *simulated) draw(quiet, limit int) []Draw {
	var list [][]int
	for draws := []Draw(nil); !Done(draws, quiet, limit); draws = sets(list...) {
		list = append(list, p.answer())
	}
	return sets(list...)
}

func has(draws []Draw, n int) bool {
	return slices.ContainsFunc(draws, func(d Draw) bool { return slices.Contains(d.Addresses, addr(n)) })
}

func TestDefaultMaxMissesLessThanOnceInAMillion(t *testing.T) {
	t.Parallel()
	if miss := math.Pow(7.0/8, DefaultMax); miss >= 1e-6 {
		t.Errorf("(7/8)^%d = %v, want below 10^-6", DefaultMax, miss)
	}
	if miss := math.Pow(7.0/8, DefaultMax-1); miss < 1e-6 {
		t.Errorf("(7/8)^%d = %v: one draw less would do", DefaultMax-1, miss)
	}
}

func TestOutsideBound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n    int
		want float64
	}{{0, 1}, {1, 0.95}, {20, 0.13911}, {104, 0.02839}, {299, 0.00997}} {
		if got := OutsideBound(tt.n); math.Abs(got-tt.want) > 1e-5 {
			t.Errorf("OutsideBound(%d) = %.5f, want %.5f", tt.n, got, tt.want)
		}
	}
}

// TestMissRateOfRandomPools draws n times from a pool of eight that shows one
// address at random, and counts how often one of them, the last, is missed.
func TestMissRateOfRandomPools(t *testing.T) {
	t.Parallel()
	const runs = 20000
	for _, n := range []int{8, 16, 24, 32} {
		rng := rand.New(rand.NewPCG(uint64(n), 8))
		missed := 0
		for range runs {
			seen := false
			for range n {
				seen = rng.IntN(8) == 7 || seen
			}
			if !seen {
				missed++
			}
		}
		want := math.Pow(7.0/8, float64(n))
		got, sd := float64(missed)/runs, math.Sqrt(want*(1-want)/runs)
		t.Logf("%3d draws: missed %.4f, (7/8)^n = %.4f", n, got, want)
		if math.Abs(got-want) > 4*sd {
			t.Errorf("after %d draws missed %.4f of runs, want %.4f within %.4f", n, got, want, 4*sd)
		}
	}
}

// TestStopRule runs the rule itself, many times.
func TestStopRule(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind        string
		size, shown int
		pattern     residency.PoolPattern
		draws       int // expected in every run; 0: any
	}{
		{"whole", 1, 1, residency.PatternWholeSet, 21},
		{"whole", 8, 8, residency.PatternWholeSet, 21},
		{"rotate", 2, 1, residency.PatternRotation, 22},
		{"rotate", 8, 1, residency.PatternRotation, 28},
		{"rotate", 8, 3, residency.PatternRotation, 23},
		{"rotate", 8, 4, residency.PatternRotation, 22},
		{"rotate", 40, 1, residency.PatternRotation, 60},
		{"random", 8, 1, residency.PatternIndependent, DefaultMax},
		{"random", 8, 3, residency.PatternIndependent, DefaultMax},
		{"random", 2, 1, residency.PatternIndependent, DefaultMax},
		{"random", 200, 1, residency.PatternIndependent, DefaultMax},
	} {
		const runs = 100
		missed, named, drawn := 0, 0, 0
		for seed := range runs {
			p := &simulated{size: tt.size, shown: tt.shown, kind: tt.kind, rng: rand.New(rand.NewPCG(uint64(seed), 1)), turn: seed}
			draws := p.draw(DefaultQuiet, DefaultMax)
			drawn = max(drawn, len(draws))
			if !has(draws, tt.size-1) {
				missed++
			}
			if Describe(draws).Pattern == tt.pattern {
				named++
			}
			if len(draws) > DefaultMax {
				t.Fatalf("%s of %d: %d draws, above the cap", tt.kind, tt.size, len(draws))
			}
		}
		t.Logf("%-6s %d of %3d: %d of %d runs missed the last address, %d named %s, at most %d draws",
			tt.kind, tt.shown, tt.size, missed, runs, named, tt.pattern, drawn)
		if missed > 0 && tt.size <= 40 {
			t.Errorf("%s of %d: missed in %d of %d runs", tt.kind, tt.size, missed, runs)
		}
		// A test for a pattern may be wrong once in some thousand runs.
		if allowed := map[bool]int{true: 2}[tt.kind == "random"]; named < runs-allowed {
			t.Errorf("%s of %d: pattern %s in %d of %d runs", tt.kind, tt.size, tt.pattern, named, runs)
		}
		if tt.kind != "random" && drawn != tt.draws {
			t.Errorf("%s of %d: %d draws, want %d", tt.kind, tt.size, drawn, tt.draws)
		}
	}
}

// TestAQuietStretchIsNotEnough shows why answers in no order are drawn to the
// cap: stopping after 20 quiet draws would miss one in eight about once in a
// hundred runs.
func TestAQuietStretchIsNotEnough(t *testing.T) {
	t.Parallel()
	const runs = 20000
	missed := 0
	rng := rand.New(rand.NewPCG(3, 4))
	for range runs {
		var seen [8]bool
		for quiet := 0; quiet < DefaultQuiet; quiet++ {
			if n := rng.IntN(8); !seen[n] {
				seen[n], quiet = true, -1
			}
		}
		if !seen[7] {
			missed++
		}
	}
	t.Logf("missed in %d of %d runs", missed, runs)
	if missed < runs/500 || missed > runs/50 {
		t.Errorf("missed in %d of %d runs; the sentence in Done is not true", missed, runs)
	}
}

func TestPatternsThroughANetwork(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(rng *rand.Rand) [][]int
		want residency.PoolPattern
	}{
		{"turns, a little shuffled", func(rng *rand.Rand) [][]int { return shuffled(rng, turns(104, 8), 3) }, residency.PatternRotation},
		{"turns of two, a little shuffled", func(rng *rand.Rand) [][]int { return shuffled(rng, turns(104, 2), 1.5) }, residency.PatternRotation},
		{"weighted turns", func(*rand.Rand) [][]int {
			var list [][]int
			for i := range 40 {
				list = append(list, []int{[]int{0, 0, 1, 0, 2}[i%5]})
			}
			return list
		}, residency.PatternRotation},
		{"changed once", func(*rand.Rand) [][]int {
			return append(slices.Repeat([][]int{{1}}, 30), slices.Repeat([][]int{{2}}, 30)...)
		}, residency.PatternSticky},
		{"stays for a while", func(rng *rand.Rand) [][]int {
			var list [][]int
			for range 12 {
				list = append(list, slices.Repeat([][]int{{rng.IntN(8)}}, 8)...)
			}
			return list
		}, residency.PatternSticky},
		{"one answer in thirty differs", func(*rand.Rand) [][]int {
			list := slices.Repeat([][]int{{1}}, 60)
			list[7], list[41] = []int{2}, []int{2}
			return list
		}, residency.PatternIndependent},
		{"never the same twice", func(*rand.Rand) [][]int { return turns(60, 60) }, residency.PatternIndependent},
		{"too few", func(*rand.Rand) [][]int { return turns(19, 2) }, residency.PatternUnknown},
	} {
		named := map[residency.PoolPattern]int{}
		for seed := range 50 {
			named[Describe(sets(tt.make(rand.New(rand.NewPCG(uint64(seed), 2)))...)).Pattern]++
		}
		// What was shuffled may once in a while not be seen through.
		if named[tt.want] < 46 {
			t.Errorf("%s: patterns %v in 50 runs, want %q", tt.name, named, tt.want)
		}
	}
}

func turns(n, size int) [][]int {
	var list [][]int
	for i := range n {
		list = append(list, []int{i % size})
	}
	return list
}

// shuffled reorders draws as packets overtake each other: each is late by up
// to so many places.
func shuffled(rng *rand.Rand, list [][]int, late float64) [][]int {
	type packet struct {
		at  float64
		set []int
	}
	packets := make([]packet, len(list))
	for i, set := range list {
		packets[i] = packet{float64(i) + late*rng.Float64(), set}
	}
	slices.SortFunc(packets, func(a, b packet) int { return cmp.Compare(a.at, b.at) })
	for i, p := range packets {
		list[i] = p.set
	}
	return list
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	list := append(slices.Repeat([][]int{{1, 2}, {2}, {1}, {2, 1}, {1, 1}}, 4), []int{3})
	s := Describe(sets(list...))
	if s.Draws != 21 || s.Addresses != 3 || s.Quiet != 0 || s.Once != 1 || s.Incidences != 29 || s.Curve[0] != 2 || s.Curve[19] != 2 || s.Curve[20] != 3 {
		t.Errorf("Describe = %+v", s)
	}
	if s := Describe(nil); s.Draws != 0 || s.Quiet != 0 || s.Pattern != residency.PatternUnknown {
		t.Errorf("Describe(nil) = %+v", s)
	}
	for _, tt := range []struct {
		list [][]int
		want bool
	}{
		{[][]int{{1, 2, 3}, {2, 3, 1}, {3, 1, 2}}, true},
		{[][]int{{1, 2, 3}, {1, 2, 3}}, false},
		{[][]int{{1, 2, 3}, {3, 2, 1}}, false},
		{[][]int{{1, 2, 3}, {2, 3}}, false},
		{[][]int{{1, 2}, {}}, false},
		{[][]int{{1}, {1}}, false},
	} {
		if got := Describe(sets(tt.list...)).Turning; got != tt.want {
			t.Errorf("Describe(%v).Turning = %v", tt.list, got)
		}
	}
}

// TestUnseenIsAboutRight compares the estimate with the truth, which the
// simulation knows: the share of answers that show an address not seen yet.
func TestUnseenIsAboutRight(t *testing.T) {
	t.Parallel()
	for _, size := range []int{8, 50, 200, 1000} {
		estimate, truth, outside := 0.0, 0.0, 0
		const runs = 200
		for seed := range runs {
			p := &simulated{size: size, shown: 1, kind: "random", rng: rand.New(rand.NewPCG(uint64(seed), uint64(size)))}
			var list [][]int
			for range 60 {
				list = append(list, p.answer())
			}
			s := Describe(sets(list...))
			u, ok := s.Unseen()
			if !ok {
				outside++
				continue
			}
			estimate += u / runs
			truth += float64(size-s.Addresses) / float64(size) / runs
		}
		t.Logf("pool of %4d, 60 draws: estimated unseen %.3f, true %.3f", size, estimate, truth)
		if math.Abs(estimate-truth) > 0.02 || outside > 2 {
			t.Errorf("pool of %d: estimated %.3f, true %.3f, not known in %d runs", size, estimate, truth, outside)
		}
	}
}

func TestDescribeProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 9), 0, 4), 0, 60).Draw(t, "answers")
		draws := sets(list...)
		s := Describe(draws)
		if !slices.IsSorted(s.Curve) || len(s.Curve) != len(draws) || len(draws) > 0 && s.Curve[len(draws)-1] != s.Addresses {
			t.Fatalf("curve %v, %d addresses", s.Curve, s.Addresses)
		}
		u, ok := s.Unseen()
		if u < 0 || u > 1 || ok && len(draws) < MinDraws || ok && s.Pattern != residency.PatternIndependent {
			t.Fatalf("unseen %v %v of %d draws, %s", u, ok, len(draws), s.Pattern)
		}
		if s.Pattern != residency.PatternUnknown && len(draws) < MinDraws {
			t.Fatalf("pattern %s of %d draws", s.Pattern, len(draws))
		}
		if more := Describe(append(draws, draws...)); more.Addresses != s.Addresses || more.Draws != 2*s.Draws {
			t.Fatalf("twice the draws: %+v", more)
		}
		quiet, limit := rapid.IntRange(0, 30).Draw(t, "quiet"), rapid.IntRange(0, 60).Draw(t, "limit")
		if done := Done(draws, quiet, limit); done && len(draws) < limit && s.Quiet < quiet || !done && len(draws) >= limit {
			t.Fatalf("Done(%d draws, %d, %d) = %v, quiet %d", len(draws), quiet, limit, done, s.Quiet)
		}
	})
}
