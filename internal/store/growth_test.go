package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/store/storetest"
)

// fileSize returns the size of the store's file when its log is empty.
func fileSize(t *testing.T, s *store.Store) int64 {
	t.Helper()
	if err := s.Exec(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestUnchangedRunsCostNothing holds the growth of the file by a run in which
// nothing changed to some hundred bytes, however many endpoints it looked at.
func TestUnchangedRunsCostNothing(t *testing.T) {
	t.Parallel()
	for _, endpoints := range []int{10, 800} {
		o := options()
		o.Log = store.Log{} // a leaf has its own size
		s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "residency.db"), o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		run := func(n int) {
			var rounds []residency.KeptRound
			for e := range endpoints {
				rounds = append(rounds, storetest.Round(e, 2, n))
			}
			storetest.Do(t, s, n, rounds...)
		}
		for n := 1; n <= 3; n++ { // the latest packets of each endpoint have their place then
			run(n)
		}
		before := fileSize(t, s)
		const runs, most = 30, 500 // bytes a run
		for n := 4; n < 4+runs; n++ {
			run(n)
		}
		if grown := (fileSize(t, s) - before) / runs; grown > most {
			t.Errorf("a run over %d endpoints that showed nothing new takes %d bytes, more than %d", endpoints, grown, most)
		}
	}
}

// TestPacketsKept keeps the first packets of a span and the latest: in every
// run for the first thousand endpoints, else once a day.
func TestPacketsKept(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	const endpoints, step, last = 1100, 10, 201 // a little more than two days
	for n := 1; n <= last; n += step {
		var rounds []residency.KeptRound
		for e := range endpoints {
			rounds = append(rounds, storetest.Round(e, 2, n))
		}
		storetest.Do(t, s, n, rounds...)
	}
	first, latest, err := s.Packets(t.Context(), storetest.Endpoint(100).Key(), 1)
	if err != nil || first.Seq != 1 || string(first.Body) != string(storetest.Round(100, 2, 1).Packets) {
		t.Errorf("first packets = %+v, %v, want those of run 1", first, err)
	}
	if string(latest.Body) != string(storetest.Round(100, 2, last).Packets) || !latest.At.Equal(storetest.RunAt(last).At) {
		t.Errorf("latest packets = %+v, want those of the last run", latest)
	}
	stale := 0
	for e := everyRun; e < endpoints; e++ {
		_, latest, err := s.Packets(t.Context(), storetest.Endpoint(e).Key(), 1)
		age := storetest.RunAt(last).At.Sub(latest.At)
		if err != nil || age > 24*time.Hour+step*15*time.Minute {
			t.Errorf("latest packets of endpoint %d are %v old (%v), want about a day at most", e, age, err)
		}
		if age > 0 {
			stale++
		}
	}
	if stale < (endpoints-everyRun)/2 {
		t.Errorf("of %d endpoints only %d have packets that are not of the last run", endpoints-everyRun, stale)
	}
	if _, _, err := s.Packets(t.Context(), storetest.Endpoint(1).Key(), 7); err == nil {
		t.Error("Packets of a span that did not begin there succeeded")
	}
}

// everyRun is for how many endpoints each run keeps the packets.
const everyRun = 1000
