package geo

import (
	"residency/internal/residency"
)

// Tally counts, for each data set, how many addresses it had an answer for, so
// that a source which is silent about half of a file is noticed. Special-purpose
// addresses are not counted: nobody is asked about them. The zero Tally is
// empty. Not for use by several goroutines at once.
type Tally struct {
	asked   uint64
	answers []answer
}

type answer struct {
	set *residency.Dataset
	n   uint64
}

// Add counts one location.
func (t *Tally) Add(loc *residency.Location) {
	if loc.Decision == residency.DecidedSpecial || !loc.Address.IsValid() {
		return
	}
	t.asked++
	var last *residency.Dataset
	for i := range loc.Assertions {
		// What one data set says of an address stands together.
		if set := loc.Assertions[i].Dataset; set != last {
			last = set
			t.count(set)
		}
	}
}

func (t *Tally) count(set *residency.Dataset) {
	for i := range t.answers {
		if t.answers[i].set == set {
			t.answers[i].n++
			return
		}
	}
	t.answers = append(t.answers, answer{set, 1})
}

// Asked returns how many addresses were asked about.
func (t *Tally) Asked() uint64 { return t.asked }

// Unanswered returns how many of the addresses the data set with this name and
// hash said nothing of.
func (t *Tally) Unanswered(d residency.Dataset) uint64 {
	n := t.asked
	for _, a := range t.answers {
		if a.set != nil && a.set.Name == d.Name && a.set.SHA256 == d.SHA256 && a.set.Class == d.Class {
			n -= min(n, a.n)
		}
	}
	return n
}
