package ledger

import (
	"archive/zip"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// A bundle is a directory or a zip file with everything that is needed to
// verify some rounds of some runs without the store they are from:
//
//	manifest.json      what is in it, and the SHA-256 of every other file
//	key                the public key in force at its checkpoint
//	log/checkpoint     the signed note over the whole log
//	log/checkpoint.tsr its time stamp (RFC 3161), where there is one
//	log/tile/...       tiles of the log (C2SP tlog-tiles) that prove its leaves
//	checkpoints/SIZE   older signed notes, of the time of its runs
//	leaves/INDEX       leaves of the log, byte by byte
//	rounds/RUN.json    rounds of a run, each with the path to the run's root
//	bodies/SHA256      sights, judgements, locations, packets, claims, records
//
// Whatever else is in it (a report, VERIFY.md) is held to the manifest alone.
const bundleSchema = "residency/bundle/v1"

// Manifest is what a bundle says of itself.
type Manifest struct {
	Schema    string   `json:"schema"`
	Origin    string   `json:"origin"`
	Endpoints []string `json:"endpoints"` // whose rounds are in it, sorted

	// First and Last are the runs it is about. Earlier runs from Context on are
	// in it because verdicts rest on them.
	First   int64 `json:"first_run"`
	Last    int64 `json:"last_run"`
	Context int64 `json:"context_run"`

	Files []BundleFile `json:"files"` // sorted by name
}

// BundleFile is a file of a bundle.
type BundleFile struct {
	Name   string         `json:"name"`
	Size   int64          `json:"size"`
	SHA256 residency.Hash `json:"sha256"`
}

// bundleRounds is the file of the rounds of a run.
type bundleRounds struct {
	Run    int64         `json:"run"`
	Leaf   int64         `json:"leaf"` // of the run, in the log
	Rounds []bundleRound `json:"rounds"`

	// Absent are the endpoints that the run did not look at: their neighbours
	// in the order of endpoints stand side by side.
	Absent []bundleAbsence `json:"absent,omitempty"`
}

type bundleRound struct {
	Leaf  string     `json:"leaf"` // of the round
	Proof RoundProof `json:"proof"`
}

type bundleAbsence struct {
	Endpoint string       `json:"endpoint"`
	Before   *bundleRound `json:"before,omitempty"` // nil: it would be the first
	After    *bundleRound `json:"after,omitempty"`  // nil: it would be the last
}

// Bundler puts a bundle together from a store.
type Bundler struct {
	Log         Log
	Checkpoints []residency.Checkpoint // of the log, by size, without any that were given up
	Runs        Runs

	Endpoints   []string // whose rounds
	First, Last int64    // of which runs

	// Names returns the hashes of what a sight or a judgement names: the
	// locations.
	Names func(body []byte) ([]residency.Hash, error)

	// Extra are further files by name, such as "report.html".
	Extra map[string][]byte
}

// Write hands every file of the bundle to put, in the order of their names but
// for the manifest, which comes first. The same log, runs and extras give the
// same bytes.
func (b *Bundler) Write(ctx context.Context, put func(name string, data []byte) error) (Manifest, error) {
	c := &collected{b: b, files: map[string][]byte{}}
	if err := c.collect(ctx); err != nil {
		return Manifest{}, fmt.Errorf("make bundle: %w", err)
	}
	names := slices.Sorted(maps.Keys(c.files))
	for _, name := range names {
		data := c.files[name]
		c.manifest.Files = append(c.manifest.Files, BundleFile{name, int64(len(data)), residency.HashOf(data)})
	}
	if err := put("manifest.json", append(canonical(c.manifest), '\n')); err != nil {
		return Manifest{}, fmt.Errorf("write bundle: %w", err)
	}
	for _, name := range names {
		if err := put(name, c.files[name]); err != nil {
			return Manifest{}, fmt.Errorf("write bundle: %w", err)
		}
	}
	return c.manifest, nil
}

// WriteZip writes the bundle as a zip file. Its files have no time of their
// own, so that the same content is the same file.
func (b *Bundler) WriteZip(ctx context.Context, w io.Writer) (Manifest, error) {
	z := zip.NewWriter(w)
	m, err := b.Write(ctx, func(name string, data []byte) error {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: zipEpoch()})
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return err
	})
	if err != nil {
		return m, err
	}
	if err := z.Close(); err != nil {
		return m, fmt.Errorf("write bundle: %w", err)
	}
	return m, nil
}

// zipEpoch is the first time that a zip file can tell.
func zipEpoch() time.Time { return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) }

// collected is a bundle in the making.
type collected struct {
	b        *Bundler
	manifest Manifest
	files    map[string][]byte
	leaves   []int64 // indexes of those in it
}

