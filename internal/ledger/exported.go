package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// Exported is a log that Export wrote, or any other that has its leaves in the
// C2SP tlog-tiles layout. Nothing of it is believed: Verifier verifies it.
type Exported struct {
	files fs.FS
	cp    residency.Checkpoint
}

// OpenExported opens an exported log. Its checkpoint says how large it is; the
// signature on that is for Verifier to verify.
func OpenExported(files fs.FS) (*Exported, error) {
	msg, err := readFile(files, "checkpoint")
	if err != nil {
		return nil, fmt.Errorf("open exported log: %w", err)
	}
	cp, err := ReadCheckpoint(msg)
	if err != nil {
		return nil, fmt.Errorf("open exported log: %w", err)
	}
	return &Exported{files: files, cp: cp}, nil
}

// Checkpoint returns the checkpoint, whose signature nobody verified yet.
func (x *Exported) Checkpoint() residency.Checkpoint { return x.cp }

// Size returns the number of leaves that the checkpoint states.
func (x *Exported) Size(context.Context) (int64, error) { return x.cp.Size, nil }

// Leaves yields leaves out of the entry bundles.
func (x *Exported) Leaves(_ context.Context, from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for n := from; n < to; {
			t := x.tile(-1, n>>tileHeight)
			data, err := x.read(t)
			var leaves [][]byte
			if err == nil {
				leaves, err = ParseEntries(data)
			}
			first := t.N << tileHeight
			if err == nil && int64(len(leaves)) < min(to-first, int64(t.W)) {
				err = errors.New("leaves are missing")
			}
			if err != nil {
				yield(nil, fmt.Errorf("%s: %w", tilePath(t), err))
				return
			}
			for ; n < to && n < first+int64(t.W); n++ {
				if !yield(leaves[n-first], nil) {
					return
				}
			}
		}
	}
}

// tile returns the tile of a level and number, as wide as the log has it.
func (x *Exported) tile(level int, n int64) tlog.Tile {
	have := x.cp.Size >> (tileHeight * max(level, 0))
	return tlog.Tile{H: tileHeight, L: level, N: n, W: int(min(have-n<<tileHeight, 1<<tileHeight))}
}

// read reads a tile, or the whole one in place of a part.
func (x *Exported) read(t tlog.Tile) ([]byte, error) {
	data, err := readFile(x.files, tilePath(t))
	if errors.Is(err, fs.ErrNotExist) && t.W < 1<<tileHeight {
		t.W = 1 << tileHeight
		data, err = readFile(x.files, tilePath(t))
	}
	return data, err
}

// Hashes returns tree hashes out of the tiles.
func (x *Exported) Hashes(ctx context.Context, indexes []int64) ([]residency.Hash, error) {
	out := make([]residency.Hash, len(indexes))
	var at tlog.Tile
	var data []byte
	for i, index := range indexes {
		t := tlog.TileForIndex(tileHeight, index)
		if t = x.tile(t.L, t.N); t.W <= 0 {
			return nil, fmt.Errorf("no tree hash %d in a log of %s", index, LeavesWords(x.cp.Size))
		}
		if t != at || data == nil {
			var err error
			if data, err = x.read(t); err != nil {
				return nil, err
			}
			if len(data) < t.W*tlog.HashSize {
				return nil, fmt.Errorf("%s has %d bytes, want %d", tilePath(t), len(data), t.W*tlog.HashSize)
			}
			at, data = t, data[:t.W*tlog.HashSize]
		}
		h, err := tlog.HashFromTile(t, data, index)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", tilePath(t), err)
		}
		out[i] = residency.Hash(h)
	}
	return out, ctx.Err()
}
