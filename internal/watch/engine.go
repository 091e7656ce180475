// Package watch is the engine: for everything that is due it looks, locates
// and judges, and hands back one Run. It knows no DNS, no database and no
// format; those come in through the two interfaces below.
//
//	e := watch.Engine{Observer: resolver, Locator: locator, Claims: claims,
//		Endpoints: endpoints, Markets: markets, Now: time.Now, Rand: rand.Reader}
//	run := e.Run(ctx)
//
// Run never fails: what could not be looked at is in the Run, as failures.
package watch

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"residency/internal/policy"
	"residency/internal/residency"
)

// Observer looks. Its methods are called by one goroutine at a time.
type Observer interface {
	// Probe asks every server once and says what it learned of each, in the
	// order of the configuration. It returns soon after ctx ends.
	Probe(ctx context.Context, q residency.Question) []residency.ResolverStatus

	// Observe puts every question to every server and hands each observation
	// to done, one at a time, in any order. Every (question, server) gets at
	// least one: what failed, or was not asked because ctx ended, is an
	// observation with a failure. Where a server is many (all the servers that
	// a delegation leads to), those of one question come one after the other.
	Observe(ctx context.Context, questions []residency.Question, done func(residency.Observation))
}

// Engine checks endpoints against claims.
type Engine struct {
	Observer  Observer
	Locator   Locator
	Claims    []residency.Claim
	Endpoints []residency.Endpoint
	Markets   []residency.Market
	Types     []string // record types to ask of endpoints that state none; A and AAAA when empty

	// Header holds what the run says of its origin: Version, ConfigSHA256,
	// Notice, Notices, Datasets, Missing. The other fields are filled in.
	Header residency.Run

	// Hints reads places out of the names that lead to an address; what it says
	// is kept beside the location and decides nothing. Nil: no hints.
	Hints Hinter

	// Namer finds the names that addresses have by themselves (PTR), for Hints.
	// Nil: only the names that led to an address are read.
	Namer Namer

	// Surveyor measures how far the addresses can be. Nil: nothing is measured.
	Surveyor Surveyor

	// Pool looks for addresses that the first looks did not show; nil: not.
	Pool *Pool

	// At is the time to judge at. The zero time is the time the run starts;
	// any other makes the run a simulated one.
	At time.Time

	Now      func() time.Time
	Rand     io.Reader             // for run ids
	Progress func(done, total int) // looks; may be nil
}

// Run looks at every endpoint that a claim covers, in every market that the
// claim covers it for, locates every address and judges every cell. When ctx
// ends, what was measured by then is judged and the run is partial.
func (e *Engine) Run(ctx context.Context) residency.Run {
	run := e.Header
	run.Started = e.Now()
	run.At, run.Simulated = run.Started, false
	if !e.At.IsZero() {
		run.At, run.Simulated = e.At, true
	}
	run.ID = e.id(run.Started)
	questions := e.questions()
	byEndpoint := e.observe(ctx, &run, questions)
	e.redraw(ctx, &run, questions, byEndpoint)
	where := e.locate(ctx, &run, byEndpoint)
	for _, ep := range e.Endpoints {
		if looks, ok := byEndpoint[ep.Key()]; ok {
			run.Rounds = append(run.Rounds, e.round(ep, looks, &run, where))
		}
	}
	e.stand(&run)
	if ctx.Err() != nil && incomplete(run.Rounds) {
		run.Partial, run.PartialBy = true, ended(ctx)
	}
	run.Finished = e.Now()
	return run
}

