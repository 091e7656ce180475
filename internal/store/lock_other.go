//go:build !unix

package store

import (
	"errors"
	"io/fs"
	"os"
)

// tryLock takes the file for this process until unlock is called. A process
// that is killed leaves the file behind, and a person has to remove it.
func tryLock(path string) (f *os.File, unlock func(), held bool, err error) {
	f, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, nil, true, nil
	}
	if err != nil {
		return nil, nil, false, err
	}
	return f, func() { f.Close(); os.Remove(path) }, false, nil
}

// hintHeld is what to do about a lock whose process was killed.
const hintHeld = "if that process was killed, remove the file"
