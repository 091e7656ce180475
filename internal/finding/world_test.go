package finding

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	cc  = residency.MustCountry
	set = residency.CountriesOf
)

// dayAt returns an instant of a day in UTC.
func dayAt(s string, hours ...int) time.Time {
	d, err := residency.ParseDate(s)
	if err != nil {
		panic(err)
	}
	t := d.Start(time.UTC)
	for _, h := range hours {
		t = t.Add(time.Duration(h) * time.Hour)
	}
	return t
}

// promise is a claim on US and SG that is due at the end of a day.
func promise(id, due string) residency.Claim {
	c := residency.Claim{ID: id, Vendor: "acme", Services: []string{id}, Markets: []residency.Country{cc("HK"), cc("IN")},
		Regions: residency.Regions{Written: []string{"US", "SG"}, Countries: set(cc("US"), cc("SG"))}, Never: set(cc("RU"))}
	if due != "" {
		d, _ := residency.ParseDate(due)
		c.DueOn, c.Due = d, d.End(time.UTC)
	}
	return c
}

// world is a memory, the claims and what the vendor does: enough to drive
// findings through time without an engine.
type world struct {
	t        *testing.T
	tracker  Tracker
	claims   []residency.Claim
	waivers  []residency.Waiver
	resolver map[string]bool // name: answers
	troubles []Trouble

	cells map[string]residency.Cell // by claim and market: what is judged now
	seen  map[netip.Addr]residency.Location

	findings map[string][]residency.Finding // by endpoint, as a memory keeps them
	told     map[string]residency.Told
	ids      map[string]bool
	run      residency.Run // the last
}

func newWorld(t *testing.T, claims ...residency.Claim) *world {
	w := &world{t: t, claims: claims, tracker: Tracker{Claims: map[string]residency.Claim{}}, resolver: map[string]bool{"google": true, "quad9": true},
		cells: map[string]residency.Cell{}, seen: map[netip.Addr]residency.Location{},
		findings: map[string][]residency.Finding{}, told: map[string]residency.Told{}, ids: map[string]bool{}}
	for _, c := range claims {
		w.tracker.Claims[c.ID] = c
		for _, m := range c.Markets {
			w.judge(c.ID, m, residency.Inside)
		}
	}
	return w
}

func endpointOf(claim string) residency.Endpoint {
	return residency.Endpoint{Vendor: "acme", Service: claim, Host: claim + ".acme.example"}
}

// place is an address and where it is.
func place(last byte, in ...residency.Country) residency.Location {
	return residency.Location{Address: netip.AddrFrom4([4]byte{192, 0, 2, last}), Countries: set(in...)}
}

// judge sets what is judged of a claim in a market from now on.
func (w *world) judge(claim string, market residency.Country, v residency.Verdict, places ...residency.Location) *residency.Cell {
	c := residency.Cell{Claim: claim, Endpoint: endpointOf(claim), Market: market, Verdict: v, Counts: true, Grade: residency.Corroborated,
		Coverage: residency.Coverage{Needs: 2, Met: 2, Looks: 2, Counted: 2}}
	side := map[residency.Verdict]residency.Side{residency.Inside: residency.SideInside, residency.Outside: residency.SideOutside}[v]
	if v == residency.Inside && places == nil {
		places = []residency.Location{place(1, cc("SG"))}
	}
	for _, p := range places {
		w.seen[p.Address] = p
		c.Addresses = append(c.Addresses, residency.JudgedAddress{Address: p.Address, Side: side, Counts: true, Grade: residency.Corroborated,
			Tailoring: residency.TailoringSpecific, Resolvers: []string{"google", "quad9"}})
	}
	w.cells[claim+market.String()] = c
	return &c
}

// set puts a changed cell back.
func (w *world) set(c residency.Cell) { w.cells[c.Claim+c.Market.String()] = c }

