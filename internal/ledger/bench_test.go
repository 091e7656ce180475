package ledger

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// BenchmarkRunLeaf is what sealing adds to a run, for each round of it.
func BenchmarkRunLeaf(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		rounds := make([]residency.RoundSeal, n)
		for i := range rounds {
			rounds[i] = residency.RoundSeal{Endpoint: fmt.Sprintf("acme/api/%07d.example.com", i), Sight: residency.HashOf(fmt.Append(nil, i)), Judgement: residency.HashOf(fmt.Append(nil, i/7))}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := RunLeaf(testRun(1), rounds); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/round")
		})
	}
}

// BenchmarkLog grows a log of run leaves to a tenth of a million and to a
// million, and measures appending, proving and verifying at each size. Run it
// with -benchtime=1x.
func BenchmarkLog(b *testing.B) {
	for _, n := range []int64{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				benchLog(b, n)
			}
		})
	}
}

func benchLog(b *testing.B, n int64) {
	ctx := context.Background()
	m, key := newMemory(), testKey(b, 1)
	var last time.Duration // for the last tenth
	start := time.Now()
	for i := range n {
		run := testRun(i + 1)
		leaf, err := RunLeaf(run, nil)
		if err != nil {
			b.Fatal(err)
		}
		if i == n-n/10 {
			last = time.Since(start)
		}
		if err := m.append(leaf); err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(start)
	b.ReportMetric(float64(took.Nanoseconds())/float64(n), "ns/leaf")
	b.ReportMetric(float64((took-last).Nanoseconds())/float64(n/10), "ns/leaf-of-last-tenth")
	root, err := Root(ctx, m, n)
	if err != nil {
		b.Fatal(err)
	}
	cp, err := key.Sign(n, root, day)
	if err != nil {
		b.Fatal(err)
	}
	start = time.Now()
	const proofs = 1000
	for i := range int64(proofs) {
		at := i * n / proofs
		path, err := tlog.ProveRecord(n, at, hashesOf(ctx, m))
		if err == nil {
			err = tlog.CheckRecord(path, n, tlog.Hash(cp.Root), at, tlog.RecordHash(m.leaves[at]))
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/proofs, "ns/proof")
	start = time.Now()
	v := Verifier{Workers: 2, Log: m, Kept: []residency.Checkpoint{cp}, Keys: []Public{key.Public()}}
	if _, err := v.Verify(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(n), "ns/leaf-verified")
}
