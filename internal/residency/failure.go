package residency

import "slices"

// Failure is why a look gave no answer, from a closed list; "" is no failure.
type Failure string

const (
	FailTimeout      Failure = "timeout"
	FailUnreachable  Failure = "unreachable"
	FailRefused      Failure = "refused"
	FailServfail     Failure = "servfail"
	FailFormerr      Failure = "formerr"
	FailNotimp       Failure = "notimp"
	FailNXDomain     Failure = "nxdomain"
	FailTruncated    Failure = "truncated"
	FailMalformed    Failure = "malformed"
	FailMismatch     Failure = "mismatch"
	FailLame         Failure = "lame"
	FailLoop         Failure = "loop"
	FailChainTooLong Failure = "chain-too-long"
	FailBogus        Failure = "bogus"
	FailTLS          Failure = "tls"
	FailHTTP         Failure = "http"
	FailIntercepted  Failure = "intercepted"
	FailBudget       Failure = "budget"
	FailCancelled    Failure = "cancelled"
	FailOtherRcode   Failure = "other-rcode"
)

// Failures returns the closed list in the order of its definition.
func Failures() []Failure {
	return []Failure{
		FailTimeout, FailUnreachable, FailRefused, FailServfail, FailFormerr,
		FailNotimp, FailNXDomain, FailTruncated, FailMalformed, FailMismatch,
		FailLame, FailLoop, FailChainTooLong, FailBogus, FailTLS, FailHTTP,
		FailIntercepted, FailBudget, FailCancelled, FailOtherRcode,
	}
}

// Valid reports whether f is "" or on the closed list.
func (f Failure) Valid() bool { return f == "" || slices.Contains(Failures(), f) }
