package finding

import (
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// What was told is a list of names, some of them with a day: "due", "overdue
// 2014-11-03". Of a name there is one day at most, the last.

// mark returns the list with the name at the day, in place of an earlier one.
func mark(told []string, name string, day residency.Date) []string {
	told = slices.DeleteFunc(slices.Clone(told), func(s string) bool { return strings.HasPrefix(s, name+" ") })
	return append(told, name+" "+day.String())
}

// dayOf returns the day at which the name was last marked; zero for never.
func dayOf(told []string, name string) residency.Date {
	for _, s := range told {
		if day, ok := strings.CutPrefix(s, name+" "); ok {
			if d, err := residency.ParseDate(day); err == nil {
				return d
			}
		}
	}
	return residency.Date{}
}

// lately reports whether the name was marked within the time before at. A day
// that lies ahead was marked under a clock that was wrong, and counts as long
// as it can be one of a clock that was put back.
func lately(told []string, name string, at time.Time, within time.Duration) bool {
	d := dayOf(told, name)
	if d.IsZero() {
		return false
	}
	day := d.Start(time.UTC)
	return at.Sub(day) < within+24*time.Hour && day.Sub(at) < 48*time.Hour
}

// unmark returns the list without the name, whatever its day.
func unmark(told []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(told), func(s string) bool { return s == name || strings.HasPrefix(s, name+" ") })
}

// tells reports whether people were told that the finding is there.
func tells(f residency.Finding) bool { return !toldAt(f).IsZero() }

// toldAt returns when people were told that the finding is there; zero if they
// were not.
func toldAt(f residency.Finding) time.Time {
	for _, s := range f.Told {
		if text, ok := strings.CutPrefix(s, stepOpened+" "); ok {
			if at, err := time.Parse(time.RFC3339, text); err == nil {
				return at
			}
		}
	}
	return time.Time{}
}
