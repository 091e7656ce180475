package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"residency/internal/residency"
)

// A run's header is kept in four parts, because each changes at another pace
// and most runs share the larger ones with the run before.

// timing is what differs from run to run; a column of the table.
type timing struct {
	Clock  residency.Clock
	Due    time.Time `json:",omitzero"`
	Missed int       `json:",omitzero"`
}

// setting is what the run was made with; a body.
type setting struct {
	Version, Commit          string
	Rules                    int
	Window                   time.Duration
	ConfigPath, ConfigSHA256 string
	LeftOut                  int
	Notice                   string
	Datasets                 []residency.Dataset
	Waivers                  []residency.Waiver
	Claims                   []residency.Claim
}

// seen is what the run learned of the servers and ways it used; a body.
type seen struct {
	Missing   []string
	Resolvers []residency.ResolverStatus
	Surveys   []residency.Survey
	Notices   []string
}

// outcome is all the rest, with what the run says of each claim of its
// setting, in order; a body. A field that a run is given one day is kept here
// without anybody's doing.
type outcome struct {
	residency.Run
	Claims []standing
	Rounds *struct{} `json:",omitempty"` // hides those of Run
}

// standing is a claim's standing without the claim.
type standing struct {
	residency.ClaimStanding
	Claim *struct{} `json:",omitempty"` // hides that of ClaimStanding
}

// split returns the four parts of a run's header. What has a column of its own
// is in none.
func split(run residency.Run) (timing, setting, seen, outcome) {
	t := timing{run.Clock, run.Due, run.Missed}
	a := setting{
		Version: run.Version, Commit: run.Commit, Rules: run.Rules, Window: run.Window,
		ConfigPath: run.ConfigPath, ConfigSHA256: run.ConfigSHA256, LeftOut: run.LeftOut,
		Notice: run.Notice, Datasets: run.Datasets, Waivers: run.Waivers,
	}
	b := seen{run.Missing, run.Resolvers, run.Surveys, run.Notices}
	c := outcome{Run: run}
	for _, st := range run.Claims {
		a.Claims = append(a.Claims, st.Claim)
		c.Claims = append(c.Claims, standing{ClaimStanding: st})
	}
	r := &c.Run
	r.ID, r.Seq, r.At, r.Started, r.Finished, r.Partial, r.PartialBy = "", 0, time.Time{}, time.Time{}, time.Time{}, false, ""
	r.Clock, r.Due, r.Missed = residency.Clock{}, time.Time{}, 0
	r.Version, r.Commit, r.Rules, r.Window = "", "", 0, 0
	r.ConfigPath, r.ConfigSHA256, r.LeftOut, r.Notice = "", "", 0, ""
	r.Datasets, r.Waivers, r.Missing, r.Resolvers, r.Surveys, r.Notices = nil, nil, nil, nil, nil, nil
	return t, a, b, c
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

const headerColumns = "seq, id, at, started, finished, partial, partial_by, timing, rounds, changed, setting, seen, outcome, scope, coalesce(leaf, -1)"

// scanHeader reads a row of headerColumns.
func scanHeader(scan func(...any) error) (header, error) {
	var h header
	var at, started, finished int64
	var t timing
	err := scan(&h.run.Seq, &h.run.ID, &at, &started, &finished, &h.run.Partial, &h.run.PartialBy, jsonColumn{&t}, &h.rounds, &h.changed,
		(*hashColumn)(&h.setting), (*hashColumn)(&h.seen), (*hashColumn)(&h.outcome), (*hashColumn)(&h.scope), &h.leaf)
	if err != nil {
		return h, err
	}
	h.run.At, h.run.Started, h.run.Finished = instant(at), instant(started), instant(finished)
	h.run.Clock, h.run.Due, h.run.Missed = t.Clock, t.Due, t.Missed
	return h, nil
}

// fill reads the bodies of a header into its run.
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
	known := h.run
	r := &h.run
	*r = c.Run
	r.ID, r.Seq, r.At, r.Started, r.Finished, r.Partial, r.PartialBy = known.ID, known.Seq, known.At, known.Started, known.Finished, known.Partial, known.PartialBy
	r.Clock, r.Due, r.Missed = known.Clock, known.Due, known.Missed
	r.Version, r.Commit, r.Rules, r.Window = a.Version, a.Commit, a.Rules, a.Window
	r.ConfigPath, r.ConfigSHA256, r.LeftOut = a.ConfigPath, a.ConfigSHA256, a.LeftOut
	r.Notice, r.Datasets, r.Waivers = a.Notice, a.Datasets, a.Waivers
	r.Missing, r.Resolvers, r.Surveys, r.Notices = b.Missing, b.Resolvers, b.Surveys, b.Notices
	for i, st := range c.Claims {
		if i >= len(a.Claims) {
			return fmt.Errorf("read run %d: more standings than claims: %w", r.Seq, ErrDamaged)
		}
		st.ClaimStanding.Claim = a.Claims[i]
		r.Claims = append(r.Claims, st.ClaimStanding)
	}
	return nil
}

// headerHashes are the bodies of a run's header.
type headerHashes struct{ setting, seen, outcome residency.Hash }

// keepHeader remembers the parts of a run's header, and returns that which is a
// column.
func (s *Store) keepHeader(w *writer, run residency.Run) (column string, h headerHashes, err error) {
	t, set, seen, out := split(run)
	data, err := json.Marshal(t)
	if err != nil {
		return "", h, err
	}
	if h.setting, err = s.keepJSON(w, bodyHeader, set); err != nil {
		return "", h, err
	}
	if h.seen, err = s.keepJSON(w, bodyHeader, seen); err != nil {
		return "", h, err
	}
	h.outcome, err = s.keepJSON(w, bodyHeader, out)
	return string(data), h, err
}
