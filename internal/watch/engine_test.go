package watch

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

var (
	in, sg, cn = residency.MustCountry("IN"), residency.MustCountry("SG"), residency.MustCountry("CN")
	inside     = netip.MustParseAddr("54.255.1.1")
	outside    = netip.MustParseAddr("42.62.48.9")
	start      = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

// eyes answers every question through two resolvers with what see says.
type eyes struct {
	status []residency.ResolverStatus
	see    func(q residency.Question) residency.Observation
	asked  []residency.Question
	probed residency.Question
}

func (e *eyes) Probe(_ context.Context, q residency.Question) []residency.ResolverStatus {
	e.probed = q
	return e.status
}

func (e *eyes) Observe(ctx context.Context, qs []residency.Question, done func(residency.Observation)) {
	for _, q := range slices.Backward(qs) { // any order
		e.asked = append(e.asked, q)
		for _, s := range e.status {
			o := e.see(q)
			o.Question, o.Resolver = q, s.Name
			if ctx.Err() != nil {
				o = residency.Observation{Question: q, Resolver: s.Name, Failure: residency.FailBudget}
			}
			done(o)
		}
	}
}

// gazetteer locates by a table.
type gazetteer map[netip.Addr]residency.Country

func (g gazetteer) Locate(addr netip.Addr, _ time.Time) residency.Location {
	s := residency.CountriesOf(g[addr])
	return residency.Location{Address: addr, Countries: s, Voices: []residency.Voice{
		{Name: "a", Countries: s}, {Name: "b", Countries: s},
	}}
}

func answer(addrs ...netip.Addr) func(residency.Question) residency.Observation {
	return func(q residency.Question) residency.Observation {
		o := residency.Observation{Rcode: "NOERROR", Tailoring: residency.TailoringSpecific}
		for _, a := range addrs {
			if a.Is4() == (q.Type == "A") {
				o.Addresses = append(o.Addresses, residency.Answer{Address: a, TTL: 60})
			}
		}
		return o
	}
}

func engine(e *eyes) *Engine {
	return &Engine{
		Observer: e,
		Locator:  gazetteer{inside: sg, outside: cn},
		Claims: []residency.Claim{{
			ID: "p", Vendor: "v", Services: []string{"s"}, Markets: []residency.Country{in},
			Regions: residency.Regions{Countries: residency.CountriesOf(sg)}, Due: start.Add(time.Hour),
			Floor: residency.Corroborated,
		}},
		Endpoints: []residency.Endpoint{
			{Vendor: "v", Service: "s", Host: "a.example"},
			{Vendor: "v", Service: "other", Host: "not-covered.example"},
		},
		Markets: []residency.Market{
			{Code: in, Subnets: []residency.ClientSubnet{{Prefix: netip.MustParsePrefix("49.36.0.0/24")}}},
			{Code: sg, Subnets: []residency.ClientSubnet{{Prefix: netip.MustParsePrefix("8.8.4.0/24")}}},
		},
		Header: residency.Run{Version: "test", Notice: "n"},
		Now:    func() time.Time { return start },
		Rand:   bytes.NewReader(make([]byte, 4)),
	}
}

func two() []residency.ResolverStatus {
	return []residency.ResolverStatus{
		{Name: "g", Server: "192.0.2.1:53", Answers: true, PassesSubnets: true, Declared: true},
		{Name: "q", Server: "192.0.2.2:53", Answers: true, PassesSubnets: true, Declared: true},
	}
}

func TestRunAsksOnlyWhatAClaimCovers(t *testing.T) {
	t.Parallel()
	e := &eyes{status: two(), see: answer(inside)}
	var last, of int
	eng := engine(e)
	eng.Progress = func(done, total int) { last, of = done, total }
	run := eng.Run(t.Context())
	if len(e.asked) != 2 || e.asked[0].Endpoint.Host != "a.example" || e.asked[0].Market != in {
		t.Errorf("asked %+v, want A and AAAA of a.example as IN", e.asked)
	}
	if last != 4 || of != 4 {
		t.Errorf("progress ended at %d of %d, want 4 of 4", last, of)
	}
	if run.ID != "20261122T120000Z-00000000" || run.Version != "test" || run.Simulated || run.Partial {
		t.Errorf("run %+v", run)
	}
	if len(run.Claims) != 1 || run.Claims[0].Standing != residency.Holding {
		t.Errorf("claims %+v, want one holding", run.Claims)
	}
	if !e.probed.Subnet.Prefix.IsValid() {
		t.Error("the probe carried no client subnet")
	}
}

func TestRunJudgesAtTheGivenTime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at   time.Time
		want residency.Standing
	}{
		{time.Time{}, residency.Pending},
		{start.Add(time.Hour), residency.Broken},
	} {
		eng := engine(&eyes{status: two(), see: answer(inside, outside)})
		eng.At = tt.at
		run := eng.Run(t.Context())
		if got := run.Claims[0].Standing; got != tt.want {
			t.Errorf("at %v: standing %v, want %v", tt.at, got, tt.want)
		}
		if run.Simulated != !tt.at.IsZero() {
			t.Errorf("at %v: simulated %v", tt.at, run.Simulated)
		}
	}
}

