package watch

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"residency/internal/pool"
	"residency/internal/residency"
)

// usualBatch is how many endpoints are looked at together where nothing else
// is said: enough to keep servers busy while the batch before is judged, and
// few enough to hold in memory.
const usualBatch = 1000

// batch is some endpoints on their way through a run.
type batch struct {
	places    []int // in Engine.Endpoints
	questions []residency.Question
	looks     map[name][]residency.Observation
	drawn     map[name]*pool.Drawn // nil: of the looks alone
	where     *places
	surveyed  Surveyed
}

// name is which endpoint a look is at.
type name struct{ vendor, service, host string }

func nameOf(e *residency.Endpoint) name { return name{e.Vendor, e.Service, e.Host} }

// look looks at everything that is due, batch by batch: while one is judged, the
// next is being looked at and the one before is being saved.
func (p *pass) look(ctx context.Context) {
	p.probe(ctx)
	batches := make(chan *batch)
	go p.observeAll(ctx, batches)
	for b := range batches {
		p.run.Surveys = append(p.run.Surveys, b.surveyed.Surveys...)
		p.run.Datasets = append(p.run.Datasets, b.surveyed.Datasets...)
		for _, s := range b.surveyed.Surveys {
			p.run.Notices = append(p.run.Notices, s.Words())
		}
		p.judge(ctx, b)
	}
	p.save(context.WithoutCancel(ctx))
	p.saved()
	if len(p.left) > 0 {
		p.undue, p.cut = append(p.undue, p.left...), true
	}
}

// probe asks the resolvers before the run.
func (p *pass) probe(ctx context.Context) {
	question, found := residency.Question{}, false
	for _, i := range p.due {
		q, ok := p.scope.probe(p.e.Endpoints[i : i+1])
		if ok && (!found || live(q)) {
			question, found = q, true
		}
		if found && live(question) {
			break
		}
	}
	if !found {
		return
	}
	p.run.Resolvers = p.e.Observer.Probe(ctx, question)
	if ctx.Err() == nil { // else they were not given the time to answer
		p.run.Notices = append(p.run.Notices, resolverNotices(p.run.Resolvers)...)
	}
	p.degraded = degraded(p.run.Resolvers)
	for _, i := range p.due {
		p.pending += p.scope.looks(&p.e.Endpoints[i], p.run.Resolvers)
	}
}

// observeAll looks at the batches and hands each on. When ctx has ended, what
// is remembered of the endpoints that were not begun stands; without a memory
// they are all gone through, to say of each that it was not looked at.
func (p *pass) observeAll(ctx context.Context, out chan<- *batch) {
	defer close(out)
	size := p.e.Batch
	if size <= 0 {
		size = usualBatch
	}
	if p.e.Surveyor != nil {
		size = max(len(p.due), 1)
	}
	var questions []residency.Question // of one batch after the other
	for from := 0; from < len(p.due); from += size {
		if from > 0 && ctx.Err() != nil && p.memory != nil {
			p.left = p.due[from:]
			return
		}
		b := &batch{places: p.due[from:min(from+size, len(p.due))]}
		b.looks = make(map[name][]residency.Observation, len(b.places))
		questions = slices.Grow(questions[:0], p.scope.count(b.places))
		for _, i := range b.places {
			questions = slices.AppendSeq(questions, p.scope.each(&p.e.Endpoints[i]))
		}
		b.questions = questions
		p.observe(ctx, b)
		p.redraw(ctx, b)
		p.find(ctx, b)
		b.questions = nil
		out <- b
	}
}

// observe puts the questions of a batch.
func (p *pass) observe(ctx context.Context, b *batch) {
	if len(b.questions) == 0 {
		return // nothing is asked about an address
	}
	var last residency.Question
	var resolver string
	p.e.Observer.Observe(ctx, b.questions, func(o residency.Observation) {
		key := nameOf(&o.Endpoint)
		looks, known := b.looks[key]
		if !known {
			looks = make([]residency.Observation, 0, p.scope.looks(&o.Endpoint, p.run.Resolvers))
		}
		b.looks[key] = append(looks, o)
		if o.Resolver == resolver && o.Question == last {
			return // another server of the same look
		}
		last, resolver = o.Question, o.Resolver
		p.done++
		if p.e.Progress != nil {
			p.e.Progress(p.done, p.pending)
		}
	})
}

