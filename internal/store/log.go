package store

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"residency/internal/residency"
)

// appendLeaf appends a leaf to the evidence log and returns its number.
func (s *Store) appendLeaf(w *writer, leaf []byte) (int64, error) {
	if s.options.Log.Hashes == nil {
		return 0, errors.New("append leaf: no way to hash the tree")
	}
	var size, hashes int64
	if _, err := w.get([]any{&size}, "SELECT coalesce(max(n) + 1, 0) FROM leaves"); err != nil {
		return 0, err
	}
	if _, err := w.get([]any{&hashes}, "SELECT coalesce(max(n) + 1, 0) FROM hashes"); err != nil {
		return 0, err
	}
	list, err := s.options.Log.Hashes(size, leaf, func(numbers []int64) ([]residency.Hash, error) {
		return treeHashes(w.ctx, w.tx, numbers)
	})
	if err != nil {
		return 0, fmt.Errorf("hash leaf %d: %w", size, err)
	}
	if err := w.run("INSERT INTO leaves (n, data) VALUES ($1, $2)", size, leaf); err != nil {
		return 0, err
	}
	for i, h := range list {
		if err := w.run("INSERT INTO hashes (n, hash) VALUES ($1, $2)", hashes+int64(i), h[:]); err != nil {
			return 0, err
		}
	}
	return size, nil
}

// treeHashes returns the hashes with the given numbers, in their order.
func treeHashes(ctx context.Context, db querier, numbers []int64) ([]residency.Hash, error) {
	list := make([]residency.Hash, 0, len(numbers))
	for _, n := range numbers {
		var h hashColumn
		if err := db.QueryRowContext(ctx, "SELECT hash FROM hashes WHERE n = $1", n).Scan(&h); err != nil {
			return nil, fmt.Errorf("hash %d of the tree: %w", n, err)
		}
		list = append(list, residency.Hash(h))
	}
	return list, nil
}

// Record appends something besides a run to the evidence log, with a leaf of
// its own, and keeps its body by hash.
func (s *Store) Record(ctx context.Context, r residency.Record) error {
	return s.tx(ctx, "record "+r.Kind, func(w *writer) error { return s.saveRecord(w, r) })
}

func (s *Store) saveRecord(w *writer, r residency.Record) error {
	if r.Kind == "" {
		return errors.New("the record has no kind")
	}
	h := residency.HashOf(r.Body)
	if err := s.keep(w, body{kind: bodyRecord, hash: h, data: r.Body}); err != nil {
		return err
	}
	var leaf any
	if s.options.Log.RecordLeaf != nil {
		text, err := s.options.Log.RecordLeaf(r)
		if err != nil {
			return fmt.Errorf("seal record: %w", err)
		}
		if leaf, err = s.appendLeaf(w, text); err != nil {
			return fmt.Errorf("seal record: %w", err)
		}
	}
	return w.run("INSERT INTO records (n, kind, at, who, body, leaf) SELECT coalesce(max(n), 0) + 1, $1, $2, $3, $4, $5 FROM records", r.Kind, micros(r.At), r.By, h[:], leaf)
}

