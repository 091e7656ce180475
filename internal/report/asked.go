package report

import (
	"path/filepath"
	"strings"

	"residency/internal/residency"
)

// askedLine is the line that every report for people begins with: when it was
// asked, by what, with which configuration. A run judged as of another time
// says both times, so that nobody takes its answers for those of that day;
// where the clock itself was set to that day (a re-enactment) it says that one
// only. Both are by the clock of the run's At. "" for a run that says nothing of its origin.
func askedLine(run *residency.Run) string {
	var by []string
	add := func(what, value string) {
		if value != "" {
			by = append(by, clean(what+value))
		}
	}
	add("run ", run.ID)
	add("residency ", run.Version)
	config := run.ConfigPath
	if config != "" {
		config = filepath.Base(config) // reports are handed on; the hash tells which it was
	}
	if run.ConfigSHA256 != "" {
		config += " " + shortHash(run.ConfigSHA256)
	}
	add("configuration ", strings.TrimSpace(config))
	origin := strings.Join(by, ", ")
	switch {
	case run.Simulated:
		return strings.TrimSpace(asOf(run)+" "+sentence(origin)) + " " + run.BasisWords()
	case !run.Started.IsZero():
		return sentence(strings.TrimSuffix("asked "+moment(run.Started.In(run.At.Location()))+", "+origin, ", ")) + " " + run.BasisWords()
	}
	return sentence(origin)
}

// asOf says as of when a simulated run was judged, and on which day it looked.
func asOf(run *residency.Run) string {
	if gap := run.Started.Sub(run.At).Abs(); run.Started.IsZero() || gap.Hours() < 24 {
		return "Judged as of " + moment(run.At) + "."
	}
	return "Asked on " + day(run.Started.In(run.At.Location())) + "; judged as if it were " + moment(run.At) + "."
}

// staleLine says what it means for results that a data set is old.
func staleLine(d residency.Dataset) string {
	what := map[residency.Class]string{
		residency.ClassEdge: "the list of shared edges", residency.ClassAnycast: "the list of addresses served from many places",
	}[d.Class]
	words := d.Class.StaleWords()
	switch {
	case what != "":
		return what + " is of " + day(d.Built) + ": " + words + " (" + d.Name + ")"
	case words == "":
		return "an old data set: " + d.Name + " of " + day(d.Built)
	}
	return "location data " + words + ": " + d.Name + " of " + day(d.Built)
}
