package watch

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"residency/internal/lab"
	"residency/internal/pool"
	"residency/internal/residency"
	"residency/internal/resolve"
)

// of eight addresses one is outside
func poolOfEight() []netip.Addr {
	var list []netip.Addr
	for i := range 7 {
		list = append(list, netip.MustParseAddr(fmt.Sprintf("54.255.1.%d", i+1)))
	}
	return append(list, outside)
}

// everyone locates the pool of eight.
func everyone() gazetteer {
	g := gazetteer{outside: cn}
	for _, a := range poolOfEight()[:7] {
		g[a] = sg
	}
	return g
}

// inTurn answers type A with the next of the addresses, from a server that is
// authoritative or not, at the time told by now.
func inTurn(list []netip.Addr, authoritative bool, now func() time.Time) func(residency.Question) residency.Observation {
	turn := 0
	return func(q residency.Question) residency.Observation {
		o := residency.Observation{Rcode: "NOERROR", Tailoring: residency.TailoringSpecific, Authoritative: authoritative, At: now()}
		if q.Type == "A" {
			o.Addresses = []residency.Answer{{Address: list[turn%len(list)], TTL: 5}}
			turn++
		}
		return o
	}
}

func one() []residency.ResolverStatus { return two()[:1] }

func fixed() time.Time { return start }

func TestDrawsFindTheWholePool(t *testing.T) {
	t.Parallel()
	e := &eyes{status: one(), see: inTurn(poolOfEight(), true, fixed)}
	eng := engine(e)
	eng.Locator = everyone()
	eng.Pool = &Pool{Settings: pool.Default()}
	var last, of int
	eng.Progress = func(done, total int) { last, of = done, total }
	run := eng.Run(t.Context())
	cell := run.Rounds[0].Cells[0]
	if cell.Verdict != residency.Outside || len(cell.Addresses) != 8 {
		t.Errorf("verdict %v with %d addresses, want outside with 8", cell.Verdict, len(cell.Addresses))
	}
	p := cell.Pool
	if p.Addresses != 8 || p.Pattern != residency.PatternRotation || p.Unseen != nil || p.OutsideBound != nil {
		t.Errorf("pool %+v", p)
	}
	// A: 1 and two bursts of 20; AAAA, which has none: 1 and one burst.
	if p.Draws != 62 || p.Draws != len(e.asked) || p.Draws != cell.Coverage.Looks || p.Least != 21 {
		t.Errorf("%d draws, %d asked, %d looks, least %d", p.Draws, len(e.asked), cell.Coverage.Looks, p.Least)
	}
	if cell.Coverage.Needs != 2 || cell.Coverage.Met != 2 || last != of {
		t.Errorf("coverage %+v, progress %d of %d", cell.Coverage, last, of)
	}
}

func TestWithoutPoolSettingsNothingIsAskedAgain(t *testing.T) {
	t.Parallel()
	e := &eyes{status: one(), see: inTurn(poolOfEight(), true, fixed)}
	cell := engine(e).Run(t.Context()).Rounds[0].Cells[0]
	if len(e.asked) != 2 || cell.Pool.Draws != 2 || cell.Pool.Unseen != nil || cell.Pool.Pattern != "" {
		t.Errorf("asked %d, pool %+v", len(e.asked), cell.Pool)
	}
}

func TestRecursivesAreNotAskedAgainByDefault(t *testing.T) {
	t.Parallel()
	mixed := func(q residency.Question) residency.Observation { return inTurn(poolOfEight(), false, fixed)(q) }
	e := &eyes{status: two(), see: mixed}
	var only []string
	authority := &eyes{status: two()[1:], see: inTurn(poolOfEight(), true, fixed)}
	eng := engine(e)
	eng.Locator = everyone()
	eng.Pool = &Pool{Settings: pool.Default(), Only: func(s residency.ResolverStatus) Observer {
		only = append(only, s.Name)
		return authority
	}}
	eng.Run(t.Context())
	if len(e.asked) != 2 || len(only) != 0 {
		t.Errorf("asked %d questions, then resolvers %v again, want none", len(e.asked), only)
	}
}

