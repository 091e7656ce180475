package store

import (
	"context"
	"encoding/hex"
	"slices"

	"residency/internal/residency"
)

// collect deletes the bodies that nothing names any more, in steps, so that
// others can write in between. The lock of runs is held: nobody begins to name
// one of them meanwhile. Bodies of records stay.
func (s *Store) collect(ctx context.Context) error {
	const action = "collect what nothing names"
	err := s.tx(ctx, action, func(w *writer) error {
		if err := w.tagRest(1); err != nil { // of a run that was broken off: what trim leaves of a block has its tags
			return err
		}
		const into = "INSERT OR IGNORE INTO live (hash) SELECT "
		for _, text := range []string{
			"DROP TABLE IF EXISTS live",
			"CREATE TEMPORARY TABLE live (hash BYTEA PRIMARY KEY) WITHOUT ROWID",
			into + "sight FROM spans WHERE NOT pruned", into + "judgement FROM spans WHERE NOT pruned", into + "packets FROM spans WHERE NOT pruned",
			into + "latest FROM spans WHERE NOT pruned AND latest IS NOT NULL",
			into + "setting FROM runs", into + "seen FROM runs", into + "outcome FROM runs", into + "scope FROM runs WHERE scope IS NOT NULL",
		} {
			if err := w.run(text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.eachBlock(ctx, action, bodySight, s.markRefs); err != nil { // what a live sight names is live too
		return err
	}
	if err := s.eachBlock(ctx, action, 0, s.trim); err != nil {
		return err
	}
	return s.tx(ctx, action, func(w *writer) error { return w.run("DROP TABLE live") })
}

// block is a row of the table of blocks, with which of its bodies are live.
type block struct {
	id           int64
	kind         int
	hashes, data []byte
	live         []bool
}

// eachBlock hands every block of a kind (0: of all) to act, some hundred in a
// transaction.
func (s *Store) eachBlock(ctx context.Context, action string, kind int, act func(*writer, block) error) error {
	const step = 250
	for after, more := int64(0), true; more; {
		err := s.tx(ctx, action, func(w *writer) error {
			list, err := w.blocks(kind, after, step)
			if err != nil {
				return err
			}
			for _, b := range list {
				if err := w.mark(&b); err != nil {
					return err
				}
				if err := act(w, b); err != nil {
					return err
				}
				after = b.id
			}
			more = len(list) == step
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// blocks reads the next blocks.
func (w *writer) blocks(kind int, after int64, most int) ([]block, error) {
	rows, err := w.query("SELECT id, kind, hashes, data FROM blocks WHERE id > $1 AND ($2 = 0 OR kind = $2) ORDER BY id LIMIT $3", after, kind, most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []block
	for rows.Next() {
		var b block
		if err := rows.Scan(&b.id, &b.kind, &b.hashes, &b.data); err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, rows.Err()
}

// mark finds out which bodies of a block are live.
func (w *writer) mark(b *block) error {
	list := make([]string, 0, len(b.hashes)/len(residency.Hash{}))
	for h := range each(b.hashes) {
		list = append(list, hex.EncodeToString(h[:]))
	}
	rows, err := w.query("SELECT hash FROM live WHERE hash IN (SELECT unhex(value) FROM json_each($1))", jsonList(list))
	if err != nil {
		return err
	}
	defer rows.Close()
	live := map[residency.Hash]bool{}
	for rows.Next() {
		var h hashColumn
		if err := rows.Scan(&h); err != nil {
			return err
		}
		live[residency.Hash(h)] = true
	}
	for h := range each(b.hashes) {
		b.live = append(b.live, live[h] || b.kind == bodyRecord)
	}
	return rows.Err()
}

// markRefs adds the bodies that live sights name to the table live.
func (s *Store) markRefs(w *writer, b block) error {
	if !slices.Contains(b.live, true) {
		return nil
	}
	bodies, err := s.openBlock(b.data, b.hashes)
	if err != nil {
		return err
	}
	named := map[residency.Hash]bool{}
	for i, body := range bodies {
		if !b.live[i] {
			continue
		}
		for h := range each(body.refs) {
			named[h] = true
		}
	}
	for h := range named {
		if err := w.run("INSERT OR IGNORE INTO live (hash) VALUES ($1)", h[:]); err != nil {
			return err
		}
	}
	return nil
}

// trim makes a block anew without the bodies that are not live, or deletes it
// when none is.
func (s *Store) trim(w *writer, b block) error {
	if !slices.Contains(b.live, false) {
		return nil
	}
	var rest []body
	if slices.Contains(b.live, true) {
		bodies, err := s.openBlock(b.data, b.hashes)
		if err != nil {
			return err
		}
		for i, body := range bodies {
			if b.live[i] {
				rest = append(rest, body)
			}
		}
	}
	for h := range each(b.hashes) {
		if err := w.run("DELETE FROM body_tags WHERE tag = $1 AND block = $2", tag(h), b.id); err != nil {
			return err
		}
	}
	if len(rest) == 0 {
		return w.run("DELETE FROM blocks WHERE id = $1", b.id)
	}
	for i := range rest {
		if err := w.run("INSERT OR IGNORE INTO body_tags (tag, block) VALUES ($1, $2)", tag(rest[i].hash), b.id); err != nil {
			return err
		}
	}
	return w.run("UPDATE blocks SET hashes = $2, data = $3 WHERE id = $1", b.id, hashesOf(rest), s.packer.pack(appendBlock(nil, rest)))
}
