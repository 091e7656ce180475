package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
)

// TestExplainSaysFirstWhatIsRemembered: the servers of the half year are gone,
// so this look sees nothing, and must not hide what the checks saw.
func TestExplainSaysFirstWhatIsRemembered(t *testing.T) {
	t.Parallel()
	h := lived(t)
	all := h.findings(t)
	var open residency.Finding
	for _, f := range all {
		if f.Open() {
			open = f
		}
	}
	if open.Key == "" {
		t.Fatalf("none of %d findings is open at the end of the half year", len(all))
	}
	out, errs, code := h.run("explain", open.Host, "--market", open.Market.String(), "--claim", open.Claim)
	lines := strings.SplitN(out, "\n", 6)
	want := []string{
		"remembered: seen outside since " + open.Opened.In(h.zone(t)).Format("2 Jan 2006 15:04"),
		"  finding " + open.Key + " is open; the stored proof: residency bundle --finding " + open.Key + " --out proof.zip --config " + h.path,
		"What follows rests on this look alone.", "",
	}
	if code != 0 || len(lines) < 6 {
		t.Fatalf("exit code %d, stdout %.300q, stderr %q", code, out, errs)
	}
	for i, w := range want {
		if !strings.HasPrefix(lines[i], w) {
			t.Errorf("line %d = %q, want %q", i+1, lines[i], w)
		}
	}
	if strings.Contains(lines[4], "seen outside") {
		t.Errorf("the look found servers that are gone: %q", lines[4])
	}
	if out, _, _ := h.run("explain", "buy.mi.com", "--market", "IN"); !strings.HasPrefix(out, "remembered: ") || !strings.Contains(out, " was closed on ") {
		t.Errorf("of a closed finding: %.300q", out)
	}
}

// zone is the one of the configuration.
func (h *halfYearLived) zone(t *testing.T) *time.Location {
	t.Helper()
	cfg, err := h.env.loader().Load(h.path)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Organisation.Location
}

// findings are those that are remembered.
func (h *halfYearLived) findings(t *testing.T) []residency.Finding {
	t.Helper()
	cfg, err := h.env.loader().Load(h.path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.env.readStore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, err := s.Findings(t.Context(), store.Which{})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestExplainWithoutAReadableStore looks all the same, and notes it.
func TestExplainWithoutAReadableStore(t *testing.T) {
	t.Parallel()
	h := lived(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(h.path), "memory.db"), []byte("no database at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := h.run("explain", "app.chat.xiaomi.net", "--market", "IN")
	if code != 0 || !strings.Contains(errs, "note: nothing is said of earlier checks, as what is remembered cannot be read: ") {
		t.Errorf("exit code %d, stderr %q", code, errs)
	}
	if !strings.HasPrefix(out, "What follows rests on this look alone.\n") {
		t.Errorf("stdout = %.200q", out)
	}
}
