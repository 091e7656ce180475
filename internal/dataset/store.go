package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"residency/internal/residency"
)

// Store is a directory of data sets. Each set has a directory of its own with
//
//	set.json          what it is, the file in use and the one before
//	<hash>/<file>     the files, by the first half of their SHA-256
//
// set.json alone says what is in use, and it is replaced in one step, after the
// file it names is whole on disk: whoever reads while another process updates
// sees the old set or the new one, and a machine that stops in between has the
// old one. A directory that does not exist is an empty store.
type Store struct{ Dir string }

const (
	setFile   = "set.json"
	setSchema = "residency/data/v1"
	maxSet    = 1 << 20 // bytes of set.json
)

// Sets returns the sets of the store by name. What cannot be read is in the
// error, which joins one a set; the others are returned all the same.
func (s Store) Sets() ([]Set, error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read data directory: %w", err)
	}
	var list []Set
	var errs []error
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		set, err := s.Set(e.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			errs = append(errs, err)
		default:
			list = append(list, set)
		}
	}
	return list, errors.Join(errs...)
}

// Set returns the set of that name. The error is fs.ErrNotExist when the store
// has none.
func (s Store) Set(name string) (Set, error) {
	path := filepath.Join(s.Dir, name, setFile)
	f, err := os.Open(path)
	if err != nil {
		return Set{}, err // "open PATH: cause"
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSet))
	if err != nil {
		return Set{}, err
	}
	var set Set
	if err := json.Unmarshal(text, &set); err != nil {
		return Set{}, fmt.Errorf("read %s: %w", path, err)
	}
	if why := set.problem(name); why != "" {
		return Set{}, fmt.Errorf("read %s: %s", path, why)
	}
	return set, nil
}

// problem says why a set cannot be one of that name, or "".
func (s Set) problem(name string) string {
	switch {
	case s.Schema != setSchema:
		return fmt.Sprintf("schema %q, want %q: another version of this program wrote it", s.Schema, setSchema)
	case s.Name != name:
		return fmt.Sprintf("it is about %q", s.Name)
	case s.Lineage == "" || s.Class == "" || s.Format == "":
		return "lineage, class or format is missing"
	case s.Current == nil:
		return "it names no file"
	}
	for _, v := range []*Version{s.Current, s.Previous} {
		if v != nil && !filepath.IsLocal(filepath.FromSlash(v.File)) {
			return fmt.Sprintf("file %q is outside of its directory", v.File)
		}
	}
	return ""
}

// Path returns where a version of a set is.
func (s Store) Path(set Set, v *Version) string {
	return filepath.Join(s.Dir, set.Name, filepath.FromSlash(v.File))
}

// Dataset returns the identity of a version of a set.
func (s Store) Dataset(set Set, v *Version) residency.Dataset {
	licence := set.Licence
	if set.Attribution != "" {
		licence += "; " + set.Attribution
	}
	return residency.Dataset{
		Name: set.Title, Lineage: set.Lineage, Class: set.Class, Built: v.Built,
		SHA256: v.SHA256, Records: v.Records, Licence: licence, File: s.Path(set, v),
	}
}

// Read returns the bytes of a version, held against its hash.
func (s Store) Read(set Set, v *Version) ([]byte, error) {
	path := s.Path(set, v)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, v.Bytes+1))
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != v.SHA256 {
		return nil, fmt.Errorf("verify %s: it is not the file that was taken: sha256 is %x, want %s", path, sum, v.SHA256)
	}
	return data, nil
}

// Stamp is a text that changes whenever a set of the store does.
func (s Store) Stamp() string {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return ""
	}
	h := sha256.New()
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(s.Dir, e.Name(), setFile)); err == nil {
			fmt.Fprintf(h, "%s %d %d\n", e.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// save writes a set's manifest in one step.
func (s Store) save(set Set) error {
	text, err := json.MarshalIndent(set, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Join(s.Dir, set.Name)
	f, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing to remove
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, setFile)); err != nil {
		return err
	}
	return syncDir(dir)
}

// tempPrefix begins the names of what is not finished.
const tempPrefix = ".new-"

// sweep removes what neither version of a set needs, and what an update that
// was killed left behind. What cannot be removed is only in the way.
func (s Store) sweep(set Set) {
	dir := filepath.Join(s.Dir, set.Name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	keep := map[string]bool{setFile: true}
	for _, v := range []*Version{set.Current, set.Previous} {
		if v != nil {
			keep[strings.SplitN(v.File, "/", 2)[0]] = true
		}
	}
	for _, e := range entries {
		if !keep[e.Name()] {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
