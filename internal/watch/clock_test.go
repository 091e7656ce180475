package watch

import (
	"strings"
	"testing"
	"time"
)

// TestClockChanges holds the rule for the days on which the clock is put
// forward or back to real zones. Instants are written with their offset.
func TestClockChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, zone, spec, after, want string }{
		{"skipped, so at the change", "Europe/Rome", "30 2 * * *", "2026-03-28T12:00:00+01:00",
			"2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00"},
		{"skipped and due at the end of the gap: once", "Europe/Rome", "0,30 2,3 * * *", "2026-03-29T00:00:00+01:00",
			"2026-03-29T03:00:00+02:00 2026-03-29T03:30:00+02:00 2026-03-30T02:00:00+02:00"},
		{"shown twice, so the first time", "Europe/Rome", "30 2 * * *", "2026-10-24T12:00:00+02:00",
			"2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00"},
		{"asked in the hour that comes again", "Europe/Rome", "30 2 * * *", "2026-10-25T02:10:00+01:00",
			"2026-10-26T02:30:00+01:00"},
		{"every half hour in spring", "Europe/Rome", "*/30 * * * *", "2026-03-29T01:00:00+01:00",
			"2026-03-29T01:30:00+01:00 2026-03-29T03:00:00+02:00 2026-03-29T03:30:00+02:00"},
		{"every half hour in autumn", "Europe/Rome", "*/30 * * * *", "2026-10-25T01:45:00+02:00",
			"2026-10-25T02:00:00+02:00 2026-10-25T02:30:00+02:00 2026-10-25T02:00:00+01:00 2026-10-25T02:30:00+01:00 2026-10-25T03:00:00+01:00"},
		{"every second hour across the gap", "Europe/Rome", "0 */2 * * *", "2026-03-29T00:30:00+01:00",
			"2026-03-29T03:00:00+02:00 2026-03-29T04:00:00+02:00"},
		{"a midnight that does not exist", "America/Sao_Paulo", "0 0 * * *", "2018-11-03T12:00:00-03:00",
			"2018-11-04T01:00:00-02:00 2018-11-05T00:00:00-02:00"},
		{"a month whose first midnight does not exist", "America/Asuncion", "0 0 1 10 *", "2023-09-30T12:00:00-04:00",
			"2023-10-01T01:00:00-03:00"},
		{"half an hour forward", "Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00:00+10:30",
			"2026-10-04T02:30:00+11:00 2026-10-05T02:15:00+11:00"},
		{"half an hour back", "Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00:00+11:00",
			"2026-04-05T01:45:00+11:00 2026-04-06T01:45:00+10:30"},
		{"a day that does not exist", "Pacific/Apia", "0 9 * * *", "2011-12-29T12:00:00-10:00",
			"2011-12-31T00:00:00+14:00 2011-12-31T09:00:00+14:00"},
		{"no clock changes", "Asia/Kolkata", "30 9 * * 1", "2026-11-22T00:00:00+05:30",
			"2026-11-23T09:30:00+05:30 2026-11-30T09:30:00+05:30"},
		{"years ahead", "Europe/Rome", "0 0 29 2 *", "2024-03-01T00:00:00+01:00", "2028-02-29T00:00:00+01:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			loc, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, tt.after)
			if err != nil {
				t.Fatal(err)
			}
			s, err := ParseSchedule([]string{tt.spec}, loc, at)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range strings.Fields(tt.want) {
				at = s.Next(at)
				got = append(got, at.Format(time.RFC3339))
			}
			if list := strings.Join(got, " "); list != tt.want {
				t.Errorf("%q in %s:\n got %s\nwant %s", tt.spec, tt.zone, list, tt.want)
			}
		})
	}
}

// TestClockNeverStandsStill goes through two years of several zones: every
// instant is later than the one before, a daily expression fires once for every
// day that the place had, and an hourly one every hour.
func TestClockNeverStandsStill(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "Europe/Rome", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Tehran", "America/St_Johns"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, loc).Add(-time.Nanosecond)
		end := time.Date(2028, 1, 1, 0, 0, 0, 0, loc)
		for spec, want := range map[string]int{"20 2 * * *": 730, "0 0 * * *": 730, "59 23 * * *": 730, "5 * * * *": 730 * 24} {
			s, err := ParseSchedule([]string{spec}, loc, begin)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for at := s.Next(begin); at.Before(end); n++ {
				next := s.Next(at)
				if !next.After(at) {
					t.Fatalf("%q in %s: after %s comes %s", spec, zone, at, next)
				}
				at = next
			}
			if spec == "5 * * * *" && zone == "Australia/Lord_Howe" {
				want -= 2 // put forward from 2:00 to 2:30: there is no five past
			}
			if n != want {
				t.Errorf("%q in %s fires %d times in two years, want %d", spec, zone, n, want)
			}
		}
	}
}
