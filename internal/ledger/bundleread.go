package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// Bounds on what is read of a bundle, which may come from anybody.
const (
	maxBundleFile  = 256 << 20
	maxBundleFiles = 4 << 20
)

// BundleVerifier verifies a bundle with nothing else at hand.
type BundleVerifier struct {
	Files fs.FS // a directory, or a zip file that was opened

	// Keys, Judge, Rules, Workers and Progress are as those of Verifier.
	Keys     []Public
	Judge    func(ctx context.Context, t Trial) (judgement []byte, err error)
	Rules    int
	Workers  int
	Progress func(done, total int64)

	// Dated is as that of Verifier. Kept are checkpoints that were kept elsewhere:
	// the bundle's log must have grown out of each, where the bundle can show it.
	Dated func(cp residency.Checkpoint) ([]time.Time, error)
	Kept  []residency.Checkpoint
}

// Verify verifies the bundle: every file against the manifest, every leaf
// against the tree of the checkpoint, every round against its run, every body
// against its hash, and every verdict by judging again. What does not match is
// a TamperError.
func (v *BundleVerifier) Verify(ctx context.Context) (Manifest, Report, error) {
	b := &opened{v: v, files: map[string]BundleFile{}, leaves: map[int64][]byte{}, runs: map[int64]job{}}
	err := b.verify(ctx)
	return b.manifest, b.rep, err
}

// opened is a bundle on its way through verification.
type opened struct {
	v        *BundleVerifier
	manifest Manifest
	files    map[string]BundleFile
	indexes  []int64          // of its leaves, in order
	leaves   map[int64][]byte // by index
	runs     map[int64]job    // by number
	cp       residency.Checkpoint
	known    acts
	rep      Report
}

func (b *opened) verify(ctx context.Context) error {
	if err := b.readManifest(); err != nil {
		return err
	}
	if err := b.sameFiles(ctx); err != nil {
		return err
	}
	if err := b.readLeaves(); err != nil {
		return err
	}
	if err := b.signed(); err != nil {
		return err
	}
	return b.judgeRuns(ctx)
}

// readManifest reads what the bundle says of itself.
func (b *opened) readManifest() error {
	data, err := readFile(b.v.Files, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("read bundle: there is no manifest.json: this is no bundle")
	}
	if err != nil {
		return fmt.Errorf("read bundle: %w", err)
	}
	m := &b.manifest
	if err := exactly(bytes.TrimSuffix(data, []byte("\n")), m); err != nil || m.Schema != bundleSchema {
		return tampered(-1, "a manifest of "+bundleSchema, errOr(err, m.Schema), "manifest.json")
	}
	if len(m.Files) > maxBundleFiles || m.Context < 1 || m.Context > m.First || m.First > m.Last || !ascending(m.Endpoints) {
		return tampered(-1, nil, nil, "manifest.json: its runs, endpoints or files cannot be")
	}
	if n := len(m.Earlier); n > 0 && (m.Earlier[0] < 1 || m.Earlier[n-1] >= m.Context || !slices.IsSorted(m.Earlier)) {
		return tampered(-1, nil, nil, "manifest.json: its earlier runs cannot be")
	}
	for i, f := range m.Files {
		if i > 0 && m.Files[i-1].Name >= f.Name || f.Name == "manifest.json" || !fs.ValidPath(f.Name) {
			return tampered(-1, "each file once, in order", f.Name, "manifest.json")
		}
		b.files[f.Name] = f
	}
	return nil
}

func ascending(list []string) bool {
	return slices.IsSortedFunc(list, strings.Compare) && len(slices.Compact(slices.Clone(list))) == len(list)
}

