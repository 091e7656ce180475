package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/store/storetest"
)

// TestOpenRefuses says what is wrong with a file that is no store, and leaves
// it as it is.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s := open(t, dir)
	storetest.Do(t, s, 1, storetest.Round(1, 1, 1))
	s.Close()
	good, err := os.ReadFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		kind error
		want string
	}{
		{filepath.Join(dir, "no", "such.db"), store.ErrMissing, "directory does not exist"},
		{write("text.db", strings.Repeat("not a database\n", 400)), store.ErrNotStore, "does not begin as an SQLite file"},
		{write("short.db", "SQLi"), store.ErrNotStore, "does not begin as an SQLite file"},
		{dir, store.ErrNotStore, "directory"},
		{write("cut.db", string(good[:4096])), store.ErrDamaged, "residency store restore"},
		{write("torn.db", string(good[:30])+strings.Repeat("x", 8192)), store.ErrDamaged, "residency store check"},
	} {
		before, _ := os.ReadFile(tt.path)
		_, err := store.Open(t.Context(), tt.path, options())
		if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Open(%s) = %v, want %v with %q", filepath.Base(tt.path), err, tt.kind, tt.want)
		}
		if after, _ := os.ReadFile(tt.path); !bytes.Equal(before, after) {
			t.Errorf("Open(%s) changed the file", filepath.Base(tt.path))
		}
	}
	ro := options()
	ro.ReadOnly = true
	if _, err := store.Open(t.Context(), filepath.Join(dir, "none.db"), ro); !errors.Is(err, store.ErrMissing) {
		t.Errorf("Open of no file for reading = %v, want %v", err, store.ErrMissing)
	}
	if _, err := os.Stat(filepath.Join(dir, "none.db")); err == nil {
		t.Error("Open for reading made a file")
	}
}

// TestOtherDatabase refuses a database of something else.
func TestOtherDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Exec(t.Context(), "ALTER TABLE schema_steps RENAME TO other"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := store.Open(t.Context(), s.Path(), options()); !errors.Is(err, store.ErrNotStore) {
		t.Errorf("Open of another program's database = %v, want %v", err, store.ErrNotStore)
	}
}

// TestMode keeps what was seen from other users of the machine.
func TestMode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	storetest.Do(t, s, 1, storetest.Round(1, 1, 1))
	if err := s.Backup(t.Context(), filepath.Join(dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"residency.db", "residency.db-wal", "residency.db-shm", "residency.db.lock", "copy.db"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", name, info, err)
		}
	}
	if err := os.Chmod(s.Path(), 0o644); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Check(t.Context()); err != nil || len(c.Warnings) != 1 || len(c.Problems) != 0 {
		t.Errorf("Check of a file that others can read = %+v, %v, want a warning", c, err)
	}
}

// TestReadOnly reads while another writes, and writes nothing.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	storetest.Do(t, s, 1, storetest.Round(1, 1, 1))
	o := options()
	o.ReadOnly = true
	r, err := store.Open(t.Context(), s.Path(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	storetest.Do(t, s, 2, storetest.Round(1, 3, 2))
	if list, err := r.LastRuns(t.Context(), 9); err != nil || len(list) != 2 {
		t.Errorf("LastRuns = %v, %v, want two", list, err)
	}
	if rec, err := r.Recall(t.Context(), []string{storetest.Endpoint(1).Key()}, time.Time{}); err != nil || len(rec[storetest.Endpoint(1).Key()].Spans) != 2 {
		t.Errorf("Recall = %v, %v, want two spans", rec, err)
	}
	for name, err := range map[string]error{
		"SetMemo": r.SetMemo(t.Context(), "m", 1), "Record": r.Record(t.Context(), residency.Record{Kind: "config"}),
		"Begin": func() error { _, err := r.Begin(t.Context(), storetest.RunAt(3)); return err }(),
		"Prune": func() error { _, err := r.Prune(t.Context(), store.Pruning{}); return err }(),
	} {
		if !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("%s = %v, want %v", name, err, store.ErrReadOnly)
		}
	}
}