// live reports whether a question is one that tells of a resolver.
func live(q residency.Question) bool {
	return q.Subnet.Prefix.IsValid() && !q.Subnet.Displaced && q.Endpoint.Retired.IsZero()
}

// degraded names the resolvers that are declared to pass client subnets on,
// answered, and did not.
func degraded(list []residency.ResolverStatus) []string {
	var names []string
	for _, s := range list {
		if s.Answers && s.Declared && !s.PassesSubnets {
			names = append(names, s.Name)
		}
	}
	return names
}

// inOrder puts the looks of an endpoint into the order in which people read
// them. What is sorted is their places, as a look is large to move about; then
// each is moved once.
func inOrder(looks []residency.Observation) []residency.Observation {
	from := make([]int, len(looks))
	for i := range from {
		from[i] = i
	}
	slices.SortFunc(from, func(i, j int) int {
		if c := compareLooks(&looks[i], &looks[j]); c != 0 {
			return c
		}
		return i - j
	})
	for i := range from {
		if from[i] == i {
			continue
		}
		first, to := looks[i], i
		for from[to] != i { // round the circle that begins here
			looks[to] = looks[from[to]]
			to, from[to] = from[to], to
		}
		looks[to], from[to] = first, to
	}
	return looks
}

func compareLooks(a, b *residency.Observation) int {
	if a.Market != b.Market {
		return strings.Compare(a.Market.String(), b.Market.String())
	}
	if c := a.Subnet.Prefix.Addr().Compare(b.Subnet.Prefix.Addr()); c != 0 {
		return c
	}
	if c := strings.Compare(a.Type, b.Type); c != 0 {
		return c
	}
	if c := strings.Compare(a.Resolver, b.Resolver); c != 0 {
		return c
	}
	return a.At.Compare(b.At)
}

// ofMarket returns the looks of one market. They stand together in what is in
// order, and then nothing is copied.
func ofMarket(looks []residency.Observation, market residency.Country) []residency.Observation {
	first, last, n := -1, -1, 0
	for i := range looks {
		if looks[i].Market == market {
			if first < 0 {
				first = i
			}
			last = i
			n++
		}
	}
	if n == 0 {
		return nil
	}
	if last-first+1 == n {
		return looks[first : last+1 : last+1]
	}
	some := make([]residency.Observation, 0, n)
	for i := range looks {
		if looks[i].Market == market {
			some = append(some, looks[i])
		}
	}
	return some
}

// cutOff reports whether a look was cut off by the end of the run.
func cutOff(o *residency.Observation) bool {
	return o.Failure == residency.FailBudget || o.Failure == residency.FailCancelled
}

// locations are those that earlier rounds were judged by, by the hash of their
// bodies.
type locations struct {
	known map[residency.Hash]residency.Location
}

// maxLocations bounds how many are held at a time.
const maxLocations = 1 << 14

// get returns the location of an address, if it is held.
func (l *locations) get(h residency.Hash, addr netip.Addr) (residency.Location, bool) {
	loc, ok := l.known[h]
	loc.Address = addr
	return loc, ok
}

// put holds a location, parsed once for all addresses that have it.
func (l *locations) put(h residency.Hash, body []byte) error {
	loc, err := residency.ParseLocation(body, netip.Addr{})
	if err != nil {
		return err
	}
	if l.known == nil {
		l.known = map[residency.Hash]residency.Location{}
	}
	l.known[h] = loc
	return nil
}

// bound forgets all when there are too many; it is called where none is in use.
func (l *locations) bound() {
	if len(l.known) > maxLocations {
		l.known = nil
	}
}
