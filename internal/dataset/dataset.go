// Package dataset holds the location data that is part of the program, so that
// it works without any file or network: two databases, the prefixes of shared
// edges and of anycast networks, and client subnets for each country.
//
//	files, err := dataset.Embedded()
//	for _, f := range files { ... f.Dataset, f.Data ... }
//
// The files are compressed; what they hold, from whom, of when, under which
// licence and with which hash stands in a manifest. Everything is checked
// against its hash each time it is unpacked. The files are made by the program
// in gen, which an ordinary build does not need.
//
// It also keeps newer files, in a Store, which an Updater fills from the makers
// (Remotes) or from a directory.
package dataset

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"residency/internal/residency"
)

//go:generate go run ./gen -in ../../data -out .

//go:embed data
var files embed.FS

// Format is how the bytes of a file are to be read.
type Format string

const (
	FormatMMDB     Format = "mmdb"     // a MaxMind-format database
	FormatPrefixes Format = "prefixes" // one prefix a line, its owner after a comma
	FormatSubnets  Format = "subnets"  // one country code and prefix a line
)

// Entry is what the manifest says of one file. The hash is of the unpacked
// bytes.
type Entry struct {
	Name        string          `json:"name"`
	Lineage     string          `json:"lineage"`
	Class       residency.Class `json:"class,omitempty"`
	Format      Format          `json:"format"`
	File        string          `json:"file"` // within the program
	Built       time.Time       `json:"built"`
	SHA256      string          `json:"sha256"`
	Bytes       int             `json:"bytes"`
	Records     int             `json:"records"`
	Licence     string          `json:"licence"`
	Attribution string          `json:"attribution,omitempty"`
	Sources     []string        `json:"sources"` // where the data is published
}

// Dataset returns the entry as the identity that assertions carry.
func (e Entry) Dataset() residency.Dataset {
	licence := e.Licence
	if e.Attribution != "" {
		licence += "; " + e.Attribution
	}
	return residency.Dataset{
		Name: e.Name, Lineage: e.Lineage, Class: e.Class, Built: e.Built,
		SHA256: e.SHA256, Records: e.Records, Licence: licence, File: "embedded",
	}
}

// File is one unpacked and verified file. Data must not be changed.
type File struct {
	Entry
	Data []byte
}

// Manifest returns what the program carries, in a fixed order.
func Manifest() ([]Entry, error) {
	text, err := files.ReadFile("data/manifest.json")
	if err != nil {
		return nil, fmt.Errorf("read embedded manifest: %w", err)
	}
	var list []Entry
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("read embedded manifest: %w", err)
	}
	return list, nil
}

// Embedded unpacks and verifies the location data: the databases and the
// vetoes, in the order of the manifest. It takes a few hundredths of a second
// and as much memory as the files are long; call it once.
func Embedded() ([]File, error) {
	entries, err := Manifest()
	if err != nil {
		return nil, err
	}
	var list []File
	for _, e := range entries {
		if e.Format != FormatSubnets {
			list = append(list, File{Entry: e})
		}
	}
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() { list[i].Data, errs[i] = unpack(list[i].Entry) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// unpack decompresses one file and holds it against its hash.
func unpack(e Entry) ([]byte, error) {
	packed, err := files.ReadFile("data/" + e.File)
	if err != nil {
		return nil, fmt.Errorf("read embedded %s: %w", e.Name, err)
	}
	return decompress(e, packed)
}

// maxBytes bounds what a damaged file can unpack to.
const maxBytes = 64 << 20

func decompress(e Entry, packed []byte) ([]byte, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBytes))
	if err != nil {
		return nil, fmt.Errorf("unpack embedded %s: %w", e.Name, err)
	}
	defer r.Close()
	data, err := r.DecodeAll(packed, make([]byte, 0, min(max(e.Bytes, 0), maxBytes)))
	if err != nil {
		return nil, fmt.Errorf("unpack embedded %s: %w", e.Name, err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != e.SHA256 {
		return nil, fmt.Errorf("verify embedded %s: sha256 is %x, the manifest says %s", e.Name, sum, e.SHA256)
	}
	return data, nil
}
