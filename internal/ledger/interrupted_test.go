package ledger

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// restore records a backup as a store does.
func (m *memory) restore(t *testing.T, by, reason string) {
	t.Helper()
	body := fmt.Appendf(nil, `{"schema":"residency/restored/v1","from":"b1.db","log_size":%d,"last_seq":%d,"reason":%q}`, len(m.leaves), len(m.runs), reason)
	if err := m.record(context.Background(), residency.Record{Kind: "restored", At: day, By: by, Body: body}); err != nil {
		t.Fatal(err)
	}
}

// interrupted is a log of which a backup was restored, once nothing was lost
// by it, and once what two more runs had added.
func interrupted(t *testing.T) (*memory, *Key) {
	t.Helper()
	ctx, file := context.Background(), filepath.Join(t.TempDir(), "log.checkpoint")
	m, key := sealed(t, 12)
	sign := func(m *memory) {
		t.Helper()
		if _, err := m.filed(key, file).Sign(ctx); err != nil {
			t.Fatal(err)
		}
	}
	sign(m)
	m.restore(t, "bob", "")
	sign(m)
	backup := m.clone()
	for n := range 3 {
		m.note(t, n)
	}
	sign(m)
	backup.restore(t, "ann", "disk died")
	s := backup.filed(key, file)
	if _, err := s.Sign(ctx); !IsTamper(err) {
		t.Fatalf("Sign after a restore = %v, want a TamperError", err)
	}
	if ok, err := s.AcceptGap(ctx, "eve", "a test"); !ok || err != nil {
		t.Fatalf("AcceptGap = %v, %v", ok, err)
	}
	return backup, key
}

// TestInterruptionsAreTold: whoever verifies a store, or a bundle made of it,
// hears who restored a backup and who accepted what is missing since.
func TestInterruptionsAreTold(t *testing.T) {
	t.Parallel()
	m, key := interrupted(t)
	n := len(m.leaves)
	want := []string{
		fmt.Sprintf("the backup b1.db, with %d leaves and runs up to number 12, was put in place of the store by bob at 2026-11-01T00:00:00Z, on record as leaf %d: no reason was given", n-3, n-3),
		fmt.Sprintf("the backup b1.db, with %d leaves and runs up to number 12, was put in place of the store by ann at 2026-11-01T00:00:00Z, on record as leaf %d: disk died", n-2, n-2),
		fmt.Sprintf("gap: 3 of the %d leaves signed under ", n+1),
	}
	hold := func(what string, rep Report, err error) {
		t.Helper()
		if err != nil || len(rep.Notes) != len(want) {
			t.Fatalf("%s: %v, notes %q, want %q", what, err, rep.Notes, want)
		}
		for i := range want {
			if !strings.HasPrefix(rep.Notes[i], want[i]) {
				t.Errorf("%s: note %q, want %q", what, rep.Notes[i], want[i])
			}
		}
		if end := fmt.Sprintf(" given up by eve at 2026-11-01T00:00:00Z, on record as leaf %d: a test", n-1); !strings.HasSuffix(rep.Notes[2], end) {
			t.Errorf("%s: note %q, want it to end with %q", what, rep.Notes[2], end)
		}
	}
	rep, err := m.verifier(key.Public()).Verify(context.Background())
	hold("the store", rep, err)
	for _, last := range []int64{12, 9} {
		_, rep, err := verifyBundle(bundleOf(t, m, last, last), key.Public())
		hold(fmt.Sprintf("a bundle of run %d", last), rep, err)
	}
}

