package prefix

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/gaissmai/bart"

	"residency/internal/residency"
)

// Correction is what the user declares about addresses that data gets wrong:
// the prefix may be in the country, whatever is said of it.
type Correction struct {
	Prefix   netip.Prefix
	Country  residency.Country
	Evidence string // path of the file that shows it
	SHA256   string // of that file, in hexadecimal
	Owner    string // who has to keep it true
	Approver string
	Reason   string
	Expires  residency.Date // the last day on which it is in force
	End      time.Time      // the first moment at which it is not
}

// Corrections are all corrections of a configuration. They widen the set of
// possible countries and are no voice, so that they can turn outside into
// unknown and never anything into inside. The zero Corrections has none.
type Corrections struct {
	list  []Correction
	said  []residency.Assertion // of each
	table bart.Table[[]int]     // all of one prefix
}

// NewCorrections makes the corrections usable. A prefix that is no network of
// the public internet is refused, and so is one without a country or an end.
func NewCorrections(list []Correction) (*Corrections, error) {
	c := &Corrections{list: list}
	for i := range list {
		x := &list[i]
		switch {
		case !x.Prefix.IsValid() || x.Prefix != x.Prefix.Masked() || bogon(x.Prefix):
			return nil, fmt.Errorf("correct %s: %s", x.Prefix, NotPublic)
		case !x.Country.Known():
			return nil, fmt.Errorf("correct %s: no country", x.Prefix)
		case x.End.IsZero():
			return nil, fmt.Errorf("correct %s: no last day", x.Prefix)
		}
		c.said = append(c.said, x.assertion())
		c.table.Modify(x.Prefix, func(all []int, _ bool) ([]int, bool) { return append(all, i), false })
	}
	return c, nil
}

func (x *Correction) assertion() residency.Assertion {
	return residency.Assertion{
		Source: "correction", Class: residency.ClassCorrection, Lineage: "correction",
		In: residency.CountriesOf(x.Country), Prefix: x.Prefix,
		Note: fmt.Sprintf("declared by %s, approved by %s, until %s: %s", x.Owner, x.Approver, x.Expires, x.Reason),
		Dataset: &residency.Dataset{
			Name: "correction of " + x.Prefix.String(), Lineage: "correction", Class: residency.ClassCorrection,
			SHA256: x.SHA256, File: x.Evidence, Records: 1,
		},
	}
}

// AssertAt appends every correction of addr that is in force at the time. All
// prefixes around the address speak: were it the longest alone, one more
// correction could take a country out of the set.
func (c *Corrections) AssertAt(addr netip.Addr, at time.Time, into []residency.Assertion) []residency.Assertion {
	if !c.table.Contains(addr) {
		return into
	}
	for _, all := range c.table.Supernets(netip.PrefixFrom(addr, addr.BitLen())) {
		for _, i := range all {
			if at.Before(c.list[i].End) {
				into = append(into, c.said[i])
			}
		}
	}
	return into
}

// Expired returns the corrections that are no longer in force at the time.
func (c *Corrections) Expired(at time.Time) []Correction {
	var list []Correction
	for _, x := range c.list {
		if !at.Before(x.End) {
			list = append(list, x)
		}
	}
	return list
}

// Datasets returns the identity of the evidence of each correction.
func (c *Corrections) Datasets() []residency.Dataset {
	var list []residency.Dataset
	for _, a := range c.said {
		list = append(list, *a.Dataset)
	}
	return list
}

// HashEvidence returns the SHA-256 of a file of evidence, in hexadecimal. An
// empty file shows nothing and is refused.
func HashEvidence(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err // "open PATH: cause"
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("read evidence %s: not a regular file", path)
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	switch {
	case err != nil:
		return "", fmt.Errorf("read evidence %s: %w", filepath.Clean(path), err)
	case n == 0:
		return "", fmt.Errorf("read evidence %s: %w", path, errEmpty)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
