package report

import (
	"fmt"
	"image/color"
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"residency/internal/residency"
)

// manyCells is the number of cells above which a table shows only counts and
// what is not inside; manyHosts is how many hosts of one cause it then names.
const (
	manyCells = 40
	manyHosts = 20
)

// Table writes the run for people: what they must know first, claims, the
// matrix of endpoints and markets, what was not measured, what could be done,
// and what none of it can mean. With Quiet it leaves out all that is well,
// or with News all that is as it was, and writes nothing if that leaves
// nothing: the exit code says it.
func Table(w io.Writer, run residency.Run, o Options) error {
	if o.silent(&run) {
		return nil
	}
	p := &printer{run: &run, o: o}
	p.before()
	p.claims()
	n := p.shown()
	if all := verdicts(p.run); !o.Quiet { // a remembered run holds only what is not plainly inside
		n = max(n, all.Inside+all.Outside+all.Undetermined+all.NotMeasured+all.NotCounted)
	}
	if n > manyCells && !o.All {
		p.counts(n)
		p.causes()
	} else {
		p.matrix()
	}
	p.gaps()
	p.after()
	_, err := io.WriteString(w, p.String())
	return err
}

// before writes what must be read before any result.
func (p *printer) before() {
	if line := askedLine(p.run); line != "" {
		p.para("", line, nil, false)
	}
	if p.run.Notice != "" {
		p.para("", clean(p.run.Notice), lipgloss.Cyan, true)
	}
	if line := partial(p.run); line != "" {
		p.para("", line, lipgloss.Yellow, false)
	}
	for _, line := range p.run.Notices {
		p.para("note: ", clean(line), lipgloss.Yellow, false)
	}
}

// claims writes one line a claim.
func (p *printer) claims() {
	if len(p.run.Claims) > 0 {
		p.heading("Claims")
	}
	var rows [][]string
	var colors []color.Color
	for _, c := range p.run.Claims {
		if !p.o.Shows(c.Changed, c.Standing == residency.Holding) {
			continue
		}
		rows = append(rows, []string{standingMark(c.Standing) + " " + c.Standing.String(), claimName(c.Claim), claimWords(p.run, c)})
		colors = append(colors, standingColor(c.Standing))
	}
	p.grid(nil, rows, 1, func(row int) color.Color { return colors[row] }, 0)
}

// shown counts the cells that the matrix would show.
func (p *printer) shown() int {
	n := 0
	for _, cell := range cells(p.run) {
		if !p.hidden(cell) {
			n++
		}
	}
	return n
}

func (p *printer) hidden(cell *residency.Cell) bool {
	return !p.o.Shows(cell.Changed, cell.Verdict == residency.Inside)
}

var matrixHeader = []string{"host", "for users in", "answers from", "how sure", "result"}

// matrix writes every cell, claim by claim and host by host. Markets that got
// the same result share a line.
func (p *printer) matrix() {
	for _, c := range p.run.Claims {
		var rows [][]string
		var verdicts []residency.Verdict
		for _, l := range p.lines(c.Claim) {
			host := l.host
			if len(rows) > 0 && l.again {
				host = ""
			}
			rows = append(rows, []string{host, codes(l.markets), l.where, l.sure, verdictMark(l.verdict) + " " + l.words})
			verdicts = append(verdicts, l.verdict)
		}
		if len(rows) > 0 {
			p.heading(claimName(c.Claim) + title(c.Claim))
			p.gridYielding(matrixHeader, rows, 0, 3, func(row int) color.Color { return verdictColor(verdicts[row]) }, 4)
			p.edges(c, "")
		} else {
			p.edges(c, claimName(c.Claim)+": ") // what is allowed is said of what is not shown, too
		}
	}
}

// resultLine is what the users of some markets got from one host.
type resultLine struct {
	host, where, sure, words string
	verdict                  residency.Verdict
	markets                  []residency.Country
	again                    bool // the line before is of the same host
}

// lines joins the cells of a claim that are alike, host by host, worst first.
func (p *printer) lines(c residency.Claim) []resultLine {
	var all []resultLine
	for i := range p.run.Rounds {
		round := &p.run.Rounds[i]
		first := len(all)
		at := make(map[resultKey]int)
		for j := range round.Cells {
			cell := &round.Cells[j]
			if cell.Claim != c.ID || p.hidden(cell) {
				continue
			}
			key := resultKey{cell.Endpoint.Host, where(round, cell), verdictWords(p.run, cell), sure(round, cell)}
			n, ok := at[key]
			if !ok {
				n = len(all)
				at[key] = n
				all = append(all, resultLine{host: hostName(c, cell), where: key.where, sure: key.sure, words: key.words, verdict: cell.Verdict})
			}
			all[n].markets = append(all[n].markets, cell.Market)
		}
		slices.SortStableFunc(all[first:], func(a, b resultLine) int { return severity(b.verdict) - severity(a.verdict) })
		for n := first + 1; n < len(all); n++ {
			all[n].again = all[n].host == all[n-1].host
		}
	}
	return all
}