// observe probes the resolvers and puts all questions, gathered by endpoint.
func (e *Engine) observe(ctx context.Context, run *residency.Run, questions []residency.Question) map[string][]residency.Observation {
	byEndpoint := map[string][]residency.Observation{}
	for _, ep := range e.Endpoints {
		if ep.Address.IsValid() && slices.ContainsFunc(e.Markets, func(m residency.Market) bool { return e.covered(ep, m.Code) }) {
			byEndpoint[ep.Key()] = nil // nothing is asked about an address
		}
	}
	if len(questions) == 0 {
		return byEndpoint
	}
	run.Resolvers = e.Observer.Probe(ctx, probeQuestion(questions))
	if ctx.Err() == nil { // else they were not given the time to answer
		run.Notices = append(slices.Clone(run.Notices), resolverNotices(run.Resolvers)...)
	}
	total, done := 0, 0
	var last residency.Question
	var resolver string
	for _, q := range questions {
		for _, s := range run.Resolvers {
			if s.Asked(q.Market) {
				total++
			}
		}
		byEndpoint[q.Endpoint.Key()] = nil // a round even if nothing comes back
	}
	e.Observer.Observe(ctx, questions, func(o residency.Observation) {
		key := o.Endpoint.Key()
		byEndpoint[key] = append(byEndpoint[key], o)
		if o.Question == last && o.Resolver == resolver {
			return // another server of the same look
		}
		last, resolver = o.Question, o.Resolver
		done++
		if e.Progress != nil {
			e.Progress(done, total)
		}
	})
	return byEndpoint
}

// probeQuestion picks the question that tests the resolvers: a live endpoint
// through a client subnet, if there is one.
func probeQuestion(questions []residency.Question) residency.Question {
	for _, q := range questions {
		if q.Subnet.Prefix.IsValid() && !q.Subnet.Displaced && q.Endpoint.Retired.IsZero() {
			return q
		}
	}
	return questions[0]
}

// ProbeQuestion returns the question that a run tests the resolvers with; false
// when a run has nothing to ask.
func (e *Engine) ProbeQuestion() (residency.Question, bool) {
	questions := e.questions()
	if len(questions) == 0 {
		return residency.Question{}, false
	}
	return probeQuestion(questions), true
}

// Planned returns the questions that a run puts.
func (e *Engine) Planned() []residency.Question { return e.questions() }

// questions lists what is to be asked: every endpoint that some claim covers,
// as every market it is covered for, through every client subnet, for every
// type.
func (e *Engine) questions() []residency.Question {
	var list []residency.Question
	for _, ep := range e.Endpoints {
		for _, m := range e.Markets {
			if !e.covered(ep, m.Code) {
				continue
			}
			subnets := m.Subnets
			if len(subnets) == 0 {
				subnets = []residency.ClientSubnet{{}}
			}
			for _, s := range subnets {
				for _, typ := range ep.Types(e.types()) {
					list = append(list, residency.Question{Endpoint: ep, Market: m.Code, Subnet: s, Type: typ})
				}
			}
		}
	}
	return list
}

func (e *Engine) types() []string {
	if len(e.Types) == 0 {
		return []string{"A", "AAAA"}
	}
	return e.Types
}

func (e *Engine) covered(ep residency.Endpoint, market residency.Country) bool {
	return slices.ContainsFunc(e.Claims, func(c residency.Claim) bool { return c.Covers(ep, market) })
}

