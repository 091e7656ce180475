package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"residency/internal/residency"
)

// stamped is a log of 20 runs whose checkpoints have time stamps, and a bundle
// of some runs in its middle.
func stamped(t *testing.T) (*memory, *Key, fstest.MapFS) {
	t.Helper()
	m, key := sealed(t, 20)
	for i := range m.checkpoints {
		m.checkpoints[i].Stamp = fmt.Appendf(nil, "stamp of %d leaves", m.checkpoints[i].Size)
	}
	return m, key, bundleOf(t, m, 9, 13)
}

// TestBundleDates has people outside see checkpoints of a bundle at times that
// its runs fit, and at others.
func TestBundleDates(t *testing.T) {
	t.Parallel()
	m, key, files := stamped(t)
	last := m.checkpoints[len(m.checkpoints)-1].Size
	older := int64(0) // the first checkpoint over the bundle's runs from number 9 on
	for name := range files {
		var n int64
		if _, err := fmt.Sscanf(name, "checkpoints/%d.tsr", &n); err == nil && n > 14 && (older == 0 || n < older) {
			older = n
		}
	}
	if older == 0 {
		t.Fatal("the bundle has no time stamp of an older checkpoint")
	}
	for _, tt := range []struct {
		seen int64 // of which leaves
		at   time.Time
		want string
	}{
		{older, testRun(12).Finished.Add(time.Minute), ""},
		{last, testRun(20).Finished.Add(time.Minute), ""},
		{last, testRun(9).Finished.Add(-2 * time.Hour), "is dated ahead"},
		{older, testRun(20).Finished.Add(5 * time.Hour), "is dated back"},
	} {
		var stamps []string
		v := &BundleVerifier{Files: files, Keys: []Public{key.Public()}, Judge: judgeAgain, Rules: 1}
		v.Dated = func(cp residency.Checkpoint) ([]time.Time, error) {
			stamps = append(stamps, string(cp.Stamp))
			if cp.Size != tt.seen {
				return nil, nil
			}
			return []time.Time{tt.at}, nil
		}
		_, rep, err := v.Verify(context.Background())
		if tt.want == "" && (err != nil || rep.Dated != 1) || tt.want != "" && (!IsTamper(err) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%d leaves seen at %v: %v, %d dated, want %q", tt.seen, tt.at, err, rep.Dated, tt.want)
		}
		for _, n := range []int64{older, last} {
			if !slices.Contains(stamps, fmt.Sprintf("stamp of %d leaves", n)) {
				t.Errorf("the stamps %q are verified, and not that of %d leaves", stamps, n)
			}
		}
		v.Dated = func(residency.Checkpoint) ([]time.Time, error) { return nil, errors.New("another root") }
		if _, _, err := v.Verify(context.Background()); !IsTamper(err) {
			t.Errorf("a stamp that is not believed: %v", err)
		}
	}
}

// TestBundleKept compares bundles with checkpoints that were kept elsewhere.
func TestBundleKept(t *testing.T) {
	t.Parallel()
	m, key, files := stamped(t)
	last := m.checkpoints[len(m.checkpoints)-1]
	lies := last
	lies.Root[0] ^= 1
	forged, err := testKey(t, 66).Sign(last.Size, last.Root, day)
	if err != nil {
		t.Fatal(err)
	}
	younger, _ := sealed(t, 30)
	for _, tt := range []struct {
		name       string
		kept       residency.Checkpoint
		err, noted string
	}{
		{"the same", last, "", ""},
		{"another root", lies, "is not that of the checkpoint in a file", ""},
		{"another key", forged, "the checkpoint of 26 leaves in a file", ""},
		{"younger", younger.checkpoints[9], "", "it is younger than the bundle"},
		{"an older one", m.checkpoints[0], "", ""},
	} {
		v := &BundleVerifier{Files: files, Keys: []Public{key.Public()}, Judge: judgeAgain, Rules: 1, Kept: []residency.Checkpoint{tt.kept}}
		_, rep, err := v.Verify(context.Background())
		if tt.err == "" && err != nil || tt.err != "" && (!IsTamper(err) || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
		}
		if notes := strings.Join(rep.Notes, "\n"); err == nil && (tt.noted == "") != (notes == "") || !strings.Contains(notes, tt.noted) {
			t.Errorf("%s: notes %q, want %q", tt.name, notes, tt.noted)
		}
	}
}

// TestBundleKeptWithoutTiles: a large log's bundle has a part of its tree.
func TestBundleKeptWithoutTiles(t *testing.T) {
	t.Parallel()
	m, key := sealed(t, 6)
	for i := range 900 {
		if m.note(t, i); i%400 == 0 {
			if _, err := m.signer(key).Sign(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept := m.checkpoints[len(m.checkpoints)-2]
	v := &BundleVerifier{Files: bundleOf(t, m, 2, 4), Keys: []Public{key.Public()}, Judge: judgeAgain, Rules: 1, Kept: []residency.Checkpoint{kept}}
	if _, rep, err := v.Verify(context.Background()); err != nil || len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "the bundle has no tiles for it") {
		t.Errorf("Verify = %v, notes %q", err, rep.Notes)
	}
}

// TestDatesAfterAGap: a backup was restored, on record, after others had seen a
// checkpoint of what is lost. The runs that stand in its place are younger than
// what was seen, and honest.
func TestDatesAfterAGap(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, key := sealed(t, 9)
	file := filepath.Join(t.TempDir(), "log.checkpoint")
	for i := range 5 {
		m.note(t, i)
	}
	lost, err := m.filed(key, file).Sign(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m.checkpoints = m.checkpoints[:len(m.checkpoints)-1]
	at := m.checkpoints[len(m.checkpoints)-1].Size
	m.leaves = m.leaves[:at]
	m.rehash()
	if ok, err := m.filed(key, file).AcceptGap(ctx, "ann", "disk died"); !ok || err != nil {
		t.Fatalf("AcceptGap = %v, %v", ok, err)
	}
	late := testRun(10)
	late.At, late.Started, late.Finished = late.At.Add(48*time.Hour), late.Started.Add(48*time.Hour), late.Finished.Add(48*time.Hour)
	if err := m.end(late, nil); err != nil {
		t.Fatal(err)
	}
	for i := range lost.Size { // the log is as long as it was, and longer
		m.note(t, int(i))
	}
	v := m.verifier(key.Public())
	v.Kept = []residency.Checkpoint{lost}
	v.Dated = func(cp residency.Checkpoint) ([]time.Time, error) {
		if cp.Root != lost.Root {
			return nil, nil
		}
		return []time.Time{testRun(9).Finished.Add(time.Minute)}, nil
	}
	if _, err := v.Verify(ctx); err != nil {
		t.Errorf("Verify = %v", err)
	}
}
