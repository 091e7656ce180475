package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// Validator says whether a response is what the owners of its zones signed.
type Validator interface {
	// Validate judges a response in wire form to the question of name and
	// type (IANA number). What it needs besides it fetches with the same ctx,
	// within which it must end.
	Validate(ctx context.Context, response []byte, name string, rtype uint16) residency.DNSSEC
}

// Fetch asks for one record set of a chain of trust, DS or DNSKEY, and returns
// the exchange that brought it. ctx must be that of a Validate.
type Fetch func(ctx context.Context, name string, rtype uint16) (residency.Exchange, error)

// maxSteps bounds the chain kept of one look, and the exchanges behind it; one
// response has a few steps.
const maxSteps = 64

// judged is a response that a look rests on, and what it was found to be. The
// looks of iterative mode that share it share the verdict.
type judged struct {
	name    string
	rtype   uint16
	raw     []byte
	done    bool
	got     residency.DNSSEC
	failure residency.Failure // why it is indeterminate, as far as asking goes
	why     string
}

// inquiry is the part of one Validate that its Fetch works for. It travels in
// the context, since the validator stands between.
type inquiry struct {
	walk    *walk // nil for a server that is not iterative
	failure residency.Failure
	why     string
}

type inquiryKey struct{}

// fails notes why something could not be fetched.
func fails(ctx context.Context, x residency.Exchange, f residency.Failure, why string) (residency.Exchange, error) {
	if i, ok := ctx.Value(inquiryKey{}).(*inquiry); ok {
		i.failure, i.why = f, why
	}
	return x, errors.New(why)
}

// isOfChain reports whether records of the type are part of chains of trust.
func isOfChain(rtype uint16) bool { return rtype == dns.TypeDS || rtype == dns.TypeDNSKEY }

// uses notes a response that the look rests on. One that reports an error says
// nothing that could be signed.
func (l *look) uses(q *query, resp *response, raw []byte) {
	if l.validator != nil && (resp.rcode == dns.RcodeSuccess || resp.rcode == dns.RcodeNameError) {
		l.used = append(l.used, &judged{name: q.name, rtype: q.rtype, raw: raw})
	}
}

// finish ends a look. Where its responses are to be validated that comes
// first, in a goroutine of its own since it may have to ask; the look counts as
// under way as long, so the window bounds these goroutines.
func (e *engine) finish(f *flight) {
	if len(f.used) == 0 {
		e.hand(f)
		return
	}
	e.wg.Go(func() {
		ctx, cancel := context.WithDeadline(e.ctx, f.until)
		f.validate(ctx, e.ctx, nil)
		cancel()
		e.hand(f)
		e.fill()
		e.out.ring()
	})
}

// validate validates all that a look rests on, within ctx; run ends with the
// run. An answer that is bogus, or of which that cannot be found out, becomes a
// failure: whoever can drop packets can make any answer indeterminate. Its
// addresses are left in the messages only.
func (l *look) validate(ctx, run context.Context, w *walk) {
	o := &l.obs
	if len(l.used) == 0 || o.Failure == residency.FailIntercepted {
		return // an answer known to be forged needs no second reason
	}
	sum := residency.DNSSEC{State: residency.DNSSECSecure}
	worst := l.used[0]
	for _, u := range l.used {
		u.judge(ctx, run, l.validator, w)
		if u.got.State.Weight() > sum.State.Weight() {
			worst, sum.State, sum.Why, sum.Text = u, u.got.State, u.got.Why, u.got.Text
		}
		for _, step := range u.got.Steps {
			if len(sum.Steps) < maxSteps && !slices.Contains(sum.Steps, step) {
				sum.Steps = append(sum.Steps, step)
			}
		}
		for _, x := range u.got.Proof {
			if len(sum.Proof) < maxSteps && !slices.ContainsFunc(sum.Proof, x.Same) {
				sum.Proof = append(sum.Proof, x)
			}
		}
		if sum.State == residency.DNSSECBogus {
			break // it cannot get worse
		}
	}
	o.DNSSEC = &sum
	about := aboutName(worst.name, l.first)
	switch sum.State {
	case residency.DNSSECSecure, residency.DNSSECInsecure:
		return
	case residency.DNSSECIndeterminate:
		if o.Failure == residency.FailNXDomain {
			o.Failure = ""
		}
		l.fail(worst.failure, "whether the answer"+about+" is rightly signed could not be found out: "+worst.why)
	default:
		o.Failure = ""
		l.fail(residency.FailBogus, fmt.Sprintf("the answer%s is bogus: %s. The chain of trust: %s", about, sum.Text, sum.Path()))
	}
	o.Addresses = nil
}

// judge validates the response, once.
func (u *judged) judge(ctx, run context.Context, v Validator, w *walk) {
	if u.done {
		return
	}
	i := &inquiry{walk: w}
	u.got, u.done = v.Validate(context.WithValue(ctx, inquiryKey{}, i), u.raw, u.name, u.rtype), true
	u.failure, u.why = i.failure, i.why
	switch {
	case ended(run) != "":
		u.failure, u.why = ended(run), "the run ended before all that decides was asked"
	case u.failure != "":
	case ctx.Err() != nil:
		u.failure, u.why = residency.FailTimeout, "the look ran out of time"
	default: // what came could not be read, or did not answer the question
		u.failure, u.why = residency.FailMalformed, u.got.Text
	}
}

