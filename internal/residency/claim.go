package residency

import (
	"fmt"
	"slices"
	"time"
)

// ClaimKind tells a vendor's promise from a rule of our own.
type ClaimKind uint8

const (
	KindPromise ClaimKind = iota // [[claim]]: somebody said it, by a date
	KindPolicy                   // [[policy]]: our own law or contract, from a date
)

// String returns "claim" or "policy", as the configuration names them.
func (k ClaimKind) String() string {
	if k == KindPolicy {
		return "policy"
	}
	return "claim"
}

// MarshalText writes "claim" or "policy".
func (k ClaimKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads "claim" or "policy".
func (k *ClaimKind) UnmarshalText(text []byte) error {
	switch string(text) {
	case KindPromise.String():
		*k = KindPromise
	case KindPolicy.String():
		*k = KindPolicy
	default:
		return fmt.Errorf("%q is no kind of claim", text)
	}
	return nil
}

// Claim is a vendor's promise about where the data of the users of some
// markets goes, or a policy of the same shape.
type Claim struct {
	ID     string
	Kind   ClaimKind
	Title  string // one line for people; may be empty
	Vendor string // vendor id

	Services []string  // service ids of the vendor; never empty once loaded
	Markets  []Country // never empty once loaded

	Regions    Regions   // where data may go
	Never      Countries // where it may never go, whatever Regions says
	CDNRegions Regions   // where edges of role cdn may stand besides

	DueOn  Date      // the day as written; zero for a policy
	Due    time.Time // the first instant at which the promise is due: the end of DueOn
	FromOn Date      // a policy's first day as written; may be zero
	From   time.Time // the instant a policy is in force; zero: always

	Floor Grade // least grade an outside or inside verdict needs; Corroborated by default

	SaidBy, Quote, Source string
	SaidOn                Date

	Historic     bool
	Withdrawn    Date
	SupersededBy string

	Where string // "config.toml:41"
}

// InForce reports whether, at the given time, an outside cell breaks the
// claim: a promise that is due, or a policy that has begun.
func (c Claim) InForce(at time.Time) bool {
	if c.Kind == KindPolicy {
		return c.From.IsZero() || !at.Before(c.From)
	}
	return c.Due.IsZero() || !at.Before(c.Due)
}

// Live reports whether the claim is judged by default: neither historic nor
// withdrawn nor superseded.
func (c Claim) Live() bool {
	return !c.Historic && c.Withdrawn.IsZero() && c.SupersededBy == ""
}

// Covers reports whether the claim speaks about the endpoint in the market.
func (c Claim) Covers(e Endpoint, market Country) bool {
	return c.Vendor == e.Vendor && slices.Contains(c.Services, e.Service) && slices.Contains(c.Markets, market)
}

// Standing is what can be said of a claim as a whole at one time.
type Standing uint8

const (
	StandingUnknown Standing = iota // not everything that counts is known to be inside
	Holding                         // nothing seen outside, everything that counts is inside
	Pending                         // still outside, and not due yet
	Broken                          // outside, and due
)

var standingNames = [...]string{"unknown", "holding", "pending", "broken"}

// String returns the standing's name.
func (s Standing) String() string {
	if int(s) < len(standingNames) {
		return standingNames[s]
	}
	return fmt.Sprintf("Standing(%d)", uint8(s))
}

// MarshalText writes the standing's name.
func (s Standing) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a standing's name.
func (s *Standing) UnmarshalText(text []byte) error {
	i := slices.Index(standingNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no standing", text)
	}
	*s = Standing(i)
	return nil
}
