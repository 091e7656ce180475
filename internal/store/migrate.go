package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed schema/*.sql
var schema embed.FS

// migration is one step of the schema. A step that was released is never
// edited: the next step changes it.
type migration struct {
	version int
	name    string // "0001_memory.sql"
	text    string
	then    func(*Store, *writer) error // what is to be done after it; nil: nothing
}

// afterwards is what steps do besides their SQL, by version.
func afterwards(version int) func(*Store, *writer) error {
	if version == 2 {
		return (*Store).rebody
	}
	return nil
}

// migrations returns all steps this program knows, in order.
func migrations() ([]migration, error) {
	names, err := fs.Glob(schema, "schema/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var list []migration
	for i, name := range names {
		text, err := schema.ReadFile(name)
		if err != nil {
			return nil, err
		}
		base := strings.TrimPrefix(name, "schema/")
		number, _, _ := strings.Cut(base, "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("read schema %s: want number %04d", base, i+1)
		}
		list = append(list, migration{version, base, strings.ReplaceAll(string(text), "{clustered}", "WITHOUT ROWID"), afterwards(version)})
	}
	return list, nil
}

// querier is a database or a transaction of it.
type querier interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// version returns the version of the store's schema, 0 for a new file, and
// which version of the program brought it there.
func (s *Store) version(ctx context.Context, db querier) (version int, by string, err error) {
	var tables, ours int
	err = db.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(CASE WHEN name = 'schema_steps' THEN 1 ELSE 0 END), 0) FROM sqlite_master WHERE type = 'table'").Scan(&tables, &ours)
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code() == sqlite3.SQLITE_ERROR { // what it cannot make out of the file's head
		return 0, "", &Fault{Path: s.path, Kind: ErrDamaged, Hint: hintDamaged, Err: err}
	}
	if err != nil {
		return 0, "", err
	}
	if tables > 0 && ours == 0 {
		return 0, "", &Fault{Path: s.path, Kind: ErrNotStore, Detail: "it is an SQLite file of something else"}
	}
	if ours == 0 {
		return 0, "", nil
	}
	err = db.QueryRowContext(ctx, "SELECT version, program FROM schema_steps ORDER BY version DESC LIMIT 1").Scan(&version, &by)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", nil
	}
	return version, by, err
}

// checkVersion refuses a store that this program cannot read.
func (s *Store) checkVersion(ctx context.Context, db querier) error {
	list, err := migrations()
	if err != nil {
		return err
	}
	version, by, err := s.version(ctx, db)
	if err != nil {
		return err
	}
	switch known := len(list); {
	case version > known:
		return s.newer(version, known, by)
	case version < known && s.options.ReadOnly && !s.options.older:
		return &Fault{Path: s.path, Kind: ErrOlder, Detail: fmt.Sprintf("its form is version %d, and this program reads version %d", version, known),
			Hint: "the next \"residency check\" or \"residency watch\" brings it up to date"}
	}
	return nil
}

// newer is the error of a store from the future.
func (s *Store) newer(version, known int, by string) error {
	return &Fault{Path: s.path, Kind: ErrNewer,
		Detail: fmt.Sprintf("its form is version %d, written by residency %s; this is residency %s, which knows versions up to %d", version, by, s.options.Version, known),
		Hint:   "use the newer program"}
}

// migrate brings the schema up to date. A store with something in it is copied
// first, to a file beside it.
func (s *Store) migrate(ctx context.Context) error {
	list, err := migrations()
	if err != nil {
		return err
	}
	return s.migrateTo(ctx, list)
}

func (s *Store) migrateTo(ctx context.Context, list []migration) error {
	version, by, err := s.version(ctx, s.write)
	switch {
	case err != nil:
		return err
	case version > len(list):
		return s.newer(version, len(list), by)
	case version == len(list):
		return nil
	case version > 0:
		unlock, err := s.lockRuns(ctx) // no run is half way through when its tables change
		if err != nil {
			return err
		}
		defer unlock()
		if s.options.spare {
			break
		}
		if err := s.copyBefore(ctx, version); err != nil {
			return err
		}
	}
	return s.tx(ctx, "bring store up to date", func(w *writer) error {
		if version, _, err = s.version(ctx, w.tx); err != nil { // another process may have been here first
			return err
		}
		if version == 0 {
			if err := w.run("CREATE TABLE IF NOT EXISTS schema_steps (version INTEGER PRIMARY KEY, name TEXT NOT NULL, at BIGINT NOT NULL, program TEXT NOT NULL)"); err != nil {
				return err
			}
		}
		for _, m := range list[min(version, len(list)):] {
			if _, err := w.tx.ExecContext(ctx, m.text); err != nil {
				return fmt.Errorf("apply %s: %w", m.name, err)
			}
			if m.then != nil {
				if err := m.then(s, w); err != nil {
					return fmt.Errorf("apply %s: %w", m.name, err)
				}
			}
			if err := w.run("INSERT INTO schema_steps (version, name, at, program) VALUES ($1, $2, $3, $4)", m.version, m.name, micros(s.now()), s.options.Version); err != nil {
				return err
			}
		}
		return nil
	})
}

// copyBefore copies the store to a file beside it before its tables change.
func (s *Store) copyBefore(ctx context.Context, version int) error {
	to := fmt.Sprintf("%s.before-version-%d", s.path, version+1)
	if _, err := os.Stat(to); err == nil {
		to += "-" + s.now().UTC().Format("20060102T150405Z")
	}
	if err := s.copyTo(ctx, to); err != nil {
		return fmt.Errorf("copy store before its form changes: %w", err)
	}
	return nil
}
