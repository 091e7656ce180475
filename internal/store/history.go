package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"residency/internal/residency"
)

// Run returns a run without its rounds; ok is false when there is none of that
// number. One that is under way has no Finished.
func (s *Store) Run(ctx context.Context, seq int64) (run residency.Run, ok bool, err error) {
	list, err := s.runs(ctx, "WHERE seq = $1", seq)
	if err != nil || len(list) == 0 {
		return residency.Run{}, false, err
	}
	return list[0], true, nil
}

// LastRuns returns the latest n runs that have ended, the latest first.
func (s *Store) LastRuns(ctx context.Context, n int) ([]residency.Run, error) {
	return s.runs(ctx, "WHERE finished > 0 ORDER BY seq DESC LIMIT $1", n)
}

// LastWhole returns the latest run that has ended and is not partial; ok is
// false when there is none.
func (s *Store) LastWhole(ctx context.Context) (run residency.Run, ok bool, err error) {
	list, err := s.runs(ctx, "WHERE finished > 0 AND NOT partial ORDER BY seq DESC LIMIT 1")
	if err != nil || len(list) == 0 {
		return residency.Run{}, false, err
	}
	return list[0], true, nil
}

// Runs yields the runs judged at from or later and before to, the oldest
// first, without their rounds; a zero time is no bound. A run that is under
// way has no Finished.
func (s *Store) Runs(ctx context.Context, from, to time.Time) iter.Seq2[residency.Run, error] {
	return func(yield func(residency.Run, error) bool) {
		const page = 64
		for after := int64(0); ; {
			list, err := s.runs(ctx, "WHERE seq > $1 AND at >= $2 AND ($3 = 0 OR at < $3) ORDER BY seq LIMIT $4", after, micros(from), micros(to), page)
			if err != nil {
				yield(residency.Run{}, err)
				return
			}
			for _, r := range list {
				if after = r.Seq; !yield(r, nil) {
					return
				}
			}
			if len(list) < page {
				return
			}
		}
	}
}

func (s *Store) runs(ctx context.Context, where string, args ...any) ([]residency.Run, error) {
	heads, err := s.headers(ctx, s.read, where, args...)
	if err != nil {
		return nil, s.wrap("read runs", err)
	}
	list := make([]residency.Run, 0, len(heads))
	for i := range heads {
		if err := s.fill(ctx, &heads[i]); err != nil {
			return nil, s.wrap("read runs", err)
		}
		list = append(list, heads[i].run)
	}
	return list, nil
}