func TestRunEndedEarlyIsPartial(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	run := engine(&eyes{status: two(), see: answer(inside)}).Run(ctx)
	if !run.Partial || run.PartialBy != "the time budget ran out" {
		t.Errorf("partial %v by %q", run.Partial, run.PartialBy)
	}
	if run.Claims[0].Standing != residency.StandingUnknown || run.Claims[0].Counts.NotMeasured != 1 {
		t.Errorf("claims %+v, want unknown with one cell not measured", run.Claims)
	}
}

func TestRunSaysWhatResolversCannot(t *testing.T) {
	t.Parallel()
	down := []residency.ResolverStatus{
		{Name: "g", Server: "192.0.2.1:53", Failure: residency.FailTimeout, Text: "does not answer"},
	}
	run := engine(&eyes{status: down, see: func(residency.Question) residency.Observation {
		return residency.Observation{Failure: residency.FailTimeout}
	}}).Run(t.Context())
	if len(run.Notices) != 1 || !strings.HasPrefix(run.Notices[0], "no configured resolver answered: 192.0.2.1:53 (timeout)") {
		t.Errorf("notices %q", run.Notices)
	}
	strips := []residency.ResolverStatus{{Name: "g", Answers: true, Declared: true, Text: "keeps client subnets to itself"}}
	run = engine(&eyes{status: strips, see: func(q residency.Question) residency.Observation {
		o := answer(inside)(q)
		o.Tailoring = residency.TailoringNone
		return o
	}}).Run(t.Context())
	if len(run.Notices) != 2 || !strings.HasPrefix(run.Notices[0], "no configured resolver passes client subnets on") {
		t.Errorf("notices %q", run.Notices)
	}
	if got := run.Claims[0].Counts.NotMeasured; got != 1 {
		t.Errorf("%d cells not measured, want 1", got)
	}
}

func TestRunWithNothingToDo(t *testing.T) {
	t.Parallel()
	eng := engine(&eyes{status: two(), see: answer(inside)})
	eng.Endpoints = nil
	if run := eng.Run(t.Context()); len(run.Rounds) != 0 || run.Claims[0].Standing != residency.StandingUnknown {
		t.Errorf("run %+v, want a claim unknown and no rounds", run)
	}
}

// TestAWaiverCoversNoUnreadMemory: what cannot be told, as earlier runs cannot
// be read, may be outside where no waiver allows it.
func TestAWaiverCoversNoUnreadMemory(t *testing.T) {
	t.Parallel()
	for _, undue := range []bool{false, true} {
		s := newStory(t)
		s.Waivers = []residency.Waiver{{ID: "w", Claims: []string{s.Claims[0].ID}, Until: start.Add(1000 * time.Hour),
			Verdicts: []residency.Verdict{residency.Undetermined, residency.NotMeasured}}}
		s.at(t, 0, answer(outside))
		if run := s.at(t, 2, answer(outside)); run.Claims[0].Effective != residency.Broken {
			t.Fatalf("outside: %v", run.Claims[0].Effective)
		}
		if undue {
			s.Due = func(residency.Endpoint) bool { return false }
		}
		s.shelf.fail = "recall"
		if got := s.at(t, 2.5, answer(inside)).Claims[0]; got.Effective != residency.StandingUnknown || got.Counts.Waived == 0 {
			t.Errorf("undue %v: the memory cannot be read, and the claim is effectively %v", undue, got.Effective)
		}
	}
}
