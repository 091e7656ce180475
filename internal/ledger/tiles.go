package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// tileHeight is that of the C2SP tlog-tiles layout: 256 hashes a tile.
const tileHeight = 8

// tilePath returns the path of a tile in the C2SP layout: that of tlog without
// the height, and "entries" for what tlog calls "data".
func tilePath(t tlog.Tile) string {
	path := strings.TrimPrefix(t.Path(), "tile/8/")
	if rest, ok := strings.CutPrefix(path, "data/"); ok {
		path = "entries/" + rest
	}
	return "tile/" + path
}

// Export writes the tree of a checkpoint in the C2SP tlog-tiles layout: tiles,
// entry bundles, and the checkpoint last, so that whoever reads meanwhile finds
// nothing unfinished. Any client of such logs can audit it with the public key
// alone. put gets each file by its path, with slashes; a path that have says is
// there already is left out, if it can never change.
func Export(ctx context.Context, log Log, cp residency.Checkpoint, have func(path string) bool, put func(path string, data []byte) error) error {
	for _, t := range tlog.NewTiles(tileHeight, 0, cp.Size) {
		if err := ctx.Err(); err != nil {
			return err
		}
		whole := t.W == 1<<tileHeight
		if path := tilePath(t); !whole || !have(path) {
			data, err := tlog.ReadTileData(t, hashesOf(ctx, log))
			if err != nil {
				return fmt.Errorf("export %s: %w", path, err)
			}
			if err := put(path, data); err != nil {
				return fmt.Errorf("export %s: %w", path, err)
			}
		}
		if t.L != 0 {
			continue
		}
		entries := t
		entries.L = -1
		if path := tilePath(entries); !whole || !have(path) {
			data, err := entryBundle(ctx, log, t.N<<tileHeight, t.W)
			if err != nil {
				return fmt.Errorf("export %s: %w", path, err)
			}
			if err := put(path, data); err != nil {
				return fmt.Errorf("export %s: %w", path, err)
			}
		}
	}
	if err := put("checkpoint", cp.Note); err != nil {
		return fmt.Errorf("export checkpoint: %w", err)
	}
	return nil
}

// entryBundle returns leaves as an entry bundle has them: each after its
// length in two bytes.
func entryBundle(ctx context.Context, log Log, from int64, n int) ([]byte, error) {
	var b bytes.Buffer
	for leaf, err := range log.Leaves(ctx, from, from+int64(n)) {
		if err != nil {
			return nil, err
		}
		if len(leaf) > math.MaxUint16 {
			return nil, errors.New("a leaf is too large for an entry bundle")
		}
		b.Write(binary.BigEndian.AppendUint16(nil, uint16(len(leaf))))
		b.Write(leaf)
	}
	return b.Bytes(), nil
}

// ParseEntries reads an entry bundle.
func ParseEntries(data []byte) ([][]byte, error) {
	var leaves [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, errors.New("parse entries: cut short")
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		leaves, data = append(leaves, data[2:end]), data[end:]
	}
	return leaves, nil
}

// ExportDir exports into a directory, and adds to what an earlier export left
// there. A directory with a checkpoint that the log did not grow out of is
// left as it is.
func ExportDir(ctx context.Context, log Log, cp residency.Checkpoint, dir string) error {
	there, err := readSome(filepath.Join(dir, "checkpoint"), maxNote)
	if err == nil {
		if err := grewOutOf(ctx, log, cp, there); err != nil {
			return fmt.Errorf("export to %s: %w", dir, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("export to %s: %w", dir, err)
	}
	have := func(path string) bool {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path)))
		return err == nil && info.Mode().IsRegular() && info.Size() > 0
	}
	return Export(ctx, log, cp, have, func(path string, data []byte) error {
		file := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		return writeWhole(file, data, 0o644)
	})
}

// grewOutOf wants the log to have grown out of a checkpoint that was exported
// before.
func grewOutOf(ctx context.Context, log Log, cp residency.Checkpoint, msg []byte) error {
	text, _, ok := cutNote(msg)
	old, origin, err := parseCheckpoint(text)
	if !ok || err != nil {
		return fmt.Errorf("what is there is no checkpoint: %w", errOr(err, "no signed note"))
	}
	now, _, _ := cutNote(cp.Note)
	if _, ours, _ := parseCheckpoint(now); origin != ours {
		return fmt.Errorf("another log is there: %s", origin)
	}
	if old.Size > cp.Size {
		return tampered(-1, fmt.Sprintf("at least %d leaves", old.Size), cp.Size, "the log is shorter than the one that is there")
	}
	root, err := Root(ctx, log, old.Size)
	if err == nil && root != old.Root {
		err = tampered(-1, old.Root, root, "the root of the first %d leaves is not that of the log that is there", old.Size)
	}
	return err
}

// tileFiles reads the tiles of a log from files.
type tileFiles struct{ files fs.FS }

func (tileFiles) Height() int                     { return tileHeight }
func (tileFiles) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles reads tiles; where a partial one is not there, the whole one does.
func (f tileFiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		data, err := fs.ReadFile(f.files, tilePath(t))
		if errors.Is(err, fs.ErrNotExist) && t.W < 1<<tileHeight {
			whole := t
			whole.W = 1 << tileHeight
			data, err = fs.ReadFile(f.files, tilePath(whole))
		}
		if err != nil {
			return nil, err
		}
		if n := t.W * tlog.HashSize; len(data) < n {
			return nil, fmt.Errorf("%s has %d bytes, want %d", tilePath(t), len(data), n)
		} else {
			out[i] = data[:n]
		}
	}
	return out, nil
}

// tileLog serves tiles out of a log and remembers which were asked for.
type tileLog struct {
	hashes tlog.HashReader
	asked  map[tlog.Tile][]byte
}

func (*tileLog) Height() int                     { return tileHeight }
func (*tileLog) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles makes tiles out of the log's hashes.
func (l *tileLog) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		if l.asked[t] == nil {
			data, err := tlog.ReadTileData(t, l.hashes)
			if err != nil {
				return nil, err
			}
			l.asked[t] = data
		}
		out[i] = l.asked[t]
	}
	return out, nil
}
