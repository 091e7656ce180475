package alert

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"residency/internal/residency"
)

// A message names this much and counts the rest: a vendor with a thousand
// addresses outside is one thing to know, and a mail that can be read.
const (
	maxHosts     = 20
	maxAddresses = 10 // of one host
)

// subject returns the message in one line.
func subject(run residency.Run, s residency.ClaimStanding) string {
	line := fmt.Sprintf("%s: %s: %s (%s)", oneLine(s.Claim.Vendor), name(s.Claim), s.Words(""),
		residency.Plural(len(s.Outside), "market"))
	if run.Notice != "" {
		line = "[" + lead(run.Notice) + "] " + line
	}
	return line
}

// text returns the whole message. Each part answers one question, in the order
// in which a reader asks them.
func text(run residency.Run, s residency.ClaimStanding, ev evidence) string {
	m := &message{}
	if run.Notice != "" {
		m.line("%s", oneLine(run.Notice))
		m.line("")
	}
	m.line("%s: %s: %s.", oneLine(s.Claim.Vendor), name(s.Claim), s.Words(""))
	m.promised(s.Claim)
	m.seen(ev)
	m.where(s)
	m.since(run)
	m.sure(run, ev)
	m.todo(run, s, ev)
	return m.String()
}

// message is a plain text under way.
type message struct{ strings.Builder }

// line writes one line.
func (m *message) line(format string, args ...any) {
	fmt.Fprintf(m, format, args...)
	m.WriteByte('\n')
}

// head begins a part.
func (m *message) head(title string) { m.line("\n%s", title) }

// promised says what the vendor said, or what our own rule is.
func (m *message) promised(c residency.Claim) {
	if c.Kind == residency.KindPolicy {
		m.head("Our rule")
	} else {
		m.head("What was promised")
	}
	if c.Quote != "" {
		m.line("  \"%s\"", oneLine(c.Quote))
	}
	said := oneLine(c.SaidBy)
	if !c.SaidOn.IsZero() {
		said = strings.TrimSpace(said + " on " + c.SaidOn.Human())
	}
	if said != "" {
		m.line("  Said by: %s", said)
	}
	if c.Source != "" {
		m.line("  Source: %s", oneLine(c.Source))
	}
	m.line("  Services: %s", oneLine(strings.Join(c.Services, ", ")))
	switch {
	case c.Regions.Any:
		m.line("  May go to: anywhere else")
	case !c.Regions.Empty():
		m.line("  May go to: %s", oneLine(c.Regions.String()))
	}
	if !c.Never.Empty() {
		m.line("  Never to: %s", c.Never.Names())
	}
	switch {
	case c.Kind == residency.KindPolicy && !c.FromOn.IsZero():
		m.line("  From: %s", c.FromOn.Human())
	case c.Kind == residency.KindPromise && !c.DueOn.IsZero():
		m.line("  By: the end of %s", c.DueOn.Human())
	}
}

// seen lists the hosts and their addresses outside.
func (m *message) seen(ev evidence) {
	m.head("What was seen outside")
	for i, h := range ev.hosts {
		if i == maxHosts {
			m.line("  and %s more", residency.Plural(len(ev.hosts)-maxHosts, "host"))
			break
		}
		m.line("  %s (%s)", oneLine(h.endpoint.Host), oneLine(h.endpoint.Service))
		for j, a := range h.addresses {
			if j == maxAddresses {
				m.line("    and %s more", plural(len(h.addresses)-maxAddresses, "address", "addresses"))
				break
			}
			m.line("    %s: %s; seen as users in %s", a.addr, a.place(), codes(a.markets))
		}
	}
}

// place says where the address is.
func (a address) place() string {
	where := a.in.Names()
	if a.in.Len() > 1 {
		where = strings.ReplaceAll(where, ", ", " or ")
	}
	if a.region != "" {
		where += " (" + oneLine(a.region) + ")"
	}
	return where
}

// where lists the markets.
func (m *message) where(s residency.ClaimStanding) {
	m.head("For users in which markets")
	list := make([]string, 0, len(s.Outside))
	for _, c := range s.Outside {
		list = append(list, fmt.Sprintf("%s (%s)", c.Name(), c))
	}
	m.line("  %d of %s: %s", len(s.Outside), residency.Plural(s.Markets, "market"), strings.Join(list, ", "))
}

