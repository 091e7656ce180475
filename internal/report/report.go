// Package report is the read side: it turns a run into what people and
// machines read. It looks at nothing, judges nothing and remembers nothing;
// the same run gives the same bytes.
//
// Everything that comes from outside (names, notes, quotes) is made harmless
// for its format here: control characters for terminals, formulas for
// spreadsheets, markup for pages.
package report

import (
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode"

	"residency/internal/residency"
)

// Options say how a report for people is drawn. The zero value is plain text
// for a pipe.
type Options struct {
	Color bool // the caller has seen that this is a terminal, and no NO_COLOR
	Width int  // columns of the terminal; 0: 100
	All   bool // every result, however many
	Quiet bool // only what is not inside; nothing at all when all is well
	News  bool // with Quiet: only what has changed since the run before, as remembered

	// Part says that the run looked at a part of what its claims are about, as
	// one host or one market: then Explain says nothing of a claim as a whole.
	Part bool
}

func (o Options) width() int {
	if o.Width <= 0 {
		return 100
	}
	return max(o.Width, 40)
}

// Formats are the names of the formats that Write takes.
func Formats() []string { return []string{"table", "json", "ndjson", "csv", "nagios", "junit"} }

// Write writes the run in a format of Formats. Options are for the table only.
func Write(w io.Writer, format string, run residency.Run, o Options) error {
	switch format {
	case "table":
		return Table(w, run, o)
	case "json":
		return JSON(w, run)
	case "ndjson":
		return NDJSON(w, run)
	case "csv":
		return CSV(w, run)
	case "nagios":
		return Nagios(w, run)
	case "junit":
		return JUnit(w, run)
	}
	return fmt.Errorf("write report: no format %q; use %s", format, strings.Join(Formats(), ", "))
}

// ExitCode returns the exit code of a run, which is that of a monitoring
// plugin: 2 if a claim is broken, 3 if one is unknown, the run is partial or
// no claim was judged, 1 if one is pending, else 0. A run that is overdue says
// nothing of now: 3 whatever it found. What a waiver covers has no part in it,
// nor have claims that are historic, withdrawn or superseded, which are shown
// on request.
func ExitCode(run residency.Run) int {
	if run.Overdue != "" {
		return 3
	}
	live, pending, unknown := 0, false, run.Partial
	for _, c := range run.Claims {
		if !c.Claim.Live() {
			continue
		}
		live++
		switch c.Effective {
		case residency.Broken:
			return 2
		case residency.Pending:
			pending = true
		case residency.Holding:
		default:
			unknown = true
		}
	}
	switch {
	case unknown || live == 0:
		return 3
	case pending:
		return 1
	default:
		return 0
	}
}

// cells yields every cell of a run with the round that holds it, in order.
func cells(run *residency.Run) iter.Seq2[*residency.Round, *residency.Cell] {
	return func(yield func(*residency.Round, *residency.Cell) bool) {
		for i := range run.Rounds {
			round := &run.Rounds[i]
			for j := range round.Cells {
				if !yield(round, &round.Cells[j]) {
					return
				}
			}
		}
	}
}

// claimsByID returns the run's claims by their id.
func claimsByID(run *residency.Run) map[string]residency.Claim {
	byID := make(map[string]residency.Claim, len(run.Claims))
	for _, c := range run.Claims {
		byID[c.Claim.ID] = c.Claim
	}
	return byID
}

// standings counts a run's claims by standing.
func standings(run *residency.Run) (counts [4]int) {
	for _, c := range run.Claims {
		if int(c.Standing) < len(counts) {
			counts[c.Standing]++
		}
	}
	return counts
}

// verdicts counts a run's cells; those that do not count are apart. The claims
// have the numbers: a run that was remembered need not hold every round.
func verdicts(run *residency.Run) residency.CellCounts {
	var n residency.CellCounts
	for _, c := range run.Claims {
		n.NotCounted += c.Counts.NotCounted
		n.Inside += c.Counts.Inside
		n.Outside += c.Counts.Outside
		n.NotMeasured += c.Counts.NotMeasured
		n.Undetermined += c.Counts.Undetermined
		n.Waived += c.Counts.Waived
	}
	return n
}

