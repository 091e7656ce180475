package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"residency/internal/residency"
)

// Pruning says what is to be deleted, why, and by whom.
type Pruning struct {
	Before time.Time // runs judged before it
	By     string
	Reason string
	// Held reports whether what is known of an endpoint stays, however old; nil:
	// nothing is held.
	Held func(residency.Endpoint) bool
}

// Pruned is what a pruning deleted.
type Pruned struct {
	FirstSeq int64 `json:"first_seq"` // the oldest run that was there
	LastSeq  int64 `json:"last_seq"`  // the latest run it touched
	Runs     int   `json:"runs"`
	Spans    int   `json:"spans"` // stretches of equal rounds whose bytes were deleted
	Findings int   `json:"findings"`
	Alerts   int   `json:"alerts"`
	Held     int   `json:"held"` // endpoints of which nothing was deleted
}

// act is the body of a record of kind "pruned".
type act struct {
	Schema string    `json:"schema"`
	Before time.Time `json:"before"`
	Reason string    `json:"reason"`
	Pruned
}

// Prune deletes what has grown old: runs judged before the given time, and
// what only they showed. A stretch of equal rounds that reaches beyond that
// time stays whole, and so does everything of an endpoint under a hold, with
// the hashes of the rounds beside it, so that it can be proved. The evidence
// log stays for ever; the deletion becomes a part of it. It waits for a run to
// end, until ctx ends. When nothing is old enough, nothing is recorded.
func (s *Store) Prune(ctx context.Context, p Pruning) (Pruned, error) {
	const action = "prune store"
	s.mu.Lock()
	under := s.run != nil
	s.mu.Unlock()
	if under {
		return Pruned{}, errors.New(action + ": a run is under way")
	}
	if s.write == nil {
		return Pruned{}, fmt.Errorf("%s: %w", action, &Fault{Path: s.path, Kind: ErrReadOnly, Detail: "it was opened for reading"})
	}
	unlock, err := s.lockRuns(ctx)
	if err != nil {
		return Pruned{}, fmt.Errorf("%s: %w", action, err)
	}
	defer unlock()
	var done Pruned
	err = s.tx(ctx, action, func(w *writer) (err error) {
		done, err = s.prune(w, p)
		return err
	})
	if err != nil || done == (Pruned{}) {
		return Pruned{}, err
	}
	s.line.forget()
	return done, s.collect(ctx)
}

// prune is the transaction of Prune: all but the bodies that nothing names any
// more.
func (s *Store) prune(w *writer, p Pruning) (Pruned, error) {
	var done Pruned
	var cut int64 // the first run that stays: at least the last one
	_, err := w.get([]any{&cut, &done.FirstSeq}, `SELECT coalesce((SELECT min(seq) FROM runs WHERE at >= $1), (SELECT max(seq) FROM runs), 0),
		coalesce((SELECT min(seq) FROM runs), 0)`, micros(p.Before))
	if err != nil || cut <= done.FirstSeq {
		return Pruned{}, err
	}
	done.LastSeq = cut - 1
	held, vendors, err := s.held(w, p.Held)
	if err != nil {
		return done, err
	}
	done.Held = len(held)
	if done.Spans, err = s.pruneSpans(w, cut, held); err != nil {
		return done, err
	}
	if done.Runs, err = s.pruneRuns(w, cut, len(held) > 0); err != nil {
		return done, err
	}
	if done.Findings, done.Alerts, err = s.pruneTold(w, p.Before, vendors); err != nil {
		return done, err
	}
	if done.Spans+done.Runs+done.Findings+done.Alerts == 0 {
		return Pruned{}, nil // what is old is held, or was deleted before
	}
	body, err := json.Marshal(act{Schema: "residency/pruned/v1", Before: p.Before.UTC(), Reason: p.Reason, Pruned: done})
	if err != nil {
		return done, err
	}
	if err := s.saveRecord(w, residency.Record{Kind: "pruned", At: s.now(), By: p.By, Body: body}); err != nil {
		return done, err
	}
	return done, w.run("INSERT INTO prunings (n, before, at) SELECT coalesce(max(n), 0) + 1, $1, $2 FROM prunings", cut, micros(s.now()))
}

// held returns the endpoints under a hold, and their vendors.
func (s *Store) held(w *writer, held func(residency.Endpoint) bool) (map[int64]bool, []string, error) {
	if held == nil {
		return nil, nil, nil
	}
	rows, err := w.query("SELECT id, data FROM endpoints")
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	ids := map[int64]bool{}
	var vendors []string
	for rows.Next() {
		var id int64
		var e residency.Endpoint
		if err := rows.Scan(&id, jsonColumn{&e}); err != nil {
			return nil, nil, err
		}
		if held(e) {
			ids[id] = true
			if !slices.Contains(vendors, e.Vendor) {
				vendors = append(vendors, e.Vendor)
			}
		}
	}
	return ids, vendors, rows.Err()
}

