// Package metrics shows what the latest run found, and how the monitor itself
// does, in the text format of Prometheus.
//
//	err := metrics.Write(w, metrics.Figures{Run: run, Now: now})     // for a file
//	http.Handle("/metrics", metrics.Handler(figures))                // for a scrape
//
// Everything is computed from one value at the time of asking: there is no
// registry that lives on, and nothing to keep in step. It shows no address.
package metrics

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"residency/internal/residency"
)

// MaxCells is how many cells are shown one by one. Beyond it those that are
// inside are left out, and then the rest by name; claims are counted in full.
const MaxCells = 10_000

// Figures is what there is to show.
type Figures struct {
	Run   residency.Run    // the latest one; without an ID there was none yet
	Cells []residency.Cell // of the latest results

	// LastSuccess is when the last complete run ended; zero: never.
	LastSuccess time.Time

	// Schedule is the longest time between two runs; zero when it is not known.
	Schedule time.Duration

	// StoreUp says whether the store could be read now, and written by the latest
	// run; nil: there is none.
	StoreUp *bool

	Outbox Outbox
	Now    time.Time
}

// Outbox is what is still to be told.
type Outbox struct {
	Waiting int       // notifications that no receiver has taken yet
	Parked  int       // of them, those that only a person can send again
	Oldest  time.Time // when the oldest was put together; zero when there is none
}

// Write writes all figures in the text format.
func Write(w io.Writer, f Figures) error {
	families, err := registry(f).Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	return nil
}

