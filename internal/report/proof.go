package report

import (
	"fmt"
	"slices"
	"strings"

	"residency/internal/residency"
)

// proof is all that one result rests on, in the order in which a doubter asks.
// The terminal and the page draw the same one.
type proof struct {
	Title    string
	Sections []section
}

// section is one step of a proof: facts, then a table, then plain sentences.
type section struct {
	Title  string
	Facts  []fact
	Header []string
	Rows   [][]string
	Lines  []string
	Wire   []wire
}

type fact struct{ Label, Text string }

// wire is a message as it was sent or received.
type wire struct {
	Label string
	Bytes []byte
}

// prove collects the proof of one cell. In part, the run is not all that its
// claims are about.
func prove(run *residency.Run, claim residency.Claim, round *residency.Round, cell *residency.Cell, part bool) proof {
	p := proof{Title: fmt.Sprintf("%s for users in %s: %s", clean(cell.Endpoint.Host), cell.Market.Name(), cell.Verdict.Words())}
	looks := looksFrom(round, cell.Market)
	p.Sections = append(p.Sections, promised(claim), asked(looks, cell), reached(looks, cell), answered(looks))
	for _, a := range worstFirst(cell.Addresses) {
		at := round.Locations[a.Address]
		p.Sections = append(p.Sections, located(at, &side{a, edgeOf(claim, cell, a, at)}))
	}
	p.Sections = append(p.Sections, judged(run, claim, round, cell, part), changes(claim, round, cell), cannot(looks, cell), onTheWire(looks, cell), dataUsed(round, cell))
	p.Sections = slices.DeleteFunc(p.Sections, func(s section) bool {
		return len(s.Facts)+len(s.Rows)+len(s.Lines)+len(s.Wire) == 0
	})
	return p
}

func looksFrom(round *residency.Round, market residency.Country) []*residency.Observation {
	var list []*residency.Observation
	for i := range round.Observations {
		if round.Observations[i].Market == market {
			list = append(list, &round.Observations[i])
		}
	}
	return list
}

// worstFirst puts the addresses that decide before the others, and those that
// do not count last.
func worstFirst(list []residency.JudgedAddress) []residency.JudgedAddress {
	rank := func(a residency.JudgedAddress) int {
		if !a.Counts {
			return 3
		}
		return map[residency.Side]int{residency.SideOutside: 0, residency.SideUnknown: 1, residency.SideInside: 2}[a.Side]
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b residency.JudgedAddress) int { return rank(a) - rank(b) })
	return list
}

// promised is the claim: who said what, when, where it is written.
func promised(c residency.Claim) section {
	s := section{Title: "What was promised"}
	if c.Kind == residency.KindPolicy {
		s.Title = "What our rule is"
	}
	add := func(label, text string) {
		if text != "" {
			s.Facts = append(s.Facts, fact{label, clean(text)})
		}
	}
	add("claim", claimName(c))
	add("about", c.Title)
	if c.Quote != "" {
		add("in their words", "“"+c.Quote+"”")
	}
	said := c.SaidBy
	if !c.SaidOn.IsZero() {
		said = strings.TrimSpace(said + " on " + c.SaidOn.Human())
	}
	add("said by", strings.TrimPrefix(said, "on "))
	add("source", c.Source)
	add("data may be", strings.TrimPrefix(allowed(c), "may be "))
	switch {
	case !c.DueOn.IsZero():
		add("due", c.DueOn.Human()+", the whole day: from "+moment(c.Due)+" on")
	case !c.FromOn.IsZero():
		add("in force", "from "+c.FromOn.Human())
	}
	add("written in", c.Where)
	add("note", notLive(c))
	return s
}

