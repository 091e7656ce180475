package report

import (
	"fmt"
	"slices"
	"strings"

	"residency/internal/residency"
)

// claimSheet has a card for each claim: what was promised, how it stands, and
// for all but the board, service by service.
func (d *Dossier) claimSheet(audience string) sheet {
	s := sheet{ID: "claims", Title: "What was promised, and what was seen"}
	if len(d.Run.Claims) == 0 {
		s.Text = []string{"No claim was judged."}
	}
	if audience == "board" && len(d.Run.Claims) > 3 { // one page has no room for as many cards
		s.Tables = []table{d.claimTable(24)}
		return s
	}
	for i, c := range d.Run.Claims {
		r := d.record(c.Claim.ID)
		k := card{
			Standing: c.Standing.String(), Mark: standingMark(c.Standing), Title: claimName(c.Claim), Words: sentence(claimWords(&d.Run, c)),
			Quote: clean(c.Claim.Quote),
		}
		if c.Claim.Title != "" {
			k.Title += ": " + clean(c.Claim.Title)
		}
		k.Facts = d.claimFacts(c, r, audience == "board")
		k.Chart = shareChart(fmt.Sprintf("chart-%d", i), claimName(c.Claim), c.Claim.Due, d.From, d.To, d.Zone, r.Days)
		if len(r.Days) > 0 {
			k.ChartWords = daysWords(r.Days)
		}
		if audience == "officer" {
			k.Tables = []table{d.serviceMatrix(c.Claim)}
		}
		if audience != "authority" { // who has a part of its own for it
			k.Says = d.says(c.Claim.ID)
		}
		if audience == "board" {
			k.Says = k.Says[max(0, len(k.Says)-1):]
		}
		s.Cards = append(s.Cards, k)
	}
	if audience != "board" {
		s.Text = append(s.Text, "In the tables: "+markBad+" seen outside, "+markUnknown+" cannot be told, "+verdictMark(residency.NotMeasured)+" not measured, "+markGood+" nothing seen outside.",
			"In each chart, the band is what the last check said of the promise, day by day. Below it, solid: the share of answers that lay outside; hatched: of those that cannot be told. A gap: nothing was looked at.")
	}
	return s
}

// claimTable has a line for each claim, the worst first; most at most.
func (d *Dossier) claimTable(most int) table {
	t := table{Caption: "Every claim, the worst first", Header: []string{"claim", "is", "in words", "due"}}
	for _, want := range []residency.Standing{residency.Broken, residency.Pending, residency.StandingUnknown, residency.Holding} {
		for _, c := range d.Run.Claims {
			if c.Standing != want {
				continue
			}
			if len(t.Rows) == most {
				t.Note = fmt.Sprintf("%d more are left out here.", len(d.Run.Claims)-most)
				return t
			}
			t.Rows = append(t.Rows, row(claimName(c.Claim), standingMark(c.Standing)+" "+c.Standing.String(), sentence(claimWords(&d.Run, c)), c.Claim.DueOn.Human()))
		}
	}
	return t
}

func (d *Dossier) claimFacts(c residency.ClaimStanding, r ClaimRecord, short bool) []fact {
	var list []fact
	add := func(label, text string) {
		if text != "" {
			list = append(list, fact{label, clean(text)})
		}
	}
	said := c.Claim.SaidBy
	if !c.Claim.SaidOn.IsZero() {
		said = strings.TrimPrefix(said+", "+c.Claim.SaidOn.Human(), ", ")
	}
	add("said by", said)
	if !short {
		add("source", c.Claim.Source)
		add("data", allowed(c.Claim))
	}
	switch {
	case !c.Claim.DueOn.IsZero():
		add("due", c.Claim.DueOn.Human())
	case !c.Claim.FromOn.IsZero():
		add("in force from", c.Claim.FromOn.Human())
	}
	add("results", resultCounts(c.Counts))
	if short {
		return list
	}
	if !r.Since.IsZero() {
		add("stands so since", d.local(r.Since))
	}
	if !c.LastOutside.IsZero() {
		add("last seen outside", d.local(c.LastOutside))
	}
	if c.Effective != c.Standing {
		add("with waivers", "those who are told count it as: "+c.Effective.Words())
	}
	for _, f := range archiveFacts(d, r.Archived) {
		add(f.Label, f.Text)
	}
	return list
}

