package main

import (
	"fmt"
	"slices"
	"time"

	"residency/internal/config"
	"residency/internal/geo"
	"residency/internal/geo/prefix"
	"residency/internal/residency"
)

// openLists opens the geofeeds, registry files and anycast lists that the
// configuration names.
func (ev *evidence) openLists(cfg config.Geo) []source {
	var list []source
	open := func(files []config.DataFile, open func(string, time.Time) (*prefix.Source, error), failed *[]string) {
		for _, f := range files {
			s, err := open(f.File, madeOn(f.Built))
			if err != nil {
				*failed = append(*failed, fmt.Sprintf("%s: %v", f.Written, err))
				continue
			}
			list = append(list, s)
		}
	}
	open(cfg.Geofeeds, prefix.OpenGeofeed, &ev.missing)
	open(cfg.Anycast, prefix.OpenAnycast, &ev.missing)
	// A registry could not have disagreed: it has no voice, and so no age.
	open(cfg.Registries, func(path string, _ time.Time) (*prefix.Source, error) { return prefix.OpenRegistry(path) }, &ev.silent)
	return list
}

// correct makes the corrections usable. One whose evidence cannot be read is
// not used and is missing: it could have widened what is possible.
func (ev *evidence) correct(list []config.Correction) geo.Corrections {
	var usable []prefix.Correction
	for _, c := range list {
		sum, err := prefix.HashEvidence(c.Evidence)
		if err != nil {
			ev.missing = append(ev.missing, fmt.Sprintf("%s, evidence for %s: %v", c.Written, c.Prefix, err))
			continue
		}
		x := prefix.Correction{
			Prefix: c.Prefix, Country: c.Country, Evidence: c.Evidence, SHA256: sum,
			Owner: c.Owner, Approver: c.Approver, Reason: c.Reason, Expires: c.Expires, End: c.End,
		}
		if _, err := prefix.NewCorrections([]prefix.Correction{x}); err != nil {
			ev.missing = append(ev.missing, err.Error())
			continue
		}
		usable = append(usable, x)
	}
	if len(usable) == 0 {
		return nil
	}
	all, err := prefix.NewCorrections(usable)
	if err != nil {
		ev.missing = append(ev.missing, err.Error())
		return nil
	}
	ev.corrections = all
	return all
}

// unusedLines says which lists have entries that are not used, and which
// corrections are no longer in force.
func (ev *evidence) unusedLines(at time.Time) []string {
	var list []string
	for _, text := range ev.silent {
		list = append(list, "not shown: "+text)
	}
	for _, s := range ev.locator.Sources {
		if l, ok := s.(*prefix.Source); ok {
			list = append(list, badLines(l)...)
		}
	}
	if ev.corrections == nil {
		return list
	}
	for _, x := range ev.corrections.Expired(at) {
		list = append(list, fmt.Sprintf("the correction of %s to %s ended on %s and is not used: %s has to renew it with evidence, or to remove it",
			x.Prefix, x.Country.Name(), x.Expires.Human(), x.Owner))
	}
	return list
}

// badLines says that a list has lines that are mistakes. What is no public
// network is skipped without a word: several lists have some at all times.
func badLines(l *prefix.Source) []string {
	bad := slices.DeleteFunc(l.Skips(), func(s prefix.Skip) bool { return s.Why == prefix.NotPublic })
	if len(bad) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s cannot be used as written, first line %d: %s",
		l.Dataset().Name, residency.Plural(len(bad), "line"), bad[0].Line, bad[0].Why)}
}
