package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// collected is a bundle in the making.
type collected struct {
	b        *Bundler
	manifest Manifest
	files    map[string][]byte
	leaves   []int64                 // indexes of those in it
	last     int64                   // the last run in it
	signed   []residency.Checkpoint  // those that count
	opened   map[residency.Hash]bool // bodies whose names were followed
	begun    map[string]bool         // endpoints of which a round was taken
	known    *acts                   // what the log says of itself
}

func (c *collected) collect(ctx context.Context) error {
	b := c.b
	size, err := b.Log.Size(ctx)
	if err != nil {
		return fmt.Errorf("read size of log: %w", err)
	}
	if c.known, err = logActs(ctx, b.Log, 0, size); err != nil {
		return err
	}
	c.known.believe(b.Checkpoints)
	c.signed = slices.DeleteFunc(slices.Clone(b.Checkpoints), func(cp residency.Checkpoint) bool {
		return cp.Size > size || c.known.gap(cp) != nil
	})
	if len(c.signed) == 0 {
		return fmt.Errorf("nothing is signed yet")
	}
	cp := c.signed[len(c.signed)-1]
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
	if err := c.findEarlier(ctx); err != nil {
		return err
	}
	if err := c.walk(ctx, cp.Size); err != nil {
		return err
	}
	if err := c.prove(ctx, cp); err != nil {
		return err
	}
	return c.derive()
}

// derive adds what is made of the other files.
func (c *collected) derive() error {
	if c.b.Derive == nil {
		return nil
	}
	more, err := c.b.Derive(c.manifest, c.files)
	if err != nil {
		return err
	}
	for name, data := range more {
		if c.files[name] != nil {
			return fmt.Errorf("there is a file %s already", name)
		}
		c.files[name] = data
	}
	return nil
}

// findEarlier finds the runs before the context with which began what endpoints
// still showed in it.
func (c *collected) findEarlier(ctx context.Context) error {
	if c.b.Began == nil {
		return nil
	}
	missing := slices.Clone(c.manifest.Endpoints)
	for seq := c.manifest.Context; seq <= c.b.First && len(missing) > 0; seq++ {
		rounds, err := c.b.Runs.Rounds(ctx, seq)
		if err != nil {
			return fmt.Errorf("read rounds of run %d: %w", seq, err)
		}
		left := missing[:0]
		for _, e := range missing {
			i, there := find(rounds, e)
			if !there {
				left = append(left, e)
				continue
			}
			if rounds[i].Packets != (residency.Hash{}) {
				continue
			}
			began, err := c.b.Began(ctx, e, seq)
			if err != nil {
				return fmt.Errorf("find where %s began in run %d: %w", e, seq, err)
			}
			if began > 0 && began < c.manifest.Context && !c.known.wasPruned(began) {
				c.manifest.Earlier = append(c.manifest.Earlier, began)
			}
		}
		missing = left
	}
	slices.Sort(c.manifest.Earlier)
	c.manifest.Earlier = slices.Compact(c.manifest.Earlier)
	return nil
}

func find(rounds []residency.RoundSeal, endpoint string) (int, bool) {
	return slices.BinarySearchFunc(rounds, residency.RoundSeal{Endpoint: endpoint}, byEndpoint)
}

// walk takes the leaves of the runs, the records among them, those about the log
// and those that were chosen, and the rounds.
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
			if (!begun || done) && !slices.Contains(c.manifest.Earlier, e.Run.Seq) {
				continue
			}
			err = c.takeRun(ctx, index, e.Run)
		case e.Record.Kind == "key" || e.Record.Kind == "restored" || e.Record.Kind == "pruned" || begun && !done || c.b.Also != nil && c.b.Also(*e.Record):
			err = c.takeBodies(ctx, e.Record.BodySHA256)
		default:
			continue
		}
		if err != nil {
			return err
		}
		c.leaves = append(c.leaves, index)
		c.files["leaves/"+strconv.FormatInt(index, 10)] = slices.Clone(leaf)
		c.last = max(c.last, seqOf(e))
	}
	if c.last != c.b.Last {
		return fmt.Errorf("run %d is not signed yet", c.b.Last)
	}
	return nil
}

