package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"residency/internal/residency"
)

// A report is made of sheets, the same for every format that people read.
type (
	report struct {
		Title, Lead, When, Notice, Asked, Totals, By, Made string
		Notes                                              []string
		Sheets                                             []sheet
		Defs                                               template.HTML
		OnePage                                            bool
	}

	// sheet is one part under a heading.
	sheet struct {
		ID, Title string
		Text      []string
		Facts     []fact
		Cards     []card
		Figure    template.HTML
		Caption   string
		MapKey    bool
		Tables    []table
		Lines     []string
		Proofs    []proof
		More      []string // below the tables
	}

	// card is one claim.
	card struct {
		Standing, Mark, Title, Words, Quote string
		Facts                               []fact
		Chart                               template.HTML
		ChartWords                          string
		Tables                              []table
		Says                                []fact // what the vendor said, each under its day and speaker
	}

	table struct {
		Caption string
		Header  []string
		Rows    [][]field
		Matrix  bool
		Note    string
	}

	field struct {
		Text   string
		Class  string // of a verdict, "" for none
		Title  string // the whole of it in words, where Text is short
		Number bool
	}
)

func text(s string) field { return field{Text: clean(s)} }

func number(n int) field { return field{Text: fmt.Sprint(n), Number: true} }

// row makes a row of plain texts.
func row(cells ...string) []field {
	list := make([]field, len(cells))
	for i, c := range cells {
		list[i] = text(c)
	}
	return list
}

// mostSheets bounds the evidence sheets of a report, by audience; the rest is
// named and counted.
func mostSheets(audience string) int {
	switch audience {
	case "engineer":
		return 60
	case "authority":
		return 24
	}
	return 8
}

// compose puts together what one audience reads.
func (d *Dossier) compose(audience string) (report, error) {
	r := d.head(audience)
	claims, results := d.claimSheet(audience), d.matrixSheet(audience)
	if audience == "board" {
		r.OnePage = true
		r.Sheets = []sheet{claims, results, d.shortLimits()}
		return r, nil
	}
	world, defs, err := d.mapSheet()
	if err != nil {
		return r, err
	}
	r.Defs = defs
	evidence := d.evidenceSheet(audience)
	switch audience {
	case "authority":
		r.Sheets = []sheet{d.summarySheet(), claims, d.responseSheet(), world, d.sightingSheet(), d.chronologySheet(2000), d.findingSheet(),
			evidence, d.methodSheet(), d.registerSheet(), d.dataSheet(), d.logSheet(), d.limitSheet()}
	case "engineer":
		r.Sheets = []sheet{claims, world, d.sightingSheet(), results, d.chronologySheet(2000), d.findingSheet(), evidence,
			d.registerSheet(), d.coverageSheet(), d.methodSheet(), d.dataSheet(), d.logSheet(), d.limitSheet()}
	default:
		r.Sheets = []sheet{claims, results, world, d.sightingSheet(), d.findingSheet(), evidence,
			d.registerSheet(), d.coverageSheet(), d.dataSheet(), d.logSheet(), d.limitSheet()}
	}
	r.Sheets = slices.DeleteFunc(r.Sheets, func(s sheet) bool { return s.Title == "" })
	return r, nil
}

var audienceTitles = map[string]string{
	"officer": "Where our users' data is sent: report for the compliance officer", "board": "Where our users' data is sent: report for the board",
	"authority": "Where users' data is sent: report to an authority", "engineer": "Where our users' data is sent: technical report",
}

func (d *Dossier) head(audience string) report {
	r := report{Title: clean(d.Title), When: d.period(), Notice: clean(d.Notice), Asked: "Latest check: " + askedLine(&d.Run), Totals: totals(&d.Run)}
	if r.Title == "" {
		r.Title = audienceTitles[audience]
	}
	if r.Notice == "" {
		r.Notice = clean(d.Run.Notice)
	}
	r.By = clean(d.Organisation)
	if d.Contact != "" {
		r.By = strings.TrimPrefix(r.By+", "+clean(d.Contact), ", ")
	}
	r.Made = d.local(d.Made)
	r.Lead = fmt.Sprintf("%s of this period looked at %s: %s.", residency.Plural(d.Runs, "check"), d.extent(), d.lookWords())
	if d.Overdue != "" {
		r.Notes = append(r.Notes, sentence(clean(d.Overdue)))
	}
	if p := partial(&d.Run); p != "" {
		r.Notes = append(r.Notes, p)
	}
	if d.Partial > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s of the period ended early; what they did not reach is unknown.", residency.Plural(d.Partial, "check")))
	}
	for _, m := range d.Run.Missing {
		r.Notes = append(r.Notes, "Not available, so nothing could be cleared: "+clean(m))
	}
	return r
}

