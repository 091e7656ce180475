package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// Log is a transparency log as a store keeps it: leaves and tree hashes that
// are only ever added. Hashes lie in the order of tlog.StoredHashIndex.
type Log interface {
	// Size returns the number of leaves that are committed.
	Size(ctx context.Context) (int64, error)

	// Leaves yields the leaves from one index up to, but not including,
	// another. It ends with an error where one is missing.
	Leaves(ctx context.Context, from, to int64) iter.Seq2[[]byte, error]

	// Hashes returns tree hashes by their indexes, in the order asked for. A
	// missing one is an error.
	Hashes(ctx context.Context, indexes []int64) ([]residency.Hash, error)
}

// Hashes returns the tree hashes that a leaf adds to a log of the given size,
// to be stored from index tlog.StoredHashIndex(0, size) on. read returns
// earlier ones.
func Hashes(size int64, leaf []byte, read func([]int64) ([]residency.Hash, error)) ([]residency.Hash, error) {
	hashes, err := tlog.StoredHashes(size, leaf, readerOf(read))
	if err != nil {
		return nil, fmt.Errorf("hash leaf %d: %w", size, err)
	}
	out := make([]residency.Hash, len(hashes))
	for i, h := range hashes {
		out[i] = residency.Hash(h)
	}
	return out, nil
}

// readerOf turns a function that returns hashes into what tlog reads from.
func readerOf(read func([]int64) ([]residency.Hash, error)) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes, err := read(indexes)
		if err != nil {
			return nil, err
		}
		if len(hashes) != len(indexes) {
			return nil, fmt.Errorf("read tree hashes: got %d, want %d", len(hashes), len(indexes))
		}
		out := make([]tlog.Hash, len(hashes))
		for i, h := range hashes {
			out[i] = tlog.Hash(h)
		}
		return out, nil
	})
}

// hashesOf returns the tree hashes of a log.
func hashesOf(ctx context.Context, log Log) tlog.HashReader {
	return readerOf(func(indexes []int64) ([]residency.Hash, error) { return log.Hashes(ctx, indexes) })
}

// Root returns the root that the log's hashes give for its first size leaves.
func Root(ctx context.Context, log Log, size int64) (residency.Hash, error) {
	if size == 0 {
		return sha256.Sum256(nil), nil
	}
	h, err := tlog.TreeHash(size, hashesOf(ctx, log))
	if err != nil {
		return residency.Hash{}, fmt.Errorf("work out root of %d leaves: %w", size, err)
	}
	return residency.Hash(h), nil
}

// LeavesWords says a number of leaves.
func LeavesWords(n int64) string {
	if n == 1 {
		return "1 leaf"
	}
	return fmt.Sprintf("%d leaves", n)
}
