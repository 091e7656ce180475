package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"residency/internal/residency"
)

// openRun is the run of this process that is under way.
type openRun struct {
	seq     int64
	unlock  func()
	part    int   // batches saved
	nextID  int64 // number of the next new endpoint
	changed int   // rounds that differed, over all batches
	kept    int   // unchanged rounds whose packets were kept

	known map[string]*known // by Endpoint.Key: what Recall said, until Save
	saved map[int64]int     // endpoint -> place in seals
	seals []residency.RoundSeal
}

// Begin opens a run and returns its number, one more than that of the last. It
// waits for a run of another process to end, until ctx ends; the error then
// says which process that is. A run that was never ended is ended as partial
// first, and sealed.
func (s *Store) Begin(ctx context.Context, run residency.Run) (int64, error) {
	const action = "begin run"
	if s.write == nil {
		return 0, fmt.Errorf("%s: %w", action, &Fault{Path: s.path, Kind: ErrReadOnly, Detail: "it was opened for reading"})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil { // given up by its engine: the store could not be written
		s.run.unlock()
		s.run = nil
	}
	unlock, err := s.lockRuns(ctx)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", action, err)
	}
	if err := s.recover(ctx); err != nil {
		unlock()
		return 0, s.wrap("end a run that was broken off", err)
	}
	r := &openRun{unlock: unlock, known: map[string]*known{}, saved: map[int64]int{}}
	if err := s.tx(ctx, action, func(w *writer) error { return s.insertRun(w, r, run) }); err != nil {
		unlock()
		return 0, err
	}
	s.run = r
	return r.seq, nil
}

// insertRun writes the row of a run that begins.
func (s *Store) insertRun(w *writer, r *openRun, run residency.Run) error {
	if _, err := w.get([]any{&r.seq}, "SELECT coalesce(max(seq), 0) + 1 FROM runs"); err != nil {
		return err
	}
	if _, err := w.get([]any{&r.nextID}, "SELECT coalesce(max(id), 0) + 1 FROM endpoints"); err != nil {
		return err
	}
	run.Seq = r.seq
	run.Claims = slices.Clone(run.Claims)
	for i, c := range run.Claims {
		run.Claims[i] = residency.ClaimStanding{Claim: c.Claim} // how they stand is not known before the end
	}
	timing, h, err := s.keepHeader(w, run)
	if err != nil {
		return err
	}
	return w.run("INSERT INTO runs (seq, id, at, started, finished, partial, partial_by, timing, rounds, changed, setting, seen, outcome) VALUES ($1, $2, $3, $4, 0, $5, '', $6, 0, 0, $7, $8, $9)",
		r.seq, run.ID, micros(run.At), micros(run.Started), false, timing, h.setting[:], h.seen[:], h.outcome[:])
}

// current returns the run under way if it is the given one. s.mu is held.
func (s *Store) current(seq int64) (*openRun, error) {
	if s.run == nil || s.run.seq != seq {
		return nil, fmt.Errorf("run %d is not under way", seq)
	}
	return s.run, nil
}

// End ends the run: header, standings, findings, alerts and the leaf of the
// evidence log, in one transaction. The run stays under way when it fails, so
// that the caller can try again.
func (s *Store) End(ctx context.Context, seq int64, end residency.RunEnd) error {
	const action = "end run"
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.current(seq)
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	end.Run.Seq = seq
	if end.Run.Finished.IsZero() {
		end.Run.Finished = s.now()
	}
	slices.SortFunc(r.seals, func(a, b residency.RoundSeal) int { return strings.Compare(a.Endpoint, b.Endpoint) })
	err = s.tx(ctx, action, func(w *writer) error {
		if err := s.saveTold(w, seq, end.Findings, end.Alerts); err != nil {
			return err
		}
		if err := s.saveSubjects(w, end.Told); err != nil {
			return err
		}
		if err := s.saveClaims(w, end.Run); err != nil {
			return err
		}
		return s.closeRun(w, end.Run, r.seals)
	})
	if err != nil {
		clear(r.saved) // the seals were put in order; what is saved twice is found in the file
		return err
	}
	r.unlock()
	s.run = nil
	return nil
}

