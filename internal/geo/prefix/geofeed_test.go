package prefix

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

func mustFeed(t *testing.T, text string) *Source {
	t.Helper()
	s, err := ReadGeofeed([]byte(text), "feed.csv", time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGeofeedTrap holds the rows of AWS's own geofeed that write Hong Kong as a
// part of China, and Beijing too: only one of the two is in China.
func TestGeofeedTrap(t *testing.T) {
	t.Parallel()
	s, err := OpenGeofeed("testdata/aws-geo-ip-feed.csv", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	hold(t, s, map[string]string{
		"3.2.35.129":         "geofeed HK  3.2.35.128/26", // CN,CN-HK,Hong Kong
		"3.2.81.1":           "geofeed HK  3.2.81.0/24",
		"2400:6500:0:3::1":   "geofeed HK  2400:6500:0:3::/64",
		"15.230.41.1":        "geofeed CN  15.230.41.0/24", // CN,CN-BJ,Beijing
		"2400:7fc0::1":       "geofeed CN  2400:7fc0::/40",
		"3.2.44.65":          "geofeed TW  3.2.44.64/26",
		"3.0.1.1":            "geofeed SG  3.0.0.0/15",
		"2600:1f00:2000::12": "geofeed US  2600:1f00:2000::/40",
	})
	for _, a := range s.Assert(netip.MustParseAddr("3.2.81.1"), nil) {
		if a.Lineage != Holder || a.Class != residency.ClassGeofeed || a.Source != "geofeed" {
			t.Errorf("Assert = %+v", a)
		}
	}
	if s.Dataset().Records != 20 || s.Skipped() != 0 {
		t.Errorf("%d records, %d skipped: %v", s.Dataset().Records, s.Skipped(), s.Skips())
	}
}

func TestGeofeed(t *testing.T) {
	t.Parallel()
	feed := "\xef\xbb\xbf# made by hand\r\n# Last Updated: 2026-05-04T10:00:00Z\r\n\r\n" +
		"5.0.0.0/16,US,US-CA,\"Palo, Alto\",94301,more,fields # and a comment\r\n" + // 4
		"5.0.1.0/24, sg , sg-01 ,Singapore\r\n" + // 5: letter case, spaces, no postal code
		"5.0.2.0/24\r\n" + // 6: do not locate
		"5.0.3.0/24,ZZ,,,\r\n" + // 7: do not locate
		"5.0.4.9,TW\r\n" + // 8: one address
		"5.0.5.0/24,XX,,,\r\n" + // 9: no country
		"5.0.6.7/24,US,,,\r\n" + // 10: host bits
		"5.0.7.0/24,US,CA-ON,,\r\n" + // 11: a contradiction
		"5.0.8.0/24,US,California,,\r\n" + // 12: no subdivision
		"nonsense,US\r\n" + // 13
		"0.0.0.0/0,US,,,\r\n" + // 14
		"10.0.0.0/8,US,,,\r\n" + // 15
		"5.0.9.0/24,US,,,\r\n5.0.9.0/24,US,,,\r\n" + // 16, 17: twice the same
		"5.0.10.0/24,US,,,\r\n5.0.10.0/24,CN,,,\r\n" + // 18, 19: two places
		"5.0.11.0/24,,US-PR,,\r\n" + // 20: only a subdivision
		"::ffff:5.0.12.0/120,US\r\n" + // 21
		"5.0.13.0/24,US,\"US-CA,x\r\n" + // 22: a quote
		"5.0.14.0/24,HK,CN-HK,,\r\n" + // 23
		"2a00:1::/32,FR,FR-974,Saint-Denis,\r\n" + // 24
		"5.0.5.0/24,DE,,,\r\n" // 25: a bad line was about it, this one is good
	s := mustFeed(t, feed)
	hold(t, s, map[string]string{
		"5.0.200.1": "geofeed US  5.0.0.0/16",
		"5.0.1.1":   "geofeed SG  5.0.1.0/24",
		"5.0.2.1":   "geofeed   5.0.2.0/24",
		"5.0.3.1":   "geofeed   5.0.3.0/24",
		"5.0.4.9":   "geofeed TW  5.0.4.9/32",
		"5.0.4.8":   "geofeed US  5.0.0.0/16",
		"5.0.5.1":   "geofeed DE  5.0.5.0/24",
		"5.0.6.1":   "geofeed   5.0.6.0/24", // silenced, so that 5.0.0.0/16 does not speak in its place
		"5.0.7.1":   "geofeed   5.0.7.0/24",
		"5.0.8.1":   "geofeed   5.0.8.0/24",
		"5.0.9.1":   "geofeed US  5.0.9.0/24",
		"5.0.10.1":  "geofeed CN|US  5.0.10.0/24",
		"5.0.11.1":  "geofeed PR  5.0.11.0/24",
		"5.0.13.1":  "geofeed   5.0.13.0/24",
		"5.0.14.1":  "geofeed HK  5.0.14.0/24",
		"2a00:1::1": "geofeed RE  2a00:1::/32",
		"10.0.0.1":  "", "9.9.9.9": "",
	})
	want := []Skip{
		{9, "5.0.5.0/24,XX,,,", `"XX" is no country code`},
		{10, "5.0.6.7/24,US,,,", `"5.0.6.7/24" has host bits set: 5.0.6.0/24 is meant, or another`},
		{11, "5.0.7.0/24,US,CA-ON,,", "CA-ON is no part of US"},
		{12, "5.0.8.0/24,US,California,,", `"CALIFORNIA" is no subdivision such as US-CA`},
		{13, "nonsense,US", `"nonsense" is no prefix`},
		{14, "0.0.0.0/0,US,,,", NotPublic},
		{15, "10.0.0.0/8,US,,,", NotPublic},
		{17, "5.0.9.0/24,US,,,", "5.0.9.0/24 is on line 16 already"},
		{19, "5.0.10.0/24,CN,,,", "5.0.10.0/24 is on line 18 with another place: both are possible"},
		{21, "::ffff:5.0.12.0/120,US", `"::ffff:5.0.12.0/120" is a mapped IPv4 prefix`},
		{22, `5.0.13.0/24,US,"US-CA,x`, "quotes that do not match"},
	}
	got := s.Skips()
	if len(got) != len(want) || s.Skipped() != len(want) {
		t.Fatalf("Skips() = %d of %d: %v", len(got), s.Skipped(), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("Skips()[%d] = %+v, want %+v", i, got[i], want[i])
		}
	}
	if d := s.Dataset(); d.Built.Format(time.DateOnly) != "2026-05-04" || d.Records != 15 || d.Class != residency.ClassGeofeed {
		t.Errorf("Dataset() = %+v", d)
	}
	if a := s.Assert(netip.MustParseAddr("5.0.5.1"), nil); a[0].Note != "" {
		t.Errorf("a good line after a bad one has the note %q", a[0].Note)
	}
	if a := s.Assert(netip.MustParseAddr("5.0.200.1"), nil); a[0].Note != "Palo, Alto" {
		t.Errorf("note %q, want the city", a[0].Note)
	}
}

// TestGeofeedBad also cuts a real feed anywhere: what is left is a feed with at
// most one bad line, or an error that names the file.
func TestGeofeedBad(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "empty file",
		"# only\n":                "only comments in it",
		"<html>":                  "a web page",
		"\xfe\xff\x00a":           "UTF-16",
		"1.2.3.0/24,US\x00":       "NUL bytes",
		"a,b\nc,d\n":              `no line of it can be used: line 1: "a" is no prefix`,
		`{"prefixes":[]}`:         "no line of it can be used: line 1: ",
		"0.0.0.0/0,US\n::/0,US\n": "no line of it can be used: line 1: " + NotPublic,
	} {
		_, err := ReadGeofeed([]byte(text), "feed.csv", time.Time{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "read geofeed feed.csv: ") {
			t.Errorf("ReadGeofeed(%q): %v, want %q", text, err, want)
		}
	}
	whole, err := os.ReadFile("testdata/linode.csv")
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if s, err := ReadGeofeed(whole[:n], "feed.csv", time.Time{}); err == nil && s.Skipped() > 1 {
			t.Fatalf("cut at %d: %v", n, s.Skips())
		} else if err != nil && !strings.HasPrefix(err.Error(), "read geofeed feed.csv: ") {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	if s := mustFeed(t, "1.2.3.0/24,US\r5.2.3.0/24,SG\r"); s.Dataset().Records != 2 {
		t.Errorf("lines ended by CR alone: %d records", s.Dataset().Records)
	}
}

func TestSubdivisions(t *testing.T) {
	t.Parallel()
	m := readSubdivisions()
	for _, tt := range []struct{ country, subdivision, want string }{
		{"CN", "CN-HK", "HK"}, {"CN", "CN-MO", "MO"}, {"CN", "CN-TW", "TW"}, {"cn", "cn-hk", "HK"}, {"", "CN-TW", "TW"}, {"TW", "CN-TW", "TW"}, {"CN", "CN-91", "HK"},
		{"CN", "CN-GD", "CN"}, {"CN", "", "CN"}, {"HK", "", "HK"}, {"TW", "TW-TPE", "TW"}, {"FR", "FR-RE", "RE"}, {"US", "US-PR", "PR"}, {"US", "US-CA", "US"},
		{"NL", "NL-CW", "CW"}, {"FI", "FI-01", "AX"}, {"GB", "GB-ENG", "GB"}, {"", "", ""}, {"ZZ", "", ""},
		{"HK", "CN-MO", "error"}, {"SG", "CN-HK", "error"}, {"US", "CA-ON", "error"}, {"CN", "HK", "error"}, {"EU", "", "error"}, {"UK", "", "error"}, {"SGP", "", "error"},
	} {
		got, err := m.place(tt.country, tt.subdivision)
		if (err != nil) != (tt.want == "error") || err == nil && got.String() != tt.want {
			t.Errorf("place(%q, %q) = %v, %v, want %s", tt.country, tt.subdivision, got, err, tt.want)
		}
	}
	count := 0
	for line := range strings.Lines(subdivisionsTSV) {
		if !strings.HasPrefix(line, "#") {
			count++
		}
	}
	if count != len(m) || m["CN-HK"] == m["CN-TW"] {
		t.Errorf("%d subdivisions out of %d lines", len(m), count)
	}
}
