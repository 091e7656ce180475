package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"residency/internal/config"
	"residency/internal/finding"
	"residency/internal/report"
	"residency/internal/residency"
	"residency/internal/store"
)

// reportPeriod is what a report is about when nobody says.
const reportPeriod = 90 * 24 * time.Hour

// gatherer collects what a report is made of from the store.
type gatherer struct {
	e      *env
	cfg    *config.Config
	s      *store.Store
	claims []string // ids; empty: all
	looks  bool     // the looks of the latest rounds too

	d        report.Dossier
	findings map[string][]residency.Finding // by endpoint: vendor, service and host
}

// gather reads everything of a period; zero times are its default.
func (g *gatherer) gather(ctx context.Context, from, to time.Time) (report.Dossier, error) {
	now := g.e.now()
	if to.IsZero() || to.After(now) {
		to = now
	}
	if from.IsZero() {
		from = to.Add(-reportPeriod)
	}
	if !from.Before(to) {
		return g.d, fmt.Errorf("the period begins on %s, and it is %s", from.Format(time.DateOnly), to.Format(time.DateOnly))
	}
	o := g.cfg.Organisation
	g.d = report.Dossier{
		Organisation: o.Name, Contact: o.Contact, Notice: o.Notice, Made: now, From: from, To: to, Zone: o.Location, Program: buildVersion(),
		Looks: map[residency.Failure]int{},
	}
	steps := []func(context.Context) error{g.runs, g.known, g.rounds, g.registers, g.log}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return g.d, err
		}
	}
	report.SortEvents(g.d.Events)
	return g.d, nil
}

// runs counts the runs of the period; the last that ended says how claims stand.
func (g *gatherer) runs(ctx context.Context) error {
	found := false
	for run, err := range g.s.Runs(ctx, g.d.From, g.d.To.Add(time.Microsecond)) { // to now, and now is a run's time too
		if err != nil {
			return err
		}
		if run.Finished.IsZero() {
			continue
		}
		g.d.Run, found = run, true
		if run.Reassessed {
			continue
		}
		g.d.Runs++
		if run.Partial {
			g.d.Partial++
		}
		for f, n := range run.Looks {
			g.d.Looks[f] += n
		}
	}
	if !found {
		return fmt.Errorf("read %s: nothing was checked from %s to %s", g.s.Path(), g.d.From.Format(time.DateOnly), g.d.To.Format(time.DateOnly))
	}
	for _, id := range g.claims {
		if !g.about(id) {
			return fmt.Errorf("the last check of the period judged no claim %q", id)
		}
	}
	g.d.Run.Claims = slices.DeleteFunc(g.d.Run.Claims, func(c residency.ClaimStanding) bool {
		return len(g.claims) > 0 && !slices.Contains(g.claims, c.Claim.ID)
	})
	g.d.Run.At = g.d.Run.At.In(g.d.Zone)
	return g.current(ctx)
}

// about reports whether the report is about a claim.
func (g *gatherer) about(claim string) bool { return judges(&g.d.Run, claim) }

// current brings a report that reaches to now up to now: a claim may have come
// due since the last check, and that check may be too old to say anything.
func (g *gatherer) current(ctx context.Context) error {
	last, err := g.s.LastRuns(ctx, 1)
	if err != nil || len(last) == 0 || last[0].Seq != g.d.Run.Seq {
		return err
	}
	if err := stateClaims(ctx, g.s, &g.d.Run, g.d.To); err != nil {
		return err
	}
	waiversNow(&g.d.Run, g.cfg.Waivers, g.d.To)
	if g.e.now().Sub(g.d.To) > time.Minute {
		return nil // about the past
	}
	whole, ok, err := g.s.LastWhole(ctx)
	if err != nil {
		return err
	}
	g.d.Overdue = g.e.overdue(ctx, g.cfg, g.s, whole, ok)
	return nil
}

