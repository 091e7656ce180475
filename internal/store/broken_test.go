package store_test

import (
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/store/storetest"
)

// TestBrokenOffRunHasItsClaims: a run that was never ended says what it judged,
// without which its judgements cannot be made again; and what was known of how
// claims stand stays, since when included.
func TestBrokenOffRunHasItsClaims(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/residency.db"
	claim := residency.Claim{ID: "c", Vendor: "v"}
	broken := storetest.Start().Add(-time.Hour)
	begin := func(n int) (*store.Store, int64, residency.Run) {
		s, err := store.Open(t.Context(), path, options())
		if err != nil {
			t.Fatal(err)
		}
		run := storetest.RunAt(n)
		run.Claims = []residency.ClaimStanding{{Claim: claim, Standing: residency.Broken, BrokenSince: broken}}
		seq, err := s.Begin(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		return s, seq, run
	}
	s, seq, run := begin(1)
	if err := s.End(t.Context(), seq, residency.RunEnd{Run: run}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s, _, _ = begin(2)
	s.Close() // and never ended
	s, seq, _ = begin(3)
	defer s.Close()
	got, ok, err := s.Run(t.Context(), seq-1)
	if err != nil || !ok {
		t.Fatalf("Run(%d) = %v, %v", seq-1, ok, err)
	}
	if len(got.Claims) != 1 || got.Claims[0].Claim.ID != "c" || got.Claims[0].Standing != residency.StandingUnknown || !got.Partial {
		t.Errorf("the run that was broken off has the claims %+v, partial %v; want c, unknown", got.Claims, got.Partial)
	}
	states, err := s.Claims(t.Context())
	if err != nil || len(states) != 1 || states[0].Standing != residency.Broken || !states[0].BrokenSince.Equal(broken) {
		t.Errorf("Claims = %+v, %v; want c broken since %s", states, err, broken)
	}
}
