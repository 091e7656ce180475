package main

import (
	"strings"
	"testing"
	"time"

	"residency/internal/config"
	"residency/internal/residency"
)

// TestDataOfDaysToCome is a fault by the machine's clock, and none by a played
// one.
func TestDataOfDaysToCome(t *testing.T) {
	t.Parallel()
	sets := []residency.Dataset{{Name: "dbip", Class: residency.ClassDatabase, Built: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}}
	at := time.Date(2014, 8, 15, 0, 0, 0, 0, time.UTC)
	if got := ageLines(sets, at, config.Geo{}, false); len(got) != 1 || !strings.Contains(got[0], "has not come yet by this machine's clock: dbip (2026-11-01)") {
		t.Errorf("by the machine's clock: %q", got)
	}
	if got := ageLines(sets, at, config.Geo{}, true); len(got) != 0 {
		t.Errorf("by a played clock: %q", got)
	}
	if got := ageLines(sets, at.AddDate(14, 0, 0), config.Geo{}, true); len(got) != 1 || !strings.Contains(got[0], "too old") {
		t.Errorf("old data by a played clock: %q", got)
	}
}
