package residency

import (
	"strings"
	"testing"
	"time"
)

func TestHoursOpen(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		hours string // by |
		at    string // on the wall in Berlin
		want  bool
	}{
		{"", "2026-11-22 03:00", true},
		{"Mon-Fri 09:00-18:00", "2026-11-20 08:59", false}, // a Friday
		{"Mon-Fri 09:00-18:00", "2026-11-20 09:00", true},
		{"Mon-Fri 09:00-18:00", "2026-11-20 17:59", true},
		{"Mon-Fri 09:00-18:00", "2026-11-20 18:00", false},
		{"Mon-Fri 09:00-18:00", "2026-11-21 12:00", false},
		{"Fri-Mon 09:00-18:00", "2026-11-22 12:00", true},
		{"Fri-Mon 09:00-18:00", "2026-11-24 12:00", false},
		{"sat,SUNDAY 10:00-24:00", "2026-11-22 23:59", true},
		{"sat,SUNDAY 10:00-24:00", "2026-11-23 00:00", false},
		{"Mon-Fri 09:00-18:00|Sat 10:00-12:00", "2026-11-21 11:00", true},
		{"22:00-06:00", "2026-11-21 05:59", true},
		{"22:00-06:00", "2026-11-21 06:00", false},
		{"Sat 22:00-06:00", "2026-11-22 05:00", true},  // Sunday morning is Saturday's night
		{"Sat 22:00-06:00", "2026-11-21 05:00", false}, // Saturday morning is Friday's
		{"01:30-03:30", "2026-03-29 03:15", true},      // 02:00 to 03:00 is left out on that day
		{"02:00-03:00", "2026-03-29 03:00", false},
	}
	for _, tt := range tests {
		var texts []string
		if tt.hours != "" {
			texts = strings.Split(tt.hours, "|")
		}
		h, err := ParseHours(texts, berlin)
		if err != nil {
			t.Errorf("ParseHours(%q): %v", tt.hours, err)
			continue
		}
		at, err := time.ParseInLocation("2006-01-02 15:04", tt.at, berlin)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Open(at.UTC()); got != tt.want {
			t.Errorf("Hours %q at %s = %v, want %v", tt.hours, tt.at, got, tt.want)
		}
	}
}

func TestParseHoursErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                      `read hours "": want days and times, such as "Mon-Fri 09:00-18:00"`,
		"always":                `read hours "always": want two times with a dash, such as 09:00-18:00`,
		"Mon-Fri":               `read hours "Mon-Fri": "Mon" is no time of the day: want 09:30 or 24:00`,
		"Mo 09:00-18:00":        `read hours "Mo 09:00-18:00": "Mo" is no day of the week: want Mon, Tue, Wed, Thu, Fri, Sat or Sun`,
		"Mon- 09:00-18:00":      `read hours "Mon- 09:00-18:00": "" is no day of the week: want Mon, Tue, Wed, Thu, Fri, Sat or Sun`,
		"Mon 9-18":              `read hours "Mon 9-18": "9" is no time of the day: want 09:30 or 24:00`,
		"Mon 09:00-25:00":       `read hours "Mon 09:00-25:00": "25:00" is no time of the day: want 09:30 or 24:00`,
		"Mon 24:00-06:00":       `read hours "Mon 24:00-06:00": 24:00 ends a day and begins none`,
		"Mon 09:00-09:00":       `read hours "Mon 09:00-09:00": it begins when it ends; for the whole day write 00:00-24:00`,
		"Mon 09:00 - 18:00 UTC": `read hours "Mon 09:00 - 18:00 UTC": want days and times, such as "Mon-Fri 09:00-18:00"`,
	} {
		if _, err := ParseHours([]string{text}, nil); err == nil || err.Error() != want {
			t.Errorf("ParseHours(%q) = %v, want %s", text, err, want)
		}
	}
}

func TestHoursString(t *testing.T) {
	t.Parallel()
	h, err := ParseHours([]string{"Mon-Fri  09:00-18:00", "Sat 10:00-12:00"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := h.String(), "Mon-Fri 09:00-18:00, Sat 10:00-12:00 (UTC)"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
	if got := (Hours{}).String(); got != "always" {
		t.Errorf("String of the zero Hours = %q, want always", got)
	}
}

// FuzzParseHours holds what is accepted to words that are accepted again and
// mean the same.
func FuzzParseHours(f *testing.F) {
	for _, s := range []string{"Mon-Fri 09:00-18:00", "22:00-06:00", "Sat,Sun 10:00-24:00", "Mon-", "-", "24:00-24:00", "Mon 9-5"} {
		f.Add(s, int64(1_700_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, sec int64) {
		h, err := ParseHours([]string{text}, nil)
		if err != nil {
			return
		}
		again, err := ParseHours(h.written, nil)
		if err != nil {
			t.Fatalf("ParseHours(%q) = %v after %q was read", h.written, err, text)
		}
		at := time.Unix(sec%(1<<40), 0)
		if h.Open(at) != again.Open(at) {
			t.Errorf("hours %q and %q differ at %v", text, h.written, at)
		}
	})
}
