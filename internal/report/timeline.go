package report

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// Chronicle adds up what endpoints showed over a period, one endpoint after the
// other, so that a year of a thousand endpoints needs no more memory than one.
type Chronicle struct {
	claims   map[string]residency.Claim
	from, to time.Time
	zone     *time.Location
	reach    time.Duration
	days     map[string]map[residency.Date]*DayRecord
	seen     map[string]map[seenAs]*Seen
	unseen   map[string]map[residency.Date]int // results that nothing is known of on a day
	services map[string]map[string][]string
	events   []Event
}

// seenAs tells the sightings of a claim apart.
type seenAs struct {
	country residency.Country
	side    residency.Side
}

// NewChronicle begins an empty chronicle of claims over a period. Days begin
// and end by the clock of zone. What a check showed stands until the next one,
// for as long as reach at most; after that nothing is known.
func NewChronicle(claims []residency.Claim, from, to time.Time, zone *time.Location, reach time.Duration) *Chronicle {
	c := &Chronicle{claims: map[string]residency.Claim{}, from: from, to: to, zone: zone, reach: reach, unseen: map[string]map[residency.Date]int{}, days: map[string]map[residency.Date]*DayRecord{},
		seen: map[string]map[seenAs]*Seen{}, services: map[string]map[string][]string{}}
	for _, claim := range claims {
		c.claims[claim.ID] = claim
		c.days[claim.ID], c.seen[claim.ID] = map[residency.Date]*DayRecord{}, map[seenAs]*Seen{}
		c.services[claim.ID], c.unseen[claim.ID] = map[string][]string{}, map[residency.Date]int{}
	}
	return c
}

// Add adds what one endpoint showed, oldest first. It is to be called once for
// each endpoint.
func (c *Chronicle) Add(stays []Stay) {
	var before map[string]residency.Cell
	for i := range stays {
		s := &stays[i]
		now, shown := make(map[string]residency.Cell, len(s.Round.Cells)), shownTo(&s.Round)
		for j := range s.Round.Cells {
			cell := &s.Round.Cells[j]
			if _, ours := c.claims[cell.Claim]; !ours {
				continue
			}
			now[cell.Claim+" "+cell.Market.String()] = *cell
			if host := cell.Endpoint.Host; !slices.Contains(c.services[cell.Claim][cell.Endpoint.Service], host) {
				c.services[cell.Claim][cell.Endpoint.Service] = append(c.services[cell.Claim][cell.Endpoint.Service], host)
			}
			if cell.Counts {
				answers := current(cell, shown)
				until, next := c.stands(stays, i)
				c.addDays(s, cell, answers, until)
				c.addUnseen(cell, until, next)
				c.addSeen(s, cell, answers)
			}
		}
		c.change(s, before, now)
		before = now
	}
}

// shownTo returns which addresses the round's own looks showed to the users of
// each market; nil when its looks are not kept any more.
func shownTo(r *residency.Round) map[residency.Country]map[netip.Addr]bool {
	if len(r.Observations) == 0 {
		return nil
	}
	shown := map[residency.Country]map[netip.Addr]bool{}
	for i := range r.Observations {
		o := &r.Observations[i]
		if shown[o.Market] == nil {
			shown[o.Market] = map[netip.Addr]bool{}
		}
		for _, a := range o.Addresses {
			shown[o.Market][a.Address] = true
		}
	}
	return shown
}

// current returns the addresses of a cell that count and that its round showed
// itself: a cell is judged by those of earlier rounds of the window, too.
func current(cell *residency.Cell, shown map[residency.Country]map[netip.Addr]bool) []residency.JudgedAddress {
	list := counting(cell)
	if shown == nil || cell.Endpoint.Address.IsValid() { // one without a name shows itself
		return list
	}
	return slices.DeleteFunc(list, func(a residency.JudgedAddress) bool { return !shown[cell.Market][a.Address] })
}

// stands returns until when what a stay showed stands, and when the next one
// began; the same instant where there is nothing in between, or no next one.
func (c *Chronicle) stands(stays []Stay, i int) (until, next time.Time) {
	until = stays[i].Last
	if i+1 == len(stays) {
		return until, until
	}
	next = stays[i+1].First
	if next.Sub(until) <= c.reach {
		return next.Add(-time.Microsecond), next
	}
	return until.Add(c.reach), next
}

// addUnseen notes the days between two stays of which nothing is known: on such
// a day the result is missing among the others, and a claim is not known to
// hold.
func (c *Chronicle) addUnseen(cell *residency.Cell, until, next time.Time) {
	end := residency.DateOf(next.In(c.zone)).Start(c.zone)
	for at := residency.DateOf(until.In(c.zone)).End(c.zone); at.Before(end); {
		day := residency.DateOf(at)
		if !at.Before(c.from) {
			c.unseen[cell.Claim][day]++
		}
		at = day.End(c.zone)
	}
}

// addDays adds a cell and its answers to every day of its stay, and to those
// until which it stands.
func (c *Chronicle) addDays(s *Stay, cell *residency.Cell, answers []residency.JudgedAddress, last time.Time) {
	outside, open := 0, 0
	for _, a := range answers {
		switch a.Side {
		case residency.SideOutside:
			outside++
		case residency.SideUnknown:
			open++
		}
	}
	first := s.First
	if first.Before(c.from) {
		first = c.from
	}
	days := c.days[cell.Claim]
	end := residency.DateOf(last.In(c.zone)).End(c.zone)
	for at := residency.DateOf(first.In(c.zone)).Start(c.zone); at.Before(end); {
		day := residency.DateOf(at)
		r := days[day]
		if r == nil {
			r = &DayRecord{Day: day}
			days[day] = r
		}
		switch cell.Verdict {
		case residency.Inside:
			r.Inside++
		case residency.Outside:
			r.Outside++
		default:
			r.Open++
		}
		r.Answers, r.OutsideAns, r.OpenAns = r.Answers+len(answers), r.OutsideAns+outside, r.OpenAns+open
		at = day.End(c.zone)
	}
}

