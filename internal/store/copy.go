package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// copyTo writes a whole, compact copy of the store to a file that does not
// exist yet, while others go on reading and writing. It is on disk when copyTo
// returns, and nothing is left when it fails.
func (s *Store) copyTo(ctx context.Context, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s exists already", to)
	}
	// A connection of its own: those for reading may not even write elsewhere,
	// and the one for writing is needed meanwhile.
	db, err := sql.Open("sqlite", dsn(s.path, url.Values{"mode": {"ro"}, "_busy_timeout": {fmt.Sprint(busy.Milliseconds())}, "_error_rc": {"1"}}))
	if err != nil {
		return err
	}
	defer db.Close()
	temp := to + ".part"
	if err := os.Remove(temp); err != nil && !os.IsNotExist(err) {
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", temp); err != nil {
		os.Remove(temp)
		return fault(to, err)
	}
	if err := settle(temp, to); err != nil {
		os.Remove(temp)
		return fault(to, err)
	}
	return nil
}

// settle brings a file that was written to disk and gives it its name.
func settle(temp, to string) error {
	f, err := os.OpenFile(temp, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = f.Chmod(0o600)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := os.Rename(temp, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// syncDir brings the names in a directory to disk, where a system knows that.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	_ = d.Sync() // some systems refuse to sync a directory; the file itself is safe
	return nil
}
