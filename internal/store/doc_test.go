package store_test

import (
	"os"
	"strings"
	"testing"

	"residency/internal/store/storetest"
)

// TestDoc runs the queries of docs/store.md.
func TestDoc(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/store.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```sql\n")
	queries, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatal("docs/store.md has no queries")
	}
	s := open(t, t.TempDir())
	defer s.Close()
	storetest.Do(t, s, 1, storetest.Round(1, 1, 1))
	n := 0
	for q := range strings.SplitSeq(queries, ";") {
		if strings.TrimSpace(q) == "" {
			continue
		}
		n++
		if err := s.Exec(t.Context(), q); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	if n != 4 {
		t.Errorf("%d queries, want 4", n)
	}
}
