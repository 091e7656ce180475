package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Bounds on what is read.
const (
	maxFile  = 16 << 20  // bytes of one file
	maxTotal = 256 << 20 // bytes of all files
	maxFiles = 10_000
	maxDepth = 8 // of files that include files, and of sets that name sets
)

// files is what Load needs of a file system. Paths are those of the operating
// system. An error says in a few words what is wrong, without the path.
type files interface {
	// read returns the contents of a file of at most limit bytes. Anything
	// but a regular file is refused unless pipes are allowed.
	read(path string, limit int64, pipes bool) ([]byte, error)
	// glob returns the paths that match the pattern, sorted.
	glob(pattern string) ([]string, error)
}

// disk is the machine's file system.
type disk struct{}

// read looks at the size before it reads, so that a sparse file of two
// gigabytes is refused at once, and counts while it reads, because a file can
// grow and a pipe has no size.
func (disk) read(path string, limit int64, pipes bool) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, bare(err)
	}
	switch {
	case info.IsDir():
		return nil, errors.New("is a directory, not a file")
	case !info.Mode().IsRegular() && !pipes:
		return nil, errors.New("is not a regular file")
	case info.Size() > limit:
		return nil, tooLarge(info.Size(), limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, bare(err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge(int64(len(data)), limit)
	}
	return data, nil
}

func (disk) glob(pattern string) ([]string, error) {
	paths, err := filepath.Glob(pattern)
	slices.Sort(paths)
	return paths, err
}

func tooLarge(size, limit int64) error {
	return fmt.Errorf("is too large: %s, and %s is the most", byteText(size), byteText(limit))
}

// byteText writes a size for people.
func byteText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}

// bare takes the path out of a file error: the message names it already.
func bare(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("permission denied")
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// beside returns the path of a file named in another, relative to it.
func beside(of, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(filepath.Dir(of), path)
}
