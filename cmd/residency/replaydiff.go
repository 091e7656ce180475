package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"residency/internal/ledger"
	"residency/internal/policy"
	"residency/internal/report"
	"residency/internal/residency"
)

// merging puts equal differences of one run after the other together.
type merging struct {
	standings []report.StandingChange
	results   []report.ResultChange
	open      map[string]openChange
}

// openChange is where a difference is noted that may go on.
type openChange struct {
	index int
	run   int // of replaying.out.Runs at which it was seen last
}

func newMerging() merging { return merging{open: map[string]openChange{}} }

// cellKey tells the cells of one endpoint apart.
type cellKey struct {
	claim  string
	market residency.Country
}

func verdictsOf(cells []residency.Cell) map[cellKey]residency.Verdict {
	all := make(map[cellKey]residency.Verdict, len(cells))
	for _, c := range cells {
		all[cellKey{c.Claim, c.Market}] = c.Verdict
	}
	return all
}

// keysOf returns all keys of two maps, in order.
func keysOf(a, b map[cellKey]residency.Verdict) []cellKey {
	var keys []cellKey
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b cellKey) int {
		return cmp.Or(strings.Compare(a.claim, b.claim), strings.Compare(a.market.String(), b.market.String()))
	})
	return keys
}

// compare notes the verdicts of a round that are others than they were.
func (r *replaying) compare(run *residency.Run, endpoint string, stored, cells []residency.Cell) {
	was, is := verdictsOf(stored), verdictsOf(cells)
	for _, k := range keysOf(was, is) {
		before, had := was[k]
		after, has := is[k]
		if had && has && before == after {
			continue
		}
		c := report.ResultChange{Claim: k.claim, Endpoint: endpoint, Market: k.market,
			Difference: report.Difference{First: run.At, Last: run.At, Runs: 1, Causes: r.causes(run, false)}}
		if had {
			c.Before = before.String()
		}
		if has {
			c.After = after.String()
		}
		r.merge.result(c, r.out.Runs)
	}
}

// causes says what a difference of a run comes from.
func (r *replaying) causes(run *residency.Run, due bool) []residency.Cause {
	var list []residency.Cause
	switch {
	case r.factor == residency.CauseDue && !due:
		list = append(list, residency.CauseTime)
	case r.factor != "":
		list = append(list, r.factor)
	}
	if run.Rules != policy.Version && r.factor != residency.CausePolicy {
		list = append(list, residency.CausePolicy)
	}
	if len(list) == 0 { // what lies before the first run judged again is not known
		list = append(list, residency.CauseTime)
	}
	return list
}

// result notes a difference of a result, or that the one of the run before goes
// on.
func (m *merging) result(c report.ResultChange, run int) {
	key := strings.Join([]string{"result", c.Endpoint, c.Claim, c.Market.String()}, "\x00")
	o, ok := m.open[key]
	if !ok || o.run != run-1 || !goesOn(&m.results[o.index].Difference, c.Difference) {
		o.index = len(m.results)
		m.results = append(m.results, c)
	}
	m.open[key] = openChange{o.index, run}
}

// standing notes a difference of a claim, or that the one of the run before
// goes on.
func (m *merging) standing(c report.StandingChange, run int) {
	key := "standing\x00" + c.Claim
	o, ok := m.open[key]
	if !ok || o.run != run-1 || !goesOn(&m.standings[o.index].Difference, c.Difference) {
		o.index = len(m.standings)
		m.standings = append(m.standings, c)
	}
	m.open[key] = openChange{o.index, run}
}

// goesOn adds the next run to a difference, unless it is another there.
func goesOn(d *report.Difference, next report.Difference) bool {
	if d.Before != next.Before || d.After != next.After || !slices.Equal(d.Causes, next.Causes) {
		return false
	}
	d.Last, d.Runs = next.Last, d.Runs+1
	return true
}

