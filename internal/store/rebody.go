package store

import "database/sql"

// rebody is the step of 0002_blocks.sql that SQL cannot say: it brings bodies
// that are packed each by itself together in blocks.
func (s *Store) rebody(w *writer) error {
	const page = 3000 // rows, which are in memory together
	for after := int64(0); ; {
		bodies, last, err := s.bodiesAlone(w, after, page)
		if err != nil {
			return err
		}
		if len(bodies) == 0 {
			break
		}
		if err := s.keep(w, bodies...); err != nil {
			return err
		}
		after = last
	}
	if err := w.tagRest(1); err != nil {
		return err
	}
	return w.run("DROP TABLE bodies")
}

// bodiesAlone reads the next rows of the table that a store of version 1 has,
// and returns the number of the last.
func (s *Store) bodiesAlone(w *writer, after int64, most int) (bodies []body, last int64, err error) {
	rows, err := w.query("SELECT id, hash, kind, data, refs FROM bodies WHERE id > $1 ORDER BY id LIMIT $2", after, most)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var b body
		var packed sql.RawBytes
		if err := rows.Scan(&last, (*hashColumn)(&b.hash), &b.kind, &packed, &b.refs); err != nil {
			return nil, 0, err
		}
		if b.data, err = s.open(b.hash, packed); err != nil {
			return nil, 0, err
		}
		bodies = append(bodies, b)
	}
	return bodies, last, rows.Err()
}
