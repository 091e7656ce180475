package alert

import (
	"slices"
	"strings"

	"residency/internal/residency"
)

// todo says who should do what, with the commands.
func (m *Message) todo(ev evidence) {
	p := Part{Title: "What to do"}
	switch {
	case len(ev.hosts()) > 0:
		m.todoFindings(&p, ev)
	case m.Event == residency.EventAtRisk:
		p.add(0, "Whoever answers for "+oneLine(m.Vendor)+" asks them whether the date stands, and decides what happens if it does not.")
	}
	for _, a := range m.Alerts {
		m.todoElse(&p, a)
	}
	m.part(p)
	for _, l := range p.Lines {
		if l.Command {
			m.Commands = append(m.Commands, l.Text)
		}
	}
}

// todoFindings says what to do about findings.
func (m *Message) todoFindings(p *Part, ev evidence) {
	if len(ev.open) == 0 {
		p.add(0, "Nothing, unless it was closed for a wrong reason. The proof is still kept:")
		m.explain(p, ev)
		return
	}
	p.add(0, "A DNS engineer reads the proof and looks for a fault in it:")
	m.explain(p, ev)
	ask := "asks them when it will end"
	switch {
	case m.Claim == nil:
	case m.Claim.Kind == residency.KindPolicy:
		ask = "decides whether the service may be used meanwhile"
	case !m.Claim.InForce(m.At):
		ask = "asks them whether the date stands"
	}
	p.add(0, "If it holds, whoever answers for "+oneLine(m.Vendor)+" shows it to them and "+ask+".")
	if m.Claim != nil && m.remembered(ev) {
		p.add(0, "Whoever takes it over says so, and is not reminded of it again:")
		p.command("residency alert ack --claim " + m.Claim.ID + " --by NAME" + m.config())
	}
}

// remembered reports whether the findings are kept by a memory.
func (m *Message) remembered(ev evidence) bool {
	return slices.ContainsFunc(ev.hosts(), func(h host) bool { return !h.opened.IsZero() })
}

// explain adds the commands that show the proof, one for each host, as users
// of the first of its markets.
func (m *Message) explain(p *Part, ev evidence) {
	for i, h := range ev.hosts() {
		if i == maxHosts {
			break
		}
		for market := range h.markets.All() {
			p.command("residency explain " + h.name + " --market " + market.String() + m.config())
			break
		}
	}
}

// config returns the flag that names the configuration, where it is needed.
func (m *Message) config() string {
	for _, a := range slices.Backward(m.Alerts) {
		if a.Config != "" && a.Config != "config.toml" {
			return " --config " + quoted(oneLine(a.Config))
		}
	}
	return ""
}

// quoted makes a path one word of a shell.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+,:@%", r)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// todoElse says what to do about what is no finding, each thing once.
func (m *Message) todoElse(p *Part, a residency.Alert) {
	var text, command string
	switch a.Event {
	case residency.EventWaiverEnds:
		text = "Who answers for the waiver has it allowed again, with a new reason and a new date, or lets it end: from then on everybody is told again."
		command = "residency waiver list"
	case residency.EventWaiverUnused:
		text = "Who answers for the waiver takes it out of the configuration: what it excepted is no longer there, and it could hide something else."
		command = "residency waiver list"
	case residency.EventCoverage:
		text = "It is neither a good sign nor a bad one. A DNS engineer sees what could be done; or somebody accepts it, with a waiver:"
		command = "residency check"
	case residency.EventMonitor:
		text, command = monitorTodo(a.Group)
	case residency.EventMonitorGood:
		text = "Nothing. What could not be told meanwhile stays untold for that time."
	case residency.EventDelivery:
		text, command = "Whoever runs the monitor puts the channel right, and sends what is parked again:", "residency alert list"
	case residency.EventTest:
		text = "Nothing: nothing happened."
	}
	if text == "" || slices.ContainsFunc(p.Lines, func(l Line) bool { return l.Text == text }) {
		return
	}
	p.add(0, text)
	if command != "" {
		p.command(command + m.config())
	}
}

// monitorTodo says what whoever runs the monitor does about a part of it.
func monitorTodo(group string) (text, command string) {
	const lasts = " While it lasts, what rests on it cannot be told, nothing is closed, and nobody is told of that again."
	switch strings.TrimPrefix(group, residency.GroupOperations) {
	case "resolvers", "network":
		return "Whoever runs the monitor finds out why name servers cannot be asked." + lasts, "residency resolvers"
	case "data":
		return "Whoever runs the monitor puts the location data back: nothing is inside while a source that could disagree is missing." + lasts, "residency data list"
	case "store":
		return "Whoever runs the monitor makes room, or mends the memory." + lasts, "residency store check"
	case "log":
		return "Whoever runs the monitor finds out what is wrong with the evidence log. What is found is told as before; until the log is signed again, it is no evidence.", "residency verify"
	}
	return "Whoever runs the monitor finds out why." + lasts, "residency status"
}