// look runs once and returns what is told. Everything is done twice, as a
// transaction that fails the first time does it.
func (w *world) look(at time.Time) []residency.Alert {
	w.t.Helper()
	w.run = residency.Run{ID: "run " + at.Format(time.RFC3339), At: at, Window: 24 * time.Hour, Waivers: w.waivers}
	for name, ok := range w.resolver {
		w.run.Resolvers = append(w.run.Resolvers, residency.ResolverStatus{Name: name, Server: "192.0.2.53:53", Answers: ok, Failure: residency.FailTimeout})
	}
	slices.SortFunc(w.run.Resolvers, func(a, b residency.ResolverStatus) int { return cmpText(a.Name, b.Name) })
	var alerts []residency.Alert
	var endpoints []residency.Endpoint
	for _, c := range w.claims {
		e := endpointOf(c.ID)
		endpoints = append(endpoints, e)
		round := w.round(c, at)
		rec := residency.Recollection{Findings: w.findings[e.Key()]}
		changed, told := w.tracker.Track(w.run, rec, round)
		again, same := w.tracker.Track(w.run, rec, round)
		w.same(changed, again, told, same)
		w.save(changed)
		alerts = append(alerts, told...)
		w.run.Claims = append(w.run.Claims, w.stand(c, round, at))
	}
	state := State{Run: w.run, Endpoints: endpoints, Troubles: w.troubles}
	for _, list := range w.findings {
		for _, f := range list {
			if f.Open() {
				state.Findings = append(state.Findings, f)
			}
		}
	}
	for _, t := range w.told {
		state.Told = append(state.Told, t)
	}
	changed, more, told := w.tracker.Conclude(state)
	slices.Reverse(state.Findings)
	slices.Reverse(state.Told)
	again, same, _ := w.tracker.Conclude(state)
	w.same(changed, again, more, same)
	w.save(changed)
	for _, t := range told {
		if w.told[t.Subject] = t; t.Gone {
			delete(w.told, t.Subject)
		}
	}
	alerts = append(alerts, more...)
	for _, a := range alerts {
		if w.ids[a.ID] {
			w.t.Errorf("%s: %s of %s is told twice (%s)", at, a.Event, a.Group, a.ID)
		}
		w.ids[a.ID] = true
	}
	return alerts
}

// same holds a repetition to the first time.
func (w *world) same(f1, f2 []residency.Finding, a1, a2 []residency.Alert) {
	w.t.Helper()
	opt := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff(f1, f2, opt); diff != "" {
		w.t.Errorf("the same state gives other findings:\n%s", diff)
	}
	if diff := cmp.Diff(a1, a2, opt); diff != "" {
		w.t.Errorf("the same state gives other alerts:\n%s", diff)
	}
}

func (w *world) round(c residency.Claim, at time.Time) residency.Round {
	r := residency.Round{Endpoint: endpointOf(c.ID), At: at, Locations: w.seen}
	for _, m := range c.Markets {
		cell := w.cells[c.ID+m.String()]
		for _, waiver := range w.waivers {
			var in residency.Countries
			for _, a := range cell.Addresses {
				in = in.Union(w.seen[a.Address].Countries)
			}
			if waiver.Covers(cell, in, at) {
				cell.Waiver = waiver.ID
			}
		}
		r.Cells = append(r.Cells, cell)
	}
	return r
}

func (w *world) stand(c residency.Claim, r residency.Round, at time.Time) residency.ClaimStanding {
	s := residency.ClaimStanding{Claim: c}
	for _, cell := range r.Cells {
		for range cell.Addresses {
			s.Answers += 2
			if cell.Verdict == residency.Outside {
				s.AnswersOutside += 2
			}
		}
		switch {
		case cell.Waiver != "":
			s.Waived = append(s.Waived, cell.Waiver)
		case cell.Verdict != residency.Inside && cell.Verdict != residency.Outside:
			s.Untold++
		}
		switch cell.Verdict {
		case residency.Outside:
			s.Counts.Outside++
		case residency.Inside:
			s.Counts.Inside++
		case residency.Undetermined:
			s.Counts.Undetermined++
		default:
			s.Counts.NotMeasured++
		}
	}
	return s
}

// save keeps findings as a memory does: what was closed long ago is not
// recalled, unless it was settled.
func (w *world) save(list []residency.Finding) {
	for _, f := range list {
		key := residency.Endpoint{Vendor: f.Vendor, Service: f.Service, Host: f.Host}.Key()
		w.findings[key] = slices.DeleteFunc(w.findings[key], func(old residency.Finding) bool { return old.Key == f.Key })
		w.findings[key] = append(w.findings[key], f)
	}
}

// change applies a change to every open finding of a claim.
func (w *world) change(claim string, do func(residency.Finding) (residency.Finding, error)) {
	w.t.Helper()
	key := endpointOf(claim).Key()
	for i, f := range w.findings[key] {
		if f.Open() {
			changed, err := do(f)
			if err != nil {
				w.t.Fatal(err)
			}
			w.findings[key][i] = changed
		}
	}
}

func cmpText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// brief is an alert in one line.
func brief(a residency.Alert) string {
	line := a.At.UTC().Format("2006-01-02 15h") + " " + a.Severity.String() + " " + string(a.Event) + " " + a.Group
	if a.Market.Known() {
		line += " " + a.Market.String()
	}
	if a.Finding != nil && !a.Finding.Open() {
		line += " closed as " + string(a.Finding.ClosedAs)
	}
	if a.Last {
		line += " LAST"
	}
	if a.Text != "" {
		line += ": " + a.Text
	}
	return line
}

// golden compares got with the file in testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
