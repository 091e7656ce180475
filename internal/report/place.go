package report

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"residency/internal/residency"
)

// Changed is what a location would be if one source had said nothing.
type Changed struct {
	Source   string
	Location residency.Location
}

// ExplainLocation writes the whole proof of where one address is, for people:
// what every source says, what decided, what contradicts it, what would change
// it, and the data it rests on. input is the address as it was given; without
// are the sources on which the result depends.
func ExplainLocation(w io.Writer, input string, l residency.Location, without []Changed, o Options) error {
	p := &printer{o: o}
	s := located(l, nil)
	s.Facts = slices.DeleteFunc(s.Facts, func(f fact) bool { return f.Label == "place" })
	s.Title = clean(input) + "  " + l.Words()
	sections := []section{s, whoSpeaks(l), wouldChange(l, without)}
	data := dataUsed(&residency.Round{Locations: map[netip.Addr]residency.Location{l.Address: l}},
		&residency.Cell{Addresses: []residency.JudgedAddress{{Address: l.Address}}})
	sections = append(sections, data)
	p.draw(slices.DeleteFunc(sections, func(s section) bool { return len(s.Facts)+len(s.Rows)+len(s.Lines) == 0 }))
	_, err := io.WriteString(w, p.String())
	return err
}

// whoSpeaks weighs the independent sources against the result: each agrees
// with it, names a part of it, or contradicts another.
func whoSpeaks(l residency.Location) section {
	s := section{Title: "What decided", Lines: []string{sentence(l.Decision.Words())}}
	if len(l.Voices) == 0 {
		return s
	}
	s.Header = []string{"independent source", "says", "and so"}
	for i, v := range l.Voices {
		var against []string
		for j, u := range l.Voices {
			if i != j && !v.Countries.Overlaps(u.Countries) {
				against = append(against, u.Name)
			}
		}
		so := "nobody contradicts it"
		if len(against) > 0 {
			so = "contradicts " + strings.Join(against, ", ")
		}
		switch {
		case l.Veto != "":
			so = "does not count: the address has no single place"
		case v.Stale:
			so += "; too old to clear anything"
		}
		name := v.Name
		if v.Name == "holder" {
			name = "the address's holder"
		}
		s.Rows = append(s.Rows, []string{clean(name), v.Countries.Names(), clean(so)})
	}
	return s
}

// wouldChange is what would give another result: a source less, a source more.
func wouldChange(l residency.Location, without []Changed) section {
	s := section{Title: "What would change it"}
	for _, c := range without {
		s.Lines = append(s.Lines, clean(fmt.Sprintf("Without %s: %s (%s).", c.Source, c.Location.Words(), c.Location.Decision.Words())))
	}
	if line, ok := oneMore[l.Decision]; ok {
		s.Lines = append(s.Lines, line)
	}
	if l.Veto == residency.ReasonEdge || l.Veto == residency.ReasonAnycast {
		s.Lines = append(s.Lines, remedies[l.Veto])
	}
	for _, m := range l.Missing {
		s.Lines = append(s.Lines, "The missing source, loaded again: "+clean(m)+".")
	}
	return s
}

// oneMore says what one more source would do, by the rule that decided.
var oneMore = map[residency.Decision]string{
	residency.DecidedNothing:       "A source that knows the address.",
	residency.DecidedHolder:        "The holder's word changed, or every independent source against it.",
	residency.DecidedHolderAlone:   "One independent source: if it agrees the place is confirmed, if not every place named is possible.",
	residency.DecidedHolderOld:     "A newer copy of the holder's list, or one more independent source that agrees with it: then the holder's word decides.",
	residency.DecidedHolderAgainst: "One independent source that agrees with the holder: then the holder's word decides.",
	residency.DecidedAgree:         "A source that names another place adds it to the possible ones; the holder's own list with another place adds that.",
	residency.DecidedDiffer:        "The holder's own list: it decides if one of the sources agrees with it.",
	residency.DecidedOne:           "A second independent source: if it agrees the place is confirmed, if not both places are possible.",
}

// sentence makes words a sentence.
func sentence(words string) string {
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:] + "."
}
