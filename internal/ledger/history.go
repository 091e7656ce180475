package ledger

import (
	"slices"
	"time"

	"residency/internal/residency"
)

// history is what is remembered of one endpoint while its rounds are judged
// again, oldest first.
type history struct{ stretches []stretch }

// stretch is a row of runs with the same sight and judgement. Runs are indexes
// into the times that all endpoints share, for there are many endpoints.
type stretch struct {
	sight, judgement residency.Hash
	runs             []int32
}

// since returns the beginning of the window.
func (t Trial) since() time.Time {
	return t.Run.At.Add(-t.Run.Window())
}

// trial returns what a round is judged from, and forgets what lies before its
// window.
func (r *rejudge) trial(h *history, run *RunEntry, round residency.RoundSeal, claims []residency.Claim) Trial {
	t := Trial{Run: *run, Round: round, Claims: claims}
	if n := len(h.stretches); n > 0 {
		last := h.stretches[n-1]
		t.Before, t.BeforeSight, t.BeforeAt = last.judgement, last.sight, r.times[last.runs[len(last.runs)-1]]
	}
	h.drop(r.times, r.reach.of(run))
	for _, s := range h.stretches {
		n := 0
		for _, i := range s.runs {
			if !r.times[i].Before(t.since()) {
				n++
			}
		}
		if n > 0 { // the clock may have been set back between its runs
			t.Past = append(t.Past, Sighting{s.sight, s.judgement, n, r.times[s.runs[0]], r.times[s.runs[len(s.runs)-1]]})
		}
	}
	return t
}

// drop forgets the runs that no window reaches any more, but for the very last
// one.
func (h *history) drop(times []time.Time, since time.Time) {
	for len(h.stretches) > 0 {
		s := &h.stretches[0]
		for len(s.runs) > 1 && times[s.runs[0]].Before(since) {
			s.runs = s.runs[1:]
		}
		if len(h.stretches) == 1 || !times[s.runs[0]].Before(since) {
			return
		}
		h.stretches = h.stretches[1:]
	}
}

// reach knows how far back a run and all those after it look. Where the clock
// was set back, a later run looks back further than the one before it, and what
// that one had no use for is needed again.
type reach struct {
	seqs  []int64
	at    []time.Time
	since []time.Time
}

// add takes in the next run.
func (r *reach) add(run *RunEntry) {
	r.seqs, r.at, r.since = append(r.seqs, run.Seq), append(r.at, run.At.Time), append(r.since, run.At.Add(-run.Window()))
}

// atOf returns when a run was; the zero time where that is not known.
func (r *reach) atOf(seq int64) time.Time {
	if i, ok := slices.BinarySearch(r.seqs, seq); ok {
		return r.at[i]
	}
	return time.Time{}
}

// end is called when every run is known.
func (r *reach) end() {
	for i := len(r.since) - 2; i >= 0; i-- {
		if r.since[i+1].Before(r.since[i]) {
			r.since[i] = r.since[i+1]
		}
	}
}

// of returns the earliest time that the run or one after it looks back to.
func (r *reach) of(run *RunEntry) time.Time {
	if i, ok := slices.BinarySearch(r.seqs, run.Seq); ok {
		return r.since[i]
	}
	return run.At.Add(-run.Window())
}

// add remembers a round of a run.
func (h *history) add(run int, round residency.RoundSeal) {
	if n := len(h.stretches); n > 0 {
		last := &h.stretches[n-1]
		if last.sight == round.Sight && last.judgement == round.Judgement {
			last.runs = append(last.runs, int32(run))
			return
		}
	}
	h.stretches = append(h.stretches, stretch{round.Sight, round.Judgement, []int32{int32(run)}})
}
