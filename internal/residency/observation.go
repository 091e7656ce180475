package residency

import (
	"bytes"
	"net/netip"
	"slices"
	"time"
)

// Question is one thing to find out by looking: what an endpoint's name
// answers to users of a market, through one client subnet, for one record type.
type Question struct {
	Endpoint Endpoint
	Market   Country
	Subnet   ClientSubnet // no valid Prefix: ask without a client subnet
	Type     string       // "A", "AAAA", "HTTPS", "MX" or "SRV"
}

// Observation is one immutable look: a question put to one server and what
// came of it. A look that failed is an Observation with a Failure; it is never
// a Go error. Observations are not changed once made.
type Observation struct {
	Question

	Resolver      string // configured name of the resolver
	Operator      string // who runs it; "" when nothing is known but its address
	Server        string // address and port asked, "8.8.8.8:53"
	Transport     string // of the last exchange: "udp", "tcp", "tls" or "https"
	Via           string // the proxy it went through, without its user; "" when none
	Authoritative bool   // the server is declared authoritative, or was reached by delegation
	Local         bool   // the server is declared to stand in the market

	Rcode   string  // RFC 6895 mnemonic of the last response, "NOERROR"; "" if none came
	Failure Failure // "" when the look gave an answer (NODATA is an answer)
	Detail  string  // the failure in words, with server and question

	Tailoring    Tailoring
	TailoringWhy string // one plain sentence

	Flags  HeaderFlags     // of the last response
	NSID   string          // which machine of the server gave it (RFC 5001); "" when it did not say
	Errors []ExtendedError // what the server said besides, in the last response

	// DNSSEC is what came of validating the responses ourselves; nil where
	// that is not wanted, or no response came to validate. Bogus and
	// indeterminate answers are failures, without addresses.
	DNSSEC *DNSSEC

	// Returned is the client subnet option of the last response, and Scope its
	// scope prefix length; Returned is not valid when no option came back.
	Returned netip.Prefix
	Scope    int

	Chain     []Link   // the aliases and service records followed, in order
	Addresses []Answer // every address at the end of the chain; a look whose services could be followed only in part has a Failure and the addresses of that part
	Exchanges []Exchange

	// Path is how the answering server was found from the root, when it was
	// reached by delegation: the last step is that server, each step before it
	// a server that led to the next. Empty for a configured server.
	Path []Delegation

	At  time.Time     // when the first request was sent
	RTT time.Duration // of the exchange that gave the answer
}

// Witness names whose word the look is. What one operator's servers say is one
// word, however many of them are asked.
func (o Observation) Witness() string {
	if o.Operator != "" {
		return o.Operator
	}
	return o.Resolver
}

// Delegation is one step from the root to the server that answered: a zone,
// and the server of the zone that was believed (RFC 1034 section 4.3.2).
type Delegation struct {
	Zone    string `json:"zone"`    // "." for the root
	Server  string `json:"server"`  // name of the server, as the zone above has it
	Address string `json:"address"` // address and port asked
}

// Link is one step of a chain: an alias, or a record that names the host of a
// service.
type Link struct {
	Owner  string `json:"owner"`
	Type   string `json:"type"` // "CNAME" or "DNAME"; "HTTPS", "MX" or "SRV" for a service record
	Target string `json:"target"`
	TTL    uint32 `json:"ttl"` // seconds
}

// Answer is one address record.
type Answer struct {
	Address netip.Addr // never a mapped (::ffff:) address
	TTL     uint32     // seconds
	Owner   string     // the name that has the record, the last of the chain

	// DNS64 is the IPv6 address as it was answered, when that was made from
	// the IPv4 address Address (RFC 6147): what is behind it is where the IPv4
	// address is. Not valid when the record held Address itself.
	DNS64 netip.Addr

	// Hint is true for an address out of an HTTPS record itself (RFC 9460
	// section 7.3): a client may connect to it before it has asked for the
	// address records.
	Hint bool
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

// Same reports whether x and y are one exchange.
func (x Exchange) Same(y Exchange) bool {
	return x.Server == y.Server && x.Transport == y.Transport && x.Name == y.Name && x.At.Equal(y.At) && bytes.Equal(x.Request, y.Request)
}

// Answered reports whether the look gave an answer: NOERROR, with or without
// addresses.
func (o Observation) Answered() bool { return o.Failure == "" && o.Rcode == "NOERROR" }

// Meets reports whether the look meets the need of its client subnet and
// record type: it answered, and its answer was meant for the market.
func (o Observation) Meets() bool { return o.Answered() && o.OfMarket() }

// OfMarket reports whether what the look showed was meant for the market. A
// look that failed half way can have shown addresses that count.
func (o Observation) OfMarket() bool {
	return !o.Subnet.Displaced && (o.Tailoring != TailoringNone || o.FromMarket())
}

// FromMarket reports whether the answer is what users of the market get because
// the server stands there. An answer that says it is for another subnet is not.
func (o Observation) FromMarket() bool { return o.Local && !o.elsewhere() }

// elsewhere reports whether the answer says that it is for a client subnet
// other than the one it was asked for.
func (o Observation) elsewhere() bool {
	return o.Tailoring == TailoringNone && o.Returned.IsValid()
}

// ResolverStatus is what one question before a run showed of a resolver.
type ResolverStatus struct {
	Name     string
	Operator string // who runs it; "" when nothing is known but its address
	Server   string // the address used in this run; the last one tried if none answered
	Answers  bool
	Failure  Failure // why it does not answer

	// PassesSubnets is true when the client subnet option came back. Declared
	// says that the configuration expects it to.
	PassesSubnets bool
	Declared      bool

	Authoritative bool
	StandsIn      []Country // markets it is declared to stand in
	Text          string    // one plain sentence

	// Only lists the markets whose questions it is asked, when not all;
	// Except those whose questions it is not asked.
	Only, Except []Country

	Checks []ResolverCheck // what was tested besides; empty when nothing was
}

// Asked reports whether questions of the market go to the resolver.
func (s ResolverStatus) Asked(market Country) bool {
	if len(s.Only) > 0 {
		return slices.Contains(s.Only, market)
	}
	return !slices.Contains(s.Except, market)
}

// ResolverCheck is one property of a resolver, tested.
type ResolverCheck struct {
	Name   string      `json:"name"` // "client-subnets", "dnssec", "nxdomain", "controls", "path", "dns64"
	Result CheckResult `json:"result"`
	Text   string      `json:"text"` // one plain sentence
}

// CheckResult is what came of testing a property.
type CheckResult string

const (
	CheckUnknown CheckResult = "unknown" // it could not be tested
	CheckGood    CheckResult = "good"    // as it should be
	CheckNote    CheckResult = "note"    // not as it could be; answers are to be believed all the same
	CheckBad     CheckResult = "bad"     // its answers, or those of the path to it, are not to be believed
)
