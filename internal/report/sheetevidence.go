package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// mapSheet draws where the answers of the latest run came from.
func (d *Dossier) mapSheet() (sheet, template.HTML, error) {
	world, err := loadWorld()
	if err != nil {
		return sheet{}, "", err
	}
	var approved residency.Countries
	for _, c := range d.Run.Claims {
		if !c.Claim.Regions.Any {
			approved = approved.Union(c.Claim.Regions.Possible())
		}
	}
	list := slices.DeleteFunc(flows(&d.Run), func(f flow) bool {
		_, a := world.middles[f.market]
		_, b := world.middles[f.place]
		return !a || !b // no place on the map
	})
	a := newAtlas(world, list, approved)
	s := sheet{
		ID: "where", Title: "Where the answers came from, at the end", MapKey: true,
		Figure: a.draw("map", "Where answers came from on "+day(d.Run.At), list),
		Caption: "Each line leads from users to the country that the answer they got is in; a dot stands in the middle of its country's largest part, not at a data centre. " +
			"Approved countries are tinted. Outlines: Natural Earth; they are no statement about any border.",
	}
	t := table{Caption: "Where the answers came from, and for whom", Header: []string{"answers from", "towards the promises", "for users in", "results"}}
	for _, r := range routes(list) {
		t.Rows = append(t.Rows, []field{text(r.Mark + " " + r.Place), text(r.Words), text(r.Markets), number(r.Results)})
	}
	s.Tables = []table{t}
	return s, a.defs(), nil
}

// sightingSheet says when each country was first and last seen.
func (d *Dossier) sightingSheet() sheet {
	s := sheet{ID: "sightings", Title: "First and last sighting of each country"}
	for _, c := range d.Run.Claims {
		t := table{Caption: claimName(c.Claim) + ": countries in the answers of the period", Header: []string{"country", "towards the promise", "first seen", "last seen", "for users in"}}
		for _, v := range d.record(c.Claim.ID).Seen {
			words := v.Side.Words()
			if v.Side == residency.SideInside {
				words += ", or one allowed for edges"
			}
			if !v.Sure {
				words += "; only as one of several places an address can be in"
			}
			t.Rows = append(t.Rows, row(v.Country.Name(), words, d.local(v.First), d.local(v.Last), markets(v.Markets, 8)))
		}
		if len(t.Rows) > 0 {
			s.Tables = append(s.Tables, t)
		}
	}
	if len(s.Tables) == 0 {
		s.Text = []string{"No answer of the period led to an address."}
		return s
	}
	s.Text = []string{"Seen means in a check: what happened between two checks is not known."}
	return s
}

// chronologySheet tells what happened in order, in UTC and by the clock of the
// organisation.
func (d *Dossier) chronologySheet(most int) sheet {
	s := sheet{ID: "chronology", Title: "Chronology"}
	list := d.Events
	if len(list) == 0 {
		s.Text = []string{"Nothing changed in the period."}
		return s
	}
	s.Text = []string{"Times are those of the first check that showed it: it happened between that check and the one before."}
	t := table{Caption: "What happened, in the order of time", Header: []string{"UTC", "local time", "claim", "host", "what"}}
	for i, ev := range list {
		if i == most {
			s.More = append(s.More, fmt.Sprintf("%d more are left out here; the JSON report has them all.", len(list)-most))
			break
		}
		utc, local := ev.At.UTC().Format("2006-01-02 15:04"), ev.At.In(d.Zone).Format("2006-01-02 15:04 MST")
		if ev.Day {
			utc, local = "", residency.DateOf(ev.At.In(d.Zone)).String()
		}
		t.Rows = append(t.Rows, row(utc, local, ev.Claim, ev.Host, ev.Text))
	}
	s.Tables = []table{t}
	return s
}

// findingSheet lists the findings of the period.
func (d *Dossier) findingSheet() sheet {
	s := sheet{ID: "findings", Title: "Findings"}
	if len(d.Findings) == 0 {
		s.Text = []string{"There was no finding in the period."}
		return s
	}
	t := table{Caption: "Open ones first", Header: []string{"finding", "host", "users in", "claim", "seen in", "from", "last seen", "now"}}
	for _, open := range []bool{true, false} {
		for _, f := range d.Findings {
			if f.Open() == open {
				t.Rows = append(t.Rows, row(shortHash(f.Key), f.Host, f.Market.Name(), f.Claim, f.Countries.Names(),
					day(f.Opened.In(d.Zone)), day(f.LastSeen.In(d.Zone)), d.findingState(f)))
			}
		}
	}
	s.Tables = []table{t}
	return s
}

