package store_test

import (
	"database/sql"
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/store/storetest"
)

// readable holds the sights of rounds to being found by their hashes.
func readable(t *testing.T, s *store.Store, rounds ...residency.KeptRound) {
	t.Helper()
	for _, r := range rounds {
		if got, err := s.Bodies(t.Context(), []residency.Hash{residency.HashOf(r.Sight)}); err != nil || len(got) != 1 {
			t.Errorf("Bodies(sight of %s) = %d, %v", r.Endpoint.Key(), len(got), err)
		}
	}
}

// begun begins a run and saves a round of it, and does not end it. It returns the
// run's number.
func begun(t *testing.T, s *store.Store, n int, round residency.KeptRound) int64 {
	t.Helper()
	seq, err := s.Begin(t.Context(), storetest.RunAt(n))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), seq, residency.Batch{Rounds: []residency.KeptRound{round}}); err != nil {
		t.Fatal(err)
	}
	return seq
}

// upTo returns the last block whose bodies have tags.
func upTo(t *testing.T, s *store.Store) (n int64) {
	t.Helper()
	db, err := sql.Open("sqlite", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("SELECT up_to FROM tagged").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBodiesWithoutTags finds the bodies of a run under way, whose tags are not
// written yet, also when nobody ever ends it.
func TestBodiesWithoutTags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	first := storetest.Round(1, 1, 1)
	storetest.Do(t, s, 1, first)
	before := upTo(t, s)
	second := storetest.Round(2, 2, 2)
	begun(t, s, 2, second)
	readable(t, s, first, second)
	if now := upTo(t, s); now != before {
		t.Errorf("tagged up to %d, then %d: want no tags while a small run is under way", before, now)
	}
	whole(t, s)
	s.Close()
	s = open(t, dir)
	defer s.Close()
	readable(t, s, first, second)
	third := storetest.Round(3, 1, 3)
	storetest.Do(t, s, 3, third)
	readable(t, s, first, second, third)
	if now := upTo(t, s); now <= before {
		t.Errorf("tagged up to %d, after two runs that ended up to %d: want more", before, now)
	}
	whole(t, s)
}

// TestTagsOfLargeRuns writes tags while a run goes on when many blocks have none.
func TestTagsOfLargeRuns(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	if err := s.Exec(t.Context(), "UPDATE tagged SET up_to = up_to - 3000"); err != nil { // as if there were so many
		t.Fatal(err)
	}
	round := storetest.Round(1, 1, 1)
	begun(t, s, 1, round)
	if n := upTo(t, s); n <= 0 {
		t.Errorf("tagged up to %d, want the tags written", n)
	}
	readable(t, s, round)
	whole(t, s)
}

// TestNumbersOfBlocksAreNotUsedAgain deletes what is known of everything: a new
// block with an old number would be taken for one that has its tags.
func TestNumbersOfBlocksAreNotUsedAgain(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	storetest.Do(t, s, 1, storetest.Round(1, 1, 1))
	before := upTo(t, s)
	storetest.Do(t, s, 2, storetest.Round(1, 2, 2))
	storetest.Do(t, s, 3)
	if _, err := s.Prune(t.Context(), store.Pruning{Before: storetest.RunAt(3).At.Add(time.Hour), By: "me", Reason: "old"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(t.Context(), "DELETE FROM blocks WHERE id > $1", before); err != nil { // whatever stands last
		t.Fatal(err)
	}
	round := storetest.Round(4, 4, 4)
	begun(t, s, 4, round)
	readable(t, s, round)
}

// TestBodiesWhoseTagsAreBeingWritten finds bodies whose tags another process
// writes between the two queries of a reader.
func TestBodiesWhoseTagsAreBeingWritten(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	round := storetest.Round(1, 1, 1)
	seq := begun(t, s, 1, round)
	got, err := s.BodiesWhile(t.Context(), []residency.Hash{residency.HashOf(round.Sight)}, func() {
		if err := s.End(t.Context(), seq, residency.RunEnd{Run: storetest.RunAt(1)}); err != nil {
			t.Error(err)
		}
	})
	if err != nil || len(got) != 1 {
		t.Errorf("bodies while their tags are written = %d, %v, want the one", len(got), err)
	}
}

// TestHashesCutShort: what a damaged row has of hashes is no reason to panic,
// neither for a reader nor for a run.
func TestHashesCutShort(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	round := storetest.Round(1, 1, 1)
	storetest.Do(t, s, 1, round)
	if err := s.Exec(t.Context(), "UPDATE blocks SET hashes = substr(hashes, 1, 20) WHERE kind = 1"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Bodies(t.Context(), []residency.Hash{residency.HashOf(round.Sight)}); err == nil {
		t.Errorf("Bodies = %d, want an error", len(got))
	}
	begun(t, s, 2, storetest.Round(1, 2, 2))
}
