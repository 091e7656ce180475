package ledger

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"residency/internal/residency"
)

// judgeRuns holds the rounds of every run to the run, and has them judged
// again.
func (b *opened) judgeRuns(ctx context.Context) error {
	bodies := bundleRuns{b}
	again := newRejudge(&Verifier{Runs: bodies, Judge: b.v.Judge, Rules: b.v.Rules, Workers: b.v.Workers}, &b.known)
	again.from = b.manifest.First
	if b.manifest.Context > 1 && b.known.wasPruned(b.manifest.Context-1) {
		again.gap = b.runs[b.manifest.Context].run.At.Time // what came before is gone, by policy
	}
	again.reach = &reach{}
	for j := range b.ordered() {
		again.reach.add(j.run)
	}
	again.reach.end()
	if err := b.earlier(ctx, again); err != nil {
		return err
	}
	for j := range b.ordered() {
		rounds, err := b.rounds(j)
		if err != nil {
			return err
		}
		claims, err := b.claims(ctx, j)
		if err != nil {
			return err
		}
		b.rep.Rounds += int64(len(rounds))
		if j.run.Rules != b.v.Rules && b.v.Judge != nil {
			b.rep.OtherRules += int64(len(rounds))
		}
		if err := again.run(ctx, j, claims, rounds); err != nil {
			return err
		}
	}
	b.rep.Bodies, b.rep.Judged, b.rep.NotJudged = again.bodies.Load(), again.judged.Load(), again.notJudged.Load()
	return nil
}

// earlier holds the rounds of the runs before the context, and their bodies, to
// what was sealed. They are there for their packets and not judged again.
func (b *opened) earlier(ctx context.Context, again *rejudge) error {
	for _, seq := range b.manifest.Earlier {
		j := b.runs[seq]
		rounds, err := b.rounds(j)
		if err != nil {
			return err
		}
		if _, err := b.claims(ctx, j); err != nil {
			return err
		}
		b.rep.Rounds += int64(len(rounds))
		for _, r := range rounds {
			if err := again.verifyBodies(ctx, j.index, seq, r, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// bundleRuns is the part of Runs that judging again needs.
type bundleRuns struct{ *opened }

// Run is never asked of a bundle: its leaf says all that is needed.
func (bundleRuns) Run(context.Context, int64) (residency.Run, bool, error) {
	return residency.Run{}, false, nil
}

// Rounds is never asked of a bundle: they come with their proofs.
func (bundleRuns) Rounds(context.Context, int64) ([]residency.RoundSeal, error) { return nil, nil }

// rounds reads the rounds of a run, each proved, and wants every endpoint of
// the bundle to be there or shown to be absent.
func (b *opened) rounds(j job) ([]residency.RoundSeal, error) {
	name := "rounds/" + strconv.FormatInt(j.run.Seq, 10) + ".json"
	data, err := readFile(b.v.Files, name)
	if err != nil {
		return nil, tampered(j.index, "the rounds of the run", err, "%s", name)
	}
	var file bundleRounds
	if err := exactly(bytes.TrimSuffix(data, []byte("\n")), &file); err != nil || file.Run != j.run.Seq || file.Leaf != j.index {
		return nil, tampered(j.index, "the rounds of run "+strconv.FormatInt(j.run.Seq, 10), errOr(err, "another run"), "%s", name)
	}
	var list []residency.RoundSeal
	covered := map[string]bool{}
	for i := range file.Rounds {
		r, err := proved(j, &file.Rounds[i])
		if err != nil {
			return nil, err
		}
		if n := len(list); n > 0 && byEndpoint(list[n-1], r) >= 0 {
			return nil, tampered(j.index, "each endpoint once, in order", r.Endpoint, "%s", name)
		}
		list, covered[r.Endpoint] = append(list, r), true
	}
	for _, a := range file.Absent {
		if err := a.check(j); err != nil {
			return nil, err
		}
		covered[a.Endpoint] = true
	}
	for _, e := range b.manifest.Endpoints {
		if !covered[e] {
			return nil, tampered(j.index, "a round of "+e+", or that there was none", "neither", "%s", name)
		}
	}
	return slices.Clip(list), nil
}

// proved reads a round and holds it to its run.
func proved(j job, r *bundleRound) (residency.RoundSeal, error) {
	seal, err := ParseRound([]byte(r.Leaf))
	if err == nil {
		err = r.Proof.Check(*j.run, seal)
	}
	if err != nil {
		return seal, tampered(j.index, "a round of the run", err, "a round of run %d", j.run.Seq)
	}
	return seal, nil
}

// check holds an absence to the run: the neighbours are rounds of it, stand
// side by side, and the endpoint would come between them.
func (a bundleAbsence) check(j job) error {
	before, after := int64(-1), j.run.Rounds
	if a.Before != nil {
		r, err := proved(j, a.Before)
		if err != nil {
			return err
		}
		if before = a.Before.Proof.Index; strings.Compare(r.Endpoint, a.Endpoint) >= 0 {
			before = after // not before it
		}
	}
	if a.After != nil {
		r, err := proved(j, a.After)
		if err != nil {
			return err
		}
		if after = a.After.Proof.Index; strings.Compare(r.Endpoint, a.Endpoint) <= 0 {
			after = -1
		}
	}
	if before+1 != after {
		return tampered(j.index, "the rounds beside it", "others", "that run %d has no round of %s is not shown", j.run.Seq, a.Endpoint)
	}
	return nil
}

// claims reads the claims that a run judged.
func (b *opened) claims(ctx context.Context, j job) ([]residency.Claim, error) {
	found, err := b.Bodies(ctx, []residency.Hash{j.run.Terms})
	if err != nil {
		return nil, fmt.Errorf("read claims of run %d: %w", j.run.Seq, err)
	}
	if err := checkBody(j.index, j.run.Terms, found, "claims of run %d", j.run.Seq); err != nil {
		return nil, err
	}
	claims, err := ParseClaims(found[j.run.Terms])
	if err != nil {
		return nil, tampered(j.index, "claims", err, "claims of run %d", j.run.Seq)
	}
	return claims, nil
}
