package config

import (
	"net/netip"
	"slices"
	"time"

	"residency/internal/residency"
)

// Config is a configuration in which everything is resolved. It is not
// changed after Load.
type Config struct {
	Path string // of the main file, as given to Load

	// Files is every file that was read: the main file, then the others by
	// name. SHA256 is one hash over all of them, in hexadecimal; it depends on
	// their contents and their names relative to the main file, not on where
	// they lie.
	Files  []File
	SHA256 string

	Organisation Organisation
	Schedule     Schedule
	Markets      []residency.Market    // in file order
	Vendors      []Vendor              // in file order
	Claims       []residency.Claim     // claims and policies, in file order
	Responses    map[string][]Response // of vendors, by claim, in file order
	Waivers      []residency.Waiver    // in file order, those that ended too
	Resolve      Resolve
	Network      Network
	Vantages     []Vantage  // markets that are looked at from inside, in file order
	Positions    []Position // [[vantage]], in file order
	Geo          Geo
	Alert        Alert
	Store        Store
	Evidence     Evidence
	Web          Web
	Log          Log

	// Warnings are things that are allowed and look wrong.
	Warnings []Problem
}

// File is one file that was read.
type File struct {
	Path   string // relative to the main file's directory, with slashes
	Opened string // as it was opened
	SHA256 string // of its bytes, in hexadecimal
}

// Organisation is who looks, and by which clock.
type Organisation struct {
	Name, Contact string
	Notice        string         // shown at the top of every output; may be empty
	Location      *time.Location // by which days begin and end; never nil
}

// Schedule is when the program checks by itself.
type Schedule struct {
	Check   []string      // cron expressions of five fields, by the organisation's clock; may be empty
	GeoData []string      // when to ask for newer location data, in the same form; may be empty
	Jitter  time.Duration // longest time, by chance, before a server is asked first in a check of watch

	// Window is how far back a verdict looks, where runs are remembered.
	Window time.Duration

	// Claims and Endpoints have the expressions of claims (by id) and endpoints
	// (by key) that state some of their own, in place of Check.
	Claims, Endpoints map[string][]string
}