// round locates and judges what was seen of one endpoint.
func (e *Engine) round(ep residency.Endpoint, looks []residency.Observation, run *residency.Run, where *places) residency.Round {
	at, lost := run.At, degraded(run.Resolvers)
	slices.SortStableFunc(looks, compareLooks)
	r := residency.Round{Endpoint: ep, At: at, Observations: looks, Locations: where.all(ep, looks, run.Started)}
	drawn, needed := e.drawnOf(ep, looks), residency.Needed(ep.Types(e.types()))
	for _, m := range e.Markets {
		records := drawn.Of(m.Code)
		f := policy.Facts{Endpoint: ep, Market: m, Types: needed, Locations: r.Locations, At: at, Degraded: lost, Surveys: run.Surveys}
		for _, o := range looks {
			if o.Market == m.Code {
				f.Looks = append(f.Looks, o)
			}
		}
		for _, c := range e.Claims {
			if c.Covers(ep, m.Code) {
				cell := policy.Judge(c, f)
				cell.Pool = poolOf(records, m, needed, cell)
				r.Cells = append(r.Cells, cell)
			}
		}
	}
	return r
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

// stand works out the standing of every claim over all rounds.
func (e *Engine) stand(run *residency.Run) {
	locations := map[netip.Addr]residency.Location{}
	cells := map[string][]residency.Cell{}
	for _, r := range run.Rounds {
		for addr, loc := range r.Locations {
			locations[addr] = loc
		}
		for _, c := range r.Cells {
			cells[c.Claim] = append(cells[c.Claim], c)
		}
	}
	for _, c := range e.Claims {
		run.Claims = append(run.Claims, policy.Stand(c, cells[c.ID], locations, run.At))
	}
}

// id makes a run id that sorts by time and does not repeat.
func (e *Engine) id(at time.Time) string {
	var b [4]byte
	if _, err := io.ReadFull(e.Rand, b[:]); err != nil {
		return at.UTC().Format("20060102T150405.000000000Z")
	}
	return at.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:])
}

// compareLooks orders the looks of an endpoint as people read them.
func compareLooks(a, b residency.Observation) int {
	return cmp.Or(
		strings.Compare(a.Market.String(), b.Market.String()),
		a.Subnet.Prefix.Addr().Compare(b.Subnet.Prefix.Addr()),
		strings.Compare(a.Type, b.Type),
		strings.Compare(a.Resolver, b.Resolver),
		a.At.Compare(b.At),
	)
}

// incomplete reports whether some look was cut off.
func incomplete(rounds []residency.Round) bool {
	for _, r := range rounds {
		for _, o := range r.Observations {
			if o.Failure == residency.FailBudget || o.Failure == residency.FailCancelled {
				return true
			}
		}
	}
	return false
}

// ended says in plain words why ctx ended.
func ended(ctx context.Context) string {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		return "the time budget ran out"
	}
	if errors.Is(cause, context.Canceled) {
		return "interrupted"
	}
	return cause.Error()
}

// overHTTPS reports whether the address last tried of a resolver was over HTTPS.
func overHTTPS(s residency.ResolverStatus) bool { return strings.HasPrefix(s.Server, "https://") }

// resolverNotices says what the user must know of the resolvers first.
func resolverNotices(list []residency.ResolverStatus) []string {
	var notices []string
	answering, passing := 0, 0
	for _, s := range list {
		if s.Answers {
			answering++
		}
		if s.Answers && (s.PassesSubnets || len(s.StandsIn) > 0) {
			passing++
		}
	}
	if answering == 0 {
		var each []string
		for _, s := range list {
			each = append(each, fmt.Sprintf("%s (%s)", s.Server, s.Failure))
		}
		if !slices.ContainsFunc(list, func(s residency.ResolverStatus) bool { return s.Failure != residency.FailIntercepted }) {
			return append(notices, fmt.Sprintf("no configured resolver is believed: %s. Something on this network changes answers; \"residency resolvers\" shows what. Ask over TLS or HTTPS, or through a proxy elsewhere ([network] proxy)", strings.Join(each, ", ")))
		}
		text := fmt.Sprintf("no configured resolver answered: %s. Is there a network, and may this host send DNS queries to port 53?", strings.Join(each, ", "))
		if !slices.ContainsFunc(list, overHTTPS) {
			text += " A host that may not can ask over HTTPS, also through a proxy: [[resolve.server]] addresses = [\"https://dns.google/dns-query\"], bootstrap = [\"8.8.8.8\"], and [network] proxy"
		}
		return append(notices, text)
	}
	if passing == 0 {
		notices = append(notices, "no configured resolver passes client subnets on: what follows was seen from here, and is about no market")
	}
	for _, s := range list {
		if !s.Answers || (s.Declared && !s.PassesSubnets) {
			notices = append(notices, fmt.Sprintf("resolver %s %s", s.Name, s.Text))
		}
	}
	return notices
}
