package residency

import "strings"

// DNSSEC is what came of validating the responses of a look ourselves.
type DNSSEC struct {
	State DNSSECState `json:"state"`
	Why   string      `json:"why,omitempty"`  // the reason in one word, from the validator's closed list; "" when secure
	Text  string      `json:"text,omitempty"` // the reason in one plain sentence without a full stop

	// Steps is how the verdict came about, from the root down: the links of
	// the chain of trust, and the records judged with them.
	Steps []DNSSECStep `json:"steps,omitempty"`

	// Proof is every request for the keys behind the steps, and its response,
	// so that the verdict can be found again from the bytes alone. Keys that
	// were remembered from an earlier look have the exchange of that time.
	Proof []Exchange `json:"-"`
}

// DNSSECState is a verdict on signatures (RFC 4035 section 4.3).
type DNSSECState string

const (
	DNSSECSecure        DNSSECState = "secure"        // signed from a trust anchor down
	DNSSECInsecure      DNSSECState = "insecure"      // proven not to be signed
	DNSSECIndeterminate DNSSECState = "indeterminate" // what would decide could not be had
	DNSSECBogus         DNSSECState = "bogus"         // must be signed, and is not or wrongly
)

// Weight orders the states: that of several responses together is the one of
// most weight.
func (s DNSSECState) Weight() int {
	switch s {
	case DNSSECSecure:
		return 0
	case DNSSECInsecure:
		return 1
	case DNSSECIndeterminate:
		return 2
	}
	return 3
}

// DNSSECStep is one link of a chain of trust, or one set of records judged.
type DNSSECStep struct {
	Name   string      `json:"name"`           // whose records, without the final dot
	Type   string      `json:"type"`           // "DNSKEY", "DS", "A", ..., or "no A" for a denial
	Zone   string      `json:"zone,omitempty"` // whose keys vouch for them; "" if none do
	State  DNSSECState `json:"state"`
	Why    string      `json:"why,omitempty"`
	KeyTag uint16      `json:"key_tag,omitempty"` // of the signature that counted (RFC 4034 section 3.1.6)
}

// Sentence says the verdict in one plain sentence.
func (d DNSSEC) Sentence() string {
	why := ""
	if d.Text != "" {
		why = ": " + d.Text
	}
	switch d.State {
	case DNSSECSecure:
		return "The answer is signed, and every signature is right from the root down."
	case DNSSECInsecure:
		return "The answer is not signed, and there is proof that it need not be" + why + "."
	case DNSSECIndeterminate:
		return "Whether the answer is rightly signed could not be found out" + why + "."
	}
	return "The answer must be signed and is not, or wrongly" + why + "."
}

// Path is the chain in one line: "DNSKEY of ., DS of example, A of www.example
// is bogus (expired)".
func (d DNSSEC) Path() string {
	parts := make([]string, 0, len(d.Steps))
	for _, s := range d.Steps {
		part := s.Type + " of " + s.Name
		if s.State != DNSSECSecure {
			part += " is " + string(s.State)
			if s.Why != "" {
				part += " (" + s.Why + ")"
			}
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}
