//go:build unix

package dataset

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile takes the file for this process until unlock is called or the
// process ends. It does not wait: a second update has nothing to add.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock data directory: another update is under way (%s)", path)
		}
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return func() { f.Close() }, nil // closing it gives the lock back
}
