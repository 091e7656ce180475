package alert

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"residency/internal/residency"
)

// evidence is what the findings of a message show, brought together.
type evidence struct {
	sections []section // by event, the weightiest first; each finding in one

	// Every host once, sorted: with what is open, and with what was closed.
	open, closed []host

	// grades has the addresses by how sure it is that they are outside.
	grades map[residency.Grade][]netip.Addr

	tailorings []residency.Tailoring // of the looks that showed them, each once, from weak to strong
	reasons    []residency.Reason    // against it, in the order of the closed list

	// Addresses of which the sources name different places: differ has those
	// that can be in each of these, dissent those of which a source is outweighed.
	differ, dissent []netip.Addr
}

// section is what one event says, host by host.
type section struct {
	event    residency.AlertEvent
	open     bool
	closedAs residency.ClosedAs
	hosts    []host
}

// host is an endpoint with the findings about it.
type host struct {
	service, name string
	markets       residency.Countries
	addresses     []address
	in            residency.Countries // where it was, when no address is known
	opened        time.Time           // the first
	reopened      time.Time           // the last; zero if never
	lastSeen      time.Time           // the last
	closedAs      residency.ClosedAs
	clear         *residency.Clearing
}

// address is one address outside the claim.
type address struct {
	addr    netip.Addr
	in      residency.Countries
	region  string
	markets residency.Countries // in which it was seen
}

// gatherer brings the findings of alerts together.
type gatherer struct {
	ev        evidence
	grades    map[netip.Addr]residency.Grade
	reasons   map[residency.Reason]bool
	conflicts map[netip.Addr]bool // whether the places that are left differ
}

// gather brings together what the alerts' findings show. The order of the
// alerts changes nothing.
func gather(alerts []residency.Alert) evidence {
	g := gatherer{grades: map[netip.Addr]residency.Grade{}, reasons: map[residency.Reason]bool{}, conflicts: map[netip.Addr]bool{}}
	for _, a := range newestOf(alerts) {
		g.notes(a)
		s := g.section(a)
		hostOf(&s.hosts, a.Finding).add(a)
		if a.Finding.Open() {
			hostOf(&g.ev.open, a.Finding).add(a)
		} else {
			hostOf(&g.ev.closed, a.Finding).add(a)
		}
	}
	return g.finish()
}

// newestOf returns one alert for each finding: of those of the newest time, the
// weightiest. What was closed and is back is not told as closed.
func newestOf(alerts []residency.Alert) []residency.Alert {
	order := weights()
	at := map[string]int{}
	var list []residency.Alert
	for _, a := range alerts {
		if a.Finding == nil {
			continue
		}
		i, known := at[a.Finding.Key]
		switch {
		case !known:
			at[a.Finding.Key] = len(list)
			list = append(list, a)
		case a.At.After(list[i].At), a.At.Equal(list[i].At) && slices.Index(order, a.Event) < slices.Index(order, list[i].Event):
			list[i] = a
		}
	}
	return list
}

// current returns the alerts that say how things are now: the newest of each
// finding, and all that are about none.
func current(alerts []residency.Alert) []residency.Alert {
	list := newestOf(alerts)
	for _, a := range alerts {
		if a.Finding == nil {
			list = append(list, a)
		}
	}
	return list
}

// hosts returns the hosts that a reader has to look at: those with something
// open, else all.
func (ev evidence) hosts() []host {
	if len(ev.open) > 0 {
		return ev.open
	}
	return ev.closed
}

// marketsOf returns the markets of hosts.
func marketsOf(list []host) residency.Countries {
	var all residency.Countries
	for _, h := range list {
		all = all.Union(h.markets)
	}
	return all
}

// section returns the section that the alert belongs to.
func (g *gatherer) section(a residency.Alert) *section {
	want := section{event: a.Event, open: a.Finding.Open(), closedAs: a.Finding.ClosedAs}
	for i := range g.ev.sections {
		if s := &g.ev.sections[i]; s.event == want.event && s.open == want.open && s.closedAs == want.closedAs {
			return s
		}
	}
	g.ev.sections = append(g.ev.sections, want)
	return &g.ev.sections[len(g.ev.sections)-1]
}

