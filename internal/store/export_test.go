package store

import (
	"context"
	"strings"
)

// Exec lets a test do to the database what only a broken disk or a hostile
// hand would.
func (s *Store) Exec(ctx context.Context, text string, args ...any) error {
	_, err := s.write.ExecContext(ctx, text, args...)
	return err
}

// MigrateFurther applies one more step than this program has, as a newer one
// would.
func (s *Store) MigrateFurther(ctx context.Context, text string) error {
	list, err := migrations()
	if err != nil {
		return err
	}
	next := len(list) + 1
	return s.migrateTo(ctx, append(list, migration{next, "9999_next.sql", strings.ReplaceAll(text, "{clustered}", ""), nil}))
}
