package resolve

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"residency/internal/residency"
)

// Defaults of a Resolver's fields left at zero.
const (
	DefaultTimeout  = 2 * time.Second
	DefaultTries    = 3
	DefaultInFlight = 16
	DefaultMaxChain = 16
	DefaultUDPSize  = 1232 // fits the IPv6 minimum MTU unfragmented
)

// Server is a DNS server to ask.
type Server struct {
	Name string // as configured, for people

	// Addresses are "host:port". Probe tries them in order and the first that
	// answers is used; without a Probe the first one is.
	Addresses []string

	// PassesSubnets says that the server is expected to pass client subnets
	// on. It changes no result: what came back decides.
	PassesSubnets bool

	// Authoritative says that the server answers from its own zones: an
	// answer with scope 0 is then the same for every client. It is asked
	// without wanting recursion.
	Authoritative bool

	// StandsIn lists the markets in which the server stands, so that its
	// answers are answers users there get even without a client subnet.
	StandsIn []residency.Country
}

// Resolver asks servers. The zero value of every field but Servers is useful;
// no field may be changed once the Resolver is in use.
type Resolver struct {
	Servers []Server

	// Dial opens every socket: "udp" sockets, which must be connected, and
	// "tcp". It must end when its context does. Default: a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Now gives the time written into observations. Default: time.Now.
	Now func() time.Time

	Timeout  time.Duration // how long to wait for a response to one request
	Tries    int           // requests for one question before it is given up
	InFlight int           // looks under way at one server at the same time; above 16 fewer when responses get lost, and never more than 512
	MaxChain int           // aliases followed in one look
	UDPSize  uint16        // response size offered over UDP (RFC 6891 section 6.2.3), bytes

	mu     sync.Mutex
	probed []probed // by index of Servers; empty before the first Probe
}

// settings are a Resolver's fields with the defaults filled in.
type settings struct {
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	now      func() time.Time
	timeout  time.Duration
	tries    int
	inFlight int
	maxChain int
	udpSize  uint16
}

func (r *Resolver) settings() *settings {
	s := &settings{
		dial: r.Dial, now: r.Now, timeout: r.Timeout, tries: r.Tries,
		inFlight: r.InFlight, maxChain: r.MaxChain, udpSize: r.UDPSize,
	}
	if s.dial == nil {
		s.dial = new(net.Dialer).DialContext
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.timeout <= 0 {
		s.timeout = DefaultTimeout
	}
	if s.tries <= 0 {
		s.tries = DefaultTries
	}
	if s.inFlight <= 0 {
		s.inFlight = DefaultInFlight
	}
	if s.maxChain <= 0 {
		s.maxChain = DefaultMaxChain
	}
	if s.udpSize < 512 { // RFC 6891 section 6.2.3: less than 512 means 512
		s.udpSize = DefaultUDPSize
	}
	return s
}

// lookLimit is the longest one look may take, with all its retries and every
// target it must ask on for. One honest exchange needs at most tries times
// timeout; a server that hands out a chain drop by drop gets no more than
// twice that.
func (s *settings) lookLimit() time.Duration { return 2 * time.Duration(s.tries) * s.timeout }

// standsIn reports whether the server is declared to stand in the market.
func (s Server) standsIn(market residency.Country) bool {
	return market.Known() && slices.Contains(s.StandsIn, market)
}

// firstAddress is the address to ask when no Probe has found a better one.
func (s Server) firstAddress() string {
	if len(s.Addresses) == 0 {
		return ""
	}
	return s.Addresses[0]
}
