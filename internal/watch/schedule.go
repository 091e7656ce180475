package watch

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when the next run is due: whenever any of its expressions says.
type Schedule struct {
	crons []cron.Schedule
	specs []string
}

// ParseSchedule reads five-field cron expressions (or @hourly, @daily,
// "@every 30m"), whose fields are meant in loc. An expression that never fires
// is refused, as is a time zone inside it: that belongs in the configuration's
// timezone.
func ParseSchedule(specs []string, loc *time.Location, now time.Time) (Schedule, error) {
	var s Schedule
	if len(specs) == 0 {
		return s, errors.New("no schedule given")
	}
	for _, spec := range specs {
		c, err := parseOne(strings.TrimSpace(spec), loc, now)
		if err != nil {
			return Schedule{}, err
		}
		s.crons = append(s.crons, c)
		s.specs = append(s.specs, strings.TrimSpace(spec))
	}
	return s, nil
}

func parseOne(spec string, loc *time.Location, now time.Time) (cron.Schedule, error) {
	if strings.Contains(spec, "TZ=") {
		return nil, errors.New("write the time zone in [organisation] timezone, not inside the schedule")
	}
	if every, ok := strings.CutPrefix(spec, "@every "); ok {
		d, err := time.ParseDuration(every)
		if err != nil || d < time.Second || d%time.Second != 0 {
			return nil, fmt.Errorf("@every wants whole seconds, 1s or more, not %q", every)
		}
	}
	c, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("parse schedule %q: %w", spec, err)
	}
	if fields, ok := c.(*cron.SpecSchedule); ok {
		c = newWall(fields, loc)
	}
	if c.Next(now).IsZero() {
		return nil, fmt.Errorf("schedule %q never fires", spec)
	}
	return c, nil
}

// Next returns the first instant after now at which a run is due.
func (s Schedule) Next(now time.Time) time.Time {
	var first time.Time
	for _, c := range s.crons {
		if t := c.Next(now); !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// String returns the expressions.
func (s Schedule) String() string { return strings.Join(s.specs, ", ") }