// TestFull goes on when there is room again, and has lost nothing.
func TestFull(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	ctx := t.Context()
	storetest.Do(t, s, 1, storetest.Round(1, 0, 1))
	if err := s.Exec(ctx, "PRAGMA max_page_count = 1"); err != nil { // no page more than there are
		t.Fatal(err)
	}
	seq, err := s.Begin(ctx, storetest.RunAt(2))
	if err != nil {
		t.Fatal(err)
	}
	var rounds []residency.KeptRound
	for n := range 2000 {
		rounds = append(rounds, storetest.Round(n, 2, 2))
	}
	b := residency.Batch{Rounds: rounds, Alerts: []residency.Alert{storetest.Alert(1, storetest.Start())}}
	if err := s.Save(ctx, seq, b); !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "hint: make room") {
		t.Fatalf("Save without room = %v, want %v", err, store.ErrFull)
	}
	if err := s.Exec(ctx, "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(ctx, seq, b); err != nil {
		t.Fatalf("Save with room again: %v", err)
	}
	if err := s.End(ctx, seq, residency.RunEnd{Run: storetest.RunAt(2)}); err != nil {
		t.Fatal(err)
	}
	whole(t, s)
	if list, err := s.Rounds(ctx, seq); err != nil || len(list) != len(rounds) {
		t.Errorf("Rounds = %d, %v, want %d", len(list), err, len(rounds))
	}
}

// TestGivenUp ends a run as partial that could not be ended, at the next.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	ctx := t.Context()
	seq, err := s.Begin(ctx, storetest.RunAt(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(ctx, seq, residency.Batch{Rounds: []residency.KeptRound{storetest.Round(1, 0, 1)}}); err != nil {
		t.Fatal(err)
	}
	if got := storetest.Do(t, s, 2, storetest.Round(1, 0, 2)); got != 2 {
		t.Errorf("Begin = %d, want 2", got)
	}
	if run, ok, err := s.Run(ctx, seq); err != nil || !ok || !run.Partial {
		t.Errorf("Run(%d) = %+v, %v, %v, want it partial", seq, run, ok, err)
	}
	whole(t, s)
}

// TestCheckFinds names each kind of damage.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	h := residency.HashOf(storetest.Round(1, 2, 1).Sight)
	for name, tt := range map[string]struct {
		text string
		args []any
		want string
	}{
		"body changed":     {"UPDATE blocks SET data = (SELECT data FROM blocks WHERE kind = 2) WHERE id = (SELECT min(id) FROM blocks WHERE kind = 1)", nil, "body " + h.String() + " has the hash"},
		"body cut":         {"UPDATE blocks SET data = $1 WHERE kind = 1", []any{[]byte{1, 2, 3}}, "body " + h.String() + " cannot be unpacked"},
		"body gone":        {"DELETE FROM blocks WHERE kind = 1", nil, "body " + h.String() + " is not there"},
		"location gone":    {"DELETE FROM blocks WHERE kind = 3", nil, "names a location that is not there"},
		"hashes cut":       {"UPDATE blocks SET hashes = $1 WHERE kind = 1", []any{[]byte{1, 2}}, "2 bytes are no hashes"},
		"hashes cut short": {"UPDATE blocks SET hashes = substr(hashes, 1, 40) WHERE kind = 1", nil, "40 bytes are no hashes"},
		"body not found":   {"DELETE FROM body_tags WHERE tag IN (SELECT tag FROM body_tags ORDER BY tag LIMIT 1)", nil, "is not found by its tag"},
		"packets changed":  {"UPDATE latest_packets SET hash = $1", []any{h[:]}, "has the hash"},
		"span gone":        {"UPDATE spans SET last_seq = 9 WHERE last_seq = 1", nil, "what came before it ends with run 9"},
		"span open":        {"UPDATE spans SET last_seq = 0", nil, "what came before it has not ended"},
		"span split":       {"INSERT INTO spans SELECT endpoint, 2, 0, first_at, 0, sight, judgement, packets, latest, 0, 0, pruned FROM spans WHERE endpoint = 2 AND first_seq = 1", nil, "what came before it has not ended"},
		"span ends before": {"UPDATE spans SET last_seq = 1 WHERE first_seq = 2", nil, "ends with run 1, before it begins"},
		"run's header":     {"UPDATE runs SET outcome = $1 WHERE seq = 1", []any{make([]byte, 32)}, "run 1: body"},
		"leaf gone":        {"DELETE FROM leaves WHERE n = 0", nil, "leaves, and the last is number"},
		"endpoint gone":    {"PRAGMA foreign_keys = OFF; DELETE FROM endpoints WHERE id = 1", nil, "names something that is not in endpoints"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, t.TempDir())
			defer s.Close()
			storetest.Do(t, s, 1, storetest.Round(1, 2, 1), storetest.Round(2, 0, 1))
			storetest.Do(t, s, 2, storetest.Round(1, 4, 2), storetest.Round(2, 0, 2))
			storetest.Do(t, s, 3, storetest.Round(1, 4, 3), storetest.Round(2, 0, 3))
			whole(t, s)
			if err := s.Exec(t.Context(), tt.text, tt.args...); err != nil {
				t.Fatal(err)
			}
			c, err := s.Check(t.Context())
			if err != nil || !strings.Contains(strings.Join(c.Problems, "\n"), tt.want) {
				t.Errorf("Check = %q, %v, want %q", c.Problems, err, tt.want)
			}
		})
	}
}

