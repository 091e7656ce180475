// Package prefix says where an address is by lists of prefixes: cloud
// providers' own lists of their ranges, and lists of networks that are in no
// one place (shared edges, anycast), which veto.
//
//	aws, err := prefix.OpenAWS("ip-ranges.json")
//	said = aws.Assert(addr, said) // by the longest matching prefix
//
// It does not download anything, and it never guesses: a region that the
// region table does not know gives an assertion without a country. Sources may
// be used by many goroutines.
package prefix

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/gaissmai/bart"

	"residency/internal/residency"
)

// MaxFileSize is the largest list that is read, in bytes. The largest that is
// published is a few megabytes.
const MaxFileSize = 64 << 20

// Source is one list of prefixes.
type Source struct {
	name    string
	dataset residency.Dataset
	table   bart.Table[[]residency.Assertion] // what to say of the longest match
	skipped int
}

// Name returns the short name of the source.
func (s *Source) Name() string { return s.name }

// Dataset returns the identity of the list.
func (s *Source) Dataset() residency.Dataset { return s.dataset }

// Skipped returns how many entries of the list are not used because their
// prefix is no part of the public internet.
func (s *Source) Skipped() int { return s.skipped }

// Assert appends what the list says about addr by its longest matching prefix.
func (s *Source) Assert(addr netip.Addr, into []residency.Assertion) []residency.Assertion {
	said, ok := s.table.Lookup(addr)
	if !ok {
		return into
	}
	return append(into, said...)
}

// readFile reads a regular file of at most MaxFileSize bytes.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // "open PATH: cause"
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("open %s: a directory, not a list of ranges", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("open %s: not a regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, err // "read PATH: cause"
	}
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("open %s: more than the limit of %d bytes", path, MaxFileSize)
	}
	return data, nil
}

// parsePrefix reads a prefix as a list must have it: with a length and no host
// bits set. Mapped (::ffff:) prefixes are refused, because a lookup would miss
// them.
func parsePrefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is no prefix", text)
	case p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is a mapped IPv4 prefix", text)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has host bits set: %s is meant, or another", text, p.Masked())
	}
	return p, nil
}

// bogon reports whether a prefix cannot be a network on the public internet.
// Real lists have such entries by mistake, and a prefix that covers half of the
// world (0.0.0.0/0) would speak for everybody.
func bogon(p netip.Prefix) bool {
	a := p.Addr()
	if a.Is4() {
		return p.Bits() < 8 || !a.IsGlobalUnicast() || a.IsPrivate() || a.As4()[0] == 0 || a.As4()[0] >= 240
	}
	return p.Bits() < 16 || a.As16()[0]&0xe0 != 0x20
}

var errEmpty = errors.New("empty file")
