package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/report"
)

// TestReportsDoc: the configuration in docs/reports.md loads, its commands and
// their flags exist, and it has every reader and every format.
func TestReportsDoc(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/reports.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	e := &env{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, getenv: func(string) string { return "" }, now: time.Now}
	commands, configs := 0, 0
	for _, b := range blocks(text) {
		if b.lang == "toml" {
			configs++
			path := filepath.Join(t.TempDir(), "config.toml")
			promise := strings.ReplaceAll(storeBase, "[[policy]]", "[[claim]]") + strings.Join(b.lines, "\n")
			if err := os.WriteFile(path, []byte(promise), 0o600); err != nil {
				t.Fatal(err)
			}
			if cfg, err := e.loader().Load(path); err != nil || len(cfg.Responses["p"]) != 1 {
				t.Errorf("the configuration of docs/reports.md: %v", err)
			}
			continue
		}
		for _, line := range b.lines {
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "residency" {
				continue
			}
			commands++
			cmd, rest, err := newRoot(e).Find(words[1:])
			if err != nil || cmd.ParseFlags(rest) != nil {
				t.Errorf("docs/reports.md: %s: %v", line, err)
			}
		}
	}
	if commands != 6 || configs != 1 {
		t.Errorf("docs/reports.md has %d commands and %d configurations, want 6 and 1", commands, configs)
	}
	for _, name := range append(report.Audiences(), report.DossierFormats()...) {
		if !strings.Contains(text, "| `"+name+"` |") {
			t.Errorf("docs/reports.md has no row for %s", name)
		}
	}
}
