package config

import "residency/internal/residency"

// shapeWaiver is the id of a waiver: often that of a ticket elsewhere, so
// capitals are allowed.
const shapeWaiver = `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`

// waivable are the verdicts that a waiver can cover.
func waivable() []residency.Verdict {
	return []residency.Verdict{residency.Outside, residency.Undetermined, residency.NotMeasured}
}

func waiverTable() *table {
	var verdicts []string
	for _, v := range waivable() {
		verdicts = append(verdicts, v.String())
	}
	return &table{name: "waiver", keys: []key{
		{name: "id", kind: kText, need: true, shape: shapeWaiver, doc: "Short name of its own, such as the number of a ticket: letters, digits, dot, dash, underscore. It stands in every output that the waiver changes."},
		{name: "owner", kind: kText, need: true, doc: "Who answers for it.", alias: []string{"responsible"}},
		{name: "approver", kind: kText, need: true, doc: "Who allowed it.", alias: []string{"approved_by", "approval"}},
		{name: "reason", kind: kText, need: true, doc: "Why, in one line.", alias: []string{"why", "comment"}},
		{name: "vendor", kind: kText, doc: "Id of the vendor it is about. Default any, as the claims say."},
		{name: "claims", kind: kTexts, doc: "Ids of the claims and policies it is about. Default all, of the vendor if one is named.", alias: []string{"claim", "policies", "policy"}},
		{name: "services", kind: kTexts, doc: "Ids of the services it is about. Default all that the claims are about.", alias: []string{"service"}},
		{name: "endpoints", kind: kTexts, doc: "Hosts it is about. Default all.", alias: []string{"endpoint", "hosts", "host"}},
		{name: "markets", kind: kTexts, doc: "Countries whose users it is about. Default all.", alias: []string{"market"}},
		{name: "verdicts", kind: kTexts, need: true, oneOf: verdicts, doc: "What is accepted: outside (seen outside the approved places), undetermined (cannot be told), not_measured.", alias: []string{"verdict"}},
		{name: "countries", kind: kTexts, doc: "Where outside is accepted: countries or sets of countries. Needed for outside; anything seen in another country is told all the same.", alias: []string{"country", "regions"}},
		{name: "from", kind: kDay, doc: "First day on which it holds. Default it holds already.", alias: []string{"since", "start"}},
		{name: "until", kind: kDay, need: true, doc: "Last day on which it holds; at most [organisation] waiver_max_days after its first, or after today.", alias: []string{"expires", "to", "end", "expiry"}},
	}}
}
