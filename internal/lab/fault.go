package lab

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// FaultKind is one way in which a server misbehaves. The list is closed.
type FaultKind string

const (
	FaultDrop          FaultKind = "drop"           // no reply
	FaultDelay         FaultKind = "delay"          // the reply comes late
	FaultRcode         FaultKind = "rcode"          // an empty reply with this rcode
	FaultTruncate      FaultKind = "truncate"       // TC set, no records
	FaultNoEDNS        FaultKind = "no-edns"        // FORMERR to every request with an OPT record (RFC 6891 section 7)
	FaultWrongID       FaultKind = "wrong-id"       // the reply has another message id
	FaultWrongQuestion FaultKind = "wrong-question" // the reply repeats another question
	FaultWrongSubnet   FaultKind = "wrong-subnet"   // the reply is for another client subnet
	FaultSpoof         FaultKind = "spoof"          // a forged reply with another id comes first, then the true one
	FaultCut           FaultKind = "cut"            // the second half of the message is missing
	FaultGarbage       FaultKind = "garbage"        // bytes that are no DNS message
)

// FaultKinds returns the closed list.
func FaultKinds() []FaultKind {
	return []FaultKind{
		FaultDrop, FaultDelay, FaultRcode, FaultTruncate, FaultNoEDNS, FaultWrongID,
		FaultWrongQuestion, FaultWrongSubnet, FaultSpoof, FaultCut, FaultGarbage,
	}
}

// Fault makes a server misbehave in one way.
type Fault struct {
	Kind  FaultKind
	Every int           // on every nth matching request, the first n-1 go well; 0 and 1: on each
	Delay time.Duration // of FaultDelay
	Rcode string        // of FaultRcode: "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP" or "NXDOMAIN"

	Host      string // only requests for this name; "": any
	Transport string // only "udp" or "tcp"; "": both
}

// rcodeByName reads an RFC 6895 mnemonic of those that FaultRcode answers. The
// position in the list is the number on the wire.
func rcodeByName(name string) (dnsmessage.RCode, bool) {
	i := slices.Index([]string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"}, name)
	return dnsmessage.RCode(max(i, 0)), i > 0
}

// String says in words what the fault does.
func (f Fault) String() string {
	text := string(f.Kind)
	switch f.Kind {
	case FaultDelay:
		text += " " + f.Delay.String()
	case FaultRcode:
		text += " " + f.Rcode
	}
	if f.Every > 1 {
		text += fmt.Sprintf(" on one request in %d", f.Every)
	}
	if f.Host != "" {
		text += " for " + f.Host
	}
	if f.Transport != "" {
		text += " over " + f.Transport
	}
	return text
}
