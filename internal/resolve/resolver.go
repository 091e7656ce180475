package resolve

import (
	"context"
	"crypto/x509"
	"net"
	"net/url"
	"slices"
	"strings"
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

	// Addresses are "192.0.2.1:53" (UDP, and TCP for what does not fit) or
	// have a transport in front: "tcp://192.0.2.1:53", "tls://192.0.2.1:853",
	// "tls://dns.example@192.0.2.1:853", "https://dns.example/dns-query".
	// Probe tries them in order and the first that answers is used; without a
	// Probe the first one is.
	Addresses []string

	// TLSName is whom the server's certificate must be for, where the address
	// does not say it. Default: the host of the address.
	TLSName string

	// Bootstrap are the IP addresses of a host that Addresses give by name.
	Bootstrap []string

	// Proxy carries all queries to the server, over TCP then (schemes http,
	// https, socks5). Default: what Resolver.Proxy says.
	Proxy *url.URL

	// Operator is who runs the server, who is one witness however many servers
	// they run; "" for what the address or the name says (see OperatorAt).
	Operator string

	// PassesSubnets says that the server is expected to pass client subnets
	// on. It changes no result: what came back decides.
	PassesSubnets bool

	// Authoritative says that the server answers from its own zones: an
	// answer with scope 0 is then the same for every client. It is asked
	// without wanting recursion.
	Authoritative bool

	// Iterative makes it no server, but all servers that are found from the
	// root down; nil for a server at Addresses.
	Iterative *Iterative

	// StandsIn lists the markets in which the server stands, so that its
	// answers are answers users there get even without a client subnet.
	StandsIn []residency.Country

	// Only lists the markets whose questions are put to the server, when not
	// all; Except those whose questions are not. Questions without a market
	// are put to every server.
	Only, Except []residency.Country

	// NewValidator makes what validates its responses, with anchors of its own;
	// nil for Resolver.NewValidator. Without that nothing is validated.
	NewValidator func(fetch Fetch) Validator

	// Rate is how many queries per second it gets: 0 means Resolver.Rate, less
	// than 0 no limit. Servers of one Name share one budget.
	Rate float64

	// InFlight is how many looks may be under way at it; 0 means
	// Resolver.InFlight.
	InFlight int
}

// Resolver asks servers. The zero value of every field but Servers is useful;
// no field may be changed once the Resolver is in use.
type Resolver struct {
	Servers []Server

	// Dial opens every socket: "udp" sockets, which must be connected, and
	// "tcp". It must end when its context does. Default: a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Proxy names the proxy for a "host:port" that is reached over TCP, TLS or
	// HTTPS by its address; nil for none. Default: no proxy.
	Proxy func(addr string) (*url.URL, error)

	// Roots are the authorities whose certificates are believed. Default: the
	// system's.
	Roots *x509.CertPool

	// Rate is how many queries per second a server gets: 0 means DefaultRate
	// for each that is not on this machine, less than 0 no limit.
	Rate float64

	// Jitter is the longest time, taken by chance for each server, before the
	// first Observe after a Probe asks it, so that programs started by one clock do not all
	// ask at once.
	Jitter time.Duration

	// MixCase asks over UDP with the letters of names in capitals and small by
	// chance, so that a forged response must get them right. Servers that do
	// not repeat them are asked over TCP.
	MixCase bool

	// NewValidator makes what validates the responses of one server, and
	// remembers keys from look to look. It gets the records of the chain of
	// trust from the same server, by fetch. Nil: nothing is validated, and
	// only what servers say of it themselves (AD) is kept.
	NewValidator func(fetch Fetch) Validator

	// Controls are tested of each server at a Probe, at most once an hour. Nil:
	// nothing is.
	Controls *Controls

	// Now gives the time written into observations. Default: time.Now.
	Now func() time.Time

	Timeout  time.Duration // how long to wait for a response to one request
	Tries    int           // requests for one question before it is given up
	InFlight int           // looks under way at one server at the same time; above 16 fewer when responses get lost, and never more than 512
	MaxChain int           // aliases followed in one look
	UDPSize  uint16        // response size offered over UDP (RFC 6891 section 6.2.3), bytes

	mu     sync.Mutex
	probed []probed // by index of Servers; empty before the first Probe
	begun  bool     // the jitter of this run is over
	memory *memory

	iterations map[int]*iteration // by index of Servers; what iterative servers learned of zones
}

// memory is what is known of servers, from run to run.
type memory struct {
	mu     sync.Mutex
	habits map[string]*habits // by address and proxy
	paces  map[string]*pace   // by name of the server
	tested map[string]tested  // by address and proxy: what came of the controls

	validators map[string]Validator // by address and proxy
}

func (r *Resolver) remember() *memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory == nil {
		r.memory = &memory{habits: map[string]*habits{}, paces: map[string]*pace{}, tested: map[string]tested{}, validators: map[string]Validator{}}
	}
	return r.memory
}