func (c *collected) collect(ctx context.Context) error {
	b := c.b
	if len(b.Checkpoints) == 0 {
		return fmt.Errorf("nothing is signed yet")
	}
	cp := b.Checkpoints[len(b.Checkpoints)-1]
	text, _, _ := cutNote(cp.Note)
	_, origin, err := parseCheckpoint(text)
	if err != nil {
		return err
	}
	endpoints := slices.Compact(slices.Sorted(slices.Values(b.Endpoints)))
	c.manifest = Manifest{Schema: bundleSchema, Origin: origin, Endpoints: endpoints, First: b.First, Last: b.Last}
	for name, data := range b.Extra {
		c.files[name] = data
	}
	first, err := c.contextOf(ctx)
	if err != nil {
		return err
	}
	c.manifest.Context = first
	if err := c.walk(ctx, cp.Size); err != nil {
		return err
	}
	return c.prove(ctx, cp)
}

// contextOf returns the first run that verdicts of the bundle's runs rest on:
// all of the window of the first one, and the last round of each endpoint
// before it.
func (c *collected) contextOf(ctx context.Context) (int64, error) {
	run, ok, err := c.b.Runs.Run(ctx, c.b.First)
	if err != nil || !ok {
		return 0, fmt.Errorf("read run %d: %w", c.b.First, errOr(err, "there is none"))
	}
	since := run.At.Add(-run.Window)
	missing := map[string]bool{}
	for _, e := range c.manifest.Endpoints {
		missing[e] = true
	}
	seq := c.b.First
	for seq > 1 {
		before, ok, err := c.b.Runs.Run(ctx, seq-1)
		if err != nil {
			return 0, fmt.Errorf("read run %d: %w", seq-1, err)
		}
		if !ok || before.At.Before(since) && len(missing) == 0 {
			break
		}
		rounds, err := c.b.Runs.Rounds(ctx, seq-1)
		if err != nil {
			return 0, fmt.Errorf("read rounds of run %d: %w", seq-1, err)
		}
		seq--
		for e := range missing {
			if _, there := find(rounds, e); there {
				delete(missing, e)
			}
		}
	}
	return seq, nil
}

func find(rounds []residency.RoundSeal, endpoint string) (int, bool) {
	return slices.BinarySearchFunc(rounds, residency.RoundSeal{Endpoint: endpoint}, byEndpoint)
}

// walk takes the leaves of the runs, the records among and what keys the log
// has, and the rounds.
func (c *collected) walk(ctx context.Context, size int64) error {
	index, begun, done := int64(-1), false, false
	for leaf, err := range c.b.Log.Leaves(ctx, 0, size) {
		index++
		if err != nil {
			return fmt.Errorf("read leaf %d: %w", index, err)
		}
		e, err := ParseLeaf(leaf)
		if err != nil {
			return tampered(index, "a run or a record", err, "leaf")
		}
		switch {
		case e.Run != nil:
			begun, done = e.Run.Seq >= c.manifest.Context, e.Run.Seq > c.b.Last
			if !begun || done {
				continue
			}
			err = c.takeRun(ctx, index, e.Run)
		case e.Record.Kind == "key" || e.Record.Kind == "restored" || e.Record.Kind == "pruned" || begun && !done:
			err = c.takeBodies(ctx, e.Record.BodySHA256)
		default:
			continue
		}
		if err != nil {
			return err
		}
		c.leaves = append(c.leaves, index)
		c.files["leaves/"+strconv.FormatInt(index, 10)] = slices.Clone(leaf)
	}
	return nil
}

// takeRun takes the rounds of a run, with what they and the run name by hash.
func (c *collected) takeRun(ctx context.Context, index int64, run *RunEntry) error {
	header, ok, err := c.b.Runs.Run(ctx, run.Seq)
	if err != nil || !ok {
		return fmt.Errorf("read run %d: %w", run.Seq, errOr(err, "there is none"))
	}
	claims := ClaimsBody(claimsOf(header))
	if residency.HashOf(claims) != run.Terms {
		return tampered(index, run.Terms, residency.HashOf(claims), "claims of run %d", run.Seq)
	}
	c.files[bodyName(run.Terms)] = claims
	rounds, err := c.b.Runs.Rounds(ctx, run.Seq)
	if err != nil {
		return fmt.Errorf("read rounds of run %d: %w", run.Seq, err)
	}
	file := bundleRounds{Run: run.Seq, Leaf: index, Rounds: []bundleRound{}}
	tree := newRoundTree(rounds)
	for _, e := range c.manifest.Endpoints {
		i, there := find(rounds, e)
		if !there {
			file.Absent = append(file.Absent, tree.absence(e, i))
			continue
		}
		file.Rounds = append(file.Rounds, *tree.round(i))
		r := rounds[i]
		if err := c.takeBodies(ctx, r.Sight, r.Judgement, r.Packets, r.LastPackets); err != nil {
			return err
		}
		if err := c.takeNamed(ctx, r.Sight, r.Judgement); err != nil {
			return err
		}
	}
	c.files["rounds/"+strconv.FormatInt(run.Seq, 10)+".json"] = append(canonical(file), '\n')
	return nil
}

