package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"residency/internal/residency"
)

// Backup writes a whole copy of the store to a file that does not exist yet,
// while runs go on. It is on disk when Backup returns. Whatever reads a store
// reads the copy.
func (s *Store) Backup(ctx context.Context, to string) error {
	if err := s.copyTo(ctx, to); err != nil {
		return fmt.Errorf("back up store: %w", err)
	}
	return nil
}

// Restored is what a restore did.
type Restored struct {
	Kept string // where the file that was in its place is now; "" if there was none
	Size int64  // leaves of the evidence log of what is in its place now
	Runs int64  // number of its last run
}

// restoredBody is the body of a record of kind "restored".
type restoredBody struct {
	Schema  string `json:"schema"`
	From    string `json:"from"`     // the backup's file
	LogSize int64  `json:"log_size"` // leaves it had
	LastSeq int64  `json:"last_seq"` // its last run
	Kept    string `json:"kept,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// Restore puts the backup from in the place of the store at path. The backup
// is checked first, and may be of an older version of the program; what was in its
// place is kept under another name. It is refused while a process has the store
// open. The restore becomes a part of the evidence log: what came after the backup
// is missing, and the log says since when and by whom.
func Restore(ctx context.Context, path, from string, o Options, by, reason string) (Restored, error) {
	done, err := restore(ctx, path, from, o, by, reason)
	if err != nil {
		return done, fmt.Errorf("restore store: %w", err)
	}
	return done, nil
}

func restore(ctx context.Context, path, from string, o Options, by, reason string) (Restored, error) {
	source, err := Open(ctx, from, Options{ReadOnly: true, older: true, Version: o.Version, Now: o.Now})
	if err != nil {
		return Restored{}, err
	}
	defer source.Close()
	target := &Store{path: path, options: o}
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	unlock, err := target.lockRuns(soon)
	if err != nil {
		return Restored{}, err
	}
	defer unlock()
	if err := unused(ctx, path); err != nil {
		return Restored{}, err
	}
	temp := path + ".restore"
	defer removeStore(temp) // what is left of it when something fails
	removeStore(temp)
	checked, err := source.copyChecked(ctx, temp, o)
	if err != nil {
		return Restored{}, err
	}
	done := Restored{Size: checked.Leaves}
	if done.Kept, err = target.setAside(); err != nil {
		return done, err
	}
	if err := settle(temp, path); err != nil {
		return done, err
	}
	return done, target.recordRestore(ctx, &done, from, by, reason)
}

// copyChecked copies the store to a file that does not exist yet, brings the
// copy up to date, and checks what becomes of it.
func (s *Store) copyChecked(ctx context.Context, to string, o Options) (Checked, error) {
	c := &checking{Store: s, ctx: ctx, db: s.read} // of any version
	if err := c.structure(); err != nil {
		return Checked{}, err
	}
	if err := s.whole(c.found); err != nil {
		return Checked{}, err
	}
	if err := s.copyTo(ctx, to); err != nil {
		return Checked{}, err
	}
	o.ReadOnly, o.spare = false, true
	copied, err := Open(ctx, to, o)
	if err != nil {
		return Checked{}, err
	}
	checked, err := copied.Check(ctx)
	if closed := copied.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return Checked{}, err
	}
	return checked, s.whole(checked)
}

// whole is an error when something is wrong with a backup.
func (s *Store) whole(c Checked) error {
	if len(c.Problems) == 0 {
		return nil
	}
	return &Fault{Path: s.path, Kind: ErrDamaged, Detail: c.Problems[0], Hint: "take another backup"}
}

// removeStore removes a store's file, and what lies beside it.
func removeStore(path string) {
	for _, end := range []string{"", "-wal", "-shm", ".lock"} {
		_ = os.Remove(path + end)
	}
}

// unused makes sure that no process has the store open: it would go on writing
// to the file that was put aside. A file that cannot be opened is used by none.
func unused(ctx context.Context, path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	db, err := sql.Open("sqlite", dsn(path, url.Values{"mode": {"rw"}, "_busy_timeout": {"200"}, "_pragma": {"locking_mode(EXCLUSIVE)"}, "_txlock": {"exclusive"}}))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(ctx, nil)
	if err == nil {
		return tx.Rollback()
	}
	if err = fault(path, err); errors.Is(err, ErrBusy) {
		return &Fault{Path: path, Kind: ErrBusy, Hint: "stop \"residency watch\" and whatever else uses it, then try again"}
	}
	return nil
}

// setAside gives the store's file a second name, so that there is a store at
// every instant: a program that found none would begin a new one. What the
// database wrote beside the file goes with it, for it would be taken for a part
// of the file that comes in its place. It returns the second name.
func (s *Store) setAside() (string, error) {
	if _, err := os.Lstat(s.path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	stem := s.path + ".before-restore-" + s.now().UTC().Format("20060102T150405Z")
	kept := stem
	for n := 2; ; n++ { // twice within a second
		if _, err := os.Lstat(kept); errors.Is(err, fs.ErrNotExist) {
			break
		}
		kept = fmt.Sprintf("%s-%d", stem, n)
	}
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Rename(s.path+end, kept+end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if err := os.Link(s.path, kept); err != nil { // not every file system knows links
		return kept, os.Rename(s.path, kept)
	}
	return kept, nil
}

// recordRestore opens the restored store and seals that it was restored.
func (s *Store) recordRestore(ctx context.Context, done *Restored, from, by, reason string) error {
	restored, err := Open(ctx, s.path, s.options)
	if err != nil {
		return err
	}
	defer restored.Close()
	if err := restored.read.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM runs").Scan(&done.Runs); err != nil {
		return err
	}
	body, err := json.Marshal(restoredBody{Schema: "residency/restored/v1", From: from, LogSize: done.Size, LastSeq: done.Runs, Kept: done.Kept, Reason: reason})
	if err != nil {
		return err
	}
	return restored.Record(ctx, residency.Record{Kind: "restored", At: s.now(), By: by, Body: body})
}
