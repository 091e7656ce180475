package store

import (
	"context"
	"database/sql"
	"strings"

	"residency/internal/residency"
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

// BodiesWhile is Bodies of a reader that another process overtakes: act is done
// between its first query and its second.
func (s *Store) BodiesWhile(ctx context.Context, hashes []residency.Hash, act func()) (map[residency.Hash][]byte, error) {
	found := map[residency.Hash][]byte{}
	return found, s.bodies(ctx, &overtaken{querier: s.read, act: act}, hashes, found)
}

// overtaken is a querier with an act before its second query.
type overtaken struct {
	querier
	act func()
	n   int
}

func (o *overtaken) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if o.n++; o.n == 2 {
		o.act()
	}
	return o.querier.QueryContext(ctx, text, args...)
}
