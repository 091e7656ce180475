package residency

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Side is where one address stands towards one claim.
type Side uint8

const (
	SideUnknown Side = iota
	SideInside
	SideOutside
)

var sideNames = [...]string{"unknown", "inside", "outside"}

// String returns the side's name.
func (s Side) String() string {
	if int(s) < len(sideNames) {
		return sideNames[s]
	}
	return fmt.Sprintf("Side(%d)", uint8(s))
}

// MarshalText writes the side's name.
func (s Side) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a side's name.
func (s *Side) UnmarshalText(text []byte) error {
	i := slices.Index(sideNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no side", text)
	}
	*s = Side(i)
	return nil
}

// Verdict is what can be said of one cell: a claim, an endpoint and a market.
// There is no "compliant": inside means that nothing was seen outside.
type Verdict uint8

const (
	Undetermined Verdict = iota // seen, and it cannot be told
	NotMeasured                 // nothing was seen
	Inside                      // every need met, every address seen inside
	Outside                     // an address seen outside
)

var verdictNames = [...]string{"undetermined", "not_measured", "inside", "outside"}

// String returns the verdict's name.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("Verdict(%d)", uint8(v))
}

// MarshalText writes the verdict's name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a verdict's name.
func (v *Verdict) UnmarshalText(text []byte) error {
	i := slices.Index(verdictNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no verdict", text)
	}
	*v = Verdict(i)
	return nil
}

// Reason says why a verdict is not better, from a closed list: the reasons
// below and every Failure.
type Reason string

const (
	ReasonConflict       Reason = "conflict"
	ReasonNoEvidence     Reason = "no-evidence"
	ReasonBelowGrade     Reason = "below-grade"
	ReasonUnconfirmed    Reason = "unconfirmed"
	ReasonSourceMissing  Reason = "source-missing"
	ReasonStaleData      Reason = "stale-data"
	ReasonAnycast        Reason = "anycast"
	ReasonEdge           Reason = "edge"
	ReasonBypassesDNS    Reason = "bypasses-dns"
	ReasonOtherRegion    Reason = "other-region"
	ReasonRegionNotShown Reason = "region-not-shown"
	ReasonNotTailored    Reason = "not-tailored"
	ReasonSpecialPurpose Reason = "special-purpose"
	ReasonIntercepted    Reason = "intercepted"
	ReasonRTTUntrusted   Reason = "rtt-untrusted"
	ReasonNoAddress      Reason = "no-address"
	ReasonMemoryUnread   Reason = "memory-unread"
)

// Reasons returns the closed list: the reasons in the order of definition,
// then the failures that are not among them already.
func Reasons() []Reason {
	list := []Reason{
		ReasonConflict, ReasonNoEvidence, ReasonBelowGrade, ReasonUnconfirmed,
		ReasonSourceMissing, ReasonStaleData, ReasonAnycast, ReasonEdge,
		ReasonBypassesDNS, ReasonOtherRegion, ReasonRegionNotShown,
		ReasonNotTailored, ReasonSpecialPurpose, ReasonIntercepted,
		ReasonRTTUntrusted, ReasonNoAddress, ReasonMemoryUnread,
	}
	for _, f := range Failures() {
		if !slices.Contains(list, Reason(f)) {
			list = append(list, Reason(f))
		}
	}
	return list
}

// Valid reports whether r is on the closed list.
func (r Reason) Valid() bool { return slices.Contains(Reasons(), r) }

// Cell is the verdict on one claim for one endpoint in one market, with all
// it rests on. Its addresses are located in the Round that holds it.
type Cell struct {
	Claim    string // id
	Endpoint Endpoint
	Market   Country

	Verdict Verdict
	Grade   Grade
	Reasons []Reason // sorted, each once; empty for a plain inside or outside

	// Counts is false when the cell has no part in the claim's standing: a
	// retired endpoint, or a declared CDN that showed only anycast addresses.
	Counts bool

	// Suspected are countries outside the claim in which an address that
	// cannot be told may be.
	Suspected Countries

	Addresses  []JudgedAddress // sorted by address
	NotCounted int             // addresses that do not count (anycast of a declared CDN)
	Coverage   Coverage
	Pool       Pool     // what repeated looks say of the addresses not shown
	Hints      []string // what the user could do about it, in plain words

	// Confirm is set while an outside address was seen in too few runs.
	Confirm Confirmation

	// LastOutside and ClearFrom are set while a cell is still outside though
	// this run did not see it so: the last run that did, and the first run
	// since from which all needs were met without it (zero: none yet).
	LastOutside, ClearFrom time.Time

	Waiver string // id of the waiver that covers it, "" if none; never changes the verdict

	// Changed is true where the round before, as remembered, had another verdict;
	// what was never judged counts as inside.
	Changed bool `json:"-"`
}

// Confirmation is in how many runs of the window an outside address was seen,
// and in how many it must be. The zero value: there is nothing to confirm.
type Confirmation struct {
	Seen   int `json:"seen"`
	Needed int `json:"needed"`
}

// JudgedAddress is one address of a cell and its side.
type JudgedAddress struct {
	Address   netip.Addr
	Side      Side
	Grade     Grade
	Reasons   []Reason
	Counts    bool
	Tailoring Tailoring // the strongest of the looks that showed it
	Resolvers []string  // that showed it, sorted
}

// Coverage counts what was wanted and what was had.
type Coverage struct {
	Needs int `json:"needs"` // (client subnet, record type) pairs of the market
	Met   int `json:"met"`   // needs that at least one look met
	Looks int `json:"looks"` // all looks
	// Counted are the looks that gave an answer meant for the market.
	Counted int `json:"counted"`
	Failed  int `json:"failed"` // looks that gave no answer, NXDOMAIN included
}

// Add returns the sum of c and d.
func (c Coverage) Add(d Coverage) Coverage {
	return Coverage{
		Needs: c.Needs + d.Needs, Met: c.Met + d.Met, Looks: c.Looks + d.Looks,
		Counted: c.Counted + d.Counted, Failed: c.Failed + d.Failed,
	}
}
