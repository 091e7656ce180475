package config

import (
	"fmt"
	"slices"
)

// updates reads what is said of sources of location data that are kept fresh.
func (a *assembly) updates(s section) []Update {
	var list []Update
	const hint = "`residency data update` cannot get this source without it"
	seen := map[string]pos{}
	for _, t := range s.sections("update") {
		up := Update{
			Name: t.text("name"), URL: t.text("url"), Off: t.flag("off", false), Where: t.n.pos.where(),
			Account: a.secretFor(t, "account", hint), Key: a.secretFor(t, "key", hint),
		}
		if first, twice := seen[up.Name]; twice && up.Name != "" {
			t.wrong("name", fmt.Sprintf("source %s is already given on %s", quote(up.Name), first.line(t.place("name"))), "")
		}
		seen[up.Name] = t.place("name")
		if up.Name != "" && len(a.DataSources) > 0 && !slices.Contains(a.DataSources, up.Name) {
			t.wrong("name", quote(up.Name)+" is no source of data", didYouMean(up.Name, a.DataSources))
		}
		if t.has("url") && !webURL(up.URL) {
			t.wrong("url", quote(up.URL)+" is no http or https URL", "")
		}
		list = append(list, up)
	}
	return list
}
