package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// backup is what verification wants to know of the body of the record
// "restored" that a store writes: which backup was put in its place.
type backup struct {
	From   string `json:"from"`     // its file
	Size   int64  `json:"log_size"` // leaves it had; -1: the record does not say
	Last   int64  `json:"last_seq"` // number of its last run
	Reason string `json:"reason"`
}

// interruptions tells every backup that was restored and every gap that was
// accepted, in the order of the log. A log that was cut off and went on is no
// tampering, and whoever verifies it must hear of it all the same.
func (a *acts) interruptions(cps []keptCheckpoint) []string {
	type told struct {
		leaf int64
		text string
	}
	var list []told
	for _, r := range a.restored {
		list = append(list, told{r.leaf, r.words()})
	}
	for _, g := range a.givenUp {
		list = append(list, told{g.leaf, a.gapWords(g, cps)})
	}
	slices.SortStableFunc(list, func(x, y told) int { return cmp.Compare(x.leaf, y.leaf) })
	var texts []string
	for _, t := range list {
		texts = append(texts, t.text)
	}
	return texts
}

// words says who restored which backup, when and why.
func (r restoredAct) words() string {
	what := "a backup"
	if r.Size >= 0 {
		what = fmt.Sprintf("the backup %s, with %s and runs up to number %d,", r.From, LeavesWords(r.Size), r.Last)
	}
	return what + " was put in place of the store by " + onRecord(r.by, r.at, r.leaf, r.Reason)
}

// gapWords says who gave up how much of what was signed, when and why.
func (a *acts) gapWords(g gapAct, cps []keptCheckpoint) string {
	var parts []string
	for i, t := range g.GivenUp {
		if !slices.Contains(g.GivenUp[:i], t) {
			parts = append(parts, fmt.Sprintf("%s of the %s signed under %s", a.lost(g, t.Size, cps), LeavesWords(t.Size), t.Root))
		}
	}
	if len(parts) == 0 {
		parts = []string{"what was signed before"}
	}
	return "gap: " + strings.Join(parts, " and ") + " given up by " + onRecord(g.by, g.at, g.leaf, g.Reason)
}

// lost says how many of the leaves that a checkpoint covered are not in the log
// any more. The leaves themselves are gone, so it goes by what the log says of
// the backup; without that only bounds are known: what an older checkpoint
// covers is still there, and no more than the log had can be.
func (a *acts) lost(g gapAct, signed int64, cps []keptCheckpoint) string {
	held := int64(0)
	for _, cp := range cps {
		if cp.Size <= g.leaf && cp.Size < signed {
			held = max(held, cp.Size)
		}
	}
	for _, r := range a.restored {
		if r.leaf >= held && r.leaf < g.leaf && r.Size >= 0 && r.Size < signed {
			return fmt.Sprint(signed - r.Size)
		}
	}
	least, most := signed-min(g.Tree.Size, signed-1), signed-held
	if least >= most {
		return fmt.Sprint(most)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// onRecord says by whom and when something was done, and where it is on record.
func onRecord(by string, at time.Time, leaf int64, reason string) string {
	return fmt.Sprintf("%s at %s, on record as leaf %d: %s", cmp.Or(by, "somebody without a name"),
		at.UTC().Format(time.RFC3339), leaf, cmp.Or(reason, "no reason was given"))
}

// gap returns the record that gives a checkpoint up, or nil.
func (a *acts) gap(cp residency.Checkpoint) *gapAct {
	for i, g := range a.givenUp {
		for _, t := range g.GivenUp {
			if t.Size == cp.Size && t.Root == cp.Root {
				return &a.givenUp[i]
			}
		}
	}
	return nil
}

// believe drops the gaps that nobody with the key accepted: a gap counts where a
// checkpoint covers its record that no gap gives up. Whoever edits a store can
// write such a record, and cannot sign it. Each checkpoint that is not given up
// is held to the tree and to the key, so that one that was made up is found.
func (a *acts) believe(cps []residency.Checkpoint) {
	for {
		before := len(a.givenUp)
		var counts []residency.Checkpoint
		for _, cp := range cps {
			if a.gap(cp) == nil {
				counts = append(counts, cp)
			}
		}
		a.givenUp = slices.DeleteFunc(slices.Clone(a.givenUp), func(g gapAct) bool {
			return !slices.ContainsFunc(counts, func(cp residency.Checkpoint) bool { return cp.Size > g.leaf })
		})
		if len(a.givenUp) == before {
			return
		}
	}
}

// counting returns the checkpoints that were not given up.
func (v *Verifier) counting(ctx context.Context, cps []keptCheckpoint, size int64) []keptCheckpoint {
	all, err := logActs(ctx, v.Log, 0, size)
	if err != nil {
		return cps // the walk finds the same, and says more of it
	}
	var list []residency.Checkpoint
	for _, cp := range cps {
		list = append(list, cp.Checkpoint)
	}
	all.believe(list)
	return slices.DeleteFunc(cps, func(cp keptCheckpoint) bool { return all.gap(cp.Checkpoint) != nil })
}
