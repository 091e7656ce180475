package ledger

import (
	"context"
	"fmt"
	"time"
)

// contextOf returns the first run that verdicts of the bundle's runs rest on:
// all of the window of each, and the last round of each endpoint before them.
func (c *collected) contextOf(ctx context.Context) (int64, error) {
	first, err := c.windowOf(ctx)
	if err != nil {
		return 0, err
	}
	missing := map[string]bool{}
	for _, e := range c.manifest.Endpoints {
		missing[e] = true
	}
	seq := c.b.First
	for seq > 1 && (seq > first || len(missing) > 0) {
		_, ok, err := c.b.Runs.Run(ctx, seq-1)
		if err != nil {
			return 0, fmt.Errorf("read run %d: %w", seq-1, err)
		}
		if !ok || c.known.wasPruned(seq-1) {
			break
		}
		seq--
		if len(missing) == 0 {
			continue
		}
		rounds, err := c.b.Runs.Rounds(ctx, seq)
		if err != nil {
			return 0, fmt.Errorf("read rounds of run %d: %w", seq, err)
		}
		for e := range missing {
			if _, there := find(rounds, e); there {
				delete(missing, e)
			}
		}
	}
	return seq, nil
}

// windowOf returns the first run that the window of one of the bundle's runs
// reaches. Where the clock was set back, a run may look back further than those
// before it, and to runs that stand before others that are too old.
func (c *collected) windowOf(ctx context.Context) (int64, error) {
	type past struct {
		seq int64
		at  time.Time
	}
	var before []past
	var since time.Time // that one of the bundle's runs looks back to
	found, index := false, int64(-1)
	for leaf, err := range c.b.Log.Leaves(ctx, 0, c.signed[len(c.signed)-1].Size) {
		index++
		if err != nil {
			return 0, fmt.Errorf("read leaf %d: %w", index, err)
		}
		e, err := ParseLeaf(leaf)
		switch {
		case err != nil:
			return 0, tampered(index, "a run or a record", err, "leaf")
		case e.Run == nil || e.Run.Seq > c.b.Last:
			continue
		case e.Run.Seq < c.b.First:
			before = append(before, past{e.Run.Seq, e.Run.At.Time})
			continue
		}
		found = found || e.Run.Seq == c.b.First
		if from := e.Run.At.Add(-e.Run.Window()); since.IsZero() || from.Before(since) {
			since = from
		}
	}
	if !found {
		return 0, fmt.Errorf("there is no run %d, or it is not signed yet", c.b.First)
	}
	for _, run := range before {
		if !run.at.Before(since) {
			return run.seq, nil
		}
	}
	return c.b.First, nil
}
