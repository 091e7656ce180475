package prefix

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"residency/internal/residency"
)

// MaxFileSize is the largest list that is read, in bytes. The largest that is
// published, a registry's, is about twenty megabytes.
const MaxFileSize = 64 << 20

var errEmpty = errors.New("empty file")

// file is a list as it was found.
type file struct {
	name    string    // as errors and the identity have it
	changed time.Time // its date by others; zero if not known
	data    []byte
}

// openFile reads a regular file of at most MaxFileSize bytes. When the file was
// written says nothing: copies are as old as what they are copies of.
func openFile(path string, built time.Time) (file, error) {
	f, err := os.Open(path)
	if err != nil {
		return file{}, err // "open PATH: cause"
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return file{}, err
	case info.IsDir():
		return file{}, fmt.Errorf("open %s: a directory, not a list", path)
	case !info.Mode().IsRegular():
		return file{}, fmt.Errorf("open %s: not a regular file", path)
	case info.Size() > MaxFileSize:
		return file{}, fmt.Errorf("open %s: %d bytes, more than the limit of %d", path, info.Size(), MaxFileSize)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return file{}, err // "read PATH: cause"
	}
	if len(data) > MaxFileSize {
		return file{}, fmt.Errorf("open %s: more than the limit of %d bytes", path, MaxFileSize)
	}
	return file{name: path, changed: built, data: data}, nil
}

// identity says which data it is, as it was loaded. The date in the data goes
// before the one given for it; without either the data counts as old.
func (f file) identity(lineage string, class residency.Class, built time.Time, licence string) residency.Dataset {
	if built.IsZero() {
		built = f.changed
	}
	sum := sha256.Sum256(f.data)
	return residency.Dataset{
		Name: filepath.Base(f.name), Lineage: lineage, Class: class, Built: built,
		SHA256: hex.EncodeToString(sum[:]), Licence: licence, File: f.name,
	}
}

// text returns the text of a list, without a byte order mark, or says why it
// can be no list at all.
func (f file) text() ([]byte, error) {
	data := f.data
	trimmed := bytes.TrimSpace(data)
	switch {
	case len(trimmed) == 0:
		return nil, errEmpty
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return nil, errors.New("UTF-16 text: save it as UTF-8")
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}), bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return nil, errors.New("a compressed file: unpack it first")
	case bytes.IndexByte(data, 0) >= 0:
		return nil, errors.New("NUL bytes in it: damaged, or no UTF-8 text")
	case trimmed[0] == '<':
		return nil, errors.New("a web page, not a list")
	}
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), nil
}

// decode reads JSON as a provider publishes it.
func (f file) decode(into any) error {
	data, err := f.text()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("not the JSON that is published, or half of it: %w", err)
	}
	return nil
}

// isoDay is a date such as 2025-07-24 or 20250724.
var isoDay = regexp.MustCompile(`\b(20\d\d)-?(0[1-9]|1[0-2])-?([0-2]\d|3[01])`)

// dayIn returns the first date in a text; the zero time if there is none.
func dayIn(text string) time.Time {
	m := isoDay.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}
	}
	day, err := time.Parse("20060102", m[1]+m[2]+m[3])
	if err != nil {
		return time.Time{} // 31 February
	}
	return day
}

// parsePrefix reads a prefix as a list must have it: with a length and no host
// bits set. Mapped (::ffff:) prefixes are refused, because a lookup would miss
// them.
func parsePrefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is no prefix", clip(text))
	case p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is a mapped IPv4 prefix", text)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has host bits set: %s is meant, or another", text, p.Masked())
	}
	return p, nil
}

// reserved are blocks that real lists have by mistake and that bogon does not
// know by their form (RFC 6890 and its successors).
var reserved = [...]netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("3fff::/20"),
}

// NotPublic is why an entry is skipped that is reserved, private, or so large
// that it would speak for everybody.
const NotPublic = "not a network of the public internet"

// bogon reports whether a prefix cannot be a network on the public internet.
// Real lists have such entries by mistake, and a prefix that covers half of the
// world (0.0.0.0/0) would speak for everybody.
func bogon(p netip.Prefix) bool {
	a := p.Addr()
	for _, r := range reserved {
		if r.Bits() <= p.Bits() && r.Contains(a) {
			return true
		}
	}
	if a.Is4() {
		return p.Bits() < 8 || !a.IsGlobalUnicast() || a.IsPrivate() || a.As4()[0] == 0 || a.As4()[0] >= 240
	}
	return p.Bits() < 16 || a.As16()[0]&0xe0 != 0x20
}
