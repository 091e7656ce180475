package store_test

import (
	"slices"
	"testing"

	"residency/internal/store/storetest"
)

// TestUnseen names the endpoints that were never looked at, however many are
// asked for.
func TestUnseen(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	storetest.Do(t, s, 1, storetest.Round(1, 1, 1), storetest.Round(700, 1, 1))
	var keys, want []string
	for n := range 1200 {
		keys = append(keys, storetest.Endpoint(n).Key())
		if n != 1 && n != 700 {
			want = append(want, storetest.Endpoint(n).Key())
		}
	}
	got, err := s.Unseen(t.Context(), keys)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Unseen = %d of %d, %v, want %d", len(got), len(keys), err, len(want))
	}
}
