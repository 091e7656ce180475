package config

import (
	"strings"
	"testing"
	"time"
)

func TestHostName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"api.example.com":               "api.example.com",
		"API.Example.COM.":              "api.example.com",
		"bücher.example":                "xn--bcher-kva.example",
		"例え.テスト":                        "xn--r8jz45g.xn--zckzah",
		"_dmarc.example.com":            "_dmarc.example.com",
		"r3---sn-apo3.googlevideo.test": "r3---sn-apo3.googlevideo.test",
		"faß.example":                   "xn--fa-hia.example",
		"１２.example":                    "12.example", // full-width digits
	} {
		if got, why, _ := hostName(in); got != want {
			t.Errorf("hostName(%q) = %q (%s), want %q", in, got, why, want)
		}
	}
	for _, in := range []string{"", ".", "..", "a", "a..b", "a.b..", "1.2.3.4", "１.２.３.４", "[::1]", "a b.c", "a.-b.c", "xn--a.example",
		strings.Repeat("a.", 130) + "b", "a\x00.example", "a.example/", "//", "\u202e.example", "a.b:53"} {
		if got, why, _ := hostName(in); why == "" {
			t.Errorf("hostName(%q) = %q, want a refusal", in, got)
		}
	}
}

func TestParseSpan(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{
		"24h": 24 * time.Hour, "365d": 365 * 24 * time.Hour, "1d12h": 36 * time.Hour, "90s": 90 * time.Second, "1.5s": 1500 * time.Millisecond,
	} {
		if got, err := parseSpan(in); err != nil || got != want {
			t.Errorf("parseSpan(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "d", "1", "1y", "-1d", "1d-2h", "1.5d", "99999999999d", "1h1d", "1dd"} {
		if got, err := parseSpan(in); err == nil {
			t.Errorf("parseSpan(%q) = %v, want an error", in, got)
		}
	}
}

func TestCron(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"* * * * *", "7 * * * *", "*/15 0-6,22 1,15 * mon-fri", "0 8 * JAN sun", "5-55/10 * ? * *"} {
		if err := cronProblem(in); err != nil {
			t.Errorf("cronProblem(%q) = %v, want none", in, err)
		}
	}
	for _, in := range []string{"", "* * * *", "* * * * * *", "@daily", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7", "*/0 * * * *",
		"1- * * * *", "-1 * * * *", ", * * * *", "5-1 * * * *", "a * * * *", "1/x * * * *", "CRON_TZ=UTC 7 * * * *"} {
		if err := cronProblem(in); err == nil {
			t.Errorf("cronProblem(%q) = nil, want an error", in)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"endpoints", "endpoints_file", "id", "name", "role", "timeout", "tries"}
	for in, want := range map[string]string{
		"endpionts": "endpoints", "endpoint": "endpoints", "Role": "role", "rol": "role", "di": "id", "timeuot": "timeout", "x": "", "colour": "",
	} {
		if got := nearest(in, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMeantCountry(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"uk": "GB", "EL": "GR", "usa": "US", "CHN": "CN", "Singapore": "SG", "hk": "HK", "XX": "", "Mars": "", "EU": ""} {
		if got := meantCountry(in).String(); got != want {
			t.Errorf("meantCountry(%q) = %q, want %q", in, got, want)
		}
	}
}