// resultCounts says how many results there are of each kind.
func resultCounts(c residency.CellCounts) string {
	return list(counted{c.Outside, "outside"}, counted{c.Undetermined, "cannot be told"}, counted{c.NotMeasured, "not measured"},
		counted{c.Inside, "nothing outside"}, counted{c.NotCounted, "not counted"}, counted{c.Waived, "of them waived"})
}

// archiveFacts say which copies of a promise's page there are, and whether the
// page changed.
func archiveFacts(d *Dossier, list []ArchivedSource) []fact {
	var facts []fact
	for i, a := range list {
		label := "source archived"
		words := fmt.Sprintf("%s, SHA-256 %s, %d bytes, from %s", d.local(a.At), a.SHA256, a.Size, a.From)
		if i > 0 && list[i-1].SHA256 != a.SHA256 {
			label = "source CHANGED"
			words += "; before: SHA-256 " + list[i-1].SHA256
		}
		facts = append(facts, fact{label, words})
	}
	return facts
}

// says lists what the vendor said to a claim.
func (d *Dossier) says(claim string) []fact {
	var list []fact
	for _, r := range d.record(claim).Responses {
		label := "vendor's reply"
		if r.By != "" {
			label = clean(r.By)
		}
		words := "“" + clean(r.Text) + "”"
		if r.Source != "" {
			words += " (" + clean(r.Source) + ")"
		}
		list = append(list, fact{strings.TrimSuffix(label+", "+r.On.Human(), ", "), words})
	}
	return list
}

// verdictRank orders verdicts from good to bad, so that the worst stands for
// many; what is not known is worse than what is inside, and never hides what is
// outside.
func verdictRank(c *residency.Cell) int {
	if !c.Counts {
		return 0
	}
	return map[residency.Verdict]int{residency.Inside: 1, residency.NotMeasured: 2, residency.Undetermined: 3, residency.Outside: 4}[c.Verdict]
}

// serviceMatrix is the results of a claim, a row for each service and a column
// for each market: the worst of its hosts, and how many are so.
func (d *Dossier) serviceMatrix(claim residency.Claim) table {
	t := table{Caption: "Results by service and market", Matrix: true, Header: []string{"service"}}
	for _, m := range claim.Markets {
		t.Header = append(t.Header, m.String())
	}
	for _, service := range claim.Services {
		name := field{Text: clean(service)}
		line := []field{name}
		hosts := map[string]bool{}
		for _, m := range claim.Markets {
			line = append(line, d.serviceCell(claim, service, m, hosts))
		}
		line[0].Title = residency.Plural(len(hosts), "host")
		t.Rows = append(t.Rows, line)
	}
	return t
}

