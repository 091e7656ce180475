package residency

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Class is the kind of a source of location evidence.
type Class string

const (
	ClassProvider   Class = "provider_range" // the operator's own list of its regions
	ClassGeofeed    Class = "geofeed"        // the holder's own word, RFC 8805
	ClassDatabase   Class = "database"       // a geolocation database
	ClassAnycast    Class = "anycast"        // veto: announced from many places at once
	ClassEdge       Class = "edge"           // veto: an edge shared by many customers
	ClassRTT        Class = "rtt"            // physics: how far it can be
	ClassCorrection Class = "correction"     // declared by the user
	ClassHint       Class = "hint"           // a region code in a name; no voice
	ClassRegistry   Class = "registry"       // to whom the block was delegated; no voice
	ClassNetwork    Class = "network"        // which autonomous system announces it; no voice
)

// NetworkNote is the note of an assertion of class ClassNetwork.
func NetworkNote(asn uint32, organisation string) string {
	return strings.TrimSpace(fmt.Sprintf("AS%d %s", asn, organisation))
}

// Network returns the number and the name of the autonomous system that
// announces the address, from an assertion of class ClassNetwork; 0 from others.
func (a Assertion) Network() (asn uint32, organisation string) {
	if a.Class != ClassNetwork {
		return 0, ""
	}
	number, organisation, _ := strings.Cut(strings.TrimPrefix(a.Note, "AS"), " ")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, ""
	}
	return uint32(n), organisation
}

// Dataset identifies one set of location data as it was used.
type Dataset struct {
	Name    string    `json:"name"`
	Lineage string    `json:"lineage"` // data sets of one origin share it and are one voice
	Class   Class     `json:"class"`
	Built   time.Time `json:"built"`   // the maker's own date
	SHA256  string    `json:"sha256"`  // of the file as loaded (or of the module: "h1:...")
	Records int       `json:"records"` // prefixes or networks; 0 when the format does not say
	Stale   bool      `json:"stale"`   // older than max_age at the time of the run
	Licence string    `json:"licence,omitempty"`
	File    string    `json:"file,omitempty"` // path as configured, or "embedded"
}

// Assertion is what one source says about one address.
type Assertion struct {
	Source  string // short name of the source: "dbip", "aws"
	Class   Class
	Lineage string
	In      Countries    // the address is in one of these; empty when the source excludes only
	NotIn   Countries    // the address is in none of these
	Proven  Countries    // the part of NotIn that is too far for light in a vacuum: proof, not one voice
	Region  string       // provider region, "aws:ap-southeast-1"; "" if the source has none
	Prefix  netip.Prefix // the matched prefix; not valid where the source has none
	Stale   bool         // the data was older than max_age when the look was made
	Note    string       // what a person should know: "shared edge of Cloudflare"
	Dataset *Dataset     // never nil; shared, not to be changed
}
