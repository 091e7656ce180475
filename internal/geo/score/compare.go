package score

import (
	"net/netip"

	"residency/internal/residency"
)

// Word is what one truth says of the addresses that belong to a row of another.
type Word struct {
	Countries residency.Countries // all that it names for any of them
	Whole     bool                // it names one for each of them
}

// Against returns, for each row, what another truth says of the row's own
// addresses: a later list of the same provider can withdraw or split what an
// older one said.
func (s *Sheet) Against(later *Sheet) []Word {
	words := make([]Word, len(s.Rows))
	for i := range words {
		words[i].Whole = s.first[i] >= 0
	}
	j := 0
	for _, sp := range s.spans {
		w := &words[sp.row]
		for j < len(later.spans) && later.spans[j].to.Compare(sp.from) < 0 {
			j++
		}
		next := sp.from // the first address that nothing was said of yet
		for k := j; k < len(later.spans) && next.IsValid() && later.spans[k].from.Compare(sp.to) <= 0; k++ {
			w.Countries = w.Countries.With(later.Rows[later.spans[k].row].Country)
			w.Whole = w.Whole && later.spans[k].from.Compare(next) <= 0
			next = after(later.spans[k].to, sp.to)
		}
		w.Whole = w.Whole && !next.IsValid()
	}
	return words
}

// after returns the address after to, and none when that is beyond last.
func after(to, last netip.Addr) netip.Addr {
	if to.Compare(last) >= 0 {
		return netip.Addr{}
	}
	return to.Next()
}
