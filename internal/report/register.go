package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"residency/internal/residency"
)

// registerSheet has what people decided: waivers, corrections, disputes and
// other acts on record.
func (d *Dossier) registerSheet() sheet {
	s := sheet{ID: "registers", Title: "Registers: waivers, corrections, disputes"}
	s.Tables = slices.DeleteFunc([]table{d.waivers(), d.corrections(), d.disputes(), d.acts()}, func(t table) bool { return len(t.Rows) == 0 })
	s.Text = []string{d.empty(), d.triedWords()}
	s.Text = slices.DeleteFunc(s.Text, func(t string) bool { return t == "" })
	return s
}

// empty names the registers that nothing is in.
func (d *Dossier) empty() string {
	var none []string
	if len(d.Waivers) == 0 {
		none = append(none, "no waiver")
	}
	if len(d.Corrections) == 0 {
		none = append(none, "no correction")
	}
	if len(d.disputes().Rows) == 0 {
		none = append(none, "no dispute")
	}
	if len(none) == 0 {
		return ""
	}
	return "There is " + strings.Join(none, ", ") + "."
}

func (d *Dossier) waivers() table {
	t := table{Caption: "Waivers: they change who is told, never a result", Header: []string{"waiver", "claims", "answers for it", "allowed by", "reason", "until", "now"}}
	for _, w := range d.Waivers {
		now := "holds"
		switch {
		case !w.Until.After(d.To):
			now = "ended"
		case !w.Holds(d.To):
			now = "not yet"
		}
		t.Rows = append(t.Rows, row(w.ID, strings.Join(w.Claims, ", "), w.Owner, w.Approver, w.Reason, day(w.Until.In(d.Zone)), now))
	}
	return t
}

func (d *Dossier) corrections() table {
	t := table{Caption: "Corrections: they can make an outside result unknown, never an inside one", Header: []string{"network", "said to be in", "evidence", "answers for it", "allowed by", "reason", "until"}}
	for _, c := range d.Corrections {
		evidence := c.Evidence
		if c.EvidenceHash != "" {
			evidence += ", SHA-256 " + c.EvidenceHash
		}
		until := c.Expires.Human()
		if c.Ended {
			until += " (ended)"
		}
		t.Rows = append(t.Rows, row(c.Prefix.String(), c.Country.Name(), evidence, c.Owner, c.Approver, c.Reason, until))
	}
	return t
}

func (d *Dossier) disputes() table {
	t := table{Caption: "Disputes: who says that a finding is wrong, and what came of it", Header: []string{"finding", "host", "by", "on", "with", "outcome"}}
	for _, f := range d.Findings {
		p := f.Disputed
		if p == nil {
			continue
		}
		outcome := "not decided"
		switch {
		case p.Settled != nil && p.Upheld:
			outcome = "the finding was wrong: " + p.Cause
		case p.Settled != nil:
			outcome = "the finding stands"
		}
		document := p.Document
		if p.DocumentSHA256 != "" {
			document += ", SHA-256 " + p.DocumentSHA256
		}
		t.Rows = append(t.Rows, row(shortHash(f.Key), f.Host, p.By, day(p.At.In(d.Zone)), document, outcome))
	}
	return t
}

func (d *Dossier) acts() table {
	t := table{Caption: "What people did to the memory in the period, as the evidence log has it", Header: []string{"when", "by", "what"}}
	for _, a := range d.Acts {
		t.Rows = append(t.Rows, row(d.local(a.At), a.By, a.What))
	}
	return t
}

// triedWords says how often findings were right, as far as anybody objected.
func (d *Dossier) triedWords() string {
	p := d.Tried
	if p.Findings == 0 {
		return ""
	}
	text := fmt.Sprintf("Of %s on record, %d were disputed, %d of these disputes decided and %d upheld.", residency.Plural(p.Findings, "finding"), p.Disputed, p.Settled, p.Upheld)
	if len(p.Causes) > 0 {
		var causes []string
		for _, c := range slices.Sorted(maps.Keys(p.Causes)) {
			causes = append(causes, fmt.Sprintf("%s (%d)", clean(c), p.Causes[c]))
		}
		text += " Wrong because of: " + strings.Join(causes, ", ") + "."
	}
	if p.Share == nil {
		return text + " None is closed and undisputed yet, so how often findings are right cannot be said."
	}
	return text + fmt.Sprintf(" So at most %.1f%% of the %d that are decided were right: one that nobody objected to counts as right.", *p.Share*100, p.Decided)
}

// coverageSheet says how much was looked at, and how much may be unseen.
func (d *Dossier) coverageSheet() sheet {
	s := sheet{ID: "coverage", Title: "How much was seen"}
	t := table{Caption: "Of the latest check, for each claim", Header: []string{"claim", "markets", "questions answered", "looks", "of these no answer", "share of answers not seen"}}
	for _, c := range d.Run.Claims {
		unseen := "not known"
		if c.Unseen != nil {
			unseen = "at most " + strconv.FormatFloat(*c.Unseen*100, 'f', 1, 64) + "%"
		}
		t.Rows = append(t.Rows, []field{text(claimName(c.Claim)), number(c.Markets), text(fmt.Sprintf("%d of %d", c.Coverage.Met, c.Coverage.Needs)),
			number(c.Coverage.Looks), number(c.Coverage.Failed), text(unseen)})
	}
	s.Tables = []table{t}
	f := table{Caption: "Looks of the period without an answer, by cause", Header: []string{"cause", "looks"}}
	for _, cause := range residency.Failures() {
		if n := d.Looks[cause]; n > 0 {
			f.Rows = append(f.Rows, []field{text(cause.Words()), number(n)})
		}
	}
	if len(f.Rows) > 0 {
		s.Tables = append(s.Tables, f)
	}
	return s
}

