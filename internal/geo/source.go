// Package geo weighs what sources say about an address into one location: the
// set of countries in which the address can be, and why. It reads no file and
// opens no socket; the sources are handed in, and the fusion is a pure function.
//
//	l := &geo.Locator{Sources: []geo.Source{dbip, ip2location, edges}}
//	loc := l.Locate(netip.MustParseAddr("192.0.2.1"), at)
//
// It does not say whether a location is allowed (package policy does), and it
// does not guess: where sources differ the set has every country named, and
// where none speaks it is empty, which means "not known".
//
// A Locator may be used by many goroutines when its sources may.
package geo

import (
	"net/netip"
	"time"

	"residency/internal/residency"
)

// Source is one thing that can say where an address is.
type Source interface {
	// Assert appends what the source says about addr to into and returns it; a
	// source that knows nothing appends nothing. The address is never a mapped
	// (::ffff:) one and has no zone. Assert does not fail: a source that cannot
	// be read is not a Source, and damage found later counts as silence. It may
	// be called by many goroutines.
	Assert(addr netip.Addr, into []residency.Assertion) []residency.Assertion
}

// Corrections are what the user declares about addresses that data gets wrong.
type Corrections interface {
	// AssertAt appends the corrections of addr that are in force at the given
	// time, each of class residency.ClassCorrection. The rest of the contract is
	// that of Source.Assert.
	AssertAt(addr netip.Addr, at time.Time, into []residency.Assertion) []residency.Assertion
}

// DefaultMaxAge is how old a data set may be, at the time of the look, to
// speak for inside.
const DefaultMaxAge = 365 * 24 * time.Hour

// Locator locates addresses with a list of sources.
type Locator struct {
	Sources     []Source
	Corrections Corrections   // nil: none
	Missing     []string      // names of configured sources that could not be loaded
	MaxAge      time.Duration // 0: DefaultMaxAge
}

// Locate says where addr is, judged at the given time: data built more than
// MaxAge before it is marked stale. Special-purpose addresses are never asked
// about. An address that carries an IPv4 address for a translator (RFC 6052,
// 64:ff9b::/96) is located as that IPv4 address.
func (l *Locator) Locate(addr netip.Addr, at time.Time) residency.Location {
	loc := residency.Location{
		Assertions: make([]residency.Assertion, 0, min(len(l.Sources), usual)),
		Voices:     make([]residency.Voice, 0, usual),
	}
	l.LocateInto(&loc, addr, at)
	return loc
}

// usual is how many sources have something to say of an address: three
// lineages, and a range or a veto. Locations are kept, so room costs.
const usual = 4

// LocateInto is Locate for bulk: it overwrites loc and uses the memory of its
// Assertions and Voices again, so that nothing is allocated once they are large
// enough. Who keeps a location, or a part of one, must use Locate.
func (l *Locator) LocateInto(loc *residency.Location, addr netip.Addr, at time.Time) {
	addr = addr.Unmap().WithZone("")
	*loc = residency.Location{Address: addr, Assertions: loc.Assertions[:0], Voices: loc.Voices[:0], Missing: l.Missing}
	place := locatable(addr)
	if !place.IsValid() {
		fuse(loc, addr.IsValid())
		return
	}
	said := loc.Assertions
	for _, s := range l.Sources {
		said = s.Assert(place, said)
	}
	oldest := at.Add(-l.maxAge())
	for i := range said {
		said[i].Stale = staleAt(said[i].Dataset, oldest)
	}
	// A correction does not age: it has a last day instead.
	if l.Corrections != nil {
		said = l.Corrections.AssertAt(place, at, said)
	}
	loc.Assertions = said
	fuse(loc, false)
}

func (l *Locator) maxAge() time.Duration {
	if l.MaxAge <= 0 {
		return DefaultMaxAge
	}
	return l.MaxAge
}

// staleAt reports whether data is too old to speak for inside. Data without a
// date is: nobody can say that it is young enough.
func staleAt(d *residency.Dataset, oldest time.Time) bool {
	return d == nil || d.Built.IsZero() || d.Built.Before(oldest)
}
