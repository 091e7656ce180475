package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"residency/internal/residency"
)

// saveTold saves the findings as they are now, and the alerts to be told.
func (s *Store) saveTold(w *writer, seq int64, findings []residency.Finding, alerts []residency.Alert) error {
	for _, f := range findings {
		if err := s.saveFinding(w, seq, f); err != nil {
			return fmt.Errorf("finding %s: %w", f.Key, err)
		}
	}
	for _, a := range alerts {
		if err := s.saveAlert(w, a); err != nil {
			return fmt.Errorf("alert %s: %w", a.ID, err)
		}
	}
	return nil
}

// saveFinding saves a finding as a run sees it. What people said of it while
// the run was under way is newer than what the run knew, and stays.
func (s *Store) saveFinding(w *writer, seq int64, f residency.Finding) error {
	var people int64
	var data string
	found, err := w.get([]any{&people, &data}, "SELECT people_seq, data FROM findings WHERE id = $1", f.Key)
	if err != nil {
		return err
	}
	if found && people >= seq {
		var kept residency.Finding
		if err := json.Unmarshal([]byte(data), &kept); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		f.Acknowledged, f.Disputed = kept.Acknowledged, kept.Disputed
		if kept.ClosedAs == residency.ClosedFalsePositive {
			f.Closed, f.ClosedAs, f.Waiver, f.Told = kept.Closed, kept.ClosedAs, kept.Waiver, kept.Told
		}
	}
	return s.writeFinding(w, f, people)
}

// writeFinding writes the row of a finding.
func (s *Store) writeFinding(w *writer, f residency.Finding, people int64) error {
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	endpoint := residency.Endpoint{Vendor: f.Vendor, Service: f.Service, Host: f.Host}.Key()
	return w.run(`INSERT INTO findings (id, endpoint, vendor, claim, market, opened, closed, closed_as, people_seq, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO UPDATE SET opened = excluded.opened, closed = excluded.closed, closed_as = excluded.closed_as, people_seq = excluded.people_seq, data = excluded.data`,
		f.Key, endpoint, f.Vendor, f.Claim, f.Market.String(), micros(f.Opened), micros(f.Closed), string(f.ClosedAs), people, string(data))
}

// saveSubjects saves what was told of each subject, and forgets those that are
// gone.
func (s *Store) saveSubjects(w *writer, list []residency.Told) error {
	for _, t := range list {
		if t.Gone {
			if err := w.run("DELETE FROM subjects WHERE name = $1", t.Subject); err != nil {
				return err
			}
			continue
		}
		data, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if err := w.run("INSERT INTO subjects (name, data) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET data = excluded.data", t.Subject, string(data)); err != nil {
			return err
		}
	}
	return nil
}

// Ongoing returns what goes on beyond one endpoint: every open finding, and
// what was told of each subject.
func (s *Store) Ongoing(ctx context.Context) ([]residency.Finding, []residency.Told, error) {
	const action = "read what goes on"
	open, err := s.findings(ctx, s.read, Which{State: StateOpen})
	if err != nil {
		return nil, nil, s.wrap(action, err)
	}
	rows, err := s.read.QueryContext(ctx, "SELECT data FROM subjects ORDER BY name")
	if err != nil {
		return nil, nil, s.wrap(action, err)
	}
	defer rows.Close()
	var told []residency.Told
	for rows.Next() {
		var t residency.Told
		if err := rows.Scan(jsonColumn{&t}); err != nil {
			return nil, nil, s.wrap(action, err)
		}
		told = append(told, t)
	}
	return open, told, s.wrap(action, rows.Err())
}

// Which says which findings are wanted. The zero Which is all of them.
type Which struct {
	State  State
	Keys   []string // findings; empty: any
	Vendor string   // "": any
	Claim  string   // "": any
	Market residency.Country
	Host   string // of the endpoint; "": any
}

// State is whether a finding is open.
type State string

// The states that can be asked for; "" is both.
const (
	StateOpen   State = "open"
	StateClosed State = "closed"
)

// where returns the condition of the findings wanted and its values.
func (q Which) where() (string, []any) {
	var conds []string
	var args []any
	add := func(column, value string) {
		if value != "" {
			args = append(args, value)
			conds = append(conds, fmt.Sprintf("%s = $%d", column, len(args)))
		}
	}
	add("vendor", q.Vendor)
	add("claim", q.Claim)
	add("market", q.Market.String())
	if len(q.Keys) > 0 {
		conds = append(conds, "id IN "+list(len(args)+1, len(q.Keys)))
		for _, k := range q.Keys {
			args = append(args, k)
		}
	}
	switch q.State {
	case StateOpen:
		conds = append(conds, "closed = 0")
	case StateClosed:
		conds = append(conds, "closed > 0")
	}
	if len(conds) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(conds, " AND "), args
}

// Findings returns the findings asked for, the oldest first.
func (s *Store) Findings(ctx context.Context, q Which) ([]residency.Finding, error) {
	list, err := s.findings(ctx, s.read, q)
	return list, s.wrap("read findings", err)
}

func (s *Store) findings(ctx context.Context, db querier, q Which) ([]residency.Finding, error) {
	where, args := q.where()
	rows, err := db.QueryContext(ctx, "SELECT data FROM findings"+where+" ORDER BY opened, id", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []residency.Finding
	for rows.Next() {
		var data string
		var f residency.Finding
		if err := rows.Scan(&data); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(data), &f); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if q.Host == "" || q.Host == f.Host {
			list = append(list, f)
		}
	}
	return list, rows.Err()
}

// ChangeFindings lets a person change findings: change is called with each one
// asked for and reports whether it changed it. The changed findings, the alerts
// that follow and the record of the act are saved in one transaction; nothing
// is when no finding changed. Only what people decide may be changed:
// Acknowledged, Disputed, and Closed with ClosedAs. It returns the changed ones.
func (s *Store) ChangeFindings(ctx context.Context, q Which, change func(*residency.Finding) (bool, error),
	follow func(changed []residency.Finding) (residency.Record, []residency.Alert, error)) ([]residency.Finding, error) {
	var changed []residency.Finding
	err := s.tx(ctx, "change findings", func(w *writer) error {
		changed = nil
		all, err := s.findings(w.ctx, w.tx, q)
		if err != nil {
			return err
		}
		var seq int64
		if _, err := w.get([]any{&seq}, "SELECT coalesce(max(seq), 0) FROM runs"); err != nil {
			return err
		}
		for _, f := range all {
			ok, err := change(&f)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if err := s.writeFinding(w, f, seq); err != nil {
				return err
			}
			changed = append(changed, f)
		}
		if len(changed) == 0 {
			return nil
		}
		record, alerts, err := follow(changed)
		if err != nil {
			return err
		}
		if err := s.saveTold(w, seq, nil, alerts); err != nil {
			return err
		}
		return s.saveRecord(w, record)
	})
	return changed, err
}