// sameFiles holds the files to the manifest: every one of it, and no others.
func (b *opened) sameFiles(ctx context.Context) error {
	err := fs.WalkDir(b.v.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "manifest.json" {
			return err
		}
		if _, ok := b.files[name]; !ok {
			return tampered(-1, "no such file", name, "the bundle has a file that its manifest does not name")
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	return spread(ctx, b.v.Workers, len(b.manifest.Files), func(i int) error {
		f := b.manifest.Files[i]
		data, err := readFile(b.v.Files, f.Name)
		if err != nil {
			return tampered(-1, f.SHA256, err, "file %s", f.Name)
		}
		if got := residency.HashOf(data); got != f.SHA256 || int64(len(data)) != f.Size {
			return tampered(-1, f.SHA256, got, "file %s", f.Name)
		}
		if dir, name, _ := strings.Cut(f.Name, "/"); dir == "bodies" && name != f.SHA256.String() {
			return tampered(-1, name, f.SHA256, "file %s", f.Name)
		}
		if b.v.Progress != nil && i%256 == 0 {
			b.v.Progress(int64(i), int64(len(b.manifest.Files)))
		}
		return nil
	})
}

// readFile reads a file of bounded size.
func readFile(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxBundleFile || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file, or too large", name)
	}
	data := make([]byte, info.Size())
	for read := 0; read < len(data); {
		n, err := f.Read(data[read:])
		read += n
		if err != nil && read < len(data) {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return data, nil
}

// readLeaves reads the leaves, in the order of the log.
func (b *opened) readLeaves() error {
	for name := range b.files {
		number, ok := strings.CutPrefix(name, "leaves/")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 62)
		if err != nil || n < 0 || strconv.FormatInt(n, 10) != number {
			return tampered(-1, "leaves by their index", name, "a file of the bundle")
		}
		b.indexes = append(b.indexes, n)
	}
	slices.Sort(b.indexes)
	w := walker{last: b.manifest.Context - 1}
	for _, n := range b.indexes {
		leaf, err := readFile(b.v.Files, "leaves/"+strconv.FormatInt(n, 10))
		if err != nil {
			return fmt.Errorf("read leaf %d: %w", n, err)
		}
		e, err := ParseLeaf(leaf)
		if err == nil {
			err = b.known.note(n, e)
		}
		if err != nil {
			return tampered(n, "a run or a record", err, "leaf")
		}
		if e.Run != nil && slices.Contains(b.manifest.Earlier, e.Run.Seq) && b.runs[e.Run.Seq].run == nil {
			b.leaves[n], b.runs[e.Run.Seq] = leaf, job{n, leaf, e.Run}
			continue
		}
		if err := w.sequence(n, e.Run); err != nil {
			return err
		}
		if e.Record != nil && e.Record.BodySHA256 != (residency.Hash{}) && b.files[bodyName(e.Record.BodySHA256)].Name == "" {
			return tampered(n, e.Record.BodySHA256, "none", "body of record %q", e.Record.Kind)
		}
		b.leaves[n] = leaf
		if e.Run != nil {
			b.runs[e.Run.Seq] = job{n, leaf, e.Run}
		}
	}
	if w.last != b.manifest.Last {
		return tampered(-1, fmt.Sprintf("runs up to %d", b.manifest.Last), fmt.Sprintf("up to %d", w.last), "a run is not in the bundle")
	}
	for _, seq := range b.manifest.Earlier {
		if b.runs[seq].run == nil {
			return tampered(-1, fmt.Sprintf("run %d", seq), "none", "an earlier run is not in the bundle")
		}
	}
	b.rep.Runs, b.rep.Records = b.known.runs, b.known.records
	from, to := b.runs[b.manifest.Context].index, b.runs[b.manifest.Last].index
	for n := from; n <= to; n++ {
		if _, ok := b.leaves[n]; !ok {
			return tampered(n, "every leaf between the runs", "none", "a record is not in the bundle")
		}
	}
	return nil
}

// signed holds the leaves to the tree of the checkpoint, the older checkpoints
// to the same tree, and all of them to the key.
func (b *opened) signed() error {
	note, err := readFile(b.v.Files, "log/checkpoint")
	if err != nil {
		return tampered(-1, "a checkpoint", err, "the bundle")
	}
	text, _, _ := cutNote(note)
	cp, origin, err := parseCheckpoint(text)
	if err != nil || origin != b.manifest.Origin {
		return tampered(-1, "a checkpoint of "+b.manifest.Origin, errOr(err, origin), "log/checkpoint")
	}
	b.cp, b.rep.Size, b.rep.Root = cp, cp.Size, cp.Root
	cp.Note = note
	if cp.Stamp, err = b.stamp("log/checkpoint"); err != nil {
		return err
	}
	tiles, err := fs.Sub(b.v.Files, "log")
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tlog.Tree{N: cp.Size, Hash: tlog.Hash(cp.Root)}, tileFiles{tiles})
	if err := b.inTree(reader); err != nil {
		return err
	}
	cps, err := b.older(reader)
	if err != nil {
		return err
	}
	cps = append(cps, keptCheckpoint{Checkpoint: cp, from: "the bundle"})
	kept, err := b.kept(reader)
	if err != nil {
		return err
	}
	if err := b.signatures(bySize(append(cps, kept...))); err != nil {
		return err
	}
	return b.dates(cps)
}

// inTree holds every leaf to the tree.
func (b *opened) inTree(reader tlog.HashReader) error {
	at := make([]int64, len(b.indexes))
	for i, n := range b.indexes {
		if n >= b.cp.Size {
			return tampered(n, fmt.Sprintf("less than %d leaves", b.cp.Size), nil, "the leaf is not covered by the checkpoint")
		}
		at[i] = tlog.StoredHashIndex(0, n)
	}
	hashes, err := reader.ReadHashes(at)
	if err != nil {
		return tampered(-1, b.cp.Root, err, "the tiles of the log")
	}
	for i, n := range b.indexes {
		if got := tlog.RecordHash(b.leaves[n]); got != hashes[i] {
			return tampered(n, residency.Hash(hashes[i]), residency.Hash(got), "hash of the leaf")
		}
	}
	return nil
}

// older returns the older checkpoints, each consistent with the tree.
func (b *opened) older(reader tlog.HashReader) ([]keptCheckpoint, error) {
	var list []keptCheckpoint
	for name := range b.files {
		if !strings.HasPrefix(name, "checkpoints/") {
			continue
		}
		if of, isStamp := strings.CutSuffix(name, stampEnd); isStamp && b.files[of].Name != "" {
			continue
		}
		note, err := readFile(b.v.Files, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		text, _, _ := cutNote(note)
		cp, origin, err := parseCheckpoint(text)
		if err != nil || origin != b.manifest.Origin || name != "checkpoints/"+strconv.FormatInt(cp.Size, 10) || cp.Size < 1 || cp.Size > b.cp.Size {
			return nil, tampered(-1, "an older checkpoint of "+b.manifest.Origin, errOr(err, origin), "%s", name)
		}
		cp.Note = note
		if cp.Stamp, err = b.stamp(name); err != nil {
			return nil, err
		}
		root, err := tlog.TreeHash(cp.Size, reader)
		if err != nil || residency.Hash(root) != cp.Root {
			return nil, tampered(-1, cp.Root, residency.Hash(root), "the root of the first %d leaves is not that of %s", cp.Size, name)
		}
		list = append(list, keptCheckpoint{Checkpoint: cp, from: "the bundle"})
	}
	return bySize(list), nil
}

// signatures holds the checkpoints to the keys that the log names.
func (b *opened) signatures(cps []keptCheckpoint) error {
	said, err := readFile(b.v.Files, "key")
	if err != nil {
		return tampered(-1, "a public key", err, "file key")
	}
	v := &Verifier{Keys: b.v.Keys}
	if err := v.signatures(&b.rep, cps, &b.known); err != nil {
		return err
	}
	if got := strings.TrimSpace(string(said)); got != b.rep.Key {
		return tampered(-1, b.rep.Key, got, "file key")
	}
	return nil
}

// Bodies returns bodies of the bundle by hash, without those that are not in
// it.
func (b *opened) Bodies(_ context.Context, hashes []residency.Hash) (map[residency.Hash][]byte, error) {
	found := map[residency.Hash][]byte{}
	for _, h := range hashes {
		if _, ok := b.files[bodyName(h)]; !ok {
			continue
		}
		data, err := readFile(b.v.Files, bodyName(h))
		if err != nil {
			return nil, err
		}
		found[h] = data
	}
	return found, nil
}

// ordered yields the runs of the bundle in order.
func (b *opened) ordered() iter.Seq[job] {
	return func(yield func(job) bool) {
		for seq := b.manifest.Context; seq <= b.manifest.Last; seq++ {
			if !yield(b.runs[seq]) {
				return
			}
		}
	}
}