func TestOnlyTheServersThatWantItAreAskedAgain(t *testing.T) {
	t.Parallel()
	e := &eyes{status: two()}
	turns := inTurn(poolOfEight(), true, fixed)
	n := 0
	e.see = func(q residency.Question) residency.Observation {
		o := turns(q)
		o.Authoritative = n%2 == 1 // the second resolver
		n++
		return o
	}
	authority := &eyes{status: two()[1:], see: turns}
	var only []string
	eng := engine(e)
	eng.Locator = everyone()
	eng.Pool = &Pool{Settings: pool.Default(), Only: func(s residency.ResolverStatus) Observer {
		only = append(only, s.Name)
		return authority
	}}
	run := eng.Run(t.Context())
	if len(e.asked) != 2 || len(only) == 0 || slices.Contains(only, "g") {
		t.Errorf("asked %d questions first, then resolvers %v, want q alone", len(e.asked), only)
	}
	if got := run.Claims[0].Counts.Outside; got != 1 {
		t.Errorf("%d cells outside, want 1", got)
	}
}

// TestRecursiveDrawsWaitForTheTTL gives a recursive whose answers live for 5 s
// a minute: first look, and a draw each time it ran out.
func TestRecursiveDrawsWaitForTheTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		e := &eyes{status: one(), see: inTurn(poolOfEight(), false, time.Now)}
		eng := engine(e)
		eng.Locator, eng.Now = everyone(), time.Now
		eng.Pool = &Pool{Settings: pool.Default()}
		eng.Pool.Recursive, eng.Pool.Time = true, time.Minute
		from := time.Now()
		run := eng.Run(ctx)
		took := time.Since(from)
		// A every 5 s and up to a second for company; AAAA, of unknown life, not again.
		if p := run.Rounds[0].Cells[0].Pool; p.Draws != 12 || p.Addresses != 8 {
			t.Errorf("%d draws, %d addresses, want 12 and 8", p.Draws, p.Addresses)
		}
		if took > time.Minute || took < 50*time.Second || run.Partial {
			t.Errorf("took %v, partial %v", took, run.Partial)
		}
	})
}

func TestDrawsEndWithTheTimeAndTheRunIsWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		see := inTurn(poolOfEight()[:7], true, time.Now)
		e := &eyes{status: one(), see: func(q residency.Question) residency.Observation {
			time.Sleep(time.Second)
			return see(q)
		}}
		eng := engine(e)
		eng.Locator, eng.Now = everyone(), time.Now
		eng.Pool = &Pool{Settings: pool.Default()}
		from := time.Now()
		run := eng.Run(ctx)
		if run.Partial || run.Claims[0].Standing != residency.Holding {
			t.Errorf("partial %v, standing %v", run.Partial, run.Claims[0].Standing)
		}
		if p := run.Rounds[0].Cells[0].Pool; p.Draws < 20 || p.Draws > 24 || p.OutsideBound != nil {
			t.Errorf("%d draws in %v, bound %v", p.Draws, time.Since(from), p.OutsideBound)
		}
	})
}

func TestFailedDrawsAreCoverageAndAreGivenUp(t *testing.T) {
	t.Parallel()
	n := 0
	e := &eyes{status: one(), see: func(q residency.Question) residency.Observation {
		if n++; n > 2 {
			return residency.Observation{Failure: residency.FailTimeout}
		}
		return inTurn(poolOfEight()[:7], true, fixed)(q)
	}}
	eng := engine(e)
	eng.Locator = everyone()
	eng.Pool = &Pool{Settings: pool.Default()}
	run := eng.Run(t.Context())
	cell := run.Rounds[0].Cells[0]
	if cell.Verdict != residency.Inside || cell.Coverage.Failed != 40 || cell.Coverage.Looks != 42 || cell.Pool.Draws != 2 {
		t.Errorf("verdict %v, coverage %+v, %d draws", cell.Verdict, cell.Coverage, cell.Pool.Draws)
	}
}

func TestPerRunBoundsTheDraws(t *testing.T) {
	t.Parallel()
	e := &eyes{status: one(), see: inTurn(poolOfEight(), true, fixed)}
	eng := engine(e)
	eng.Pool = &Pool{Settings: pool.Default()}
	eng.Pool.PerRun = 25
	eng.Run(t.Context())
	if len(e.asked) != 27 {
		t.Errorf("asked %d, want 2 and 25 again", len(e.asked))
	}
}