// known reads the findings of the period.
func (g *gatherer) known(ctx context.Context) error {
	all, err := g.s.Findings(ctx, store.Which{})
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(f residency.Finding) bool {
		return !g.about(f.Claim)
	})
	p := finding.Measure(all)
	g.d.Tried = report.Tried{Findings: p.Findings, Open: p.Open, Disputed: p.Disputed, Settled: p.Settled, Upheld: p.Upheld, Decided: p.Decided, Causes: p.Causes}
	if share, ok := p.Share(); ok {
		g.d.Tried.Share = &share
	}
	g.findings = map[string][]residency.Finding{}
	for _, f := range all {
		if !f.Opened.Before(g.d.To) || !f.Open() && f.Closed.Before(g.d.From) {
			continue
		}
		g.d.Findings = append(g.d.Findings, f)
		key := residency.Endpoint{Vendor: f.Vendor, Service: f.Service, Host: f.Host}.Key()
		g.findings[key] = append(g.findings[key], f)
		g.said(f)
	}
	return nil
}

// said notes what people said of a finding.
func (g *gatherer) said(f residency.Finding) {
	add := func(at time.Time, text string) {
		if !at.Before(g.d.From) && at.Before(g.d.To) {
			g.d.Events = append(g.d.Events, report.Event{At: at, Claim: f.Claim, Host: f.Host, Text: text})
		}
	}
	users := "For users in " + f.Market.Name() + ": "
	if m := f.Acknowledged; m != nil {
		add(m.At, users+"taken over by "+m.By+".")
	}
	if p := f.Disputed; p != nil {
		add(p.At, users+"disputed by "+p.By+", with "+p.Document+".")
		if p.Settled != nil {
			outcome := "the finding stands."
			if p.Upheld {
				outcome = "the finding was wrong: " + p.Cause + "."
			}
			add(*p.Settled, users+"dispute decided: "+outcome)
		}
	}
}

// rounds reads what every endpoint showed over the period, one endpoint at a
// time.
func (g *gatherer) rounds(ctx context.Context) error {
	var claims []residency.Claim
	for _, c := range g.d.Run.Claims {
		claims = append(claims, c.Claim)
	}
	endpoints, err := g.s.Endpoints(ctx)
	if err != nil {
		return err
	}
	chronicle := report.NewChronicle(claims, g.d.From, g.d.To, g.d.Zone, max(g.d.Run.Window, 24*time.Hour))
	for _, ep := range endpoints {
		if !slices.ContainsFunc(claims, func(c residency.Claim) bool { return isAbout(c, ep) }) {
			continue
		}
		stays, spans, err := g.stays(ctx, ep)
		if err != nil {
			return err
		}
		if len(stays) == 0 {
			continue
		}
		chronicle.Add(stays)
		if err := g.sheets(ctx, ep, stays, spans); err != nil {
			return err
		}
		// One that was not looked at within the window is asked no more.
		if last := stays[len(stays)-1]; !last.Last.Before(g.d.Run.At.Add(-g.d.Run.Window)) {
			if !g.looks {
				last.Round.Observations = nil
			}
			g.d.Run.Rounds = append(g.d.Run.Rounds, last.Round)
		}
	}
	g.sortSheets()
	g.d.Events = append(g.d.Events, chronicle.Events()...)
	for _, c := range claims {
		g.d.Claims = append(g.d.Claims, chronicle.Record(c.ID))
	}
	return g.claimRecords(ctx)
}

// stays reads the rounds of one endpoint, with the cells of our claims.
func (g *gatherer) stays(ctx context.Context, ep residency.Endpoint) ([]report.Stay, []residency.Span, error) {
	spans, err := g.s.Spans(ctx, ep.Key(), g.d.From, g.d.To.Add(time.Microsecond))
	if err != nil {
		return nil, nil, err
	}
	rounds, err := remembered(ctx, g.s, spans, slices.Repeat([]residency.Endpoint{ep}, len(spans)))
	if err != nil {
		return nil, nil, err
	}
	var stays []report.Stay
	for i, sp := range spans {
		r := rounds[i]
		r.Endpoint = ep
		r.Cells = slices.DeleteFunc(r.Cells, func(c residency.Cell) bool {
			return !g.about(c.Claim)
		})
		for j := range r.Cells {
			r.Cells[j].Endpoint = ep
		}
		stays = append(stays, report.Stay{First: sp.FirstAt, Last: sp.LastAt, Runs: sp.Runs, Round: r})
	}
	return stays, spans, nil
}

