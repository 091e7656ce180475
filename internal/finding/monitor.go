package finding

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// Trouble is one thing of the monitor's own that does not work.
type Trouble struct {
	Part string // "resolvers", "network", "vantage", "data" or "log"
	Name string // which one of its kind; "" when there is one
	Text string // one plain sentence without a stop
}

func (t Trouble) subject() string { return strings.TrimSuffix("monitor/"+t.Part+"/"+t.Name, "/") }

// Troubles returns what a run shows of the monitor's own troubles. When no name
// server answers it is the network, and one trouble.
func Troubles(run residency.Run) []Trouble {
	var list []Trouble
	answering := false
	for _, r := range run.Resolvers {
		answering = answering || r.Answers
		switch {
		case !r.Answers:
			list = append(list, Trouble{"resolvers", r.Name, fmt.Sprintf("name server %s (%s): %s", r.Name, r.Server, r.Failure.Words())})
		case r.Declared && !r.PassesSubnets:
			list = append(list, Trouble{"resolvers", r.Name, fmt.Sprintf("name server %s (%s) does not pass client subnets on, though it is declared to", r.Name, r.Server)})
		}
	}
	if len(run.Resolvers) > 0 && !answering {
		list = []Trouble{{"network", "", "no name server could be reached"}}
	}
	for _, s := range run.Surveys {
		if s.Reason != "" {
			list = append(list, Trouble{"vantage", s.Vantage, "delays measured from " + s.Vantage + " cannot be believed: " + s.Why})
		}
	}
	for _, missing := range run.Missing {
		name, _, _ := strings.Cut(missing, ": ")
		list = append(list, Trouble{"data", name, "location data is not available: " + missing})
	}
	return list
}

// partLog is the evidence log. What is wrong with it changes no result.
const partLog = "log"

// stepTold is in Told.Steps, with a day, once a trouble was told.
const stepTold = "told"

// troubles follows the monitor's own troubles. One is told when two runs in a
// row show it, and again each week; and when it is over, if it was told. It
// reports whether anything is down now, told or not, that keeps results from
// being told: the evidence log does not.
func (c *conclusion) troubles() bool {
	now := append(Troubles(c.state.Run), c.state.Troubles...)
	down := map[string]bool{}
	network, blind := false, false
	for _, t := range now {
		blind = blind || t.Part != partLog
		if down[t.subject()] {
			continue
		}
		down[t.subject()] = true
		network = network || t.Part == "network"
		c.trouble(t)
	}
	var over []string
	left := map[string]int{} // told troubles by part that go on
	for subject, known := range c.told {
		part, ok := partOf(subject)
		switch {
		case !ok || known.Gone:
		case down[subject], part == "resolvers" && (network || len(c.state.Run.Resolvers) == 0),
			part == "network" && len(c.state.Run.Resolvers) == 0,
			part == "vantage" && len(c.state.Run.Surveys) == 0: // nobody asked
			if !dayOf(known.Steps, stepTold).IsZero() {
				left[part]++
			}
		default:
			over = append(over, subject)
		}
	}
	slices.Sort(over)
	for _, subject := range over {
		c.over(subject, left)
	}
	return blind
}

// partOf returns the part of the monitor that a subject is about.
func partOf(subject string) (string, bool) {
	rest, ok := strings.CutPrefix(subject, "monitor/")
	part, _, _ := strings.Cut(rest, "/")
	return part, ok
}

// trouble follows one trouble that is there.
func (c *conclusion) trouble(t Trouble) {
	_, before := c.told[t.subject()]
	known := c.of(t.subject())
	if !before {
		known.Since = c.at
		return // one run may be a hiccup
	}
	if lately(known.Steps, stepTold, c.at, Week-24*time.Hour) {
		return
	}
	again := !dayOf(known.Steps, stepTold).IsZero()
	known.Steps = mark(known.Steps, stepTold, residency.DateOf(c.at.UTC()))
	how := residency.SeverityWarning
	if t.Part == "network" || t.Part == partLog {
		how = residency.SeverityCritical
	}
	a := c.t.alert(c.state.Run, residency.AlertOperations, residency.EventMonitor, how, residency.GroupOperations+t.Part, t.subject(), "")
	a.Text = t.Text + "\nSince " + moment(known.Since) + "."
	if again {
		a.Text = "still: " + a.Text
	}
	c.alerts = append(c.alerts, a)
}

// over tells that a trouble is over, if it was told. left counts the told ones
// of each part that go on.
func (c *conclusion) over(subject string, left map[string]int) {
	known := c.told[subject]
	told := !dayOf(known.Steps, stepTold).IsZero()
	part, _ := partOf(subject)
	since := known.Since
	c.forget(subject)
	if !told {
		return
	}
	name := strings.Trim(strings.TrimPrefix(subject, "monitor/"+part), "/")
	what := map[string]string{
		"resolvers": "name server " + name + " answers as it should again",
		"network":   "name servers can be reached again",
		"vantage":   "delays measured from " + name + " can be believed again",
		"data":      "location data is available again: " + name,
		partLog:     "nothing keeps the evidence log from being signed any more",
	}[part]
	if what == "" {
		what = strings.TrimSpace(part+" "+name) + " is well again"
	}
	a := c.t.alert(c.state.Run, residency.AlertOperations, residency.EventMonitorGood, residency.SeverityInfo, residency.GroupOperations+part, subject, "")
	a.Text = what + "\nIt was not so from " + moment(since) + " to " + moment(c.at) + "."
	a.Last = left[part] == 0
	c.alerts = append(c.alerts, a)
}

// moment writes an instant for people.
func moment(t time.Time) string { return t.UTC().Format("15:04 UTC on 2 Jan 2006") }
