package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// Runs are the runs of a store, as verification reads them. Methods may be
// called from several goroutines.
type Runs interface {
	// Run returns a run without its rounds; ok is false when there is none of
	// that number.
	Run(ctx context.Context, seq int64) (run residency.Run, ok bool, err error)

	// Rounds returns the seals of all rounds of a run, by endpoint.
	Rounds(ctx context.Context, seq int64) ([]residency.RoundSeal, error)

	// Bodies returns what is kept by hash. One that is not there is left out.
	Bodies(ctx context.Context, hashes []residency.Hash) (map[residency.Hash][]byte, error)
}

// Verifier verifies a whole store against its log.
type Verifier struct {
	Log         Log
	Checkpoints func(ctx context.Context) iter.Seq2[residency.Checkpoint, error]
	Runs        Runs // nil: the log is verified by itself

	// Keys are trusted to have signed the log at some time. None: the first
	// key that the log itself names is, which shows less.
	Keys []Public

	// Kept are checkpoints that were kept elsewhere (a file beside the store,
	// what was published). The log must have grown out of each.
	Kept []residency.Checkpoint

	// Dated returns when people outside say that a checkpoint existed, by time
	// stamps and witnesses; nil: nobody does. What it refuses is tampering.
	Dated func(cp residency.Checkpoint) ([]time.Time, error)

	// Judge judges a round again; nil: verdicts are not judged again.
	Judge func(ctx context.Context, t Trial) (judgement []byte, err error)
	// Rules is the version of the rules that Judge goes by. A run that was
	// judged by another one is counted, and not judged again.
	Rules int

	Workers  int                     // that verify at the same time; 0: one
	Progress func(done, total int64) // called now and then with leaves; nil: nobody is told
}

// Report is what was verified.
type Report struct {
	Origin      string
	Key         string // the public key in force at the end
	Size        int64  // leaves
	Root        residency.Hash
	Signed      int64 // leaves that the latest checkpoint covers
	Checkpoints int64
	Runs        int64
	Records     int64
	Rounds      int64
	Bodies      int64         // whose hash was worked out
	Judged      int64         // rounds judged again
	Dated       int64         // times at which people outside saw a checkpoint, that the runs agree with
	Pruned      int64         // runs whose rounds were deleted by policy; their hashes are intact
	Youngest    time.Duration // how old the youngest of those was when it was deleted
	NotJudged   int64         // rounds not judged again because rounds that they rest on were deleted by policy
	OtherRules  int64         // rounds judged by another version of the rules, and not judged again

	// Notes are what the reader should know and is no tampering.
	Notes []string
}

// Verify verifies everything. Evidence that is not what was sealed is a
// TamperError, that of the lowest leaf; anything else that is in the way is
// another error. The report says how far it came.
func (v *Verifier) Verify(ctx context.Context) (Report, error) {
	var rep Report
	var err error
	if rep.Size, err = v.Log.Size(ctx); err != nil {
		return rep, fmt.Errorf("read size of log: %w", err)
	}
	if err := v.verify(ctx, &rep); err != nil {
		return rep, err
	}
	return rep, nil
}

func (v *Verifier) verify(ctx context.Context, rep *Report) error {
	cps, err := v.checkpoints(ctx)
	if err != nil {
		return err
	}
	cps = v.counting(ctx, cps, rep.Size)
	if err := v.dates(rep, cps); err != nil {
		return err
	}
	known, err := v.walk(ctx, rep, cps)
	if err != nil {
		return err
	}
	if err := v.signatures(rep, cps, known); err != nil {
		return err
	}
	if v.Runs == nil {
		return nil
	}
	if rep.Checkpoints > 0 {
		known.onlySigned(rep.Signed)
	}
	for i, p := range known.pruned {
		if i == 0 || p.age < rep.Youngest {
			rep.Youngest = p.age
		}
	}
	return v.verifyRuns(ctx, rep, known)
}

// keptCheckpoint is a checkpoint and where it is from.
type keptCheckpoint struct {
	residency.Checkpoint
	from  string
	dated []time.Time // when people outside saw it, in order
}

