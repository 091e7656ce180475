package residency

import (
	"fmt"
	"strings"
	"time"
)

// Hours are the times of a week at which something may be done, by the clock
// of one place. The zero value is always.
type Hours struct {
	spans    []weekSpan
	written  []string
	location *time.Location // nil: UTC
}

// weekSpan is one stretch of time on some days of the week.
type weekSpan struct {
	days     [7]bool // on which it begins, by time.Weekday
	from, to int     // minutes of the day; to is later than from, or on the next day
}

const dayMinutes = 24 * 60

// ParseHours reads texts such as "Mon-Fri 09:00-18:00", "Sat,Sun 10:00-12:00"
// or "22:00-06:00" (every day, until the next morning). A stretch begins at its
// first minute and ends before its last; 24:00 is the end of the day. No text
// is always.
func ParseHours(texts []string, loc *time.Location) (Hours, error) {
	h := Hours{location: loc}
	for _, text := range texts {
		s, err := parseWeekSpan(text)
		if err != nil {
			return Hours{}, fmt.Errorf("read hours %q: %w", text, err)
		}
		h.spans = append(h.spans, s)
		h.written = append(h.written, strings.Join(strings.Fields(text), " "))
	}
	return h, nil
}

// Always reports whether the hours are all hours.
func (h Hours) Always() bool { return len(h.spans) == 0 }

// Open reports whether the instant lies in the hours: the clock on the wall
// decides, also on a day that has an hour more or less.
func (h Hours) Open(at time.Time) bool {
	if h.Always() {
		return true
	}
	loc := h.location
	if loc == nil {
		loc = time.UTC
	}
	at = at.In(loc)
	today, minute := at.Weekday(), at.Hour()*60+at.Minute()
	yesterday := (today + 6) % 7
	for _, s := range h.spans {
		if s.days[today] && minute >= s.from && minute < s.to {
			return true
		}
		if s.days[yesterday] && minute+dayMinutes < s.to {
			return true
		}
	}
	return false
}

// String returns the hours as they were written: "Mon-Fri 09:00-18:00
// (Asia/Kolkata)".
func (h Hours) String() string {
	if h.Always() {
		return "always"
	}
	loc := h.location
	if loc == nil {
		loc = time.UTC
	}
	return strings.Join(h.written, ", ") + " (" + loc.String() + ")"
}

// parseWeekSpan reads one stretch.
func parseWeekSpan(text string) (weekSpan, error) {
	s := weekSpan{days: [7]bool{true, true, true, true, true, true, true}}
	fields := strings.Fields(text)
	switch len(fields) {
	case 1:
	case 2:
		var err error
		if s.days, err = parseDays(fields[0]); err != nil {
			return weekSpan{}, err
		}
	default:
		return weekSpan{}, fmt.Errorf("want days and times, such as \"Mon-Fri 09:00-18:00\"")
	}
	from, to, ok := strings.Cut(fields[len(fields)-1], "-")
	if !ok {
		return weekSpan{}, fmt.Errorf("want two times with a dash, such as 09:00-18:00")
	}
	var err error
	if s.from, err = parseMinute(from); err != nil {
		return weekSpan{}, err
	}
	if s.to, err = parseMinute(to); err != nil {
		return weekSpan{}, err
	}
	switch {
	case s.from == dayMinutes:
		return weekSpan{}, fmt.Errorf("24:00 ends a day and begins none")
	case s.from == s.to:
		return weekSpan{}, fmt.Errorf("it begins when it ends; for the whole day write 00:00-24:00")
	case s.to < s.from:
		s.to += dayMinutes
	}
	return s, nil
}

// parseDays reads "Mon", "Mon-Fri" or "Sat,Sun".
func parseDays(text string) (days [7]bool, err error) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, err := parseDay(first)
		if err != nil {
			return days, err
		}
		b := a
		if isRange {
			if b, err = parseDay(last); err != nil {
				return days, err
			}
		}
		for d := a; ; d = (d + 1) % 7 {
			days[d] = true
			if d == b {
				break
			}
		}
	}
	return days, nil
}

func parseDay(text string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := d.String(); strings.EqualFold(text, name[:3]) || strings.EqualFold(text, name) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no day of the week: want Mon, Tue, Wed, Thu, Fri, Sat or Sun", text)
}

// parseMinute reads "09:30" as minutes of the day.
func parseMinute(text string) (int, error) {
	if text == "24:00" {
		return dayMinutes, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q is no time of the day: want 09:30 or 24:00", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}
