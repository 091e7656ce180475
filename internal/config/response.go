package config

import (
	"fmt"

	"residency/internal/residency"
)

// Response is what a vendor said to a claim about it.
type Response struct {
	On     residency.Date
	By     string
	Text   string
	Source string // where it can be read; may be empty
}

// responses reads what the vendor said to one claim, in file order.
func (a *assembly) responses(s section, c residency.Claim) {
	for _, t := range s.sections("response") {
		r := Response{On: t.date("date"), By: t.text("by"), Text: t.text("text"), Source: t.text("source")}
		if a.Now != nil && !r.On.IsZero() && r.On.Start(a.cfg.Organisation.Location).After(a.Now()) {
			a.warn.add(t.place("date"), t.at("date"), fmt.Sprintf("%s is in the future", r.On), "")
		}
		a.cfg.Responses[c.ID] = append(a.cfg.Responses[c.ID], r)
	}
}
