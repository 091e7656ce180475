package mmdb

import (
	"net/netip"
	"time"
	"unsafe"

	"github.com/phuslu/iploc"

	"residency/internal/residency"
)

// The identity of the IP2Location LITE data is that of the Go module it is part
// of: the version is the day it was made, and the hash the one that go.sum
// holds the module to. A test compares them with go.mod and go.sum.
const (
	iplocModule  = "github.com/phuslu/iploc"
	iplocVersion = "v1.0.20260915"
	iplocSum     = "h1:HzsDtAcr8leCM+3RcvXxKAJuq5kgOeAI6IF81QlS5oY="
)

// IPLoc is the source of the IP2Location LITE data. It has no prefixes. The
// first IPv6 lookup unpacks the IPv6 half, about 12 MB.
type IPLoc struct {
	dataset residency.Dataset
	counts  counters
	says    residency.Assertion // what is the same in every assertion

	// whole has the country of each /16 that lies in one range of the data:
	// four of five do, and need no search.
	whole [1 << 16]residency.Country
}

// OpenIPLoc returns the source. No file is read, so nothing can fail.
func OpenIPLoc() *IPLoc {
	s := &IPLoc{dataset: residency.Dataset{
		Name:    "IP2Location LITE (" + iplocModule + " " + iplocVersion + ")",
		Lineage: "ip2location",
		Class:   residency.ClassDatabase,
		Built:   time.Date(2026, time.September, 15, 0, 0, 0, 0, time.UTC),
		SHA256:  iplocSum,
		Licence: "CC BY-SA 4.0; this product includes IP2Location LITE data available from https://lite.ip2location.com",
		File:    "embedded",
	}}
	s.says = residency.Assertion{Source: s.dataset.Lineage, Class: residency.ClassDatabase, Lineage: s.dataset.Lineage, Dataset: &s.dataset}
	s.fill()
	return s
}

// fill finds the blocks that lie in one range. The module answers with a part
// of one long string, another part for each range: two addresses are in one
// range when their answers begin at the same byte. It takes four milliseconds.
func (s *IPLoc) fill() {
	for i := range s.whole {
		a, b := byte(i>>8), byte(i)
		first, last := iploc.IPCountry(netip.AddrFrom4([4]byte{a, b, 0, 0})), iploc.IPCountry(netip.AddrFrom4([4]byte{a, b, 255, 255}))
		if unsafe.StringData(first) == unsafe.StringData(last) {
			s.whole[i], _ = residency.ParseCountry(first)
		}
	}
}

// Name returns the short name of the source.
func (s *IPLoc) Name() string { return s.dataset.Lineage }

// Dataset returns the identity of the data.
func (s *IPLoc) Dataset() residency.Dataset { return s.dataset }

// Counts returns how often the source had no answer so far.
func (s *IPLoc) Counts() Counts { return s.counts.counts() }

// unknownCode is what the module says of addresses that nobody uses.
const unknownCode = "ZZ"

// Assert appends the country the data has for addr.
func (s *IPLoc) Assert(addr netip.Addr, into []residency.Assertion) []residency.Assertion {
	country := residency.Country(0)
	if addr.Is4() {
		b := addr.As4()
		country = s.whole[int(b[0])<<8|int(b[1])]
	}
	if !country.Known() {
		var ok bool
		if country, ok = s.search(addr); !ok {
			return into
		}
	}
	into = append(into, s.says)
	into[len(into)-1].In = residency.CountriesOf(country)
	return into
}

// search asks the module. What has no country it counts.
func (s *IPLoc) search(addr netip.Addr) (residency.Country, bool) {
	code := iploc.IPCountry(addr)
	country, ok := residency.ParseCountry(code)
	switch {
	case ok:
	case code == "" || code == unknownCode:
		s.counts.unanswered.Add(1)
	default:
		s.counts.badCode.Add(1)
	}
	return country, ok
}
