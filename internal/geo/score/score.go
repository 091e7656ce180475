package score

import (
	"context"
	"net/netip"
	"slices"

	"residency/internal/residency"
)

// Answer is what a contestant says of one address.
type Answer struct {
	Countries residency.Countries // the possible ones; empty: not known
	Side      residency.Side      // towards the regions
}

// SideOf is the side of a bare set: inside when all possible countries are in
// the regions, outside when none is.
func SideOf(possible, regions residency.Countries) residency.Side {
	switch {
	case possible.Empty():
		return residency.SideUnknown
	case possible.SubsetOf(regions):
		return residency.SideInside
	case !possible.Overlaps(regions):
		return residency.SideOutside
	}
	return residency.SideUnknown
}

// Options say what to count.
type Options struct {
	Regions  residency.Countries // "inside" is in one of these
	Draws    int                 // addresses drawn from the address space; 0: none
	Seed     uint64
	Progress func(done, total int) // may be nil
}

// Contestants answer for an address, all of them in one call, in the order of
// their names: sources that answer together need to be asked only once. into
// has room for all; provider is who knows the address (its own list may have to
// be withheld).
type Contestants struct {
	Names  []string
	Answer func(addr netip.Addr, provider string, into []Answer)
}

// Count is how the answers of one contestant for some addresses turned out. An
// answer is decided when it names one country.
type Count struct {
	N          int `json:"n"`
	Right      int `json:"right"`
	Wrong      int `json:"wrong"`
	Several    int `json:"several"`      // several countries, the true one among them
	SeveralNot int `json:"several_not"`  // several, the true one not among them
	Unknown    int `json:"unknown"`      // no country
	TrulyIn    int `json:"truly_inside"` // of N, addresses that are in the regions
	In         int `json:"said_inside"`
	Out        int `json:"said_outside"`
	FalseIn    int `json:"false_inside"`  // said inside, truly outside: a violation nobody sees
	FalseOut   int `json:"false_outside"` // said outside, truly inside: a false accusation
}

// Decided is the number of answers with one country.
func (c Count) Decided() int { return c.Right + c.Wrong }

// TrulyOut is the number of addresses that are not in the regions.
func (c Count) TrulyOut() int { return c.N - c.TrulyIn }

func (c *Count) add(a Answer, truth residency.Country, regions residency.Countries) {
	c.N++
	in := regions.Has(truth)
	if in {
		c.TrulyIn++
	}
	has := a.Countries.Has(truth)
	switch one := a.Countries.Len() == 1; {
	case a.Countries.Empty():
		c.Unknown++
	case one && has:
		c.Right++
	case one:
		c.Wrong++
	case has:
		c.Several++
	default:
		c.SeveralNot++
	}
	switch a.Side {
	case residency.SideInside:
		c.In++
		if !in {
			c.FalseIn++
		}
	case residency.SideOutside:
		c.Out++
		if in {
			c.FalseOut++
		}
	}
}

// Confusion is how often a contestant named one country for addresses of
// another.
type Confusion struct {
	Truth residency.Country `json:"truth"`
	Said  residency.Country `json:"said"`
	N     int               `json:"n"`
}

// Figures is all that is counted of one contestant.
type Figures struct {
	Name       string           `json:"name"`
	ByPrefix   Count            `json:"by_prefix"`
	BySpace    Count            `json:"by_space"`    // IPv4
	ByProvider map[string]Count `json:"by_provider"` // by prefix
	ByCountry  map[string]Count `json:"by_country"`  // by prefix; the true country
	Confused   []Confusion      `json:"confused"`    // by prefix; the most frequent first
	Mistakes   []Mistake        `json:"mistakes"`    // by prefix; the first maxMistakes
}

// Mistake is one prefix for which a contestant named another country, to be
// looked into: the truth may be the one that is wrong.
type Mistake struct {
	Prefix   netip.Prefix      `json:"prefix"`
	Address  netip.Addr        `json:"address"` // the one that was asked about
	Truth    residency.Country `json:"truth"`
	Said     residency.Country `json:"said"`
	Provider string            `json:"provider"`
}

const maxMistakes = 1000

// Score has every contestant answer for one address of each prefix, and for
// addresses drawn from the whole space. It ends early, with what it has, when
// ctx does.
func (s *Sheet) Score(ctx context.Context, with Contestants, o Options) []Figures {
	list := make([]Figures, len(with.Names))
	confused := make([]map[[2]residency.Country]int, len(list))
	for i, name := range with.Names {
		list[i] = Figures{Name: name, ByProvider: map[string]Count{}, ByCountry: map[string]Count{}}
		confused[i] = map[[2]residency.Country]int{}
	}
	random := numbers(o.Seed)
	prefixes, space := s.byPrefix(&random), s.bySpace(max(0, o.Draws), &random)
	total := len(prefixes) + len(space)
	answers := make([]Answer, len(list))
	for n, x := range slices.Concat(prefixes, space) {
		if n&1023 == 0 {
			if ctx.Err() != nil {
				break
			}
			if o.Progress != nil {
				o.Progress(n, total)
			}
		}
		row := s.Rows[x.row]
		clear(answers)
		with.Answer(x.addr, row.Provider, answers)
		for i, a := range answers {
			if n >= len(prefixes) {
				list[i].BySpace.add(a, row.Country, o.Regions)
				continue
			}
			list[i].add(a, row, o.Regions)
			if said := a.Countries.Only(); said.Known() && said != row.Country {
				confused[i][[2]residency.Country{row.Country, said}]++
				list[i].mistaken(Mistake{row.Prefix, x.addr, row.Country, said, row.Provider})
			}
		}
	}
	for i := range list {
		list[i].Confused = ranked(confused[i])
	}
	return list
}

func (f *Figures) add(a Answer, row Truth, regions residency.Countries) {
	f.ByPrefix.add(a, row.Country, regions)
	p, c := f.ByProvider[row.Provider], f.ByCountry[row.Country.String()]
	p.add(a, row.Country, regions)
	c.add(a, row.Country, regions)
	f.ByProvider[row.Provider], f.ByCountry[row.Country.String()] = p, c
}

func (f *Figures) mistaken(m Mistake) {
	if len(f.Mistakes) < maxMistakes {
		f.Mistakes = append(f.Mistakes, m)
	}
}

func ranked(counts map[[2]residency.Country]int) []Confusion {
	list := make([]Confusion, 0, len(counts))
	for pair, n := range counts {
		list = append(list, Confusion{pair[0], pair[1], n})
	}
	slices.SortFunc(list, func(a, b Confusion) int {
		if a.N != b.N {
			return b.N - a.N
		}
		return int(a.Truth)<<8 + int(a.Said) - int(b.Truth)<<8 - int(b.Said)
	})
	return list
}
