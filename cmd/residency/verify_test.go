package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"residency/internal/ledger"
)

// TestSayVerified: what is not in a bundle is told, and a note of somebody else
// does not reach the terminal as commands.
func TestSayVerified(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rep        ledger.Report
		want, none string
	}{
		{ledger.Report{Size: 8, Runs: 6, Records: 2}, "8 leaves: 6 runs and 2 records, under", "not in this bundle"},
		{ledger.Report{Size: 8, Runs: 6, Records: 1}, "8 leaves: 6 runs and 1 record (1 leaf is not in this bundle), under", "are not"},
		{ledger.Report{Size: 9, Runs: 5, Records: 1}, "9 leaves: 5 runs and 1 record (3 leaves are not in this bundle), under", ""},
		{ledger.Report{Size: 9, Runs: 9, Pruned: 4, Youngest: 401*24*time.Hour + time.Minute}, "4 runs are deleted by policy, hashes intact; the youngest was 401 days old then", ""},
		{ledger.Report{Size: 9, Runs: 9, Pruned: 4, Youngest: 90 * time.Minute}, "the youngest was 1 hour old then", ""},
		{ledger.Report{Size: 9, Runs: 9, Pruned: 4, Youngest: -time.Hour}, "the youngest was 0 hours old then", ""},
		{ledger.Report{Size: 1, Records: 1, Notes: []string{"gap: \x1b[2J by ann"}}, "note        gap: ?[2J by ann", "\x1b"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		if err := testEnv(&out, &out).sayVerified("x.zip", tt.rep, nil, true); err != nil {
			t.Errorf("%+v: %v", tt.rep, err)
		}
		if !strings.Contains(out.String(), tt.want) || tt.none != "" && strings.Contains(out.String(), tt.none) {
			t.Errorf("%+v is told as %q, want %q and not %q", tt.rep, out.String(), tt.want, tt.none)
		}
	}
}

func TestVersionOf(t *testing.T) {
	t.Parallel()
	for commit, want := range map[string]string{"": version, "091fbb": version, "091fbb5887391234": version + "+091fbb588739"} {
		if got := versionOf(commit); got != want {
			t.Errorf("versionOf(%q) = %q, want %q", commit, got, want)
		}
	}
}
