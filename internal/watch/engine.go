// Package watch is the engine: for everything that is due it looks, locates
// and judges, and hands back one Run. It knows no DNS, no database and no
// format; those come in through interfaces.
//
//	e := watch.Engine{Observer: resolver, Locator: locator, Claims: claims,
//		Endpoints: endpoints, Markets: markets, Memory: store, Now: time.Now, Rand: rand.Reader}
//	run := e.Run(ctx)
//
// Run never fails: what could not be looked at is in the Run, as failures, and
// what could not be remembered as notices.
package watch

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
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
	// The questions are not used any more once it returns.
	Observe(ctx context.Context, questions []residency.Question, done func(residency.Observation))
}

// Engine checks endpoints against claims.
type Engine struct {
	Observer  Observer
	Locator   Locator
	Claims    []residency.Claim
	Endpoints []residency.Endpoint
	Markets   []residency.Market
	Waivers   []residency.Waiver
	Types     []string // record types to ask of endpoints that state none; A and AAAA when empty

	// Header holds what the run says of its origin: Version, ConfigSHA256,
	// Notice, Notices, Datasets, Missing, Due. The other fields are filled in.
	Header residency.Run

	// Due says which endpoints are looked at in this run; nil: all. The others
	// stand by what is remembered of them, where that is not older than the
	// window.
	Due func(residency.Endpoint) bool

	// Memory is what runs are remembered in; nil: each is judged by itself. It is
	// not used by a run judged as of another time.
	Memory  Memory
	Window  time.Duration // how far back a verdict looks, where there is a memory
	Confirm policy.Confirmations

	// Slim runs hand back only those rounds that have a cell that is not plainly
	// inside, or has become so. Where there is a memory, no round has its raw packets.
	Slim bool

	// Track says what became of an endpoint's findings by its new round: before is
	// what was remembered of it; the run has no rounds and no claims yet. Nil, or
	// no memory: there are no findings.
	Track func(run residency.Run, before residency.Recollection, round residency.Round) ([]residency.Finding, []residency.Alert)

	// Conclude says at the end of a run what follows for claims and the rest: open
	// are all findings that are, told is what was told before. The run has the
	// rounds that are handed back. The Run of what it returns is not used.
	Conclude func(run residency.Run, open []residency.Finding, told []residency.Told) residency.RunEnd

	// Hints reads places out of the names that lead to an address; what it says
	// is kept beside the location and decides nothing. Nil: no hints.
	Hints Hinter

	// Namer finds the names that addresses have by themselves (PTR), for Hints.
	// Nil: only the names that led to an address are read.
	Namer Namer

	// Surveyor measures how far the addresses can be. Nil: nothing is measured.
	// As one calibration counts for all, a run with one looks at everything
	// before it locates anything.
	Surveyor Surveyor

	// Pool looks for addresses that the first looks did not show; nil: not.
	Pool *Pool

	// At is the time to judge at. The zero time is the time the run starts;
	// any other makes the run a simulated one.
	At time.Time

	Now      func() time.Time
	Rand     io.Reader             // for run ids
	Progress func(done, total int) // looks; may be nil

	// Batch is how many endpoints are looked at, judged and remembered together;
	// 1000 when zero.
	Batch int
}

// Run looks at every endpoint that is due and that a claim covers, in every
// market that the claim covers it for, locates every address and judges every
// cell. When ctx ends, what was measured by then is judged and the run is
// partial.
func (e *Engine) Run(ctx context.Context) residency.Run {
	p := e.begin(ctx, e.At, false)
	p.look(ctx)
	p.rest(ctx, p.undue)
	return p.end(ctx)
}

// Reassess judges what is remembered as of a time, without a look: how claims
// stand changes when one comes due. Without a memory nothing is known.
func (e *Engine) Reassess(ctx context.Context, at time.Time) residency.Run {
	p := e.begin(ctx, at, true)
	p.rest(ctx, p.covered)
	return p.end(ctx)
}

// ProbeQuestion returns the question that a run tests the resolvers with; false
// when a run has nothing to ask.
func (e *Engine) ProbeQuestion() (residency.Question, bool) {
	return newScope(e).probe(e.Endpoints)
}

// Planned returns the questions that a run of everything puts.
func (e *Engine) Planned() []residency.Question {
	return newScope(e).questions(e.Endpoints)
}

// Results returns how many cells a run of everything judges.
func (e *Engine) Results() int {
	s, n := newScope(e), 0
	for i := range e.Endpoints {
		for _, c := range s.of(&e.Endpoints[i]) {
			n += len(c.claims)
		}
	}
	return n
}

func (e *Engine) types() []string {
	if len(e.Types) == 0 {
		return []string{"A", "AAAA"}
	}
	return e.Types
}

// id makes a run id that sorts by time and does not repeat.
func (e *Engine) id(at time.Time) string {
	var b [4]byte
	if _, err := io.ReadFull(e.Rand, b[:]); err != nil {
		return at.UTC().Format("20060102T150405.000000000Z")
	}
	return at.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:])
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
