package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"residency/internal/ledger"
	"residency/internal/residency"
	"residency/internal/store"
)

// TestVerifyAfterChanges: a history that is honest verifies, also where the
// clock was set back, where rounds were deleted because of their age, and where
// other claims, markets and endpoints were judged from one run to the next.
func TestVerifyAfterChanges(t *testing.T) {
	t.Parallel()
	changes := map[string]func(t *testing.T, w *watched, rng *rand.Rand, first watched){
		"clock": func(_ *testing.T, w *watched, rng *rand.Rand, _ watched) {
			w.now = w.now.Add(-time.Duration(rng.IntN(300)) * time.Minute)
		},
		"configuration": reconfigure,
		"retention": func(t *testing.T, w *watched, rng *rand.Rand, first watched) {
			prune(t, w, rng, first, nil)
		},
		"retention and a hold": func(t *testing.T, w *watched, rng *rand.Rand, first watched) {
			prune(t, w, rng, first, func(e residency.Endpoint) bool { return e.Host == "a.example.com" })
		},
	}
	for name, change := range changes {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) {
				t.Parallel()
				w := watchedStore(t, seed, 2)
				engine := *w.engine
				first := watched{engine: &engine}
				rng := rand.New(rand.NewPCG(seed, 7))
				w.engine.Rand = rand.NewChaCha8([32]byte{byte(seed)}) // ids, also of the same second
				for i := range 40 {
					if rng.IntN(3) == 0 {
						change(t, w, rng, first)
					}
					w.run(t, rng, i)
				}
				if _, err := w.signer.Sign(t.Context()); err != nil {
					t.Fatal(err)
				}
				if code, out := w.verify(t, w.path, "--key", w.key.Public().String()); code != 0 {
					t.Errorf("verify: exit %d\n%s", code, out)
				}
			})
		}
	}
}

// reconfigure judges some of the endpoints, markets and claims there were at
// first, the claims by other regions now and then.
func reconfigure(_ *testing.T, w *watched, rng *rand.Rand, first watched) {
	e, was := w.engine, first.engine
	if rng.IntN(3) == 0 {
		e.Endpoints = was.Endpoints[:1+rng.IntN(len(was.Endpoints))]
	}
	e.Claims = slices.Clone(was.Claims[:1+rng.IntN(len(was.Claims))])
	if rng.IntN(3) == 0 {
		e.Markets = slices.Clone(was.Markets[:1+rng.IntN(len(was.Markets))])
	}
	if rng.IntN(2) == 0 {
		e.Claims[0].Regions.Countries = residency.CountriesOf(residency.MustCountry("CN"))
	}
	if rng.IntN(6) == 0 {
		e.Markets = slices.Clone(was.Markets)
		e.Markets[0].Subnets = was.Markets[1].Subnets
	}
}

// prune deletes what is older than some hours, and takes out endpoints or has
// them back, so that whole endpoints grow old.
func prune(t *testing.T, w *watched, rng *rand.Rand, first watched, held func(residency.Endpoint) bool) {
	all := first.engine.Endpoints
	w.engine.Endpoints = all[:1+rng.IntN(len(all))]
	p := store.Pruning{Before: w.now.Add(-time.Duration(4+rng.IntN(4)) * time.Hour), By: "x", Reason: "retention", Held: held}
	if _, err := w.store.Prune(t.Context(), p); err != nil {
		t.Error(err)
	}
	if checked, err := w.store.Check(t.Context()); err != nil || len(checked.Problems) > 0 {
		t.Errorf("store check: %v, %q", err, checked.Problems)
	}
}

// TestBundleOfWhatIsLeft: a bundle of the runs after those that were deleted
// because of their age verifies, though the packets before them are gone.
func TestBundleOfWhatIsLeft(t *testing.T) {
	t.Parallel()
	w := watchedStore(t, 5, 24)
	p := store.Pruning{Before: w.now.Add(-5 * time.Hour), By: "x", Reason: "retention"}
	done, err := w.store.Prune(t.Context(), p)
	if err != nil || done.Spans == 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := w.signer.Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := w.bundle(t, done.LastSeq+1, 24)
	if code, out := w.verify(t, path, "--key", w.key.Public().String()); code != 0 {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

// bundle writes a bundle of every endpoint and some runs, and returns its path.
func (w *watched) bundle(t *testing.T, from, to int64) string {
	t.Helper()
	cps, err := w.store.Checkpoints(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bundle.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	b := ledger.Bundler{Log: w.store, Checkpoints: cps, Runs: sealedRuns{w.store}, Names: namedBy, First: from, Last: to}
	for _, e := range w.engine.Endpoints {
		b.Endpoints = append(b.Endpoints, e.Key())
	}
	if _, err := b.WriteZip(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBundleAfterTheClockWasSetBack: a bundle has all the runs that its verdicts
// rest on, also where those stand in the log after runs that are later by the
// clock, or look back further than the run before them.
func TestBundleAfterTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := watchedStore(t, seed, 2)
			rng := rand.New(rand.NewPCG(seed, 9))
			w.engine.Rand = rand.NewChaCha8([32]byte{byte(seed)})
			for i := range 40 {
				if rng.IntN(5) == 0 {
					w.now = w.now.Add(-time.Duration(rng.IntN(300)) * time.Minute)
				}
				w.run(t, rng, i)
			}
			if _, err := w.signer.Sign(t.Context()); err != nil {
				t.Fatal(err)
			}
			for first := int64(5); first < 42; first += 6 {
				path := w.bundle(t, first, min(first+3, 42))
				if code, out := w.verify(t, path, "--key", w.key.Public().String()); code != 0 {
					t.Errorf("from run %d on: exit %d\n%s", first, code, out)
				}
			}
		})
	}
}
