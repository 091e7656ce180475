package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"residency/internal/residency"
)

// TestBundleHasThePages: a bundle of a promise has the page that the promise
// stands on, archived long before its runs, and no page of another. Its record
// in the log is what says that it is the page.
func TestBundleHasThePages(t *testing.T) {
	t.Parallel()
	w, _, files := bundled(t, 5, 14, packing{from: scriptClock.Add(6 * 3600e9)})
	page := bundleSources + residency.HashOf([]byte("all of it by the end of October")).String()
	var got []string
	for name := range files {
		if strings.HasPrefix(name, bundleSources) {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, []string{page}) {
		t.Fatalf("the bundle has the pages %q, want %q", got, page)
	}
	if !strings.Contains(string(files["VERIFY.md"].Data), "| `sources/` |") {
		t.Error("VERIFY.md does not say what sources/ is")
	}
	said, err := verified(t, files, w.key.Public())
	if want := page + " is what promise stands on, as https://example.com/post had it when it was archived at 2026-"; err != nil || !strings.Contains(said, want) {
		t.Errorf("%v\n%s\nwant %q", err, said, want)
	}
	other := "most of it some day"
	for name, want := range map[string]string{
		page: "page " + page + ": want ",
		bundleSources + residency.HashOf([]byte(other)).String(): "want a record that it was archived, got none",
	} {
		if _, err := verified(t, withFile(t, files, name, []byte(other)), w.key.Public()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("another page as %s: %v, want %q", name, err, want)
		}
	}
}

// TestBackupHasThePages: archived pages go with a backup, and come back with it,
// but for those that are not what was archived any more.
func TestBackupHasThePages(t *testing.T) {
	t.Parallel()
	w := watchedStore(t, 3, 1)
	kept := filepath.Base(w.archive(t, "promise", "by October"))
	spoilt := w.archive(t, "promise", "by November")
	for path, text := range map[string]string{spoilt: "by December", filepath.Join(sourcesOf(w.path), "notes.txt"): "ours"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	names := func(path string) []string {
		var list []string
		entries, err := os.ReadDir(sourcesOf(path))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	copied, bad, err := copySources(w.path, backup)
	if err != nil || copied != 1 || !slices.Equal(bad, []string{filepath.Base(spoilt)}) || !slices.Equal(names(backup), []string{kept}) {
		t.Errorf("backup: %d copied, spoilt %q, %v; beside it lie %q", copied, bad, err, names(backup))
	}
	if copied, _, err := copySources(w.path, backup); err != nil || copied != 0 {
		t.Errorf("again: %d copied, %v", copied, err)
	}
	if err := os.RemoveAll(sourcesOf(w.path)); err != nil {
		t.Fatal(err)
	}
	if copied, _, err := copySources(backup, w.path); err != nil || copied != 1 || !slices.Equal(names(w.path), []string{kept}) {
		t.Errorf("restore: %d copied, %v; beside the store lie %q", copied, err, names(w.path))
	}
	if copied, _, err := copySources(filepath.Join(t.TempDir(), "none.db"), w.path); err != nil || copied != 0 {
		t.Errorf("of a store without pages: %d copied, %v", copied, err)
	}
}
