package main

import (
	"slices"
	"testing"
	"time"

	"residency/internal/config"
	"residency/internal/report"
	"residency/internal/residency"
)

// replayed judges a store again that an engine filled.
func replayed(t *testing.T, w *watched, r *replaying) report.Replay {
	t.Helper()
	r.store, r.progress = w.store, func(int, int) {}
	if r.judge == nil {
		r.judge = &judge{}
	}
	if err := r.all(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.result(&config.Config{})
}

// TestReplayAsItWas: nothing comes out otherwise when nothing is other than it
// was, and what changed over time is what the history says.
func TestReplayAsItWas(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		w := watchedStore(t, seed, 30)
		out := replayed(t, w, &replaying{})
		if len(out.Standings)+len(out.Results) > 0 || out.Runs != 30 || out.Rounds < 120 || out.Gone > 0 {
			t.Errorf("seed %d: %d runs, %d rounds; differences %+v, %+v", seed, out.Runs, out.Rounds, out.Standings, out.Results)
		}
		var causes []residency.Cause
		for _, c := range out.Changes {
			causes = append(causes, c.Causes...)
		}
		for _, want := range []residency.Cause{residency.CauseMoved, residency.CauseDue} {
			if !slices.Contains(causes, want) {
				t.Errorf("seed %d: no change over time is %q: %q", seed, want, causes)
			}
		}
	}
}

// policyOf is the policy of the tests' store with its claims changed.
func policyOf(w *watched, change func(*residency.Claim)) *otherPolicy {
	o := &otherPolicy{endpoints: map[string]residency.Endpoint{}, markets: map[residency.Country]residency.Market{}}
	for _, c := range w.engine.Claims {
		change(&c)
		o.claims = append(o.claims, c)
	}
	for _, e := range w.engine.Endpoints {
		o.endpoints[e.Key()] = e
	}
	for _, m := range w.engine.Markets {
		o.markets[m.Code] = m
	}
	return o
}

func TestReplayByAnotherPolicy(t *testing.T) {
	t.Parallel()
	w := watchedStore(t, 2, 30)
	same := replayed(t, w, &replaying{factor: residency.CausePolicy, other: policyOf(w, func(*residency.Claim) {})})
	if len(same.Standings)+len(same.Results) > 0 {
		t.Errorf("the same policy comes out otherwise: %+v, %+v", same.Standings, same.Results)
	}
	wide := replayed(t, w, &replaying{factor: residency.CausePolicy, only: []string{"promise"}, other: policyOf(w, func(c *residency.Claim) {
		c.Regions.Countries = c.Regions.Countries.With(residency.MustCountry("CN"))
	})})
	if len(wide.Results) == 0 || len(wide.Standings) == 0 {
		t.Fatal("China is approved, and nothing comes out otherwise")
	}
	for _, c := range wide.Results {
		if c.Claim != "promise" || c.After == "outside" || c.Before == c.After || !slices.Equal(c.Causes, []residency.Cause{residency.CausePolicy}) || c.Last.Before(c.First) || c.Runs < 1 {
			t.Errorf("%+v", c)
		}
	}
	for _, c := range wide.Standings {
		if c.After == "broken" || c.After == "pending" {
			t.Errorf("%+v", c)
		}
	}
	for _, c := range wide.Changes {
		for _, result := range c.Results {
			if result.After == residency.Outside {
				t.Errorf("over time: %+v", c)
			}
		}
	}
	// A market that nobody looked as cannot be inside.
	more := replayed(t, w, &replaying{factor: residency.CausePolicy, other: policyOf(w, func(c *residency.Claim) {
		c.Markets = append(slices.Clone(c.Markets), residency.MustCountry("TW"))
		c.Regions = residency.Regions{Any: true}
		c.Never = residency.Countries{}
	})})
	taiwan := 0
	for _, c := range more.Results {
		if c.Market == residency.MustCountry("TW") {
			taiwan++
			if c.Before != "" || c.After != "not_measured" {
				t.Errorf("Taiwan, which was not asked: %+v", c)
			}
		}
	}
	if taiwan == 0 {
		t.Error("nothing is said of a market that was not asked")
	}
	for _, c := range more.Standings {
		if c.After == "holding" {
			t.Errorf("a claim about a market that nobody looked as is holding: %+v", c)
		}
	}
	// A host that nobody looked at cannot either.
	o := policyOf(w, func(*residency.Claim) {})
	f := residency.Endpoint{Vendor: "v", Service: "s", Host: "f.example.com"}
	o.endpoints[f.Key()] = f
	if out := replayed(t, w, &replaying{factor: residency.CausePolicy, other: o}); out.NotLooked != 1 {
		t.Errorf("%d endpoints were not looked at, want 1", out.NotLooked)
	}
}

func TestReplayWithOtherData(t *testing.T) {
	t.Parallel()
	w := watchedStore(t, 2, 30)
	relocate := func(was residency.Location) residency.Location {
		sg := residency.CountriesOf(residency.MustCountry("SG"))
		return residency.Location{Address: was.Address, Countries: sg, Voices: []residency.Voice{{Name: "a", Countries: sg}, {Name: "b", Countries: sg}}}
	}
	out := replayed(t, w, &replaying{factor: residency.CauseReclassified, judge: &judge{relocate: relocate}})
	if len(out.Results) == 0 {
		t.Fatal("everything is in Singapore, and nothing comes out otherwise")
	}
	for _, c := range out.Results {
		if c.After == "outside" || !slices.Equal(c.Causes, []residency.Cause{residency.CauseReclassified}) {
			t.Errorf("%+v", c)
		}
	}
}

func TestReplayAtAnotherDate(t *testing.T) {
	t.Parallel()
	w := watchedStore(t, 2, 6) // before the promise is due
	before := replayed(t, w, &replaying{})
	if len(before.Standings) > 0 {
		t.Fatalf("%+v", before.Standings)
	}
	due := w.engine.Claims[0].Due
	same := replayed(t, w, &replaying{factor: residency.CauseDue, at: due.Add(-time.Second)})
	if len(same.Standings)+len(same.Results) > 0 || same.Runs != 1 {
		t.Errorf("a second before the date: %+v, %+v", same.Standings, same.Results)
	}
	out := replayed(t, w, &replaying{factor: residency.CauseDue, at: due})
	if len(out.Results) > 0 || len(out.Standings) != 1 {
		t.Fatalf("on the date: %+v, %+v", out.Standings, out.Results)
	}
	if c := out.Standings[0]; c.Claim != "promise" || c.Before != "pending" || c.After != "broken" || !slices.Equal(c.Causes, []residency.Cause{residency.CauseDue}) {
		t.Errorf("on the date: %+v", c)
	}
}

// TestReplayOfAPeriod: what comes out in a part of the time is what comes out
// of it in all of the time.
func TestReplayOfAPeriod(t *testing.T) {
	t.Parallel()
	w := watchedStore(t, 1, 40)
	from := scriptClock.Add(14 * time.Hour)
	out := replayed(t, w, &replaying{from: from})
	if out.Runs == 0 || out.Runs >= 40 || out.From.Before(from) {
		t.Errorf("%d runs from %v", out.Runs, out.From)
	}
	for _, c := range out.Results {
		t.Errorf("%+v", c)
	}
}
