package mmdb

import (
	"net/netip"
	"time"

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
}

// OpenIPLoc returns the source. Nothing is read, so nothing can fail.
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
	return s
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
	code := iploc.IPCountry(addr)
	country, ok := residency.ParseCountry(code)
	if !ok {
		if code == "" || code == unknownCode {
			s.counts.unanswered.Add(1)
		} else {
			s.counts.badCode.Add(1)
		}
		return into
	}
	into = append(into, s.says)
	into[len(into)-1].In = residency.CountriesOf(country)
	return into
}