type resultKey struct {
	host, where, words, sure string
}

// codes joins the codes of markets in the order of the alphabet.
func codes(list []residency.Country) string {
	return strings.Join(residency.CountriesOf(list...).Codes(), " ")
}

// title is what a claim allows, and its own title if it has one.
func title(c residency.Claim) string {
	s := ""
	if c.Title != "" {
		s = ": " + clean(c.Title)
	}
	return s + " (" + allowed(c) + ")"
}

// allowed says where data may go.
func allowed(c residency.Claim) string {
	var parts []string
	switch {
	case c.Regions.Any:
		parts = append(parts, "may be anywhere")
	case !c.Regions.Empty():
		parts = append(parts, "may be in "+clean(c.Regions.String()))
	}
	if !c.Never.Empty() {
		parts = append(parts, "never in "+strings.Join(c.Never.Codes(), ", "))
	}
	return strings.Join(parts, ", ")
}

// hostName is the host, with its service where the claim has several.
func hostName(c residency.Claim, cell *residency.Cell) string {
	if len(c.Services) == 1 {
		return clean(cell.Endpoint.Host)
	}
	return clean(cell.Endpoint.Service + " " + cell.Endpoint.Host)
}

// counts writes one line of numbers a claim.
func (p *printer) counts(n int) {
	p.heading(fmt.Sprintf("Results, one for each host and market (%d; --all shows every one)", n))
	header := []string{"claim", "nothing outside", "outside", "cannot be told", "not measured", "not counted"}
	var rows [][]string
	for _, c := range p.run.Claims {
		n := c.Counts
		row := []string{claimName(c.Claim)}
		for _, v := range []int{n.Inside, n.Outside, n.Undetermined, n.NotMeasured, n.NotCounted} {
			row = append(row, fmt.Sprintf("%d", v))
		}
		rows = append(rows, row)
	}
	p.grid(header, rows, 0, func(int) color.Color { return nil }, -1)
	for _, c := range p.run.Claims {
		p.edges(c, claimName(c.Claim)+": ")
	}
}

// edges writes the footnote on addresses approved only as edges.
func (p *printer) edges(c residency.ClaimStanding, first string) {
	if note := edgeNote(p.run, c); note != "" {
		p.para("  ", first+note, nil, false)
	}
}

// severity orders verdicts from good to bad.
func severity(v residency.Verdict) int {
	switch v {
	case residency.Outside:
		return 3
	case residency.Undetermined:
		return 2
	case residency.NotMeasured:
		return 1
	default:
		return 0
	}
}

// gaps writes what was not measured and not used, and what could be done.
func (p *printer) gaps() {
	var lines []string
	for _, r := range p.run.Resolvers {
		if !r.Answers || r.Declared && !r.PassesSubnets {
			text := r.Text
			if text == "" {
				text = "does not pass client subnets on"
				if !r.Answers {
					text = r.Failure.Words()
				}
			}
			lines = append(lines, "name server "+r.Name+" ("+r.Server+"): "+text)
		}
	}
	for _, m := range p.run.Missing {
		lines = append(lines, "location data not used: "+m)
	}
	said := spokenIn(p.run)
	for _, d := range p.run.Datasets {
		if d.Stale {
			lines = append(lines, staleLine(d))
		}
		if line := said.silenceLine(d); line != "" && !p.run.Slim {
			lines = append(lines, line)
		}
	}
	p.bullets("Not measured, not used", lines)
	var hints []string
	for _, cell := range cells(p.run) {
		for _, h := range cell.Hints {
			if !slices.Contains(hints, h) && len(hints) < manyHosts {
				hints = append(hints, h)
			}
		}
	}
	p.bullets("What could be done", hints)
}

// after writes what the results cannot mean, and the totals.
func (p *printer) after() {
	p.WriteString("\n")
	if !p.o.Quiet {
		for _, line := range residency.Limits() {
			p.para("", line, lipgloss.BrightBlack, false)
		}
	}
	looks, failed, elsewhere := coverage(p.run)
	n := verdicts(p.run)
	line := totals(p.run)
	if results := list(counted{n.Outside, "outside"}, counted{n.Undetermined, "cannot be told"}, counted{n.NotMeasured, "not measured"},
		counted{n.Inside, "nothing outside"}, counted{n.NotCounted, "not counted"}); results != "" {
		total := n.Inside + n.Outside + n.Undetermined + n.NotMeasured + n.NotCounted
		line += " " + residency.Plural(total, "result") + " from " + residency.Plural(looks, "look")
		if lost := list(counted{failed, "without an answer"}, counted{elsewhere, "not about a market"}); lost != "" {
			line += " (" + lost + ")"
		}
		line += ": " + results + "."
		if n.Waived > 0 {
			line += fmt.Sprintf(" %s waived, and not in the exit code.", residency.Plural(n.Waived, "result"))
		}
	}
	p.para("", line, nil, true)
}