// asked is every look of the market.
func asked(looks []*residency.Observation, cell *residency.Cell) section {
	s := section{
		Title: "What was asked",
		Facts: []fact{
			{"name", clean(cell.Endpoint.Host) + " (" + cell.Endpoint.Role.Words() + ")"},
			{"for users in", cell.Market.Name()},
		},
		Header: []string{"record", "name server", "client subnet sent", "came back", "answer", "when"},
	}
	if cell.Endpoint.Source != "" {
		s.Facts = append(s.Facts, fact{"name known from", clean(cell.Endpoint.Source)})
	}
	means := make(map[string]bool)
	for _, o := range looks {
		sent, back := prefix(o.Subnet.Prefix), markNothing
		if sent == "" {
			sent = "none"
		}
		if o.Returned.IsValid() {
			back = fmt.Sprintf("%s scope /%d", o.Returned, o.Scope)
		}
		answer := fmt.Sprintf("%s, addresses: %d", o.Rcode, len(o.Addresses))
		if o.Failure != "" {
			answer = o.Failure.Words()
		}
		s.Rows = append(s.Rows, []string{o.Type, serverOf(o), sent, back, clean(answer),
			askedAt(o)})
		line := o.Tailoring.Words()
		if o.TailoringWhy != "" {
			line += ": " + o.TailoringWhy
		}
		if o.Answered() && !means[line] {
			means[line] = true
			s.Lines = append(s.Lines, clean(line)+".")
		}
		if o.Detail != "" {
			s.Lines = append(s.Lines, clean(o.Detail)+".")
		}
	}
	s.Rows = fold(s.Rows)
	slices.Sort(s.Lines)
	s.Lines = slices.Compact(s.Lines)
	if len(s.Lines) > manyHosts {
		s.Lines = append(s.Lines[:manyHosts], fmt.Sprintf("And %d more.", len(s.Lines)-manyHosts))
	}
	return s
}

// askedAt is when a look was made and how long it took. Memories keep that of
// some looks only.
func askedAt(o *residency.Observation) string {
	if o.At.IsZero() {
		return "not kept"
	}
	return fmt.Sprintf("%s, %.1f ms", o.At.UTC().Format("2006-01-02 15:04:05Z"), float64(o.RTT.Microseconds())/1000)
}

// answered is the chains of names and the addresses at their ends.
func answered(looks []*residency.Observation) section {
	s := section{Title: "What came back", Header: []string{"name", "record", "leads to", "seconds to live"}}
	seen := make(map[string]int)
	add := func(owner, kind, target string, ttl uint32) {
		key := owner + "\x00" + kind + "\x00" + target
		if _, dup := seen[key]; !dup {
			seen[key] = len(s.Rows)
			s.Rows = append(s.Rows, []string{clean(owner), kind, clean(target), fmt.Sprint(ttl)})
		}
	}
	for _, o := range looks {
		for _, l := range o.Chain {
			add(l.Owner, l.Type, l.Target, l.TTL)
		}
	}
	for _, o := range looks {
		for _, a := range o.Addresses {
			target := a.Address.String()
			if a.DNS64.IsValid() {
				target += " (as " + a.DNS64.String() + ", DNS64)"
			}
			add(a.Owner, recordOf(o, a), target, a.TTL)
		}
	}
	if len(s.Rows) == 0 && len(looks) > 0 {
		s.Lines = []string{"No address."}
	}
	return s
}

// judged is the verdict with all that it rests on.
func judged(run *residency.Run, claim residency.Claim, round *residency.Round, cell *residency.Cell, part bool) section {
	s := section{Title: "What follows", Facts: []fact{
		{"result", cell.Verdict.Words()},
		{"how sure", cell.Grade.SideWords(sideOf(cell.Verdict), allDiffer(round, cell))},
	}}
	for _, r := range cell.Reasons {
		s.Facts = append(s.Facts, fact{"because", clean(r.Words())})
	}
	if !cell.Suspected.Empty() {
		s.Facts = append(s.Facts, fact{"may be in", cell.Suspected.Names() + ", which is not approved"})
	}
	if note := notCounted(run, cell); note != "" {
		s.Facts = append(s.Facts, fact{"note", note})
	}
	if cell.NotCounted > 0 {
		s.Facts = append(s.Facts, fact{"left out", fmt.Sprintf("%d of its addresses are served from many places and do not count", cell.NotCounted)})
	}
	s.Facts = append(s.Facts, fact{"asked", askedWords(cell.Coverage)}, fact{"how much was seen", cell.Pool.Words()})
	s.Facts = append(append(s.Facts, wholeClaim(run, claim, part)...), fact{"judged as of", moment(run.At)})
	return s
}