// serviceCell sums up the hosts of a service for the users of a market.
func (d *Dossier) serviceCell(claim residency.Claim, service string, market residency.Country, hosts map[string]bool) field {
	var worst *residency.Cell
	var in residency.Countries
	all, same := 0, 0
	for round, cell := range cells(&d.Run) {
		if cell.Claim != claim.ID || cell.Market != market || cell.Endpoint.Service != service {
			continue
		}
		hosts[cell.Endpoint.Host] = true
		from := worstPlaces(round, cell)
		all++
		switch {
		case worst == nil || verdictRank(cell) > verdictRank(worst):
			worst, in, same = cell, from, 1
		case verdictRank(cell) == verdictRank(worst):
			in, same = in.Union(from), same+1
		}
	}
	if worst == nil {
		return field{Text: markNothing, Title: market.Name() + ": not looked at", Class: residency.NotMeasured.String()}
	}
	f := field{Text: verdictMark(worst.Verdict), Class: worst.Verdict.String(), Title: market.Name() + ": " + worst.Verdict.Words()}
	if !worst.Counts {
		f.Class, f.Text = retired, markRetired
		f.Title = market.Name() + ": " + notCounted(&d.Run, worst)
	}
	if codes := in.Codes(); len(codes) > 0 && len(codes) <= 3 {
		f.Text += " " + strings.Join(codes, " ")
	}
	if all > 1 {
		f.Text += fmt.Sprintf(" %d/%d", same, all)
		f.Title += fmt.Sprintf("; %d of %s", same, residency.Plural(all, "host"))
	}
	if len(worst.Reasons) > 0 {
		f.Title += ": " + reasonWords(worst.Reasons)
	}
	return f
}

// matrixSheet is the results beside each other: for the board a row for each
// claim, for the engineer a table for each claim with a row for each host. The
// officer has them on the cards.
func (d *Dossier) matrixSheet(audience string) sheet {
	s := sheet{ID: "results", Title: "Results by market"}
	switch audience {
	case "board":
		s.Tables = []table{d.boardMatrix()}
	case "engineer":
		s.Title, s.Text = "Every result", []string{"One for each host and each market's users. The letters are the countries that the answers are in, or can be in."}
		for _, m := range matrices(&d.Run) {
			s.Tables = append(s.Tables, hostTable(m))
		}
	default:
		return sheet{}
	}
	return s
}

func hostTable(m matrixView) table {
	t := table{Caption: m.Claim + ": " + m.Title, Header: []string{"host"}, Matrix: true, Note: m.Note}
	for _, v := range m.Markets {
		t.Header = append(t.Header, v.Code)
	}
	for _, r := range m.Rows {
		line := []field{{Text: r.Host, Title: r.Service}}
		for _, c := range r.Cells {
			line = append(line, field{Text: strings.TrimSpace(c.Mark + " " + c.Places), Class: c.Verdict, Title: c.Words})
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

// boardMatrix has one row for each claim: in each market, the worst of it.
func (d *Dossier) boardMatrix() table {
	t := table{Header: []string{"claim"}, Matrix: true,
		Caption: "For the users of each country: " + markBad + " seen outside, " + markUnknown + " cannot be told, " + verdictMark(residency.NotMeasured) + " not measured, " + markGood + " nothing seen outside"}
	var all []residency.Country
	for _, c := range d.Run.Claims {
		for _, m := range c.Claim.Markets {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	slices.SortFunc(all, func(a, b residency.Country) int { return strings.Compare(a.String(), b.String()) })
	for _, m := range all {
		t.Header = append(t.Header, m.String())
	}
	for i, c := range d.Run.Claims {
		if i == 24 {
			t.Note = fmt.Sprintf("%d more claims are left out here.", len(d.Run.Claims)-i)
			break
		}
		line := []field{{Text: claimName(c.Claim), Title: clean(c.Claim.Title)}}
		for _, m := range all {
			line = append(line, d.worst(c.Claim, m))
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

// worst is the worst result of a claim in a market.
func (d *Dossier) worst(claim residency.Claim, market residency.Country) field {
	if !slices.Contains(claim.Markets, market) {
		return field{}
	}
	var worst *residency.Cell
	for _, cell := range cells(&d.Run) {
		if cell.Claim == claim.ID && cell.Market == market && (worst == nil || verdictRank(cell) > verdictRank(worst)) {
			worst = cell
		}
	}
	if worst == nil {
		return field{Text: verdictMark(residency.NotMeasured), Class: residency.NotMeasured.String(), Title: market.Name() + ": not looked at"}
	}
	return field{Text: verdictMark(worst.Verdict), Class: worst.Verdict.String(), Title: market.Name() + ": " + worst.Verdict.Words()}
}
