package report

import (
	"bufio"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

//go:embed page.html mapkey.html page.css
var pageFiles embed.FS

// Page is what a page to hand on is made of.
type Page struct {
	Title  string
	Lead   string // a sentence or two under the title; may be empty
	Notice string // re-enactment notice, at the top and at the bottom
	Steps  []Step // in the order of time; the last is the state the page reports

	// Explained are the results whose whole proof is on the page.
	Explained []Explained
}

// Step is one run of a page.
type Step struct {
	At      time.Time
	Caption string // what was so or what changed; may be empty
	Run     residency.Run
}

// Explained is one cell with what it rests on.
type Explained struct {
	Run   residency.Run
	Claim residency.Claim
	Round residency.Round
	Cell  residency.Cell
}

// The view models of page.html. Everything in them is cleaned; the template
// escapes it.
type (
	pageView struct {
		Title, Lead, Notice, Asked, Partial, Totals, When string
		Style                                             template.CSS
		Notes                                             []string
		Claims                                            []claimView
		Defs, Map                                         template.HTML
		Routes                                            []route
		Matrices                                          []matrixView
		Steps                                             []stepView
		Proofs                                            []proof
		Datasets                                          []datasetView
		Missing                                           []string
		Limits                                            []string
		Verdicts                                          []legend
		Version                                           string
	}
	claimView struct {
		ID, Title, Standing, Mark, Words, Allowed, Quote, Said, Source, Due, From string
		Link                                                                      bool // the source is a web address
		Counts                                                                    string
		Chart                                                                     template.HTML
		Past                                                                      []past // the chart in words, for narrow screens
	}
	matrixView struct {
		Claim, Title string
		Markets      []marketView
		Rows         []matrixRow
		Note         string // on addresses approved only as edges
	}
	marketView struct{ Code, Name string }
	matrixRow  struct {
		Host, Service string
		Cells         []matrixCell
	}
	matrixCell struct{ Verdict, Mark, Places, Words string }
	stepView   struct {
		When, Caption, Totals string
		Open                  bool
		Claims                []claimView
		Map                   template.HTML
		Routes                []route
		Matrices              []matrixView
	}
	datasetView struct {
		Name, What, Built, Hash, Licence string
		Records                          int
	}
	legend struct{ Verdict, Mark, Words, Limit string }
)

// HTML writes one page that needs nothing else: no network, no script. It
// reads well in light and dark, on paper, and by ear.
func HTML(w io.Writer, page Page) error {
	if len(page.Steps) == 0 {
		return errors.New("write page: no run to report")
	}
	tmpl, err := template.New("page.html").Funcs(template.FuncMap{
		"short": func(s string) bool { return len(s) <= 22 }, // such a text is not broken up
	}).ParseFS(pageFiles, "page.html", "mapkey.html")
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	style, err := pageFiles.ReadFile("page.css")
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	view, err := viewOf(&page)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	view.Style = template.CSS(style)
	out := bufio.NewWriterSize(w, 64<<10)
	if err := tmpl.Execute(out, view); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return out.Flush()
}

func viewOf(page *Page) (*pageView, error) {
	world, err := loadWorld()
	if err != nil {
		return nil, err
	}
	last := &page.Steps[len(page.Steps)-1].Run
	v := &pageView{
		Title: clean(page.Title), Lead: clean(page.Lead), Notice: clean(page.Notice), Asked: askedLine(last), Partial: partial(last),
		Totals: totals(last), When: span(page.Steps), Matrices: matrices(last), Limits: residency.Limits(), Version: clean(last.Version),
	}
	for _, n := range last.Notices {
		v.Notes = append(v.Notes, clean(n))
	}
	for i, c := range last.Claims {
		cv := viewClaim(last, c)
		cv.Chart, cv.Past = chartOf(page.Steps, c.Claim, fmt.Sprintf("claim-%d", i))
		v.Claims = append(v.Claims, cv)
	}
	drawMaps(v, page.Steps, world)
	for _, e := range page.Explained {
		p := prove(&e.Run, e.Claim, &e.Round, &e.Cell, false)
		p.Title = verdictMark(e.Cell.Verdict) + " " + p.Title
		v.Proofs = append(v.Proofs, p)
	}
	v.Datasets, v.Missing = datasets(page.Steps)
	for _, verdict := range []residency.Verdict{residency.Inside, residency.Outside, residency.Undetermined, residency.NotMeasured} {
		v.Verdicts = append(v.Verdicts, legend{verdict.String(), verdictMark(verdict), verdict.Words(), verdict.Limit()})
	}
	v.Verdicts = append(v.Verdicts, legend{retired, markRetired, "taken out of use by the vendor, and no address seen: not counted", "It says nothing about the promise. An address seen again would count."})
	return v, nil
}

// drawMaps draws the map of every step in one view, and fills in the steps.
func drawMaps(v *pageView, steps []Step, world *world) {
	var all []flow
	var approved residency.Countries
	perStep := make([][]flow, len(steps))
	for i := range steps {
		for _, c := range steps[i].Run.Claims {
			if !c.Claim.Regions.Any {
				approved = approved.Union(c.Claim.Regions.Possible())
			}
		}
		perStep[i] = slices.DeleteFunc(flows(&steps[i].Run), func(f flow) bool {
			_, a := world.middles[f.market]
			_, b := world.middles[f.place]
			return !a || !b // no place on the map
		})
		all = append(all, perStep[i]...)
	}
	atlas := newAtlas(world, all, approved)
	v.Defs = atlas.defs()
	for i := range steps {
		s := &steps[i]
		sv := stepView{When: day(s.At), Caption: clean(s.Caption), Totals: totals(&s.Run), Matrices: matrices(&s.Run), Routes: routes(perStep[i])}
		for _, c := range s.Run.Claims {
			sv.Claims = append(sv.Claims, viewClaim(&s.Run, c))
		}
		sv.Map = atlas.draw(fmt.Sprintf("map-%d", i), "Where answers came from on "+day(s.At), perStep[i])
		v.Steps = append(v.Steps, sv)
	}
	final := perStep[len(steps)-1]
	v.Map, v.Routes = atlas.draw("map", "Where answers came from on "+day(steps[len(steps)-1].At), final), routes(final)
}

// span is the time that a page speaks about.
func span(steps []Step) string {
	first, last := day(steps[0].At), day(steps[len(steps)-1].At)
	if first == last {
		return last
	}
	return first + " to " + last
}

func viewClaim(run *residency.Run, c residency.ClaimStanding) claimView {
	v := claimView{
		ID: claimName(c.Claim), Title: clean(c.Claim.Title), Standing: c.Standing.String(), Mark: standingMark(c.Standing),
		Words: claimWords(run, c), Allowed: allowed(c.Claim), Quote: clean(c.Claim.Quote), Source: clean(c.Claim.Source),
		Said: clean(c.Claim.SaidBy), Due: c.Claim.DueOn.Human(), From: c.Claim.FromOn.Human(),
		Counts: list(counted{c.Counts.Outside, "outside"}, counted{c.Counts.Undetermined, "cannot be told"},
			counted{c.Counts.NotMeasured, "not measured"}, counted{c.Counts.Inside, "nothing outside"}, counted{c.Counts.NotCounted, "not counted"}),
	}
	v.Link = strings.HasPrefix(v.Source, "https://") || strings.HasPrefix(v.Source, "http://")
	if d := c.Claim.SaidOn.Human(); d != "" {
		v.Said = strings.TrimPrefix(v.Said+", "+d, ", ")
	}
	return v
}

// chartOf is the timeline of one claim over the steps, drawn and in words; none
// for a single step.
func chartOf(steps []Step, claim residency.Claim, id string) (template.HTML, []past) {
	if len(steps) < 2 {
		return "", nil
	}
	periods := make([]period, len(steps))
	for i := range steps {
		p := period{from: steps[i].At}
		if i+1 < len(steps) {
			p.to = steps[i+1].At
		} else { // the last step lasts as long as they do on average
			p.to = p.from.Add(p.from.Sub(steps[0].At) / time.Duration(len(steps)-1))
		}
		for _, c := range steps[i].Run.Claims {
			if c.Claim.ID == claim.ID {
				p.judged, p.standing, p.counts = true, c.Standing, c.Counts
			}
		}
		periods[i] = p
	}
	return timeline(id, claimName(claim), claim.Due, periods), pastOf(periods)
}

// matrices are the results of a run, a table per claim.
func matrices(run *residency.Run) []matrixView {
	var list []matrixView
	for _, c := range run.Claims {
		m := matrixView{Claim: claimName(c.Claim), Title: clean(c.Claim.Title), Note: edgeNote(run, c)}
		column := make(map[residency.Country]int)
		for _, code := range c.Claim.Markets {
			column[code] = len(m.Markets)
			m.Markets = append(m.Markets, marketView{code.String(), code.Name()})
		}
		for i := range run.Rounds {
			if row, some := rowOf(run, &run.Rounds[i], c.Claim, column); some {
				m.Rows = append(m.Rows, row)
			}
		}
		if len(m.Rows) > 0 {
			list = append(list, m)
		}
	}
	return list
}

// retired is what a result is drawn as that does not count because the endpoint
// is out of use.
const retired = "retired"

// rowOf is one endpoint's row; false if the claim does not cover it.
func rowOf(run *residency.Run, round *residency.Round, claim residency.Claim, column map[residency.Country]int) (matrixRow, bool) {
	row := matrixRow{Host: clean(round.Endpoint.Host), Service: clean(round.Endpoint.Service), Cells: make([]matrixCell, len(column))}
	some := false
	for i := range round.Cells {
		cell := &round.Cells[i]
		n, ok := column[cell.Market]
		if cell.Claim != claim.ID || !ok {
			continue
		}
		some = true
		row.Cells[n] = matrixCell{
			Verdict: cell.Verdict.String(), Mark: verdictMark(cell.Verdict), Places: strings.Join(worstPlaces(round, cell).Codes(), " "),
			Words: cell.Market.Name() + ": " + verdictWords(run, cell) + "; answers from " + where(round, cell) + "; " + sure(round, cell),
		}
		if hasEdge(claim, round, cell) {
			row.Cells[n].Places += " (edge)"
			row.Cells[n].Words += "; allowed as the host is declared a CDN edge"
		}
		if !cell.Counts && cell.Endpoint.RetiredAt(run.At) {
			row.Cells[n].Verdict, row.Cells[n].Mark = retired, markRetired
		}
	}
	return row, some
}

// datasets are all data sets of the steps, each once, and what was missing.
func datasets(steps []Step) (list []datasetView, missing []string) {
	seen := make(map[string]bool)
	for i := range steps {
		for _, d := range steps[i].Run.Datasets {
			if key := d.Name + d.SHA256; !seen[key] {
				seen[key] = true
				what := d.Class.Words()
				if words := d.Class.StaleWords(); d.Stale && words != "" {
					what += "; " + words
				}
				list = append(list, datasetView{clean(d.Name), what, isoDay(d.Built), clean(d.HashWords()), clean(d.Licence), d.Records})
			}
		}
		for _, m := range steps[i].Run.Missing {
			if m = clean(m); !slices.Contains(missing, m) {
				missing = append(missing, m)
			}
		}
	}
	return list, missing
}
