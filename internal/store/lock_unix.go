//go:build unix

package store

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the file for this process until unlock is called or the
// process ends, however it ends. It does not wait: held is true when another
// has it.
func tryLock(path string) (f *os.File, unlock func(), held bool, err error) {
	f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, false, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, nil, true, nil
		}
		return nil, nil, false, err
	}
	return f, func() { f.Close() }, false, nil // closing it gives the lock back
}

// hintHeld is what to do about a lock that stays: nothing, since it goes with
// its process.
const hintHeld = ""
