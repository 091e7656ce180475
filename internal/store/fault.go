package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What can be wrong with the store itself. Errors of this package wrap one of
// them where they know the cause.
var (
	ErrFull     = errors.New("there is no space left")
	ErrDisk     = errors.New("the disk does not do what it is told")
	ErrReadOnly = errors.New("it cannot be written to")
	ErrDamaged  = errors.New("it is damaged")
	ErrNotStore = errors.New("it is no residency store")
	ErrNewer    = errors.New("it was written by a newer version of the program")
	ErrOlder    = errors.New("it was written by an older version of the program")
	ErrMissing  = errors.New("there is no store")
	ErrBusy     = errors.New("another process uses it")
	ErrDenied   = errors.New("permission denied")
)

// Fault is an error with the file it is about and what a person can do.
type Fault struct {
	Path   string
	Kind   error // one of the errors above
	Detail string
	Hint   string
	Err    error // the cause, may be nil
}

// Error says file, kind and detail in one line, and the hint in another.
func (f *Fault) Error() string {
	s := fmt.Sprintf("store %s: %v", f.Path, f.Kind)
	if f.Detail != "" {
		s += ": " + f.Detail
	}
	if f.Err != nil {
		s += fmt.Sprintf(" (%v)", f.Err)
	}
	if f.Hint != "" {
		s += "\nhint: " + f.Hint
	}
	return s
}

// Unwrap returns the kind and the cause.
func (f *Fault) Unwrap() []error {
	if f.Err == nil {
		return []error{f.Kind}
	}
	return []error{f.Kind, f.Err}
}

const (
	hintDamaged = "\"residency store check\" says what is damaged, \"residency store restore FILE\" puts a backup in its place; the damaged file is kept"
	hintFull    = "make room on the disk, or keep less: [store] keep"
)

// wrap says what was tried, and turns an error of the database into a Fault
// where it is one of the store itself.
func (s *Store) wrap(action string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", action, fault(s.path, err))
}

// fault turns err into a Fault if it is about the file and not about what was
// asked of it.
func fault(path string, err error) error {
	if _, known := errors.AsType[*Fault](err); known {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	f := &Fault{Path: path, Err: err}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff { // the low byte is the kind, the rest tells its cases apart
		case sqlite3.SQLITE_FULL:
			f.Kind, f.Hint = ErrFull, hintFull
		case sqlite3.SQLITE_READONLY:
			f.Kind = ErrReadOnly
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT:
			f.Kind, f.Hint = ErrDamaged, hintDamaged
		case sqlite3.SQLITE_NOTADB:
			f.Kind, f.Hint = ErrNotStore, hintDamaged
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			f.Kind = ErrBusy
		case sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
			f.Kind = ErrDenied
		case sqlite3.SQLITE_CANTOPEN:
			f.Kind, f.Hint = ErrDenied, "the file and its directory must be readable and writable"
		case sqlite3.SQLITE_IOERR:
			f.Kind = ErrDisk
		}
	}
	switch {
	case f.Kind != nil:
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		f.Kind, f.Hint = ErrFull, hintFull
	case errors.Is(err, fs.ErrPermission):
		f.Kind = ErrDenied
	case errors.Is(err, syscall.EROFS):
		f.Kind = ErrReadOnly
	default:
		return err
	}
	return f
}
