package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrNotThere says that a directory has no file of a source.
var ErrNotThere = errors.New("no file of it in the directory")

// Import takes files from a directory as Update takes them from their makers:
// from another Store, or from files as their makers name them, in the
// directory or one level below, packed or not. A source of which the directory
// has nothing gives a Failed Result with ErrNotThere.
func (u *Updater) Import(ctx context.Context, dir string) []Result {
	found, err := look(dir)
	return u.each(func(r Remote) Result {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return Result{Status: Failed, Err: err}
		}
		return u.into(r, func(temp string, set Set) (candidate, int64, error) { return u.importOne(r, temp, found) })
	})
}

// found is what a directory offers.
type found struct {
	store Store
	sets  map[string]Set
	paths []string // of the files in it and one level below
}

// look lists a directory.
func look(dir string) (found, error) {
	f := found{store: Store{Dir: dir}, sets: map[string]Set{}}
	if info, err := os.Stat(dir); err != nil {
		return f, fmt.Errorf("import: %w", err)
	} else if !info.IsDir() {
		return f, fmt.Errorf("import: %s is not a directory", dir)
	}
	sets, err := f.store.Sets()
	if err != nil {
		return f, fmt.Errorf("import: %w", err)
	}
	for _, s := range sets {
		f.sets[s.Name] = s
	}
	for _, pattern := range []string{"*", filepath.Join("*", "*")} {
		list, err := filepath.Glob(filepath.Join(quoteGlob(dir), pattern))
		if err != nil {
			return f, fmt.Errorf("import: %w", err)
		}
		for _, p := range list {
			if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
				f.paths = append(f.paths, p)
			}
		}
	}
	return f, nil
}

// quoteGlob makes a path mean itself in a pattern.
func quoteGlob(path string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(path)
}

// importOne makes a candidate from what the directory has of one source.
func (u *Updater) importOne(r Remote, temp string, from found) (candidate, int64, error) {
	if set, ok := from.sets[r.Name]; ok {
		return u.fromStore(r, temp, from.store, set)
	}
	c, total := candidate{}, int64(0)
	pack := PackNone
	for i := range r.URLs {
		path, p, err := from.part(r, i)
		if err != nil {
			return c, total, err
		}
		if i > 0 && p != pack {
			return c, total, fmt.Errorf("%s is packed in another way than the other parts", filepath.Base(path))
		}
		pack = p
		r.File = r.fileName(strings.TrimSuffix(path, ".gz"))
		n, modified, err := u.copyIn(path, partPath(temp, i), r.maxBytes())
		if err != nil {
			return c, total, err
		}
		total += n
		c.origins = append(c.origins, Origin{URL: "import " + filepath.Base(path)})
		if modified.After(c.modified) {
			c.modified = modified
		}
	}
	c, err := u.unpackParts(r, c, temp, len(r.URLs), pack)
	return c, total, err
}

// fromStore takes the current file of another store.
func (u *Updater) fromStore(r Remote, temp string, store Store, set Set) (candidate, int64, error) {
	if set.Lineage != r.Lineage || set.Class != r.Class || set.Format != r.Format {
		return candidate{}, 0, fmt.Errorf("the set in the directory is %s of lineage %s, not %s of lineage %s", set.Class, set.Lineage, r.Class, r.Lineage)
	}
	if sum, _, err := hashFile(store.Path(set, set.Current)); err != nil {
		return candidate{}, 0, err
	} else if sum != set.Current.SHA256 {
		return candidate{}, 0, errors.New("the file in the directory is not the one its set.json is about: it was damaged")
	}
	n, _, err := u.copyIn(store.Path(set, set.Current), partPath(temp, 0), r.maxUnpacked())
	if err != nil {
		return candidate{}, n, err
	}
	c := candidate{origins: set.Current.Sources, modified: set.Current.Built, md5: set.Current.MD5}
	c, err = u.unpackParts(r, c, temp, 1, PackNone)
	return c, n, err
}

// part finds the file of one part of a source. Two that fit are refused: it
// would be chance which is taken.
func (f found) part(r Remote, i int) (string, Pack, error) {
	var path string
	var pack Pack
	for _, p := range f.paths {
		got, ok := r.offline(i, filepath.Base(p))
		if !ok {
			continue
		}
		if path != "" {
			return "", "", fmt.Errorf("two files of it in the directory: %s and %s", filepath.Base(path), filepath.Base(p))
		}
		path, pack = p, got
	}
	if path == "" {
		return "", "", ErrNotThere
	}
	return path, pack, nil
}

// copyIn copies a file of at most limit bytes.
func (u *Updater) copyIn(from, to string, limit int64) (int64, time.Time, error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, time.Time{}, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return 0, time.Time{}, err
	}
	if info.Size() > limit {
		return 0, time.Time{}, fmt.Errorf("%s is %d bytes, more than the limit of %d", filepath.Base(from), info.Size(), limit)
	}
	n, err := u.write(io.Reader(in), limit, to, func() {})
	return n, info.ModTime(), err
}
