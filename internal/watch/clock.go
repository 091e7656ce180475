package watch

import (
	"time"

	"github.com/robfig/cron/v3"
)

// wall is a schedule by the clock on the wall of a place, with a rule for the
// days on which that clock is put forward or back.
//
// An expression for certain hours ("30 2 * * *") means the clock's face. A time
// that the clock skips is due at the instant it is put forward; a time that it
// shows twice is due once, the first time. An expression for every hour
// ("*/30 * * * *") means the time that passes: nothing is left out or moved, and
// an hour that comes twice counts twice.
type wall struct {
	fields *cron.SpecSchedule // in UTC: its times are faces of the clock
	loc    *time.Location
	hourly bool
}

// starBit marks a field that was written as a star (github.com/robfig/cron/v3,
// spec.go).
const starBit = 1 << 63

// newWall makes a schedule from fields as they were parsed.
func newWall(fields *cron.SpecSchedule, loc *time.Location) wall {
	s := *fields
	s.Location = time.UTC
	return wall{fields: &s, loc: loc, hourly: s.Hour&starBit != 0}
}

// face returns what the clock shows at t, as if it were UTC.
func face(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// Next returns the first instant after t that is due; the zero time if there
// is none within the years that the library looks ahead.
//
// It goes from one change of the clock to the next: between them, instants and
// faces differ by a constant.
func (w wall) Next(t time.Time) time.Time {
	t = t.In(w.loc)
	from := face(t) // exclusive
	for {
		begin, end := t.ZoneBounds()
		if !w.hourly && !begin.IsZero() {
			// Faces that were shown before the clock was put back are over.
			if shown := face(begin.Add(-time.Nanosecond)); from.Before(shown) {
				from = shown
			}
		}
		due := w.fields.Next(from)
		if due.IsZero() {
			return due
		}
		ahead := face(t).Sub(t.UTC())
		at := due.Add(-ahead).In(w.loc)
		if end.IsZero() || at.Before(end) {
			return at
		}
		if !w.hourly && due.Before(face(end)) {
			return end // the clock skips it
		}
		t, from = end, face(end).Add(-time.Nanosecond)
	}
}