// TestHowMuchIsLost counts what a gap gives up, from as much as is known.
func TestHowMuchIsLost(t *testing.T) {
	t.Parallel()
	signed := residency.Checkpoint{Size: 10, Root: residency.HashOf([]byte("ten"))}
	held := func(sizes ...int64) (list []keptCheckpoint) {
		for _, n := range sizes {
			list = append(list, keptCheckpoint{Checkpoint: residency.Checkpoint{Size: n}})
		}
		return append(list, keptCheckpoint{Checkpoint: signed})
	}
	back := func(leaf, size int64) restoredAct { return restoredAct{leaf: leaf, backup: backup{Size: size}} }
	tests := []struct {
		name     string
		leaf     int64 // of the gap
		restored []restoredAct
		cps      []keptCheckpoint
		want     string
	}{
		{"the backup says it", 7, []restoredAct{back(6, 6)}, held(5), "4"},
		{"two backups, one after the other", 8, []restoredAct{back(6, 6), back(7, 7)}, held(5), "4"},
		{"a backup before, from which all was signed", 7, []restoredAct{back(3, 3), back(6, 6)}, held(5), "4"},
		{"a backup afterwards", 7, []restoredAct{back(8, 8)}, held(7), "3"},
		{"a record that does not say it", 7, []restoredAct{back(6, -1)}, held(5), "3 to 5"},
		{"no record of a backup", 7, nil, held(5), "3 to 5"},
		{"nothing but the gap", 7, nil, held(), "3 to 10"},
		{"the log had grown past it", 20, nil, held(4, 18), "1 to 6"},
		{"a checkpoint that covers the gap says nothing of before", 7, nil, held(8), "3 to 10"},
	}
	for _, tt := range tests {
		g := gapAct{leaf: tt.leaf, Gap: Gap{GivenUp: []TreeState{{signed.Size, signed.Root}}, Tree: TreeState{Size: tt.leaf}}}
		a := &acts{givenUp: []gapAct{g}, restored: tt.restored}
		if got := a.lost(g, signed.Size, tt.cps); got != tt.want {
			t.Errorf("%s: lost %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestRecordsOfRestoresOfAnyForm: what cannot be understood of a restore is
// told as far as it can be.
func TestRecordsOfRestoresOfAnyForm(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", `{}`, `[1]`, `{"log_size":-3}`, `{"from":"b.db","log_size":9}`, `{"log_size":"x"}`} {
		a := &acts{}
		if err := a.note(4, Entry{Record: &RecordEntry{Kind: "restored", By: "ann", At: stamp{day}, Body: []byte(body)}}); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		got := a.interruptions(nil)
		if len(got) != 1 || got[0] != "a backup was put in place of the store by ann at 2026-11-01T00:00:00Z, on record as leaf 4: no reason was given" {
			t.Errorf("%s is told as %q", body, got)
		}
	}
}

// TestVerifyTellsTheAgeOfWhatWasDeleted: whoever can write to the store can have
// our key sign that young runs were deleted by policy; their age says so.
func TestVerifyTellsTheAgeOfWhatWasDeleted(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, key := sealed(t, 9)
	for _, p := range []struct {
		last int64
		age  time.Duration
	}{{2, 400 * 24 * time.Hour}, {4, 3 * time.Hour}, {5, 400 * 24 * time.Hour}} {
		at := testRun(p.last).At.Add(p.age)
		if err := m.record(ctx, residency.Record{Kind: "pruned", At: at, By: "residency", Body: canonical(Pruned{First: 1, Last: p.last})}); err != nil {
			t.Fatal(err)
		}
		for seq := int64(1); seq <= p.last; seq++ {
			delete(m.rounds, seq)
		}
	}
	if _, err := m.verifier(key.Public()).Verify(ctx); !IsTamper(err) || !strings.Contains(err.Error(), "want signed, got not signed") {
		t.Errorf("before it is signed: Verify = %v", err)
	}
	if _, err := m.signer(key).Sign(ctx); err != nil {
		t.Fatal(err)
	}
	rep, err := m.verifier(key.Public()).Verify(ctx)
	if err != nil || rep.Pruned != 5 || rep.Youngest != 3*time.Hour {
		t.Errorf("Verify = %v, %d runs deleted, the youngest %v old; want 5 and 3h", err, rep.Pruned, rep.Youngest)
	}
}