// TestDamagedPages finds damage of the file itself, whatever page it hits.
func TestDamagedPages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	var rounds []residency.KeptRound
	for n := range 300 {
		rounds = append(rounds, storetest.Round(n, 1, 1))
	}
	storetest.Do(t, s, 1, rounds...)
	s.Close() // brings everything into the one file
	good, err := os.ReadFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "damaged.db")
	found, pages := 0, 0
	for at := 4096; at+4096 <= len(good); at += 4096 * 3 {
		pages++
		bad := bytes.Clone(good)
		for i := at; i < at+4096; i++ {
			bad[i] ^= 0x5a
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := store.Open(t.Context(), path, options())
		if err != nil {
			found++
			continue
		}
		if c, err := d.Check(t.Context()); err != nil || len(c.Problems) > 0 {
			found++
		}
		d.Close()
	}
	if found != pages || pages < 10 {
		t.Errorf("damage was found in %d of %d pages", found, pages)
	}
}

// TestGone makes no new store where one was.
func TestGone(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	storetest.Do(t, s, 1)
	s.Close()
	if err := os.Remove(s.Path()); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), s.Path(), options()); !errors.Is(err, store.ErrMissing) || !strings.Contains(err.Error(), "store restore") {
		t.Errorf("Open where a store was = %v, want %v", err, store.ErrMissing)
	}
	if _, err := os.Stat(s.Path()); err == nil {
		t.Error("Open made a new store where one was")
	}
}

// TestOddPath opens a store whatever its path is made of.
func TestOddPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a b?c=1&mode=memory#d%20e;ü'\"")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	storetest.Do(t, s, 1, storetest.Round(1, 1, 1))
	if err := s.Backup(t.Context(), filepath.Join(dir, "copy'?.db")); err != nil {
		t.Errorf("Backup: %v", err)
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	if list, err := s.LastRuns(t.Context(), 9); err != nil || len(list) != 1 {
		t.Errorf("LastRuns = %v, %v, want one", list, err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 5 { // store, log, index, lock, copy
		t.Errorf("files = %v, %v, want five", names, err)
	}
}
