package prefix

import (
	"net/netip"
	"strings"
	"testing"

	"residency/internal/residency"
)

func TestReadVetoes(t *testing.T) {
	t.Parallel()
	text := "# comment\n\n104.16.0.0/13,Cloudflare\n104.16.0.0/13,Cloudflare\r\n 146.75.0.0/17,Fastly\n10.0.0.0/8,nobody\n9.9.9.0/24\n2606:4700::/32,Cloudflare\n"
	s, err := ReadVetoes([]byte(text), residency.Dataset{Name: "edges", Lineage: "shared-edges", Class: residency.ClassEdge})
	if err != nil {
		t.Fatal(err)
	}
	for addr, note := range map[string]string{"104.17.1.1": "shared edge of Cloudflare", "146.75.1.1": "shared edge of Fastly", "9.9.9.9": "shared edge", "2606:4700::1": "shared edge of Cloudflare", "10.0.0.1": "", "8.8.8.8": ""} {
		got := s.Assert(netip.MustParseAddr(addr), nil)
		if note == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0].Class != residency.ClassEdge || got[0].Note != note || !got[0].In.Empty() || got[0].Dataset.Name != "edges" {
			t.Errorf("Assert(%s) = %+v, want a veto with note %q", addr, got, note)
		}
	}
	if s.Dataset().Records != 4 || s.Skipped() != 1 || len(s.Prefixes()) != 4 || s.Name() != "shared-edges" {
		t.Errorf("records %d, skipped %d, prefixes %v", s.Dataset().Records, s.Skipped(), s.Prefixes())
	}
}

func TestReadVetoesBad(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "no prefixes in it",
		"# nothing\n":                    "no prefixes in it",
		"<html>\n":                       `line 1: "<html>" is no prefix`,
		"1.1.1.0/24\n1.1.1.1/24,x\n":     `line 2: "1.1.1.1/24" has host bits set`,
		"1.1.1.0/24\n::ffff:1.1.1.0/120": "mapped",
	} {
		_, err := ReadVetoes([]byte(text), residency.Dataset{Name: "list", Class: residency.ClassAnycast})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "read vetoes list: ") {
			t.Errorf("ReadVetoes(%q): %v, want %q", text, err, want)
		}
	}
	if _, err := ReadVetoes([]byte("1.1.1.0/24"), residency.Dataset{Class: residency.ClassDatabase}); err == nil {
		t.Error("a database was taken for a list of vetoes")
	}
}

func FuzzReadVetoes(f *testing.F) {
	f.Add([]byte("104.16.0.0/13,Cloudflare\n# x\n2606:4700::/32\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadVetoes(data, residency.Dataset{Name: "fuzz", Class: residency.ClassAnycast})
		if err != nil {
			return
		}
		for _, p := range s.Prefixes() {
			if got := s.Assert(p.Addr(), nil); len(got) != 1 || got[0].Class != residency.ClassAnycast {
				t.Errorf("Assert(%v) = %+v", p.Addr(), got)
			}
		}
	})
}

func TestRegions(t *testing.T) {
	t.Parallel()
	list := Regions()
	want := map[string]string{
		"aws:ap-southeast-1": "SG", "aws:us-west-1": "US", "aws:us-west-2": "US", "aws:us-east-1-scl-1": "CL", "aws:ap-southeast-1-bkk-1": "TH",
		"aws:ap-east-1": "HK", "aws:ap-northeast-1-tpe-1": "TW", "aws:cn-north-1": "CN", "gcp:asia-southeast1": "SG", "azure:southeastasia": "SG",
	}
	for i, r := range list {
		if !r.Country.Known() || !strings.Contains(r.ID, ":") || (i > 0 && list[i-1].ID >= r.ID) {
			t.Errorf("Regions()[%d] = %+v after %+v", i, r, list[max(i-1, 0)])
		}
		if code, ok := want[r.ID]; ok && r.Country.String() != code {
			t.Errorf("region %s is in %v, want %s", r.ID, r.Country, code)
		}
		delete(want, r.ID)
	}
	if len(want) != 0 {
		t.Errorf("regions not in the table: %v", want)
	}
	// Each line of the data file is a comment or a region: none is lost.
	lines := 0
	for line := range strings.Lines(regionsTSV) {
		if !strings.HasPrefix(line, "#") {
			lines++
		}
	}
	if lines != len(list) || lines < 300 {
		t.Errorf("%d regions out of %d lines", len(list), lines)
	}
}