func (d *Dossier) findingState(f residency.Finding) string {
	var parts []string
	if f.Open() {
		parts = append(parts, "open")
	} else {
		parts = append(parts, "closed "+day(f.Closed.In(d.Zone))+": "+clean(f.ClosedAs.Words()))
	}
	if f.Waiver != "" {
		parts = append(parts, "waived by "+f.Waiver)
	}
	if a := f.Acknowledged; a != nil {
		parts = append(parts, "taken over by "+a.By)
	}
	if p := f.Disputed; p != nil && p.Settled == nil {
		parts = append(parts, "disputed by "+p.By)
	}
	return strings.Join(parts, "; ")
}

// evidenceSheet has the whole proof of results that lie outside.
func (d *Dossier) evidenceSheet(audience string) sheet {
	s := sheet{ID: "evidence", Title: "Evidence sheets"}
	if len(d.Sheets) == 0 {
		return sheet{}
	}
	most, told := mostSheets(audience), map[string]bool{}
	for i := range d.Sheets {
		// One for each host and claim is enough for whoever is not to do it again.
		host := d.Sheets[i].Explained.Claim.ID + " " + d.Sheets[i].Explained.Cell.Endpoint.Key()
		if len(s.Proofs) == most || audience != "engineer" && told[host] {
			continue
		}
		told[host] = true
		s.Proofs = append(s.Proofs, d.sheetProof(&d.Sheets[i], audience))
	}
	if left := len(d.Sheets) - len(s.Proofs); left > 0 {
		s.More = append(s.More, fmt.Sprintf("%d more sheets, mostly of the same hosts for users elsewhere, are left out here.", left))
	}
	return s
}

// sheetProof is the proof of one sheet. Only engineers and authorities read
// what was on the wire.
func (d *Dossier) sheetProof(e *EvidenceSheet, audience string) proof {
	x := &e.Explained
	p := prove(&x.Run, x.Claim, &x.Round, &x.Cell, true)
	p.Title = verdictMark(x.Cell.Verdict) + " " + p.Title
	stretch := section{Title: "When it was seen so", Facts: []fact{
		{"first", both(e.First, d.Zone)}, {"last", both(e.Last, d.Zone)}, {"in", residency.Plural(e.Runs, "check") + " that showed the same"}}}
	if e.Finding != "" {
		stretch.Facts = append(stretch.Facts, fact{"finding", e.Finding})
	}
	p.Sections = slices.Insert(p.Sections, min(1, len(p.Sections)), stretch)
	plain := map[string]bool{} // where the addresses are that do not decide
	for _, a := range x.Cell.Addresses {
		if audience != "engineer" && x.Cell.Verdict == residency.Outside && (a.Side != residency.SideOutside || !a.Counts) {
			plain[located(x.Round.Locations[a.Address], nil).Title] = true
		}
	}
	p.Sections = slices.DeleteFunc(p.Sections, func(s section) bool {
		// The claim and the limits are said once, for all of them.
		return plain[s.Title] || s.Title == "What was promised" || s.Title == "What our rule is" || s.Title == "What it cannot say" ||
			s.Title == "Data used" && audience != "engineer" ||
			(s.Title == "On the wire" || s.Title == "What came back") && audience == "officer"
	})
	for i := range p.Sections {
		if p.Sections[i].Title == "What came back" {
			withoutLifetimes(&p.Sections[i])
		}
		p.Sections[i].Facts = slices.DeleteFunc(p.Sections[i].Facts, func(f fact) bool { return f.Label == "the whole claim" })
	}
	return p
}

// withoutLifetimes takes the times to live out of what came back where none is
// kept: a memory keeps those on the wire only.
func withoutLifetimes(s *section) {
	last := len(s.Header) - 1
	if last < 1 || slices.ContainsFunc(s.Rows, func(r []string) bool { return len(r) != last+1 || r[last] != "0" }) {
		return
	}
	s.Header = s.Header[:last]
	for i := range s.Rows {
		s.Rows[i] = s.Rows[i][:last]
	}
}

// both writes an instant in UTC and by a clock.
func both(t time.Time, zone *time.Location) string {
	utc, local := t.UTC().Format("2006-01-02 15:04:05Z"), t.In(zone)
	if local.Format("Z07:00") == "Z" {
		return utc
	}
	return utc + ", " + local.Format("2006-01-02 15:04:05 MST")
}
