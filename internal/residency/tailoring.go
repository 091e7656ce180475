package residency

import (
	"fmt"
	"slices"
)

// Tailoring says whether a look is about its market (RFC 7871). Along a chain
// the weakest link counts; the order of the values is from weak to strong.
type Tailoring uint8

const (
	// TailoringNone: the market was not asked. A recursive returned no client
	// subnet option, or another subnet than ours.
	TailoringNone Tailoring = iota
	// TailoringUnknown: a recursive answered scope 0, or an authoritative
	// returned no option. The answer may depend on who asks.
	TailoringUnknown
	// TailoringGlobal: an authoritative answered scope 0, the same for every
	// client.
	TailoringGlobal
	// TailoringSpecific: our option came back with a scope above 0.
	TailoringSpecific
)

var tailoringNames = [...]string{"none", "unknown", "global", "specific"}

// String returns the value's name.
func (t Tailoring) String() string {
	if int(t) < len(tailoringNames) {
		return tailoringNames[t]
	}
	return fmt.Sprintf("Tailoring(%d)", uint8(t))
}

// MarshalText writes the value's name.
func (t Tailoring) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a value's name.
func (t *Tailoring) UnmarshalText(text []byte) error {
	i := slices.Index(tailoringNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no tailoring", text)
	}
	*t = Tailoring(i)
	return nil
}
