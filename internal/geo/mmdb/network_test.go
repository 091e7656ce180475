package mmdb

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"residency/internal/residency"
)

func TestNetworks(t *testing.T) {
	t.Parallel()
	write := func(name string, rows map[string]mmdbtype.DataType) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, build(t, "ipinfo "+name, mmdbwriter.Options{}, rows), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := func(s string) mmdbtype.String { return mmdbtype.String(s) }
	tests := []struct{ path, addr, note, prefix string }{
		{"testdata/GeoLite2-ASN-Test.mmdb", "1.128.0.1", "AS1221 Telstra Pty Ltd", "1.128.0.0/11"},
		{"testdata/GeoLite2-ASN-Test.mmdb", "12.81.92.1", "AS7018 AT&T Services", "12.81.92.0/22"},
		{"testdata/GeoLite2-ASN-Test.mmdb", "10.0.0.1", "", ""},
		{write("enterprise.mmdb", map[string]mmdbtype.DataType{"8.8.8.0/24": mmdbtype.Map{"traits": mmdbtype.Map{
			"autonomous_system_number": mmdbtype.Uint32(15169), "autonomous_system_organization": text("GOOGLE")}}}), "8.8.8.8", "AS15169 GOOGLE", "8.8.8.0/24"},
		{write("lite.mmdb", map[string]mmdbtype.DataType{
			"8.8.8.0/24": mmdbtype.Map{"asn": text("AS15169"), "as_name": text("Google LLC")},
			"9.9.9.0/24": mmdbtype.Map{"asn": text("")}}), "8.8.8.8", "AS15169 Google LLC", "8.8.8.0/24"},
	}
	for _, tt := range tests {
		n, err := OpenNetworks(tt.path, "x")
		if err != nil {
			t.Errorf("OpenNetworks(%s): %v", tt.path, err)
			continue
		}
		if d := n.Dataset(); d.Class != residency.ClassNetwork || d.Records == 0 || d.Built.IsZero() || len(d.SHA256) != 64 || d.Lineage != "x" {
			t.Errorf("OpenNetworks(%s) = %+v", tt.path, d)
		}
		for range 2 { // the second time from memory
			said := n.Assert(netip.MustParseAddr(tt.addr), nil)
			switch {
			case tt.note == "" && len(said) > 0:
				t.Errorf("Assert(%s) = %+v, want nothing", tt.addr, said)
			case tt.note != "" && (len(said) != 1 || said[0].Note != tt.note || said[0].Prefix.String() != tt.prefix || !said[0].In.Empty() || said[0].Class != residency.ClassNetwork):
				t.Errorf("Assert(%s) = %+v, want %q of %s", tt.addr, said, tt.note, tt.prefix)
			}
		}
	}
}

func TestOpenNetworksBad(t *testing.T) {
	t.Parallel()
	if _, err := OpenNetworks("testdata/GeoLite2-Country-Test.mmdb", "x"); !errors.Is(err, ErrNoNetworks) {
		t.Errorf("a database of countries: %v", err)
	}
	whole, err := os.ReadFile("testdata/GeoLite2-ASN-Test.mmdb")
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(whole); cut += 97 {
		path := filepath.Join(t.TempDir(), "asn.mmdb")
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := OpenNetworks(path, "x"); err == nil {
			t.Errorf("%d of %d bytes were accepted: %+v", cut, len(whole), n.Dataset())
		}
	}
	path := filepath.Join(t.TempDir(), "words.mmdb")
	bad := build(t, "x", mmdbwriter.Options{}, map[string]mmdbtype.DataType{
		"8.8.8.0/24": mmdbtype.Map{"asn": mmdbtype.String("AS1")}, "9.9.9.0/24": mmdbtype.Map{"asn": mmdbtype.String("ASx")}})
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenNetworks(path, "x"); err == nil {
		t.Error(`"ASx" was accepted`)
	}
}

// FuzzOpenNetworks holds that no bytes make opening or asking panic or hang.
func FuzzOpenNetworks(f *testing.F) {
	whole, err := os.ReadFile("testdata/GeoLite2-ASN-Test.mmdb")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "asn.mmdb")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := OpenNetworks(path, "x")
		if err != nil {
			return
		}
		for _, text := range []string{"1.128.0.1", "8.8.8.8", "2600::1", "255.255.255.255"} {
			for _, a := range n.Assert(netip.MustParseAddr(text), nil) {
				if asn, _ := a.Network(); asn == 0 {
					t.Errorf("%s: note %q", text, a.Note)
				}
			}
		}
	})
}
