//go:build !unix

package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// lockFile takes the file for this process until unlock is called. A process
// that is killed leaves the file behind, and a person has to remove it.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("lock data directory: another update is under way, or was killed; in that case remove %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return func() { f.Close(); os.Remove(path) }, nil
}
