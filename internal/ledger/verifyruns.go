package ledger

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"residency/internal/residency"
)

// job is a run to be verified against its leaf.
type job struct {
	index int64
	leaf  []byte
	run   *RunEntry
}

// verifyRuns holds every run to its leaf, every body to its hash, and has
// every round judged again.
//
// Runs come in the order of the log, as a verdict rests on those before it.
// Within a run, rounds are spread over the workers: what is remembered of one
// endpoint does not touch another.
func (v *Verifier) verifyRuns(ctx context.Context, rep *Report, known *acts) error {
	again := newRejudge(v, known)
	index, last := int64(0), int64(0)
	for leaf, err := range v.Log.Leaves(ctx, 0, rep.Size) {
		if err != nil {
			return fmt.Errorf("read leaf %d: %w", index, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := ParseLeaf(leaf)
		switch {
		case err != nil:
			return tampered(index, "a run or a record", err, "leaf")
		case e.Run != nil:
			last = e.Run.Seq
			err = v.verifyRun(ctx, rep, known, again, job{index, leaf, e.Run})
		default:
			err = v.verifyRecord(ctx, rep, index, e.Record)
		}
		if err != nil {
			return err
		}
		index++
		if v.Progress != nil && index%16 == 0 {
			v.Progress(index, rep.Size)
		}
	}
	rep.Bodies += again.bodies.Load()
	rep.Judged, rep.NotJudged = again.judged.Load(), again.notJudged.Load()
	return v.unsealed(ctx, last+1)
}

// unsealed wants no finished run after the last one of the log.
func (v *Verifier) unsealed(ctx context.Context, seq int64) error {
	run, ok, err := v.Runs.Run(ctx, seq)
	if err != nil {
		return fmt.Errorf("read run %d: %w", seq, err)
	}
	if ok && !run.Finished.IsZero() {
		return tampered(-1, "a leaf for every run", "none", "run %d is in the store and not in the log", seq)
	}
	return nil
}

// verifyRun makes the leaf of a run again from what the store says of it.
func (v *Verifier) verifyRun(ctx context.Context, rep *Report, known *acts, again *rejudge, j job) error {
	pruned := known.wasPruned(j.run.Seq)
	if pruned {
		rep.Pruned++
		again.forget(j.run)
	}
	run, ok, err := v.Runs.Run(ctx, j.run.Seq)
	if err != nil {
		return fmt.Errorf("read run %d: %w", j.run.Seq, err)
	}
	if !ok && pruned {
		return nil
	}
	if !ok {
		if err := unbacked(known, j); err != nil {
			return err
		}
		return tampered(j.index, "run "+j.run.ID, "none", "run %d is not in the store", j.run.Seq)
	}
	rounds, err := v.Runs.Rounds(ctx, j.run.Seq)
	if err != nil {
		return fmt.Errorf("read rounds of run %d: %w", j.run.Seq, err)
	}
	if pruned && int64(len(rounds)) < j.run.Rounds {
		return nil // what a legal hold kept cannot be all
	}
	if int64(len(rounds)) < j.run.Rounds {
		if err := unbacked(known, j); err != nil {
			return err
		}
	}
	if err := sameRun(j, run, rounds); err != nil || pruned {
		return err
	}
	rep.Rounds += int64(len(rounds))
	if v.Judge != nil && j.run.Rules != v.Rules {
		rep.OtherRules += int64(len(rounds))
	}
	return again.run(ctx, j, claimsOf(run), rounds)
}

// unbacked is the error that rounds of a run are gone by a record of a deletion
// that nobody signed; nil when there is no such record.
func unbacked(known *acts, j job) error {
	for _, p := range known.unsigned {
		if p.First <= j.run.Seq && j.run.Seq <= p.Last {
			return tampered(p.leaf, "signed", "not signed", "the record that run %d was deleted by policy", j.run.Seq)
		}
	}
	return nil
}

// claimsOf returns the claims that a run judged.
func claimsOf(run residency.Run) []residency.Claim {
	list := make([]residency.Claim, len(run.Claims))
	for i, c := range run.Claims {
		list[i] = c.Claim
	}
	return list
}

// sameRun makes the leaf again, and says in what it differs.
func sameRun(j job, run residency.Run, rounds []residency.RoundSeal) error {
	if n := int64(len(rounds)); n != j.run.Rounds {
		return tampered(j.index, j.run.Rounds, n, "number of rounds of run %d", j.run.Seq)
	}
	for i := 1; i < len(rounds); i++ {
		if byEndpoint(rounds[i-1], rounds[i]) >= 0 {
			return tampered(j.index, "each endpoint once, in order", rounds[i].Endpoint, "rounds of run %d", j.run.Seq)
		}
	}
	leaf, err := RunLeaf(run, rounds)
	if err != nil {
		return tampered(j.index, "a run that can be sealed", err, "run %d", j.run.Seq)
	}
	if bytes.Equal(leaf, j.leaf) {
		return nil
	}
	var made RunEntry
	if err := exactly(leaf, &made); err == nil && made.Root != j.run.Root {
		return tampered(j.index, j.run.Root, made.Root, "root over the rounds of run %d", j.run.Seq)
	}
	want, got := firstDifference(j.leaf, leaf)
	return tampered(j.index, want, got, "what the store says of run %d", j.run.Seq)
}

// firstDifference shows both texts around the first byte in which they differ.
func firstDifference(a, b []byte) (string, string) {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	show := func(t []byte) string {
		from, to := max(0, i-24), min(len(t), i+40)
		if from >= to {
			return "its end"
		}
		return fmt.Sprintf("%q", t[from:to])
	}
	return show(a), show(b)
}

// verifyRecord wants the body of a record that stands in its leaf by hash.
func (v *Verifier) verifyRecord(ctx context.Context, rep *Report, index int64, r *RecordEntry) error {
	if r.BodySHA256 == (residency.Hash{}) {
		return nil
	}
	found, err := v.Runs.Bodies(ctx, []residency.Hash{r.BodySHA256})
	if err != nil {
		return fmt.Errorf("read body of record %q: %w", r.Kind, err)
	}
	rep.Bodies++
	return checkBody(index, r.BodySHA256, found, "body of record %q", r.Kind)
}

// checkBody holds a body to its hash.
func checkBody(leaf int64, want residency.Hash, found map[residency.Hash][]byte, format string, args ...any) error {
	data, ok := found[want]
	if !ok {
		return tampered(leaf, want, "none", format, args...)
	}
	if got := residency.HashOf(data); got != want {
		return tampered(leaf, want, got, format, args...)
	}
	return nil
}

// spread calls f for each of n pieces from several goroutines, and returns the
// error of the lowest piece.
func spread(ctx context.Context, workers, n int, f func(i int) error) error {
	workers = max(1, min(workers, n))
	var wg sync.WaitGroup
	var mu sync.Mutex
	next, failed := 0, n
	var first error
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		if next >= n || next >= failed || ctx.Err() != nil {
			return -1
		}
		next++
		return next - 1
	}
	for range workers {
		wg.Go(func() {
			for i := take(); i >= 0; i = take() {
				if err := f(i); err != nil {
					mu.Lock()
					if i < failed {
						failed, first = i, err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if first == nil {
		return ctx.Err()
	}
	return first
}
