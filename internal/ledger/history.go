package ledger

import (
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
	h.drop(r.times, t.since())
	for _, s := range h.stretches {
		if first := r.times[s.runs[0]]; !first.Before(t.since()) {
			t.Past = append(t.Past, Sighting{s.sight, s.judgement, len(s.runs), first, r.times[s.runs[len(s.runs)-1]]})
		}
	}
	return t
}

// drop forgets the runs before the window, but for the very last one.
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
