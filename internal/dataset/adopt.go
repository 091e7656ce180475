package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"residency/internal/residency"
)

// ahead is how far in the future a maker's date may lie: makers in the east
// date their files by their own day.
const ahead = 48 * time.Hour

// candidate is a file that may become the current one of a set.
type candidate struct {
	dir      string // temporary, in the directory of the set; holds the file alone
	file     string // its name
	origins  []Origin
	modified time.Time // when the server says it was changed; zero when it does not
	md5      string
}

// adopt verifies a candidate and makes it the current file of its set. A file
// that is the current one already only renews what the server said of it.
func (u *Updater) adopt(r Remote, set Set, c candidate) (Status, Set, error) {
	path := filepath.Join(c.dir, c.file)
	sum, size, err := hashFile(path)
	if err != nil {
		return Failed, set, err
	}
	now := u.Now().UTC().Truncate(time.Second)
	if cur := set.Current; cur != nil && cur.SHA256 == sum {
		same := *cur
		same.Sources, same.Fetched, same.MD5 = c.origins, now, c.md5
		renewed := set
		renewed.Current = &same
		renewed.describe(r)
		return Unchanged, renewed, u.store().save(renewed)
	}
	// Readers take the file's own date for that of a list which tells none.
	made := madeAt(residency.Dataset{}, c.modified, now)
	if err := os.Chtimes(path, made, made); err != nil {
		return Failed, set, err
	}
	said, err := u.Verify(r.Name, path)
	if err != nil {
		return Failed, set, fmt.Errorf("verify: %w", u.withoutTemp(err, path, r))
	}
	v := Version{
		File: sum[:32] + "/" + c.file, Sources: c.origins, Fetched: now, Built: madeAt(said, c.modified, now),
		SHA256: sum, MD5: c.md5, Bytes: size, Records: said.Records,
	}
	if why := u.doubt(r, set, v, now); why != "" && !u.Force {
		return Failed, set, errors.New(why)
	}
	next := set
	next.describe(r)
	next.Current, next.Previous = &v, set.Current
	if err := u.swap(c, next); err != nil {
		return Failed, set, fmt.Errorf("put in place: %w", err)
	}
	return Updated, next, nil
}

// madeAt is the date of a file: the maker's in it, else when the server says it
// was changed, else now.
func madeAt(said residency.Dataset, modified, now time.Time) time.Time {
	for _, t := range []time.Time{said.Built, modified} {
		if !t.IsZero() {
			return t.UTC()
		}
	}
	return now
}

// doubt says why a file that can be read is still not to be used, or "".
func (u *Updater) doubt(r Remote, set Set, v Version, now time.Time) string {
	cur := set.Current
	switch {
	case v.Built.After(now.Add(ahead)):
		return fmt.Sprintf("it is dated %s, which is in the future: the clock of this machine is wrong, or the file", v.Built.Format(time.DateOnly))
	case cur != nil && v.Built.Before(cur.Built):
		return fmt.Sprintf("it is of %s, older than the one of %s that is here", v.Built.Format(time.DateOnly), cur.Built.Format(time.DateOnly))
	case v.Records < r.Least:
		return fmt.Sprintf("it has %d records, and fewer than %d are taken for half a file", v.Records, r.Least)
	case cur != nil && v.Records < cur.Records/2:
		return fmt.Sprintf("it has %d records, and the one that is here has %d", v.Records, cur.Records)
	}
	return ""
}

// swap puts the file where the set says and then the set in place. Each step
// is durable before the next: a crash leaves the old set, or the new one.
func (u *Updater) swap(c candidate, next Set) error {
	v := next.Current
	path := filepath.Join(c.dir, c.file)
	// Lists without a date of their own are dated by the file system.
	if err := os.Chtimes(path, v.Built, v.Built); err != nil {
		return err
	}
	if err := errors.Join(syncFile(path), syncDir(c.dir)); err != nil {
		return err
	}
	target := filepath.Dir(u.store().Path(next, v))
	if sum, _, err := hashFile(filepath.Join(target, c.file)); err != nil || sum != v.SHA256 {
		if err := os.RemoveAll(target); err != nil {
			return err
		}
		if err := os.Rename(c.dir, target); err != nil {
			return err
		}
	}
	if err := syncDir(filepath.Dir(target)); err != nil {
		return err
	}
	if err := u.store().save(next); err != nil {
		return err
	}
	u.store().sweep(next)
	return nil
}

// hashFile returns the SHA-256 of a file in hexadecimal, and its size.
func hashFile(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
