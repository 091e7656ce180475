package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	flog "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"

	"residency/internal/residency"
)

// bigLog makes a log of many small leaves, signed at some sizes.
func bigLog(t testing.TB, sizes ...int64) (*memory, *Key) {
	t.Helper()
	m, key := newMemory(), testKey(t, 1)
	for _, size := range sizes {
		for n := int64(len(m.leaves)); n < size; n++ {
			r := residency.Record{Kind: "delivered", At: day, Body: fmt.Appendf(nil, `{"n":%d}`, n)}
			if n == 0 {
				r = residency.Record{Kind: "key", At: day, Body: canonical(KeyChange{Schema: keySchema, Key: key.Public().String()})}
			}
			leaf, err := RecordLeaf(r)
			if err == nil {
				err = m.append(leaf)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		root, err := Root(context.Background(), m, size)
		if err != nil {
			t.Fatal(err)
		}
		cp, err := key.Sign(size, root, day)
		if err != nil {
			t.Fatal(err)
		}
		m.checkpoints = append(m.checkpoints, cp)
	}
	return m, key
}

// TestOthersVerifyOurLog has the exported log read and proved by the client and
// the Merkle tree of the transparency-dev project, which share no code with
// ours: the checkpoint, the inclusion of every leaf, and the growth between
// all sizes that were signed.
func TestOthersVerifyOurLog(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, key := bigLog(t, 1, 2, 255, 256, 257, 300, 512, 700)
	dir := t.TempDir()
	for _, cp := range m.checkpoints { // one export onto the other
		if err := ExportDir(ctx, m, cp, dir); err != nil {
			t.Fatal(err)
		}
	}
	f := client.FileFetcher{Root: dir}
	v, err := note.NewVerifier(key.Public().String())
	if err != nil {
		t.Fatal(err)
	}
	cp, _, _, err := client.FetchCheckpoint(ctx, f.ReadCheckpoint, v, key.Public().Origin())
	if err != nil {
		t.Fatal(err)
	}
	if cp.Size != 700 {
		t.Fatalf("the checkpoint is of %d leaves", cp.Size)
	}
	builder, err := client.NewProofBuilder(ctx, cp.Size, f.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	index := uint64(0)
	for bundle := uint64(0); bundle*256 < cp.Size; bundle++ {
		entries, err := client.GetEntryBundle(ctx, f.ReadEntryBundle, bundle, cp.Size)
		if err != nil {
			t.Fatal(err)
		}
		for _, leaf := range entries.Entries {
			if !bytes.Equal(leaf, m.leaves[index]) {
				t.Errorf("leaf %d is exported as %q", index, leaf)
			}
			path, err := builder.InclusionProof(ctx, index)
			if err == nil {
				err = proof.VerifyInclusion(rfc6962.DefaultHasher, index, cp.Size, rfc6962.DefaultHasher.HashLeaf(leaf), path, cp.Hash)
			}
			if err != nil {
				t.Errorf("leaf %d: %v", index, err)
			}
			index++
		}
	}
	if index != cp.Size {
		t.Errorf("the bundles have %d leaves, want %d", index, cp.Size)
	}
	growsForOthers(ctx, t, m, builder, cp)
}

// growsForOthers has the growth between checkpoints verified.
func growsForOthers(ctx context.Context, t *testing.T, m *memory, builder *client.ProofBuilder, cp *flog.Checkpoint) {
	t.Helper()
	for _, old := range m.checkpoints {
		path, err := builder.ConsistencyProof(ctx, uint64(old.Size), cp.Size)
		if err == nil {
			err = proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old.Size), cp.Size, path, old.Root[:], cp.Hash)
		}
		if err != nil {
			t.Errorf("growth from %d to %d: %v", old.Size, cp.Size, err)
		}
		ours, err := Consistency(ctx, m, old.Size, int64(cp.Size))
		if err != nil || len(ours) != len(path) {
			t.Errorf("our proof of growth from %d has %d hashes, theirs %d (%v)", old.Size, len(ours), len(path), err)
		}
	}
}

// TestOthersVerifyABundle has the tiles of a bundle prove its leaves to others.
func TestOthersVerifyABundle(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, key := sealed(t, 20)
	dir := t.TempDir()
	if _, err := m.bundler(9, 13).Write(ctx, func(name string, data []byte) error {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		return os.WriteFile(file, data, 0o644)
	}); err != nil {
		t.Fatal(err)
	}
	f := client.FileFetcher{Root: filepath.Join(dir, "log")}
	v, err := note.NewVerifier(key.Public().String())
	if err != nil {
		t.Fatal(err)
	}
	cp, _, _, err := client.FetchCheckpoint(ctx, f.ReadCheckpoint, v, key.Public().Origin())
	if err != nil {
		t.Fatal(err)
	}
	builder, err := client.NewProofBuilder(ctx, cp.Size, f.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "leaves"))
	if err != nil || len(entries) < 9 {
		t.Fatalf("%d leaves, %v", len(entries), err)
	}
	for _, e := range entries {
		var index uint64
		if _, err := fmt.Sscan(e.Name(), &index); err != nil {
			t.Fatal(err)
		}
		leaf, err := os.ReadFile(filepath.Join(dir, "leaves", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		path, err := builder.InclusionProof(ctx, index)
		if err == nil {
			err = proof.VerifyInclusion(rfc6962.DefaultHasher, index, cp.Size, rfc6962.DefaultHasher.HashLeaf(leaf), path, cp.Hash)
		}
		if err != nil {
			t.Errorf("leaf %d: %v", index, err)
		}
	}
}

// TestRunRootIsRFC6962 compares the root over the rounds of a run with that of
// another implementation.
func TestRunRootIsRFC6962(t *testing.T) {
	t.Parallel()
	if root, err := RoundsRoot(nil); err != nil || root != sha256.Sum256(nil) || !bytes.Equal(root[:], rfc6962.DefaultHasher.EmptyRoot()) {
		t.Errorf("root of no rounds = %v, %v", root, err)
	}
	for n := 1; n < 70; n++ {
		var rounds []residency.RoundSeal
		for i := range n {
			rounds = append(rounds, residency.RoundSeal{Endpoint: fmt.Sprintf("a/b/%03d", i), Sight: residency.HashOf([]byte{byte(i)})})
		}
		root, err := RoundsRoot(rounds)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rounds {
			p := proofOf(t, rounds, r.Endpoint)
			path := make([][]byte, len(p.Path))
			for i := range p.Path {
				path[i] = p.Path[i][:]
			}
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(p.Index), uint64(n), rfc6962.DefaultHasher.HashLeaf(RoundLeaf(r)), path, root[:]); err != nil {
				t.Errorf("%d rounds, %s: %v", n, r.Endpoint, err)
			}
		}
	}
}

func TestExportRefusesAnotherLog(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	m, _ := bigLog(t, 10)
	if err := ExportDir(ctx, m, m.checkpoints[0], dir); err != nil {
		t.Fatal(err)
	}
	other, _ := sealed(t, 12)
	if err := ExportDir(ctx, other, other.checkpoints[2], dir); !IsTamper(err) {
		t.Errorf("ExportDir over another log = %v", err)
	}
	shorter, _ := bigLog(t, 5)
	if err := ExportDir(ctx, shorter, shorter.checkpoints[0], dir); !IsTamper(err) {
		t.Errorf("ExportDir of a shorter log = %v", err)
	}
}

// TestExportedLogVerifies: we read what others read, and find what is changed
// in any of its files.
func TestExportedLogVerifies(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, key := bigLog(t, 300, 520)
	files := fstest.MapFS{}
	never := func(string) bool { return false }
	if err := Export(ctx, m, m.checkpoints[1], never, func(path string, data []byte) error {
		files[path] = &fstest.MapFile{Data: bytes.Clone(data)}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	verify := func() (Report, error) {
		x, err := OpenExported(files)
		if err != nil {
			return Report{}, err
		}
		v := &Verifier{Log: x, Kept: []residency.Checkpoint{x.Checkpoint()}, Keys: []Public{key.Public()}}
		return v.Verify(ctx)
	}
	if rep, err := verify(); err != nil || rep.Size != 520 || rep.Signed != 520 {
		t.Fatalf("Verify = %+v, %v", rep, err)
	}
	for name, f := range files {
		for _, at := range []int{0, len(f.Data) / 2, len(f.Data) - 2} {
			f.Data[at] ^= 1
			if _, err := verify(); err == nil {
				t.Errorf("%s: byte %d is changed, and nothing is found", name, at)
			}
			f.Data[at] ^= 1
		}
	}
}
