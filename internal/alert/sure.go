package alert

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"residency/internal/residency"
)

// trend says how fast the share of answers outside falls.
func (m *Message) trend() {
	t := m.of(residency.EventAtRisk).Trend
	if t == nil {
		return
	}
	p := Part{Title: "How fast it goes"}
	for _, d := range t.Days[max(0, len(t.Days)-maxDays):] {
		share := 0.0
		if d.Answers > 0 {
			share = 100 * float64(d.Outside) / float64(d.Answers)
		}
		p.add(0, fmt.Sprintf("%s: %.0f%% of answers outside (%d of %d)", d.Day.Human(), share, d.Outside, d.Answers))
	}
	switch {
	case t.Projected.IsZero():
		p.add(0, "At this pace it does not end.")
	default:
		p.add(0, "At this pace it ends about "+t.Projected.Format("2 Jan 2006")+".")
	}
	p.add(0, "The pace is the middle one of those between each two of these days; it is no promise, and a move on one day makes it worthless.")
	m.part(p)
}

// waivers says what was accepted, by whom and until when.
func (m *Message) waivers() {
	p := Part{Title: "What was accepted"}
	for _, a := range m.Alerts {
		w := a.Waiver
		if w == nil {
			continue
		}
		p.add(0, fmt.Sprintf("Waiver %s until %s: %s", w.ID, w.LastDay().Human(), w.Reason))
		p.add(1, "About: "+w.Scope())
		p.add(1, "Answered for by "+w.Owner+", allowed by "+w.Approver+" ("+w.Where+")")
	}
	m.part(p)
}

// sure says how sure it is and why it might be wrong all the same.
func (m *Message) sure(ev evidence) {
	if len(ev.hosts()) == 0 {
		return
	}
	p := Part{Title: "How sure, and why it might be wrong"}
	if len(ev.open) == 0 {
		p.add(0, residency.Inside.Limit())
		m.part(p)
		return
	}
	differ := func(a netip.Addr) bool {
		_, found := slices.BinarySearchFunc(ev.differ, a, netip.Addr.Compare)
		return found
	}
	agree := func(a netip.Addr) bool { return !differ(a) }
	for g := residency.Proven; ; g-- {
		plain, mixed := g.SideWords(residency.SideOutside, false), g.SideWords(residency.SideOutside, true)
		list := ev.grades[g]
		if plain != mixed {
			p.addresses(plain, slices.DeleteFunc(slices.Clone(list), differ))
			p.addresses(mixed, slices.DeleteFunc(slices.Clone(list), agree))
		} else {
			p.addresses(plain, list)
			p.addresses("sources name different places, none of them approved", slices.DeleteFunc(slices.Clone(list), agree))
		}
		if g == residency.GradeNone {
			break
		}
	}
	p.addresses("a source names another place, and is outweighed", ev.dissent)
	for _, t := range ev.tailorings {
		p.add(0, capital(t.Words())+".")
	}
	for _, r := range ev.reasons {
		p.add(0, capital(r.Words())+".")
	}
	p.add(0, residency.Outside.Limit())
	p.add(0, "Places come from data sets that can be wrong; the proof names each one and its date.")
	m.part(p)
}

// addresses writes what is so of some addresses; nothing if there are none.
func (p *Part) addresses(words string, list []netip.Addr) {
	if len(list) == 0 {
		return
	}
	names := make([]string, 0, maxAddresses+1)
	for _, a := range list[:min(len(list), maxAddresses)] {
		names = append(names, a.String())
	}
	if more := len(list) - maxAddresses; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	p.add(0, capital(words)+": "+strings.Join(names, ", ")+".")
}

// capital returns s with its first letter in upper case.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
