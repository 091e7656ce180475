package dataset

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// unpackParts unpacks the parts that lie in dir and joins them to the file of
// the remote, alone in a directory below.
func (u *Updater) unpackParts(r Remote, c candidate, dir string, n int, pack Pack) (candidate, error) {
	c.dir, c.file = filepath.Join(dir, "whole"), r.File
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		return c, err
	}
	path := filepath.Join(c.dir, c.file)
	create := u.create
	if create == nil {
		create = func(path string) (file, error) { return os.Create(path) }
	}
	out, err := create(path)
	if err != nil {
		return c, err
	}
	room := &bounded{w: out, left: r.maxUnpacked(), limit: r.maxUnpacked()}
	for i := range n {
		if err = onePart(room, partPath(dir, i), pack, r.Member); err != nil {
			break
		}
		if i+1 < n && room.last != '\n' { // parts are lists: a line ends with its part
			if _, err = room.Write([]byte("\n")); err != nil {
				break
			}
		}
	}
	if err = hideTemp(errors.Join(err, out.Close()), path); err != nil {
		return c, fmt.Errorf("unpack: %w", err)
	}
	return c, notAPage(path)
}

// onePart unpacks one part.
func onePart(out io.Writer, path string, pack Pack, member string) error {
	if err := notAPage(path); err != nil {
		return err
	}
	return extract(out, path, pack, member)
}

// bounded is a file that does not grow over its limit.
type bounded struct {
	w           io.Writer
	left, limit int64
	last        byte
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		return 0, fmt.Errorf("it unpacks to more than the limit of %d bytes", b.limit)
	}
	n, err := b.w.Write(p)
	b.left -= int64(n)
	if n > 0 {
		b.last = p[n-1]
	}
	return n, err
}

// extract writes what is packed in the file at path.
func extract(out io.Writer, path string, pack Pack, member string) error {
	switch pack {
	case PackZip:
		return extractZip(out, path, member)
	case PackNone, PackGzip, PackTarGz:
	default:
		return fmt.Errorf("unknown packing %q", pack)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if pack == PackNone {
		_, err := io.Copy(out, f)
		return err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("not gzip, or half of it: %w", err)
	}
	if pack == PackTarGz {
		return extractTar(out, z, member)
	}
	return copyPacked(out, z)
}

// copyPacked copies to the end, where the packing has its checksum.
func copyPacked(out io.Writer, in io.Reader) error {
	_, err := io.Copy(out, in)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, zip.ErrChecksum) {
		return fmt.Errorf("it is damaged, or half a file: %w", err)
	}
	return err
}

// maxMembers bounds how long an archive is looked through.
const maxMembers = 1000

// extractTar writes the one member whose name ends as wanted, and reads to the
// end of the archive, where gzip has its checksum.
func extractTar(out io.Writer, z io.Reader, member string) error {
	t := tar.NewReader(io.LimitReader(z, defaultMaxUnpacked*4))
	found := false
	for range maxMembers {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			if !found {
				return fmt.Errorf("no %s in the archive", member)
			}
			return copyPacked(io.Discard, io.LimitReader(z, 1<<20))
		}
		if err != nil {
			return fmt.Errorf("it is damaged, or half a file: %w", err)
		}
		if h.Typeflag != tar.TypeReg || !wanted(h.Name, member) {
			continue
		}
		if found {
			return fmt.Errorf("two %s in the archive", member)
		}
		found = true
		if err := copyPacked(out, t); err != nil {
			return err
		}
	}
	return errors.New("too many files in the archive")
}

// extractZip writes the one member whose name ends as wanted.
func extractZip(out io.Writer, path, member string) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return fmt.Errorf("not zip, or half of it: %w", hideTemp(err, path))
	}
	defer z.Close()
	var one *zip.File
	for _, f := range z.File {
		switch {
		case !wanted(f.Name, member) || f.FileInfo().IsDir():
		case one != nil:
			return fmt.Errorf("two %s in the archive", member)
		default:
			one = f
		}
	}
	if one == nil {
		return fmt.Errorf("no %s in the archive", member)
	}
	in, err := one.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	return copyPacked(out, in)
}

// wanted reports whether a member of an archive is the file that is looked for.
// Its name is used for nothing else, so that it may be any name.
func wanted(name, member string) bool {
	base := name[strings.LastIndexAny(name, `/\`)+1:]
	return strings.HasSuffix(strings.ToLower(base), strings.ToLower(member)) && !strings.HasPrefix(base, ".")
}