// pruneSpans deletes the spans that ended before the run cut, or that no run
// from it on confirmed. Where something is held, their rows stay, without
// bytes, for they prove what is held beside them; so does the row before a
// span that stays, whose seal names its last packets.
func (s *Store) pruneSpans(w *writer, cut int64, held map[int64]bool) (int, error) {
	runs, scopes, err := s.marks(w.ctx, w.tx)
	if err != nil {
		return 0, err
	}
	cov := newCovered(runs, scopes, time.Time{}, time.Time{})
	rows, err := w.query("SELECT endpoint, first_seq, last_seq, pruned FROM spans WHERE first_seq < $1 ORDER BY endpoint, first_seq", cut)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	type old struct {
		id, first int64
		gone      bool // its bytes go
		was       bool // they have gone before
		open      bool
	}
	var list []old
	for rows.Next() {
		var o old
		var last int64
		if err := rows.Scan(&o.id, &o.first, &last, &o.was); err != nil {
			return 0, err
		}
		if o.open = last == 0; o.open {
			if m, ok := cov.last(o.id, o.first); ok {
				last = m.seq
			}
		}
		o.gone = last < cut && !held[o.id]
		list = append(list, o)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	n := 0
	for i, o := range list {
		if !o.gone {
			continue
		}
		if !o.was {
			n++
		}
		if o.open {
			if err := s.forgetOpen(w, o.id); err != nil {
				return 0, err
			}
		}
		last := i+1 == len(list) || list[i+1].id != o.id // of those from before the cut: what follows stays
		if len(held) > 0 || (!o.open && (last || !list[i+1].gone)) {
			err = w.run("UPDATE spans SET pruned = $3 WHERE endpoint = $1 AND first_seq = $2", o.id, o.first, true)
		} else {
			err = w.run("DELETE FROM spans WHERE endpoint = $1 AND first_seq = $2", o.id, o.first)
		}
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

// forgetOpen deletes what is kept of an endpoint that is no longer looked at.
func (s *Store) forgetOpen(w *writer, id int64) error {
	if err := w.run("DELETE FROM latest_packets WHERE endpoint = $1", id); err != nil {
		return err
	}
	return w.run("DELETE FROM cells WHERE endpoint = $1", id)
}

// pruneRuns deletes the rows of the runs before cut, unless something is held:
// without them it could not be proved when it was seen.
func (s *Store) pruneRuns(w *writer, cut int64, held bool) (int, error) {
	if held {
		return 0, nil
	}
	n, err := w.exec("DELETE FROM runs WHERE seq < $1 AND finished > 0", cut)
	return int(n), err
}

// pruneTold deletes findings that were closed, and alerts that were made,
// before the time; not those of the vendors given, no alert on its way, and no
// finding that was settled as wrong, for it would be opened again.
func (s *Store) pruneTold(w *writer, before time.Time, vendors []string) (findings, alerts int, err error) {
	not, args := "", []any{micros(before)}
	if len(vendors) > 0 {
		not = " AND vendor NOT IN " + list(2, len(vendors))
		for _, v := range vendors {
			args = append(args, v)
		}
	}
	n, err := w.exec("DELETE FROM findings WHERE closed > 0 AND closed < $1 AND closed_as <> 'false_positive'"+not, args...)
	if err != nil {
		return 0, 0, err
	}
	old := `SELECT n FROM alerts WHERE at < $1` + not + ` AND NOT EXISTS (SELECT 1 FROM told t JOIN deliveries d ON d.id = t.delivery WHERE t.alert = alerts.n AND d.state = 'waiting')
		AND n < (SELECT max(n) FROM alerts)` // numbers are not used twice
	if _, err = w.exec("DELETE FROM told WHERE alert IN ("+old+")", args...); err != nil {
		return 0, 0, err
	}
	m, err := w.exec("DELETE FROM alerts WHERE n IN ("+old+") AND NOT EXISTS (SELECT 1 FROM told t WHERE t.alert = alerts.n)", args...)
	if err != nil {
		return 0, 0, err
	}
	const empty = "SELECT id FROM deliveries WHERE state <> 'waiting' AND NOT EXISTS (SELECT 1 FROM told t WHERE t.delivery = deliveries.id)"
	for _, text := range []string{"DELETE FROM receipts WHERE delivery IN (" + empty + ")", "DELETE FROM deliveries WHERE id IN (" + empty + ")"} {
		if err := w.run(text); err != nil {
			return 0, 0, err
		}
	}
	return int(n), int(m), nil
}

// PrunedBefore returns the first run that no pruning has touched; 0 when
// nothing was ever pruned. Bodies of spans that ended before it may be gone.
func (s *Store) PrunedBefore(ctx context.Context) (int64, error) {
	var n int64
	err := s.read.QueryRowContext(ctx, "SELECT coalesce(max(before), 0) FROM prunings").Scan(&n)
	return n, s.wrap("read prunings", err)
}
