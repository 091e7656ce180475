package resolve

import (
	"math"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// lookRequests is how many requests one look puts to a configured server, give
// or take the last chain of aliases: whoever publishes service records that
// lead on and on makes us ask no more than that. Iterative servers have
// Iterative.LookQueries.
const lookRequests = 256

// Plan is what a run means to do, beside its questions.
type Plan struct {
	Questions []residency.Question
	Within    time.Duration // the run ends after this long; 0: never
	Draws     Draws
	Names     bool // the names of addresses are asked for, see Resolver.Names
}

// Draws is how many questions of a run are put again for addresses that the
// first answer did not show, at most, and to which servers.
type Draws struct {
	Most                     int
	Authoritative, Recursive bool
}

// Forecast is what a run puts to one server by one way: to all servers that are
// found, if it is iterative.
type Forecast struct {
	Looks      int // questions, each one request at least
	Tests      int // requests that test whether it answers and can be believed
	Signatures int // requests for keys, at least; 0 where nothing is validated
	Finding    int // of an iterative server: requests that find the servers, at least

	// Least is how many requests a run puts at least, when the server answers
	// all of them; Most is how many it puts in any case, whatever is lost,
	// repeated, led on or drawn again.
	Least, Most int

	// Rate is how many requests a server gets in a second (each server that is
	// found, if it is iterative), 0 for no limit; Takes is how long the least
	// takes at that rate.
	Rate  float64
	Takes time.Duration
}

// Forecast says what a run puts to server i of Servers.
func (r *Resolver) Forecast(i int, p Plan) Forecast {
	s, set := r.Servers[i], r.settings()
	f := Forecast{Rate: r.RateOf(s)}
	mine := s.mine(p.Questions)
	f.Looks = len(mine)
	if f.Looks == 0 && s.picky() {
		return f // nobody's questions go this way: it is only probed
	}
	if s.Iterative != nil {
		f.Signatures = r.leastKeys(i, p.Questions)
		r.forecastIterative(&f, newIteration(set, s), mine, p)
		return f
	}
	f.Tests = 1
	if r.Controls != nil && !s.Authoritative {
		f.Tests += len(controlQuestions(*r.Controls, "", false))
	}
	f.Signatures = r.leastKeys(i, p.Questions)
	f.Least = f.Looks + f.Tests + f.Signatures
	f.Takes = spanOf(f.Least, f.Rate)
	f.Most = bounded(r.most(s, set, mine, p), min(f.Looks, underWay(s, set)), f, p)
	return f
}

// most is how many requests a run puts to a configured server by the bounds of
// looks alone. Every request is tried so often, perhaps with less EDNS or with
// another cookie, and over TCP besides.
func (r *Resolver) most(s Server, set *settings, qs []residency.Question, p Plan) int {
	again := 2 * set.tries * (1 + ednsNone + maxCookies)
	one := func(q residency.Question) int {
		n := (1 + set.maxChain) * again
		if isService(questionType(q.Type)) {
			n += lookRequests
		}
		if r.NewValidator != nil {
			n += maxFetches * (2 + set.maxChain) * 2 * set.tries
		}
		return n
	}
	all, largest := r.controlsMost(s)*again, 0
	for _, q := range qs {
		n := one(q)
		all, largest = all+n, max(largest, n)
	}
	if s.Authoritative && p.Draws.Authoritative || !s.Authoritative && p.Draws.Recursive {
		all += p.Draws.Most * largest
	}
	if p.Names && !s.Authoritative {
		all += 2 * maxNamed
	}
	return all
}

// underWay is how many looks are under way at a server at a time.
func underWay(s Server, set *settings) int {
	if s.InFlight > 0 {
		return min(s.InFlight, maxSockets*perSocket)
	}
	return min(set.inFlight, maxSockets*perSocket)
}

// controlsMost is how many questions test a server, on all its addresses.
func (r *Resolver) controlsMost(s Server) int {
	n := max(1, len(s.Addresses))
	if r.Controls != nil && !s.Authoritative {
		n += len(controlQuestions(*r.Controls, "", false))
	}
	return n
}

// maxFetches is how often a Validator asks for one response, at most; see
// dnssec.Limits.
const maxFetches = 64

// bounded is the least of what looks can come to and what the rate lets
// through in the time. Only the first request of a look waits for its turn, so
// those of the looks under way can be ahead of it.
func bounded(most, underWay int, f Forecast, p Plan) int {
	if f.Rate > 0 && p.Within > 0 {
		paced := math.Ceil(f.Rate*p.Within.Seconds()) + float64(underWay*lookRequests)
		most = min(most, int(min(paced, math.MaxInt32)))
	}
	return max(most, f.Least)
}

// leastKeys is how many requests for keys go to server i: for each server that
// asks it for its chains of trust the root's keys, and word of each top-level
// domain. What is below may not be signed.
func (r *Resolver) leastKeys(i int, qs []residency.Question) int {
	n := 0
	for j, s := range r.Servers {
		if mine := s.mine(qs); r.NewValidator != nil && len(mine) > 0 && r.askedForChain(j) == i {
			n += 1 + len(tops(mine))
		}
	}
	return n
}

// tops returns the top-level domains of the questions' hosts.
func tops(qs []residency.Question) []string {
	var list []string
	for _, q := range qs {
		host := q.Endpoint.Host
		list = append(list, host[strings.LastIndexByte(host, '.')+1:])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// forecastIterative says what a run puts to all servers that are found. Each
// question goes to every server of its zone, of which there is one at least;
// each host's zone has to be found, over its top-level domain.
func (r *Resolver) forecastIterative(f *Forecast, it *iteration, qs []residency.Question, p Plan) {
	perHost := map[string]int{}
	busiest := 0
	for _, q := range qs {
		perHost[q.Endpoint.Host]++
		busiest = max(busiest, perHost[q.Endpoint.Host])
	}
	f.Rate = max(0, r.rateOf(it.server, wayTo(it.hints()[0].addrs[0], "", nil)))
	f.Tests = min(probeGroup, len(it.hints()))
	if r.Controls != nil && it.isPublic() {
		f.Tests += 1 + len(r.Controls.Known)
	}
	f.Finding = len(perHost) + len(tops(qs))
	f.Least = f.Looks + f.Tests + f.Finding + f.Signatures
	f.Takes = spanOf(busiest, f.Rate)
	looks := len(qs)
	if p.Draws.Authoritative {
		looks += p.Draws.Most
	}
	f.Most = max(f.Least, f.Tests+min(it.opt.RunQueries, looks*it.opt.LookQueries))
}

// spanOf is how long so many requests take at a rate; nothing without one.
func spanOf(n int, rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(n) / rate * float64(time.Second))
}
