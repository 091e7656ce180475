package resolve

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"residency/internal/residency"
)

// Defaults of an Iterative's fields left at zero.
const (
	DefaultSubnetLabels = 2
	DefaultLookQueries  = 256
	DefaultRunQueries   = 1_000_000
)

// Bounds of the work that zones can make us do for one look.
const (
	maxNames       = 32 // names asked for in one look: targets of aliases and services
	maxNameServers = 16 // name servers of one zone that are asked; more is an attack or of no use (NXNSAttack)
	maxDependence  = 4  // zones whose servers' names must be found to find the servers of a zone
	perHost        = 4  // requests under way at one address, unless Server.InFlight says otherwise
	deadAfter      = 3  // requests in a row without response after which an address is left alone for the run
	maxLooks       = 64 // looks under way at the same time
	probeGroup     = 3  // root servers probed at the same time
)

// Iterative makes a Server one that finds the name servers of each name by
// itself, from the root down, and asks them. Every authoritative server of
// every zone in the chain of aliases is asked, those that only the zone itself
// names too, and every distinct target is followed: each authoritative server of the last zone gives one Observation.
//
// The client subnet is told to the servers of zones that belong to somebody,
// not to those of the root and the top-level domains (RFC 7871 section 11.1:
// as little as serves), and never while only looking for a zone's servers.
type Iterative struct {
	// Roots are the servers to begin at, "host:port"; default RootServers().
	// They are asked who the root servers are, and those are asked from then on.
	Roots []string

	// Port is the port of all servers reached by delegation; default 53.
	Port uint16

	// Minimise asks the servers on the way for no more of the name than they
	// need (RFC 9156).
	Minimise bool

	// AllowSpecial has servers asked whose addresses are not on the public
	// internet. Without it a zone can aim no request at an internal network.
	// Roots are always asked.
	AllowSpecial bool

	// Sample is how many servers of each zone are asked for one question; 0 is
	// all (at most 16). Which ones they are depends on the question only, so
	// that different questions see different servers and the same question the
	// same ones.
	Sample int

	// SubnetLabels is the fewest labels of a zone whose servers are told the
	// client subnet; default 2.
	SubnetLabels int

	LookQueries int // requests for one look; default 256
	RunQueries  int // requests in one Observe; default 1,000,000
}

// iteration is the state of one iterative server. What it learned of zones is
// kept from run to run, as long as the zones allow.
type iteration struct {
	set    *settings
	server Server
	opt    Iterative
	root   *cut             // guarded by mu, see rooted
	clock  func() time.Time // for lifetimes; time.Now
	spent  atomic.Int64     // requests in this run

	mu    sync.Mutex
	cuts  map[string]*cut      // by zone
	in    map[string]kept      // the zone that a name was found to be in
	hosts map[string]hostAddrs // addresses of name servers, by name
	ends  map[string]*endpoint // by address and port
	busy  map[string]chan struct{}

	// lineTo makes the line to an address, with its habits and its pace.
	lineTo func(addr string) *line

	validator Validator // nil: responses are not validated
}

// kept is a zone known to hold a name, until a time.
type kept struct {
	zone  string
	until time.Time
}

// hostAddrs are the addresses of a name server, until a time.
type hostAddrs struct {
	addrs []netip.Addr
	until time.Time
}

// endpoint is what is known of one address in this run.
type endpoint struct {
	line  *line
	slots chan struct{} // limits the requests under way

	mu   sync.Mutex
	row  int               // requests in a row without a response
	last residency.Failure // of the last of them
}

// newIteration makes the state of an iterative server.
func newIteration(set *settings, server Server) *iteration {
	it := &iteration{
		set: set, server: server, opt: *server.Iterative, clock: time.Now,
		cuts: map[string]*cut{}, in: map[string]kept{}, hosts: map[string]hostAddrs{},
		ends: map[string]*endpoint{}, busy: map[string]chan struct{}{},
	}
	it.server.Authoritative = true // whoever answers is reached by delegation
	o := &it.opt
	if o.Port == 0 {
		o.Port = 53
	}
	if o.SubnetLabels <= 0 {
		o.SubnetLabels = DefaultSubnetLabels
	}
	if o.LookQueries <= 0 {
		o.LookQueries = DefaultLookQueries
	}
	if o.RunQueries <= 0 {
		o.RunQueries = DefaultRunQueries
	}
	it.root = &cut{zone: ".", servers: it.hints()}
	return it
}

