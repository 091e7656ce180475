package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/store/storetest"
)

// TestMigrate copies a store before its form changes, and an older program
// refuses the newer form, naming both.
func TestMigrate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	storetest.Do(t, s, 1, storetest.Round(1, 1, 1))
	if err := s.MigrateFurther(t.Context(), "ALTER TABLE memos ADD COLUMN more TEXT; this is no SQL"); err == nil {
		t.Error("a step that fails succeeded")
	}
	whole(t, s)
	if err := s.MigrateFurther(t.Context(), "ALTER TABLE memos ADD COLUMN more TEXT"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	_, err := store.Open(t.Context(), s.Path(), options())
	if !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "version 3") || !strings.Contains(err.Error(), "up to 2") {
		t.Errorf("Open of a newer store = %v, want %v naming both versions", err, store.ErrNewer)
	}
	ro := options()
	ro.ReadOnly = true
	if _, err := store.Open(t.Context(), s.Path(), ro); !errors.Is(err, store.ErrNewer) {
		t.Errorf("Open of a newer store for reading = %v, want %v", err, store.ErrNewer)
	}
	copies, err := filepath.Glob(s.Path() + ".before-version-3*")
	if err != nil || len(copies) != 2 { // of the step that failed, and of the one that did not
		t.Fatalf("copies = %v, %v, want two", copies, err)
	}
	for _, c := range copies {
		b, err := store.Open(t.Context(), c, options())
		if err != nil {
			t.Fatalf("Open of the copy: %v", err)
		}
		whole(t, b)
		if list, err := b.LastRuns(t.Context(), 9); err != nil || len(list) != 1 {
			t.Errorf("LastRuns of the copy = %v, %v, want one", list, err)
		}
		b.Close()
	}
}

// TestBackup copies a store while a run is under way.
func TestBackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	storetest.Do(t, s, 1, storetest.Round(1, 1, 1))
	seq, err := s.Begin(t.Context(), storetest.RunAt(2))
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "copy.db")
	if err := s.Backup(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), to); err == nil {
		t.Error("Backup over a file succeeded")
	}
	if err := s.End(t.Context(), seq, residency.RunEnd{Run: storetest.RunAt(2)}); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	b, err := store.Open(t.Context(), to, options())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	whole(t, b)
	if got := storetest.Do(t, b, 3, storetest.Round(1, 1, 3)); got != 3 { // run 2 is there, and was never ended
		t.Errorf("Begin in the copy = %d, want 3", got)
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copied := filepath.Join(dir, "copy.db")
	s := open(t, dir)
	storetest.Do(t, s, 1, storetest.Round(1, 1, 1))
	want := seals(t, s, 1, 1)
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	storetest.Do(t, s, 2, storetest.Round(1, 1, 2))
	_, err := store.Restore(t.Context(), s.Path(), copied, options(), "me", "test")
	if !errors.Is(err, store.ErrBusy) {
		t.Fatalf("Restore while the store is open = %v, want %v", err, store.ErrBusy)
	}
	whole(t, s)
	s.Close()
	damage(t, s.Path())
	done, err := store.Restore(t.Context(), s.Path(), copied, options(), "me", "the disk broke")
	if err != nil {
		t.Fatalf("Restore: %v", err)
	}
	if done.Runs != 1 || done.Size != 1 || done.Kept == "" {
		t.Errorf("Restore = %+v", done)
	}
	if _, err := os.Stat(done.Kept); err != nil {
		t.Errorf("the damaged store was not kept: %v", err)
	}
	s = open(t, dir)
	defer s.Close()
	whole(t, s)
	if diff := cmp.Diff(want, seals(t, s, 1, 1)); diff != "" {
		t.Errorf("rounds (-want +got):\n%s", diff)
	}
	var records []residency.Record
	for r, err := range s.Records(t.Context(), "restored") {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	if len(records) != 1 || records[0].By != "me" || !strings.Contains(string(records[0].Body), "the disk broke") {
		t.Errorf("records = %+v, want the restore", records)
	}
	if n, err := s.Size(t.Context()); n != 2 || err != nil {
		t.Errorf("Size = %d, %v, want the leaf of the run and that of the restore", n, err)
	}
}

// TestRestoreOlder restores a backup that the first version made, and leaves
// nothing beside the store.
func TestRestoreOlder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, path := filepath.Join(dir, "old.db"), filepath.Join(dir, "residency.db")
	unpackGolden(t, "testdata/version-1", from)
	before, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Restore(t.Context(), path, from, options(), "me", ""); err != nil {
		t.Fatalf("Restore: %v", err)
	}
	if after, err := os.ReadFile(from); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the backup was changed: %v", err)
	}
	s := open(t, dir)
	defer s.Close()
	whole(t, s)
	if runs, err := s.LastRuns(t.Context(), 9); err != nil || len(runs) != 1 {
		t.Errorf("LastRuns = %v, %v, want one", runs, err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) != 1 { // the lock
		t.Errorf("left behind: %v", left)
	}
}

// TestRestoreRefuses puts nothing damaged or foreign in place of a store.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	var rounds []residency.KeptRound
	for n := range 300 {
		rounds = append(rounds, storetest.Round(n, 1, 1))
	}
	storetest.Do(t, s, 1, rounds...)
	bad := filepath.Join(dir, "bad.db")
	if err := s.Backup(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	s.Close()
	damage(t, bad)
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("text\n", 99)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{bad, text, filepath.Join(dir, "none.db")} {
		if done, err := store.Restore(t.Context(), s.Path(), from, options(), "me", ""); err == nil {
			t.Errorf("Restore(%s) = %+v, want an error", from, done)
		}
	}
	if left, _ := filepath.Glob(s.Path() + ".restore*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	s = open(t, dir)
	defer s.Close()
	whole(t, s)
}

// damage overwrites the middle of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("damaged!", 1024)), info.Size()/2&^4095); err != nil {
		t.Fatal(err)
	}
}

// TestCheckWhileRunsGoOn: what a run writes while a check is under way is no
// damage.
func TestCheckWhileRunsGoOn(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	var rounds []residency.KeptRound
	for n := range 200 {
		rounds = append(rounds, storetest.Round(n, 1, 1))
	}
	storetest.Do(t, s, 1, rounds...)
	r, err := store.Open(t.Context(), s.Path(), store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 30 {
			if c, err := r.Check(t.Context()); err != nil || len(c.Problems) > 0 {
				t.Errorf("Check while runs go on = %q, %v", c.Problems, err)
				return
			}
		}
	}()
	for n := 2; ; n++ {
		select {
		case <-done:
			return
		default:
			storetest.Do(t, s, n, storetest.Round(1, n, n))
		}
	}
}