// claimRecords adds to each claim since when it stands so, what the vendor said,
// and the copies of its source.
func (g *gatherer) claimRecords(ctx context.Context) error {
	states, err := g.s.Claims(ctx)
	if err != nil {
		return err
	}
	copies, err := archived(ctx, g.s)
	if err != nil {
		return err
	}
	for i := range g.d.Claims {
		r := &g.d.Claims[i]
		for _, st := range states {
			if st.Claim == r.Claim && st.Seq == g.d.Run.Seq {
				r.Since = st.Since
			}
		}
		for _, v := range g.cfg.Responses[r.Claim] {
			r.Responses = append(r.Responses, report.Response(v))
			g.d.Events = append(g.d.Events, report.Event{At: v.On.Start(g.d.Zone), Day: true, Claim: r.Claim, Text: v.By + ": “" + v.Text + "”"})
		}
		for _, a := range copies[r.Claim] {
			if !a.At.After(g.d.To) {
				r.Archived = append(r.Archived, report.ArchivedSource{At: a.At, From: a.From, SHA256: a.SHA256, Size: a.Size, By: a.By})
			}
		}
		for n, a := range r.Archived {
			if n > 0 && a.SHA256 != r.Archived[n-1].SHA256 {
				g.d.Events = append(g.d.Events, report.Event{At: a.At, Claim: r.Claim, Text: "The promise's page has changed since " + r.Archived[n-1].At.UTC().Format("2006-01-02 15:04Z") + "."})
			}
		}
	}
	return nil
}

// registers reads waivers, corrections and what people did.
func (g *gatherer) registers(ctx context.Context) error {
	for _, w := range g.cfg.Waivers {
		if slices.ContainsFunc(w.Claims, g.about) {
			g.d.Waivers = append(g.d.Waivers, w)
		}
	}
	for _, c := range g.cfg.Geo.Corrections {
		hash, err := hashFile(c.Evidence)
		if err != nil {
			hash = "" // it need not be there; the report says that it has no hash
		}
		g.d.Corrections = append(g.d.Corrections, report.Correction{Prefix: c.Prefix, Country: c.Country, Evidence: filepath.Base(c.Written), EvidenceHash: hash,
			Owner: c.Owner, Approver: c.Approver, Reason: c.Reason, Expires: c.Expires, Ended: !c.End.After(g.d.To)})
	}
	for r, err := range g.s.Records(ctx, "") {
		if err != nil {
			return err
		}
		if what := actWords[r.Kind]; what != "" && !r.At.Before(g.d.From) && !r.At.After(g.d.To) {
			g.d.Acts = append(g.d.Acts, report.Act{At: r.At, By: r.By, What: what})
		}
	}
	return nil
}

// actWords say what a record of the evidence log is about; those that a report
// shows elsewhere, and deliveries, are left out.
var actWords = map[string]string{
	"config": "changed what is judged by", "waivers": "changed waivers", "corrections": "changed corrections", "acknowledged": "took over a finding",
	"disputed": "disputed a finding, or decided on it", "key": "changed the key that signs the log", "restored": "put a backup in place of the store",
	"pruned": "deleted what was too old", "archived": "archived the source of a claim",
}

// log reads what lets a reader verify the evidence.
func (g *gatherer) log(ctx context.Context) error {
	var err error
	if g.d.Log.Leaves, err = g.s.Size(ctx); err != nil {
		return err
	}
	if g.cfg.Evidence.Key.IsZero() {
		return nil
	}
	key, err := logKey(g.cfg)
	if err != nil {
		return err
	}
	g.d.Log.Key = fmt.Sprint(key.Public())
	g.d.Log.Checkpoint, err = g.s.LastCheckpoint(ctx)
	return err
}

// hashFile returns the SHA-256 of a file, in hexadecimal digits.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
