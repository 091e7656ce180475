package watch

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
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

func loop(t *testing.T, spec string, do func(context.Context)) *Loop {
	s, err := ParseSchedule([]string{spec}, time.UTC, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &Loop{Schedule: s, Now: time.Now, Log: slog.New(slog.DiscardHandler), Do: do}
}

func TestLoopRunsOnSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour-time.Second)
		defer cancel()
		runs := 0
		if err := loop(t, "*/30 * * * *", func(context.Context) { runs++ }).Run(ctx); err != nil {
			t.Fatal(err)
		}
		if runs != 48 { // one at the start (midnight), 47 more before the day is over
			t.Errorf("%d runs in a day, want 48", runs)
		}
	})
}

func TestLoopNeverOverlaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour-time.Second)
		defer cancel()
		under, runs := 0, 0
		if err := loop(t, "0 * * * *", func(context.Context) {
			if under++; under > 1 {
				t.Error("two runs at once")
			}
			time.Sleep(90 * time.Minute)
			under--
			runs++
		}).Run(ctx); err != nil {
			t.Fatal(err)
		}
		if runs != 5 { // 0:00-1:30, 2:00-3:30, 4:00, 6:00, 8:00
			t.Errorf("%d runs, want 5", runs)
		}
	})
}

func TestLoopStopsCleanly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		finished, cut := false, false
		began := time.Now()
		if err := loop(t, "@daily", func(ctx context.Context) {
			select {
			case <-time.After(65 * time.Second): // within the grace time
				finished = true
			case <-ctx.Done():
			}
		}).Run(ctx); err != nil || !finished {
			t.Errorf("Run = %v, finished %v: want the run to finish within the grace time", err, finished)
		}
		if err := loop(t, "@daily", func(ctx context.Context) {
			select {
			case <-time.After(time.Hour):
			case <-ctx.Done():
				cut = true
			}
		}).Run(ctx); err != nil || !cut {
			t.Errorf("Run = %v, cut %v: want the run to be cut off after the grace time", err, cut)
		}
		if took := time.Since(began); took > 80*time.Second {
			t.Errorf("stopping took %v", took)
		}
	})
}