// Of returns the expressions by which an endpoint is looked at: its own, else
// those of all the claims that it is under, else Check.
func (s Schedule) Of(e residency.Endpoint, claims []residency.Claim) []string {
	if own := s.Endpoints[e.Key()]; len(own) > 0 {
		return own
	}
	var list []string
	for _, c := range claims {
		if c.Vendor == e.Vendor && slices.Contains(c.Services, e.Service) {
			list = append(list, s.Claims[c.ID]...)
		}
	}
	if len(list) == 0 {
		return s.Check
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// DefaultWindow is how far back a verdict looks.
const DefaultWindow = 24 * time.Hour

// Vendor is who receives data.
type Vendor struct {
	ID, Name string
	Services []Service // never empty
	Where    string    // "config.toml:41"
}

// Service is a part of what a vendor offers.
type Service struct {
	ID, Name  string
	Endpoints []residency.Endpoint // never empty
	Where     string
}

// Resolve is whom to ask for addresses, and how patiently.
type Resolve struct {
	Servers          []Server // never empty
	Timeout          time.Duration
	Tries            int
	InFlight         int // questions open at one server at a time
	MaxChain         int
	SubnetsPerMarket int      // to choose for a market that names none
	Types            []string // record types to ask of endpoints that state none
	Pool             Pool
	Rate             int  // queries per second that one server gets; 0: the program's default
	MixCase          bool // ask with the letters of names mixed
	Validate         bool // check the signatures of answers
	Controls         Controls
}

// Pool is how far to ask again for addresses that the first answer to a
// question did not show.
type Pool struct {
	UntilNoNew    int  // answers in a row without a new address that end it
	Max           int  // answers to one question that are enough in any case; 1: never again
	Authoritative bool // ask servers that answer from their own zones again within a check
	Recursive     bool // ask others again within a check, each time their TTL ran out
	PerRun        int  // questions of one check that may be spent
	Time          time.Duration
	Window        time.Duration // how long the answers of earlier checks count
}

// Server is one DNS server.
type Server struct {
	Name          string
	Addresses     []string // host:port, or with a transport in front; empty for a System or an Iterative server
	TLSName       string   // whom its certificate must be for; "": the host of the address
	Bootstrap     []string // IP addresses of a host in Addresses
	Rate          int      // queries per second; 0: Resolve.Rate
	InFlight      int      // 0: Resolve.InFlight
	Learns        string   // what its operator learns, in plain words
	Operator      string   // who runs it; "": what its address or name says
	PassesSubnets bool
	Authoritative bool
	TrustAnchors  string // file with keys of the root that it answers for; "": those of the internet's root
	StandsIn      []residency.Country
	System        bool       // the resolvers of this machine
	Iterative     *Iterative // all servers that are found from the root; nil: not
	Default       bool       // not named in the file: one of DefaultServers
}

// Geo is what to know about where an address is.
type Geo struct {
	Embedded       bool // use the data that the program carries
	Databases      []Database
	ProviderRanges []ProviderRanges
	Geofeeds       []DataFile
	Registries     []DataFile
	Anycast        []DataFile
	Corrections    []Correction
	PTR            bool // ask for the names of addresses
	RTT            RTT
	MaxAge         time.Duration // older data says nothing good
	WarnAge        time.Duration // older data is warned of
	DataDir        string        // of the data kept by `residency data`; "": the user's cache directory
	Updates        []Update      // what to do otherwise than by default for a source of data, or with credentials
}

// Update is a source of location data that is kept fresh.
type Update struct {
	Name         string // of the source
	URL          string // in place of the maker's own; may be empty
	Account, Key Secret // the maker's credentials; may be empty
	Off          bool   // leave the source out
	Where        string
}

// Database is a geolocation database of the user's. It need not exist: what
// is missing is said in every output.
type Database struct {
	File    string // to open
	Written string // as the file has it
	Lineage string
	Where   string
}

// ProviderRanges is a provider's own list of its regions. It need not exist.
type ProviderRanges struct {
	File     string         // to open
	Written  string         // as the file has it
	Provider string         // one of RangeProviders
	Built    residency.Date // of when it is, if it does not tell; zero: not given
	Where    string
}

// DataFile is a file that says something about addresses. It need not exist.
type DataFile struct {
	File    string         // to open
	Written string         // as the file has it
	Built   residency.Date // of when it is, if it does not tell; zero: not given
	Where   string
}

// Correction is what the user declares about a network that data gets wrong.
type Correction struct {
	Prefix                  netip.Prefix
	Country                 residency.Country
	Evidence                string // path of the file that shows it; need not exist
	Written                 string // the same, as the file has it
	Owner, Approver, Reason string
	Expires                 residency.Date // the last day on which it is used
	End                     time.Time      // the end of that day by the organisation's clock
	Where                   string
}

// Endpoints returns the endpoints of all vendors, in file order. They may be
// those of the configuration itself: they are to be read only.
func (c *Config) Endpoints() []residency.Endpoint {
	var lists [][]residency.Endpoint
	for _, v := range c.Vendors {
		for _, s := range v.Services {
			lists = append(lists, s.Endpoints)
		}
	}
	if len(lists) == 1 { // a copy of a hundred thousand is felt
		return slices.Clip(lists[0])
	}
	return slices.Concat(lists...)
}

// DefaultServers returns the servers asked when the file names none: two
// public resolvers that pass client subnets on to the vendor's name servers.
func DefaultServers() []Server {
	const learns = "the host names and client subnets asked about, and the address of this machine"
	return []Server{
		{Name: "google", Addresses: []string{"8.8.8.8:53", "[2001:4860:4860::8888]:53"},
			Learns: "Google: " + learns, PassesSubnets: true, Default: true},
		{Name: "quad9-ecs", Addresses: []string{"9.9.9.11:53", "[2620:fe::11]:53"},
			Learns: "Quad9: " + learns, PassesSubnets: true, Default: true},
	}
}