// methodSheet says how it was looked, for those who would do it again.
func (d *Dossier) methodSheet() sheet {
	s := sheet{ID: "method", Title: "Technical annex: how it was looked", Text: []string{
		"For each host and each market, name servers were asked with a part of the address of users' networks (EDNS Client Subnet, RFC 7871), or stand in the market. " +
			"Each address in an answer was located by independent sources. An address counts as outside when at least two of them agree that it is in no approved place.",
		d.Run.BasisWords()}}
	s.Facts = []fact{{"program", "residency " + clean(d.Run.Version)}, {"rules of judging", "version " + strconv.Itoa(d.Run.Rules)}}
	if d.Run.Commit != "" {
		s.Facts = append(s.Facts, fact{"source", clean(d.Run.Commit)})
	}
	s.Facts = append(s.Facts, fact{"configuration", "SHA-256 " + clean(d.Run.ConfigSHA256)}, fact{"clock", clockWords(d.Run.Clock)})
	t := table{Caption: "Name servers asked", Header: []string{"name", "address", "state", "stands in"}}
	for _, r := range d.Run.Resolvers {
		t.Rows = append(t.Rows, row(r.Name, r.Server, r.Text, residency.CountriesOf(r.StandsIn...).Names()))
	}
	if len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	m := table{Caption: "Networks asked on behalf of", Header: []string{"market", "client subnets"}}
	seen := map[residency.Country]bool{}
	for i := range d.Run.Rounds {
		for _, k := range d.Run.Rounds[i].Markets {
			if seen[k.Code] {
				continue
			}
			seen[k.Code] = true
			var list []string
			for _, n := range k.Subnets {
				list = append(list, prefix(n.Prefix))
			}
			m.Rows = append(m.Rows, row(k.Code.Name(), strings.Join(list, ", ")))
		}
	}
	if len(m.Rows) > 0 {
		s.Tables = append(s.Tables, m)
	}
	return s
}

func clockWords(c residency.Clock) string {
	switch {
	case c.Source == "":
		return "nothing is known of how right it was"
	case c.Synchronised:
		return fmt.Sprintf("kept right by a time service, off by %s, by %s at most (%s)", c.Offset, c.MaxError, clean(c.Source))
	}
	return "not kept right by a time service (" + clean(c.Source) + ")"
}

// dataSheet has the data sets with their age, and how good the evidence was when
// it was measured.
func (d *Dossier) dataSheet() sheet {
	s := sheet{ID: "data", Title: "Data the places come from"}
	t := table{Caption: "Every data set of the latest check, with its maker's date and its hash", Header: []string{"data set", "what it is", "of", "days old", "licence", "hash"}}
	for _, x := range d.Run.Datasets {
		what, age := x.Class.Words(), "not known"
		if words := x.Class.StaleWords(); x.Stale && words != "" {
			what += "; " + words
		}
		if !x.Built.IsZero() && !d.To.Before(x.Built) {
			age = strconv.Itoa(int(d.To.Sub(x.Built).Hours() / 24))
		} else if !x.Built.IsZero() {
			age = "newer than the check"
		}
		t.Rows = append(t.Rows, row(x.Name, what, isoDay(x.Built), age, x.Licence, x.HashWords()))
	}
	s.Tables = []table{t, accuracy()}
	s.More = []string{"Measured by residency data bench against the address lists that six cloud providers published in July 2025: 27,539 networks, of which " +
		"12 that the same provider contradicted later are left out for the last two lines. Each provider's own list was withheld. Servers of others may be located worse."}
	return s
}

// accuracy is what was measured of the sources that come with the program, each
// network counting once (docs/fusion.md, "Each provider's own list withheld").
func accuracy() table {
	return table{Caption: "How often the sources were right, when measured", Header: []string{"source", "named one country", "right of these", "taken for inside US or SG though outside"}, Rows: [][]field{
		row("DB-IP Lite alone", "100.00%", "89.20%", "565 of 15,389 (3.67%)"),
		row("geo-whois-asn alone", "100.00%", "98.32%", "252 of 15,389 (1.64%)"),
		row("IP2Location LITE alone", "100.00%", "93.17%", "1,201 of 15,389 (7.80%)"),
		row("together, as judged here", "85.84%", "99.78%", "26 of 15,381 (0.17%)"),
		row("together, each address counting once", "91.48%", "99.97%", "29 of 531,320 (0.005%)"),
	}}
}

// logSheet is what a reader needs to verify the evidence.
func (d *Dossier) logSheet() sheet {
	s := sheet{ID: "log", Title: "How to verify this", Facts: []fact{{"evidence", d.bundleWords()}, {"leaves in the log", strconv.FormatInt(d.Log.Leaves, 10)}}}
	if d.Log.Key == "" {
		s.Text = []string{"The evidence log is not signed: it shows what was kept, and not that nobody changed it."}
		return s
	}
	s.Text = []string{"Every check is a leaf of a signed log (RFC 6962). Compare the public key with the one you got by another way; then residency verify checks a bundle, or the store, against it."}
	s.Facts = append(s.Facts, fact{"public key", clean(d.Log.Key)})
	if c := d.Log.Checkpoint; c.Size > 0 {
		s.Facts = append(s.Facts, fact{"signed state", fmt.Sprintf("%d leaves, root %s, signed %s", c.Size, c.Root, both(c.At, d.Zone))})
	}
	return s
}
