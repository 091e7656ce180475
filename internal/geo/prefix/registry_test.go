package prefix

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

func TestOpenRegistry(t *testing.T) {
	t.Parallel()
	s, err := OpenRegistry("testdata/delegated-apnic")
	if err != nil {
		t.Fatal(err)
	}
	hold(t, s, map[string]string{
		"1.0.1.1":           "registry CN  1.0.1.0/24",
		"1.32.128.1":        "registry SG  1.32.128.0/18",
		"1.64.0.1":          "registry HK  1.64.0.0/15",
		"1.160.0.1":         "registry TW  1.160.0.0/12",
		"2001:208:2000::1":  "registry SG  2001:208:2000::/35",
		"9.9.9.9":           "",
		"2001:208:4000::99": "",
	})
	if d := s.Dataset(); s.Name() != "apnic" || d.Built.Format(time.DateOnly) != "2021-07-14" || d.Records != 16 || d.Class != residency.ClassRegistry || s.Skipped() != 0 {
		t.Errorf("%s: %+v, skipped %v", s.Name(), d, s.Skips())
	}
}

func delegated(lines ...string) []byte {
	return fmt.Appendf(nil, "2.3|ripencc|1753394399|%d|19700101|20250724|+0200\nripencc|*|ipv4|*|1|summary\n%s\n", len(lines), strings.Join(lines, "\n"))
}

func TestRegistryExtended(t *testing.T) {
	t.Parallel()
	s, err := ReadRegistry(delegated(
		"ripencc|DE|ipv4|5.1.0.0|768|20120101|allocated|6a-77",  // three /24: a /23 and a /24
		"ripencc|NL|ipv4|5.2.3.0|1536|20120101|assigned|x|more", // starts in the middle of its size
		"ripencc||ipv4|5.9.0.0|256||available|",
		"ripencc|ZZ|ipv4|5.9.1.0|256||reserved|",
		"ripencc|EU|ipv4|5.10.0.0|256|20120101|allocated|x", // 7: no country
		"ripencc|DE|ipv4|255.255.255.0|512|20120101|allocated|x",
		"ripencc|DE|ipv4|5.11.0.0|0|20120101|allocated|x",
		"ripencc|DE|ipv4|nowhere|256|20120101|allocated|x",
		"ripencc|DE|ipv6|2a00::1|32|20120101|allocated|x",
		"ripencc|DE|ipv6|2a00:2::|300|20120101|allocated|x",
		"ripencc|DE|ipv6|5.12.0.0|24|20120101|allocated|x",
		"ripencc|DE|ipv4|5.13.0.0|256|20120101|lost|x",
		"ripencc|DE|ipv4",
		"ripencc|DE|asn|64496|1|20120101|allocated|x",
		"ripencc|DE|ipv4|10.0.0.0|256|20120101|allocated|x",
	), "ripe", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range s.Prefixes() {
		got = append(got, p.String())
	}
	if want := "5.1.0.0/23 5.1.2.0/24 5.2.3.0/24 5.2.4.0/22 5.2.8.0/24"; strings.Join(got, " ") != want {
		t.Errorf("prefixes %v, want %s", got, want)
	}
	hold(t, s, map[string]string{"5.2.5.1": "registry NL  5.2.4.0/22", "5.9.0.1": ""})
	if s.Skipped() != 10 || s.Skips()[0].Line != 7 || s.Skips()[0].Why != `"EU" is no country` || s.Name() != "ripencc" {
		t.Errorf("skipped %d: %v", s.Skipped(), s.Skips())
	}
}

// TestRegistryBlocks holds that a count of addresses becomes prefixes that hold
// just those.
func TestRegistryBlocks(t *testing.T) {
	t.Parallel()
	for start, count := range map[string]int{"5.0.0.0": 1, "5.0.0.1": 1000, "5.0.255.255": 65537, "5.0.0.128": 3, "5.4.4.4": 99999} {
		s, err := ReadRegistry(delegated(fmt.Sprintf("ripencc|DE|ipv4|%s|%d|20120101|allocated", start, count)), "x", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		total, next := 0, netip.MustParseAddr(start)
		for _, p := range s.Prefixes() {
			if p.Addr() != next {
				t.Fatalf("%s %d: %v follows, want %v", start, count, p, next)
			}
			for range 1 << (32 - p.Bits()) {
				next = next.Next()
				total++
			}
		}
		if total != count {
			t.Errorf("%s: %d addresses, want %d", start, total, count)
		}
	}
}

func TestRegistryBad(t *testing.T) {
	t.Parallel()
	whole := string(delegated("ripencc|DE|ipv4|5.1.0.0|768|20120101|allocated", "ripencc|DE|ipv4|5.2.0.0|768|20120101|allocated"))
	for text, want := range map[string]string{
		"":                        "empty file",
		"<html>":                  "a web page",
		"\xff\xfe2\x00":           "UTF-16",
		"# conditions of use\n":   "only comments",
		"5.0.0.0/16,US\n":         "line 1: no head such as 2|apnic|",
		"1|a|1|1|1|1|1\n":         "line 1: no head",
		"2|apnic|1|many|1|1|1\n":  `line 1: "many" is no number of records`,
		whole[:len(whole)-60]:     "half a file: 1 of 2 records",
		string(delegated("asn")):  "no prefixes in it",
		"2|apnic|1|0|1|20250724|": "no prefixes in it",
	} {
		_, err := ReadRegistry([]byte(text), "ripe", time.Time{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "read registry file ripe: ") {
			t.Errorf("ReadRegistry(%q): %v, want %q", text, err, want)
		}
	}
}

func TestOpenAnycast(t *testing.T) {
	t.Parallel()
	s, err := OpenAnycast("testdata/anycast-v4.csv", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	hold(t, s, map[string]string{"1.1.1.1": "anycast   1.1.1.0/24", "9.9.9.9": ""})
	if s.Name() != "anycast" || s.Dataset().Class != residency.ClassAnycast || s.Dataset().Lineage == "anycast" {
		t.Errorf("%s: %+v", s.Name(), s.Dataset())
	}
	if !s.Dataset().Built.IsZero() {
		t.Errorf("a list that tells no date is of %v", s.Dataset().Built)
	}
	day := time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC)
	if s, err := OpenAnycast("testdata/anycast-v6.csv", day); err != nil || !s.Dataset().Built.Equal(day) {
		t.Errorf("OpenAnycast of a given day = %v", err)
	}
	for text, want := range map[string]string{"": "no prefixes", "<a>": "a web page", "1.1.1.0/24,1.1.1.1\n1.1.8.0": "line 2: ", "1.1.1.1/24,x": "host bits"} {
		if _, err := ReadAnycast([]byte(text), "list", time.Time{}); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "read anycast list list: ") {
			t.Errorf("ReadAnycast(%q): %v, want %q", text, err, want)
		}
	}
}
