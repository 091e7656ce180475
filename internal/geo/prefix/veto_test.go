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
		"\xff\xfe1\x00":                  "UTF-16",
		"1.1.1.0/24\n\x00":               "NUL bytes",
		"# nothing\n":                    "no prefixes in it",
		"<html>\n":                       "a web page, not a list",
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
