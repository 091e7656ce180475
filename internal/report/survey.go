package report

import (
	"time"

	"residency/internal/residency"
)

// jsonSurvey is what came of measuring delays from one vantage.
type jsonSurvey struct {
	Vantage  string           `json:"vantage"`
	At       *time.Time       `json:"at"`
	Targets  int              `json:"targets"`
	Answered int              `json:"answered"`
	LeftOut  int              `json:"left_out"` // of the targets: there were too many
	Trusted  bool             `json:"trusted"`  // for one address family at least
	Reason   residency.Reason `json:"reason"`   // "rtt-untrusted" when nothing of it is used
	WhyNot4  string           `json:"why_not_ipv4"`
	WhyNot6  string           `json:"why_not_ipv6"`
	Words    string           `json:"words"`
}

func surveysOf(run *residency.Run) []jsonSurvey {
	list := []jsonSurvey{}
	for _, s := range run.Surveys {
		list = append(list, jsonSurvey{
			Vantage: s.Vantage, At: known(s.At), Targets: s.Targets, Answered: s.Answered, LeftOut: s.LeftOut,
			Trusted: s.Reason == "", Reason: s.Reason, WhyNot4: s.WhyNot4, WhyNot6: s.WhyNot6, Words: s.Words(),
		})
	}
	return list
}