// closeRun writes what is known of a run at its end, and seals it.
func (s *Store) closeRun(w *writer, run residency.Run, seals []residency.RoundSeal) error {
	sets, changed, _, err := s.parts(w, run.Seq)
	if err != nil {
		return err
	}
	data := union(sets...).append(nil)
	scope := residency.HashOf(data)
	if err := s.keep(w, body{kind: bodyScope, hash: scope, data: data}); err != nil {
		return err
	}
	timing, h, err := s.keepHeader(w, run)
	if err != nil {
		return err
	}
	var leaf any
	if s.options.Log.RunLeaf != nil {
		text, err := s.options.Log.RunLeaf(run, seals)
		if err != nil {
			return fmt.Errorf("seal run %d: %w", run.Seq, err)
		}
		if leaf, err = s.appendLeaf(w, text); err != nil {
			return fmt.Errorf("seal run %d: %w", run.Seq, err)
		}
	}
	n, err := w.exec("UPDATE runs SET at = $2, started = $3, finished = $4, partial = $5, partial_by = $6, timing = $7, rounds = $8, changed = $9, setting = $10, seen = $11, outcome = $12, scope = $13, leaf = $14 WHERE seq = $1 AND finished = 0",
		run.Seq, micros(run.At), micros(run.Started), micros(run.Finished), run.Partial, run.PartialBy, timing,
		len(seals), changed, h.setting[:], h.seen[:], h.outcome[:], scope[:], leaf)
	if err == nil && n != 1 {
		err = fmt.Errorf("run %d is not under way", run.Seq)
	}
	if err != nil {
		return err
	}
	if err := w.tagRest(1); err != nil {
		return err
	}
	return w.run("DELETE FROM run_parts WHERE seq = $1", run.Seq)
}

// parts returns what the batches of a run under way covered, how many of their
// rounds differed, and when the last was saved.
func (s *Store) parts(w *writer, seq int64) (sets []scope, changed int, last int64, err error) {
	rows, err := w.query("SELECT scope, changed, saved_at FROM run_parts WHERE seq = $1 ORDER BY part", seq)
	if err != nil {
		return nil, 0, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var data []byte
		var n int
		if err := rows.Scan(&data, &n, &last); err != nil {
			return nil, 0, 0, err
		}
		set, err := parseScope(data)
		if err != nil {
			return nil, 0, 0, err
		}
		sets, changed = append(sets, set), changed+n
	}
	return sets, changed, last, rows.Err()
}

// brokenOff says why a run that nobody ended is partial.
const brokenOff = "it was never ended: the program or the machine stopped, or the store could not be written"

// recover ends every run that was never ended. The lock of runs is held.
func (s *Store) recover(ctx context.Context) error {
	rows, err := s.write.QueryContext(ctx, "SELECT "+headerColumns+" FROM runs WHERE finished = 0 ORDER BY seq")
	if err != nil {
		return err
	}
	defer rows.Close()
	var list []header
	for rows.Next() {
		h, err := scanHeader(rows.Scan)
		if err != nil {
			return err
		}
		list = append(list, h)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	rows.Close() // the only connection is needed
	for _, h := range list {
		if err := s.recoverRun(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// recoverRun ends one run as partial, with the batches that were saved. How
// claims stand was not worked out in it, so what is known of them stays.
func (s *Store) recoverRun(ctx context.Context, h header) error {
	if err := s.fill(ctx, &h); err != nil {
		return err
	}
	h.run.Partial, h.run.PartialBy = true, brokenOff
	return s.tx(ctx, "end run", func(w *writer) error {
		sets, _, last, err := s.parts(w, h.run.Seq)
		if err != nil {
			return err
		}
		h.run.Finished = instant(max(last, micros(h.run.Started), 1))
		var seals []residency.RoundSeal
		for seal, err := range s.rounds(w.ctx, w.tx, h.run.Seq, union(sets...)) {
			if err != nil {
				return err
			}
			seals = append(seals, seal)
		}
		return s.closeRun(w, h.run, seals)
	})
}
