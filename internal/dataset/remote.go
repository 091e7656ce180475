package dataset

import (
	"path"
	"strings"
	"time"

	"residency/internal/residency"
)

// Formats of files that are kept fresh, besides those of the embedded ones.
const (
	FormatRanges  Format = "ranges"  // a provider's own list, in the provider's own form
	FormatGeofeed Format = "geofeed" // RFC 8805
)

// Remote is a data set that its maker publishes, and how to get it. The zero
// values of Via, Pack, limits and times are useful; Name, Lineage, Class,
// Format, File and URLs are needed.
type Remote struct {
	Name    string // short and fixed: the name of its directory
	Title   string // what people read
	Lineage string
	Class   residency.Class
	Format  Format

	// Provider is whose ranges they are, for FormatRanges and FormatGeofeed.
	Provider string

	// File is the name under which the data is kept, without packing.
	File string

	// URLs are where it is. Several are parts of one list, joined in their
	// order: a list of which one part is missing would be a wrong list.
	URLs []string

	Via    Via    // how URLs lead to the data
	Pack   Pack   // how the data is packed
	Member string // of an archive: the end of the wanted file's name, case ignored

	MaxBytes    int64 // of one download; 64 MiB when zero
	MaxUnpacked int64 // of the data; 256 MiB when zero
	Least       int   // fewer records than this are taken for half a file

	// Account and Key give the credentials; nil: there are none. Key stands
	// for {key} in URLs, and both are the HTTP basic authentication of
	// ViaMaxMind. Neither is ever written to a file or an error.
	Account, Key func() (string, error)
	NeedsKey     bool

	Licence     string
	Attribution string
	Homepage    string

	// Offline are the file names, as patterns of path.Match and case ignored,
	// by which Import knows the parts: one list for each URL.
	Offline [][]string
}

// Via is how a URL leads to the data.
type Via string

const (
	ViaDirect  Via = ""        // it is the data
	ViaMonth   Via = "month"   // {month} in it is a month such as 2026-11, this one or the last
	ViaPage    Via = "page"    // it is a page with a link to the newest file that ends in _YYYYMMDD.json
	ViaMaxMind Via = "maxmind" // it is the base of the geoipupdate protocol; Member names the edition
)

// Pack is how data is packed.
type Pack string

const (
	PackNone  Pack = ""
	PackGzip  Pack = "gzip"
	PackZip   Pack = "zip"
	PackTarGz Pack = "tar.gz"
)

const (
	defaultMaxBytes    = 64 << 20
	defaultMaxUnpacked = 256 << 20
)

func (r Remote) maxBytes() int64 {
	if r.MaxBytes > 0 {
		return r.MaxBytes
	}
	return defaultMaxBytes
}

func (r Remote) maxUnpacked() int64 {
	if r.MaxUnpacked > 0 {
		return r.MaxUnpacked
	}
	return defaultMaxUnpacked
}

// offline reports whether a file of that name is the part of the remote, and
// how it is packed.
func (r Remote) offline(part int, name string) (Pack, bool) {
	if part >= len(r.Offline) {
		return "", false
	}
	name = strings.ToLower(name)
	for _, ext := range []string{".tar.gz", ".gz", ".zip", ""} {
		bare, ok := strings.CutSuffix(name, ext)
		if !ok {
			continue
		}
		for _, pattern := range r.Offline[part] {
			if fits, err := path.Match(strings.ToLower(pattern), bare); err == nil && fits {
				return map[string]Pack{".gz": PackGzip, ".zip": PackZip, ".tar.gz": PackTarGz}[ext], true
			}
		}
	}
	return "", false
}

// Version is one file of a data set, as it was taken.
type Version struct {
	File    string    `json:"file"` // relative to the directory of the set, with a slash
	Sources []Origin  `json:"sources"`
	Fetched time.Time `json:"fetched"`
	Built   time.Time `json:"built"` // the maker's date; of lists without one, when it was last changed or else fetched
	SHA256  string    `json:"sha256"`
	MD5     string    `json:"md5,omitempty"` // where the maker publishes it
	Bytes   int64     `json:"bytes"`
	Records int       `json:"records"`
}

// Origin is where a part of a file came from, with what the server needs to
// say that it has not changed (RFC 9110 section 13).
type Origin struct {
	URL          string `json:"url"` // without secrets; of an import the name of the file
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
}

// Set is a data set in a Store: what it is, the file in use and the one before.
type Set struct {
	Schema      string          `json:"schema"`
	Name        string          `json:"name"`
	Title       string          `json:"title"`
	Lineage     string          `json:"lineage"`
	Class       residency.Class `json:"class"`
	Format      Format          `json:"format"`
	Provider    string          `json:"provider,omitempty"`
	Licence     string          `json:"licence"`
	Attribution string          `json:"attribution,omitempty"`
	Current     *Version        `json:"current"`
	Previous    *Version        `json:"previous,omitempty"`
}

// describe copies what a remote says of itself, so that a set tells it without
// the program that fetched it.
func (s *Set) describe(r Remote) {
	s.Schema, s.Name, s.Title, s.Lineage, s.Class = setSchema, r.Name, r.Title, r.Lineage, r.Class
	s.Format, s.Provider, s.Licence, s.Attribution = r.Format, r.Provider, r.Licence, r.Attribution
}
