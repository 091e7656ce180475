//go:build unix

package store_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/store/storetest"
)

// batchSize is that of the engine.
const batchSize = 1000

// perEndpoint is how many cells an endpoint has in the case we ship: one claim
// in seven markets. What costs is counted by cell.
const perEndpoint = 7

// bulk returns a round of about the size that an endpoint of seven markets has:
// two client subnets, two record types and two resolvers each.
func bulk(n, version, run int) residency.KeptRound {
	r := storetest.Round(n, version, run)
	var sight, judgement, packets []byte
	for m := range perEndpoint {
		judgement = fmt.Appendf(judgement, `,{"claim":"c","market":"M%d","verdict":"inside","grade":"corroborated","addresses":[{"address":"192.0.2.%d","side":"inside","grade":"corroborated","tailoring":"specific","resolvers":["google","quad9"]}],"coverage":{"needs":2,"met":2}}`, m, (n*31+version)%250)
		for l := range 8 {
			sight = fmt.Appendf(sight, `,{"market":"M%d","subnet":"10.%d.%d.0/24","type":"A","resolver":"google","operator":"google.com","rcode":"NOERROR","tailoring":"specific","scope":24,"chain":[],"addresses":["192.0.2.%d"]}`, m, m, l, (n*31+version)%250)
			packets = fmt.Appendf(packets, "%016x%032x%016x%s%08x", (n+1)*7919*(run+1), (n+3)*(run+7)*(l+1)*104729, m, r.Endpoint.Host, run)
		}
	}
	r.Sight, r.Judgement, r.Packets = append(r.Sight, sight...), append(r.Judgement, judgement...), packets
	return r
}

// cpu returns the processor time that the process has used: on a machine that
// does other things too, the clock on the wall says little.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// runOf makes one run over endpoints, recalled, saved and ended, with the
// version that version says of each, and returns the processor time of each.
func runOf(b *testing.B, s *store.Store, run, endpoints int, version func(n int) int) (recall, save, end time.Duration) {
	b.Helper()
	ctx := b.Context()
	seq, err := s.Begin(ctx, storetest.RunAt(run))
	if err != nil {
		b.Fatal(err)
	}
	rounds, keys := make([]residency.KeptRound, 0, batchSize), make([]string, 0, batchSize)
	for from := 0; from < endpoints; from += batchSize {
		rounds, keys = rounds[:0], keys[:0]
		for n := from; n < min(from+batchSize, endpoints); n++ {
			rounds = append(rounds, bulk(n, version(n), run))
			keys = append(keys, rounds[len(rounds)-1].Endpoint.Key())
		}
		begin := cpu(b)
		if _, err := s.Recall(ctx, keys, storetest.RunAt(run).At.Add(-24*time.Hour)); err != nil {
			b.Fatal(err)
		}
		recalled := cpu(b)
		if err := s.Save(ctx, seq, residency.Batch{Rounds: rounds}); err != nil {
			b.Fatal(err)
		}
		recall, save = recall+recalled-begin, save+cpu(b)-recalled
	}
	begin := cpu(b)
	if err := s.End(ctx, seq, residency.RunEnd{Run: storetest.RunAt(run)}); err != nil {
		b.Fatal(err)
	}
	return recall, save, cpu(b) - begin
}

// bytesOf returns the size of a store's file when its log is empty.
func bytesOf(b *testing.B, s *store.Store) float64 {
	b.Helper()
	if err := s.Exec(b.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(s.Path())
	if err != nil {
		b.Fatal(err)
	}
	return float64(info.Size())
}

// large reports whether there is time for what takes minutes and gigabytes:
// RESIDENCY_BENCH=large go test -run xxx -bench . ./internal/store
func large() bool { return os.Getenv("RESIDENCY_BENCH") == "large" }

// BenchmarkRuns measures the processor time of a run by cell: the first one, one
// in which nothing changed, and one in which a part did.
func BenchmarkRuns(b *testing.B) {
	for _, cells := range []int{10_000, 100_000, 1_000_000} {
		if cells > 100_000 && !large() {
			continue
		}
		endpoints := cells / perEndpoint
		b.Run(fmt.Sprintf("cells=%d", cells), func(b *testing.B) {
			dir := b.TempDir()
			s := open(b, dir)
			defer s.Close()
			same := func(int) int { return 0 }
			start := time.Now()
			_, save, end := runOf(b, s, 1, endpoints, same)
			b.Logf("first: save %.2f end %.2f us/cell, whole %v, %.0f bytes/cell", us(save, cells), us(end, cells), time.Since(start).Round(time.Millisecond), bytesOf(b, s)/float64(cells))
			before := bytesOf(b, s)
			run := 1
			for b.Loop() {
				run++
				recall, save, end := runOf(b, s, run, endpoints, same)
				b.ReportMetric(us(recall, cells), "recall-us/cell")
				b.ReportMetric(us(save, cells), "save-us/cell")
				b.ReportMetric(us(end, cells), "end-us/cell")
			}
			b.ReportMetric((bytesOf(b, s)-before)/float64(cells)/float64(run-1), "growth-B/cell")
			recall, save, end := runOf(b, s, run+1, endpoints, func(n int) int { return n % 10 / 9 }) // one in ten
			b.Logf("a tenth changed: recall %.2f save %.2f end %.2f us/cell, %.1f us a changed endpoint", us(recall, cells), us(save, cells), us(end, cells), us(save, endpoints/10))
			recall, save, end = runOf(b, s, run+2, endpoints, func(n int) int { return 2 }) // all
			b.Logf("all changed: recall %.2f save %.2f end %.2f us/cell, %.1f us a changed endpoint", us(recall, cells), us(save, cells), us(end, cells), us(save, endpoints))
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.Logf("Go memory from the system %d MiB; process at most %d MiB", m.Sys>>20, peak()>>20)
		})
	}
}

func us(d time.Duration, n int) float64 { return float64(d) / float64(time.Microsecond) / float64(n) }

// peak returns the most memory that the process has had, 0 when not known.
func peak() (bytes int64) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	return 0
}

// BenchmarkHistory reads the history of one endpoint that changed every day of
// a year, among others.
func BenchmarkHistory(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir)
	defer s.Close()
	for day := range 365 {
		runOf(b, s, day*96+1, 20, func(n int) int { return day * (1 - min(n, 1)) })
	}
	key := storetest.Endpoint(0).Key()
	for b.Loop() {
		spans, err := s.Spans(b.Context(), key, time.Time{}, time.Time{})
		if err != nil || len(spans) != 365 {
			b.Fatalf("Spans = %d, %v", len(spans), err)
		}
	}
}

// BenchmarkOpen opens a store, of more than 2 GB where there is time to make it.
func BenchmarkOpen(b *testing.B) {
	dir, endpoints := b.TempDir(), 10_000/perEndpoint
	if large() {
		endpoints *= 100
	}
	s := open(b, dir)
	for run := range 10 {
		runOf(b, s, run+1, endpoints, func(int) int { return run })
	}
	size := bytesOf(b, s)
	s.Close()
	for b.Loop() {
		s := open(b, dir)
		if _, err := s.LastRuns(b.Context(), 1); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Claims(b.Context()); err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
	b.ReportMetric(size/(1<<20), "MiB")
}
