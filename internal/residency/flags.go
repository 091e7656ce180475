package residency

import (
	"fmt"
	"strings"
)

// HeaderFlags are the flags in the header of a DNS message, as they are on the
// wire: the second 16 bits, with the opcode and the rcode left out (RFC 1035
// section 4.1.1, RFC 4035 section 3).
type HeaderFlags uint16

const (
	FlagAA HeaderFlags = 1 << 10 // the answer is from the server's own zones
	FlagTC HeaderFlags = 1 << 9  // the message was cut
	FlagRD HeaderFlags = 1 << 8  // recursion was wanted
	FlagRA HeaderFlags = 1 << 7  // the server recurses
	FlagAD HeaderFlags = 1 << 5  // the server says it has validated the answer by DNSSEC
	FlagCD HeaderFlags = 1 << 4  // the server was asked not to validate

	allFlags = FlagAA | FlagTC | FlagRD | FlagRA | FlagAD | FlagCD
)

var flagNames = [...]struct {
	flag HeaderFlags
	name string
}{{FlagAA, "aa"}, {FlagTC, "tc"}, {FlagRD, "rd"}, {FlagRA, "ra"}, {FlagAD, "ad"}, {FlagCD, "cd"}}

// FlagsOf returns the flags in the second 16 bits of a DNS message.
func FlagsOf(bits uint16) HeaderFlags { return HeaderFlags(bits) & allFlags }

// Has reports whether all flags of g are set in f.
func (f HeaderFlags) Has(g HeaderFlags) bool { return f&g == g }

// String returns the names of the flags set, as dig writes them: "rd ra ad".
func (f HeaderFlags) String() string {
	var list []string
	for _, n := range flagNames {
		if f.Has(n.flag) {
			list = append(list, n.name)
		}
	}
	return strings.Join(list, " ")
}

// ExtendedError is what a server says of its answer besides the rcode
// (RFC 8914). It explains; by itself it is no failure.
type ExtendedError struct {
	Code uint16 `json:"code"`           // of the registry of RFC 8914 section 5.2
	Name string `json:"name,omitempty"` // the code's name; "" for one not known here
	Text string `json:"text,omitempty"` // the server's own words, of printable characters only
}

// String returns "15 Blocked: the words of the server".
func (e ExtendedError) String() string {
	s := fmt.Sprint(e.Code)
	if e.Name != "" {
		s += " " + e.Name
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Forged reports whether the server says that it did not pass on the real
// answer, but one of its own or somebody's order (codes 4 and 15 to 17).
func (e ExtendedError) Forged() bool { return e.Code == 4 || e.Code >= 15 && e.Code <= 17 }
