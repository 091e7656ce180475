package ledger

import (
	"slices"
	"time"
)

// leeway is how far the clock of a run may be from those of people outside
// before the run's times are no mistake any more.
const leeway = time.Hour

// dates finds out when people outside saw each checkpoint.
func (v *Verifier) dates(rep *Report, cps []keptCheckpoint) error {
	if v.Dated == nil {
		return nil
	}
	for i := range cps {
		dated, err := v.Dated(cps[i].Checkpoint)
		if err != nil {
			return tampered(-1, "a time stamp that is believed", err, "the checkpoint of %d leaves in %s", cps[i].Size, cps[i].from)
		}
		cps[i].dated = dated
		rep.Dated += int64(len(dated))
	}
	return nil
}

// datedOnly returns the checkpoints that people outside saw.
func datedOnly(cps []keptCheckpoint) []keptCheckpoint {
	return slices.DeleteFunc(slices.Clone(cps), func(cp keptCheckpoint) bool { return len(cp.dated) == 0 })
}

// date holds the times of a run to what people outside saw: a run that a
// checkpoint does not cover yet ended after that was seen, and one that it
// covers ended before.
func (w *walker) date(index int64, run *RunEntry) error {
	for len(w.dated) > 0 && w.dated[0].Size <= index {
		if first := w.dated[0].dated[0]; first.After(w.seen) {
			w.seen = first
		}
		w.dated = w.dated[1:]
	}
	if run == nil {
		return nil
	}
	if run.Finished.Before(w.seen.Add(-leeway)) {
		return tampered(index, "after "+w.seen.UTC().Format(time.RFC3339), run.Finished.Format(time.RFC3339),
			"run %d is dated back: the log without it was seen by others at that time", run.Seq)
	}
	if len(w.dated) > 0 {
		if first := w.dated[0].dated[0]; run.Finished.After(first.Add(leeway)) {
			return tampered(index, "before "+first.UTC().Format(time.RFC3339), run.Finished.Format(time.RFC3339),
				"run %d is dated ahead: the log with it was seen by others at that time", run.Seq)
		}
	}
	return nil
}
