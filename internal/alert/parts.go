package alert

import (
	"fmt"
	"strings"
	"time"

	"residency/internal/residency"
)

// A message names this much and counts the rest: a vendor with a thousand
// addresses outside is one thing to know, and a mail that can be read.
const (
	maxHosts     = 20
	maxAddresses = 10 // of one host
	maxLines     = 40 // of what happened
	maxDays      = 14 // of a trend
)

// promised says what the vendor said, or what our own rule is.
func (m *Message) promised() {
	if m.Claim == nil {
		return
	}
	c, p := *m.Claim, Part{Title: "What was promised"}
	if c.Kind == residency.KindPolicy {
		p.Title = "Our rule"
	}
	if c.Quote != "" {
		p.add(0, `"`+oneLine(c.Quote)+`"`)
	}
	said := c.SaidBy
	if !c.SaidOn.IsZero() {
		said = strings.TrimSpace(said + " on " + c.SaidOn.Human())
	}
	p.labelled("Said by: ", said)
	p.labelled("Source: ", c.Source)
	p.labelled("Services: ", strings.Join(c.Services, ", "))
	switch {
	case c.Regions.Any:
		p.add(0, "May go to: anywhere else")
	case !c.Regions.Empty():
		p.labelled("May go to: ", c.Regions.String())
	}
	if !c.Never.Empty() {
		p.add(0, "Never to: "+c.Never.Names())
	}
	switch {
	case c.Kind == residency.KindPolicy && !c.FromOn.IsZero():
		p.add(0, "From: "+c.FromOn.Human())
	case c.Kind == residency.KindPromise && !c.DueOn.IsZero():
		p.add(0, "By: the end of "+c.DueOn.Human())
	}
	m.part(p)
}

// labelled adds a line with a label, if there is anything to label.
func (p *Part) labelled(label, text string) {
	if text = oneLine(text); text != "" {
		p.add(0, label+text)
	}
}

// happened says what happened where there is no finding to show it.
func (m *Message) happened() {
	p := Part{Title: "What happened"}
	left := 0
	for _, a := range m.Alerts {
		if a.Finding != nil {
			continue
		}
		for i, line := range strings.Split(strings.TrimSpace(a.Text), "\n") {
			if len(p.Lines) >= maxLines {
				left++
				continue
			}
			p.add(min(i, 1), line)
		}
	}
	if left > 0 {
		p.add(0, "and "+residency.Plural(left, "line")+" more")
	}
	if len(p.Lines) == 1 && strings.Contains(m.Headline, strings.TrimSuffix(uncapital(p.Lines[0].Text), ".")) {
		return // said already
	}
	m.part(p)
}

// seen lists the hosts and their addresses, event by event.
func (m *Message) seen(ev evidence) {
	for _, s := range ev.sections {
		p := Part{Title: seenTitle(s)}
		for i, h := range s.hosts {
			if i == maxHosts {
				p.add(0, "and "+residency.Plural(len(s.hosts)-maxHosts, "host")+" more")
				break
			}
			p.add(0, fmt.Sprintf("%s (%s)", oneLine(h.name), oneLine(h.service)))
			h.places(&p, s)
		}
		m.part(p)
	}
}

// places lists the addresses of a host, and why it is no longer outside.
func (h host) places(p *Part, s section) {
	for i, a := range h.addresses {
		if i == maxAddresses {
			p.add(1, "and "+plural(len(h.addresses)-maxAddresses, "address", "addresses")+" more")
			break
		}
		p.add(1, fmt.Sprintf("%s: %s; seen as users in %s", a.addr, a.place(), codes(a.markets)))
	}
	if len(h.addresses) == 0 {
		p.add(1, fmt.Sprintf("%s; seen as users in %s", h.in.Names(), codes(h.markets)))
	}
	if !s.open {
		p.add(1, closedWords(h.closedAs))
	}
}

// closedWords says why a finding was closed.
func closedWords(as residency.ClosedAs) string {
	switch as {
	case residency.ClosedReclassified:
		return "The same addresses are now said to be in an approved place: what is known of them changed, not where users are sent."
	case residency.ClosedFalsePositive:
		return "A dispute was upheld: it was wrong."
	case residency.ClosedNotAsked:
		return "It is no longer in the configuration, so nobody looks any more. That says nothing about where data goes."
	case residency.ClosedRetired:
		return "The host is declared to be out of use, and no longer has an address."
	}
	return "Everything needed was answered for a whole window, and nothing outside was shown."
}

// place says where the address is.
func (a address) place() string {
	where := a.in.Names()
	if a.region != "" {
		where += " (" + oneLine(a.region) + ")"
	}
	return where
}

