package store

import (
	"context"

	"residency/internal/residency"
)

// saveClaims keeps the standings of a run's claims, and since when they stand. A
// run that is partial may have missed what was outside, so that it ends nothing:
// since when a claim is broken would be lost.
func (s *Store) saveClaims(w *writer, run residency.Run) error {
	for _, st := range run.Claims {
		var standing string
		var since, broken, outside int64
		_, err := w.get([]any{&standing, &since, &broken, &outside}, "SELECT standing, since, broken_since, last_outside FROM claims WHERE id = $1", st.Claim.ID)
		if err != nil {
			return err
		}
		outsideBefore := standing == residency.Broken.String() || standing == residency.Pending.String()
		if run.Partial && outsideBefore && st.Standing != residency.Broken && st.Standing != residency.Pending {
			continue
		}
		at := micros(run.At)
		if standing != st.Standing.String() {
			since = at
		}
		switch {
		case st.Standing != residency.Broken:
			broken = 0
		case !st.BrokenSince.IsZero():
			broken = micros(st.BrokenSince)
		case broken == 0:
			broken = at
		}
		err = w.run(`INSERT INTO claims (id, standing, since, broken_since, last_outside, seq) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (id) DO UPDATE SET standing = excluded.standing, since = excluded.since, broken_since = excluded.broken_since, last_outside = excluded.last_outside, seq = excluded.seq`,
			st.Claim.ID, st.Standing.String(), since, broken, max(outside, micros(st.LastOutside)), run.Seq)
		if err != nil {
			return err
		}
	}
	return nil
}

// Claims returns the state of every claim that was ever judged, by id.
func (s *Store) Claims(ctx context.Context) ([]residency.ClaimState, error) {
	const action = "read claims"
	rows, err := s.read.QueryContext(ctx, "SELECT id, standing, since, broken_since, last_outside, seq FROM claims ORDER BY id")
	if err != nil {
		return nil, s.wrap(action, err)
	}
	defer rows.Close()
	var list []residency.ClaimState
	for rows.Next() {
		var c residency.ClaimState
		var standing string
		var since, broken, outside int64
		if err := rows.Scan(&c.Claim, &standing, &since, &broken, &outside, &c.Seq); err != nil {
			return nil, s.wrap(action, err)
		}
		if err := c.Standing.UnmarshalText([]byte(standing)); err != nil {
			return nil, s.wrap(action, err)
		}
		c.Since, c.BrokenSince, c.LastOutside = instant(since), instant(broken), instant(outside)
		list = append(list, c)
	}
	return list, s.wrap(action, rows.Err())
}
