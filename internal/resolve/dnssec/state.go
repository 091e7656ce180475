package dnssec

import (
	"time"

	"residency/internal/residency"
)

// State is the verdict on a response (RFC 4035 section 4.3).
type State string

const (
	Secure        State = "secure"
	Insecure      State = "insecure"
	Bogus         State = "bogus"
	Indeterminate State = "indeterminate"
)

// Usable reports whether a response of that state may be used as an answer.
// Indeterminate may not: dropping a few packets makes any answer so.
func (s State) Usable() bool { return s == Secure || s == Insecure }

// weight orders states: the state of a chain is that of its worst link.
func (s State) weight() int {
	switch s {
	case Secure:
		return 0
	case Insecure:
		return 1
	case Indeterminate:
		return 2
	}
	return 3
}

// Why is the reason of a state, from a closed list; "" for Secure.
type Why string

const (
	// Reasons to be insecure.
	WhyNoDS       Why = "no-ds"      // the parent proves that the zone is not signed
	WhyOptOut     Why = "opt-out"    // the parent's NSEC3 leaves unsigned zones out
	WhyAlgorithm  Why = "algorithm"  // every DS names an algorithm that we may not or cannot use
	WhyDigest     Why = "digest"     // every DS has a digest that we cannot use
	WhyIterations Why = "iterations" // NSEC3 with too many iterations (RFC 9276)

	// Reasons to be bogus.
	WhyExpired     Why = "expired"       // the signature's time is over
	WhyNotYet      Why = "not-yet-valid" // the signature's time has not come
	WhySignature   Why = "signature"     // no signature fits the records
	WhyUnsigned    Why = "unsigned"      // a signature must be there and is not
	WhySigner      Why = "signer"        // signed by another zone than the one that holds the record
	WhyNoKey       Why = "no-key"        // the zone has no key with the signature's tag and algorithm
	WhyNoDNSKEY    Why = "no-dnskey"     // the zone shows no keys
	WhyKeyMismatch Why = "key-mismatch"  // none of the zone's keys is the one that the parent names
	WhyWildcard    Why = "wildcard"      // made from a wildcard without proof that nothing closer exists
	WhyDenial      Why = "denial"        // the proof that something does not exist is missing or wrong
	WhyDNAME       Why = "dname"         // the alias is not the one that the DNAME makes
	WhyAliases     Why = "aliases"       // one name has several aliases
	WhyLimit       Why = "limit"         // more work than the limits allow

	// Reasons to be indeterminate.
	WhyNoAnchor  Why = "no-anchor" // no trust anchor is above the name
	WhyFetch     Why = "fetch"     // a record of the chain could not be had
	WhyMalformed Why = "malformed" // the response is not a readable, whole answer to the question
	WhyRcode     Why = "rcode"     // the response reports an error, there is nothing to validate
	WhyType      Why = "type"      // records of this type are never signed
)

// words holds one sentence and the extended error code (RFC 8914 section 4)
// of each reason.
var words = map[Why]struct {
	sentence string
	ede      uint16
}{
	WhyNoDS:        {"the parent zone proves that the zone is not signed", 0},
	WhyOptOut:      {"the parent zone leaves unsigned zones out of its proofs", 0},
	WhyAlgorithm:   {"the zone is signed only with algorithms that may not be relied on", 1},
	WhyDigest:      {"the zone is vouched for only with digests that may not be relied on", 2},
	WhyIterations:  {"the zone's proofs use too many hash iterations", 27},
	WhyExpired:     {"the signature has expired", 7},
	WhyNotYet:      {"the signature is not valid yet", 8},
	WhySignature:   {"no signature fits the records", 6},
	WhyUnsigned:    {"the signature is missing", 10},
	WhySigner:      {"the records are signed by another zone", 6},
	WhyNoKey:       {"the key of the signature is missing", 9},
	WhyNoDNSKEY:    {"the zone's keys are missing", 9},
	WhyKeyMismatch: {"the parent zone names none of the zone's keys", 9},
	WhyWildcard:    {"there is no proof that the wildcard applies", 12},
	WhyDenial:      {"there is no proof that the name or type does not exist", 12},
	WhyDNAME:       {"the alias is not the one that its DNAME record makes", 6},
	WhyAliases:     {"one name has several aliases", 6},
	WhyLimit:       {"the answer needs too much work to validate", 6},
	WhyNoAnchor:    {"there is no trust anchor for the name", 5},
	WhyFetch:       {"a record needed to validate could not be had", 22},
	WhyMalformed:   {"the response is not a whole answer to the question", 5},
	WhyRcode:       {"the response reports an error", 5},
	WhyType:        {"records of this type are not signed", 5},
}

// Sentence is the reason in one plain sentence without a full stop; "" for "".
func (w Why) Sentence() string { return words[w].sentence }

// EDE is the extended DNS error code that says the same (RFC 8914 section 4);
// 0, "other error", where none does.
func (w Why) EDE() uint16 { return words[w].ede }

// Result is the verdict on one response, with its proof.
type Result struct {
	State State `json:"state"`
	Why   Why   `json:"why,omitempty"`

	// Chain is how the verdict came about: the links from the anchors down
	// first met first, then what they were needed for.
	Chain []Step `json:"chain,omitempty"`

	// Rest is the target of the last alias when the response ends there, with
	// neither an answer nor a denial for it: an authoritative server's way of
	// saying "ask elsewhere". The verdict is then about the aliases alone, the
	// response for Rest needs its own, and "no such data" is not proven.
	Rest string `json:"rest,omitempty"`

	// Proof is every request for the links in Chain and its response, so that
	// the verdict can be found again. Links remembered from an earlier call have
	// those of that call.
	Proof []residency.Exchange `json:"-"`

	Work Work `json:"work"`
}

// Step is one link of a chain of trust, or one set of records judged.
type Step struct {
	Name  string `json:"name"`           // whose records, fully qualified, lower case
	Type  string `json:"type"`           // "DNSKEY", "DS", "A", ..., or "no A" for a denial
	Zone  string `json:"zone,omitempty"` // whose keys vouch for them; "" if none do
	State State  `json:"state"`
	Why   Why    `json:"why,omitempty"`

	// The signature that counted; zero when none did.
	KeyTag    uint16    `json:"key_tag,omitempty"`
	Algorithm uint8     `json:"algorithm,omitempty"` // IANA number, RFC 8624
	Inception time.Time `json:"inception,omitzero"`
	Expires   time.Time `json:"expires,omitzero"`
}

// Work is what one validation cost.
type Work struct {
	Fetches       int `json:"fetches"`
	Verifications int `json:"verifications"` // signatures computed, right and wrong
	Failures      int `json:"failures"`      // those that were wrong
	HashRounds    int `json:"hash_rounds"`   // of NSEC3
}
