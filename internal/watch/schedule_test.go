package watch

import (
	"strings"
	"testing"
	"time"
)

func TestParseScheduleRefuses(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"":                      "parse schedule",
		"* * * *":               "parse schedule",
		"61 * * * *":            "parse schedule",
		"0 0 30 2 *":            "never fires",
		"TZ=UTC":                "time zone",
		"CRON_TZ=Asia/Tokyo":    "time zone",
		"TZ=UTC 0 * * * *":      "time zone",
		"@every 500ms":          "whole seconds",
		"@every -5s":            "whole seconds",
		"@every soon":           "whole seconds",
		"@reboot":               "parse schedule",
		"0 0 * * 7":             "parse schedule",
		strings.Repeat("*", 99): "parse schedule",
	} {
		if _, err := ParseSchedule([]string{spec}, time.UTC, start); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSchedule(%q) = %v, want an error with %q", spec, err, want)
		}
	}
}

func TestScheduleIsMeantInItsZone(t *testing.T) {
	t.Parallel()
	loc, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSchedule([]string{"30 9 * * *"}, loc, start)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Next(start).UTC().Format(time.RFC3339); got != "2026-11-23T04:00:00Z" {
		t.Errorf("Next = %s", got)
	}
}

func TestSeveralExpressions(t *testing.T) {
	t.Parallel()
	s, err := ParseSchedule([]string{"0 20 * * *", " 0 15 * * *"}, time.UTC, start)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Next(start).Hour(); got != 15 || s.String() != "0 20 * * *, 0 15 * * *" {
		t.Errorf("%v: next at %d h, want 15", s, got)
	}
	if _, err := ParseSchedule(nil, time.UTC, start); err == nil {
		t.Error("a schedule without expressions has no error")
	}
	if _, err := ParseSchedule([]string{"@daily", "nonsense"}, time.UTC, start); err == nil {
		t.Error("a broken second expression has no error")
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"*/30 * * * *", "@daily", "@every 1m", "TZ=UTC", "CRON_TZ=X", "0 0 30 2 *", "1-5/2 * ? jan SUN"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := ParseSchedule([]string{spec}, time.UTC, start)
		if err == nil && !s.Next(start).After(start) {
			t.Errorf("ParseSchedule(%q) fires at %v", spec, s.Next(start))
		}
	})
}
