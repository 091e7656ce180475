package store

import (
	"encoding/json"
	"maps"
	"slices"

	"residency/internal/residency"
)

// newEndpoints gives endpoints their numbers, and returns the names of those
// that had one: there may be spans of them.
func (s *Store) newEndpoints(w *writer, n *batch, unknown map[string]residency.Endpoint) ([]string, error) {
	n.new = make(map[string]int64, len(unknown))
	names := slices.Sorted(maps.Keys(unknown))
	for chunk := range slices.Chunk(names, most) {
		if err := w.endpoints(chunk, n.new); err != nil {
			return nil, err
		}
	}
	rows := bulk{into: "endpoints (id, name, data)", columns: 3}
	var there []string
	for _, name := range names {
		if id, ok := n.new[name]; ok {
			there = append(there, name)
			if err := renew(w, id, unknown[name]); err != nil {
				return nil, err
			}
			continue
		}
		data, err := json.Marshal(unknown[name])
		if err != nil {
			return nil, err
		}
		n.new[name] = n.nextID
		if err := rows.add(w, n.nextID, name, string(data)); err != nil {
			return nil, err
		}
		n.nextID++
	}
	return there, rows.flush(w)
}

// endpoints adds the numbers of the names that have one.
func (w *writer) endpoints(names []string, numbers map[string]int64) error {
	rows, err := w.query("SELECT name, id FROM endpoints WHERE name IN "+ofList(1), jsonList(names))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var id int64
		if err := rows.Scan(&name, &id); err != nil {
			return err
		}
		numbers[name] = id
	}
	return rows.Err()
}

// renew keeps what is known of an endpoint that has its number.
func renew(w *writer, id int64, e residency.Endpoint) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return w.run("UPDATE endpoints SET data = $2 WHERE id = $1 AND data <> $2", id, string(data))
}
