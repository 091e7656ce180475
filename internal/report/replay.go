package report

import (
	"encoding/json"
	"fmt"
	"image/color"
	"io"
	"strings"
	"time"

	"residency/internal/residency"
)

// ReplaySchema names the version of the JSON of a replay.
const ReplaySchema = "residency/replay/v1"

// Replay is what would have been judged of what is remembered by another
// policy, with other data or at another date.
type Replay struct {
	How         string    // in words: "with the claims of new.toml"
	First, Last int64     // runs judged again; 0: there were none
	From, To    time.Time // the times they judged at
	At          time.Time // the date they were judged as of; zero: their own
	Runs        int
	Rounds      int
	Gone        int // rounds that were deleted by policy, and could not be judged again
	NotLooked   int // endpoints of the claims that no run of that time looked at
	Zone        *time.Location
	Notice      string

	Standings []StandingChange
	Results   []ResultChange
	Changes   []EndpointTurn // over time, as judged again
}

// Difference is a stretch of runs in which one thing would have been judged
// otherwise.
type Difference struct {
	Before string            `json:"before"` // standing or verdict; "" where it was not judged
	After  string            `json:"after"`  // "" where it would not have been
	First  time.Time         `json:"first"`
	Last   time.Time         `json:"last"`
	Runs   int               `json:"runs"`
	Causes []residency.Cause `json:"causes"`
}

// StandingChange is a stretch of runs in which a claim would have stood
// otherwise.
type StandingChange struct {
	Claim string `json:"claim"`
	Difference
}

// ResultChange is a stretch of rounds of one endpoint that would have been
// judged otherwise.
type ResultChange struct {
	Claim    string            `json:"claim"`
	Endpoint string            `json:"endpoint"` // Endpoint.Key
	Market   residency.Country `json:"market"`
	Difference
}

// EndpointTurn is a change of one endpoint over time.
type EndpointTurn struct {
	Endpoint string `json:"endpoint"` // Endpoint.Key
	Turn
}

// ReplayFormats are the names of the formats that WriteReplay takes.
func ReplayFormats() []string { return []string{"table", "json"} }

// WriteReplay writes the replay in a format of ReplayFormats. Options are for
// the table only.
func WriteReplay(w io.Writer, format string, r Replay, o Options) error {
	switch format {
	case "table":
		return replayTable(w, &r, o)
	case "json":
		return replayJSON(w, &r)
	}
	return fmt.Errorf("write replay: no format %q; use %s", format, strings.Join(ReplayFormats(), ", "))
}

func replayJSON(w io.Writer, r *Replay) error {
	for i := range r.Changes {
		r.Changes[i].Turn = r.Changes[i].whole()
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Schema    string           `json:"schema"`
		How       string           `json:"how"`
		Notice    string           `json:"notice,omitempty"`
		First     int64            `json:"first_run"`
		Last      int64            `json:"last_run"`
		From      *time.Time       `json:"from"`
		To        *time.Time       `json:"to"`
		At        *time.Time       `json:"simulated_at"`
		Runs      int              `json:"runs"`
		Rounds    int              `json:"rounds"`
		Gone      int              `json:"deleted_rounds"`
		NotLooked int              `json:"endpoints_not_looked_at"`
		Standings []StandingChange `json:"claims"`
		Results   []ResultChange   `json:"results"`
		Changes   []EndpointTurn   `json:"changes"`
	}{ReplaySchema, r.How, r.Notice, r.First, r.Last, known(r.From), known(r.To), known(r.At), r.Runs, r.Rounds, r.Gone, r.NotLooked,
		some(r.Standings), some(r.Results), some(r.Changes)})
}

// whole returns the turn with empty lists in place of none.
func (t Turn) whole() Turn {
	t.Causes, t.Added, t.Removed, t.Placed, t.Results = some(t.Causes), some(t.Added), some(t.Removed), some(t.Placed), some(t.Results)
	return t
}

