package lab

import (
	"net/netip"
	"slices"
	"time"

	"residency/internal/residency"
)

// Scenario is an invented piece of internet and how it changes over time.
type Scenario struct {
	Name   string // "xiaomi-2014"
	Title  string
	Notice string // shown on every screen and page; says what is invented

	Location *time.Location // of every date in the scenario; nil is UTC
	Steps    []Step         // the instants that a demonstration plays, in order

	Servers  []Server
	Markets  []Market
	Vendor   Vendor
	Services []Service
	Claims   []Claim
	Answers  []Answer
	Ranges   []Ranges
}

// Step is one instant to look at, with a caption for people.
type Step struct {
	At      time.Time
	Caption string
}

// Server is one DNS server. The zero value, with a name, is a recursive
// resolver that honours client subnets and has no faults.
type Server struct {
	Name   string
	Learns string // what its operator learns, in words, for the configuration

	// Ignores makes a server that takes no notice of client subnets: it returns
	// no option and answers as its own Place.
	Ignores bool

	// Authoritative makes a server that sets AA, offers no recursion and follows
	// aliases within one zone only, so that the client has to ask again.
	Authoritative bool

	// Place is the market as which the server answers whoever sends no client
	// subnet. The zero Country gets the answers meant for anybody.
	Place residency.Country

	NSID   string // name server identifier (RFC 5001), returned when asked for
	Faults []Fault
}

// Market is the users of one country in the scenario.
type Market struct {
	Code    residency.Country
	Name    string
	Subnets []netip.Prefix // client subnets that the written configuration uses

	// Networks are what the servers know the market by. The longest one that
	// holds a client subnet decides, and its length is the scope returned
	// (RFC 7871 section 7.2.1). None: the Subnets.
	Networks []netip.Prefix
}

// Vendor is whose endpoints the scenario has.
type Vendor struct{ ID, Name string }

// Service is one service of the vendor.
type Service struct {
	ID, Name  string
	Endpoints []Endpoint
}

// Endpoint is a host name of a service.
type Endpoint struct {
	Host    string
	Role    residency.Role
	Retired residency.Date // the day it was taken out of use, or zero
	Note    string
	Source  string
}

// Claim is a vendor's promise, in the words of the configuration.
type Claim struct {
	ID, Title     string
	Services      []string
	Markets       []residency.Country // none: every market of the scenario
	Regions       []string
	Due           residency.Date
	SaidBy        string
	SaidOn        residency.Date
	Quote, Source string
}

// Answer is what a host answers from an instant on. Exactly one of addresses,
// CNAME, NXDomain and NoData is set. Of all answers of a host whose time has
// come and that speak about a market, the latest is served; of two with the
// same instant, the one that names the market. Before its first answer a host
// does not exist.
type Answer struct {
	Host    string
	Markets []residency.Country // none: any client
	From    time.Time           // zero: from the beginning

	Addresses []netip.Addr // IPv4 for type A, IPv6 for AAAA; the other is NODATA
	CNAME     string
	NXDomain  bool
	NoData    bool

	// Pool is which of the addresses one reply holds, Size how many of them (0:
	// all), of A and of AAAA each. Seed makes the replies of a random pool
	// others; the same one makes them the same in each run, as long as questions
	// come in the same order.
	Pool PoolKind
	Size int
	Seed uint64

	TTL uint32 // seconds; 0 is DefaultTTL

	// Scope is the scope prefix length returned, never more than the client
	// subnet's own length. 0: the length of the market's network that holds the
	// client subnet, or the client subnet's own when none does. Global returns
	// scope 0, "the same for every client", instead.
	Scope  int
	Global bool
}

// DefaultTTL is the TTL of answers that state none, in seconds.
const DefaultTTL = 60

// Ranges is a provider's published list of prefixes and their regions, cut to
// those that the scenario's addresses are in, in the provider's own format.
type Ranges struct {
	Provider string // "aws"
	File     string // its name beside the scenario and beside the configuration
	Data     []byte
}

// Hosts returns every endpoint's host, in order, without repeats.
func (s *Scenario) Hosts() []string {
	var hosts []string
	for _, svc := range s.Services {
		for _, e := range svc.Endpoints {
			if !slices.Contains(hosts, e.Host) {
				hosts = append(hosts, e.Host)
			}
		}
	}
	return hosts
}

// location returns the scenario's time zone.
func (s *Scenario) location() *time.Location {
	if s.Location == nil {
		return time.UTC
	}
	return s.Location
}

// networks returns the prefixes that the servers know m by.
func (m Market) networks() []netip.Prefix {
	if len(m.Networks) > 0 {
		return m.Networks
	}
	return m.Subnets
}
