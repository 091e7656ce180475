package store

import (
	"cmp"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"

	"residency/internal/residency"
)

// Kinds of bodies. A block holds bodies of one kind.
const (
	bodySight     = 1
	bodyJudgement = 2
	bodyLocation  = 3
	bodyPackets   = 4
	bodyHeader    = 5
	bodyScope     = 6
	bodyRecord    = 7

	lastKind = bodyRecord
)

// blockSize is how many bytes of bodies go into a block at most, unless one
// alone is larger. Twice as much would save a third of the room, and reading
// one body would cost twice as much.
const blockSize = 16 << 10

// body is bytes that are kept under their hash.
type body struct {
	kind int
	hash residency.Hash
	data []byte
	refs []byte // hashes of the bodies it names, one after the other
	new  bool   // it names what was never kept before, and so cannot be there
}

// appendBlock appends the content of a block: for each body its length, the
// number of bodies it names, and their hashes; then the bodies. Numbers are
// unsigned varints of encoding/binary. The hashes of the bodies themselves are
// kept beside it.
func appendBlock(to []byte, bodies []body) []byte {
	for i := range bodies {
		b := &bodies[i]
		to = binary.AppendUvarint(to, uint64(len(b.data)))
		to = binary.AppendUvarint(to, uint64(len(b.refs)/len(residency.Hash{})))
		to = append(to, b.refs...)
	}
	for i := range bodies {
		to = append(to, bodies[i].data...)
	}
	return to
}

// parseBlock reads what appendBlock wrote of bodies with the given hashes. They
// share the memory of content. Whether they have those hashes is not looked at.
func parseBlock(content, hashes []byte) ([]body, error) {
	const size = len(residency.Hash{})
	bodies := make([]body, len(hashes)/size)
	if len(bodies) == 0 || len(hashes)%size != 0 {
		return nil, fmt.Errorf("read block: %d bytes are no hashes: %w", len(hashes), ErrDamaged)
	}
	lengths, rest := make([]uint64, len(bodies)), content
	for i := range bodies {
		length, n := binary.Uvarint(rest)
		refs, m := binary.Uvarint(rest[max(n, 0):])
		if n <= 0 || m <= 0 || refs > uint64(len(rest[n+m:])/size) {
			return nil, fmt.Errorf("read block: its head is cut off: %w", ErrDamaged)
		}
		rest = rest[n+m:]
		end := int(refs) * size
		bodies[i].hash, bodies[i].refs, lengths[i] = residency.Hash(hashes[i*size:]), rest[:end:end], length
		rest = rest[end:]
	}
	for i, length := range lengths {
		if length > uint64(len(rest)) {
			return nil, fmt.Errorf("read block: its end is missing: %w", ErrDamaged)
		}
		bodies[i].data, rest = rest[:length:length], rest[length:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("read block: %d bytes too many: %w", len(rest), ErrDamaged)
	}
	return bodies, nil
}

// openBlock reads the bodies of a block as it is kept.
func (s *Store) openBlock(packed, hashes []byte) ([]body, error) {
	content, err := s.packer.unpack(packed)
	if err != nil {
		return nil, err
	}
	return parseBlock(content, hashes)
}

// hashesOf returns the hashes of bodies, as a block has them.
func hashesOf(bodies []body) []byte {
	all := make([]byte, 0, len(bodies)*len(residency.Hash{}))
	for i := range bodies {
		all = append(all, bodies[i].hash[:]...)
	}
	return all
}

// keep remembers bodies under their hashes; those that are there are left as
// they are. Neighbours get into one block: what is alike packs well. A body that
// is said to be new, and is there after all, is kept twice, which harms nobody.
func (s *Store) keep(w *writer, bodies ...body) error {
	there, err := w.there(bodies)
	if err != nil {
		return err
	}
	var kinds [lastKind + 1][]body
	for _, b := range bodies {
		if !there[b.hash] {
			there[b.hash] = true // once, however often it is handed in
			kinds[b.kind] = append(kinds[b.kind], b)
		}
	}
	out := blockWriter{store: s, blocks: bulk{into: "blocks (id, kind, hashes, data)", columns: 4}, tags: bulk{into: "body_tags (tag, block)", columns: 2}}
	for _, list := range kinds {
		for len(list) > 0 {
			n, size := 1, len(list[0].data)
			for n < len(list) && size+len(list[n].data) <= blockSize {
				size += len(list[n].data)
				n++
			}
			if err := out.add(w, list[:n]); err != nil {
				return err
			}
			list = list[n:]
		}
	}
	return out.flush(w)
}

// blockWriter writes blocks, and the tags of their bodies in the order of the
// table: each page of it is then dirtied once.
type blockWriter struct {
	store   *Store
	blocks  bulk
	tags    bulk
	places  []place
	content []byte
}

// place is where a body with a tag is.
type place struct{ tag, block int64 }

func (o *blockWriter) add(w *writer, bodies []body) error {
	id, err := w.nextBlock()
	if err != nil {
		return err
	}
	o.content = appendBlock(o.content[:0], bodies)
	for i := range bodies {
		o.places = append(o.places, place{tag(bodies[i].hash), id})
	}
	return o.blocks.add(w, id, bodies[0].kind, hashesOf(bodies), o.store.packer.pack(o.content))
}

func (o *blockWriter) flush(w *writer) error {
	if err := o.blocks.flush(w); err != nil {
		return err
	}
	slices.SortFunc(o.places, func(a, b place) int { return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.block, b.block)) })
	for _, p := range slices.Compact(o.places) {
		if err := o.tags.add(w, p.tag, p.block); err != nil {
			return err
		}
	}
	return o.tags.flush(w)
}

// nextBlock returns the number of the next new block.
func (w *writer) nextBlock() (int64, error) {
	if w.lastBlock == 0 {
		if _, err := w.get([]any{&w.lastBlock}, "SELECT coalesce(max(id), 0) FROM blocks"); err != nil {
			return 0, err
		}
	}
	w.lastBlock++
	return w.lastBlock, nil
}

// tag returns what a body is found by: the first 48 bits of its hash. Others
// may have the same, so the whole hash is always compared too.
func tag(h residency.Hash) int64 {
	return int64(binary.BigEndian.Uint64(h[:8]) >> 16)
}

// tagged is the blocks in which bodies are that have one of the tags in the
// jsonList that is the given argument.
func tagged(arg int) string {
	return "blocks WHERE id IN (SELECT block FROM body_tags WHERE tag IN " + ofList(arg) + ")"
}

// there returns which of the bodies are kept already, but for those that are new.
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
			for h := range slices.Chunk(hashes, len(residency.Hash{})) {
				there[residency.Hash(h)] = true
			}
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return there, nil
}
