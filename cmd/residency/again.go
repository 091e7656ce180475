package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"residency/internal/ledger"
	"residency/internal/policy"
	"residency/internal/residency"
)

// judge judges rounds again from what was sealed of them: the looks, where
// their addresses were, the claims, and the rounds before. What it makes of
// them must be the bytes that were sealed. The zero value is ready for use.
type judge struct {
	mu     sync.Mutex
	sights map[residency.Hash]sightSeen

	// relocate says where an address would be by other data than it was located
	// with; nil: what was sealed counts.
	relocate func(residency.Location) residency.Location
}

// sightSeen is a sight that was opened. It is shared and not changed.
type sightSeen struct {
	round residency.Round // with the locations of its addresses
	where map[netip.Addr]residency.Hash
}

// maxSights bounds how many opened sights are kept at hand: rounds mostly show
// what the round before showed.
const maxSights = 4096

// again makes the judgement of a round, as the engine did.
func (j *judge) again(_ context.Context, t ledger.Trial) ([]byte, error) {
	now, err := j.sight(t, t.Round.Sight)
	if err != nil {
		return nil, err
	}
	round := now.round
	round.At, round.Locations = t.Run.At.Time, maps.Clone(now.round.Locations)
	known := maps.Clone(now.where)
	past, same, err := j.past(t, round.Locations, known)
	if err != nil {
		return nil, err
	}
	before, err := j.before(t, round, known)
	if err != nil {
		return nil, err
	}
	round.Cells = judgeCells(now.round, round.At, round.Markets, t.Claims, policy.Memory{
		Window: t.Run.Window(), Same: same, Past: past, BeforeAt: t.BeforeAt, Confirm: policy.DefaultConfirmations(),
	}, before)
	return round.AppendJudgement(nil, known), nil
}

// judgeCells judges a round as of a time by some claims. m is what is remembered
// of all markets together; before are the cells as they were judged last.
func judgeCells(round residency.Round, at time.Time, markets []residency.Market, claims []residency.Claim, m policy.Memory, before []residency.Cell) []residency.Cell {
	var cells []residency.Cell
	for _, market := range markets {
		f := policy.Facts{
			Endpoint: round.Endpoint, Market: market, Types: round.Types, Looks: looksOf(round.Observations, market.Code),
			Locations: round.Locations, At: at, Degraded: round.Degraded, Surveys: round.Surveys, Memory: m,
		}
		f.Past = nil
		for _, p := range m.Past {
			if p.Looks = looksOf(p.Looks, market.Code); len(p.Looks) > 0 {
				f.Past = append(f.Past, p)
			}
		}
		for _, claim := range claims {
			if claim.Covers(round.Endpoint, market.Code) {
				f.Before = cellBefore(before, claim.ID, market.Code)
				cells = append(cells, policy.Judge(claim, f))
			}
		}
	}
	return cells
}

// past returns what the window showed besides the round's own sight, and how
// many runs showed that very same. Addresses that only it showed are added to
// the locations, the newest word on each.
func (j *judge) past(t ledger.Trial, locations map[netip.Addr]residency.Location, known map[netip.Addr]residency.Hash) ([]policy.Past, int, error) {
	same := 0
	var list []ledger.Sighting // a sight that came back is one entry
	for _, s := range t.Past {
		if s.Sight == t.Round.Sight {
			same += s.Runs
			continue
		}
		i := slices.IndexFunc(list, func(o ledger.Sighting) bool { return o.Sight == s.Sight })
		if i < 0 {
			list = append(list, s)
			continue
		}
		list[i].Runs += s.Runs
		if s.Last.After(list[i].Last) { // unless the clock was set back
			list[i].Last = s.Last
		}
	}
	slices.SortStableFunc(list, func(a, b ledger.Sighting) int { return a.Last.Compare(b.Last) })
	past := make([]policy.Past, len(list))
	for i, s := range slices.Backward(list) {
		seen, err := j.sight(t, s.Sight)
		if err != nil {
			return nil, 0, err
		}
		past[i] = policy.Past{Looks: seen.round.Observations, Locations: seen.round.Locations, Runs: s.Runs, First: s.First, Last: s.Last}
		for addr, h := range seen.where {
			if _, ok := known[addr]; !ok {
				known[addr], locations[addr] = h, seen.round.Locations[addr]
			}
		}
	}
	return past, same, nil
}