// addSeen notes from which countries a cell's answers came.
func (c *Chronicle) addSeen(s *Stay, cell *residency.Cell, answers []residency.JudgedAddress) {
	seen := c.seen[cell.Claim]
	for _, a := range answers {
		set := s.Round.Locations[a.Address].Left()
		for country := range set.All() {
			as := seenAs{country, a.Side}
			v := seen[as]
			if v == nil {
				v = &Seen{Country: country, Side: a.Side, First: s.First, Last: s.Last}
				seen[as] = v
			}
			if s.First.Before(v.First) {
				v.First = s.First
			}
			if s.Last.After(v.Last) {
				v.Last = s.Last
			}
			v.Sure = v.Sure || set.Len() == 1
			if i, there := slices.BinarySearch(v.Markets, cell.Market); !there {
				v.Markets = slices.Insert(v.Markets, i, cell.Market)
			}
			if i, there := slices.BinarySearch(v.Hosts, cell.Endpoint.Host); !there {
				v.Hosts = slices.Insert(v.Hosts, i, cell.Endpoint.Host)
			}
		}
	}
}

// turned is one kind of change of one claim at one endpoint, for the markets
// that it came to at the same time.
type turned struct {
	claim   string
	from    residency.Verdict
	first   bool // nothing was known before
	to      residency.Verdict
	reasons string
}

// change notes what the results of a stay are that were others before.
func (c *Chronicle) change(s *Stay, before, now map[string]residency.Cell) {
	if s.First.Before(c.from) {
		return // it was so before the period
	}
	markets := map[turned][]residency.Country{}
	where := map[turned]residency.Countries{}
	for key, cell := range now {
		old, known := before[key]
		if known && old.Verdict == cell.Verdict || !cell.Counts {
			continue
		}
		t := turned{claim: cell.Claim, from: old.Verdict, first: !known, to: cell.Verdict, reasons: reasonWords(cell.Reasons)}
		markets[t] = append(markets[t], cell.Market)
		where[t] = where[t].Union(worstPlaces(&s.Round, &cell))
	}
	for t, list := range markets {
		slices.SortFunc(list, func(a, b residency.Country) int { return strings.Compare(a.Name(), b.Name()) })
		c.events = append(c.events, Event{At: s.First, Claim: t.claim, Host: clean(s.Round.Endpoint.Host), Text: t.words(list, where[t])})
	}
}

// words says a change in one sentence.
func (t turned) words(list []residency.Country, where residency.Countries) string {
	text := fmt.Sprintf("For users in %s: %s", markets(list, 12), t.to.Words())
	if t.reasons != "" && t.to != residency.Outside {
		text += " (" + t.reasons + ")"
	}
	if !where.Empty() && where.Len() <= 6 {
		text += "; answers from " + where.Names()
	}
	if t.first {
		return text + ". Looked at for the first time."
	}
	return text + ". Before: " + t.from.Words() + "."
}

// Record returns what the period showed of one claim.
func (c *Chronicle) Record(claim string) ClaimRecord {
	r := ClaimRecord{Claim: claim, Services: c.services[claim]}
	for _, day := range c.days[claim] {
		d := *day
		d.Open += c.unseen[claim][d.Day]
		d.Standing = c.standing(c.claims[claim], &d)
		r.Days = append(r.Days, d)
	}
	slices.SortFunc(r.Days, func(a, b DayRecord) int { return strings.Compare(a.Day.String(), b.Day.String()) })
	for _, s := range c.seen[claim] {
		r.Seen = append(r.Seen, *s)
	}
	slices.SortFunc(r.Seen, func(a, b Seen) int {
		return cmp.Or(a.First.Compare(b.First), sideRank(b.Side)-sideRank(a.Side), cmp.Compare(a.Country, b.Country))
	})
	return r
}

// standing is what one day's results say of a claim by the end of the day.
func (c *Chronicle) standing(claim residency.Claim, d *DayRecord) residency.Standing {
	switch {
	case d.Outside > 0 && claim.InForce(d.Day.End(c.zone).Add(-time.Second)):
		return residency.Broken
	case d.Outside > 0:
		return residency.Pending
	case d.Open == 0 && d.Inside > 0:
		return residency.Holding
	}
	return residency.StandingUnknown
}

// Events returns all changes of results, and the days on which claims were
// made and came due within the period, oldest first.
func (c *Chronicle) Events() []Event {
	list := slices.Clone(c.events)
	for _, claim := range c.claims {
		if at := claim.Due; !at.IsZero() && !at.Before(c.from) && at.Before(c.to) {
			list = append(list, Event{At: at, Claim: claim.ID, Text: "Due: the day it was promised for is over."})
		}
		if claim.SaidOn.IsZero() || claim.Kind == residency.KindPolicy {
			continue
		}
		text := "Promised"
		if claim.SaidBy != "" {
			text += " by " + clean(claim.SaidBy)
		}
		if claim.Quote != "" {
			text += ": “" + clean(claim.Quote) + "”"
		}
		list = append(list, Event{At: claim.SaidOn.Start(c.zone), Day: true, Claim: claim.ID, Text: text})
	}
	SortEvents(list)
	return list
}

// SortEvents puts events in the order of time; at one time, by claim and host.
func SortEvents(list []Event) {
	slices.SortStableFunc(list, func(a, b Event) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Claim, b.Claim), strings.Compare(a.Host, b.Host), strings.Compare(a.Text, b.Text))
	})
}