// Records yields the records of a kind ("" for all), the oldest first.
func (s *Store) Records(ctx context.Context, kind string) iter.Seq2[residency.Record, error] {
	return func(yield func(residency.Record, error) bool) {
		type row struct {
			residency.Record
			body residency.Hash
		}
		rows, err := s.read.QueryContext(ctx, "SELECT kind, at, who, body FROM records WHERE $1 = '' OR kind = $1 ORDER BY n", kind)
		if err != nil {
			yield(residency.Record{}, s.wrap("read records", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var r row
			var at int64
			err := rows.Scan(&r.Kind, &at, &r.By, (*hashColumn)(&r.body))
			if err == nil {
				r.At = instant(at)
				r.Body, err = s.body(ctx, s.read, r.body)
			}
			if !yield(r.Record, s.wrap("read records", err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(residency.Record{}, s.wrap("read records", err))
		}
	}
}

// Size returns how many leaves the evidence log has.
func (s *Store) Size(ctx context.Context) (int64, error) {
	n, err := logSize(ctx, s.read)
	return n, s.wrap("read size of the log", err)
}

func logSize(ctx context.Context, db querier) (n int64, err error) {
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(n) + 1, 0) FROM leaves").Scan(&n)
	return n, err
}

// Leaves yields the leaves from one number up to, but not including, another.
// It ends with an error where one is missing.
func (s *Store) Leaves(ctx context.Context, from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		rows, err := s.read.QueryContext(ctx, "SELECT n, data FROM leaves WHERE n >= $1 AND n < $2 ORDER BY n", from, to)
		if err != nil {
			yield(nil, s.wrap("read leaves", err))
			return
		}
		defer rows.Close()
		want := from
		for ; rows.Next(); want++ {
			var n int64
			var data []byte
			err := rows.Scan(&n, &data)
			if err == nil && n != want {
				err = fmt.Errorf("leaf %d is missing: %w", want, ErrDamaged)
			}
			if !yield(data, s.wrap("read leaves", err)) || err != nil {
				return
			}
		}
		err = rows.Err()
		if err == nil && want < to {
			err = fmt.Errorf("leaf %d is missing: %w", want, ErrDamaged)
		}
		if err != nil {
			yield(nil, s.wrap("read leaves", err))
		}
	}
}

// Hashes returns the hashes of the log's tree with the given numbers, counted
// in the order in which Log.Hashes made them.
func (s *Store) Hashes(ctx context.Context, numbers []int64) ([]residency.Hash, error) {
	list, err := treeHashes(ctx, s.read, numbers)
	return list, s.wrap("read log", err)
}

// SaveCheckpoint keeps a checkpoint. One of the same size is replaced, since
// another signature or a time stamp may have been added; one of the same size
// and another root is an error.
func (s *Store) SaveCheckpoint(ctx context.Context, c residency.Checkpoint) error {
	return s.tx(ctx, "save checkpoint", func(w *writer) error {
		var root hashColumn
		found, err := w.get([]any{&root}, "SELECT root FROM checkpoints WHERE size = $1", c.Size)
		if err != nil {
			return err
		}
		if found && residency.Hash(root) != c.Root {
			return fmt.Errorf("another root was signed for size %d", c.Size)
		}
		return w.run(`INSERT INTO checkpoints (size, root, at, note, stamp) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (size) DO UPDATE SET at = excluded.at, note = excluded.note, stamp = excluded.stamp`, c.Size, c.Root[:], micros(c.At), c.Note, c.Stamp)
	})
}

// Checkpoints returns the checkpoints of at least the given size, the smallest
// first.
func (s *Store) Checkpoints(ctx context.Context, from int64) ([]residency.Checkpoint, error) {
	const action = "read checkpoints"
	rows, err := s.read.QueryContext(ctx, "SELECT size, root, at, note, stamp FROM checkpoints WHERE size >= $1 ORDER BY size", from)
	if err != nil {
		return nil, s.wrap(action, err)
	}
	defer rows.Close()
	var list []residency.Checkpoint
	for rows.Next() {
		var c residency.Checkpoint
		var at int64
		if err := rows.Scan(&c.Size, (*hashColumn)(&c.Root), &at, &c.Note, &c.Stamp); err != nil {
			return nil, s.wrap(action, err)
		}
		c.At = instant(at)
		list = append(list, c)
	}
	return list, s.wrap(action, rows.Err())
}

// LastCheckpoint returns the checkpoint of the largest size, the zero
// Checkpoint when there is none.
func (s *Store) LastCheckpoint(ctx context.Context) (residency.Checkpoint, error) {
	var size int64
	err := s.read.QueryRowContext(ctx, "SELECT coalesce(max(size), 0) FROM checkpoints").Scan(&size)
	if err != nil {
		return residency.Checkpoint{}, s.wrap("read checkpoint", err)
	}
	list, err := s.Checkpoints(ctx, size)
	if err != nil || len(list) == 0 {
		return residency.Checkpoint{}, err
	}
	return list[0], nil
}
