package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// side is where an address of a cell stands towards a claim.
type side struct {
	residency.JudgedAddress
	edge edge
}

// located is what all sources say of one address; side is nil for a bare one.
func located(l residency.Location, side *side) section {
	s := section{Title: "Where " + l.Address.String() + " is", Header: []string{"source", "what it is", "says", "matched", "data of"}}
	s.Facts = append(s.Facts, fact{"place", l.Words()})
	if l.Region != "" {
		s.Facts = append(s.Facts, fact{"provider region", clean(l.Region)})
	}
	s.Facts = append(s.Facts, fact{"how it was decided", l.Decision.Words()})
	if side != nil {
		s.Facts = append(s.Facts, fact{"towards the promise", side.words()}, fact{"how sure", side.Grade.SideWords(side.Side, differ(l))},
			fact{"shown by", clean(strings.Join(side.Resolvers, ", "))})
	}
	for _, a := range l.Assertions {
		s.Rows = append(s.Rows, assertionRow(a))
	}
	if l.Conflict {
		s.Lines = append(s.Lines, "The sources name different places. All of them are kept and shown.")
	}
	if more := l.Widened(); !more.Empty() {
		s.Lines = append(s.Lines, "Only a correction declared by the user names "+more.Names()+": without it the place would be "+l.Left().Minus(more).Names()+".")
	}
	s.Lines = append(append(s.Lines, tooFar(l)...), contradicted(l)...)
	for _, m := range l.Missing {
		s.Lines = append(s.Lines, "Not available: "+clean(m)+".")
	}
	return s
}

// words says where the address stands, why, and whether it counts.
func (s *side) words() string {
	words := s.Side.Words()
	if s.edge != edgeNot {
		words = s.edge.Words()
	}
	reasons := s.Reasons
	if fromHere(s.JudgedAddress) {
		words += " (seen from here only, not by users of this market: it does not count)"
		reasons = slices.DeleteFunc(slices.Clone(reasons), func(r residency.Reason) bool { return r == residency.ReasonNotTailored })
	} else if !s.Counts {
		words += " (does not count)"
	}
	if len(reasons) > 0 {
		words += ": " + reasonWords(reasons)
	}
	return words
}

// tooFar says which of the countries named the measured delay excludes.
func tooFar(l residency.Location) []string {
	switch out := l.Countries.Intersect(l.Excluded); {
	case out.Empty():
		return nil
	case out == l.Countries:
		return []string{"Every place that a source names is too far away for the delay measured: a source or the measurement is wrong."}
	default:
		return []string{"Named by a source, and too far away for the delay measured: " + out.Names() + "."}
	}
}

// contradicted says where a name of the address hints at a place that is none
// of those it can be in.
func contradicted(l residency.Location) []string {
	var lines []string
	place := l.Left()
	for _, a := range l.Assertions {
		if a.Class != residency.ClassHint || a.In.Empty() || place.Empty() || a.In.Overlaps(place) {
			continue
		}
		says := a.In.Names()
		if a.Region != "" {
			says += " (" + a.Region + ")"
		}
		lines = append(lines, clean("Its name says "+says+", the sources say "+place.Names()+"."))
	}
	return lines
}

func assertionRow(a residency.Assertion) []string {
	says := a.In.Names()
	if a.In.Empty() && !a.NotIn.Empty() {
		says = "not in " + a.NotIn.Names()
	}
	if a.Region != "" {
		says += " (" + a.Region + ")"
	}
	if n := a.NotIn.Len(); a.In.Empty() && n > 8 {
		says = fmt.Sprintf("not in any of %d countries, too far away", n)
	}
	if a.In.Empty() && a.NotIn.Empty() {
		says = "no single place"
		if a.Class == residency.ClassRTT || a.Class == residency.ClassNetwork {
			says = "nothing"
		}
	}
	if a.Class == residency.ClassNetwork {
		says = a.Note
	} else if a.Note != "" {
		says += "; " + a.Note
	}
	if words := a.Class.StaleWords(); a.Stale && voiced(a.Class) {
		says += "; " + words
	} else if a.Stale {
		says += "; by an old list"
	}
	row := []string{a.Source, a.Class.Words(), says, prefix(a.Prefix), ""}
	if a.Dataset != nil {
		row[4] = isoDay(a.Dataset.Built) + " " + shortHash(a.Dataset.SHA256)
	}
	for i := range row {
		if row[i] = clean(row[i]); row[i] == "" {
			row[i] = markNothing
		}
	}
	return row
}

// voiced reports whether data of the class speaks for a place.
func voiced(c residency.Class) bool {
	return c == residency.ClassProvider || c == residency.ClassGeofeed || c == residency.ClassDatabase
}

// isoDay writes a day in a table, where it must not be broken up.
func isoDay(t time.Time) string {
	if t.IsZero() {
		return "undated"
	}
	return t.Format(time.DateOnly)
}

// shortHash is enough of a hash to tell data sets apart at sight.
func shortHash(h string) string {
	if kind, rest, ok := strings.Cut(h, ":"); ok {
		return kind + ":" + rest[:min(10, len(rest))]
	}
	return h[:min(12, len(h))]
}

// sighting is one look that showed an address, with the TTL it had there.
type sighting struct {
	look *residency.Observation
	ttl  uint32
	hint bool
}

// sightings returns the looks from a market that showed an address, in order.
func sightings(round *residency.Round, market residency.Country, addr netip.Addr) []sighting {
	var list []sighting
	for i := range round.Observations {
		o := &round.Observations[i]
		if o.Market != market {
			continue
		}
		for _, a := range o.Addresses {
			if a.Address == addr {
				list = append(list, sighting{o, a.TTL, a.Hint})
				break
			}
		}
	}
	return list
}
