package report

import (
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"residency/internal/residency"
)

// CSV writes one row a cell, under a header. A row that is copied out of its
// file still says what it rests on: allowed_as_cdn is true where an address
// counts as inside only because its host is declared a CDN edge, basis says how
// far back results look, and whether the run was partial or is too old. A
// simulated run has one column more, simulated_at, at the end.
func CSV(w io.Writer, run residency.Run) error {
	out := csv.NewWriter(w)
	header := strings.Split("claim,vendor,service,endpoint,market,verdict,grade,reasons,countries,addresses,waiver,allowed_as_cdn,basis", ",")
	terms, basis := claimsByID(&run), csvBasis(&run)
	simulated := ""
	if run.Simulated {
		header = append(header, "simulated_at")
		simulated = run.At.Format(time.RFC3339)
	}
	if err := out.Write(header); err != nil {
		return err
	}
	for round, cell := range cells(&run) {
		row := []string{
			cell.Claim, cell.Endpoint.Vendor, cell.Endpoint.Service, cell.Endpoint.Host, cell.Market.String(),
			cell.Verdict.String(), cell.Grade.String(), join(cell.Reasons), allPlaces(round, cell).String(), addresses(cell), cell.Waiver,
			strconv.FormatBool(hasEdge(terms[cell.Claim], round, cell)), basis,
		}
		if simulated != "" {
			row = append(row, simulated)
		}
		for i := range row {
			row[i] = harmless(row[i])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// csvBasis says what the results of a run rest on.
func csvBasis(run *residency.Run) string {
	parts := []string{strings.TrimSuffix(run.BasisWords(), ".")}
	if run.Partial {
		parts = append(parts, strings.TrimSuffix("the run was partial: "+run.PartialBy, ": "))
	}
	if run.Overdue != "" {
		parts = append(parts, run.Overdue)
	}
	return strings.Join(parts, "; ")
}

// harmless keeps a spreadsheet from running a field as a formula: one that
// begins like a formula gets an apostrophe before it, and no field has
// characters that end a line or a field early.
func harmless(s string) string {
	if s == "" {
		return s
	}
	s = clean(s)
	// Some programs cut leading blanks off before they look for a formula.
	if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " ")); strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20\ufffd", first) {
		return "'" + s
	}
	return s
}

func join(reasons []residency.Reason) string {
	list := make([]string, len(reasons))
	for i, r := range reasons {
		list[i] = string(r)
	}
	return strings.Join(list, "|")
}

// addresses joins the addresses of a cell that count.
func addresses(cell *residency.Cell) string {
	var list []string
	for _, a := range counting(cell) {
		list = append(list, a.Address.String())
	}
	return strings.Join(list, "|")
}

var nagiosWords = [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

// Nagios writes the one line of a monitoring plugin, with perfdata. Its word
// is that of the exit code. Only cells that count are in the numbers.
func Nagios(w io.Writer, run residency.Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, "RESIDENCY %s - ", nagiosWords[ExitCode(run)])
	if run.Overdue != "" { // first: a phone shows the first words only
		b.WriteString(clean(run.Overdue) + "; ")
	}
	b.WriteString(strings.TrimSuffix(totals(&run), "."))
	for _, c := range run.Claims {
		if c.Standing != residency.Holding {
			fmt.Fprintf(&b, "; %s: %s", claimName(c.Claim), claimWords(&run, c))
		}
	}
	if run.Partial {
		b.WriteString("; partial: " + clean(run.PartialBy))
	}
	if run.Simulated {
		b.WriteString("; simulated_at " + run.At.Format(time.RFC3339))
	}
	if n := edgeResults(&run); n > 0 {
		b.WriteString("; " + residency.Plural(n, "result") + " allowed only as declared CDN edges")
	}
	if run.Window == 0 {
		b.WriteString("; by this run alone")
	}
	if run.Notice != "" {
		b.WriteString("; " + clean(run.Notice))
	}
	// The bar is the separator of perfdata, so the text can have none.
	text := strings.ReplaceAll(b.String(), "|", "/")
	n := verdicts(&run)
	_, err := fmt.Fprintf(w, "%s | inside=%d outside=%d undetermined=%d not_measured=%d\n",
		text, n.Inside, n.Outside, n.Undetermined, n.NotMeasured)
	return err
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Name    string       `xml:"name,attr"`
	Suites  []junitSuite `xml:"testsuite"`
	junitCounts
}

