package store

import (
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"time"

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
		data, err := endpointJSON(unknown[name])
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

// Unseen returns those of the endpoints, by Endpoint.Key, that were never looked
// at, in their order.
func (s *Store) Unseen(ctx context.Context, endpoints []string) ([]string, error) {
	var unseen []string
	for chunk := range slices.Chunk(endpoints, most) {
		rows, err := s.read.QueryContext(ctx, "SELECT value FROM json_each($1) WHERE value NOT IN (SELECT name FROM endpoints) ORDER BY key", jsonList(chunk))
		if err != nil {
			return nil, s.wrap("read endpoints", err)
		}
		names, err := texts(rows)
		if err != nil {
			return nil, s.wrap("read endpoints", err)
		}
		unseen = append(unseen, names...)
	}
	return unseen, nil
}

// renew keeps what is known of an endpoint that has its number.
func renew(w *writer, id int64, e residency.Endpoint) error {
	data, err := endpointJSON(e)
	if err != nil {
		return err
	}
	return w.run("UPDATE endpoints SET data = $2 WHERE id = $1 AND data <> $2", id, string(data))
}

// endpointJSON is an endpoint as it is kept: JSON, without what is empty.
func endpointJSON(e residency.Endpoint) ([]byte, error) {
	return json.Marshal(struct {
		Vendor    string
		Service   string
		Host      string
		Role      residency.Role `json:",omitzero"`
		Address   netip.Addr     `json:",omitzero"`
		Port      uint16         `json:",omitzero"`
		Records   string         `json:",omitzero"`
		URL       string         `json:",omitzero"`
		RetiredOn residency.Date `json:",omitzero"`
		Retired   time.Time      `json:",omitzero"`
		Note      string         `json:",omitzero"`
		Source    string         `json:",omitzero"`
		Where     string         `json:",omitzero"`
	}(e))
}
