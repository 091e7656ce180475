package ledger

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"residency/internal/residency"
)

// Trial is one round to be judged again, with all that its verdicts rest on.
type Trial struct {
	Run   RunEntry // as sealed: the time judged at, the window, the rules
	Round residency.RoundSeal

	// Past are the earlier rounds of the endpoint whose runs lie in the
	// window, oldest first, as stretches of the same sight.
	Past []Sighting

	// Before is the judgement of the last round before, BeforeSight its sight
	// and BeforeAt the time it judged at; zero when there was none.
	Before, BeforeSight residency.Hash
	BeforeAt            time.Time

	// Claims are those that the run judged, as sealed.
	Claims []residency.Claim

	// Bodies returns what is kept by hash, each held to its hash. One that is
	// not there is a TamperError.
	Bodies func(hashes ...residency.Hash) ([][]byte, error)
}

// Sighting is a stretch of runs in the window that showed the same of an
// endpoint.
type Sighting struct {
	Sight       residency.Hash
	Judgement   residency.Hash
	Runs        int       // how many
	First, Last time.Time // the times they judged at
}

// rejudge walks over runs in order, remembers of each endpoint what the
// window needs, and has each round judged again.
type rejudge struct {
	v                         *Verifier
	known                     *acts
	past                      map[string]*history
	reach                     *reach
	seen                      hashSet
	from                      int64       // the first run whose rounds are judged again
	times                     []time.Time // at which each run judged, in order
	gap                       time.Time   // that of the last run whose rounds are gone; zero for none
	bodies, judged, notJudged atomic.Int64
}

func newRejudge(v *Verifier, known *acts) *rejudge {
	return &rejudge{v: v, known: known, past: map[string]*history{}, reach: &known.reach}
}

// forget says that a run's rounds are gone: what follows it cannot be judged
// again until the window has passed.
func (r *rejudge) forget(run *RunEntry) {
	clear(r.past)
	r.gap = run.At.Time
}

// run verifies the bodies of a run's rounds and has them judged again.
func (r *rejudge) run(ctx context.Context, j job, claims []residency.Claim, rounds []residency.RoundSeal) error {
	r.times = append(r.times, j.run.At.Time)
	list := make([]*history, len(rounds))
	for i, round := range rounds {
		h := r.past[round.Endpoint]
		if h == nil {
			h = &history{}
			r.past[round.Endpoint] = h
		}
		list[i] = h
	}
	return spread(ctx, r.v.Workers, len(rounds), func(i int) error {
		h := list[i]
		if err := r.verifyBodies(ctx, j.index, j.run.Seq, rounds[i], !r.gap.IsZero() && len(h.stretches) == 0); err != nil {
			return err
		}
		if err := r.judge(ctx, j, h, r.trial(h, j.run, rounds[i], claims)); err != nil {
			return err
		}
		h.add(len(r.times)-1, rounds[i])
		return nil
	})
}

// judge judges one round again, where that is possible: by the rules at hand,
// and with everything that its verdicts rest on still there.
func (r *rejudge) judge(ctx context.Context, j job, h *history, t Trial) error {
	if r.v.Judge == nil || j.run.Rules != r.v.Rules || j.run.Seq < r.from {
		return nil
	}
	if !r.gap.IsZero() && (len(h.stretches) == 0 || !r.gap.Before(t.since())) {
		r.notJudged.Add(1)
		return nil
	}
	r.judged.Add(1)
	return r.judgeAgain(ctx, j, t)
}

// judgeAgain compares the judgement of a round with one made anew.
func (r *rejudge) judgeAgain(ctx context.Context, j job, t Trial) error {
	where := fmt.Sprintf("judgement of %s in run %d", t.Round.Endpoint, j.run.Seq)
	t.Bodies = func(hashes ...residency.Hash) ([][]byte, error) {
		return r.load(ctx, j.index, where, hashes)
	}
	got, err := r.v.Judge(ctx, t)
	if IsTamper(err) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		return tampered(j.index, t.Round.Judgement, err, "%s cannot be judged again", where)
	}
	if residency.HashOf(got) == t.Round.Judgement {
		return nil
	}
	want, err := r.load(ctx, j.index, where, []residency.Hash{t.Round.Judgement})
	if err != nil {
		return err
	}
	if bytes.Equal(want[0], got) {
		return nil
	}
	a, b := firstDifference(want[0], got)
	return tampered(j.index, a, b, "%s, judged again", where)
}

// load returns bodies, each held to its hash.
func (r *rejudge) load(ctx context.Context, leaf int64, what string, hashes []residency.Hash) ([][]byte, error) {
	found, err := r.v.Runs.Bodies(ctx, hashes)
	if err != nil {
		return nil, fmt.Errorf("read bodies for the %s: %w", what, err)
	}
	out := make([][]byte, len(hashes))
	for i, h := range hashes {
		if r.seen.add(h) {
			r.bodies.Add(1)
		}
		if err := checkBody(leaf, h, found, "body for the %s", what); err != nil {
			return nil, err
		}
		out[i] = found[h]
	}
	return out, nil
}

// verifyBodies holds the bodies of a round to their hashes, those that were
// not held to them already. Where the rounds before it were deleted by policy,
// so were their last packets, unless a hold kept them.
func (r *rejudge) verifyBodies(ctx context.Context, leaf, seq int64, round residency.RoundSeal, first bool) error {
	parts := [...]struct {
		what string
		hash residency.Hash
	}{{"sight", round.Sight}, {"judgement", round.Judgement}, {"packets", round.Packets}, {"last packets before that", round.LastPackets}}
	for _, p := range parts {
		if p.hash == (residency.Hash{}) || !r.seen.add(p.hash) {
			continue
		}
		found, err := r.v.Runs.Bodies(ctx, []residency.Hash{p.hash})
		if err != nil {
			return fmt.Errorf("read %s of %s in run %d: %w", p.what, round.Endpoint, seq, err)
		}
		if _, there := found[p.hash]; !there && first && p.hash == round.LastPackets {
			continue
		}
		r.bodies.Add(1)
		if err := checkBody(leaf, p.hash, found, "%s of %s in run %d", p.what, round.Endpoint, seq); err != nil {
			return err
		}
	}
	return nil
}

// hashSet is a set of hashes for several goroutines that forgets all when it
// has grown large: then some bodies are only verified once more.
type hashSet struct {
	mu  sync.Mutex
	set map[residency.Hash]struct{}
}

// maxHashes bounds the set to about 100 MB.
const maxHashes = 2 << 20

// add reports whether the hash is new.
func (s *hashSet) add(h residency.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.set[h]; ok {
		return false
	}
	if s.set == nil || len(s.set) >= maxHashes {
		s.set = map[residency.Hash]struct{}{}
	}
	s.set[h] = struct{}{}
	return true
}