// before returns the cells as they were judged last, and adds where the
// addresses were that they rested on.
func (j *judge) before(t ledger.Trial, round residency.Round, known map[netip.Addr]residency.Hash) ([]residency.Cell, error) {
	if t.Before == (residency.Hash{}) || t.Run.Window() == 0 {
		return nil, nil
	}
	bodies, err := t.Bodies(t.Before)
	if err != nil {
		return nil, err
	}
	cells, where, err := residency.ParseJudgement(bodies[0], round.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("read judgement before: %w", err)
	}
	seen, err := j.sight(t, t.BeforeSight)
	if err != nil {
		return nil, err
	}
	maps.Copy(where, seen.where) // its own looks come before what it knew from earlier
	for addr, h := range where {
		if _, ok := known[addr]; !ok {
			known[addr] = h
		}
	}
	return cells, nil
}

// cellBefore finds a cell that was not plainly inside.
func cellBefore(cells []residency.Cell, claim string, market residency.Country) *residency.Cell {
	for i := range cells {
		if c := &cells[i]; c.Claim == claim && c.Market == market && !c.Plain() {
			return c
		}
	}
	return nil
}

// looksOf returns the looks made as users of a market.
func looksOf(looks []residency.Observation, market residency.Country) []residency.Observation {
	if !slices.ContainsFunc(looks, func(o residency.Observation) bool { return o.Market != market }) {
		return looks
	}
	var list []residency.Observation
	for i := range looks {
		if looks[i].Market == market {
			list = append(list, looks[i])
		}
	}
	return list
}

// sight opens a sight, with the locations that it names.
func (j *judge) sight(t ledger.Trial, h residency.Hash) (sightSeen, error) {
	j.mu.Lock()
	seen, ok := j.sights[h]
	j.mu.Unlock()
	if ok {
		return seen, nil
	}
	bodies, err := t.Bodies(h)
	if err != nil {
		return sightSeen{}, err
	}
	if seen.round, seen.where, err = residency.ParseSight(bodies[0]); err != nil {
		return sightSeen{}, fmt.Errorf("read sight: %w", err)
	}
	shown := slices.Collect(maps.Keys(seen.where))
	maps.DeleteFunc(seen.where, func(_ netip.Addr, h residency.Hash) bool { return h == residency.Hash{} }) // nothing was known of it
	addrs := slices.SortedFunc(maps.Keys(seen.where), netip.Addr.Compare)
	hashes := make([]residency.Hash, len(addrs))
	for i, a := range addrs {
		hashes[i] = seen.where[a]
	}
	if bodies, err = t.Bodies(hashes...); err != nil {
		return sightSeen{}, err
	}
	seen.round.Locations = make(map[netip.Addr]residency.Location, len(addrs))
	for i, a := range addrs {
		if seen.round.Locations[a], err = residency.ParseLocation(bodies[i], a); err != nil {
			return sightSeen{}, fmt.Errorf("read location of %s: %w", a, err)
		}
	}
	if j.relocate != nil {
		for _, a := range shown {
			loc := seen.round.Locations[a]
			loc.Address = a
			seen.round.Locations[a] = j.relocate(loc)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.sights == nil || len(j.sights) >= maxSights {
		j.sights = map[residency.Hash]sightSeen{}
	}
	j.sights[h] = seen
	return seen, nil
}

// namedBy returns the hashes of the locations that a sight or a judgement
// names.
func namedBy(body []byte) ([]residency.Hash, error) {
	where, err := placesNamed(body)
	return slices.Collect(maps.Values(where)), err
}

// placesNamed returns which location each address has that a sight or a
// judgement names; the zero hash where nothing was known.
func placesNamed(body []byte) (map[netip.Addr]residency.Hash, error) {
	var where map[netip.Addr]residency.Hash
	var err error
	if bytes.HasPrefix(body, []byte(judgementStart)) {
		_, where, err = residency.ParseJudgement(body, residency.Endpoint{})
	} else {
		_, where, err = residency.ParseSight(body)
	}
	return where, err
}

// How bodies begin that name locations.
const (
	judgementStart = `{"schema":"residency/judgement/`
	sightStart     = `{"schema":"residency/sight/`
)

// namesLocations reports whether a body is a sight or a judgement.
func namesLocations(body []byte) bool {
	return bytes.HasPrefix(body, []byte(judgementStart)) || bytes.HasPrefix(body, []byte(sightStart))
}
