package ledger

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"residency/internal/residency"
)

// TestSignRefusesAnotherKey has somebody who can write to the store, and has no
// key of ours, put keys and checkpoints into it. Our key vouches for none.
func TestSignRefusesAnotherKey(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	record := func(m *memory, from, to byte) {
		if err := m.record(ctx, rotation(t, from, to)); err != nil {
			t.Fatal(err)
		}
	}
	sign := func(m *memory, seed byte) {
		size := int64(len(m.leaves))
		root, err := Root(ctx, m, size)
		if err != nil {
			t.Fatal(err)
		}
		cp, err := testKey(t, seed).Sign(size, root, day)
		if err != nil {
			t.Fatal(err)
		}
		m.checkpoints = append(m.checkpoints, cp)
	}
	tests := []struct {
		name   string
		meddle func(m *memory)
		tamper bool
		want   string
	}{
		{"a key", func(m *memory) { record(m, 1, 66) }, true, "leaf 2: a record names the key that signs the log next"},
		{"a key, and ours again", func(m *memory) { record(m, 1, 66); record(m, 66, 1) }, true, "leaf 2: a record names"},
		{"two keys", func(m *memory) { record(m, 1, 66); record(m, 66, 67) }, true, "leaf 2: a record names"},
		{"a key and its checkpoint", func(m *memory) { record(m, 1, 66); sign(m, 66) }, false, "the log is signed with the key"},
		{"a key, ours again, and a checkpoint", func(m *memory) { record(m, 1, 66); record(m, 66, 1); sign(m, 66) }, false, "the log is signed with the key"},
		{"a key, and our checkpoint said to cover it", func(m *memory) {
			record(m, 1, 66)
			root, err := Root(ctx, m, 3)
			if err != nil {
				t.Fatal(err)
			}
			cp := &m.checkpoints[len(m.checkpoints)-1]
			cp.Size, cp.Root = 3, root
		}, true, "what the store says of its last checkpoint is not what was signed"},
	}
	for _, running := range []bool{false, true} {
		for _, tt := range tests {
			m, key := newMemory(), testKey(t, 1)
			m.note(t, 1)
			s := m.signer(key)
			if _, err := s.Sign(ctx); err != nil {
				t.Fatal(err)
			}
			tt.meddle(m)
			if !running {
				s = m.signer(key)
			}
			before := len(m.checkpoints)
			_, err := s.Sign(ctx)
			if err == nil || IsTamper(err) != tt.tamper || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s, signer running %v: Sign = %v, want %q", tt.name, running, err, tt.want)
			}
			if len(m.checkpoints) != before {
				t.Errorf("%s, signer running %v: a checkpoint was signed all the same", tt.name, running)
			}
			if _, err := m.verifier(key.Public()).Verify(ctx); !IsTamper(err) {
				t.Errorf("%s: Verify = %v, want a TamperError", tt.name, err)
			}
		}
	}
}

// TestRunSignsWithTwoBeginners has two processes begin a log at the same time,
// each with our key on record: that is no other key.
func TestRunSignsWithTwoBeginners(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, key := newMemory(), testKey(t, 1)
	for range 2 {
		body := canonical(KeyChange{Schema: keySchema, Key: key.Public().String()})
		if err := m.record(ctx, residency.Record{Kind: "key", At: day, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if cp, err := m.signer(key).Sign(ctx); err != nil || cp.Size != 2 {
		t.Errorf("Sign = %v, %v, want 2 leaves", cp.Size, err)
	}
	if _, err := m.verifier(key.Public()).Verify(ctx); err != nil {
		t.Error(err)
	}
}

// TestRunWaitsForARotation has the loop meet a key on record that was not signed
// yet: a rotation under way is signed by the time of the next look, and what is
// not is told as tampering.
func TestRunWaitsForARotation(t *testing.T) {
	t.Parallel()
	for _, meant := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			m, key := &shared{memory: newMemory()}, testKey(t, 1)
			m.note(t, 1)
			s := m.signer(key)
			s.Log, s.Book, s.Now = m, m, time.Now
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			synctest.Wait()
			m.turn.Lock()
			if err := m.memory.record(ctx, rotation(t, 1, 2)); err != nil {
				t.Error(err)
			}
			m.turn.Unlock()
			time.Sleep(61 * time.Second)
			synctest.Wait()
			if meant {
				told := m.signer(key)
				told.Log, told.Book, told.Accept = m, m, testKey(t, 2).Public()
				if _, err := told.Sign(ctx); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			cancel()
			if err := <-done; IsTamper(err) == meant {
				t.Errorf("Run = %v, the rotation being meant: %v", err, meant)
			}
		})
	}
}

// TestRotateRefusesAFormerKey: a key that comes back could hide another that
// stood in between.
func TestRotateRefusesAFormerKey(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, old, next := newMemory(), testKey(t, 1), testKey(t, 2)
	if _, err := m.signer(old).Rotate(ctx, next.Public(), "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.signer(next).Rotate(ctx, old.Public(), "ann"); err == nil || !strings.Contains(err.Error(), "has to be a new one") {
		t.Errorf("Rotate to the key before = %v", err)
	}
	if cp, err := m.signer(next).Rotate(ctx, testKey(t, 3).Public(), "ann"); err != nil || cp.Size != 3 {
		t.Errorf("Rotate to a third key = %v, %v", cp.Size, err)
	}
	if rep, err := m.verifier(old.Public()).Verify(ctx); err != nil || rep.Key != testKey(t, 3).Public().String() {
		t.Errorf("Verify = %v, %v", rep.Key, err)
	}
}
