package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"residency/internal/residency"
)

// A run's header is kept in three bodies, because each changes at another
// pace and most runs share them with the run before.

// setting is what the run was made with.
type setting struct {
	Version, Commit          string
	Rules                    int
	Window                   time.Duration
	ConfigPath, ConfigSHA256 string
	LeftOut                  int
	Notice                   string
	Datasets                 []residency.Dataset
	Claims                   []residency.Claim
}

// seen is what the run learned of the servers and ways it used.
type seen struct {
	Missing   []string
	Resolvers []residency.ResolverStatus
	Surveys   []residency.Survey
	Notices   []string
}

// outcome is what the run says of each claim of its setting, in order.
type outcome struct{ Standings []standing }

// standing is a claim's standing without the claim.
type standing struct {
	residency.ClaimStanding
	Claim *struct{} `json:",omitempty"` // hides that of ClaimStanding
}

// split returns the three parts of a run's header.
func split(run residency.Run) (setting, seen, outcome) {
	a := setting{
		Version: run.Version, Commit: run.Commit, Rules: run.Rules, Window: run.Window,
		ConfigPath: run.ConfigPath, ConfigSHA256: run.ConfigSHA256, LeftOut: run.LeftOut,
		Notice: run.Notice, Datasets: run.Datasets,
	}
	var c outcome
	for _, st := range run.Claims {
		a.Claims = append(a.Claims, st.Claim)
		c.Standings = append(c.Standings, standing{ClaimStanding: st})
	}
	return a, seen{run.Missing, run.Resolvers, run.Surveys, run.Notices}, c
}

// header is a row of the table of runs.
type header struct {
	run            residency.Run
	rounds         int
	changed        int
	setting, seen  residency.Hash
	outcome, scope residency.Hash
	leaf           int64 // -1: it has none
}

const headerColumns = "seq, id, at, started, finished, partial, partial_by, clock, rounds, changed, setting, seen, outcome, scope, coalesce(leaf, -1)"

// scanHeader reads a row of headerColumns.
func scanHeader(scan func(...any) error) (header, error) {
	var h header
	var at, started, finished int64
	var clock string
	err := scan(&h.run.Seq, &h.run.ID, &at, &started, &finished, &h.run.Partial, &h.run.PartialBy, &clock, &h.rounds, &h.changed,
		(*hashColumn)(&h.setting), (*hashColumn)(&h.seen), (*hashColumn)(&h.outcome), (*hashColumn)(&h.scope), &h.leaf)
	if err != nil {
		return h, err
	}
	h.run.At, h.run.Started, h.run.Finished = instant(at), instant(started), instant(finished)
	if err := json.Unmarshal([]byte(clock), &h.run.Clock); err != nil {
		return h, fmt.Errorf("read run %d: %w: %w", h.run.Seq, ErrDamaged, err)
	}
	return h, nil
}

// fill reads the three parts of a header into its run.
func (s *Store) fill(ctx context.Context, h *header) error {
	var a setting
	var b seen
	var c outcome
	for _, part := range []struct {
		hash residency.Hash
		into any
	}{{h.setting, &a}, {h.seen, &b}, {h.outcome, &c}} {
		if err := s.bodyJSON(ctx, part.hash, part.into); err != nil {
			return fmt.Errorf("read run %d: %w", h.run.Seq, err)
		}
	}
	r := &h.run
	r.Version, r.Commit, r.Rules, r.Window = a.Version, a.Commit, a.Rules, a.Window
	r.ConfigPath, r.ConfigSHA256, r.LeftOut = a.ConfigPath, a.ConfigSHA256, a.LeftOut
	r.Notice, r.Datasets = a.Notice, a.Datasets
	r.Missing, r.Resolvers, r.Surveys, r.Notices = b.Missing, b.Resolvers, b.Surveys, b.Notices
	for i, st := range c.Standings {
		if i >= len(a.Claims) {
			return fmt.Errorf("read run %d: more standings than claims: %w", r.Seq, ErrDamaged)
		}
		st.ClaimStanding.Claim = a.Claims[i]
		r.Claims = append(r.Claims, st.ClaimStanding)
	}
	return nil
}

// keepHeader remembers the three parts of a run's header.
func (s *Store) keepHeader(w *writer, run residency.Run) (a, b, c residency.Hash, err error) {
	set, seen, out := split(run)
	if a, err = s.keepJSON(w, bodyHeader, set); err != nil {
		return a, b, c, err
	}
	if b, err = s.keepJSON(w, bodyHeader, seen); err != nil {
		return a, b, c, err
	}
	c, err = s.keepJSON(w, bodyHeader, out)
	return a, b, c, err
}