// checkpoints returns all checkpoints by size, after comparing what the store
// says of each with the signed note.
func (v *Verifier) checkpoints(ctx context.Context) ([]keptCheckpoint, error) {
	var list []keptCheckpoint
	if v.Checkpoints != nil {
		for cp, err := range v.Checkpoints(ctx) {
			if err != nil {
				return nil, fmt.Errorf("read checkpoints: %w", err)
			}
			list = append(list, keptCheckpoint{Checkpoint: cp, from: "the store"})
		}
	}
	for _, cp := range v.Kept {
		list = append(list, keptCheckpoint{Checkpoint: cp, from: "a file"})
	}
	for _, cp := range list {
		text, _, ok := cutNote(cp.Note)
		said, _, err := parseCheckpoint(text)
		if !ok || err != nil {
			return nil, tampered(-1, "a signed note", errOr(err, "something else"), "the checkpoint of %d leaves in %s", cp.Size, cp.from)
		}
		if said.Size != cp.Size || said.Root != cp.Root {
			return nil, tampered(-1, TreeState{said.Size, said.Root}, TreeState{cp.Size, cp.Root},
				"what %s says of a checkpoint is not what was signed", cp.from)
		}
	}
	slices.SortStableFunc(list, func(a, b keptCheckpoint) int { return cmp.Compare(a.Size, b.Size) })
	return list, nil
}

func errOr(err error, other string) error {
	if err == nil {
		return errors.New(other)
	}
	return err
}

// String says size and root in a few words.
func (t TreeState) String() string { return fmt.Sprintf("%d leaves under %s", t.Size, t.Root) }

// walk reads every leaf in order, works out the tree from the leaves alone, and
// compares it with the stored hashes and with every checkpoint: so each
// checkpoint is also shown to be consistent with all others.
func (v *Verifier) walk(ctx context.Context, rep *Report, cps []keptCheckpoint) (*acts, error) {
	w := &walker{v: v, known: &acts{}, cps: cps, dated: datedOnly(cps)}
	for from := int64(0); from < rep.Size; from += portion {
		list, err := v.readPortion(ctx, from, min(from+portion, rep.Size))
		if err != nil {
			return nil, err
		}
		for i := range list {
			if err := w.leaf(ctx, &list[i]); err != nil {
				return nil, err
			}
		}
		if v.Progress != nil {
			v.Progress(from, rep.Size)
		}
	}
	if w.tree.n < rep.Size {
		return nil, tampered(-1, fmt.Sprintf("%d leaves", rep.Size), fmt.Sprintf("%d", w.tree.n), "the log lacks leaves")
	}
	w.known.reach.end()
	rep.Root, rep.Runs, rep.Records = w.tree.root(), w.known.runs, w.known.records
	return w.known, w.end()
}

// parsed is a leaf that was read.
type parsed struct {
	data  []byte
	hash  tlog.Hash
	entry Entry
	err   error
}

// readPortion reads some leaves, and parses and hashes them side by side: that
// is most of the work of a walk.
func (v *Verifier) readPortion(ctx context.Context, from, to int64) ([]parsed, error) {
	list := make([]parsed, 0, to-from)
	for leaf, err := range v.Log.Leaves(ctx, from, to) {
		if err != nil {
			return nil, fmt.Errorf("read leaf %d: %w", from+int64(len(list)), err)
		}
		list = append(list, parsed{data: slices.Clone(leaf)})
	}
	err := spread(ctx, v.Workers, len(list), func(i int) error {
		list[i].entry, list[i].err = ParseLeaf(list[i].data)
		list[i].hash, _ = leafHash(list[i].data, nil)
		return nil
	})
	return list, err
}

// leaf takes in the next leaf.
func (w *walker) leaf(ctx context.Context, p *parsed) error {
	index := w.tree.n
	err := p.err
	if err == nil {
		err = w.known.note(index, p.entry)
	}
	if err != nil && w.bad == nil {
		w.bad = tampered(index, "a run or a record", err, "leaf")
	}
	if err := w.pruning(index); err != nil && w.bad == nil {
		w.bad = err
	}
	for _, check := range []func(int64, *RunEntry) error{w.sequence, w.date} {
		if err := check(index, p.entry.Run); err != nil && w.bad == nil {
			w.bad = err
		}
	}
	return w.step(ctx, p.hash)
}

// pruning wants a deletion by policy to be one of runs that were there. Else a
// record could excuse in advance whatever is done to the runs that follow it.
func (w *walker) pruning(index int64) error {
	n := len(w.known.pruned)
	if n == w.prunings {
		return nil
	}
	w.prunings = n
	p := w.known.pruned[n-1]
	if p.Last <= w.last {
		return nil
	}
	return tampered(index, fmt.Sprintf("run %d at most", w.last), fmt.Sprintf("run %d", p.Last), "a record says that runs were deleted which were not there yet")
}

