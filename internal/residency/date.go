package residency

import (
	"fmt"
	"time"
)

// Date is a day of the Gregorian calendar, without a time zone. The zero Date
// is "no date".
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads "2014-10-31" and refuses days that the calendar has not.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("parse date %q: want YYYY-MM-DD", s)
	}
	return DateOf(t), nil
}

// DateOf returns the day of t in t's own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// IsZero reports whether d is no date.
func (d Date) IsZero() bool { return d == Date{} }

// Start returns the first instant of d in loc. Where a clock change removes
// midnight, that is the first instant that exists.
func (d Date) Start(loc *time.Location) time.Time {
	return startOfDay(d.Year, d.Month, d.Day, loc)
}

// End returns the first instant after d in loc: the start of the next day. A
// thing due on d is due from this instant.
func (d Date) End(loc *time.Location) time.Time {
	return startOfDay(d.Year, d.Month, d.Day+1, loc)
}

// startOfDay finds the first instant of a civil day. time.Date maps a missing
// midnight to a time on either side of the gap, so step forward to the day and
// then back by whole minutes as long as the day stays the same.
func startOfDay(y int, m time.Month, day int, loc *time.Location) time.Time {
	noon := time.Date(y, m, day, 12, 0, 0, 0, loc)
	want := DateOf(noon)
	t := time.Date(y, m, day, 0, 0, 0, 0, loc)
	for DateOf(t) != want && t.Before(noon) {
		t = t.Add(time.Minute)
	}
	for before := t.Add(-time.Minute); DateOf(before) == want; before = t.Add(-time.Minute) {
		t = before
	}
	return t
}

// String returns "2014-10-31", or "" for no date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// Human returns "31 Oct 2014", or "".
func (d Date) Human() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d %s %04d", d.Day, d.Month.String()[:3], d.Year)
}

// MarshalText writes YYYY-MM-DD, or nothing for no date.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads YYYY-MM-DD; an empty text is no date.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	v, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
