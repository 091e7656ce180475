package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"residency/internal/residency"
)

// note puts one more record into the log.
func (m *memory) note(t *testing.T, n int) {
	t.Helper()
	if err := m.record(context.Background(), residency.Record{Kind: "acknowledged", At: day, By: "ann", Body: fmt.Appendf(nil, `{"n":%d}`, n)}); err != nil {
		t.Fatal(err)
	}
}

// filed returns a signer that keeps a file.
func (m *memory) filed(key *Key, file string) *Signer {
	s := m.signer(key)
	s.File = file
	return s
}

func TestSignFollowsTheLog(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, key := newMemory(), testKey(t, 1)
	file := filepath.Join(t.TempDir(), "log.checkpoint")
	m.note(t, 1)
	s := m.filed(key, file)
	cp, err := s.Sign(ctx)
	if err != nil || cp.Size != 2 {
		t.Fatalf("first Sign = %v, %v, want 2 leaves: what was there and the key", cp.Size, err)
	}
	if cp, err := s.Sign(ctx); err != nil || cp.Size != 0 {
		t.Errorf("second Sign = %v, %v, want nothing new", cp.Size, err)
	}
	m.note(t, 2)
	again := m.filed(key, file) // another process
	if cp, err := again.Sign(ctx); err != nil || cp.Size != 3 {
		t.Errorf("Sign by another process = %v, %v, want 3 leaves", cp.Size, err)
	}
	msg, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, by, err := OpenCheckpoint(msg, key.Public())
	if err != nil || got.Size != 3 || by.String() != key.Public().String() {
		t.Errorf("the file holds %v, %v, %v", got.Size, by, err)
	}
	if _, err := m.verifier(key.Public()).Verify(ctx); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("beside the checkpoint lie %v", entries)
	}
}

// TestSignRefuses shows each way in which a log is not what was signed.
func TestSignRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		meddle func(m *memory, file string) error
		want   string
	}{
		{"shorter", func(m *memory, _ string) error { m.leaves = m.leaves[:1]; m.rehash(); return nil }, "the log is shorter than the last checkpoint of the store says: want at least 3 leaves, got 1"},
		{"shorter, store's checkpoints too", func(m *memory, _ string) error {
			m.leaves, m.checkpoints = m.leaves[:2], nil
			m.rehash()
			return nil
		}, "the log is shorter than the checkpoint in"},
		{"another tree", func(m *memory, _ string) error {
			m.leaves[0] = []byte(strings.Replace(string(m.leaves[0]), "ann", "eve", 1))
			m.rehash()
			return nil
		}, "the root of the first 3 leaves is not that of the last checkpoint of the store"},
		{"another store", func(m *memory, _ string) error {
			*m = *newMemory()
			for i := range 5 {
				if err := m.record(context.Background(), residency.Record{Kind: "acknowledged", At: day, Body: fmt.Appendf(nil, "%d", i)}); err != nil {
					return err
				}
			}
			return nil
		}, "the root of the first 3 leaves is not that of the checkpoint in"},
		{"a file that was edited", func(_ *memory, file string) error {
			return os.WriteFile(file, []byte("example.com/residency\n1\n"), 0o644)
		}, "the checkpoint in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			m, key := newMemory(), testKey(t, 1)
			file := filepath.Join(t.TempDir(), "log.checkpoint")
			m.note(t, 1)
			m.note(t, 2)
			if _, err := m.filed(key, file).Sign(ctx); err != nil {
				t.Fatal(err)
			}
			if err := tt.meddle(m, file); err != nil {
				t.Fatal(err)
			}
			before := len(m.checkpoints)
			s := m.filed(key, file)
			_, err := s.Sign(ctx)
			if !IsTamper(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Sign = %v, want a TamperError with %q", err, tt.want)
			}
			if err := s.Run(ctx); !IsTamper(err) {
				t.Errorf("Run = %v, want a TamperError", err)
			}
			if len(m.checkpoints) != before {
				t.Error("a checkpoint was signed all the same")
			}
		})
	}
}