// where lists the markets: those with something open, then those without.
func (m *Message) where(ev evidence) {
	p := Part{Title: "For users in which markets"}
	open := marketsOf(ev.open)
	if text := m.listed(open); text != "" {
		p.add(0, text)
	}
	if text := m.listed(marketsOf(ev.closed).Minus(open)); text != "" {
		if !open.Empty() {
			text = "No longer: " + text
		}
		p.add(0, text)
	}
	m.part(p)
}

// listed names markets, and says of how many the promise is; "" for none.
func (m *Message) listed(markets residency.Countries) string {
	if markets.Empty() {
		return ""
	}
	list := make([]string, 0, markets.Len())
	for c := range markets.All() {
		list = append(list, fmt.Sprintf("%s (%s)", c.Name(), c))
	}
	text := strings.Join(list, ", ")
	if m.Claim != nil && len(m.Claim.Markets) > 0 {
		text = fmt.Sprintf("%d of %s: %s", len(list), residency.Plural(len(m.Claim.Markets), "market"), text)
	}
	return text
}

// since says from when, and what is not known of earlier.
func (m *Message) since(ev evidence) {
	p := Part{Title: "Since when"}
	m.sinceHosts(&p, "", ev.open)
	lead := ""
	if len(ev.open) > 0 {
		lead = "No longer: "
	}
	m.sinceHosts(&p, lead, ev.closed)
	for _, h := range ev.open {
		if h.opened.IsZero() {
			p.add(0, "Earlier runs are not remembered: it may have been so for long, and each run tells it again.")
			break
		}
	}
	m.limits(&p)
	m.part(p)
}

// sinceHosts says from when it is so of hosts: in one line where all are alike.
func (m *Message) sinceHosts(p *Part, lead string, hosts []host) {
	alike := true
	for _, h := range hosts {
		alike = alike && h.sinceWords(m.At) == hosts[0].sinceWords(m.At)
	}
	for i, h := range hosts {
		switch {
		case alike:
			p.add(0, lead+h.sinceWords(m.At))
			return
		case i == maxHosts:
			p.add(0, lead+"and "+residency.Plural(len(hosts)-maxHosts, "host")+" more")
			return
		}
		p.add(0, lead+oneLine(h.name)+": "+h.sinceWords(m.At))
	}
}

// sinceWords says when a host's findings began, and ended.
func (h host) sinceWords(at time.Time) string {
	var parts []string
	switch {
	case h.opened.IsZero():
		parts = append(parts, "Seen by this run, at "+moment(at))
	case h.opened.Equal(at):
		parts = append(parts, "First seen by this run, at "+moment(at))
	default:
		parts = append(parts, "First seen at "+moment(h.opened))
	}
	if !h.reopened.IsZero() {
		parts = append(parts, "seen again at "+moment(h.reopened))
	}
	if !h.lastSeen.IsZero() && !h.lastSeen.Equal(at) && !h.opened.IsZero() {
		parts = append(parts, "last seen outside at "+moment(h.lastSeen))
	}
	line := strings.Join(parts, "; ") + "."
	if h.clear != nil && h.closedAs == residency.ClosedGone {
		line += " " + clearWords(*h.clear)
	}
	return line
}

// clearWords says what it rests on that something is no longer outside.
func clearWords(c residency.Clearing) string {
	line := ""
	if !c.From.IsZero() {
		line = "Not seen since " + moment(c.From) + ". "
	}
	if c.Runs > 0 && c.Window > 0 {
		line += fmt.Sprintf("%s in the last %s; ", residency.Plural(c.Runs, "run"), spanWords(c.Window))
	}
	return line + fmt.Sprintf("in the last run %d of %s had an answer.", c.Coverage.Met, residency.Plural(c.Coverage.Needs, "question"))
}

// limits says what limits the runs that the alerts come from.
func (m *Message) limits(p *Part) {
	told := map[string]bool{}
	for _, a := range m.Alerts {
		for _, l := range a.Limits {
			if !told[l] {
				told[l] = true
				p.add(0, l)
			}
		}
	}
}

// moment writes an instant in the one time that everybody can compare.
func moment(t time.Time) string { return t.UTC().Format("15:04 UTC on 2 Jan 2006") }

// spanWords writes a duration in hours or days.
func spanWords(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return residency.Plural(int(d/(24*time.Hour)), "day")
	}
	if d%time.Hour == 0 {
		return residency.Plural(int(d/time.Hour), "hour")
	}
	return d.String()
}

// codes lists the set's codes.
func codes(s residency.Countries) string { return strings.Join(s.Codes(), ", ") }

// plural is residency.Plural for a noun that does not take a plain s.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
