package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"residency/internal/store"
	"residency/internal/store/storetest"
)

// options are those of the tests: a clock that stands, and a log.
func options() store.Options {
	var l storetest.Log
	return store.Options{Now: func() time.Time { return storetest.Start() }, Version: "test", Command: "go test",
		Log: store.Log{RunLeaf: l.RunLeaf, RecordLeaf: l.RecordLeaf, Hashes: l.Hashes}}
}

// open opens the store in a directory.
func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(dir, "residency.db"), options())
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB, dir string) storetest.Store { return open(t, dir) })
}
