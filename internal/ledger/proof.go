package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// RoundProof shows that a round is part of a run: the path from the round's
// leaf to the root that the run's own leaf holds (RFC 6962 section 2.1.1).
type RoundProof struct {
	Index int64            `json:"index"` // of the round in its run
	Path  []residency.Hash `json:"path"`
}

// roundTree proves rounds of one run.
type roundTree struct {
	rounds []residency.RoundSeal
	hashes []tlog.Hash
}

func newRoundTree(rounds []residency.RoundSeal) *roundTree {
	t := &roundTree{rounds, make([]tlog.Hash, len(rounds))}
	var buf []byte
	for k, r := range rounds {
		buf = appendRound(append(buf[:0], 0), r)
		t.hashes[k] = sha256.Sum256(buf)
	}
	return t
}

// round returns a round with its proof, nil where there is none.
func (t *roundTree) round(i int) *bundleRound {
	if i < 0 || i >= len(t.rounds) {
		return nil
	}
	return &bundleRound{string(RoundLeaf(t.rounds[i])), RoundProof{int64(i), auditPath(t.hashes, i)}}
}

// absence shows that the run has no round of an endpoint, which would stand at
// place i: the two beside that place.
func (t *roundTree) absence(endpoint string, i int) bundleAbsence {
	return bundleAbsence{endpoint, t.round(i - 1), t.round(i)}
}

// auditPath returns the path of leaf i, from the leaf upwards.
func auditPath(hashes []tlog.Hash, i int) []residency.Hash {
	if len(hashes) <= 1 {
		return []residency.Hash{}
	}
	k := 1
	for 2*k < len(hashes) {
		k *= 2
	}
	if i < k {
		return append(auditPath(hashes[:k], i), rootOf(hashes[k:]))
	}
	return append(auditPath(hashes[k:], i-k), rootOf(hashes[:k]))
}

func rootOf(hashes []tlog.Hash) residency.Hash {
	var t rootBuilder
	for _, h := range hashes {
		t.add(h)
	}
	return t.root()
}

// Check reports whether the proof shows that the round is part of the run.
func (p RoundProof) Check(run RunEntry, r residency.RoundSeal) error {
	if p.Index < 0 || p.Index >= run.Rounds { // the proof may come from anybody
		return fmt.Errorf("check round of %q in run %d: no leaf %d in a tree of %d", r.Endpoint, run.Seq, p.Index, run.Rounds)
	}
	path := make(tlog.RecordProof, len(p.Path))
	for i, h := range p.Path {
		path[i] = tlog.Hash(h)
	}
	if err := tlog.CheckRecord(path, run.Rounds, tlog.Hash(run.Root), p.Index, tlog.RecordHash(RoundLeaf(r))); err != nil {
		return fmt.Errorf("check round of %q in run %d: %w", r.Endpoint, run.Seq, err)
	}
	return nil
}

// Consistency returns the proof that a log of one size grew out of a smaller
// one (RFC 6962 section 2.1.2).
func Consistency(ctx context.Context, log Log, smaller, size int64) ([]residency.Hash, error) {
	if smaller < 0 || smaller > size {
		return nil, fmt.Errorf("prove growth: a tree of %d does not grow out of one of %d", size, smaller)
	}
	if smaller == 0 || smaller == size {
		return nil, nil // nothing to show
	}
	path, err := tlog.ProveTree(size, smaller, hashesOf(ctx, log))
	if err != nil {
		return nil, fmt.Errorf("prove growth from %d to %d: %w", smaller, size, err)
	}
	return hashList(path), nil
}

func hashList[L ~[]tlog.Hash](list L) []residency.Hash {
	out := make([]residency.Hash, len(list))
	for i, h := range list {
		out[i] = residency.Hash(h)
	}
	return out
}
