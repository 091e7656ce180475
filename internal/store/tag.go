package store

import (
	"cmp"
	"database/sql"
	"encoding/binary"
	"slices"

	"residency/internal/residency"
)

// tag returns what a body is found by: the first 48 bits of its hash. Others
// may have the same, so the whole hash is always compared too.
func tag(h residency.Hash) int64 {
	return int64(binary.BigEndian.Uint64(h[:8]) >> 16)
}

// tagged is the blocks in which bodies are that have one of the tags in the
// jsonList that is the given argument; untagged are those that no tag leads to.
func tagged(arg int) string {
	return "blocks WHERE id IN (SELECT block FROM body_tags WHERE tag IN " + ofList(arg) + ")"
}

const untagged = "blocks WHERE id > (SELECT up_to FROM tagged)"

// mostUntagged is how many blocks are left without tags while a run goes on.
const mostUntagged = 3000

// place is where a body with a tag is.
type place struct{ tag, block int64 }

// tagRest writes the tags of the bodies that have none yet, if that many blocks
// have none.
func (w *writer) tagRest(least int64) error {
	var upTo, last int64
	if _, err := w.get([]any{&upTo, &last}, "SELECT up_to, "+lastBlock+" FROM tagged"); err != nil || last-upTo < least {
		return err
	}
	places, err := w.untagged()
	if err != nil {
		return err
	}
	tags := bulk{into: "body_tags (tag, block)", columns: 2}
	for _, p := range places {
		if err := tags.add(w, p.tag, p.block); err != nil {
			return err
		}
	}
	if err := tags.flush(w); err != nil {
		return err
	}
	return w.run("UPDATE tagged SET up_to = $1", last)
}

// untagged returns the places of the bodies that have no tags, in the order of
// the table of tags.
func (w *writer) untagged() ([]place, error) {
	rows, err := w.query("SELECT id, hashes FROM " + untagged)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var places []place
	for rows.Next() {
		var id int64
		var hashes sql.RawBytes
		if err := rows.Scan(&id, &hashes); err != nil {
			return nil, err
		}
		for h := range each(hashes) {
			places = append(places, place{tag(h), id})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.block, b.block)) })
	return slices.Compact(places), rows.Err()
}

// there returns which of the bodies are kept already, but for those that are
// new, or have no tags yet.
func (w *writer) there(bodies []body) (map[residency.Hash]bool, error) {
	there := make(map[residency.Hash]bool, len(bodies))
	var tags []int64
	for i := range bodies {
		if !bodies[i].new {
			tags = append(tags, tag(bodies[i].hash))
		}
	}
	for chunk := range slices.Chunk(tags, most) {
		rows, err := w.query("SELECT hashes FROM "+tagged(1), jsonList(chunk))
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var hashes sql.RawBytes
			if err := rows.Scan(&hashes); err != nil {
				rows.Close()
				return nil, err
			}
			for h := range each(hashes) {
				there[h] = true
			}
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return there, nil
}
