package finding

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

// events returns "event market" of alerts about findings, sorted.
func events(alerts []residency.Alert) []string {
	var list []string
	for _, a := range alerts {
		what := string(a.Event)
		if a.Market.Known() {
			what += " " + a.Market.String()
		}
		list = append(list, what)
	}
	slices.Sort(list)
	return list
}

// only returns the one finding of a claim in a market.
func (w *world) only(claim, market string) residency.Finding {
	w.t.Helper()
	for _, f := range w.findings[endpointOf(claim).Key()] {
		if f.Market == cc(market) {
			return f
		}
	}
	w.t.Fatalf("no finding of %s in %s", claim, market)
	return residency.Finding{}
}

func TestTrack(t *testing.T) {
	t.Parallel()
	in := cc("IN")
	cn, de, other := place(10, cc("CN")), place(11, cc("DE")), place(12, cc("CN"))
	out := func(places ...residency.Location) func(*world) {
		return func(w *world) { w.judge("c", in, residency.Outside, places...) }
	}
	gone := func(w *world) { w.judge("c", in, residency.Inside) }
	verdict := func(v residency.Verdict, places ...residency.Location) func(*world) {
		return func(w *world) { w.judge("c", in, v, places...) }
	}
	waiver := func(w *world) {
		w.waivers = []residency.Waiver{{ID: "w", Claims: []string{"c"}, Verdicts: []residency.Verdict{residency.Outside}, Countries: set(cc("CN")), Until: dayAt("2030-01-01")}}
	}
	settle := func(upheld bool) func(*world) {
		return func(w *world) {
			w.change("c", func(f residency.Finding) (residency.Finding, error) {
				f, err := Contest(f, residency.Dispute{Mark: residency.Mark{By: "ann", At: dayAt("2026-01-02")}, Document: "letter.pdf"})
				if err != nil {
					return f, err
				}
				return Settle(f, upheld, "database", dayAt("2026-01-02"))
			})
		}
	}
	type turn struct {
		day  string
		do   func(*world)
		want string
	}
	tests := []struct {
		name  string
		turns []turn
	}{
		{"opened once, closed once", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", nil, ""}, {"2026-01-03", gone, "closed|closed IN"}, {"2026-01-04", nil, ""}}},
		{"reopened within a week", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", gone, "closed|closed IN"}, {"2026-01-09", out(cn), "reopened IN"}}},
		{"opened anew after a week", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", gone, "closed|closed IN"}, {"2026-01-10", out(cn), "opened IN"}}},
		{"cannot be told: stays open", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", verdict(residency.Undetermined), ""}, {"2026-01-03", verdict(residency.NotMeasured), "coverage"}, {"2026-01-04", out(cn), ""}}},
		{"moved", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", out(de), "moved IN"}}},
		{"another address in the same country is no move", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", out(other), ""}}},
		{"places that take turns move once", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", out(de), "moved IN"}, {"2026-01-03", out(cn), ""}, {"2026-01-04", out(de), ""}}},
		{"back after long is a move", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", out(de), "moved IN"}, {"2026-01-08", out(de), "reminder IN"}, {"2026-01-14", out(cn), "moved IN"}}},
		{"same address, said to be elsewhere", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", out(place(10, cc("DE"))), "reclassified IN"}}},
		{"same address, said to be inside", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", verdict(residency.Inside, place(10, cc("SG"))), "closed|reclassified IN"}}},
		{"same address, no longer known", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", verdict(residency.Undetermined, place(10, cc("CN"), cc("SG"))), "reclassified IN"}, {"2026-01-03", nil, "coverage"}, {"2026-01-04", out(cn), ""}}},
		{"waived from the start, told when it ends", []turn{{"2026-01-01", func(w *world) { waiver(w); out(cn)(w) }, ""}, {"2026-01-02", nil, ""}, {"2030-01-02", nil, "opened IN|waiver-ends"}}},
		{"waived, moves to another country", []turn{{"2026-01-01", func(w *world) { waiver(w); out(cn)(w) }, ""}, {"2026-01-02", out(de), "opened IN"}}},
		{"waived, gone again: told to nobody", []turn{{"2026-01-01", func(w *world) { waiver(w); out(cn)(w) }, ""}, {"2026-01-02", gone, ""}}},
		{"told, then waived, gone: told", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", waiver, "closed"}, {"2026-01-03", gone, "closed IN"}}},
		{"upheld: stays closed while nothing changes", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", settle(true), "closed"}, {"2026-01-03", nil, ""}, {"2026-02-03", nil, ""}}},
		{"upheld, another address", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", settle(true), "closed"}, {"2026-01-03", out(cn, other), "reopened IN"}}},
		{"upheld, another country", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", settle(true), "closed"}, {"2026-02-03", out(place(10, cc("DE"))), "opened IN"}}},
		{"refused: stays open", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", settle(false), ""}, {"2026-01-03", nil, ""}, {"2026-01-04", gone, "closed|closed IN"}}},
		{"no longer asked", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", func(w *world) { w.claims = nil; w.tracker.Claims = nil }, "closed|closed IN"}, {"2026-01-03", nil, ""}}},
		{"historic now", []turn{{"2026-01-01", out(cn), "opened IN"}, {"2026-01-02", func(w *world) {
			c := w.claims[0]
			c.Historic = true
			w.claims[0], w.tracker.Claims["c"] = c, c
		}, "closed|closed IN"}, {"2026-01-03", nil, ""}}},
		{"clock set back", []turn{{"2026-01-03", out(cn), "opened IN"}, {"2026-01-02", nil, ""}, {"2026-01-04", nil, ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, promise("c", ""))
			for _, turn := range tt.turns {
				if turn.do != nil {
					turn.do(w)
				}
				if got := strings.Join(events(w.look(dayAt(turn.day))), "|"); got != turn.want {
					t.Errorf("on %s: told %q, want %q", turn.day, got, turn.want)
				}
			}
		})
	}
}

// TestTrackKeepsEarlierLives: what is opened anew says when it was there before.
func TestTrackKeepsEarlierLives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, promise("c", ""))
	for i := range 25 {
		w.judge("c", cc("IN"), residency.Outside, place(10, cc("CN")))
		w.look(dayAt("2026-01-01").AddDate(0, 0, 10*i))
		w.judge("c", cc("IN"), residency.Inside)
		w.look(dayAt("2026-01-01").AddDate(0, 0, 10*i+1))
	}
	f := w.only("c", "IN")
	last := residency.Episode{Opened: dayAt("2026-01-01").AddDate(0, 0, 230), Closed: dayAt("2026-01-01").AddDate(0, 0, 231), ClosedAs: residency.ClosedGone}
	if len(f.Earlier) != 20 || f.Earlier[19] != last {
		t.Errorf("%d earlier lives, the last %+v; want 20, %+v", len(f.Earlier), f.Earlier[len(f.Earlier)-1], last)
	}
}

// TestTrackRetired closes what is declared to be out of use, and not what is
// only not counted.
func TestTrackRetired(t *testing.T) {
	t.Parallel()
	for _, retired := range []bool{true, false} {
		w := newWorld(t, promise("c", ""))
		w.judge("c", cc("IN"), residency.Outside, place(10, cc("CN")))
		w.look(dayAt("2026-01-01"))
		cell := *w.judge("c", cc("IN"), residency.NotMeasured)
		cell.Counts = false
		if retired {
			cell.Endpoint.Retired = dayAt("2026-01-02")
		}
		w.set(cell)
		w.look(dayAt("2026-01-02"))
		if f := w.only("c", "IN"); retired != (f.ClosedAs == residency.ClosedRetired) || f.Open() == retired {
			t.Errorf("retired %v: closed as %q at %v", retired, f.ClosedAs, f.Closed)
		}
	}
}

// TestTrackOnlyAnycastLeft: a cell of a declared CDN that shows nothing but
// anycast addresses any more does not count, and its finding ends.
func TestTrackOnlyAnycastLeft(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		shown byte
		want  residency.ClosedAs
	}{"others": {11, residency.ClosedGone}, "the same": {10, ""}} {
		w := newWorld(t, promise("c", ""))
		w.judge("c", cc("IN"), residency.Outside, place(10, cc("CN")))
		w.look(dayAt("2026-01-01"))
		cell := *w.judge("c", cc("IN"), residency.Undetermined, place(tt.shown, cc("CN"), cc("SG")))
		cell.Counts = false
		for i := range cell.Addresses {
			cell.Addresses[i].Counts = false
		}
		w.set(cell)
		w.look(dayAt("2026-01-03"))
		if f := w.only("c", "IN"); f.ClosedAs != tt.want {
			t.Errorf("%s: closed as %q, want %q", name, f.ClosedAs, tt.want)
		}
	}
}

// TestTrackIntoOutside: an address that was shown before and not outside did
// not move; what is known of it changed.
func TestTrackIntoOutside(t *testing.T) {
	t.Parallel()
	cn := place(10, cc("CN"))
	judged := func(side residency.Side, market residency.Country) residency.Cell {
		return residency.Cell{Claim: "c", Market: market, Addresses: []residency.JudgedAddress{{Address: cn.Address, Side: side, Counts: true}}}
	}
	tests := []struct {
		name   string
		before residency.Recollection
		want   residency.AlertEvent
	}{
		{"never seen", residency.Recollection{}, residency.EventOpened},
		{"seen here, could not be told", residency.Recollection{Cells: []residency.Cell{judged(residency.SideUnknown, cc("IN"))}}, residency.EventReclassified},
		{"seen by other users only", residency.Recollection{Cells: []residency.Cell{judged(residency.SideUnknown, cc("HK"))}}, residency.EventOpened},
		{"shown elsewhere in the window", residency.Recollection{Relocated: []netip.Addr{cn.Address}}, residency.EventReclassified},
		{"shown elsewhere, then outside once", residency.Recollection{Relocated: []netip.Addr{cn.Address},
			Cells: []residency.Cell{judged(residency.SideOutside, cc("IN"))}}, residency.EventReclassified},
		{"outside for other users already", residency.Recollection{Cells: []residency.Cell{judged(residency.SideUnknown, cc("IN")),
			judged(residency.SideOutside, cc("HK"))}}, residency.EventOpened},
	}
	for _, tt := range tests {
		w := newWorld(t, promise("c", ""))
		w.judge("c", cc("IN"), residency.Outside, cn)
		run := residency.Run{At: dayAt("2026-01-01")}
		_, alerts := w.tracker.Track(run, tt.before, w.round(w.claims[0], run.At))
		if len(alerts) != 1 || alerts[0].Event != tt.want {
			t.Errorf("%s: told %v, want %v", tt.name, events(alerts), tt.want)
		}
	}
}

// TestTrackEvidenceOfTheEnd holds what a closed finding says.
func TestTrackEvidenceOfTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, promise("c", ""))
	cell := w.judge("c", cc("IN"), residency.Outside, place(10, cc("CN")))
	w.look(dayAt("2026-01-01"))
	cell.LastOutside, cell.ClearFrom, cell.Addresses = dayAt("2026-01-01", 7), dayAt("2026-01-01", 8), nil
	w.set(*cell)
	w.look(dayAt("2026-01-02", 3)) // still outside, not seen
	f := w.only("c", "IN")
	if !f.LastSeen.Equal(dayAt("2026-01-01", 7)) || !f.Open() {
		t.Errorf("not seen now: last seen %v, open %v; want the last run that saw it, open", f.LastSeen, f.Open())
	}
	if want := []netip.Addr{place(10).Address}; !slices.Equal(f.Addresses, want) {
		t.Errorf("not seen now: addresses %v, want %v", f.Addresses, want)
	}
	w.judge("c", cc("IN"), residency.Inside)
	before := residency.Recollection{Findings: []residency.Finding{f}, Cells: []residency.Cell{*cell}, Spans: []residency.Span{{Runs: 9}, {Runs: 14}}}
	run := residency.Run{At: dayAt("2026-01-02", 9), Window: 24 * time.Hour}
	_, alerts := w.tracker.Track(run, before, w.round(w.claims[0], run.At))
	want := residency.Clearing{From: dayAt("2026-01-01", 8), Runs: 24, Window: 24 * time.Hour, Coverage: residency.Coverage{Needs: 2, Met: 2, Looks: 2, Counted: 2}}
	if len(alerts) != 1 || alerts[0].Clear == nil {
		t.Fatalf("told %v, want one closed with evidence", events(alerts))
	}
	if diff := cmp.Diff(want, *alerts[0].Clear); diff != "" {
		t.Errorf("evidence (-want +got):\n%s", diff)
	}
}

// TestTrackWritesLittle: a finding that stays as it is is written once an hour
// at most.
func TestTrackWritesLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, promise("c", ""))
	w.judge("c", cc("IN"), residency.Outside, place(10, cc("CN")))
	at := dayAt("2026-01-01")
	w.look(at)
	written := 0
	for i := 1; i <= 24*12; i++ {
		at = at.Add(5 * time.Minute)
		run := residency.Run{At: at}
		changed, _ := w.tracker.Track(run, residency.Recollection{Findings: w.findings[endpointOf("c").Key()]}, w.round(w.claims[0], at))
		w.save(changed)
		written += len(changed)
	}
	if written != 24 {
		t.Errorf("written %d times in 288 runs of a day, want 24", written)
	}
}

func TestTrackTellsNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world, *residency.Run, *residency.Cell){
		"simulated":        func(_ *world, r *residency.Run, _ *residency.Cell) { r.Simulated = true },
		"does not count":   func(_ *world, _ *residency.Run, c *residency.Cell) { c.Counts = false },
		"waived":           func(_ *world, _ *residency.Run, c *residency.Cell) { c.Waiver = "w" },
		"claim is unknown": func(w *world, _ *residency.Run, _ *residency.Cell) { w.tracker.Claims = nil },
		"withdrawn": func(w *world, _ *residency.Run, _ *residency.Cell) {
			c := w.claims[0]
			c.Withdrawn = residency.Date{Year: 2025, Month: 1, Day: 1}
			w.tracker.Claims["c"] = c
		},
	} {
		w := newWorld(t, promise("c", ""))
		cell := w.judge("c", cc("IN"), residency.Outside, place(10, cc("CN")))
		run := residency.Run{At: dayAt("2026-01-01")}
		change(w, &run, cell)
		w.set(*cell)
		if _, alerts := w.tracker.Track(run, residency.Recollection{}, w.round(w.claims[0], run.At)); len(alerts) > 0 {
			t.Errorf("%s: told %v, want nothing", name, events(alerts))
		}
	}
}

func TestSeverity(t *testing.T) {
	t.Parallel()
	due := promise("c", "2026-01-31")
	rule := residency.Claim{Kind: residency.KindPolicy, Never: set(cc("CN"))}
	later := residency.Claim{Kind: residency.KindPolicy, From: dayAt("2026-06-01"), Regions: due.Regions}
	in := func(codes ...string) []residency.SeenAddress {
		var s residency.SeenAddress
		for _, c := range codes {
			s.Countries = s.Countries.With(cc(c))
		}
		return []residency.SeenAddress{s}
	}
	tests := []struct {
		name  string
		claim residency.Claim
		seen  []residency.SeenAddress
		at    string
		want  residency.Severity
	}{
		{"before the due date", due, in("CN"), "2026-01-31", residency.SeverityWarning},
		{"from the due instant", due, in("CN"), "2026-02-01", residency.SeverityCritical},
		{"never there, before the due date", due, in("RU"), "2026-01-01", residency.SeverityCritical},
		{"there or elsewhere", due, in("RU", "CN"), "2026-01-01", residency.SeverityWarning},
		{"a rule in force", rule, in("CN"), "2026-01-01", residency.SeverityCritical},
		{"a rule to come", later, in("CN"), "2026-01-01", residency.SeverityWarning},
	}
	for _, tt := range tests {
		if got := severity(tt.claim, residency.Finding{}, tt.seen, dayAt(tt.at)); got != tt.want {
			t.Errorf("severity(%s) = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestID(t *testing.T) {
	t.Parallel()
	at := dayAt("2026-01-01")
	base := ID(at, "key", residency.EventOpened, "")
	if want := "20260101T000000Z-"; !strings.HasPrefix(base, want) || len(base) != len(want)+20 {
		t.Errorf("ID = %q, want %s and 20 digits", base, want)
	}
	seen := map[string]bool{base: true}
	for _, other := range []string{
		ID(at.Add(time.Nanosecond), "key", residency.EventOpened, ""), ID(at, "ke", residency.EventOpened, "y"),
		ID(at, "key", residency.EventClosed, ""), ID(at, "key", residency.EventOpened, "x"), ID(at, "", "keyopened", ""),
	} {
		if seen[other] {
			t.Errorf("two alerts have the id %s", other)
		}
		seen[other] = true
	}
	if later := ID(at.Add(time.Second), "a", residency.EventOpened, ""); later <= base {
		t.Errorf("ids do not sort by time: %s is after %s", base, later)
	}
	if got := ID(at.In(time.FixedZone("", 19800)), "key", residency.EventOpened, ""); got != base {
		t.Errorf("the id depends on the time zone: %s and %s", got, base)
	}
}

func TestOfRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, promise("c", "2026-01-31"))
	w.judge("c", cc("IN"), residency.Outside, place(10, cc("CN")))
	run := residency.Run{ID: "r", At: dayAt("2026-02-01"), Partial: true, Missing: []string{"geo.mmdb: gone"},
		Claims: []residency.ClaimStanding{{Claim: w.claims[0]}}}
	run.Rounds = []residency.Round{w.round(w.claims[0], run.At)}
	alerts := OfRun(run)
	if got := fmt.Sprint(events(alerts)); got != "[opened IN]" {
		t.Fatalf("OfRun tells %s, want one opened", got)
	}
	a := alerts[0]
	if !a.Finding.Opened.IsZero() || !a.NotBefore.Equal(run.At) || a.Severity != residency.SeverityCritical || a.Standing != residency.Broken {
		t.Errorf("OfRun: opened %v, not before %v, %v, %v; want not remembered, at once, critical, broken", a.Finding.Opened, a.NotBefore, a.Severity, a.Standing)
	}
	want := []string{"The run ended early (it was stopped), so there may be more.", "Not available in this run: geo.mmdb: gone."}
	if diff := cmp.Diff(want, a.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	run.Simulated = true
	if alerts := OfRun(run); len(alerts) > 0 {
		t.Errorf("OfRun tells %d of a simulated run, want none", len(alerts))
	}
}
