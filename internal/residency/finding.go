package residency

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Finding is the life of an outside cell under one stable key. It is opened
// and closed by the verdict itself; confirmation and window are the judge's.
type Finding struct {
	Key     string // FindingKey of the five below
	Vendor  string
	Service string
	Host    string // of the endpoint
	Market  Country
	Claim   string

	Opened   time.Time // first opened
	Reopened time.Time // last reopened; zero if never
	LastSeen time.Time // last run in which an outside address was seen
	Closed   time.Time // zero while open
	ClosedAs ClosedAs

	Grade     Grade
	Countries Countries    // where its outside addresses can be
	Addresses []netip.Addr // outside, sorted
	Region    string       // provider region of the first of them, "" if none
	Reasons   []Reason     // against it
	Tailoring Tailoring    // the weakest of the looks that showed it

	Acknowledged *Mark    // nil: nobody has
	Disputed     *Dispute // nil: nobody does
	Waiver       string   // id of the waiver that covers it now, "" if none

	// Told are the reminders that were planned for it, so that each is planned
	// once: "T-30d", "T-7d", "T-1d", "due", "overdue 2014-11-03".
	Told []string

	// Earlier are the lives it had under the same key before it was opened,
	// oldest first; the last twenty.
	Earlier []Episode
}

// Episode is one life of a finding that ended.
type Episode struct {
	Opened   time.Time `json:"opened"`
	Closed   time.Time `json:"closed"`
	ClosedAs ClosedAs  `json:"closed_as"`
}

// Open reports whether the finding is open.
func (f Finding) Open() bool { return f.Closed.IsZero() }

// ClosedAs says why a finding was closed.
type ClosedAs string

const (
	ClosedGone          ClosedAs = "gone"           // nothing outside was seen for a whole window
	ClosedReclassified  ClosedAs = "reclassified"   // the same addresses, judged to be inside now
	ClosedFalsePositive ClosedAs = "false_positive" // a dispute was upheld
	ClosedNotAsked      ClosedAs = "not_asked"      // the endpoint, market or claim is no longer configured
	ClosedRetired       ClosedAs = "retired"        // the endpoint was retired
)

// Words says in short why a finding was closed.
func (c ClosedAs) Words() string {
	switch c {
	case ClosedGone:
		return "gone for a whole window"
	case ClosedReclassified:
		return "same addresses, judged to be inside now"
	case ClosedFalsePositive:
		return "found to be wrong"
	case ClosedNotAsked:
		return "no longer asked"
	case ClosedRetired:
		return "host retired"
	}
	return string(c)
}

// Mark is somebody's word on something, with a time.
type Mark struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Note string    `json:"note,omitempty"`
}

// Dispute is the claim that a finding is wrong, and what came of it.
type Dispute struct {
	Mark
	Document       string     `json:"document"`                  // path or address of what supports it
	DocumentSHA256 string     `json:"document_sha256,omitempty"` // of a file
	Upheld         bool       `json:"upheld"`                    // the finding was wrong
	Settled        *time.Time `json:"settled,omitempty"`
	Cause          string     `json:"cause,omitempty"` // why it was wrong: "database", "anycast", "configuration" ...
}

// FindingKey returns the stable key of the finding about an endpoint in a
// market under a claim: 32 hexadecimal digits, the same in every run and on
// every machine.
func FindingKey(vendor, service, host string, market Country, claim string) string {
	h := sha256.New()
	for _, part := range []string{"residency/finding/v1", vendor, service, host, market.String(), claim} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // no two lists run together
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Severity is how much something presses. The order is from weak to strong.
type Severity uint8

const (
	SeverityInfo     Severity = iota // good to know: closed, reclassified
	SeverityWarning                  // outside, and not due yet; a coverage notice
	SeverityCritical                 // outside, and due; never regions; the monitor itself is down
)

var severityNames = [...]string{"info", "warning", "critical"}

// ParseSeverity returns the severity with the given name.
func ParseSeverity(name string) (Severity, bool) {
	i := slices.Index(severityNames[:], name)
	return Severity(max(i, 0)), i >= 0
}

// String returns the severity's name.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("Severity(%d)", uint8(s))
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a severity's name.
func (s *Severity) UnmarshalText(text []byte) error {
	v, ok := ParseSeverity(string(text))
	if !ok {
		return fmt.Errorf("%q is no severity", text)
	}
	*s = v
	return nil
}
