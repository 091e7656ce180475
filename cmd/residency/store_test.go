package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store/storetest"
)

// TestStoreDoc: the configuration in docs/store.md loads, and the commands that
// it names exist.
func TestStoreDoc(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/store.md")
	if err != nil {
		t.Fatal(err)
	}
	e := &env{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, getenv: func(string) string { return "" }, now: time.Now}
	configs := 0
	for _, b := range blocks(string(text)) {
		if b.lang != "toml" {
			continue
		}
		configs++
		path := filepath.Join(t.TempDir(), "config.toml")
		whole := strings.ReplaceAll(storeBase, `"p"`, `"phase-2a"`) + strings.Join(b.lines, "\n")
		if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := e.loader().Load(path)
		if err != nil || !cfg.Store.On || len(cfg.Store.Hold) != 1 {
			t.Errorf("the configuration of docs/store.md: %v", err)
		}
	}
	if configs != 1 {
		t.Errorf("docs/store.md has %d configurations, want 1", configs)
	}
	root := newRoot(e)
	for _, words := range []string{"store check", "store backup", "store restore", "seal"} {
		cmd, _, err := root.Find(strings.Fields(words))
		if err != nil || cmd.CommandPath() != "residency "+words || !strings.Contains(string(text), "residency "+words) {
			t.Errorf("docs/store.md and the program do not both have %q (%v)", words, err)
		}
	}
}

// storeBase is a configuration without [store].
const storeBase = `
[[market]]
code = "IN"
client_subnets = ["49.36.0.0/24"]
[[vendor]]
id = "v"
service = [{id = "s", endpoints = ["h000001.example", "h000002.example"]}]
[[policy]]
id = "p"
vendor = "v"
regions = ["IN"]
`

// TestStoreCommands backs a store up, damages it, finds the damage, and puts
// the backup back; and what is old is deleted once a day.
func TestStoreCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(path, []byte(storeBase+"[store]\nkeep = \"30d\"\n[[store.hold]]\nhost = \"h000002.example\"\nreason = \"r\"\nowner = \"o\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := storetest.RunAt(1).At
	var out, errs bytes.Buffer
	e := &env{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }, now: func() time.Time { return now }}
	command := func(want int, args ...string) string {
		t.Helper()
		out.Reset()
		errs.Reset()
		if code := run(t.Context(), e, append(args, "--config", path)); code != want {
			t.Fatalf("residency %s = %d, want %d\n%s%s", args, code, want, out.String(), errs.String())
		}
		return out.String() + errs.String()
	}
	cfg, err := e.loader().Load(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.openStore(t.Context(), cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		storetest.Do(t, s, n, storetest.Round(1, 2*n, n), storetest.Round(2, 2*n, n))
	}
	s.Close()
	backup := filepath.Join(dir, "copy.db")
	if got := command(0, "store", "check"); !strings.Contains(got, "2 runs of 2 endpoints") || !strings.Contains(got, "2 leaves") || !strings.Contains(got, "nothing is wrong") {
		t.Errorf("store check = %s", got)
	}
	command(0, "store", "backup", backup)
	command(0, "store", "check", backup)
	damaged, err := os.ReadFile(cfg.Store.Path)
	if err != nil {
		t.Fatal(err)
	}
	copy(damaged[len(damaged)/2&^4095:], strings.Repeat("damaged!", 2048))
	if err := os.WriteFile(cfg.Store.Path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := command(1, "store", "check"); !strings.Contains(got, "store restore") {
		t.Errorf("store check of a damaged store = %s", got)
	}
	command(2, "store", "restore", backup) // nobody does it
	if got := command(0, "store", "restore", backup, "--by", "me"); !strings.Contains(got, "kept as") || !strings.Contains(got, "up to number 2") {
		t.Errorf("store restore = %s", got)
	}
	command(0, "store", "check")
	e.pruneDaily(t, path, &now)
}

// pruneDaily lets time pass over the store of a configuration.
func (e *env) pruneDaily(t *testing.T, path string, now *time.Time) {
	t.Helper()
	ctx := context.Background()
	cfg, err := e.loader().Load(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.openStore(ctx, cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const later = 40 * 24 * 4 // quarters of an hour
	for n := later; n < later+2; n++ {
		storetest.Do(t, s, n, storetest.Round(1, n, n))
	}
	var did []string
	for _, hours := range []int{0, 1, 23, 2} {
		*now = now.Add(time.Duration(hours) * time.Hour)
		if hours == 0 {
			*now = storetest.RunAt(later).At
		}
		pruned, err := e.keepStore(ctx, s, cfg.Store)
		if err != nil {
			t.Fatal(err)
		}
		did = append(did, fmt.Sprint(pruned.Spans, pruned.Held))
	}
	if want := []string{"2 1", "0 0", "0 0", "0 0"}; strings.Join(did, ",") != strings.Join(want, ",") {
		t.Errorf("pruned (spans, endpoints held) = %q, want %q", did, want)
	}
	h := residency.HashOf(storetest.Round(2, 2, 1).Sight)
	if _, err := s.Bodies(ctx, []residency.Hash{h}); err != nil {
		t.Errorf("what is under a hold: %v", err)
	}
	if c, err := s.Check(ctx); err != nil || len(c.Problems) > 0 {
		t.Errorf("Check = %+v, %v", c, err)
	}
}