// extent is how many hosts and markets the claims are about.
func (d *Dossier) extent() string {
	hosts, seen := map[string]bool{}, map[residency.Country]bool{}
	for _, cell := range cells(&d.Run) {
		hosts[cell.Endpoint.Key()], seen[cell.Market] = true, true
	}
	return residency.Plural(len(hosts), "host") + " for users in " + countriesWord(len(seen))
}

func countriesWord(n int) string {
	if n == 1 {
		return "1 country"
	}
	return fmt.Sprintf("%d countries", n)
}

// lookWords counts the looks of the period.
func (d *Dossier) lookWords() string {
	all := total(d.Looks)
	if failed := all - d.Looks[""]; failed > 0 {
		return fmt.Sprintf("%s, of which %d got no answer", residency.Plural(all, "look"), failed)
	}
	return residency.Plural(all, "look") + ", all answered"
}

// summarySheet says in a few lines what an authority is told.
func (d *Dossier) summarySheet() sheet {
	s := sheet{ID: "summary", Title: "Summary"}
	for _, c := range d.Run.Claims {
		s.Lines = append(s.Lines, fmt.Sprintf("%s %s: %s.", claimName(c.Claim), clean(c.Claim.Title), claimWords(&d.Run, c)))
	}
	open := 0
	for _, f := range d.Findings {
		if f.Open() {
			open++
		}
	}
	s.Lines = append(s.Lines, fmt.Sprintf("%s in the period, %d of them still open.", residency.Plural(len(d.Findings), "finding"), open))
	s.Text = []string{"This packet says what was asked of the DNS on behalf of users, what was answered, and where the addresses in the answers are. " +
		"It does not say what data was sent, stored or passed on."}
	if d.Organisation != "" {
		s.Facts = append(s.Facts, fact{"reported by", clean(d.Organisation)})
	}
	if d.Contact != "" {
		s.Facts = append(s.Facts, fact{"contact", clean(d.Contact)})
	}
	s.Facts = append(s.Facts, fact{"period", d.period()}, fact{"evidence", d.bundleWords()})
	return s
}

func (d *Dossier) bundleWords() string {
	if d.Bundle == "" {
		return "kept by the reporter; a bundle that can be verified without the reporter is made by residency bundle"
	}
	text := clean(d.Bundle)
	if d.BundleSHA256 != "" {
		text += ", SHA-256 " + clean(d.BundleSHA256)
	}
	return text
}

// responseSheet is the vendor's side of it.
func (d *Dossier) responseSheet() sheet {
	s := sheet{ID: "reply", Title: "The vendor's reply"}
	for _, c := range d.Run.Claims {
		for _, f := range d.says(c.Claim.ID) {
			s.Facts = append(s.Facts, fact{claimName(c.Claim) + ", " + f.Label, f.Text})
		}
	}
	if len(s.Facts) == 0 {
		s.Text = []string{"No reply of the vendor is on record."}
	}
	return s
}

// limitSheet is the statement of what a report can and cannot show.
func (d *Dossier) limitSheet() sheet {
	s := sheet{ID: "limits", Title: "What this report can and cannot show", Lines: residency.Limits()}
	s.Lines = append(s.Lines, "Questions were asked with a part of the address of users' networks, from our own place, unless it says otherwise: a server could answer a user otherwise.")
	t := table{Caption: "What the marks say, and what they cannot mean", Header: []string{"mark", "says", "does not say"}}
	for _, v := range []residency.Verdict{residency.Inside, residency.Outside, residency.Undetermined, residency.NotMeasured} {
		t.Rows = append(t.Rows, []field{{Text: verdictMark(v), Class: v.String()}, text(v.Words()), text(v.Limit())})
	}
	s.Tables = []table{t}
	return s
}

// shortLimits fits on a page with everything else.
func (d *Dossier) shortLimits() sheet {
	return sheet{ID: "limits", Title: "What this page cannot show", Lines: residency.Limits()}
}
