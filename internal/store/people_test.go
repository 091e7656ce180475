package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
	"residency/internal/store"
	"residency/internal/store/storetest"
)

// TestChangeFindings lets a person acknowledge and settle findings, on record.
func TestChangeFindings(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer s.Close()
	ctx := t.Context()
	endWith := func(n int, findings ...residency.Finding) {
		t.Helper()
		seq, err := s.Begin(ctx, storetest.RunAt(n))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.End(ctx, seq, residency.RunEnd{Run: storetest.RunAt(n), Findings: findings}); err != nil {
			t.Fatal(err)
		}
	}
	one, two := storetest.Finding(1), storetest.Finding(2)
	endWith(1, one, two)
	mark := &residency.Mark{By: "me", At: storetest.Start(), Note: "known"}
	ack := func(f *residency.Finding) (bool, error) {
		f.Acknowledged = mark
		return f.Key == one.Key, nil
	}
	follow := func(changed []residency.Finding) (residency.Record, []residency.Alert, error) {
		return residency.Record{Kind: "acknowledged", At: storetest.Start(), By: "me", Body: fmt.Appendf(nil, `{"n":%d}`, len(changed))},
			[]residency.Alert{storetest.Alert(1, storetest.Start())}, nil
	}
	changed, err := s.ChangeFindings(ctx, store.Which{State: store.StateOpen, Claim: "c"}, ack, follow)
	if err != nil || len(changed) != 1 || changed[0].Acknowledged == nil {
		t.Fatalf("ChangeFindings = %+v, %v, want one", changed, err)
	}
	get := func(key string) residency.Finding {
		t.Helper()
		list, err := s.Findings(ctx, store.Which{Keys: []string{key}})
		if err != nil || len(list) != 1 {
			t.Fatalf("Findings(%s) = %v, %v", key, list, err)
		}
		return list[0]
	}
	if got := get(one.Key).Acknowledged; !cmp.Equal(got, mark) {
		t.Errorf("Acknowledged = %v, want %v", got, mark)
	}
	if n, err := s.Size(ctx); n != 2 || err != nil {
		t.Errorf("leaves = %d, %v, want the run's and the record's", n, err)
	}
	if alerts, err := s.Alerts(ctx, time.Time{}, 0); len(alerts) != 1 || err != nil {
		t.Errorf("Alerts = %v, %v, want one", alerts, err)
	}
	// Nothing to change, and what fails, leaves no trace.
	never := func(*residency.Finding) (bool, error) { return false, nil }
	if changed, err := s.ChangeFindings(ctx, store.Which{}, never, follow); err != nil || len(changed) != 0 {
		t.Errorf("ChangeFindings of nothing = %v, %v", changed, err)
	}
	refuse := func(*residency.Finding) (bool, error) { return false, errors.New("no") }
	if _, err := s.ChangeFindings(ctx, store.Which{}, refuse, follow); err == nil {
		t.Error("ChangeFindings that was refused succeeded")
	}
	unsealed := func([]residency.Finding) (residency.Record, []residency.Alert, error) {
		return residency.Record{Kind: "refused"}, nil, nil
	}
	if _, err := s.ChangeFindings(ctx, store.Which{Keys: []string{two.Key}}, func(f *residency.Finding) (bool, error) { f.Acknowledged = mark; return true, nil }, unsealed); err == nil {
		t.Error("ChangeFindings that cannot be sealed succeeded")
	}
	if n, err := s.Size(ctx); n != 2 || err != nil || get(two.Key).Acknowledged != nil {
		t.Errorf("what failed left something: %d leaves (%v), %+v", n, err, get(two.Key))
	}
	// The next run knows of it, and may take it away again: it was reopened.
	endWith(2, one)
	if got := get(one.Key).Acknowledged; got != nil {
		t.Errorf("Acknowledged after a run that took it away = %v", got)
	}
}

// TestPeopleAndRun keeps what a person says while a run is under way that does
// not know of it.
func TestPeopleAndRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, other := open(t, dir), open(t, dir)
	defer s.Close()
	defer other.Close()
	ctx := t.Context()
	f := storetest.Finding(1)
	for n := 1; n <= 3; n++ {
		seq, err := s.Begin(ctx, storetest.RunAt(n))
		if err != nil {
			t.Fatal(err)
		}
		if n == 2 {
			_, err := other.ChangeFindings(ctx, store.Which{Keys: []string{f.Key}}, func(g *residency.Finding) (bool, error) {
				g.Disputed = &residency.Dispute{Mark: residency.Mark{By: "me", At: storetest.Start()}, Upheld: true, Cause: "database"}
				g.Closed, g.ClosedAs = storetest.RunAt(2).At, residency.ClosedFalsePositive
				return true, nil
			}, func([]residency.Finding) (residency.Record, []residency.Alert, error) {
				return residency.Record{Kind: "disputed", At: storetest.Start(), By: "me", Body: []byte("{}")}, nil, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			f.LastSeen = storetest.RunAt(2).At // as the run sees it
		}
		if n < 3 {
			if err := s.Save(ctx, seq, residency.Batch{Rounds: []residency.KeptRound{storetest.Round(1, 1, n)}, Findings: []residency.Finding{f}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.End(ctx, seq, residency.RunEnd{Run: storetest.RunAt(n)}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Findings(ctx, store.Which{State: store.StateClosed, Vendor: "v", Market: f.Market, Host: f.Host})
	if err != nil || len(list) != 1 {
		t.Fatalf("Findings = %v, %v, want one that is closed", list, err)
	}
	if g := list[0]; g.Disputed == nil || g.ClosedAs != residency.ClosedFalsePositive || !g.LastSeen.Equal(storetest.RunAt(2).At) {
		t.Errorf("finding = %+v, want what was said and what was seen", g)
	}
}