// Handler serves the figures, asked for anew at every scrape. When they cannot
// be had it answers 503 with the error.
func Handler(figures func(context.Context) (Figures, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := figures(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		promhttp.HandlerFor(registry(f), promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

func registry(f Figures) *prometheus.Registry {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(collector{f}) // a new registry has nothing it could clash with
	return r
}

// collector shows Figures.
type collector struct{ Figures }

// gauge is one figure: its name, what it means, and its labels.
type gauge struct{ *prometheus.Desc }

func newGauge(name, help string, labels ...string) gauge {
	return gauge{prometheus.NewDesc("residency_"+name, help, labels, nil)}
}

// Describe tells the registry nothing beforehand: what there is depends on the
// run. The registry checks every scrape instead.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect shows every figure.
func (c collector) Collect(out chan<- prometheus.Metric) {
	show := func(g gauge, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(g.Desc, prometheus.GaugeValue, v, labels...)
	}
	show(newGauge("build_info", "Always 1; the version of the program is in the label.", "version"), 1, c.Run.Version)
	if c.Schedule > 0 {
		show(newGauge("schedule_seconds", "Longest time between two runs by the schedule."), c.Schedule.Seconds())
	}
	if !c.LastSuccess.IsZero() {
		show(newGauge("last_success_timestamp_seconds", "When the last complete run ended."), seconds(c.LastSuccess))
	}
	if c.StoreUp != nil {
		show(newGauge("store_up", "1 when what is found is remembered; 0 when the store could not be read now, or not be written by the latest run."), flag(*c.StoreUp))
	}
	c.outbox(show)
	if c.Run.ID == "" {
		return
	}
	c.run(show)
	c.claims(show)
	c.cells(show)
}

// shower hands one figure on.
type shower func(g gauge, v float64, labels ...string)

func (c collector) outbox(show shower) {
	show(newGauge("outbox_notifications", "Notifications that no receiver has taken yet."), float64(c.Outbox.Waiting))
	show(newGauge("outbox_parked_notifications", "Notifications that failed for good and wait for a person."), float64(c.Outbox.Parked))
	age := 0.0
	if !c.Outbox.Oldest.IsZero() {
		age = max(0, c.Now.Sub(c.Outbox.Oldest).Seconds())
	}
	show(newGauge("outbox_oldest_age_seconds", "Age of the oldest notification that was not taken; 0 when there is none."), age)
}

// run shows the latest run and what it was made with.
func (c collector) run(show shower) {
	show(newGauge("run_timestamp_seconds", "When the latest run ended."), seconds(c.Run.Finished))
	show(newGauge("run_duration_seconds", "How long the latest run took."), c.Run.Finished.Sub(c.Run.Started).Seconds())
	show(newGauge("run_partial", "1 when the latest run ended before everything was looked at."), flag(c.Run.Partial))
	looks := newGauge("run_looks", "Looks of the latest run, by what came of them: answered, or the failure.", "outcome")
	for f, n := range c.Run.Looks {
		outcome := string(f)
		if f == "" {
			outcome = "answered"
		}
		show(looks, float64(n), outcome)
	}
	up := newGauge("resolver_up", "1 when the resolver answered before the latest run.", "resolver")
	for _, r := range c.Run.Resolvers {
		show(up, flag(r.Answers), r.Name)
	}
	built := newGauge("dataset_built_timestamp_seconds", "The maker's date of the location data in use.", "dataset", "lineage", "class")
	age := newGauge("dataset_age_seconds", "Age of the location data in use.", "dataset", "lineage", "class")
	stale := newGauge("dataset_stale", "1 when the data is too old to say that anything is inside.", "dataset", "lineage", "class")
	seen := map[string]bool{}
	for _, d := range c.Run.Datasets {
		key := d.Name + "\x00" + d.Lineage + "\x00" + string(d.Class)
		if seen[key] || d.Built.IsZero() {
			continue
		}
		seen[key] = true
		show(built, seconds(d.Built), d.Name, d.Lineage, string(d.Class))
		show(age, c.Now.Sub(d.Built).Seconds(), d.Name, d.Lineage, string(d.Class))
		show(stale, flag(d.Stale), d.Name, d.Lineage, string(d.Class))
	}
	show(newGauge("sources_missing", "Configured sources of location data that could not be opened."), float64(len(c.Run.Missing)))
}

// claims shows the standing of each claim, one series for every value.
func (c collector) claims(show shower) {
	standing := newGauge("claim_standing", "1 for the standing that the claim has, 0 for the others.", "claim", "vendor", "standing")
	effective := newGauge("claim_effective_standing", "The same without what a waiver covers: what the exit code goes by.", "claim", "vendor", "standing")
	days := newGauge("claim_due_seconds", "Seconds until the claim is due; negative once it is.", "claim", "vendor")
	count := newGauge("claim_cells", "Results of the claim, by verdict.", "claim", "vendor", "verdict")
	waived := newGauge("claim_waived_cells", "Results of the claim that a waiver covers.", "claim", "vendor")
	for _, s := range c.Run.Claims {
		id, vendor := s.Claim.ID, s.Claim.Vendor
		for _, v := range []residency.Standing{residency.StandingUnknown, residency.Holding, residency.Pending, residency.Broken} {
			show(standing, flag(s.Standing == v), id, vendor, v.String())
			show(effective, flag(s.Effective == v), id, vendor, v.String())
		}
		if !s.Claim.Due.IsZero() {
			show(days, s.Claim.Due.Sub(c.Now).Seconds(), id, vendor)
		}
		for v, n := range map[residency.Verdict]int{
			residency.Inside: s.Counts.Inside, residency.Outside: s.Counts.Outside,
			residency.Undetermined: s.Counts.Undetermined, residency.NotMeasured: s.Counts.NotMeasured,
		} {
			show(count, float64(n), id, vendor, v.String())
		}
		show(waived, float64(s.Counts.Waived), id, vendor)
	}
}

// cells shows the verdict of each cell, up to MaxCells of them.
func (c collector) cells(show shower) {
	list := slices.Clone(c.Cells)
	if len(list) > MaxCells {
		list = slices.DeleteFunc(list, func(cell residency.Cell) bool { return cell.Verdict == residency.Inside })
	}
	slices.SortFunc(list, func(a, b residency.Cell) int {
		return cmp.Or(cmp.Compare(a.Claim, b.Claim), cmp.Compare(a.Endpoint.Key(), b.Endpoint.Key()), cmp.Compare(a.Market, b.Market))
	})
	left := len(c.Cells) - len(list)
	if len(list) > MaxCells {
		left += len(list) - MaxCells
		list = list[:MaxCells]
	}
	verdict := newGauge("cell_verdict", "1 for the verdict on the host for users of the market under the claim.",
		"claim", "vendor", "service", "endpoint", "market", "verdict")
	for _, cell := range list {
		e := cell.Endpoint
		show(verdict, 1, cell.Claim, e.Vendor, e.Service, e.Host, cell.Market.String(), cell.Verdict.String())
	}
	show(newGauge("cells_not_shown", "Results that are not shown one by one, because there are too many."), float64(left))
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
