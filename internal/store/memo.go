package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// Memo reads what was noted under a name into into; ok is false when nothing
// was.
func (s *Store) Memo(ctx context.Context, name string, into any) (ok bool, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT data FROM memos WHERE name = $1", name).Scan(jsonColumn{into})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, s.wrap("read memo "+name, err)
}

// SetMemo notes v, as JSON, under a name: a small thing that has to outlive the
// process, such as the last instant of a schedule that was served.
func (s *Store) SetMemo(ctx context.Context, name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write memo %s: %w", name, err)
	}
	return s.tx(ctx, "write memo "+name, func(w *writer) error {
		return w.run("INSERT INTO memos (name, data) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET data = excluded.data", name, string(data))
	})
}