func TestAcceptGap(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, key := newMemory(), testKey(t, 1)
	file := filepath.Join(t.TempDir(), "log.checkpoint")
	m.note(t, 1)
	if _, err := m.filed(key, file).Sign(ctx); err != nil {
		t.Fatal(err)
	}
	backup := m.clone()
	m.note(t, 2)
	if _, err := m.filed(key, file).Sign(ctx); err != nil {
		t.Fatal(err)
	}
	s := backup.filed(key, file)
	if _, err := s.AcceptGap(ctx, "", "because"); err == nil {
		t.Error("AcceptGap takes nobody for an answer")
	}
	if ok, err := s.AcceptGap(ctx, "ann", "disk died, backup of Sunday restored"); !ok || err != nil {
		t.Fatalf("AcceptGap = %v, %v", ok, err)
	}
	if ok, err := backup.filed(key, file).AcceptGap(ctx, "ann", "again"); ok || err != nil {
		t.Errorf("AcceptGap without a gap = %v, %v, want false", ok, err)
	}
	backup.note(t, 3)
	if _, err := backup.filed(key, file).Sign(ctx); err != nil {
		t.Errorf("Sign after the gap: %v", err)
	}
	old, err := os.ReadFile(file + ".given-up-3")
	if err != nil {
		t.Fatal(err)
	}
	given, _, err := OpenCheckpoint(old, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	v := backup.verifier(key.Public())
	v.Kept = []residency.Checkpoint{given}
	rep, err := v.Verify(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "given up by ann at 2026-11-01T00:00:00Z, on record as leaf 2: disk died") {
		t.Errorf("Verify notes %q", rep.Notes)
	}
}

// TestGapInTheStore gives up a checkpoint that stays in the store.
func TestGapInTheStore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, key := newMemory(), testKey(t, 1)
	file := filepath.Join(t.TempDir(), "log.checkpoint")
	for i := range 5 {
		m.note(t, i)
	}
	if _, err := m.filed(key, file).Sign(ctx); err != nil {
		t.Fatal(err)
	}
	m.leaves = m.leaves[:2]
	m.rehash()
	lost := m.checkpoints
	forged := m.clone()
	if ok, err := m.filed(key, file).AcceptGap(ctx, "ann", "disk died"); !ok || err != nil {
		t.Fatalf("AcceptGap = %v, %v", ok, err)
	}
	for i := range 9 { // beyond the size that was given up
		m.checkpoints = append(m.checkpoints, lost...) // the largest, as a store returns it
		if _, err := m.filed(key, file).Sign(ctx); err != nil {
			t.Fatalf("Sign after the gap, %d: %v", i, err)
		}
		m.note(t, i)
	}
	// Whoever cannot sign cannot give anything up.
	leaf := m.leaves[2]
	if e, err := ParseLeaf(leaf); err != nil || e.Record == nil || e.Record.Kind != "restored" {
		t.Fatalf("leaf 2 is %s, %v", leaf, err)
	}
	if err := forged.append(leaf); err != nil {
		t.Fatal(err)
	}
	if _, err := forged.filed(key, filepath.Join(t.TempDir(), "none")).Sign(ctx); !IsTamper(err) {
		t.Errorf("Sign with a forged record of a gap = %v, want a TamperError", err)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, old, next := newMemory(), testKey(t, 1), testKey(t, 2)
	file := filepath.Join(t.TempDir(), "log.checkpoint")
	m.note(t, 1)
	first, running := m.filed(old, file), m.filed(old, file)
	if _, err := running.Sign(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := m.filed(next, file).Sign(ctx); err == nil || IsTamper(err) || !strings.Contains(err.Error(), "key rotate") {
		t.Errorf("Sign with a key that is not on record = %v", err)
	}
	cp, err := first.Rotate(ctx, next.Public(), "ann")
	if err != nil || cp.Size != 3 {
		t.Fatalf("Rotate = %v, %v", cp.Size, err)
	}
	v := m.verifier(old.Public())
	v.Kept = []residency.Checkpoint{cp} // beside the store lies the same
	if rep, err := v.Verify(ctx); err != nil || rep.Key != next.Public().String() {
		t.Errorf("Verify right after = %v, %v", rep.Key, err)
	}
	m.note(t, 2)
	if _, err := running.Sign(ctx); err == nil {
		t.Error("a process that still has the key before went on signing")
	}
	if cp, err := m.filed(next, file).Sign(ctx); err != nil || cp.Size != 4 {
		t.Fatalf("Sign with the next key = %v, %v", cp.Size, err)
	}
	for _, key := range []*Key{old, next} { // either one is enough to know the other
		rep, err := m.verifier(key.Public()).Verify(ctx)
		if err != nil || rep.Checkpoints != 3 || rep.Key != next.Public().String() {
			t.Errorf("Verify with %s = %+v, %v", key.Public(), rep, err)
		}
	}
	if _, err := m.verifier(testKey(t, 3).Public()).Verify(ctx); !IsTamper(err) {
		t.Errorf("Verify with a key of another log = %v", err)
	}
}

// TestRotateCutShort has the record of the next key committed, and nothing
// signed after it: whoever says that this is the next key has the key before
// sign that once more, and no more.
func TestRotateCutShort(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, old, next := newMemory(), testKey(t, 1), testKey(t, 2)
	m.note(t, 1)
	if _, err := m.signer(old).Sign(ctx); err != nil {
		t.Fatal(err)
	}
	body := canonical(KeyChange{keySchema, next.Public().String(), old.Public().String()})
	if err := m.record(ctx, residency.Record{Kind: "key", At: day, Body: body}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.signer(next).Sign(ctx); err == nil || !strings.Contains(err.Error(), "has to sign the record of the new one") {
		t.Errorf("Sign with the next key = %v", err)
	}
	told := m.signer(old)
	told.Accept = next.Public()
	if cp, err := told.Sign(ctx); err != nil || cp.Size != 3 {
		t.Fatalf("Sign with the key before = %v, %v", cp.Size, err)
	}
	m.note(t, 2)
	if _, err := m.signer(old).Sign(ctx); err == nil {
		t.Error("the key before signed twice")
	}
	if _, err := m.signer(next).Sign(ctx); err != nil {
		t.Error(err)
	}
	if _, err := m.verifier(old.Public()).Verify(ctx); err != nil {
		t.Error(err)
	}
}

// shared is a memory that two goroutines take turns with: one adds, the other
// signs, from Size to SaveCheckpoint.
type shared struct {
	*memory
	turn sync.Mutex
}

func (s *shared) Size(ctx context.Context) (int64, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	return s.memory.Size(ctx)
}

func (s *shared) SaveCheckpoint(ctx context.Context, cp residency.Checkpoint) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	return s.memory.SaveCheckpoint(ctx, cp)
}

func (s *shared) note(t *testing.T, n int) {
	t.Helper()
	s.turn.Lock()
	defer s.turn.Unlock()
	s.memory.note(t, n)
}

// TestSignerRun has the loop sign what comes, at once when it is woken, and
// outlive what fails in between.
func TestSignerRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		m, key := &shared{memory: newMemory()}, testKey(t, 1)
		m.note(t, 1)
		wake := make(chan struct{})
		var published []int64
		s := m.signer(key)
		s.Log, s.Book = m, m
		s.Wake, s.Now = wake, time.Now
		s.Anchors = []Anchor{func(context.Context, residency.Checkpoint, Growth) (residency.Checkpoint, error) {
			return residency.Checkpoint{}, errors.New("nobody answers")
		}}
		s.Publish = []Publisher{func(_ context.Context, cp residency.Checkpoint) error {
			published = append(published, cp.Size)
			return errors.New("no room")
		}}
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		synctest.Wait()
		m.note(t, 2)
		time.Sleep(time.Minute)
		synctest.Wait()
		m.note(t, 3)
		wake <- struct{}{}
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		if fmt.Sprint(published) != "[2 3 4]" {
			t.Errorf("published %v, want [2 3 4]", published)
		}
		if _, err := m.verifier(key.Public()).Verify(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
