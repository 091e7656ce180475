package residency

import (
	"net/netip"
	"time"
)

// Question is one thing to find out by looking: what an endpoint's name
// answers to users of a market, through one client subnet, for one record type.
type Question struct {
	Endpoint Endpoint
	Market   Country
	Subnet   ClientSubnet // no valid Prefix: ask without a client subnet
	Type     string       // "A" or "AAAA"
}

// Observation is one immutable look: a question put to one server and what
// came of it. A look that failed is an Observation with a Failure; it is never
// a Go error. Observations are not changed once made.
type Observation struct {
	Question

	Resolver      string // configured name of the resolver
	Server        string // address and port asked, "8.8.8.8:53"
	Transport     string // of the last exchange: "udp" or "tcp"
	Authoritative bool   // the server is declared authoritative, or was reached by delegation
	Local         bool   // the server is declared to stand in the market

	Rcode   string  // RFC 6895 mnemonic of the last response, "NOERROR"; "" if none came
	Failure Failure // "" when the look gave an answer (NODATA is an answer)
	Detail  string  // the failure in words, with server and question

	Tailoring    Tailoring
	TailoringWhy string // one plain sentence

	// Returned is the client subnet option of the last response, and Scope its
	// scope prefix length; Returned is not valid when no option came back.
	Returned netip.Prefix
	Scope    int

	Chain     []Link   // the aliases followed, in order
	Addresses []Answer // every address at the end of the chain
	Exchanges []Exchange

	At  time.Time     // when the first request was sent
	RTT time.Duration // of the exchange that gave the answer
}

// Link is one alias of a chain.
type Link struct {
	Owner  string `json:"owner"`
	Type   string `json:"type"` // "CNAME" or "DNAME"
	Target string `json:"target"`
	TTL    uint32 `json:"ttl"` // seconds
}

// Answer is one address record.
type Answer struct {
	Address netip.Addr // never a mapped (::ffff:) address
	TTL     uint32     // seconds
	Owner   string     // the name that has the record, the last of the chain
}

// Exchange is one request and its response as they were on the wire.
type Exchange struct {
	Server    string
	Transport string
	Name      string // the name asked
	Request   []byte
	Response  []byte // nil when none came
	Failure   Failure
	At        time.Time
	RTT       time.Duration
}

// Answered reports whether the look gave an answer: NOERROR, with or without
// addresses.
func (o Observation) Answered() bool { return o.Failure == "" && o.Rcode == "NOERROR" }

// Meets reports whether the look meets the need of its client subnet and
// record type: it answered, and its answer was meant for the market.
func (o Observation) Meets() bool {
	return o.Answered() && !o.Subnet.Displaced && (o.Tailoring != TailoringNone || o.Local)
}

// ResolverStatus is what one question before a run showed of a resolver.
type ResolverStatus struct {
	Name    string
	Server  string // the address used in this run; the last one tried if none answered
	Answers bool
	Failure Failure // why it does not answer

	// PassesSubnets is true when the client subnet option came back. Declared
	// says that the configuration expects it to.
	PassesSubnets bool
	Declared      bool

	Authoritative bool
	StandsIn      []Country // markets it is declared to stand in
	Text          string    // one plain sentence
}