// seqOf returns the number of the run that a leaf is of, 0 for a record.
func seqOf(e Entry) int64 {
	if e.Run == nil {
		return 0
	}
	return e.Run.Seq
}

// takeRun takes the rounds of a run, with what they and the run name by hash.
func (c *collected) takeRun(ctx context.Context, index int64, run *RunEntry) error {
	if err := c.takeClaims(ctx, index, run); err != nil {
		return err
	}
	rounds, err := c.b.Runs.Rounds(ctx, run.Seq)
	if err != nil {
		return fmt.Errorf("read rounds of run %d: %w", run.Seq, err)
	}
	if int64(len(rounds)) != run.Rounds && c.known.wasPruned(run.Seq) {
		return fmt.Errorf("rounds of run %d were deleted by policy", run.Seq)
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
		if err := c.takeBodies(ctx, r.Sight, r.Judgement, r.Packets); err != nil {
			return err
		}
		if err := c.takeLast(ctx, r); err != nil {
			return err
		}
		if err := c.takeNamed(ctx, r.Sight, r.Judgement); err != nil {
			return err
		}
	}
	c.files["rounds/"+strconv.FormatInt(run.Seq, 10)+".json"] = append(canonical(file), '\n')
	return nil
}

// takeLast takes the last packets of the rounds before one, unless these were
// deleted by policy, and the packets with them.
func (c *collected) takeLast(ctx context.Context, r residency.RoundSeal) error {
	first := !c.begun[r.Endpoint]
	c.begun[r.Endpoint] = true
	if first && c.known.wasPruned(c.manifest.Context-1) {
		found, err := c.b.Runs.Bodies(ctx, []residency.Hash{r.LastPackets})
		if err != nil || found[r.LastPackets] == nil {
			return err
		}
	}
	return c.takeBodies(ctx, r.LastPackets)
}

// takeClaims takes what the run judged, where no run before it judged the same.
func (c *collected) takeClaims(ctx context.Context, index int64, run *RunEntry) error {
	if c.files[bodyName(run.Terms)] != nil {
		return nil
	}
	header, ok, err := c.b.Runs.Run(ctx, run.Seq)
	if err != nil || !ok {
		return fmt.Errorf("read run %d: %w", run.Seq, errOr(err, "there is none"))
	}
	claims := ClaimsBody(claimsOf(header))
	if residency.HashOf(claims) != run.Terms {
		return tampered(index, run.Terms, residency.HashOf(claims), "claims of run %d", run.Seq)
	}
	c.files[bodyName(run.Terms)] = claims
	return nil
}

// takeNamed takes what bodies name, once for each.
func (c *collected) takeNamed(ctx context.Context, hashes ...residency.Hash) error {
	if c.b.Names == nil {
		return nil
	}
	for _, h := range hashes {
		if c.opened[h] {
			continue
		}
		c.opened[h] = true
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
		name := "checkpoints/" + strconv.FormatInt(old.Size, 10)
		if c.files[name] = old.Note; old.Stamp != nil {
			c.files[name+stampEnd] = old.Stamp
		}
	}
	for t, data := range tiles.asked {
		c.files["log/"+tilePath(t)] = data
	}
	c.files["log/checkpoint"] = cp.Note
	if cp.Stamp != nil {
		c.files["log/checkpoint"+stampEnd] = cp.Stamp
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
		i, _ := slices.BinarySearchFunc(c.signed, n, func(cp residency.Checkpoint, n int64) int { return cmp.Compare(cp.Size, n+1) })
		if i < len(c.signed) && c.signed[i].Size < size {
			list = append(list, c.signed[i])
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
