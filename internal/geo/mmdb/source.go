// Package mmdb says where an address is by MaxMind-format databases, and by
// the IP2Location LITE data that is part of a Go module.
//
//	s, err := mmdb.Open("GeoLite2-Country.mmdb", "") // lineage from the metadata
//	said = s.Assert(addr, said)
//
// It reads the `country` of a record, where the address is used, and never
// `registered_country`, to whom it was given. A code that is not exactly an
// ISO 3166-1 one becomes no assertion, and is counted.
//
// A file is read into memory once, hashed and walked through before it is used:
// what speaks is what was hashed, whatever happens to the file later. Sources
// may be used by many goroutines.
package mmdb

import (
	"net/netip"
	"sync/atomic"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"

	"residency/internal/residency"
)

// Source is one opened database.
type Source struct {
	name    string
	dataset residency.Dataset
	reader  *maxminddb.Reader
	tree    *tree
	records decoder
	counts  counters

	says residency.Assertion // what is the same in every assertion

	// known maps a pointer of the tree to what its record says. Country databases
	// have a few hundred records for a million networks, so nearly every
	// lookup ends here. It is direct-mapped and fixed in size: no lock, and no
	// growth with databases that have a record for each city.
	known [1 << cacheBits]atomic.Uint64
}

const cacheBits = 13

// Counts says how often a source had no answer, and why. Answers are not
// counted: counting them would make every core wait for every other.
type Counts struct {
	Unanswered uint64 // has no record, or one without a country
	BadCode    uint64 // has a code that is no ISO 3166-1 country
	Damaged    uint64 // the record could not be read
}

type counters struct{ unanswered, badCode, damaged atomic.Uint64 }

func (c *counters) counts() Counts {
	return Counts{c.unanswered.Load(), c.badCode.Load(), c.damaged.Load()}
}

// Name returns the short name of the source: its lineage, or what it was
// called when it was opened.
func (s *Source) Name() string { return s.name }

// Dataset returns the identity of the data.
func (s *Source) Dataset() residency.Dataset { return s.dataset }

// Counts returns how often the source had no answer so far.
func (s *Source) Counts() Counts { return s.counts.counts() }

// Assert appends what the database says about addr: its country, and a veto
// when the maker marks the network as anycast.
func (s *Source) Assert(addr netip.Addr, into []residency.Assertion) []residency.Assertion {
	if s.reader.Metadata.IPVersion == 4 && !addr.Is4() {
		s.counts.unanswered.Add(1)
		return into
	}
	rec, prefix, found := s.lookup(addr)
	if !found {
		return into
	}
	if rec.failed() {
		s.count(rec)
		return into
	}
	if rec.country.Known() {
		into = append(into, s.says)
		a := &into[len(into)-1]
		a.In, a.Prefix = residency.CountriesOf(rec.country), prefix
	}
	if rec.flags&flagAnycast != 0 {
		into = append(into, s.says)
		a := &into[len(into)-1]
		a.Class, a.Note, a.Prefix = residency.ClassAnycast, "marked as anycast by the database", prefix
	}
	return into
}

// lookup returns the record of addr and the prefix it is for. What it does not
// find it has counted.
func (s *Source) lookup(addr netip.Addr) (record, netip.Prefix, bool) {
	if pointer, bits, ok := s.tree.find(addr); ok {
		if pointer == 0 {
			s.counts.unanswered.Add(1)
			return record{}, netip.Prefix{}, false
		}
		if rec, ok := s.remembered(pointer); ok {
			prefix, _ := addr.Prefix(bits)
			return rec, prefix, true
		}
		rec, prefix, found := s.ask(addr)
		if found {
			s.slot(pointer).Store(rec.pack(pointer))
		}
		return rec, prefix, found
	}
	return s.ask(addr)
}

// ask has the library look addr up.
func (s *Source) ask(addr netip.Addr) (record, netip.Prefix, bool) {
	result := s.reader.Lookup(addr)
	if !result.Found() {
		s.countMiss(result.Err())
		return record{}, netip.Prefix{}, false
	}
	rec, err := s.records.decode(addr, result)
	if err != nil {
		rec = record{flags: flagDamaged}
	}
	return rec, result.Prefix(), true
}

func (s *Source) countMiss(err error) {
	if err != nil {
		s.counts.damaged.Add(1)
		return
	}
	s.counts.unanswered.Add(1)
}

func (s *Source) count(rec record) {
	switch {
	case rec.flags&flagDamaged != 0:
		s.counts.damaged.Add(1)
	case rec.flags&flagBadCode != 0:
		s.counts.badCode.Add(1)
	default:
		s.counts.unanswered.Add(1)
	}
}

// record is what one record of the database says.
type record struct {
	country residency.Country
	flags   uint8
}

const (
	flagUsed    = 1 << iota // the cache slot has a record
	flagAnycast             // the network is announced from many places
	flagBadCode             // the code is no country
	flagDamaged             // the record could not be read
)

// failed reports whether the record gives no assertion.
func (r record) failed() bool { return !r.country.Known() && r.flags&flagAnycast == 0 }

// pack puts a record and the pointer to it into one word, so that a cache slot
// can be read and written without a lock.
func (r record) pack(pointer uint32) uint64 {
	return uint64(pointer)<<16 | uint64(r.flags|flagUsed)<<8 | uint64(r.country)
}

// slot returns the place in the cache for what a pointer of the tree leads to.
func (s *Source) slot(pointer uint32) *atomic.Uint64 {
	return &s.known[pointer*2654435769>>(32-cacheBits)]
}

// remembered returns what a pointer leads to, if it is in the cache.
func (s *Source) remembered(pointer uint32) (record, bool) {
	v := s.slot(pointer).Load()
	return record{residency.Country(v), uint8(v >> 8)}, v != 0 && uint32(v>>16) == pointer
}

// decoder reads one record of a schema.
type decoder interface {
	decode(addr netip.Addr, result maxminddb.Result) (record, error)
}

// byType reads the records of the types that geoip2 knows.
type byType struct{ reader *geoip2.Reader }

func (d byType) decode(addr netip.Addr, _ maxminddb.Result) (record, error) {
	c, err := d.reader.Country(addr)
	if err != nil {
		return record{}, err
	}
	rec := parse(c.Country.ISOCode)
	if c.Traits.IsAnycast {
		rec.flags |= flagAnycast
	}
	return rec, nil
}

// byPath reads the records of any other type: path leads to the country code.
type byPath struct{ path []any }

func (d byPath) decode(_ netip.Addr, result maxminddb.Result) (record, error) {
	var code string
	if err := result.DecodePath(&code, d.path...); err != nil {
		return record{}, err
	}
	return parse(code), nil
}

// parse makes a record of a country code; "" is a record without a country.
func parse(code string) record {
	c, ok := residency.ParseCountry(code)
	if !ok && code != "" {
		return record{flags: flagBadCode}
	}
	return record{country: c}
}
