package report

import (
	"cmp"
	"fmt"
	"image/color"
	"slices"
	"strings"

	"residency/internal/residency"
)

// cause is what is wrong with some cells, and which they are.
type cause struct {
	words   string
	verdict residency.Verdict
	cells   int
	rows    []causeRow
}

// causeRow is the cells of one host that are alike, or of all hosts of a
// service.
type causeRow struct {
	claim, service, host, where, sure string
	markets                           []residency.Country
}

// causes writes the cells that are not inside, grouped by what is wrong.
func (p *printer) causes() {
	for _, c := range p.gatherCauses() {
		p.heading(fmt.Sprintf("%s %s (%d)", verdictMark(c.verdict), c.words, c.cells))
		rows := p.together(c.rows)
		shown := min(len(rows), manyHosts)
		p.gridYielding([]string{"claim", "host", "for users in", "answers from", "how sure"}, rows[:shown], 1, 4,
			func(int) color.Color { return verdictColor(c.verdict) }, 3)
		if rest := len(rows) - shown; rest > 0 {
			fmt.Fprintf(p, "  and %d more (--all shows them)\n", rest)
		}
	}
}

// gatherCauses sorts the cells by cause, the worst first, and puts those of
// one host that are alike together.
func (p *printer) gatherCauses() []*cause {
	byWords := make(map[string]*cause)
	at := make(map[string]int)
	claims := claimsByID(p.run)
	var order []*cause
	for round, cell := range cells(p.run) {
		if cell.Verdict == residency.Inside {
			continue
		}
		words := verdictWords(p.run, cell)
		c := byWords[words]
		if c == nil {
			c = &cause{words: words, verdict: cell.Verdict}
			byWords[words], order = c, append(order, c)
		}
		c.cells++
		row := causeRow{claim: clean(cell.Claim), service: cell.Endpoint.Service, host: hostName(claims[cell.Claim], cell),
			where: where(round, cell), sure: sure(round, cell)}
		key := strings.Join([]string{words, row.claim, row.service, row.host, row.where, row.sure}, "\x00")
		i, ok := at[key]
		if !ok {
			i = len(c.rows)
			at[key] = i
			c.rows = append(c.rows, row)
		}
		c.rows[i].markets = append(c.rows[i].markets, cell.Market)
	}
	slices.SortStableFunc(order, func(a, b *cause) int { return cmp.Compare(severity(b.verdict), severity(a.verdict)) })
	return order
}

// together makes one row of all hosts of a service where they are alike, and
// one of each host where they are not.
func (p *printer) together(list []causeRow) [][]string {
	hosts := p.hostsOf()
	alike := make(map[string][]causeRow)
	key := func(r causeRow) string {
		return strings.Join([]string{r.claim, r.service, codes(r.markets), r.where, r.sure}, "\x00")
	}
	for _, r := range list {
		alike[key(r)] = append(alike[key(r)], r)
	}
	var rows [][]string
	told := make(map[string]bool)
	for _, r := range list {
		if n := hosts[[2]string{r.claim, r.service}]; n > 1 && len(alike[key(r)]) == n {
			if told[key(r)] {
				continue
			}
			told[key(r)] = true
			r.host = fmt.Sprintf("%s, all %d hosts", clean(r.service), n)
			if n == 2 {
				r.host = clean(r.service) + ", both hosts"
			}
		}
		rows = append(rows, []string{r.claim, r.host, codes(r.markets), r.where, r.sure})
	}
	return rows
}

// hostsOf counts the hosts that a run looked at, by claim and service.
func (p *printer) hostsOf() map[[2]string]int {
	seen := make(map[[3]string]bool)
	count := make(map[[2]string]int)
	for _, cell := range cells(p.run) {
		key := [3]string{clean(cell.Claim), cell.Endpoint.Service, cell.Endpoint.Host}
		if !seen[key] {
			seen[key] = true
			count[[2]string{key[0], key[1]}]++
		}
	}
	return count
}
