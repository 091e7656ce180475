package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"residency/internal/ledger"
	"residency/internal/residency"
)

// BenchmarkEvidence measures what is made of a long time of one claim: five
// endpoints in two markets, looked at 3,000 times (four months of every hour),
// with something new now and then. All of it grows with the runs: a year takes
// three times as long. Filling the store takes most of a minute.
func BenchmarkEvidence(b *testing.B) {
	w := watchedStore(b, 1, 0)
	w.engine.Observer.(*chance).rate = 4000
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		w.run(b, rng, i)
	}
	if _, err := w.signer.Sign(b.Context()); err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	e := testEnv(&out, &out)
	dir := b.TempDir()
	path := filepath.Join(dir, "last.zip")
	b.Run("bundle", func(b *testing.B) {
		for i := range b.N {
			p := packing{store: w.store}
			if err := p.choose(b.Context(), bundleFlags{claim: "promise"}); err != nil {
				b.Fatal(err)
			}
			path = filepath.Join(dir, fmt.Sprintf("%d-%d.zip", b.N, i))
			if err := e.pack(b.Context(), &p, path); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if err := e.verifyPath(b.Context(), path, verifyFlags{}, []ledger.Public{w.key.Public()}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("replay", func(b *testing.B) {
		for b.Loop() {
			r := &replaying{store: w.store, judge: &judge{}, progress: func(int, int) {}, factor: residency.CausePolicy,
				other: policyOf(w, func(c *residency.Claim) { c.Regions.Any = true })}
			if err := r.all(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(r.out.Rounds), "rounds")
		}
	})
	b.Log(out.String())
}
