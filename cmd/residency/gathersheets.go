package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"residency/internal/report"
	"residency/internal/residency"
)

// mostProved is how many evidence sheets are gathered at most: no reader gets
// more of them.
const mostProved = 120

// sheets adds an evidence sheet for every finding of an endpoint, and for every
// result that lies outside at the end although no finding tells of it.
func (g *gatherer) sheets(ctx context.Context, ep residency.Endpoint, stays []report.Stay, spans []residency.Span) error {
	told := map[string]bool{}
	for _, f := range g.findings[ep.Key()] {
		i, n := lastOutside(stays, f.Claim, f.Market)
		if n < 0 {
			continue
		}
		told[f.Claim+" "+f.Market.String()] = true
		if err := g.sheet(ctx, f.Key, &stays[i], spans[i], n); err != nil {
			return err
		}
	}
	last := len(stays) - 1
	for n, c := range stays[last].Round.Cells {
		if c.Verdict == residency.Outside && c.Counts && !told[c.Claim+" "+c.Market.String()] {
			if err := g.sheet(ctx, "", &stays[last], spans[last], n); err != nil {
				return err
			}
		}
	}
	return nil
}

// lastOutside returns the last stay that itself showed a result outside, and the
// number of the cell; if none did, the last in which it still counted as outside.
// The number is -1 if there is neither.
func lastOutside(stays []report.Stay, claim string, market residency.Country) (stay, cell int) {
	stay, cell = -1, -1
	for i := len(stays) - 1; i >= 0; i-- {
		n := outsideCell(stays[i].Round, claim, market)
		switch {
		case n >= 0 && stays[i].Round.Cells[n].LastOutside.IsZero():
			return i, n
		case n >= 0 && cell < 0:
			stay, cell = i, n
		}
	}
	return stay, cell
}

// outsideCell returns the number of the cell that lies outside, -1 if none does.
func outsideCell(r residency.Round, claim string, market residency.Country) int {
	return slices.IndexFunc(r.Cells, func(c residency.Cell) bool {
		return c.Claim == claim && c.Market == market && c.Verdict == residency.Outside && c.Counts
	})
}

// sheet adds one evidence sheet, with what was on the wire where that is kept.
func (g *gatherer) sheet(ctx context.Context, key string, stay *report.Stay, span residency.Span, cell int) error {
	if len(g.d.Sheets) == mostProved {
		return nil
	}
	if err := g.onTheWire(ctx, stay, span); err != nil {
		return err
	}
	run, ok, err := g.s.Run(ctx, span.Last)
	if err != nil {
		return err
	}
	if !ok {
		run = g.d.Run
	}
	run.At, run.Rounds = stay.Last, nil
	dated(stay.Round.Locations, run.Datasets)
	c := stay.Round.Cells[cell]
	g.d.Sheets = append(g.d.Sheets, report.EvidenceSheet{
		Finding: key, First: stay.First, Last: stay.Last, Runs: stay.Runs,
		Explained: report.Explained{Run: run, Claim: claimOf(run, c.Claim), Round: stay.Round, Cell: c},
	})
	return nil
}

// dated gives what sources said the date and the hash of their data: a memory
// keeps where an address was apart from the data sets of the runs.
func dated(locations map[netip.Addr]residency.Location, sets []residency.Dataset) {
	for _, l := range locations {
		for i := range l.Assertions {
			a := &l.Assertions[i]
			n := slices.IndexFunc(sets, func(d residency.Dataset) bool {
				return a.Dataset != nil && d.Name == a.Dataset.Name && d.Lineage == a.Lineage
			})
			if n >= 0 {
				a.Dataset = &sets[n]
			}
		}
	}
}

// lookKey says which look of a round is meant.
type lookKey struct {
	market                      residency.Country
	subnet                      netip.Prefix
	kind, resolver, server, via string
	failure                     residency.Failure
}

func keyOfLook(o *residency.Observation) lookKey {
	return lookKey{o.Market, o.Subnet.Prefix, o.Type, o.Resolver, o.Server, o.Via, o.Failure}
}

// onTheWire adds times and messages to the looks of a stay, from the last round
// of it whose messages are kept. A look without them stays as it is.
func (g *gatherer) onTheWire(ctx context.Context, stay *report.Stay, span residency.Span) error {
	if slices.ContainsFunc(stay.Round.Observations, func(o residency.Observation) bool { return len(o.Exchanges) > 0 }) {
		return nil // another sheet of the same round
	}
	begin, end, err := g.s.Packets(ctx, span.Endpoint, span.First)
	if err != nil {
		return err
	}
	body := end.Body
	if len(body) == 0 {
		body = begin.Body
	}
	if len(body) == 0 {
		return nil
	}
	raw, err := residency.ParsePackets(body, stay.Round.Endpoint)
	if err != nil {
		return fmt.Errorf("read messages of %s: %w", span.Endpoint, err)
	}
	found := map[lookKey][]*residency.Observation{}
	for i := range raw {
		k := keyOfLook(&raw[i])
		found[k] = append(found[k], &raw[i])
	}
	for i := range stay.Round.Observations {
		o := &stay.Round.Observations[i]
		k := keyOfLook(o)
		if list := found[k]; len(list) > 0 {
			o.At, o.RTT, o.Transport, o.Detail, o.Exchanges = list[0].At, list[0].RTT, list[0].Transport, list[0].Detail, list[0].Exchanges
			found[k] = list[1:]
		}
	}
	return nil
}

// sortSheets puts what is open first, then the latest, and pools in which one
// outside address hides among the most others before what is plain to see.
func (g *gatherer) sortSheets() {
	open := map[string]bool{}
	for _, f := range g.d.Findings {
		open[f.Key] = f.Open()
	}
	slices.SortStableFunc(g.d.Sheets, func(a, b report.EvidenceSheet) int {
		rank := func(s report.EvidenceSheet) int {
			if s.Finding == "" || open[s.Finding] {
				return 0
			}
			return 1
		}
		return cmp.Or(rank(a)-rank(b), b.Last.Compare(a.Last), len(b.Explained.Cell.Addresses)-len(a.Explained.Cell.Addresses))
	})
}