// remedies say what would settle a result that is held back by a reason.
var remedies = map[residency.Reason]string{
	residency.ReasonConflict:       "A source that settles it: the provider's own list, or the vendor's word about this address with evidence.",
	residency.ReasonNoEvidence:     "A source that knows the address.",
	residency.ReasonBelowGrade:     "One more independent source that says the same.",
	residency.ReasonUnconfirmed:    "The same seen again in a later run.",
	residency.ReasonSourceMissing:  "The missing source, loaded again.",
	residency.ReasonStaleData:      "A newer copy of the location data.",
	residency.ReasonAnycast:        "Nothing by location: only the vendor can say where such an address takes data to.",
	residency.ReasonEdge:           "Declaring the host's role, if it is a delivery network: then it is judged as one.",
	residency.ReasonBypassesDNS:    "A look at what the service hands out, not at its own address.",
	residency.ReasonOtherRegion:    "An answer in the promised region.",
	residency.ReasonRegionNotShown: "A provider's list that shows the region.",
	residency.ReasonNotTailored:    "A name server that passes client subnets on, or one that stands in the market.",
	residency.ReasonNoAddress:      "An answer with an address, or a line that says the name is retired.",
	residency.ReasonMemoryUnread:   "The memory of earlier checks, which \"residency store check\" can say more about.",
	residency.ReasonRTTUntrusted:   "Delays that can be believed: see the note above on those measured.",
	residency.ReasonIntercepted:    "A path to the name servers on which nobody answers in their place.",
	"nxdomain":                     "An answer with an address, or a line that says the name is retired.",
}

// changes is what would change the result.
func changes(claim residency.Claim, round *residency.Round, cell *residency.Cell) section {
	s := section{Title: "What would change it"}
	switch cell.Verdict {
	case residency.Outside:
		for _, a := range cell.Addresses {
			if a.Counts && a.Side == residency.SideOutside {
				s.Lines = append(s.Lines, fmt.Sprintf("%s no longer among the answers, or shown by independent sources to be in an approved place and not in %s.",
					a.Address, round.Locations[a.Address].Left().Names()))
			}
		}
		if !claim.Due.IsZero() {
			s.Lines = append(s.Lines, "The due date decides whether the promise is broken ("+claim.DueOn.Human()+"), not whether this is outside.")
		}
	case residency.Inside:
		s.Lines = append(s.Lines, "One answer with an address outside, a lost answer, a source that is missing or too old, or a second source that disagrees.")
	default:
		for _, r := range cell.Reasons {
			line, ok := remedies[r]
			if old := tooOld(round, cell); r == residency.ReasonStaleData && old != "" {
				line = "A newer copy of what is too old to clear anything: " + old + "."
			}
			if !ok && residency.Failure(r).Valid() {
				line, ok = "An answer.", true
			}
			if ok && !slices.Contains(s.Lines, line) {
				s.Lines = append(s.Lines, line)
			}
		}
	}
	for _, h := range cell.Hints {
		s.Lines = append(s.Lines, clean(h))
	}
	return s
}

// cannot is what the result does not say.
func cannot(looks []*residency.Observation, cell *residency.Cell) section {
	s := section{Title: "What it cannot say", Lines: []string{cell.Verdict.Limit()}}
	for _, o := range looks {
		if o.Subnet.Prefix.IsValid() && !o.Local {
			s.Lines = append(s.Lines, "The questions were asked from here on behalf of the market's networks, not from inside the market.")
			break
		}
	}
	s.Lines = append(s.Lines, residency.Limits()...)
	return s
}

// dataUsed is every data set that spoke, with its whole hash.
func dataUsed(round *residency.Round, cell *residency.Cell) section {
	s := section{Title: "Data used"}
	var seen []*residency.Dataset
	for _, a := range cell.Addresses {
		for _, said := range round.Locations[a.Address].Assertions {
			if said.Dataset == nil || slices.Contains(seen, said.Dataset) {
				continue
			}
			seen = append(seen, said.Dataset)
			line := fmt.Sprintf("%s: %s, of %s", said.Source, said.Dataset.Name, isoDay(said.Dataset.Built))
			if said.Dataset.Licence != "" {
				line += "; " + said.Dataset.Licence
			}
			s.Lines = append(s.Lines, clean(line+"; "+said.Dataset.HashWords()))
		}
	}
	return s
}