func (s *Store) headers(ctx context.Context, db querier, where string, args ...any) ([]header, error) {
	rows, err := db.QueryContext(ctx, "SELECT "+headerColumns+" FROM runs "+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []header
	for rows.Next() {
		h, err := scanHeader(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, rows.Err()
}

// Extent is how much a run did.
type Extent struct {
	Rounds  int   // endpoints looked at
	Changed int   // of them, that showed or were judged otherwise than before
	Leaf    int64 // number of its leaf in the evidence log; -1: it has none
}

// Extent returns how much a run did; ok is false when there is none of that
// number, or it has not ended.
func (s *Store) Extent(ctx context.Context, seq int64) (e Extent, ok bool, err error) {
	heads, err := s.headers(ctx, s.read, "WHERE seq = $1 AND finished > 0", seq)
	if err != nil || len(heads) == 0 {
		return Extent{}, false, s.wrap("read run", err)
	}
	return Extent{Rounds: heads[0].rounds, Changed: heads[0].changed, Leaf: heads[0].leaf}, true, nil
}

// Spans returns the spans of an endpoint that some run judged at from or later
// and before to has seen, the oldest first, with the runs of that time; a zero
// time is no bound.
func (s *Store) Spans(ctx context.Context, endpoint string, from, to time.Time) ([]residency.Span, error) {
	const action = "read spans"
	runs, scopes, err := s.marks(ctx, s.read)
	if err != nil {
		return nil, s.wrap(action, err)
	}
	if !to.IsZero() {
		to = to.Add(-time.Microsecond)
	}
	cov := newCovered(runs, scopes, from, to)
	rows, err := s.read.QueryContext(ctx, "SELECT "+spanColumns+` FROM endpoints e JOIN spans s ON s.endpoint = e.id
		WHERE e.name = $1 AND ($2 = 0 OR s.first_at <= $2) ORDER BY s.first_seq`, endpoint, micros(to))
	if err != nil {
		return nil, s.wrap(action, err)
	}
	defer rows.Close()
	var list []residency.Span
	for rows.Next() {
		var r spanRow
		if err := r.scan(rows); err != nil {
			return nil, s.wrap(action, err)
		}
		if span, _ := cov.span(r); span.Runs > 0 && !span.LastAt.Before(from) {
			list = append(list, span)
		}
	}
	return list, s.wrap(action, rows.Err())
}

// Packets is what was kept on the wire of one round of a span.
type Packets struct {
	Seq  int64 // the run
	At   time.Time
	Hash residency.Hash
	Body []byte
}

// Packets returns the packets kept of the span of an endpoint that began with
// the given run: those of its first round, and those of the last round of which
// they were kept (the same when there is no other).
func (s *Store) Packets(ctx context.Context, endpoint string, first int64) (begin, end Packets, err error) {
	const action = "read packets"
	var r spanRow
	rows, err := s.read.QueryContext(ctx, "SELECT "+spanColumns+" FROM endpoints e JOIN spans s ON s.endpoint = e.id WHERE e.name = $1 AND s.first_seq = $2", endpoint, first)
	if err != nil {
		return begin, end, s.wrap(action, err)
	}
	defer rows.Close()
	if !rows.Next() {
		return begin, end, s.wrap(action, cmp.Or(rows.Err(), fmt.Errorf("no span of %s begins with run %d", endpoint, first)))
	}
	if err := r.scan(rows); err != nil {
		return begin, end, s.wrap(action, err)
	}
	begin = Packets{Seq: r.first, At: instant(r.firstAt), Hash: r.packets}
	if begin.Body, err = s.body(ctx, s.read, r.packets); err != nil {
		return begin, end, s.wrap(action, err)
	}
	if r.latest == (residency.Hash{}) {
		return begin, begin, nil
	}
	end = Packets{Seq: r.latestSeq, At: instant(r.latestAt), Hash: r.latest}
	if r.last != 0 {
		end.Body, err = s.body(ctx, s.read, r.latest)
		return begin, end, s.wrap(action, err)
	}
	var packed []byte
	if err = s.read.QueryRowContext(ctx, "SELECT hash, data FROM latest_packets WHERE endpoint = $1", r.id).Scan((*hashColumn)(&end.Hash), &packed); err == nil {
		end.Body, err = s.open(end.Hash, packed)
	}
	return begin, end, s.wrap(action, err)
}

// Rounds returns the seals of all rounds of a run that has ended, ordered by
// endpoint, as the run's leaf covers them; none when there is no such run.
func (s *Store) Rounds(ctx context.Context, seq int64) ([]residency.RoundSeal, error) {
	const action = "read rounds"
	var h hashColumn
	err := s.read.QueryRowContext(ctx, "SELECT scope FROM runs WHERE seq = $1 AND finished > 0", seq).Scan(&h)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, s.wrap(action, err)
	}
	data, err := s.body(ctx, s.read, residency.Hash(h))
	if err != nil {
		return nil, s.wrap(action, err)
	}
	set, err := parseScope(data)
	if err != nil {
		return nil, s.wrap(action, err)
	}
	list := make([]residency.RoundSeal, 0, set.size())
	for seal, err := range s.rounds(ctx, s.read, seq, set) {
		if err != nil {
			return nil, s.wrap(action, err)
		}
		list = append(list, seal)
	}
	return list, nil
}

// rounds yields the seals of the rounds of a run that covered set, by
// endpoint. Endpoints of the set whose spans were pruned are left out.
func (s *Store) rounds(ctx context.Context, db querier, seq int64, set scope) iter.Seq2[residency.RoundSeal, error] {
	return func(yield func(residency.RoundSeal, error) bool) {
		before, err := s.before(ctx, db, seq)
		if err != nil {
			yield(residency.RoundSeal{}, err)
			return
		}
		rows, err := db.QueryContext(ctx, "SELECT "+spanColumns+` FROM endpoints e JOIN spans s ON s.endpoint = e.id
			AND s.first_seq = (SELECT max(x.first_seq) FROM spans x WHERE x.endpoint = e.id AND x.first_seq <= $1)
			WHERE s.last_seq = 0 OR s.last_seq >= $1 ORDER BY e.name`, seq)
		if err != nil {
			yield(residency.RoundSeal{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var r spanRow
			if err := r.scan(rows); err != nil {
				yield(residency.RoundSeal{}, err)
				return
			}
			if !set.has(r.id) {
				continue
			}
			seal := residency.RoundSeal{Endpoint: r.endpoint, Sight: r.sight, Judgement: r.judgement}
			if r.first == seq {
				seal.Packets, seal.LastPackets = r.packets, before[r.id]
			}
			if !yield(seal, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(residency.RoundSeal{}, err)
		}
	}
}

// before returns, for each endpoint that changed in a run, the last packets
// kept of the span that ended with the run.
func (s *Store) before(ctx context.Context, db querier, seq int64) (map[int64]residency.Hash, error) {
	rows, err := db.QueryContext(ctx, `SELECT s.endpoint, p.packets, p.latest FROM spans s JOIN spans p ON p.endpoint = s.endpoint
		AND p.first_seq = (SELECT max(x.first_seq) FROM spans x WHERE x.endpoint = s.endpoint AND x.first_seq < $1) WHERE s.first_seq = $1`, seq)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[int64]residency.Hash{}
	for rows.Next() {
		var r spanRow
		if err := rows.Scan(&r.id, (*hashColumn)(&r.packets), (*hashColumn)(&r.latest)); err != nil {
			return nil, err
		}
		all[r.id] = r.lastPackets()
	}
	return all, rows.Err()
}

// Endpoints returns every endpoint that was ever looked at, by key.
func (s *Store) Endpoints(ctx context.Context) ([]residency.Endpoint, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT data FROM endpoints ORDER BY name")
	if err != nil {
		return nil, s.wrap("read endpoints", err)
	}
	defer rows.Close()
	var list []residency.Endpoint
	for rows.Next() {
		var e residency.Endpoint
		if err := rows.Scan(jsonColumn{&e}); err != nil {
			return nil, s.wrap("read endpoints", err)
		}
		list = append(list, e)
	}
	return list, s.wrap("read endpoints", rows.Err())
}
