package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"residency/internal/config"
	"residency/internal/residency"
	"residency/internal/store"
)

// past is what explain says of earlier checks: one look alone can contradict
// what they found, as answers come and go. The zero past is that of a
// configuration without a store, and says nothing.
type past struct {
	on    bool // the configuration has a store, whether it can be read or not
	zone  *time.Location
	again string // the flags that name the configuration
	known map[string]memoryOf
}

// memoryOf is what is remembered of one endpoint.
type memoryOf struct {
	findings []residency.Finding
	last     *residency.Round // as it was judged last; nil: no check looked at it
}

// past reads what is remembered of some endpoints. A store that cannot be read
// keeps nobody from looking: that is a note.
func (e *env) past(ctx context.Context, cfg *config.Config, f explainFlags, endpoints []residency.Endpoint) past {
	p := past{on: cfg.Store.On, zone: cfg.Organisation.Location}
	if !p.on {
		return p
	}
	if f.config != "config.toml" {
		p.again = " --config " + f.config
	}
	s, err := e.readStore(ctx, cfg)
	if err == nil {
		defer s.Close()
		p.known, err = recallAll(ctx, s, endpoints, e.now().Add(-cfg.Schedule.Window))
	}
	if err != nil {
		fmt.Fprintf(e.stderr, "residency: note: nothing is said of earlier checks, as what is remembered cannot be read: %v\n", err)
	}
	return p
}

// recallAll reads how some endpoints were judged last, by endpoint key.
func recallAll(ctx context.Context, s *store.Store, endpoints []residency.Endpoint, since time.Time) (map[string]memoryOf, error) {
	keys := make([]string, len(endpoints))
	for i, ep := range endpoints {
		keys[i] = ep.Key()
	}
	recalled, err := s.Recall(ctx, keys, since)
	if err != nil {
		return nil, err
	}
	known := make(map[string]memoryOf, len(keys))
	for i, key := range keys {
		m := memoryOf{findings: recalled[key].Findings}
		if spans := recalled[key].Spans; len(spans) > 0 {
			rounds, err := remembered(ctx, s, spans[len(spans)-1:], endpoints[i:i+1])
			if err != nil {
				return nil, err
			}
			m.last = &rounds[0]
		}
		known[key] = m
	}
	return known, nil
}

// finding returns the finding about a result, if there ever was one. There is
// one at most.
func (p past) finding(c *residency.Cell) (residency.Finding, bool) {
	list := p.known[c.Endpoint.Key()].findings
	i := slices.IndexFunc(list, func(f residency.Finding) bool { return f.Claim == c.Claim && f.Market == c.Market })
	if i < 0 {
		return residency.Finding{}, false
	}
	return list[i], true
}

// openSince returns when a finding was opened, or opened again the last time.
func openSince(f residency.Finding) time.Time {
	if f.Reopened.After(f.Opened) {
		return f.Reopened
	}
	return f.Opened
}

// cell returns a result as it was judged last, and when that was.
func (p past) cell(c *residency.Cell) (*residency.Cell, time.Time) {
	last := p.known[c.Endpoint.Key()].last
	if last == nil {
		return nil, time.Time{}
	}
	for i := range last.Cells {
		if last.Cells[i].Claim == c.Claim && last.Cells[i].Market == c.Market {
			return &last.Cells[i], last.At
		}
	}
	return nil, time.Time{}
}

// worst returns the worse of what is seen now and what is remembered.
func (p past) worst(c *residency.Cell) residency.Verdict {
	if before, _ := p.cell(c); before != nil && before.Verdict == residency.Outside {
		return residency.Outside
	}
	if f, ok := p.finding(c); ok && f.Open() {
		return residency.Outside
	}
	return c.Verdict
}

// lines say what is remembered of a result, and what the proof below them
// rests on.
func (p past) lines(c *residency.Cell) []string {
	const alone = "What follows rests on this look alone."
	switch {
	case !p.on:
		return nil
	case p.known == nil: // it could not be read
		return []string{alone}
	}
	before, at := p.cell(c)
	f, found := p.finding(c)
	switch {
	case found && f.Open():
		return []string{
			fmt.Sprintf("remembered: seen outside since %s, last at %s", p.clock(openSince(f)), p.clock(f.LastSeen)),
			fmt.Sprintf("  finding %s is open; the stored proof: residency bundle --finding %s --out proof.zip%s", f.Key, f.Key, p.again), alone,
		}
	case before == nil:
		return []string{"remembered: nothing, as no check judged this yet", alone}
	case found:
		return []string{
			fmt.Sprintf("remembered: %s by the check of %s", before.Verdict.Words(), p.clock(at)),
			fmt.Sprintf("  finding %s was closed on %s", f.Key, p.clock(f.Closed)), alone,
		}
	}
	return []string{fmt.Sprintf("remembered: %s by the check of %s; there is no finding", before.Verdict.Words(), p.clock(at)), alone}
}

// clock writes an instant for people.
func (p past) clock(t time.Time) string { return t.In(p.zone).Format("2 Jan 2006 15:04 MST") }
