package dnssec

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// Validator validates responses. The zero value has no anchors: everything is
// indeterminate. Its fields are not changed once it is in use. It may be used
// from several goroutines at once, and remembers validated keys between calls;
// goroutines that need the same link at the same time share one fetch.
type Validator struct {
	// Fetch returns a response for name, type and class IN, with its request,
	// asked with the DO bit (RFC 3225) and the CD bit (RFC 4035 section 3.2.2)
	// set, over TCP where UDP truncates. An error makes what depends on it
	// indeterminate. It is called for DS and DNSKEY only. A DS question is for
	// the parent's servers when no recursive resolver is asked.
	Fetch func(ctx context.Context, name string, qtype uint16) (residency.Exchange, error)

	Anchors []Anchor         // usually RootAnchors()
	Now     func() time.Time // nil: time.Now

	// Skew is how far this host's clock may be off: signatures are taken that
	// much earlier and later. 0 is strict.
	Skew time.Duration

	// AllowSHA1 accepts RSASHA1 and RSASHA1-NSEC3-SHA1 (algorithms 5 and 7).
	// Without it zones signed only so are insecure, as RFC 9905 section 2
	// asks of operators.
	AllowSHA1 bool

	Limits Limits

	mu    sync.Mutex
	links map[string]*link         // by name: what is known about it
	busy  map[string]chan struct{} // by name: closed when whoever fetches it is done
}

// Limits bounds one call of Validate. 0 stands for the default.
type Limits struct {
	Fetches       int    // calls of Fetch; default 64
	Verifications int    // signatures computed; default 128
	Failures      int    // of these, wrong ones; default 8
	Signatures    int    // tried for one set of records; default 8
	Keys          int    // tried for one signature, all with its tag; default 4
	HashRounds    int    // SHA-1 rounds for NSEC3; default 32768
	Iterations    uint16 // of NSEC3 above which a zone counts as insecure; default 100 (RFC 9276 section 3.2)
	Aliases       int    // CNAME and DNAME followed; default 32

	Links   int           // remembered names, over all calls; default 4096
	MaxTTL  time.Duration // for which a link is remembered at most; default 1 h
	FailTTL time.Duration // for which a bogus link is remembered (RFC 4035 section 4.7); default 10 s
}

// or returns the default for 0.
func or[T int | uint16 | time.Duration](n, standard T) T {
	if n == 0 {
		return standard
	}
	return n
}

// filled returns l with the defaults for what is 0.
func (l Limits) filled() Limits {
	return Limits{
		Fetches:       or(l.Fetches, 64),
		Verifications: or(l.Verifications, 128),
		Failures:      or(l.Failures, 8),
		Signatures:    or(l.Signatures, 8),
		Keys:          or(l.Keys, 4),
		HashRounds:    or(l.HashRounds, 32768),
		Iterations:    or(l.Iterations, 100),
		Aliases:       or(l.Aliases, 32),
		Links:         or(l.Links, 4096),
		MaxTTL:        or(l.MaxTTL, time.Hour),
		FailTTL:       or(l.FailTTL, 10*time.Second),
	}
}

// Validate judges a response in wire form to the question of that name and
// type (IANA number), class IN. It never fails otherwise than by its verdict.
// Only answers and denials can be judged: a referral is bogus where the zone
// is signed, since it denies nothing.
func (v *Validator) Validate(ctx context.Context, raw []byte, qname string, qtype uint16) Result {
	w := v.begin()
	name, err := canonical(qname)
	if err != nil {
		return Result{State: Indeterminate, Why: WhyMalformed}
	}
	m, err := parse(raw, name, qtype)
	switch {
	case err != nil:
		return Result{State: Indeterminate, Why: WhyMalformed}
	case qtype == dns.TypeRRSIG:
		return Result{State: Indeterminate, Why: WhyType}
	case m.rcode != dns.RcodeSuccess && m.rcode != dns.RcodeNameError:
		return Result{State: Indeterminate, Why: WhyRcode}
	}
	got := v.follow(ctx, w, m, name, qtype)
	got.Chain, got.Proof, got.Work = w.chain, w.proof, w.spent
	return got
}

// work is the state of one call of Validate: what is spent, and the proof.
type work struct {
	v      *Validator
	limits Limits
	now    time.Time
	spent  Work
	over   bool // a limit was hit: nothing from here on is proof of anything

	chain []Step
	proof []residency.Exchange // of the links in the chain
	got   []residency.Exchange // what this call fetched itself
	shown map[string]bool      // names whose links are in the chain
	known map[gathering]*proof
}

// gathering names the denials of one zone in one response.
type gathering struct {
	m    *message
	zone string
}

// begin starts one call.
func (v *Validator) begin() *work {
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	return &work{v: v, limits: v.Limits.filled(), now: now(),
		shown: map[string]bool{}, known: map[gathering]*proof{}}
}

var errLimit = errors.New("over the limit")

// fetch gets the response for one link.
func (w *work) fetch(ctx context.Context, name string, qtype uint16) (*message, error) {
	if w.spent.Fetches >= w.limits.Fetches {
		w.over = true
		return nil, errLimit
	}
	w.spent.Fetches++
	if w.v.Fetch == nil {
		return nil, errors.New("no way to fetch")
	}
	x, err := w.v.Fetch(ctx, name, qtype)
	if x.Request != nil || x.Response != nil {
		w.got = append(w.got, x)
	}
	if err != nil {
		return nil, err
	}
	m, err := parse(x.Response, name, qtype)
	if err != nil {
		return nil, err
	}
	if m.rcode != dns.RcodeSuccess && m.rcode != dns.RcodeNameError {
		return nil, errShape
	}
	return m, nil
}

// note adds a step to the proof. A hostile response cannot make it grow
// without bound: the limits bound what leads here, the cap bounds the rest.
func (w *work) note(s Step) {
	if len(w.chain) < 256 {
		w.chain = append(w.chain, s)
	}
}
