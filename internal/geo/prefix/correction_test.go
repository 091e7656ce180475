package prefix

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

func TestCorrections(t *testing.T) {
	t.Parallel()
	day := func(text string) (residency.Date, time.Time) {
		d, err := residency.ParseDate(text)
		if err != nil {
			t.Fatal(err)
		}
		return d, d.End(time.UTC)
	}
	correct := func(prefix, country, until string) Correction {
		x := Correction{
			Prefix: netip.MustParsePrefix(prefix), Country: residency.MustCountry(country), Evidence: "letter.pdf", SHA256: "abc",
			Owner: "Ann", Approver: "Bob", Reason: "ticket 7",
		}
		x.Expires, x.End = day(until)
		return x
	}
	c, err := NewCorrections([]Correction{
		correct("5.0.0.0/16", "CN", "2026-12-31"), correct("5.0.1.0/24", "SG", "2027-06-30"), correct("5.0.1.0/24", "US", "2026-11-30"), correct("2a00:1::/32", "HK", "2027-01-31"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ addr, at, want string }{
		{"5.0.1.1", "2026-11-22T00:00:00Z", "5.0.1.0/24 SG, 5.0.1.0/24 US, 5.0.0.0/16 CN"}, // all prefixes around it
		{"5.0.1.1", "2026-11-30T23:59:59Z", "5.0.1.0/24 SG, 5.0.1.0/24 US, 5.0.0.0/16 CN"}, // the whole last day
		{"5.0.1.1", "2026-12-01T00:00:00Z", "5.0.1.0/24 SG, 5.0.0.0/16 CN"},
		{"5.0.1.1", "2027-07-01T00:00:00Z", ""},
		{"5.0.2.1", "2026-11-22T00:00:00Z", "5.0.0.0/16 CN"},
		{"2a00:1::9", "2026-11-22T00:00:00Z", "2a00:1::/32 HK"},
		{"9.9.9.9", "2026-11-22T00:00:00Z", ""},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range c.AssertAt(netip.MustParseAddr(tt.addr), at, nil) {
			got = append(got, a.Prefix.String()+" "+a.In.String())
			if a.Class != residency.ClassCorrection || a.Stale || a.Dataset.SHA256 != "abc" || !strings.HasPrefix(a.Note, "declared by Ann, approved by Bob, until 202") || !strings.HasSuffix(a.Note, ": ticket 7") {
				t.Errorf("AssertAt(%s) = %+v", tt.addr, a)
			}
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("AssertAt(%s, %s) = %v, want %s", tt.addr, tt.at, got, tt.want)
		}
	}
	_, end := day("2026-11-30")
	if x := c.Expired(end); len(x) != 1 || x[0].Country != residency.MustCountry("US") || len(c.Expired(end.Add(-1))) != 0 {
		t.Errorf("Expired = %+v", x)
	}
	if d := c.Datasets(); len(d) != 4 || d[0].Class != residency.ClassCorrection || d[0].File != "letter.pdf" {
		t.Errorf("Datasets() = %+v", d)
	}
	for want, x := range map[string]Correction{
		"not a network of the public internet": correct("10.0.0.0/8", "SG", "2026-12-31"),
		"no country":                           {Prefix: netip.MustParsePrefix("5.0.0.0/16"), End: end},
		"no last day":                          {Prefix: netip.MustParsePrefix("5.0.0.0/16"), Country: residency.MustCountry("SG")},
	} {
		if _, err := NewCorrections([]Correction{x}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewCorrections(%+v): %v, want %q", x, err, want)
		}
	}
	var none Corrections
	if got := none.AssertAt(netip.MustParseAddr("5.0.0.1"), end, nil); len(got) != 0 {
		t.Errorf("no corrections say %v", got)
	}
}

func TestHashEvidence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "letter.pdf")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := HashEvidence(path); err != nil || got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("HashEvidence = %s, %v", got, err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, empty, filepath.Join(dir, "none")} {
		if _, err := HashEvidence(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("HashEvidence(%s): %v", path, err)
		}
	}
}
