package store

import (
	"context"
	"encoding/binary"
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
	rows, err := db.QueryContext(ctx, "SELECT hash, data FROM bodies WHERE tag IN "+ofList(1), jsonList(tags))
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
		if !wanted[residency.Hash(h)] {
			continue // it has the tag of another
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
	data, err := s.body(ctx, s.read, h)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// Kinds of bodies, for what counts and checks them.
const (
	bodySight     = 1
	bodyJudgement = 2
	bodyLocation  = 3
	bodyPackets   = 4
	bodyHeader    = 5
	bodyScope     = 6
	bodyRecord    = 7
)

// keep remembers a body under its hash; one that is there is left as it is.
func (s *Store) keep(w *writer, kind int, h residency.Hash, data []byte, refs []byte) error {
	id, err := w.newBody(h)
	if err != nil || id == 0 {
		return err // compressing costs more than looking
	}
	return w.run("INSERT INTO bodies (id, tag, hash, kind, data, refs) VALUES ($1, $2, $3, $4, $5, $6)", id, tag(h), h[:], kind, s.packer.pack(data), refs)
}

// newBody returns the number that the body with the hash is to have; 0 when it
// is there already.
func (w *writer) newBody(h residency.Hash) (int64, error) {
	var one int
	found, err := w.get([]any{&one}, "SELECT 1 FROM bodies WHERE tag = $1 AND hash = $2", tag(h), h[:])
	if err != nil || found {
		return 0, err
	}
	return w.nextBody()
}

// nextBody returns the number of the next new body.
func (w *writer) nextBody() (int64, error) {
	if w.lastBody == 0 {
		if _, err := w.get([]any{&w.lastBody}, "SELECT coalesce(max(id), 0) FROM bodies"); err != nil {
			return 0, err
		}
	}
	w.lastBody++
	return w.lastBody, nil
}

// tag returns what a body is found by: the first 48 bits of its hash. Others
// may have the same, so the whole hash is always compared too.
func tag(h residency.Hash) int64 {
	return int64(binary.BigEndian.Uint64(h[:8]) >> 16)
}

// keepJSON remembers v as JSON and returns its hash.
func (s *Store) keepJSON(w *writer, kind int, v any) (residency.Hash, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return residency.Hash{}, err
	}
	h := residency.HashOf(data)
	return h, s.keep(w, kind, h, data, nil)
}