type junitCounts struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	junitCounts
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string     `xml:"classname,attr"`
	Name    string     `xml:"name,attr"`
	Failure *junitText `xml:"failure"`
	Error   *junitText `xml:"error"`
	Skipped *junitText `xml:"skipped"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes one test suite a claim and one test case a cell: outside is a
// failure, undetermined and not measured an error. A cell that does not count,
// or that a waiver covers, is skipped. A claim that does not hold without one of
// its listed cells saying so has a case for the whole of it, as has one that
// holds without a listed cell. A partial run, one without claims and one that is
// overdue has a case of its own that is an error, so that it can never be green.
func JUnit(w io.Writer, run residency.Run) error {
	all := junitSuites{Name: "residency"}
	position := make(map[string]int)
	add := func(id string) *junitSuite {
		i, ok := position[id]
		if !ok {
			i = len(all.Suites)
			position[id] = i
			all.Suites = append(all.Suites, junitSuite{
				Name: id, Timestamp: run.At.UTC().Format("2006-01-02T15:04:05"), Properties: properties(&run),
			})
		}
		return &all.Suites[i]
	}
	for _, c := range run.Claims {
		add(c.Claim.ID)
	}
	for round, cell := range cells(&run) {
		s := add(cell.Claim)
		s.Cases = append(s.Cases, caseOf(&run, round, cell))
	}
	live := 0
	for _, c := range run.Claims {
		if !c.Claim.Live() {
			continue
		}
		live++
		if s := add(c.Claim.ID); !s.troubled() && (c.Effective != residency.Holding || len(s.Cases) == 0) {
			s.Cases = append(s.Cases, claimCase(&run, c))
		}
	}
	if run.Partial || live == 0 {
		s := add("residency")
		s.Cases = append(s.Cases, junitCase{Class: "residency", Name: "complete run",
			Error: &junitText{Message: strings.TrimSpace(partial(&run) + " " + totals(&run))}})
	}
	if run.Overdue != "" {
		s := add("residency")
		s.Cases = append(s.Cases, junitCase{Class: "residency", Name: "recent run", Error: &junitText{Message: clean(run.Overdue)}})
	}
	for i := range all.Suites {
		all.Suites[i].count()
		all.add(all.Suites[i].junitCounts)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func properties(run *residency.Run) []junitProperty {
	list := []junitProperty{{"run", run.ID}, {"version", run.Version}}
	if run.Simulated {
		list = append(list, junitProperty{"simulated_at", run.At.Format(time.RFC3339)})
	}
	list = append(list, junitProperty{"basis", run.BasisWords()})
	if n := edgeResults(run); n > 0 {
		list = append(list, junitProperty{"allowed_as_cdn", strconv.Itoa(n)})
	}
	if run.Notice != "" {
		list = append(list, junitProperty{"notice", run.Notice})
	}
	return list
}

func caseOf(run *residency.Run, round *residency.Round, cell *residency.Cell) junitCase {
	c := junitCase{
		Class: cell.Claim + "." + cell.Endpoint.Vendor + "." + cell.Endpoint.Service,
		Name:  cell.Endpoint.Host + " from " + cell.Market.String(),
	}
	text := &junitText{
		Message: verdictWords(run, cell), Type: cell.Verdict.String(),
		Text: fmt.Sprintf("countries: %s; addresses: %s; grade: %s", allPlaces(round, cell), addresses(cell), cell.Grade),
	}
	switch {
	case !cell.Counts, cell.Waiver != "":
		c.Skipped = &junitText{Message: text.Message}
	case cell.Verdict == residency.Outside:
		c.Failure = text
	case cell.Verdict != residency.Inside:
		c.Error = text
	}
	return c
}

// claimCase is the case of a claim as a whole.
func claimCase(run *residency.Run, c residency.ClaimStanding) junitCase {
	one := junitCase{Class: c.Claim.ID, Name: "the whole claim"}
	text := &junitText{Message: claimWords(run, c), Type: c.Standing.String()}
	switch c.Effective {
	case residency.Holding:
	case residency.StandingUnknown:
		one.Error = text
	default:
		one.Failure = text
	}
	return one
}

func (s *junitSuite) count() {
	for _, c := range s.Cases {
		s.Tests++
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
}

func (n *junitCounts) add(m junitCounts) {
	n.Tests += m.Tests
	n.Failures += m.Failures
	n.Errors += m.Errors
	n.Skipped += m.Skipped
}

// troubled reports whether some case of the suite is a failure or an error.
func (s *junitSuite) troubled() bool {
	return slices.ContainsFunc(s.Cases, func(c junitCase) bool { return c.Failure != nil || c.Error != nil })
}
