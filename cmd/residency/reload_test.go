package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"residency/internal/config"
	"residency/internal/policy"
	"residency/internal/residency"
)

func TestReloader(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var mu sync.Mutex
		hash, wrong := "one", error(nil)
		set := func(h string, err error) func() {
			return func() { mu.Lock(); hash, wrong = h, err; mu.Unlock() }
		}
		demand := make(chan os.Signal, 1)
		r := &reloader{path: path, every: 30 * time.Second, inUse: "one", demand: demand,
			log: slog.New(slog.NewTextHandler(&log, nil)),
			load: func(string) (*config.Config, error) {
				mu.Lock()
				defer mu.Unlock()
				return &config.Config{SHA256: hash}, wrong
			},
		}
		begun, ended := 0, 0 // as the service manager counts
		r.told, r.kept = func() { begun++ }, func() { ended++ }
		begin := time.Now()
		time.AfterFunc(45*time.Second, set("two", errors.New("config.toml:1:1: unknown key")))
		time.AfterFunc(105*time.Second, func() { demand <- os.Interrupt })
		time.AfterFunc(200*time.Second, set("two", nil))
		cfg := r.wait(t.Context())
		if cfg == nil || cfg.SHA256 != "two" || time.Since(begin) != 210*time.Second {
			t.Errorf("wait = %v after %v, want the second configuration after 3m30s", cfg, time.Since(begin))
		}
		// Seen wrong at 60 s, said again on demand at 105 s, and not at 90, 120 ...
		if n := strings.Count(log.String(), "is wrong"); n != 2 {
			t.Errorf("said %d times to be wrong, want 2:\n%s", n, log.String())
		}
		if !strings.Contains(log.String(), "in_use=one") || !strings.Contains(log.String(), "before=one") {
			t.Errorf("log does not name the configuration in use:\n%s", log.String())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		demand <- os.Interrupt
		if cfg := r.wait(ctx); cfg != nil {
			t.Errorf("wait without a change = %v", cfg)
		}
		if !strings.Contains(log.String(), "has not changed") {
			t.Errorf("a demand without a change is not answered:\n%s", log.String())
		}
		if begun != 2 || ended != 2 {
			t.Errorf("%d readings on demand begun and %d ended, want 2 and 2: nobody is to wait for ever", begun, ended)
		}
	})
}

// TestJudgedOtherwise: the rules of another version of the program are as another
// configuration.
func TestJudgedOtherwise(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		config string
		rules  int
		want   bool
	}{{"a", policy.Version, false}, {"b", policy.Version, true}, {"a", policy.Version - 1, true}, {"a", policy.Version + 1, true}} {
		run := residency.Run{ConfigSHA256: tt.config, Rules: tt.rules}
		if got := judgedOtherwise(run, "a"); got != tt.want {
			t.Errorf("judgedOtherwise(%s, rules %d) = %v, want %v", tt.config, tt.rules, got, tt.want)
		}
	}
}

// TestAnotherClaimIsLookedAt: a claim that is stricter in a new configuration
// does not stand by what was found inside for the old one, when something is due
// to be judged before the next check.
func TestAnotherClaimIsLookedAt(t *testing.T) {
	t.Parallel()
	st := newStage(t, day("2015-01-26", 8), oneSubnet)
	daily := strings.Replace(faultConfig, "0 * * * *", "0 9 * * *", 1)
	waiver := "[[waiver]]\nid = \"w\"\nowner = \"a\"\napprover = \"b\"\nreason = \"c\"\nclaims = [\"phase-2a\"]\nverdicts = [\"not_measured\"]\nfrom = 2015-01-01\nuntil = 2015-01-26\n"
	latest := func() residency.Run {
		s, err := st.e.openStore(t.Context(), st.d.cfg, "test")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		runs, err := s.LastRuns(t.Context(), 1)
		if err != nil || len(runs) == 0 {
			t.Fatalf("%d runs, %v", len(runs), err)
		}
		return runs[0]
	}
	st.acts = []act{{day("2015-01-26", 12), func(st *stage) {
		if c := latest().Claims[0]; c.Standing != residency.Holding {
			t.Fatalf("%s is %v before it changes, want holding", c.Claim.ID, c.Standing)
		}
		st.base = strings.Replace(st.base, `regions = ["US", "SG"]`, `regions = ["US"]`, 1)
		st.change(daily + waiver)
		run := latest()
		cfg, err := st.e.loader().Load(st.d.cfg.Path)
		if err != nil {
			t.Fatal(err)
		}
		run.Claims[2].Standing, cfg.Claims[2].Floor = residency.Broken, residency.Proven // all of it waived
		unjudged(&run, cfg.Claims)
		if c := run.Claims[2]; c.Standing != residency.Broken || c.Effective != residency.StandingUnknown {
			t.Errorf("status of one that was broken and waived: %v, effectively %v", c.Standing, c.Effective)
		}
		if a, b := run.Claims[0], run.Claims[1]; a.Standing != residency.StandingUnknown || b.Standing != residency.Holding || len(run.Claims) != 3 {
			t.Errorf("status before the next check: %s %v, %s %v, want unknown and holding", a.Claim.ID, a.Standing, b.Claim.ID, b.Standing)
		}
	}}}
	st.play(st.configure(daily+waiver), day("2015-01-27", 2))
	run := latest()
	if c := run.Claims[0]; run.At.Before(day("2015-01-27")) || c.Standing == residency.Holding {
		t.Errorf("at %v (reassessed: %v) %s is %v, which no look says of it", run.At, run.Reassessed, c.Claim.ID, c.Standing)
	}
}

// TestANarrowerWaiver: what a waiver covered at the check is not excepted by one
// of the same name that covers something else by now.
func TestANarrowerWaiver(t *testing.T) {
	t.Parallel()
	was := residency.Waiver{ID: "w", Claims: []string{"c"}, Until: scriptClock.Add(time.Hour),
		Verdicts: []residency.Verdict{residency.Outside}, Countries: residency.CountriesOf(residency.MustCountry("CN"), residency.MustCountry("KR"))}
	longer, narrower := was, was
	longer.Until, narrower.Countries = was.Until.Add(time.Hour), residency.CountriesOf(residency.MustCountry("KR"))
	for _, tt := range []struct {
		now  residency.Waiver
		want residency.Standing
	}{{was, residency.Holding}, {longer, residency.Holding}, {narrower, residency.Broken}} {
		run := residency.Run{Waivers: []residency.Waiver{was}, Claims: []residency.ClaimStanding{{
			Claim: residency.Claim{ID: "c"}, Standing: residency.Broken, Effective: residency.Holding, Waived: []string{"w"}}}}
		waiversNow(&run, []residency.Waiver{tt.now}, scriptClock)
		if got := run.Claims[0].Effective; got != tt.want {
			t.Errorf("with a waiver for %v until %v: effectively %v, want %v", tt.now.Countries.Codes(), tt.now.Until, got, tt.want)
		}
	}
}