// hostOf returns the finding's host in the list, to which it is added.
func hostOf(list *[]host, f *residency.Finding) *host {
	i, found := slices.BinarySearchFunc(*list, host{service: f.Service, name: f.Host}, compareHosts)
	if !found {
		*list = slices.Insert(*list, i, host{service: f.Service, name: f.Host, opened: f.Opened})
	}
	return &(*list)[i]
}

func compareHosts(a, b host) int {
	return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.name, b.name))
}

// add notes what one alert says of the host. Seen twice, an address can be in
// every place that either names.
func (h *host) add(a residency.Alert) {
	f := a.Finding
	h.markets = h.markets.With(f.Market)
	h.in = h.in.Union(f.Countries)
	h.clear, h.closedAs = cmp.Or(h.clear, a.Clear), cmp.Or(h.closedAs, f.ClosedAs)
	if f.Opened.Before(h.opened) {
		h.opened = f.Opened
	}
	h.reopened, h.lastSeen = latest(h.reopened, f.Reopened), latest(h.lastSeen, f.LastSeen)
	for _, seen := range seenOf(a) {
		i := slices.IndexFunc(h.addresses, func(x address) bool { return x.addr == seen.Address })
		if i < 0 {
			i = len(h.addresses)
			h.addresses = append(h.addresses, address{addr: seen.Address, region: seen.Region})
		}
		x := &h.addresses[i]
		x.in, x.markets = x.in.Union(seen.Countries), x.markets.With(f.Market)
	}
}

// seenOf returns the addresses that an alert tells of: those seen, else those
// that the finding remembers.
func seenOf(a residency.Alert) []residency.SeenAddress {
	if len(a.Seen) > 0 {
		return a.Seen
	}
	f, list := a.Finding, []residency.SeenAddress(nil)
	for _, addr := range f.Addresses {
		list = append(list, residency.SeenAddress{Address: addr, Countries: f.Countries, Grade: f.Grade, Tailoring: f.Tailoring, Reasons: f.Reasons})
	}
	return list
}

// notes keeps what says how sure an alert is. Of an address seen twice the
// weaker grade stays: a message does not say more than the weakest of its looks.
func (g *gatherer) notes(a residency.Alert) {
	if !a.Finding.Open() {
		return
	}
	for _, seen := range seenOf(a) {
		if grade, ok := g.grades[seen.Address]; !ok || seen.Grade < grade {
			g.grades[seen.Address] = seen.Grade
		}
		if !slices.Contains(g.ev.tailorings, seen.Tailoring) {
			g.ev.tailorings = append(g.ev.tailorings, seen.Tailoring)
		}
		for _, r := range seen.Reasons {
			g.reasons[r] = true
		}
		if seen.Conflict {
			g.conflicts[seen.Address] = g.conflicts[seen.Address] || seen.Countries.Len() > 1
		}
	}
	for _, r := range a.Finding.Reasons {
		g.reasons[r] = true
	}
}

// finish puts everything in an order that does not depend on that of the alerts.
func (g *gatherer) finish() evidence {
	ev := g.ev
	order := weights()
	slices.SortStableFunc(ev.sections, func(a, b section) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.event), slices.Index(order, b.event)), ordinal(b.open)-ordinal(a.open), cmp.Compare(a.closedAs, b.closedAs))
	})
	for _, list := range append([]section{{hosts: ev.open}, {hosts: ev.closed}}, ev.sections...) {
		for i := range list.hosts {
			slices.SortFunc(list.hosts[i].addresses, func(a, b address) int { return a.addr.Compare(b.addr) })
		}
	}
	ev.grades = map[residency.Grade][]netip.Addr{}
	for a, grade := range g.grades {
		ev.grades[grade] = append(ev.grades[grade], a)
	}
	for _, list := range ev.grades {
		slices.SortFunc(list, netip.Addr.Compare)
	}
	slices.Sort(ev.tailorings)
	for _, r := range residency.Reasons() {
		if g.reasons[r] {
			ev.reasons = append(ev.reasons, r)
		}
	}
	for a, differ := range g.conflicts {
		if differ {
			ev.differ = append(ev.differ, a)
		} else {
			ev.dissent = append(ev.dissent, a)
		}
	}
	slices.SortFunc(ev.differ, netip.Addr.Compare)
	slices.SortFunc(ev.dissent, netip.Addr.Compare)
	return ev
}

func ordinal(b bool) int {
	if b {
		return 1
	}
	return 0
}

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
