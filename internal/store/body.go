package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"residency/internal/residency"
)

// Bodies returns sights, judgements, locations and whatever else is kept by
// hash, each checked against its hash. One that is not there is an error.
func (s *Store) Bodies(ctx context.Context, hashes []residency.Hash) (map[residency.Hash][]byte, error) {
	found, err := s.Kept(ctx, hashes)
	if err != nil {
		return nil, err
	}
	for _, h := range hashes {
		if _, ok := found[h]; !ok {
			return nil, s.wrap("read bodies", &Missing{Hash: h})
		}
	}
	return found, nil
}

// Kept is Bodies for those who expect that some were pruned: one that is not
// there is left out.
func (s *Store) Kept(ctx context.Context, hashes []residency.Hash) (map[residency.Hash][]byte, error) {
	found := make(map[residency.Hash][]byte, len(hashes))
	for chunk := range slices.Chunk(hashes, most) {
		if err := s.bodies(ctx, s.read, chunk, found); err != nil {
			return nil, s.wrap("read bodies", err)
		}
	}
	return found, nil
}

// bodies reads at most as many bodies as one query takes.
func (s *Store) bodies(ctx context.Context, db querier, hashes []residency.Hash, found map[residency.Hash][]byte) error {
	tags, wanted := make([]int64, len(hashes)), make(map[residency.Hash]bool, len(hashes))
	for i, h := range hashes {
		tags[i], wanted[h] = tag(h), true
	}
	byTag := func() error {
		rows, err := db.QueryContext(ctx, "SELECT hashes, data FROM "+tagged(1), jsonList(tags))
		if err != nil {
			return err
		}
		return s.pick(rows, wanted, found)
	}
	if err := byTag(); err != nil || len(wanted) == 0 {
		return err
	}
	rows, err := db.QueryContext(ctx, "SELECT hashes, data FROM "+untagged)
	if err != nil {
		return err
	}
	if err := s.pick(rows, wanted, found); err != nil || len(wanted) == 0 {
		return err
	}
	return byTag() // another process may have written their tags between the two
}

// pick takes the wanted bodies out of blocks, and closes the rows of those.
func (s *Store) pick(rows *sql.Rows, wanted map[residency.Hash]bool, found map[residency.Hash][]byte) error {
	defer rows.Close()
	for rows.Next() {
		var hashes, packed sql.RawBytes
		if err := rows.Scan(&hashes, &packed); err != nil {
			return err
		}
		some := false
		for h := range each(hashes) {
			some = some || wanted[h]
		}
		if !some {
			continue
		}
		bodies, err := s.openBlock(packed, hashes)
		if err != nil {
			return err
		}
		for _, b := range bodies {
			if !wanted[b.hash] {
				continue
			}
			if err := s.holds(b.hash, b.data); err != nil {
				return err
			}
			found[b.hash] = bytes.Clone(b.data) // the whole block is not to stay in memory for it
			delete(wanted, b.hash)
		}
	}
	return rows.Err()
}

// body reads one body. One that is not there is an error.
func (s *Store) body(ctx context.Context, db querier, h residency.Hash) ([]byte, error) {
	found := map[residency.Hash][]byte{}
	if err := s.bodies(ctx, db, []residency.Hash{h}, found); err != nil {
		return nil, err
	}
	data, ok := found[h]
	if !ok {
		return nil, &Missing{Hash: h}
	}
	return data, nil
}

// open unpacks bytes that are kept by themselves, and holds them to their hash.
func (s *Store) open(h residency.Hash, packed []byte) ([]byte, error) {
	data, err := s.packer.unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("body %s: %w", h, err)
	}
	return data, s.holds(h, data)
}

// holds holds bytes to the hash they are kept under.
func (s *Store) holds(h residency.Hash, data []byte) error {
	if got := residency.HashOf(data); got != h {
		return &Fault{Path: s.path, Kind: ErrDamaged, Detail: fmt.Sprintf("body %s has the hash %s", h, got), Hint: hintDamaged}
	}
	return nil
}

// Missing is the error about a body that is not there: it was pruned, or the
// store is damaged.
type Missing struct{ Hash residency.Hash }

// Error names the body.
func (m *Missing) Error() string { return fmt.Sprintf("body %s is not in the store", m.Hash) }

// bodyJSON reads one body that is JSON. The zero hash leaves into as it is.
func (s *Store) bodyJSON(ctx context.Context, h residency.Hash, into any) error {
	if h == (residency.Hash{}) {
		return nil
	}
	data, err := s.body(ctx, s.read, h)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// keepJSON remembers v as JSON and returns its hash.
func (s *Store) keepJSON(w *writer, kind int, v any) (residency.Hash, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return residency.Hash{}, err
	}
	h := residency.HashOf(data)
	return h, s.keep(w, body{kind: kind, hash: h, data: data})
}
