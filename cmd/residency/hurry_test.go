package main

import (
	"runtime/debug"
	"testing"
)

// TestHurryLeavesTheWordToTheUser: what the environment says of memory counts.
// It is not parallel, as the setting is the whole process's.
func TestHurryLeavesTheWordToTheUser(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	for set, want := range map[string]int{"GOGC": 100, "GOMEMLIMIT": 100, "": hurryPercent} {
		debug.SetGCPercent(100)
		hurry(func(name string) string {
			if name == set {
				return "50"
			}
			return ""
		})
		if got := debug.SetGCPercent(100); got != want {
			t.Errorf("with %q set: GC percent %d, want %d", set, got, want)
		}
	}
}
