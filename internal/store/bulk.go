package store

import (
	"fmt"
	"slices"
	"strings"
)

// bulkValues is how many values one statement inserts at most when there are as
// many.
const bulkValues = 300

// bulk gathers rows of one table and inserts many with one statement: for small
// rows, what a statement costs besides its rows is more than half.
type bulk struct {
	into    string // "spans (endpoint, first_seq)"
	columns int
	args    []any
	many    string // the statement of so many rows, once it was needed
}

// add takes in a row, and writes when there are enough of them.
func (b *bulk) add(w *writer, row ...any) error {
	b.args = append(b.args, row...)
	if len(b.args)+b.columns <= bulkValues {
		return nil
	}
	if b.many == "" {
		b.many = b.text(bulkValues / b.columns)
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