// standings compares how the claims stand with how they stood. What a run did
// not look at stands as it was judged last, within the window.
func (r *replaying) standings(run *residency.Run, at time.Time, claims []residency.Claim) {
	is, was := map[string]*policy.Tally{}, map[string]*policy.Tally{}
	var ids []string
	for _, c := range claims {
		is[c.ID] = policy.NewTally(c)
		ids = append(ids, c.ID)
	}
	told := map[string]residency.ClaimStanding{}
	for _, c := range run.Claims {
		if !r.wanted(c.Claim.ID) {
			continue
		}
		was[c.Claim.ID], told[c.Claim.ID] = policy.NewTally(c.Claim), c
		if is[c.Claim.ID] == nil {
			ids = append(ids, c.Claim.ID)
		}
	}
	for _, t := range r.trails {
		recent := !t.at.Before(at.Add(-run.Window))
		tallyUp(is, t.cells, recent)
		tallyUp(was, t.stored, recent)
	}
	r.unseen(is, claims)
	for _, id := range ids {
		c := report.StandingChange{Claim: id, Difference: report.Difference{First: run.At, Last: run.At, Runs: 1}}
		due := false
		if t := is[id]; t != nil {
			s := t.Stand(at)
			c.After, due = s.Standing.String(), s.Claim.InForce(at) != s.Claim.InForce(run.At)
		}
		if t := was[id]; t != nil {
			c.Before = told[id].Standing.String()
			if t.Stand(run.At).Standing.String() == c.After || c.Before == c.After {
				continue
			}
		}
		c.Causes = r.causes(run, due)
		r.merge.standing(c, r.out.Runs)
	}
}

// tallyUp adds cells to the claims they are of. Nothing that was outside is let
// go by age.
func tallyUp(all map[string]*policy.Tally, cells []residency.Cell, recent bool) {
	for i := range cells {
		c := cells[i]
		if t := all[c.Claim]; t != nil && (recent || c.Verdict == residency.Outside) {
			c.Waiver = ""
			t.Add(&c, nil)
		}
	}
}

// unseen adds what the other policy asks for and nobody ever looked at.
func (r *replaying) unseen(all map[string]*policy.Tally, claims []residency.Claim) {
	if r.other == nil {
		return
	}
	for key, ep := range r.other.endpoints {
		if r.trails[key] != nil {
			continue
		}
		for _, c := range claims {
			for _, m := range c.Markets {
				if c.Covers(ep, m) {
					all[c.ID].Add(&residency.Cell{Claim: c.ID, Endpoint: ep, Market: m, Counts: true, Verdict: residency.NotMeasured}, nil)
				}
			}
		}
	}
}

// turns notes the verdicts that changed since the round before, as judged
// again, with their causes.
func (r *replaying) turns(t ledger.Trial, endpoint string, before, after *trail, round residency.Round, claims []residency.Claim) error {
	h := report.History{Endpoint: round.Endpoint, Zone: time.UTC}
	for _, c := range claims {
		if due := dueOf(c); due.After(before.at) && !due.After(after.at) {
			h.Dues = append(h.Dues, report.DueDate{Claim: c.ID, At: due})
		}
	}
	was, is := verdictsOf(before.cells), verdictsOf(after.cells)
	differs := slices.ContainsFunc(keysOf(was, is), func(k cellKey) bool { return was[k] != is[k] })
	if !differs && len(h.Dues) == 0 {
		return nil
	}
	old, err := r.judge.sight(t, before.sight)
	if err != nil {
		return err
	}
	old.round.Cells, round.Cells = before.cells, after.cells
	h.Stays = []report.Stay{{First: before.at, Last: before.at, Runs: 1, Round: old.round}, {First: after.at, Last: after.at, Runs: 1, Round: round}}
	for _, turn := range h.Turns() {
		if len(turn.Results) > 0 {
			r.out.Changes = append(r.out.Changes, report.EndpointTurn{Endpoint: endpoint, Turn: turn})
		}
	}
	return nil
}

// dueOf returns the instant from which on a claim can be broken.
func dueOf(c residency.Claim) time.Time {
	if c.Kind == residency.KindPolicy {
		return c.From
	}
	return c.Due
}