// since says when, and what is not known of earlier.
func (m *message) since(run residency.Run) {
	m.head("Since when")
	m.line("  Seen by this run, at %s.", run.At.UTC().Format("15:04 UTC on 2 Jan 2006"))
	m.line("  Earlier runs are not remembered: it may have been so for long, and each run tells it again.")
	if run.Partial {
		by := oneLine(run.PartialBy)
		if by == "" {
			by = "it was stopped"
		}
		m.line("  The run ended early (%s), so there may be more.", by)
	}
}

// sure says how sure it is and why it might be wrong all the same.
func (m *message) sure(run residency.Run, ev evidence) {
	m.head("How sure, and why it might be wrong")
	differ := func(a netip.Addr) bool {
		_, found := slices.BinarySearchFunc(ev.differ, a, netip.Addr.Compare)
		return found
	}
	agree := func(a netip.Addr) bool { return !differ(a) }
	for g := residency.Proven; ; g-- {
		plain, mixed := g.SideWords(residency.SideOutside, false), g.SideWords(residency.SideOutside, true)
		list := ev.grades[g]
		if plain != mixed {
			m.addresses(plain, slices.DeleteFunc(slices.Clone(list), differ))
			m.addresses(mixed, slices.DeleteFunc(slices.Clone(list), agree))
		} else {
			m.addresses(plain, list)
			m.addresses("sources name different places, none of them approved", slices.DeleteFunc(slices.Clone(list), agree))
		}
		if g == residency.GradeNone {
			break
		}
	}
	m.addresses("a source names another place, and is outweighed", ev.dissent)
	for _, t := range ev.tailorings {
		m.line("  %s.", capital(t.Words()))
	}
	for _, r := range ev.reasons {
		m.line("  %s.", capital(r.Words()))
	}
	for _, missing := range run.Missing {
		m.line("  Not available in this run: %s.", oneLine(missing))
	}
	m.line("  %s", residency.Outside.Limit())
	m.line("  Places come from data sets that can be wrong; the proof names each one and its date.")
}

// addresses writes what is so of some addresses; nothing if there are none.
func (m *message) addresses(words string, list []netip.Addr) {
	if len(list) > 0 {
		m.line("  %s: %s.", capital(words), listed(list))
	}
}

// todo says who should do what, and gives the commands that show the proof.
func (m *message) todo(run residency.Run, s residency.ClaimStanding, ev evidence) {
	config := ""
	if run.ConfigPath != "" && run.ConfigPath != "config.toml" {
		config = " --config " + oneLine(run.ConfigPath)
	}
	m.head("What to do")
	m.line("  A DNS engineer reads the proof and looks for a fault in it:")
	for i, h := range ev.hosts {
		if i == maxHosts {
			break
		}
		m.line("    residency explain %s --market %s%s", oneLine(h.endpoint.Host), h.market, config)
	}
	ask := "asks them when it will end"
	switch {
	case s.Claim.Kind == residency.KindPolicy:
		ask = "decides whether the service may be used meanwhile"
	case s.Standing == residency.Pending && !s.Claim.DueOn.IsZero():
		ask = "asks them whether the date stands"
	}
	m.line("  If it holds, whoever answers for %s shows it to them and %s.", oneLine(s.Claim.Vendor), ask)
}

// name returns the claim's title with its id, or the id.
func name(c residency.Claim) string {
	if c.Title == "" {
		return oneLine(c.ID)
	}
	return fmt.Sprintf("%s (%s)", oneLine(c.Title), oneLine(c.ID))
}

// listed names the first of the addresses and counts the rest.
func listed(list []netip.Addr) string {
	names := make([]string, 0, maxAddresses+1)
	for _, a := range list[:min(len(list), maxAddresses)] {
		names = append(names, a.String())
	}
	if more := len(list) - maxAddresses; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
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

// capital returns s with its first letter in upper case.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// lead returns the first words of the notice, up to a stop, for a subject.
func lead(notice string) string {
	s := oneLine(notice)
	if i := strings.IndexAny(s, ".:;,!"); i > 0 {
		s = s[:i]
	}
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}

// oneLine makes s safe to stand in one line of a message: whatever the user's
// file or a far server put into it, it breaks no line, moves no cursor and
// turns no text around.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
