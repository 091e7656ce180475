package store

import (
	"context"
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
		if err := s.bodies(ctx, chunk, found); err != nil {
			return nil, s.wrap("read bodies", err)
		}
	}
	return found, nil
}

func (s *Store) bodies(ctx context.Context, hashes []residency.Hash, found map[residency.Hash][]byte) error {
	args := make([]any, len(hashes))
	for i := range hashes {
		args[i] = hashes[i][:]
	}
	rows, err := s.read.QueryContext(ctx, "SELECT hash, data FROM bodies WHERE hash IN "+list(1, len(args)), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var h hashColumn
		var packed []byte
		if err := rows.Scan(&h, &packed); err != nil {
			return err
		}
		data, err := s.open(residency.Hash(h), packed)
		if err != nil {
			return err
		}
		found[residency.Hash(h)] = data
	}
	return rows.Err()
}

// body reads one body. One that is not there is an error.
func (s *Store) body(ctx context.Context, h residency.Hash) ([]byte, error) {
	found := map[residency.Hash][]byte{}
	if err := s.bodies(ctx, []residency.Hash{h}, found); err != nil {
		return nil, err
	}
	data, ok := found[h]
	if !ok {
		return nil, &Missing{Hash: h}
	}
	return data, nil
}

// open unpacks a body and holds it to its hash.
func (s *Store) open(h residency.Hash, packed []byte) ([]byte, error) {
	data, err := s.packer.unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("body %s: %w", h, err)
	}
	if got := residency.HashOf(data); got != h {
		return nil, &Fault{Path: s.path, Kind: ErrDamaged, Detail: fmt.Sprintf("body %s has the hash %s", h, got), Hint: hintDamaged}
	}
	return data, nil
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
	data, err := s.body(ctx, h)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