// takeNamed takes what bodies name.
func (c *collected) takeNamed(ctx context.Context, hashes ...residency.Hash) error {
	if c.b.Names == nil {
		return nil
	}
	for _, h := range hashes {
		named, err := c.b.Names(c.files[bodyName(h)])
		if err != nil {
			return fmt.Errorf("read body %s: %w", h, err)
		}
		if err := c.takeBodies(ctx, named...); err != nil {
			return err
		}
	}
	return nil
}

func bodyName(h residency.Hash) string { return "bodies/" + h.String() }

// takeBodies takes bodies by hash, those that are not there yet.
func (c *collected) takeBodies(ctx context.Context, hashes ...residency.Hash) error {
	var want []residency.Hash
	for _, h := range hashes {
		if h != (residency.Hash{}) && c.files[bodyName(h)] == nil {
			want = append(want, h)
		}
	}
	if len(want) == 0 {
		return nil
	}
	found, err := c.b.Runs.Bodies(ctx, want)
	if err != nil {
		return fmt.Errorf("read bodies: %w", err)
	}
	for _, h := range want {
		if err := checkBody(-1, h, found, "a body of the bundle"); err != nil {
			return err
		}
		c.files[bodyName(h)] = found[h]
	}
	return nil
}

// prove takes the checkpoint, the older ones of the bundle's runs, and the
// tiles that prove leaves and checkpoints.
func (c *collected) prove(ctx context.Context, cp residency.Checkpoint) error {
	tiles := &tileLog{hashes: hashesOf(ctx, c.b.Log), asked: map[tlog.Tile][]byte{}}
	reader := tlog.TileHashReader(tlog.Tree{N: cp.Size, Hash: tlog.Hash(cp.Root)}, tiles)
	indexes := make([]int64, len(c.leaves))
	for i, n := range c.leaves {
		indexes[i] = tlog.StoredHashIndex(0, n)
	}
	if _, err := reader.ReadHashes(indexes); err != nil {
		return tampered(-1, "the tree of the checkpoint", err, "the log")
	}
	for _, old := range c.relevant(cp.Size) {
		if _, err := tlog.TreeHash(old.Size, reader); err != nil {
			return tampered(-1, "the tree of the checkpoint", err, "the log of %d leaves", old.Size)
		}
		c.files["checkpoints/"+strconv.FormatInt(old.Size, 10)] = old.Note
	}
	for t, data := range tiles.asked {
		c.files["log/"+tilePath(t)] = data
	}
	c.files["log/checkpoint"] = cp.Note
	if cp.Stamp != nil {
		c.files["log/checkpoint.tsr"] = cp.Stamp
	}
	key, err := c.key(cp)
	if err != nil {
		return err
	}
	c.files["key"] = []byte(key.String() + "\n")
	return nil
}

// relevant returns the checkpoints that were signed while the bundle's runs
// were, and those that vouch for a key.
func (c *collected) relevant(size int64) []residency.Checkpoint {
	if len(c.leaves) == 0 {
		return nil
	}
	var list []residency.Checkpoint
	for _, n := range c.leaves {
		i, _ := slices.BinarySearchFunc(c.b.Checkpoints, n, func(cp residency.Checkpoint, n int64) int { return cmp.Compare(cp.Size, n+1) })
		if i < len(c.b.Checkpoints) && c.b.Checkpoints[i].Size < size {
			list = append(list, c.b.Checkpoints[i])
		}
	}
	return slices.CompactFunc(list, func(a, b residency.Checkpoint) bool { return a.Size == b.Size })
}

// key returns the key of the log that signed the checkpoint.
func (c *collected) key(cp residency.Checkpoint) (Public, error) {
	var a acts
	for _, n := range c.leaves {
		e, err := ParseLeaf(c.files["leaves/"+strconv.FormatInt(n, 10)])
		if err != nil {
			return Public{}, err
		}
		if err := a.note(n, e); err != nil {
			return Public{}, err
		}
	}
	for i := len(a.keys) - 1; i >= 0; i-- {
		if _, key, err := OpenCheckpoint(cp.Note, a.keys[i].key); err == nil {
			return key, nil
		}
	}
	return Public{}, fmt.Errorf("the log does not name the key of its checkpoint")
}
