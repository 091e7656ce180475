package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"residency/internal/residency"
)

func TestManifest(t *testing.T) {
	t.Parallel()
	entries, err := Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		if e.Name == "" || e.Lineage == "" || e.Licence == "" || len(e.Sources) == 0 || e.Built.IsZero() || e.Records == 0 || e.Bytes == 0 || len(e.SHA256) != 64 {
			t.Errorf("incomplete entry %+v", e)
		}
		files = append(files, e.File)
		if d := e.Dataset(); d.File != "embedded" || d.SHA256 != e.SHA256 || (e.Attribution != "" && !strings.Contains(d.Licence, e.Attribution)) {
			t.Errorf("%s: Dataset() = %+v", e.Name, d)
		}
	}
	dir, err := filesIn()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	if !slices.Equal(files, dir) {
		t.Errorf("the manifest names %v, carried are %v", files, dir)
	}
}

func filesIn() ([]string, error) {
	list, err := files.ReadDir("data")
	var names []string
	for _, f := range list {
		if f.Name() != "manifest.json" {
			names = append(names, f.Name())
		}
	}
	return names, err
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	list, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Lineage)
		if len(f.Data) != f.Bytes {
			t.Errorf("%s: %d bytes, want %d", f.Name, len(f.Data), f.Bytes)
		}
		if lines := strings.Count(string(f.Data), "\n"); f.Format == FormatPrefixes && lines != f.Records {
			t.Errorf("%s: %d lines, the manifest says %d", f.Name, lines, f.Records)
		}
	}
	if want := []string{"dbip", "geo-whois-asn", "shared-edges", "anycast"}; !slices.Equal(names, want) {
		t.Errorf("Embedded() = %v, want %v", names, want)
	}
}

// TestDecompressDamaged holds that a file which is not what the manifest says is
// refused by name.
func TestDecompressDamaged(t *testing.T) {
	t.Parallel()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("1.1.1.0/24\n")
	packed := enc.EncodeAll(data, nil)
	sum := sha256.Sum256(data)
	good := Entry{Name: "list", SHA256: hex.EncodeToString(sum[:]), Bytes: len(data)}
	if got, err := decompress(good, packed); err != nil || string(got) != string(data) {
		t.Errorf("decompress = %q, %v", got, err)
	}
	other := good
	other.SHA256 = strings.Repeat("0", 64)
	for _, tt := range []struct {
		name   string
		entry  Entry
		packed []byte
		want   string
	}{
		{"another hash", other, packed, "verify embedded list: sha256 is"},
		{"half", good, packed[:len(packed)/2], "unpack embedded list: "},
		{"nothing", good, nil, "verify embedded list: "},
		{"no zstd", good, []byte("<html>"), "unpack embedded list: "},
		{"negative size", Entry{Name: "list", Bytes: -1}, packed, "verify embedded list: "},
	} {
		if _, err := decompress(tt.entry, tt.packed); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("decompress(%s): %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestSubnets(t *testing.T) {
	t.Parallel()
	m, err := Subnets()
	if err != nil {
		t.Fatal(err)
	}
	if len(m) < 200 {
		t.Errorf("subnets of %d countries", len(m))
	}
	for country, list := range m {
		near := map[netip.Prefix]bool{}
		four, six := 0, 0
		for _, p := range list {
			bits, apart, n := 24, 16, &four
			if p.Addr().Is6() {
				bits, apart, n = 56, 32, &six
			}
			*n++
			block := netip.PrefixFrom(p.Addr(), apart).Masked()
			if p.Bits() != bits || p != p.Masked() || near[block] {
				t.Errorf("%v: %v is not a /%d, or the second in %v", country, p, bits, block)
			}
			near[block] = true
		}
		if four > 32 || six > 16 {
			t.Errorf("%v has %d IPv4 and %d IPv6 subnets", country, four, six)
		}
	}
}

func TestParseSubnetsBad(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SG 9.9.9.0/24\nXX 9.9.8.0/24\n": `line 2: "XX" is no country`,
		"SG 9.9.9.1/24\n":                `line 1: "9.9.9.1/24" is no prefix`,
		"SG\n":                           `line 1: "" is no prefix`,
		"\n":                             `line 1: "" is no country`,
	} {
		if _, err := parseSubnets([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseSubnets(%q): %v, want %q", text, err, want)
		}
	}
	m, err := parseSubnets([]byte("SG 9.9.9.0/24\n"))
	if sg := residency.MustCountry("SG"); err != nil || len(m[sg]) != 1 {
		t.Errorf("parseSubnets = %v, %v", m, err)
	}
}