// walker is the state of one walk over the log.
type walker struct {
	v     *Verifier
	known *acts
	cps   []keptCheckpoint // those not reached yet
	dated []keptCheckpoint // those not reached yet that people outside saw
	seen  time.Time        // when they saw the last one that was reached
	tree  rootBuilder
	bad   error // what is odd and waits for a checkpoint to say whose fault it is
	last  int64 // number of the last run

	prunings int // records of deletions that were seen

	stored   []residency.Hash // the hashes of the next leaves, read in portions
	from     int64            // the first leaf they belong to
	mismatch *TamperError     // the first stored hash that the leaves do not give
}

// sequence wants the runs of the log to be numbered one after the other.
func (w *walker) sequence(index int64, run *RunEntry) error {
	if run == nil {
		return nil
	}
	last := w.last
	w.last = run.Seq
	switch {
	case run.Seq == last+1:
		return nil
	case run.Seq <= last:
		return tampered(index, fmt.Sprintf("run %d", last+1), fmt.Sprintf("run %d", run.Seq), "a run is there twice, or out of order")
	}
	return tampered(index, fmt.Sprintf("run %d", last+1), fmt.Sprintf("run %d", run.Seq), "a run is not in the log")
}

// portion is how many leaves' hashes are read at a time.
const portion = 512

// step adds a leaf and compares.
func (w *walker) step(ctx context.Context, leaf tlog.Hash) error {
	index := w.tree.n
	hashes, err := w.storedOf(ctx, index)
	if err != nil {
		return err
	}
	h := residency.Hash(leaf)
	whole := w.tree.whole
	for level := range hashes {
		if level > 0 {
			h = residency.Hash(tlog.NodeHash(whole[len(whole)-level], tlog.Hash(h)))
		}
		if w.mismatch == nil && hashes[level] != h {
			if level == 0 {
				w.mismatch = tampered(index, hashes[0], h, "hash of the leaf")
			} else {
				w.mismatch = tampered(index, h, hashes[level], "tree hash %d above the leaf", level)
			}
		}
	}
	w.tree.add(leaf)
	for len(w.cps) > 0 && w.cps[0].Size <= w.tree.n {
		if err := w.compare(ctx, w.cps[0]); err != nil {
			return err
		}
		w.cps = w.cps[1:]
	}
	return nil
}

// storedOf returns the stored hashes that belong to a leaf.
func (w *walker) storedOf(ctx context.Context, index int64) ([]residency.Hash, error) {
	if index >= w.from+portion || w.stored == nil {
		size, err := w.v.Log.Size(ctx)
		if err != nil {
			return nil, err
		}
		to := min(index+portion, size)
		first := tlog.StoredHashIndex(0, index)
		indexes := make([]int64, tlog.StoredHashIndex(0, to)-first)
		for i := range indexes {
			indexes[i] = first + int64(i)
		}
		if w.stored, err = w.v.Log.Hashes(ctx, indexes); err != nil {
			return nil, tampered(index, "a hash for every leaf", err, "tree hashes from the leaf on")
		}
		w.from = index
	}
	base := tlog.StoredHashIndex(0, w.from)
	return w.stored[tlog.StoredHashIndex(0, index)-base : tlog.StoredHashIndex(0, index+1)-base], nil
}

// compare compares a checkpoint with the tree so far, and finds out whose
// fault a difference is.
func (w *walker) compare(ctx context.Context, cp keptCheckpoint) error {
	if cp.Size < w.tree.n || cp.Size == 0 {
		return nil // several of one size: the first was compared
	}
	root := w.tree.root()
	if root == cp.Root {
		if w.mismatch != nil { // the leaves are what was signed
			return w.mismatch
		}
		return w.bad
	}
	if w.mismatch != nil {
		if there, err := Root(ctx, w.v.Log, cp.Size); err == nil && there == cp.Root {
			return w.mismatch // the hashes are what was signed
		}
	}
	if w.bad != nil {
		return w.bad
	}
	return tampered(-1, cp.Root, root, "the root of the first %d leaves is not that of the checkpoint in %s", cp.Size, cp.from)
}

// end judges what no checkpoint covers.
func (w *walker) end() error {
	if len(w.cps) > 0 {
		cp := w.cps[0]
		return tampered(-1, fmt.Sprintf("at least %d leaves", cp.Size), fmt.Sprintf("%d", w.tree.n),
			"the log is shorter than the checkpoint in %s says", cp.from)
	}
	if w.mismatch != nil {
		return w.mismatch
	}
	return w.bad
}