// validator returns the validator of server i, which is asked by the line; nil
// where nothing is validated. Each server has its own: what one withholds or
// spoils must not be held against another. A server that answers from its own
// zones has no more of the chain, so that is asked of the first other server.
func (r *Resolver) validator(i int, ln *line) Validator {
	if ln.set.newValidator == nil {
		return nil
	}
	fetch := ln.fetch
	if j := r.askedForChain(i); j != i {
		other := r.Servers[j]
		if other.Iterative != nil {
			it := r.iteration(j, ln.set)
			fetch = it.fetchAlone
		} else {
			addr := other.firstAddress()
			if p, ok := r.lastProbe(j); ok && p.addr != "" {
				addr = p.addr
			}
			fetch = r.line(ln.set, other, addr).fetch
		}
	}
	m := r.remember()
	m.mu.Lock()
	defer m.mu.Unlock()
	key := ln.key
	if ln.server.NewValidator != nil {
		key += " as " + ln.server.Name
	}
	if m.validators[key] == nil {
		m.validators[key] = ln.server.validatorMaker(ln.set)(fetch)
	}
	return m.validators[key]
}

// validatorMaker returns what makes the server's validator: its own, which has
// other anchors, or that of all.
func (s Server) validatorMaker(set *settings) func(Fetch) Validator {
	if s.NewValidator != nil {
		return s.NewValidator
	}
	return set.newValidator
}

// askedForChain returns the index of the server that is asked for the chains of
// trust of server i's answers: itself, but for a server that answers from its
// own zones alone the first that knows more.
func (r *Resolver) askedForChain(i int) int {
	if !r.Servers[i].Authoritative {
		return i
	}
	if j := slices.IndexFunc(r.Servers, func(s Server) bool { return !s.Authoritative }); j >= 0 {
		return j
	}
	return i
}

// fetch is the Fetch of a configured server. Like the further queries of a look
// it does not wait for its turn, and is paid for by the looks after it.
func (ln *line) fetch(ctx context.Context, name string, rtype uint16) (residency.Exchange, error) {
	q, err := newQuery(canonical(name), rtype, asking{
		recurse: !ln.server.Authoritative, edns: true, secure: true, unchecked: true,
		udpSize: ln.set.udpSize, mix: ln.set.mixCase,
	})
	if err != nil {
		return fails(ctx, residency.Exchange{}, residency.FailFormerr, err.Error())
	}
	what := dns.TypeToString[rtype] + " of " + plainName(q.name) + " at " + ln.way.text
	if len(ln.way.targets) == 0 || ln.way.err != nil {
		return fails(ctx, residency.Exchange{}, residency.FailUnreachable, what+": the server has no address to ask")
	}
	var best try
	for range ln.set.tries {
		ln.pace.spend()
		t := ln.exchange(ctx, ln.begins(), q, newID())
		if t.overTCP {
			t = ln.exchange(ctx, overTCP, q, newID())
		}
		if t.resp != nil {
			if f, why := rcodeFailure(t.resp.rcode); t.resp.rcode != dns.RcodeSuccess && t.resp.rcode != dns.RcodeNameError {
				return fails(ctx, t.Exchange, f, what+": "+why+besides(t.resp.errors))
			}
			return t.Exchange, nil
		}
		if best.Failure == "" || best.Failure == residency.FailTimeout {
			best = t
		}
		if ctx.Err() != nil || lasting(t.Failure) {
			break
		}
	}
	if best.Failure == residency.FailBudget || best.Failure == residency.FailCancelled || best.Failure == residency.FailTimeout {
		return fails(ctx, best.Exchange, residency.FailTimeout, what+": no answer came in time") // judge sees whether the run ended
	}
	return fails(ctx, best.Exchange, best.Failure, fmt.Sprintf("%s: %v", what, best.cause))
}

// fetch is the Fetch of iterative mode. A DS record belongs to the zone above
// its name, so that zone's servers are asked for it (RFC 4035 section 3.1.4.1).
// What it asks counts as part of the look.
func (it *iteration) fetch(ctx context.Context, name string, rtype uint16) (residency.Exchange, error) {
	i, ok := ctx.Value(inquiryKey{}).(*inquiry)
	if !ok || i.walk == nil {
		return residency.Exchange{}, errors.New("fetch " + name + ": outside of a look")
	}
	w, at := i.walk, canonical(name)
	holder := at
	if rtype == dns.TypeDS && at != "." {
		holder = parent(at)
	}
	what := dns.TypeToString[rtype] + " of " + plainName(at) + ": "
	c, bad := w.zoneOf(holder, nil)
	if bad != nil {
		return fails(ctx, residency.Exchange{}, bad.failure, what+bad.why)
	}
	_, r, s, _, bad := w.askAny(c, at, rtype, nil)
	var x residency.Exchange
	if len(r.tried) > 0 {
		x = r.tried[len(r.tried)-1]
	}
	switch {
	case bad != nil:
		return fails(ctx, x, bad.failure, what+bad.why)
	case s == refers:
		return fails(ctx, x, residency.FailLame, what+"the server refers to the zone below, which does not have it")
	}
	return x, nil
}

// fetchAlone is fetch for the looks of another server.
func (it *iteration) fetchAlone(ctx context.Context, name string, rtype uint16) (residency.Exchange, error) {
	w := newWalk(it, ctx)
	defer w.stop()
	i, ok := ctx.Value(inquiryKey{}).(*inquiry)
	if ok && i.walk == nil {
		i.walk = w
		defer func() { i.walk = nil }()
	}
	return it.fetch(ctx, name, rtype)
}

// validate validates the looks of the tree.
func (t *tree) validate() {
	for i := range t.out {
		if len(t.used[i]) == 0 {
			continue
		}
		l := look{obs: t.out[i], used: t.used[i], validator: t.it.validator, first: t.first}
		before := l.obs.Detail
		l.validate(t.ctx, t.run, t.walk)
		if l.obs.Detail != before {
			l.askedBy()
		}
		t.out[i] = l.obs
	}
}
