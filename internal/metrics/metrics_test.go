package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"residency/internal/residency"
)

func figures() Figures {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	claim := residency.Claim{ID: "phase-1", Vendor: "acme", Due: at.Add(36 * time.Hour)}
	cell := func(host, market string, v residency.Verdict) residency.Cell {
		return residency.Cell{Claim: "phase-1", Endpoint: residency.Endpoint{Vendor: "acme", Service: "api", Host: host},
			Market: residency.MustCountry(market), Verdict: v}
	}
	up := true
	return Figures{
		StoreUp: &up,
		Now:     at, LastSuccess: at.Add(-time.Minute), Schedule: time.Hour,
		Outbox: Outbox{Waiting: 2, Parked: 1, Oldest: at.Add(-90 * time.Second)},
		Run: residency.Run{
			ID: "r1", Version: "1.2", Started: at.Add(-time.Minute - 1500*time.Millisecond), Finished: at.Add(-time.Minute),
			Looks:     map[residency.Failure]int{"": 10, residency.FailTimeout: 2},
			Resolvers: []residency.ResolverStatus{{Name: "google", Answers: true}, {Name: "quad9"}},
			Datasets: []residency.Dataset{
				{Name: "dbip", Lineage: "dbip", Class: residency.ClassDatabase, Built: at.AddDate(0, 0, -10)},
				{Name: "undated"},
			},
			Claims: []residency.ClaimStanding{{Claim: claim, Standing: residency.Broken, Effective: residency.Holding,
				Counts: residency.CellCounts{Inside: 1, Outside: 1, Waived: 1}}},
		},
		Cells: []residency.Cell{cell("b.example", "IN", residency.Inside), cell("a.example", "IN", residency.Outside)},
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Write(&b, figures()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`residency_build_info{version="1.2"} 1`,
		`residency_claim_standing{claim="phase-1",standing="broken",vendor="acme"} 1`,
		`residency_claim_standing{claim="phase-1",standing="unknown",vendor="acme"} 0`,
		`residency_claim_effective_standing{claim="phase-1",standing="holding",vendor="acme"} 1`,
		`residency_claim_due_seconds{claim="phase-1",vendor="acme"} 129600`,
		`residency_claim_cells{claim="phase-1",vendor="acme",verdict="outside"} 1`,
		`residency_claim_waived_cells{claim="phase-1",vendor="acme"} 1`,
		`residency_cell_verdict{claim="phase-1",endpoint="a.example",market="IN",service="api",vendor="acme",verdict="outside"} 1`,
		`residency_cells_not_shown 0`,
		`residency_dataset_age_seconds{class="database",dataset="dbip",lineage="dbip"} 864000`,
		`residency_run_looks{outcome="answered"} 10`,
		`residency_run_looks{outcome="timeout"} 2`,
		`residency_resolver_up{resolver="quad9"} 0`,
		`residency_run_duration_seconds 1.5`,
		`residency_outbox_notifications 2`,
		`residency_outbox_oldest_age_seconds 90`,
		`residency_schedule_seconds 3600`,
		`residency_store_up 1`,
	} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("no line %s in:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "undated") {
		t.Error("shows the age of data without a date")
	}
}

// TestNames holds every name and help text to Prometheus' own rules.
func TestNames(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(registry(figures()))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestBeforeTheFirstRun shows what can be said when nothing was looked at yet.
func TestBeforeTheFirstRun(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Write(&b, Figures{Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "residency_outbox_notifications 0\n") || strings.Contains(b.String(), "last_success") || strings.Contains(b.String(), "store_up") ||
		strings.Contains(b.String(), "claim") {
		t.Errorf("before the first run:\n%s", b.String())
	}
}

func TestManyCells(t *testing.T) {
	t.Parallel()
	f := figures()
	f.Cells = nil
	for i := range MaxCells + 5 {
		v := residency.Inside
		if i%2 == 0 {
			v = residency.Outside
		}
		f.Cells = append(f.Cells, residency.Cell{Claim: "c", Endpoint: residency.Endpoint{Host: fmt.Sprintf("h%d.example", i)}, Verdict: v})
	}
	var b bytes.Buffer
	if err := Write(&b, f); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "residency_cell_verdict{"); n != MaxCells/2+3 {
		t.Errorf("%d cells shown, want %d", n, MaxCells/2+3)
	}
	if !strings.Contains(b.String(), "residency_cells_not_shown 5002\n") {
		t.Error("does not say how many cells are not shown")
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	get := func(figures func(context.Context) (Figures, error)) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		Handler(figures).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
		return w
	}
	if w := get(func(context.Context) (Figures, error) { return figures(), nil }); w.Code != 200 || !strings.Contains(w.Body.String(), "residency_run_partial 0") {
		t.Errorf("scrape = %d\n%s", w.Code, w.Body)
	}
	if w := get(func(context.Context) (Figures, error) { return Figures{}, errors.New("read store: gone") }); w.Code != 503 || !strings.Contains(w.Body.String(), "gone") {
		t.Errorf("scrape of a broken store = %d %s, want 503", w.Code, w.Body)
	}
}
