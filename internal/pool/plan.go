package pool

import (
	"cmp"
	"slices"
	"time"

	"residency/internal/residency"
)

// Settings say how far to draw. The zero value never asks again; see Default.
type Settings struct {
	UntilNoNew int // quiet draws that end a pool shown in some order; see Done
	Max        int // draws of one key that are enough; 1: never ask again

	// Authoritative and Recursive say whose answers to draw again within one
	// run. A recursive server's next draw is only there when its TTL has run
	// out; without Recursive it is left to the next run's first look.
	Authoritative bool
	Recursive     bool

	PerRun int           // questions in one run beyond the first look of each
	Time   time.Duration // that they may take; at most half of the time left
}

// Default returns the settings of a program that is told nothing: servers that
// answer from their own zones are drawn again, others are not.
func Default() Settings {
	return Settings{
		UntilNoNew: DefaultQuiet, Max: DefaultMax, Authoritative: true,
		PerRun: 5000, Time: 20 * time.Second,
	}
}

// Candidate is one question at one configured resolver, and what the servers
// behind it have drawn for it so far.
type Candidate struct {
	Question residency.Question
	Resolver string
	Records  []*Record // never without a draw
}

// Want is a question to put to one resolver, a number of times on end. The
// draws of one key are asked in a row on purpose: a server that hands out
// addresses in turns may keep one turn for all who ask, and a fixed number of
// other questions in between could skip the same addresses each time round.
type Want struct {
	Question residency.Question
	Resolver string
	Times    int
}

// Plan is what to ask next, and when. An empty plan means that there is
// nothing left to ask in this run.
type Plan struct {
	At  time.Time // not before
	Ask []Want
}

// slack is how far apart recursive answers may run out and still be asked for
// together, so that a run does not wait for each.
const slack = time.Second

// Next plans the next questions: what is due now, those with the fewest draws
// first, or else what is due first before the end. left is how many questions
// the run may still put; what does not fit is left to another run.
func (s Settings) Next(now, end time.Time, left int, candidates []Candidate) Plan {
	type due struct {
		want  Want
		at    time.Time
		draws int
	}
	var list []due
	earliest := end
	for _, c := range candidates {
		times, at, draws := s.wanted(c, now)
		if times == 0 || !at.Before(end) {
			continue
		}
		list = append(list, due{Want{c.Question, c.Resolver, times}, at, draws})
		if at.Before(earliest) {
			earliest = at
		}
	}
	plan := Plan{At: now}
	if earliest.After(now) {
		plan.At = earliest.Add(min(slack, end.Sub(earliest)/2)) // an answer takes time, too
	}
	slices.SortStableFunc(list, func(a, b due) int { return cmp.Compare(a.draws, b.draws) })
	for _, d := range list {
		if d.at.After(plan.At) || left <= 0 {
			continue
		}
		d.want.Times = min(d.want.Times, left)
		left -= d.want.Times
		plan.Ask = append(plan.Ask, d.want)
	}
	return plan
}

// wanted returns how often to put the candidate's question next, from when,
// and how many draws its least drawn server has.
func (s Settings) wanted(c Candidate, now time.Time) (times int, at time.Time, draws int) {
	draws = s.Max
	for _, r := range c.Records {
		if r.Authoritative && !s.Authoritative || !r.Authoritative && !s.Recursive || Done(r.Draws, s.UntilNoNew, s.Max) {
			continue
		}
		draws = min(draws, len(r.Draws))
		if !r.Authoritative {
			times = max(times, 1)
			if r.Fresh.After(at) {
				at = r.Fresh
			}
			continue
		}
		times = max(times, min(max(s.UntilNoNew, 1), s.Max-len(r.Draws)))
	}
	if at.Before(now) {
		at = now
	}
	return times, at, draws
}
