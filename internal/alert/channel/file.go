package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"residency/internal/residency"
)

// File appends messages to a file, as one line of JSON each (schema
// NotificationSchema). A message is taken when it is on disk. The file is
// opened anew for each, so that it can be rotated.
type File struct {
	Path string // made with mode 0600 if it is not there; its directory is not
}

// Send appends the line.
func (f File) Send(_ context.Context, n residency.Notification) (string, error) {
	line, err := json.Marshal(notificationOf(n))
	if err != nil {
		return "", never("write alert to %s: %w", f.Path, err)
	}
	at, err := f.add(append(line, '\n'))
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // without the path, which is named here
		}
		return "", fmt.Errorf("write alert to %s: %w", f.Path, err)
	}
	return fmt.Sprintf("written to the file: %d bytes, from byte %d on", len(line)+1, at), nil
}

// add appends a line and waits until it is on disk; it returns where the line
// begins. A part of a line that a full disk or a crash left at the end is
// ended first, so that it spoils one line and not two.
func (f File) add(line []byte) (at int64, err error) {
	_, before := os.Stat(f.Path)
	file, err := os.OpenFile(f.Path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if at = info.Size(); at > 0 && info.Mode().IsRegular() {
		last := make([]byte, 1)
		if _, err := file.ReadAt(last, at-1); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := file.Write(line); err != nil {
		return 0, err
	}
	if info.Mode().IsRegular() {
		err = file.Sync()
	}
	if err == nil && errors.Is(before, fs.ErrNotExist) {
		err = syncDir(filepath.Dir(f.Path))
	}
	return at, err
}

// syncDir puts a new name in a directory on disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// String names the channel.
func (f File) String() string { return "file " + f.Path }
