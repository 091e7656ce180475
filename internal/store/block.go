package store

import (
	"encoding/binary"
	"fmt"
	"iter"

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

// each yields hashes that are kept one after the other. What is too short for
// one, as in a damaged file, is left out.
func each(hashes []byte) iter.Seq[residency.Hash] {
	return func(yield func(residency.Hash) bool) {
		const size = len(residency.Hash{})
		for ; len(hashes) >= size; hashes = hashes[size:] {
			if !yield(residency.Hash(hashes[:size])) {
				return
			}
		}
	}
}

// keep remembers bodies under their hashes; those that are there are left as
// they are. Neighbours get into one block: what is alike packs well. A body that
// is there and not found, because it is said to be new or has no tag yet, is kept
// twice, which harms nobody.
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
	blocks := bulk{into: "blocks (id, kind, hashes, data)", columns: 4}
	var content []byte
	for kind, list := range kinds {
		for len(list) > 0 {
			n, size := 1, len(list[0].data)
			for n < len(list) && size+len(list[n].data) <= blockSize {
				size += len(list[n].data)
				n++
			}
			id, err := w.nextBlock()
			if err != nil {
				return err
			}
			content = appendBlock(content[:0], list[:n])
			if err := blocks.add(w, id, kind, hashesOf(list[:n]), s.packer.pack(content)); err != nil {
				return err
			}
			list = list[n:]
		}
	}
	return blocks.flush(w)
}

// lastBlock is the last number that a block has or that is said to be tagged:
// those of blocks that were deleted are not used again.
const lastBlock = "max((SELECT coalesce(max(id), 0) FROM blocks), (SELECT up_to FROM tagged))"

// nextBlock returns the number of the next new block.
func (w *writer) nextBlock() (int64, error) {
	if w.lastBlock == 0 {
		if _, err := w.get([]any{&w.lastBlock}, "SELECT "+lastBlock); err != nil {
			return 0, err
		}
	}
	w.lastBlock++
	return w.lastBlock, nil
}
