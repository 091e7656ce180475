package residency

import (
	"fmt"
	"net/netip"
	"slices"
)

// Grade is how sure a side is. The order of the values is from weak to strong.
type Grade uint8

const (
	GradeNone    Grade = iota // nothing speaks
	Asserted                  // one source only, or sources differ
	Corroborated              // two independent sources and at most one against
	Proven                    // physics leaves no other possibility
)

var gradeNames = [...]string{"", "asserted", "corroborated", "proven"}

// ParseGrade returns the grade with the given name; "" is no grade.
func ParseGrade(name string) (Grade, bool) {
	i := slices.Index(gradeNames[:], name)
	if i <= 0 {
		return GradeNone, false
	}
	return Grade(i), true
}

// String returns the grade's name, "" for GradeNone.
func (g Grade) String() string {
	if int(g) < len(gradeNames) {
		return gradeNames[g]
	}
	return fmt.Sprintf("Grade(%d)", uint8(g))
}

// MarshalText writes the grade's name.
func (g Grade) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads a grade's name.
func (g *Grade) UnmarshalText(text []byte) error {
	i := slices.Index(gradeNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no grade", text)
	}
	*g = Grade(i)
	return nil
}

// Decision names the rule of fusion that gave a location its countries.
type Decision string

const (
	DecidedNothing       Decision = "no-evidence"         // nobody speaks
	DecidedSpecial       Decision = "special-purpose"     // not a public address (RFC 6890 and the like)
	DecidedVeto          Decision = "veto"                // an edge or anycast address is not in one place
	DecidedHolder        Decision = "holder-confirmed"    // holder's word, and a lineage agrees
	DecidedHolderAlone   Decision = "holder-alone"        // holder's word, no lineage speaks
	DecidedHolderAgainst Decision = "holder-contradicted" // holder's word against all that speak: the union
	DecidedHolderOld     Decision = "holder-old"          // holder's word, old, some agree and others do not: the union
	DecidedAgree         Decision = "lineages-agree"      // no holder's word, all lineages name one country
	DecidedDiffer        Decision = "lineages-differ"     // no holder's word, lineages differ: the union
	DecidedOne           Decision = "one-lineage"         // a single lineage speaks
)

// HolderVoice is the name of the voice of whoever holds an address: the
// operator's own list of its ranges, else its geofeed.
const HolderVoice = "holder"

// Voice is one independent source that speaks about an address. Data sets of
// one lineage are one voice; so are a provider's range and its geofeed.
type Voice struct {
	Name      string    // HolderVoice, or the lineage
	Countries Countries // where it says the address is
	Stale     bool      // too old to speak for inside
}

// Location is what all sources together say about one address. Countries is
// the set of countries in which it can be; the empty set is "not known".
type Location struct {
	Address   netip.Addr
	Countries Countries
	Region    string // provider region of the longest matching range, "" if none names one
	Decision  Decision
	Veto      Reason // "", ReasonAnycast, ReasonEdge or ReasonSpecialPurpose
	Conflict  bool   // voices name countries that do not overlap
	Voices    []Voice

	// Excluded are countries too far away for the delay measured, at the speed
	// of light in fibre; Impossible those of them that are too far even for
	// light in a vacuum. Countries is what the sources say, these included: that
	// a delay takes a country away can show something outside, never inside.
	Excluded, Impossible Countries

	Assertions []Assertion // everything said, hints and registry included

	// Missing names the configured sources that could not be loaded. Any of
	// them could have dissented, so nothing is inside while one is missing.
	Missing []string
}

// Left returns the countries that are left when a measured delay has taken its
// away: where the address can be, as far as is known. When none would be left,
// the delay and the sources contradict each other, and it is all that the
// sources name.
func (l Location) Left() Countries {
	if left := l.Countries.Minus(l.Excluded); !left.Empty() {
		return left
	}
	return l.Countries
}
