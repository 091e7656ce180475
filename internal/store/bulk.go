package store

import (
	"fmt"
	"slices"
	"strings"

	"residency/internal/residency"
)

// bulkRows is how many rows one statement inserts when there are as many.
const bulkRows = 25

// bulk gathers rows of one table and inserts many with one statement: for small
// rows, what a statement costs besides its rows is more than half.
type bulk struct {
	into    string // "spans (endpoint, first_seq)"
	columns int
	args    []any
	many    string // the statement of bulkRows rows, once it was needed
}

// add takes in a row, and writes when there are enough of them.
func (b *bulk) add(w *writer, row ...any) error {
	b.args = append(b.args, row...)
	if len(b.args) < bulkRows*b.columns {
		return nil
	}
	if b.many == "" {
		b.many = b.text(bulkRows)
	}
	err := w.run(b.many, b.args...)
	b.args = b.args[:0]
	return err
}

// flush writes what is left, row by row: the statement is then the same
// whatever their number.
func (b *bulk) flush(w *writer) error {
	one := b.text(1)
	for row := range slices.Chunk(b.args, b.columns) {
		if err := w.run(one, row...); err != nil {
			return err
		}
	}
	b.args = b.args[:0]
	return nil
}

// text returns the statement that inserts n rows.
func (b *bulk) text(n int) string {
	var t strings.Builder
	fmt.Fprintf(&t, "INSERT INTO %s VALUES ", b.into)
	for i := range n {
		if i > 0 {
			t.WriteByte(',')
		}
		t.WriteString(list(i*b.columns+1, b.columns))
	}
	return t.String()
}

// unkept is a body that is to be kept at the end of a batch.
type unkept struct {
	kind int
	hash residency.Hash
	data []byte
	refs []byte
}

// keepAll remembers bodies under their hashes; those that are there are left as
// they are. They are looked up together, and written in the order of their tags,
// which the index is in.
func (s *Store) keepAll(w *writer, bodies []unkept) error {
	slices.SortStableFunc(bodies, func(a, b unkept) int { return slices.Compare(a.hash[:], b.hash[:]) })
	bodies = slices.CompactFunc(bodies, func(a, b unkept) bool { return a.hash == b.hash })
	there, err := w.there(bodies)
	if err != nil {
		return err
	}
	bodies = slices.DeleteFunc(bodies, func(b unkept) bool { return there[b.hash] })
	done := make(chan struct{})
	packed := s.packAhead(bodies, done)
	defer func() {
		close(done)
		for range packed { // until nobody reads the bodies any more: they are the caller's
		}
	}()
	rows := bulk{into: "bodies (id, tag, hash, kind, data, refs)", columns: 6}
	for i := range bodies {
		b := &bodies[i]
		id, err := w.nextBody()
		if err != nil {
			return err
		}
		if err := rows.add(w, id, tag(b.hash), b.hash[:], b.kind, <-packed, b.refs); err != nil {
			return err
		}
	}
	return rows.flush(w)
}

// packAhead packs the bodies in their order while those before are written, for
// packing takes about as long as writing; until done is closed.
func (s *Store) packAhead(bodies []unkept, done <-chan struct{}) <-chan []byte {
	packed := make(chan []byte, 4*bulkRows)
	go func() {
		defer close(packed)
		for i := range bodies {
			select {
			case packed <- s.packer.pack(bodies[i].data):
			case <-done:
				return
			}
		}
	}()
	return packed
}

// there returns which of the bodies are kept already.
func (w *writer) there(bodies []unkept) (map[residency.Hash]bool, error) {
	there := map[residency.Hash]bool{}
	tags := make([]int64, 0, most)
	for chunk := range slices.Chunk(bodies, most) {
		tags = tags[:0]
		for _, b := range chunk {
			tags = append(tags, tag(b.hash))
		}
		rows, err := w.query("SELECT hash FROM bodies WHERE tag IN "+ofList(1), jsonList(tags))
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var h hashColumn
			if err := rows.Scan(&h); err != nil {
				rows.Close()
				return nil, err
			}
			there[residency.Hash(h)] = true
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return there, nil
}
