package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"residency/internal/residency"
)

// scope is a set of endpoints, by their numbers: stretches in order that do not
// touch. What a run covers is mostly one stretch.
type scope []stretch

// stretch is the endpoints from first to last, both included.
type stretch struct{ first, last int64 }

// scopeOf returns the set of the given endpoints.
func scopeOf(ids []int64) scope {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	var s scope
	for _, id := range ids {
		if n := len(s); n > 0 && id <= s[n-1].last+1 {
			s[n-1].last = max(id, s[n-1].last)
			continue
		}
		s = append(s, stretch{id, id})
	}
	return s
}

// has reports whether the endpoint is in the set.
func (s scope) has(id int64) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].last >= id })
	return i < len(s) && s[i].first <= id
}

// size returns how many endpoints are in the set.
func (s scope) size() int64 {
	var n int64
	for _, t := range s {
		n += t.last - t.first + 1
	}
	return n
}

// union returns the endpoints in any of the sets.
func union(sets ...scope) scope {
	all := slices.Concat(sets...)
	slices.SortFunc(all, func(a, b stretch) int { return int(min(1, max(-1, a.first-b.first))) })
	var s scope
	for _, t := range all {
		if n := len(s); n > 0 && t.first <= s[n-1].last+1 {
			s[n-1].last = max(t.last, s[n-1].last)
			continue
		}
		s = append(s, t)
	}
	return s
}

// append writes the set: for each stretch the gap before it and its length.
func (s scope) append(b []byte) []byte {
	var at int64
	for _, t := range s {
		b = binary.AppendUvarint(b, uint64(t.first-at))
		b = binary.AppendUvarint(b, uint64(t.last-t.first))
		at = t.last
	}
	return b
}

// parseScope reads what append wrote.
func parseScope(data []byte) (scope, error) {
	var s scope
	var at int64
	for len(data) > 0 {
		gap, n := binary.Uvarint(data)
		if n <= 0 {
			return nil, fmt.Errorf("read scope: %w", ErrDamaged)
		}
		length, m := binary.Uvarint(data[n:])
		const limit = 1 << 40
		if m <= 0 || gap > limit || length > limit || at+int64(gap+length) > limit || (len(s) > 0 && gap < 2) {
			return nil, fmt.Errorf("read scope: %w", ErrDamaged)
		}
		first := at + int64(gap)
		at = first + int64(length)
		s = append(s, stretch{first, at})
		data = data[n+m:]
	}
	return s, nil
}

// mark is one run that has ended, as far as spans need to know it.
type mark struct {
	seq   int64
	at    time.Time
	scope int // in timeline.scopes
}

// timeline knows every run that has ended and what it covered. Runs end in
// order and do not change then, so it only grows.
type timeline struct {
	mu     sync.Mutex
	runs   []mark
	scopes []scope
	byHash map[residency.Hash]int
}

// marks returns all runs that have ended, with their scopes.
func (s *Store) marks(ctx context.Context, db querier) ([]mark, []scope, error) {
	l := &s.line
	l.mu.Lock()
	defer l.mu.Unlock()
	var last int64
	if n := len(l.runs); n > 0 {
		last = l.runs[n-1].seq
	}
	rows, err := db.QueryContext(ctx, "SELECT seq, at, scope FROM runs WHERE seq > $1 AND finished > 0 ORDER BY seq", last)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	type fresh struct {
		mark
		hash residency.Hash
	}
	var list []fresh
	for rows.Next() {
		var f fresh
		var at int64
		if err := rows.Scan(&f.seq, &at, (*hashColumn)(&f.hash)); err != nil {
			return nil, nil, err
		}
		f.at = instant(at)
		list = append(list, f)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	for _, f := range list {
		if f.scope, err = l.scopeByHash(ctx, s, db, f.hash); err != nil {
			return nil, nil, err
		}
		l.runs = append(l.runs, f.mark)
	}
	return l.runs, l.scopes, nil
}

// scopeByHash returns the place of a scope in l.scopes. l.mu is held.
func (l *timeline) scopeByHash(ctx context.Context, s *Store, db querier, h residency.Hash) (int, error) {
	if i, ok := l.byHash[h]; ok {
		return i, nil
	}
	data, err := s.body(ctx, db, h)
	if err != nil {
		return 0, fmt.Errorf("read scope: %w", err)
	}
	sc, err := parseScope(data)
	if err != nil {
		return 0, err
	}
	if l.byHash == nil {
		l.byHash = map[residency.Hash]int{}
	}
	l.byHash[h] = len(l.scopes)
	l.scopes = append(l.scopes, sc)
	return len(l.scopes) - 1, nil
}

// forget makes the next reader read all runs again: some were deleted.
func (l *timeline) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs, l.scopes, l.byHash = nil, nil, nil
}

// covered says which runs of a stretch of time covered an endpoint. Endpoints
// that are in the same scopes share the answer.
type covered struct {
	runs   []mark // of the time asked about
	all    []mark // of all time
	scopes []scope
	used   []int // scopes of runs, each once
	shared map[string][]mark
}

func newCovered(all []mark, scopes []scope, since, until time.Time) *covered {
	c := &covered{all: all, scopes: scopes, shared: map[string][]mark{}}
	for _, m := range all {
		if m.at.Before(since) || (!until.IsZero() && m.at.After(until)) {
			continue
		}
		c.runs = append(c.runs, m)
		if !slices.Contains(c.used, m.scope) {
			c.used = append(c.used, m.scope)
		}
	}
	return c
}

// of returns the runs of the time that covered the endpoint, oldest first.
func (c *covered) of(id int64) []mark {
	key := make([]byte, len(c.used))
	for i, n := range c.used {
		if c.scopes[n].has(id) {
			key[i] = 1
		}
	}
	if list, ok := c.shared[string(key)]; ok {
		return list
	}
	var list []mark
	for _, m := range c.runs {
		if key[slices.Index(c.used, m.scope)] == 1 {
			list = append(list, m)
		}
	}
	c.shared[string(key)] = list
	return list
}

// last returns the latest run that covered the endpoint, from the given one on.
func (c *covered) last(id, from int64) (mark, bool) {
	for i := len(c.all) - 1; i >= 0 && c.all[i].seq >= from; i-- {
		if c.scopes[c.all[i].scope].has(id) {
			return c.all[i], true
		}
	}
	return mark{}, false
}