// TestMemorySpreadsDrawsOverRuns lets an hourly watch draw a recursive once a
// run, and a day of it add up.
func TestMemorySpreadsDrawsOverRuns(t *testing.T) {
	t.Parallel()
	now := start
	clock := func() time.Time { return now }
	e := &eyes{status: one(), see: inTurn(poolOfEight()[:1], false, clock)}
	eng := engine(e)
	eng.Locator, eng.Now = everyone(), clock
	eng.Markets[0].Subnets = append(eng.Markets[0].Subnets, residency.ClientSubnet{Prefix: netip.MustParsePrefix("49.37.0.0/24")})
	eng.Types = []string{"A"}
	eng.Pool = &Pool{Settings: pool.Default(), Memory: map[string]*pool.Drawn{}, Window: 24 * time.Hour}
	for hour := range 30 {
		run := eng.Run(t.Context())
		p, c := run.Rounds[0].Cells[0].Pool, run.Claims[0]
		want := min(hour+1, 25)
		if p.Least != want {
			t.Fatalf("hour %d: least %d draws, want %d", hour, p.Least, want)
		}
		if known := p.OutsideBound != nil && p.Unseen != nil; known != (want >= pool.MinDraws) {
			t.Fatalf("hour %d: %d draws, unseen %v, bound %v", hour, want, p.Unseen, p.OutsideBound)
		} else if known && (c.OutsideBound == nil || math.Abs(*c.OutsideBound-pool.OutsideBound(want)) > 1e-9 || *c.Unseen != 0) {
			t.Fatalf("hour %d: the claim has %v", hour, c.OutsideBound)
		}
		now = now.Add(time.Hour)
	}
}

// TestPoolsOverRealSockets draws from the lab's servers with the real
// resolver: the one of eight is found in every run where the pool shows itself.
func TestPoolsOverRealSockets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind lab.PoolKind
		size int
		want residency.PoolPattern
	}{
		{lab.PoolWhole, 0, residency.PatternWholeSet},
		{lab.PoolRotate, 0, residency.PatternWholeSet},
		{lab.PoolRotate, 1, ""}, // packets overtake each other: turns, or no order seen
		{lab.PoolRotate, 3, ""},
		{lab.PoolRandom, 1, residency.PatternIndependent},
	} {
		t.Run(fmt.Sprintf("%s %d", tt.kind, tt.size), func(t *testing.T) {
			t.Parallel()
			s := &lab.Scenario{Name: "pool", Servers: []lab.Server{{Name: "ns", Authoritative: true}},
				Markets: []lab.Market{{Code: in, Subnets: []netip.Prefix{netip.MustParsePrefix("49.36.0.0/24"), netip.MustParsePrefix("49.37.0.0/24")}}},
				Answers: []lab.Answer{{Host: "a.example", Addresses: poolOfEight(), Pool: tt.kind, Size: tt.size}}}
			if tt.kind == lab.PoolRandom {
				s.Answers[0].Seed = 1
			}
			net, err := s.Serve(t.Context(), "127.0.0.1:0", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer net.Close()
			for run := range 8 {
				eng := engine(nil)
				eng.Observer = &resolve.Resolver{Servers: []resolve.Server{{Name: "ns", Addresses: []string{net.Servers[0].Addr}, Authoritative: true, PassesSubnets: true}}}
				eng.Locator, eng.Now, eng.Rand = everyone(), time.Now, rand.Reader
				eng.Markets = []residency.Market{{Code: in, Subnets: []residency.ClientSubnet{{Prefix: s.Markets[0].Subnets[0]}, {Prefix: s.Markets[0].Subnets[1]}}}}
				eng.Pool = &Pool{Settings: pool.Default()}
				cell := eng.Run(t.Context()).Rounds[0].Cells[0]
				p := cell.Pool
				t.Logf("run %d: %d draws, least %d, %d addresses, %q, turning %v: %s", run, p.Draws, p.Least, p.Addresses, p.Pattern, p.Turning, p.Words())
				if cell.Verdict != residency.Outside || p.Addresses != 8 {
					t.Errorf("run %d: %v, %d of 8 addresses in %d draws", run, cell.Verdict, p.Addresses, p.Draws)
				}
				if tt.want != "" && p.Pattern != tt.want || p.OutsideBound != nil {
					t.Errorf("run %d: pattern %q, want %q; bound %v", run, p.Pattern, tt.want, p.OutsideBound)
				}
			}
		})
	}
}
