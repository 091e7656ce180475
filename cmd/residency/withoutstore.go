package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"residency/internal/store"
)

// memoWatched is under which the store notes since when it is watched with:
// the first thing that watch writes.
const memoWatched = "watch/started"

// passing reports whether a store that cannot be used can come back by itself:
// its file is there, or may be made, and the machine does not let us write now.
// One that is damaged, or gone, needs somebody to see to it.
func passing(err error) bool {
	for _, kind := range []error{store.ErrFull, store.ErrDisk, store.ErrReadOnly, store.ErrDenied} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// openMemory opens the store of the configuration. One that cannot be written
// for now keeps nobody from looking: the watch then goes on without, says so,
// and tries again. Not so where another configuration takes over, whose
// predecessor's store works.
func (d *daemon) openMemory(ctx context.Context) error {
	s, err := d.writableStore(ctx)
	if err != nil && passing(err) && !d.strict {
		d.unopened = err
		d.log.Error("the store cannot be used: checks go on without it, and it is tried again", "store", d.cfg.Store.Path, "error", err)
		return nil
	}
	d.store = s
	return err
}

// writableStore opens the store and writes to it: a file that may only be read
// can be opened, and would stay so for as long as it is open. That another
// process is writing just now is no such reason.
func (d *daemon) writableStore(ctx context.Context) (*store.Store, error) {
	s, err := d.e.openStore(ctx, d.cfg, "residency watch")
	if err != nil || s == nil {
		return nil, err
	}
	if err := s.SetMemo(ctx, memoWatched, d.e.now()); err != nil && passing(err) {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// mend tries the store again that could not be used at the start, and reports
// whether it can be now.
func (d *daemon) mend(ctx context.Context) bool {
	if d.unopened == nil {
		return false
	}
	s, err := d.writableStore(ctx)
	if err != nil {
		return false
	}
	if err := s.Close(); err != nil {
		d.log.Error("close store", "error", err)
	}
	d.log.Info("the store can be used again", "store", d.cfg.Store.Path)
	d.mended = true
	return true
}

// follow takes over from the daemon before, which has ended: since when the
// memory fails, so that people hear when it is over. A new configuration that
// names another store has to name one that works.
func (d *daemon) follow(old *daemon) {
	if old == nil {
		return
	}
	if d.strict = old.cfg.Store.Path != d.cfg.Store.Path || !old.cfg.Store.On; !d.strict {
		d.failing = old.failing
	}
}

// unwritable says that nobody can write to a file, where that is plain; "" where
// it is not. That its reader may not is no sign: whoever asks for the status
// need not be who watches. It is asked before the file is opened as a database,
// whose locks would go with the closing.
func unwritable(path string) string {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_ = f.Close() // nothing was written
		return ""
	}
	info, statErr := os.Stat(path)
	switch {
	case errors.Is(err, syscall.EROFS):
		return "its file system may only be read"
	case errors.Is(err, fs.ErrPermission) && statErr == nil && info.Mode().Perm()&0o222 == 0:
		return "the file may only be read"
	}
	return ""
}
