package mmdb

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"

	"residency/internal/residency"
)

// MaxFileSize is the largest database that is read, in bytes. The largest that
// is sold with countries is below it.
const MaxFileSize = 1 << 30

// Open reads the MaxMind-format database at path. The lineage names whose data
// it is ("maxmind", "dbip", ...); "" takes it from the metadata or the file's
// name, and it is an error when neither tells, because a copy of data that
// already speaks must not count as a second voice.
func Open(path, lineage string) (*Source, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	s, err := open(path, data, identify(path, data, lineage))
	if err != nil {
		return nil, err
	}
	if s.dataset.Records, err = walk(s.reader, s.records); err != nil {
		return nil, fmt.Errorf("open %s: damaged database: %w", path, err)
	}
	return s, nil
}

// identify says which file it is.
func identify(path string, data []byte, lineage string) residency.Dataset {
	sum := sha256.Sum256(data)
	return residency.Dataset{Name: filepath.Base(path), Lineage: lineage, SHA256: hex.EncodeToString(sum[:]), File: path}
}

// read reads a regular file of at most MaxFileSize bytes.
func read(path string) ([]byte, error) {
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
		return nil, fmt.Errorf("open %s: a directory, not a database", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("open %s: not a regular file", path)
	case info.Size() == 0:
		return nil, fmt.Errorf("open %s: empty file", path)
	case info.Size() > MaxFileSize:
		return nil, fmt.Errorf("open %s: %d bytes, more than the limit of %d", path, info.Size(), MaxFileSize)
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

// FromBytes opens a database that is in memory and known to be whole, such as
// an embedded one whose hash was verified: it is not walked through. The
// identity is the caller's; where it has no lineage or date they come from the
// metadata. data is not copied and must not be changed.
func FromBytes(data []byte, identity residency.Dataset) (*Source, error) {
	name := identity.File
	if name == "" || name == "embedded" {
		name = identity.Name
	}
	return open(name, data, identity)
}

func open(name string, data []byte, identity residency.Dataset) (*Source, error) {
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("open %s: no MaxMind-format database, or a truncated one: %w", name, err)
	}
	meta := reader.Metadata
	if identity.Lineage == "" {
		if identity.Lineage = lineageOf(meta, name); identity.Lineage == "" {
			return nil, fmt.Errorf("open %s: cannot tell whose data it is (type %q): name its lineage", name, meta.DatabaseType)
		}
	}
	records, err := schema(data, reader)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	if identity.Built.IsZero() && meta.BuildEpoch != 0 {
		identity.Built = meta.BuildTime().UTC()
	}
	identity.Class = residency.ClassDatabase
	s := &Source{name: identity.Lineage, dataset: identity, reader: reader, tree: plant(data, meta), records: records}
	s.says = residency.Assertion{Source: s.name, Class: residency.ClassDatabase, Lineage: identity.Lineage, Dataset: &s.dataset}
	return s, nil
}

// schema finds out how to read a country from the records.
func schema(data []byte, reader *maxminddb.Reader) (decoder, error) {
	known, err := geoip2.OpenBytes(data)
	var unknown geoip2.UnknownDatabaseTypeError
	switch {
	case errors.As(err, &unknown):
		return sniff(reader)
	case err != nil:
		return nil, err
	}
	var wrong geoip2.InvalidMethodError
	if _, err := known.Country(netip.IPv4Unspecified()); errors.As(err, &wrong) {
		return nil, noCountry(reader)
	}
	return byType{known}, nil
}

// ErrNoCountries says that a database is sound and about something else.
var ErrNoCountries = errors.New("holds no countries")

func noCountry(reader *maxminddb.Reader) error {
	return fmt.Errorf("a database of type %q %w", reader.Metadata.DatabaseType, ErrNoCountries)
}

// sniffed is how many networks, empty ones included, are looked at to find the
// country: enough to pass those at the start that have none.
const sniffed = 20_000

// sniff finds the path to the country code in the records of a type that
// geoip2 does not know.
func sniff(reader *maxminddb.Reader) (decoder, error) {
	paths := [...][]any{
		{"country", "iso_code"}, // nested, as MaxMind
		{"country_code"},        // flat: ip-location-db, IPinfo Lite
		{"country"},             // flat: older IPinfo files
	}
	n := 0
	for result := range reader.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if n++; n > sniffed {
			break
		}
		if err := result.Err(); err != nil {
			return nil, fmt.Errorf("damaged database: %w", err)
		}
		if !result.Found() {
			continue
		}
		for _, path := range paths {
			var code string
			if err := result.DecodePath(&code, path...); err != nil {
				continue // another type stands there: not this path
			}
			if _, ok := residency.ParseCountry(code); ok {
				return byPath{path}, nil
			}
		}
	}
	return nil, noCountry(reader)
}

// walk goes through every network and reads every record once, so that damage is found when the file is opened and not in the middle of a run. It
// returns the number of networks. (The library's own Verify refuses sound
// databases that have no description.)
func walk(reader *maxminddb.Reader, records decoder) (int, error) {
	leaves, n, seen := 0, 0, make(map[uintptr]struct{}, 512)
	// Empty networks are asked for too: every way down the tree then ends in
	// this loop, and a tree that goes round in circles is noticed.
	for result := range reader.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if err := result.Err(); err != nil {
			return 0, err
		}
		if leaves++; leaves > maxLeaves(reader) {
			return 0, errors.New("the search tree has a loop")
		}
		if !result.Found() {
			continue
		}
		n++
		if _, ok := seen[result.Offset()]; ok {
			continue
		}
		seen[result.Offset()] = struct{}{}
		if _, err := records.decode(result.Prefix().Addr(), result); err != nil {
			return 0, fmt.Errorf("record of %s: %w", result.Prefix(), err)
		}
	}
	if n == 0 {
		return 0, errors.New("no networks in it")
	}
	return n, nil
}

// maxLeaves is more than any sound tree has: a tree of n nodes has n+1 leaves,
// and writers that share equal subtrees have not been seen to share many.
func maxLeaves(reader *maxminddb.Reader) int {
	return 16 * (int(reader.Metadata.NodeCount) + 1)
}

// makers are the words by which a maker is known, in database types,
// descriptions and file names. The order matters: the files of ip-location-db
// carry the maker's name in theirs.
var makers = [...]struct{ word, lineage string }{
	{"geo-whois-asn", "geo-whois-asn"},
	{"geolite2", "maxmind"},
	{"geoip2", "maxmind"},
	{"geoip-", "maxmind"},
	{"maxmind", "maxmind"},
	{"dbip", "dbip"},
	{"db-ip", "dbip"},
	{"ipinfo", "ipinfo"},
	{"ip2location", "ip2location"},
	{"ip2lite", "ip2location"},
	{"iptoasn", "iptoasn"},
	{"asn-country", "asn-country"},
	{"ipfire", "ipfire"},
	{"libloc", "ipfire"},
}

// lineageOf tells whose data a database is: by its type, else its description,
// else its file name; "" if none tells. The description comes second because
// some makers name there what they are compatible with.
func lineageOf(meta maxminddb.Metadata, name string) string {
	for _, text := range [...]string{meta.DatabaseType, meta.Description["en"], filepath.Base(name)} {
		text = strings.ToLower(text)
		for _, m := range makers {
			if strings.Contains(text, m.word) {
				return m.lineage
			}
		}
	}
	return ""
}
