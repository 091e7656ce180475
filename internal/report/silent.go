package report

import (
	"fmt"
	"net/netip"

	"residency/internal/residency"
)

// spoken counts for how many addresses of a run each data set had an answer.
// Reserved addresses are not counted: nobody is asked about them.
type spoken struct {
	asked   int
	answers map[setKey]int
}

// setKey is what tells one data set from another. Of a location that was
// remembered no more is known of its data sets.
type setKey struct {
	name, lineage string
	class         residency.Class // one file can speak as two kinds of source
}

func keyOf(d residency.Dataset) setKey { return setKey{d.Name, d.Lineage, d.Class} }

// spokenIn counts each address once, in however many rounds it was seen.
func spokenIn(run *residency.Run) spoken {
	s := spoken{answers: map[setKey]int{}}
	seen := map[netip.Addr]bool{}
	for i := range run.Rounds {
		for addr, loc := range run.Rounds[i].Locations {
			if seen[addr] || loc.Decision == residency.DecidedSpecial {
				continue
			}
			seen[addr] = true
			s.asked++
			said := map[setKey]bool{}
			for _, a := range loc.Assertions {
				if a.Dataset != nil && !said[keyOf(*a.Dataset)] {
					said[keyOf(*a.Dataset)] = true
					s.answers[keyOf(*a.Dataset)]++
				}
			}
		}
	}
	return s
}

// silent is for how many addresses the data set had no answer.
func (s spoken) silent(d residency.Dataset) int { return s.asked - s.answers[keyOf(d)] }

// fewest is how many addresses must have been asked about before the silence of
// a database about half of them is worth a line.
const fewest = 4

// silenceLine says that a database had no answer for half of the addresses or
// more: it may be damaged, or not the one that was meant.
func (s spoken) silenceLine(d residency.Dataset) string {
	n := s.silent(d)
	if d.Class != residency.ClassDatabase || s.asked < fewest || 2*n < s.asked {
		return ""
	}
	return fmt.Sprintf("%s had no answer for %d of %d addresses: it may be damaged, or not the file that was meant", d.Name, n, s.asked)
}
