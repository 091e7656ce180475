package mmdb

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"residency/internal/residency"
)

// TestOpenBadFiles holds that each bad file is one clear error with its name.
func TestOpenBadFiles(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("testdata/GeoLite2-Country-Test.mmdb")
	if err != nil {
		t.Fatal(err)
	}
	asn, err := os.ReadFile("testdata/GeoLite2-ASN-Test.mmdb")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	huge := put("huge.mmdb", nil)
	if err := os.Truncate(huge, MaxFileSize+1); err != nil { // sparse: takes no space
		t.Fatal(err)
	}
	tests := []struct{ path, want string }{
		{filepath.Join(dir, "missing.mmdb"), "no such file"},
		{dir, "a directory, not a database"},
		{put("empty.mmdb", nil), "empty file"},
		{huge, "more than the limit of 1073741824"},
		{put("page.mmdb", []byte("<!DOCTYPE html><title>403</title>")), "no MaxMind-format database, or a truncated one"},
		{put("half.mmdb", whole[:len(whole)/2]), "no MaxMind-format database, or a truncated one"},
		{put("dbip-middle-gone.mmdb", append(append([]byte{}, whole[:4000]...), whole[9000:]...)), "damaged database"},
		{put("asn.mmdb", asn), `a database of type "GeoLite2-ASN" holds no countries`},
		{put("other-type.mmdb", build(t, "dbip-of-cheese", mmdbwriter.Options{}, map[string]mmdbtype.DataType{"8.8.8.0/24": mmdbtype.Map{"cheese": mmdbtype.String("gouda")}})), "holds no countries"},
		{put("nameless.mmdb", build(t, "country ipvAll", mmdbwriter.Options{}, map[string]mmdbtype.DataType{"8.8.8.0/24": flat("US")})), "cannot tell whose data it is"},
		{put("dbip-mixed.mmdb", build(t, "country", mmdbwriter.Options{}, map[string]mmdbtype.DataType{"8.8.8.0/24": flat("US"), "9.9.9.0/24": mmdbtype.Map{"country_code": mmdbtype.Uint32(3)}})), "damaged database: record of 9.9.9.0/24"},
		{put("dbip-void.mmdb", build(t, "DBIP-Country-Lite", mmdbwriter.Options{}, nil)), "no networks in it"},
		{os.DevNull, "not a regular file"},
	}
	for _, tt := range tests {
		s, err := Open(tt.path, "")
		if err == nil || s != nil {
			t.Errorf("Open(%s) gave no error", tt.path)
			continue
		}
		if msg := err.Error(); !strings.Contains(msg, tt.want) || !strings.HasPrefix(msg, "open "+tt.path+": ") {
			t.Errorf("Open(%s): %q, want \"open PATH: ...%s\"", tt.path, msg, tt.want)
		}
	}
}

func TestOpenLineage(t *testing.T) {
	t.Parallel()
	data := build(t, "country ipvAll", mmdbwriter.Options{}, map[string]mmdbtype.DataType{"8.8.8.0/24": flat("US")})
	dir := t.TempDir()
	for _, tt := range []struct{ file, named, want string }{
		{"dbip-country.mmdb", "", "dbip"},
		{"geo-whois-asn-country.mmdb", "", "geo-whois-asn"},
		{"geolite2-country.mmdb", "", "maxmind"},
		{"iptoasn-country.mmdb", "", "iptoasn"},
		{"ours.mmdb", "own", "own"},
		{"dbip-named-otherwise.mmdb", "own", "own"},
	} {
		path := filepath.Join(dir, tt.file)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, tt.named)
		if err != nil {
			t.Errorf("Open(%s): %v", tt.file, err)
			continue
		}
		if d := s.Dataset(); d.Lineage != tt.want || s.Name() != tt.want || d.File != path || d.Records != 1 {
			t.Errorf("Open(%s, %q) = %+v, want lineage %s", tt.file, tt.named, d, tt.want)
		}
	}
}

// TestFileChangedLater holds that a file rewritten while it is in use changes
// nothing: what was hashed is what speaks.
func TestFileChangedLater(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dbip.mmdb")
	data := build(t, "country ipvAll", mmdbwriter.Options{}, map[string]mmdbtype.DataType{"8.8.8.0/24": flat("US")})
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	if got := one(t, s, "8.8.8.8"); len(got) != 1 || got[0].In.String() != "US" {
		t.Errorf("Assert after truncation = %+v", got)
	}
}

// TestLoopInTree holds that a tree which goes round in circles is refused, and
// in finite time. Every node of the tree is made to point to the first.
func TestLoopInTree(t *testing.T) {
	t.Parallel()
	data := build(t, "GeoLite2-Country", mmdbwriter.Options{RecordSize: 32}, map[string]mmdbtype.DataType{"8.8.8.0/24": nested("US", false), "2400::/12": nested("SG", false)})
	s := mustBytes(t, data, "")
	for i := range int(s.reader.Metadata.NodeCount) * 2 {
		binary.BigEndian.PutUint32(data[i*4:], 0)
	}
	path := filepath.Join(t.TempDir(), "loop.mmdb")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, ""); err == nil {
		t.Error("a tree of loops was accepted")
	}
}

// FuzzOpen holds that no bytes make opening or looking up panic or hang, that
// what is opened as a file can be asked, and that all it says is a country.
func FuzzOpen(f *testing.F) {
	// Small seeds: the fuzzer spends its time on shrinking large ones.
	small := build(f, "country ipvAll", mmdbwriter.Options{IPVersion: 4, RecordSize: 24}, map[string]mmdbtype.DataType{"8.0.0.0/6": flat("US"), "128.0.0.0/2": flat("SG")})
	f.Add(small)
	f.Add(build(f, "GeoLite2-Country", mmdbwriter.Options{IPVersion: 4, RecordSize: 24}, map[string]mmdbtype.DataType{"8.0.0.0/6": nested("US", true)}))
	f.Add(small[:len(small)/2])
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := FromBytes(data, residency.Dataset{Name: "fuzz", Lineage: "fuzz"})
		if err != nil {
			return
		}
		if _, err := walk(s.reader, s.records); err != nil {
			t.Logf("walk: %v", err)
		}
		for _, addr := range []string{"8.8.8.8", "0.0.0.0", "255.255.255.255", "2400::1", "::", "ffff::"} {
			for _, a := range s.Assert(netip.MustParseAddr(addr), nil) {
				if a.Class == residency.ClassDatabase && a.In.Len() != 1 {
					t.Errorf("Assert(%s) = %+v", addr, a)
				}
			}
		}
	})
}
