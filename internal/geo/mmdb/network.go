package mmdb

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/oschwald/maxminddb-golang/v2"

	"residency/internal/residency"
)

// ErrNoNetworks says that a database holds no AS numbers.
var ErrNoNetworks = errors.New("holds no AS numbers")

// Networks says which autonomous system announces an address, by a database
// that has its number (GeoLite2-ASN, GeoIP2-ISP and -Enterprise, IPinfo). It is
// a geo.Source whose assertions are shown and have no voice: who announces an
// address is not where it is. Safe for use by several goroutines.
type Networks struct {
	dataset residency.Dataset
	says    residency.Assertion
	reader  *maxminddb.Reader
	paths   networkPaths

	mu    sync.RWMutex
	notes map[uintptr]string // by the offset of the record
}

// networkPaths are where a record has the number and the name of the system.
type networkPaths struct{ number, name []any }

// OpenNetworks reads a database of AS numbers and every record of it. A
// database without any is ErrNoNetworks, found at its first networks.
func OpenNetworks(path, lineage string) (*Networks, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("open %s: no MaxMind-format database, or a truncated one: %w", path, err)
	}
	n := &Networks{reader: reader, notes: map[uintptr]string{}}
	if n.paths, err = sniffNetwork(reader); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	n.dataset = identify(path, data, lineage)
	n.dataset.Class = residency.ClassNetwork
	if reader.Metadata.BuildEpoch != 0 {
		n.dataset.Built = reader.Metadata.BuildTime().UTC()
	}
	if n.dataset.Records, err = walk(reader, n); err != nil {
		return nil, fmt.Errorf("open %s: damaged database: %w", path, err)
	}
	n.says = residency.Assertion{Source: n.dataset.Lineage, Class: residency.ClassNetwork, Lineage: n.dataset.Lineage, Dataset: &n.dataset}
	return n, nil
}

// Dataset returns the identity of the data.
func (n *Networks) Dataset() residency.Dataset { return n.dataset }

// Assert appends which system announces addr.
func (n *Networks) Assert(addr netip.Addr, into []residency.Assertion) []residency.Assertion {
	if n.reader.Metadata.IPVersion == 4 && !addr.Is4() {
		return into
	}
	result := n.reader.Lookup(addr)
	if !result.Found() {
		return into
	}
	note := n.note(result)
	if note == "" {
		return into
	}
	into = append(into, n.says)
	a := &into[len(into)-1]
	a.Note, a.Prefix = note, result.Prefix()
	return into
}

// note returns the words of a record, read once.
func (n *Networks) note(result maxminddb.Result) string {
	n.mu.RLock()
	note, known := n.notes[result.Offset()]
	n.mu.RUnlock()
	if known {
		return note
	}
	if number, name, err := n.paths.of(result); err == nil && number != 0 {
		note = residency.NetworkNote(number, name)
	}
	n.mu.Lock()
	n.notes[result.Offset()] = note
	n.mu.Unlock()
	return note
}

// decode reads a record to see whether it can be read.
func (n *Networks) decode(_ netip.Addr, result maxminddb.Result) (record, error) {
	_, _, err := n.paths.of(result)
	return record{}, err
}

// of returns the number and name in a record; 0 when it has none.
func (p networkPaths) of(result maxminddb.Result) (number uint32, name string, err error) {
	if err := result.DecodePath(&number, p.number...); err != nil {
		var text string // IPinfo writes "AS13335"
		if result.DecodePath(&text, p.number...) != nil {
			return 0, "", err
		}
		digits, _ := strings.CutPrefix(text, "AS")
		parsed, err := strconv.ParseUint(digits, 10, 32)
		if err != nil && text != "" {
			return 0, "", fmt.Errorf("%q is no AS number", text)
		}
		number = uint32(parsed)
	}
	if err := result.DecodePath(&name, p.name...); err != nil {
		return 0, "", err
	}
	return number, name, nil
}

// sniffNetwork finds where the records have the number.
func sniffNetwork(reader *maxminddb.Reader) (networkPaths, error) {
	known := [...]networkPaths{
		{[]any{"autonomous_system_number"}, []any{"autonomous_system_organization"}},
		{[]any{"traits", "autonomous_system_number"}, []any{"traits", "autonomous_system_organization"}},
		{[]any{"asn"}, []any{"as_name"}},
	}
	n := 0
	for result := range reader.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if n++; n > sniffed {
			break
		}
		if err := result.Err(); err != nil {
			return networkPaths{}, fmt.Errorf("damaged database: %w", err)
		}
		if !result.Found() {
			continue
		}
		for _, paths := range known {
			if number, _, err := paths.of(result); err == nil && number != 0 {
				return paths, nil
			}
		}
	}
	return networkPaths{}, fmt.Errorf("a database of type %q %w", reader.Metadata.DatabaseType, ErrNoNetworks)
}