// iteration returns the state of server i, which is iterative.
func (r *Resolver) iteration(i int, set *settings) *iteration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.iterations == nil {
		r.iterations = map[int]*iteration{}
	}
	it := r.iterations[i]
	if it == nil {
		it = newIteration(set, r.Servers[i])
		it.lineTo = r.lineTo(set, r.Servers[i])
		if set.newValidator != nil {
			it.validator = r.Servers[i].validatorMaker(set)(it.fetch)
		}
		r.iterations[i] = it
	}
	return it
}

// lineTo makes the lines to servers reached by delegation. Each address has a
// pace of its own; with a proxy they are asked over TCP.
func (r *Resolver) lineTo(set *settings, server Server) func(string) *line {
	one := Server{Proxy: server.Proxy, Rate: server.Rate, Authoritative: true}
	return func(addr string) *line {
		if one.Proxy != nil {
			addr = overTCP + "://" + addr
		}
		return r.line(set, one, addr)
	}
}

// renew begins a run: what was silent in the last one is asked again.
func (it *iteration) renew() {
	it.mu.Lock()
	defer it.mu.Unlock()
	clear(it.ends)
	it.spent.Store(0)
	it.forget()
}

// end returns what is known of an address.
func (it *iteration) end(addr string) *endpoint {
	it.mu.Lock()
	defer it.mu.Unlock()
	e := it.ends[addr]
	if e == nil {
		e = &endpoint{line: it.lineTo(addr), slots: make(chan struct{}, cmp.Or(it.server.InFlight, perHost))}
		it.ends[addr] = e
	}
	return e
}

// observe makes all looks and hands the observations of each to done, together.
func (it *iteration) observe(ctx context.Context, qs []residency.Question, dead *deadServer, done func([]residency.Observation)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(it.set.inFlight, maxLooks, len(qs)) {
		workers.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(qs); n = int(next.Add(1)) - 1 {
				done(it.observations(ctx, qs[n], dead))
			}
		})
	}
	workers.Wait()
}

// observations makes one look.
func (it *iteration) observations(ctx context.Context, q residency.Question, dead *deadServer) []residency.Observation {
	l := newTree(it, ctx, q)
	defer l.stop()
	switch {
	case ended(ctx) != "":
		l.refuse(ended(ctx), "the run ended before it was asked")
	case dead != nil:
		l.refuse(dead.failure, "not asked, because of what the root servers showed at the start of this run: "+dead.text)
	case l.rtype == 0:
		l.refuse(residency.FailFormerr, fmt.Sprintf("type %q cannot be asked", q.Type))
	default:
		l.grow()
	}
	l.validate()
	return l.out
}

// probe asks the root servers, some at a time, until one answers.
func (it *iteration) probe(ctx context.Context) (residency.ResolverStatus, probed) {
	it.renew()
	st := residency.ResolverStatus{
		Name: it.server.Name, Operator: it.server.Operator, Declared: true, Authoritative: true,
		StandsIn: slices.Clone(it.server.StandsIn), Only: slices.Clone(it.server.Only), Except: slices.Clone(it.server.Except),
		Failure: residency.FailUnreachable, Text: "no root server is configured",
	}
	for group := range slices.Chunk(shuffled(it.hints()), probeGroup) {
		var asking sync.WaitGroup
		results := make([]outcome, len(group))
		w := newWalk(it, ctx)
		for i, ns := range group {
			asking.Go(func() { results[i] = w.ask(ns, query0{name: ".", rtype: typeNS, tries: 1}) })
		}
		asking.Wait()
		w.stop()
		for i, got := range results {
			st.Server = got.addr
			if got.resp != nil {
				it.prime(group[i], got)
				st.Answers, st.PassesSubnets, st.Failure = true, true, ""
				st.Text = fmt.Sprintf("root server %s answers; client subnets go to the servers of the vendors' own zones", plainName(group[i].name))
				return st, probed{addr: got.addr}
			}
			st.Failure, st.Text = got.failure, fmt.Sprintf("no root server answers, %s the last of them: %s", got.addr, got.why)
		}
	}
	if st.Failure == residency.FailBudget || st.Failure == residency.FailCancelled {
		return st, probed{}
	}
	return st, probed{dead: &deadServer{failure: st.Failure, text: st.Text}}
}

// sampled returns the servers of a zone that are asked for one question, in a
// fixed order.
func (it *iteration) sampled(list []nameServer, q residency.Question) []nameServer {
	if it.opt.Sample <= 0 || it.opt.Sample >= len(list) {
		return list
	}
	h := fnv.New32a()
	fmt.Fprint(h, q.Endpoint.Host, q.Type, q.Subnet.Prefix)
	first := int(h.Sum32() % uint32(len(list)))
	out := make([]nameServer, 0, it.opt.Sample)
	for i := range it.opt.Sample {
		out = append(out, list[(first+i)%len(list)])
	}
	return out
}