// One returns a Resolver that asks one of the servers, at the address that
// answered the Probe and by the same way. It shares all that is remembered,
// and the budget of queries.
func (r *Resolver) One(st residency.ResolverStatus) *Resolver {
	one := &Resolver{
		Dial: r.Dial, Proxy: r.Proxy, Roots: r.Roots, Rate: r.Rate, MixCase: r.MixCase, Now: r.Now,
		Timeout: r.Timeout, Tries: r.Tries, InFlight: r.InFlight, MaxChain: r.MaxChain, UDPSize: r.UDPSize,
		NewValidator: r.NewValidator, memory: r.remember(), begun: true,
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range r.Servers {
		if s.Name == st.Name && slices.Equal(s.Only, st.Only) {
			if it := r.iterations[i]; it != nil {
				one.iterations = map[int]*iteration{len(one.Servers): it}
			}
			if slices.Contains(s.Addresses, st.Server) {
				s.Addresses = []string{st.Server}
			}
			one.Servers = append(one.Servers, s)
		}
	}
	return one
}

// settings are a Resolver's fields with the defaults filled in.
type settings struct {
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	now      func() time.Time
	given    bool // now was handed in
	timeout  time.Duration
	tries    int
	inFlight int
	maxChain int
	udpSize  uint16
	proxy    func(addr string) (*url.URL, error)
	roots    *x509.CertPool
	jitter   time.Duration
	mixCase  bool

	newValidator func(Fetch) Validator
	operators    *operators
}

func (r *Resolver) settings() *settings {
	s := &settings{
		dial: r.Dial, now: r.Now, timeout: r.Timeout, tries: r.Tries,
		inFlight: r.InFlight, maxChain: r.MaxChain, udpSize: r.UDPSize,
		proxy: r.Proxy, roots: r.Roots, jitter: r.Jitter, mixCase: r.MixCase,
		newValidator: r.NewValidator, operators: newOperators(),
	}
	if s.dial == nil {
		s.dial = new(net.Dialer).DialContext
	}
	if s.given = s.now != nil; !s.given {
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

// at returns the time to be written into an observation for an instant that
// was just read from the system's clock.
func (s *settings) at(instant time.Time) time.Time {
	if s.given {
		return s.now()
	}
	return instant
}

// standsIn reports whether the server is declared to stand in the market.
func (s Server) standsIn(market residency.Country) bool {
	return market.Known() && slices.Contains(s.StandsIn, market)
}

// line makes the line to one address of a server.
func (r *Resolver) line(set *settings, server Server, addr string) *line {
	ln := &line{set: set, server: server, way: wayTo(addr, server.TLSName, server.Bootstrap), quiet: newSilence()}
	ln.viaText = ln.via()
	ln.operator = server.operator(set.operators, ln.way)
	rate := r.rateOf(server, ln.way)
	name := server.Name
	if name == "" { // found by delegation: one budget, by whatever way it is asked
		name = strings.TrimPrefix(addr, overTCP+"://")
	}
	m := r.remember()
	m.mu.Lock()
	defer m.mu.Unlock()
	ln.key = addr + " " + ln.viaText // a cookie is for one client address
	if m.habits[ln.key] == nil {
		m.habits[ln.key] = newHabits()
	}
	if p, ok := m.paces[name]; !ok || p == nil && rate > 0 {
		m.paces[name] = newPace(rate)
	}
	ln.habits, ln.pace = m.habits[ln.key], m.paces[name]
	return ln
}

// RateOf returns how many queries per second the server gets, 0 for no limit,
// as far as its first address says.
func (r *Resolver) RateOf(s Server) float64 {
	return max(0, r.rateOf(s, wayTo(s.firstAddress(), s.TLSName, s.Bootstrap)))
}

func (r *Resolver) rateOf(s Server, w way) float64 {
	switch {
	case s.Rate != 0:
		return s.Rate
	case r.Rate != 0:
		return r.Rate
	case w.near() && s.Proxy == nil:
		return 0
	}
	return DefaultRate
}

// Asked reports whether questions of the market are put to the server.
func (s Server) Asked(market residency.Country) bool {
	return !market.Known() || residency.ResolverStatus{Only: s.Only, Except: s.Except}.Asked(market)
}

// mine returns the questions that are put to the server.
func (s Server) mine(qs []residency.Question) []residency.Question {
	if !s.picky() {
		return qs
	}
	return slices.DeleteFunc(slices.Clone(qs), func(q residency.Question) bool { return !s.Asked(q.Market) })
}

// picky reports whether some questions are not put to the server.
func (s Server) picky() bool { return len(s.Only)+len(s.Except) > 0 }

// firstAddress is the address to ask when no Probe has found a better one.
func (s Server) firstAddress() string {
	if len(s.Addresses) == 0 {
		return ""
	}
	return s.Addresses[0]
}
