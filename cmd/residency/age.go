package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"residency/internal/config"
	"residency/internal/geo"
	"residency/internal/residency"
)

// madeOn is the date that the configuration gives for a file.
func madeOn(day residency.Date) time.Time {
	if day.IsZero() {
		return time.Time{}
	}
	return day.Start(time.UTC)
}

// ageless reports whether the age of a data set means nothing: what has no
// voice cannot be too old to speak, and a correction has a last day instead.
func ageless(d residency.Dataset) bool {
	return d.Class == residency.ClassCorrection || d.Class == residency.ClassRegistry || d.Class == residency.ClassNetwork
}

// vetoing reports whether a data set says that networks are in no one place.
func vetoing(d residency.Dataset) bool {
	return d.Class == residency.ClassEdge || d.Class == residency.ClassAnycast
}

// datasetsAt returns the data sets with what is too old at the time marked.
func (ev *evidence) datasetsAt(at time.Time, maxAge time.Duration) []residency.Dataset {
	if maxAge <= 0 {
		maxAge = geo.DefaultMaxAge
	}
	list := slices.Clone(ev.datasets)
	for i := range list {
		list[i].Stale = !ageless(list[i]) && at.Sub(list[i].Built) > maxAge
	}
	return list
}

// clockSlack is how far ahead of this machine's clock data may be dated.
const clockSlack = 48 * time.Hour

// ageLines say which data is old, has no date, or is dated in the future. Where
// the clock is a played one nothing is wrong with such dates.
func ageLines(datasets []residency.Dataset, at time.Time, cfg config.Geo, played bool) []string {
	maxAge := cfg.MaxAge
	if maxAge <= 0 {
		maxAge = geo.DefaultMaxAge
	}
	var old, stale, blind, undated, ahead []string
	for _, d := range datasets {
		age := at.Sub(d.Built)
		item := fmt.Sprintf("%s (%s, %d days)", d.Name, d.Built.Format(time.DateOnly), int(age.Hours()/24))
		switch {
		case ageless(d):
		case d.Built.IsZero():
			undated = append(undated, d.Name)
		case played && age < 0:
		case age < -clockSlack:
			ahead = append(ahead, fmt.Sprintf("%s (%s)", d.Name, d.Built.Format(time.DateOnly)))
		case age > maxAge && vetoing(d):
			blind = append(blind, item)
		case age > maxAge:
			stale = append(stale, item)
		case cfg.WarnAge > 0 && age > cfg.WarnAge:
			old = append(old, item)
		}
	}
	var list []string
	say := func(items []string, format string) {
		if len(items) > 0 {
			list = append(list, fmt.Sprintf(format, strings.Join(items, ", ")))
		}
	}
	say(stale, "location data too old to say that anything is inside, so it is not counted: %s")
	say(undated, "nobody says of when this is, neither the file nor \"built\" in the configuration, so it counts as old and says nothing good: %s")
	say(ahead, "location data of a day that has not come yet by this machine's clock: %s. One of the two dates is wrong")
	say(blind, "networks that are in many places at once are known by old lists, so newer ones may pass for one place: %s. \"residency data update\" renews them")
	if len(old) > 0 {
		list = append(list, "location data that is getting old: "+firstOf(old)+". \"residency data update\" renews it")
	}
	return list
}

// dayOf is the day of which a data set is.
func dayOf(d residency.Dataset) string {
	if d.Built.IsZero() {
		return "unknown date"
	}
	return d.Built.Format(time.DateOnly)
}

// firstOf names the first of a list and counts the others.
func firstOf(list []string) string {
	if len(list) < 3 {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", list[0], len(list)-1)
}