// coverage adds up the looks of a run, each once, those without an answer and
// those with one that was not about the market: cells of several claims share
// the looks of their endpoint.
//
// A remembered run need not hold every round; then its own count of looks is
// taken.
func coverage(run *residency.Run) (looks, failed, elsewhere int) {
	for i := range run.Rounds {
		for _, o := range run.Rounds[i].Observations {
			looks++
			switch {
			case !o.Answered():
				failed++
			case !o.OfMarket():
				elsewhere++
			}
		}
	}
	if all := total(run.Looks); all > looks {
		looks, failed = all, all-run.Looks[""]
	}
	return looks, failed, elsewhere
}

func total(counts map[residency.Failure]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// totals is the last line of a report: "3 claims: 1 broken, 2 pending.".
func totals(run *residency.Run) string {
	if len(run.Claims) == 0 {
		if run.LeftOut > 0 {
			return fmt.Sprintf("No claim was judged; %d historic, withdrawn or superseded left out (--historic judges them).", run.LeftOut)
		}
		return "No claim was judged."
	}
	n := standings(run)
	return residency.Plural(len(run.Claims), "claim") + ": " + list(
		counted{n[residency.Broken], "broken"}, counted{n[residency.Pending], "pending"},
		counted{n[residency.StandingUnknown], "unknown"}, counted{n[residency.Holding], "holding"}) + "."
}

type counted struct {
	n    int
	what string
}

// list joins the counts that are not zero.
func list(counts ...counted) string {
	var parts []string
	for _, c := range counts {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(parts, ", ")
}

// partial says that a run ended early; "" if it did not.
func partial(run *residency.Run) string {
	if !run.Partial {
		return ""
	}
	why := run.PartialBy
	if why == "" {
		why = "it ended early"
	}
	return "Partial: " + clean(why) + ". What was measured by then is below; the rest is unknown."
}

// moment writes an instant for people, in its own time zone.
func moment(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.Format("2 Jan 2006 15:04 MST")
}

// day writes the day of an instant for people.
func day(t time.Time) string {
	if t.IsZero() {
		return "undated"
	}
	return t.Format("2 Jan 2006")
}

// clean replaces what could steer a terminal or reorder a line: control
// characters and the invisible marks that change writing direction.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// reasonWords joins the words of reasons.
func reasonWords(reasons []residency.Reason) string {
	words := make([]string, len(reasons))
	for i, r := range reasons {
		words[i] = clean(r.Words())
	}
	return strings.Join(words, "; ")
}

// markets joins the names of markets, the first few of many.
func markets(list []residency.Country, most int) string {
	all := make([]string, len(list))
	for i, m := range list {
		all[i] = m.Name()
	}
	return names(all, most)
}

// claimName is how a claim is called: its vendor and its id.
func claimName(c residency.Claim) string {
	if c.Vendor == "" {
		return clean(c.ID)
	}
	return clean(c.Vendor + "/" + c.ID)
}

// claimWords is the one line about a claim: its standing in words, and for one
// with something outside, where that was and for whom.
func claimWords(run *residency.Run, c residency.ClaimStanding) string {
	words := clean(run.ClaimWords(c))
	if len(c.Outside) > 0 {
		words += "; seen " + seenOutside(run, c) + " from " + markets(c.Outside, 3)
	}
	if note := notLive(c.Claim); note != "" {
		words += " (" + note + ")"
	}
	return words
}

// notLive says why a claim has no part in the exit code; "" if it has.
func notLive(c residency.Claim) string {
	switch {
	case !c.Withdrawn.IsZero():
		return "withdrawn on " + c.Withdrawn.Human()
	case c.SupersededBy != "":
		return "superseded by " + clean(c.SupersededBy)
	case c.Historic:
		return "historic"
	}
	return ""
}

// notCounted says why a cell has no part in its claim; "" if it has.
func notCounted(run *residency.Run, cell *residency.Cell) string {
	switch {
	case cell.Counts:
		return ""
	case cell.Endpoint.RetiredAt(run.At):
		return "not counted: retired since " + cell.Endpoint.RetiredOn.Human()
	default:
		return "not counted"
	}
}

// verdictWords is a cell's verdict with its reasons.
func verdictWords(run *residency.Run, cell *residency.Cell) string {
	words := cell.Verdict.Words()
	if len(cell.Reasons) > 0 {
		words += ": " + reasonWords(cell.Reasons)
	}
	if note := rememberedWords(run, cell); note != "" {
		words += "; " + note
	}
	if cell.Waiver != "" {
		words += " (waived " + clean(run.WaiverWords(cell.Waiver)) + ")"
	}
	if note := notCounted(run, cell); note != "" {
		words += " (" + note + ")"
	}
	return words
}