func replayTable(w io.Writer, r *Replay, o Options) error {
	p := &printer{run: &residency.Run{}, o: o}
	if r.Runs == 0 {
		p.para("", "Nothing is remembered of this time.", nil, false)
		_, err := io.WriteString(w, p.String())
		return err
	}
	at := func(t time.Time) string { return moment(t.In(r.Zone)) }
	p.para("", fmt.Sprintf("Judged again %s: %s of %s, from %s to %s. Nothing was looked at, and nothing is remembered of this.",
		clean(r.How), residency.Plural(r.Rounds, "round"), residency.Plural(r.Runs, "run"), at(r.From), at(r.To)), nil, true)
	if r.Notice != "" {
		p.para("", clean(r.Notice), nil, false)
	}
	if r.Gone > 0 {
		p.para("", residency.Plural(r.Gone, "round")+" could not be judged again: they are deleted by policy.", nil, false)
	}
	if r.NotLooked > 0 {
		p.para("", residency.Plural(r.NotLooked, "endpoint")+" of these claims never looked at in this time: nothing is known there.", nil, false)
	}
	if len(r.Standings)+len(r.Results) == 0 {
		p.para("", "Everything comes out as it was judged.", nil, false)
	}
	p.replayStandings(r)
	p.replayResults(r)
	if len(r.Changes) > 0 {
		p.heading("What changed over time, as judged again")
	}
	for i := range r.Changes[:min(len(r.Changes), mostChanges)] {
		c := &r.Changes[i]
		p.para("  "+at(c.At)+"  ", clean(c.Endpoint)+", "+c.words(), nil, false)
	}
	if more := len(r.Changes) - mostChanges; more > 0 {
		p.para("  ", fmt.Sprintf("and %d more (--format json has all)", more), nil, false)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// mostChanges is how many changes over time the table has.
const mostChanges = 100

// stretch says in how many runs something was so, and from when on.
func (r *Replay) stretch(runs int, first time.Time) string {
	return fmt.Sprintf("%d, from %s", runs, moment(first.In(r.Zone)))
}

// replayStandings writes the claims that stand otherwise, by cause.
func (p *printer) replayStandings(r *Replay) {
	byCause := map[string][][]string{}
	var order []string
	for _, s := range r.Standings {
		why := causeWords(s.Causes)
		if byCause[why] == nil {
			order = append(order, why)
		}
		byCause[why] = append(byCause[why], []string{"  " + clean(s.Claim), orNot(s.Before), orNot(s.After), r.stretch(s.Runs, s.First)})
	}
	for _, why := range order {
		p.heading("Claims that stand otherwise: " + why)
		p.grid([]string{"  claim", "was", "would be", "runs"}, byCause[why], 0, func(int) color.Color { return nil }, 0)
	}
}

// replayResults writes the results that are others, by cause; the markets of an
// endpoint that are alike in one row.
func (p *printer) replayResults(r *Replay) {
	byCause := map[string][][]string{}
	at := map[string]int{}
	var order []string
	for _, c := range r.Results {
		why := causeWords(c.Causes)
		alike := strings.Join([]string{why, c.Claim, c.Endpoint, c.Before, c.After, r.stretch(c.Runs, c.First)}, "\x00")
		if i, ok := at[alike]; ok {
			byCause[why][i][2] += " " + c.Market.String()
			continue
		}
		if byCause[why] == nil {
			order = append(order, why)
		}
		at[alike] = len(byCause[why])
		host := c.Endpoint[strings.LastIndexByte(c.Endpoint, '/')+1:]
		byCause[why] = append(byCause[why], []string{"  " + clean(c.Claim), clean(host), c.Market.String(), verdictOr(c.Before), verdictOr(c.After), r.stretch(c.Runs, c.First)})
	}
	for _, why := range order {
		p.heading("Results that are others: " + why)
		p.grid([]string{"  claim", "host", "users in", "was", "would be", "runs"}, byCause[why], 1, func(int) color.Color { return nil }, 0)
	}
}

// orNot is a standing, or that there was none.
func orNot(standing string) string {
	if standing == "" {
		return "not judged"
	}
	return standing
}

// verdictOr is a verdict in words, or that there was none.
func verdictOr(name string) string {
	var v residency.Verdict
	if name == "" || v.UnmarshalText([]byte(name)) != nil {
		return "not judged"
	}
	return v.Words()
}

// causeWords names causes.
func causeWords(list []residency.Cause) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = c.Words()
	}
	return strings.Join(words, ", ")
}
