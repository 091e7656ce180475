package mmdb

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"residency/internal/residency"
)

// build writes a database of the given type.
func build(t testing.TB, databaseType string, opts mmdbwriter.Options, nets map[string]mmdbtype.DataType) []byte {
	t.Helper()
	opts.DatabaseType = databaseType
	opts.BuildEpoch = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).Unix()
	w, err := mmdbwriter.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	for text, data := range nets {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(network, data); err != nil {
			t.Fatal(err)
		}
	}
	var buf bytes.Buffer
	if _, err := w.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func flat(code string) mmdbtype.DataType {
	return mmdbtype.Map{"country_code": mmdbtype.String(code)}
}

func nested(code string, anycast bool) mmdbtype.DataType {
	m := mmdbtype.Map{
		"country":            mmdbtype.Map{"iso_code": mmdbtype.String(code)},
		"registered_country": mmdbtype.Map{"iso_code": mmdbtype.String("CN")},
	}
	if code == "" {
		delete(m, "country")
	}
	if anycast {
		m["traits"] = mmdbtype.Map{"is_anycast": mmdbtype.Bool(true)}
	}
	return m
}

func one(t *testing.T, s *Source, addr string) []residency.Assertion {
	t.Helper()
	return s.Assert(netip.MustParseAddr(addr), nil)
}

func mustBytes(t testing.TB, data []byte, lineage string) *Source {
	t.Helper()
	s, err := FromBytes(data, residency.Dataset{Name: "test.mmdb", Lineage: lineage})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAssertSchemas holds that every schema in use is read alike, through
// geoip2 where it knows the type and by path where it does not.
func TestAssertSchemas(t *testing.T) {
	t.Parallel()
	tests := []struct {
		databaseType, lineage string
		record                mmdbtype.DataType
	}{
		{"GeoLite2-Country", "maxmind", nested("SG", false)},
		{"GeoIP2-City", "maxmind", nested("SG", false)},
		{"GeoIP2-Enterprise", "maxmind", nested("SG", false)},
		{"DBIP-Country-Lite", "dbip", nested("SG", false)},
		{"DBIP-Location-ISP (compat=Enterprise)", "dbip", nested("SG", false)},
		{"IP2LITE-Country", "ip2location", nested("SG", false)}, // geoip2 refuses it
		{"ipinfo country_asn.mmdb", "ipinfo", mmdbtype.Map{"country": mmdbtype.String("SG"), "country_name": mmdbtype.String("Singapore")}},
		{"ipinfo bundle_location_lite.mmdb", "ipinfo", mmdbtype.Map{"country": mmdbtype.String("Singapore"), "country_code": mmdbtype.String("SG")}},
		{"country ipvAll of dbip", "dbip", flat("SG")},
	}
	for _, tt := range tests {
		s := mustBytes(t, build(t, tt.databaseType, mmdbwriter.Options{}, map[string]mmdbtype.DataType{"8.8.8.0/24": tt.record, "2400:1::/32": tt.record}), "")
		for addr, prefix := range map[string]string{"8.8.8.8": "8.8.8.0/24", "2400:1::1": "2400:1::/32"} {
			got := one(t, s, addr)
			if len(got) != 1 || got[0].In.String() != "SG" || got[0].Prefix.String() != prefix || got[0].Lineage != tt.lineage || got[0].Class != residency.ClassDatabase {
				t.Errorf("%s: Assert(%s) = %+v, want SG by %s from %s", tt.databaseType, addr, got, prefix, tt.lineage)
			}
		}
		if d := s.Dataset(); d.Built != time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) {
			t.Errorf("%s: built %v", tt.databaseType, d.Built)
		}
	}
}

func TestAssertCodes(t *testing.T) {
	t.Parallel()
	s := mustBytes(t, build(t, "country ipvAll", mmdbwriter.Options{}, map[string]mmdbtype.DataType{
		"8.0.0.0/24": flat("SG"), "8.0.1.0/24": flat("XX"), "8.0.2.0/24": flat("EU"), "8.0.3.0/24": flat("UK"), "8.0.4.0/24": flat("sg"),
		"8.0.5.0/24": flat("SGP"), "8.0.6.0/24": flat(""), "8.0.7.0/24": mmdbtype.Map{"city": mmdbtype.String("Singapore")},
		"8.0.8.0/24": mmdbtype.Map{"country_code": mmdbtype.Uint32(7)},
	}), "test")
	want := Counts{Unanswered: 3, BadCode: 5, Damaged: 1}
	for i := range 9 {
		addr := netip.AddrFrom4([4]byte{8, 0, byte(i), 9})
		got := s.Assert(addr, nil)
		if (i == 0) != (len(got) == 1) {
			t.Errorf("Assert(%v) = %+v", addr, got)
		}
	}
	one(t, s, "8.0.0.1")
	one(t, s, "9.9.9.9")
	if got := s.Counts(); got != want {
		t.Errorf("Counts() = %+v, want %+v", got, want)
	}
}

// TestNeverRegisteredCountry: a network that is only registered somewhere has
// no country.
func TestNeverRegisteredCountry(t *testing.T) {
	t.Parallel()
	for _, databaseType := range []string{"GeoLite2-Country", "IP2LITE-Country"} {
		s := mustBytes(t, build(t, databaseType, mmdbwriter.Options{}, map[string]mmdbtype.DataType{
			"8.8.8.0/24": nested("", false), "9.9.9.0/24": nested("US", false),
		}), "")
		if got := one(t, s, "8.8.8.8"); len(got) != 0 {
			t.Errorf("%s: Assert = %+v, want nothing", databaseType, got)
		}
		if got := one(t, s, "9.9.9.9"); len(got) != 1 || got[0].In.String() != "US" {
			t.Errorf("%s: Assert = %+v, want US", databaseType, got)
		}
	}
}

func TestAnycastFlag(t *testing.T) {
	t.Parallel()
	s := mustBytes(t, build(t, "GeoIP2-Country", mmdbwriter.Options{}, map[string]mmdbtype.DataType{
		"8.8.8.0/24": nested("US", true), "9.9.9.0/24": nested("", true),
	}), "")
	for range 2 { // the second time from the cache
		got := one(t, s, "8.8.8.8")
		if len(got) != 2 || got[0].Class != residency.ClassDatabase || got[1].Class != residency.ClassAnycast || !got[1].In.Empty() {
			t.Errorf("Assert(flagged) = %+v, want a country and a veto", got)
		}
		if got := one(t, s, "9.9.9.9"); len(got) != 1 || got[0].Class != residency.ClassAnycast {
			t.Errorf("Assert(flagged, no country) = %+v, want a veto", got)
		}
	}
}

func TestIPv4Only(t *testing.T) {
	t.Parallel()
	s := mustBytes(t, build(t, "country ipv4 dbip", mmdbwriter.Options{IPVersion: 4}, map[string]mmdbtype.DataType{"8.8.8.0/24": flat("US")}), "")
	if got := one(t, s, "2400:1::1"); len(got) != 0 || s.Counts() != (Counts{Unanswered: 1}) {
		t.Errorf("Assert(IPv6) = %+v, counts %+v", got, s.Counts())
	}
	if got := one(t, s, "8.8.8.8"); len(got) != 1 {
		t.Errorf("Assert(IPv4) = %+v", got)
	}
}

// TestCacheAgreesWithDecoding compares every answer with that of a source whose
// cache is empty.
func TestCacheAgreesWithDecoding(t *testing.T) {
	t.Parallel()
	nets := map[string]mmdbtype.DataType{}
	for i := range 240 {
		c := residency.Country(i + 1)
		nets[netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i), 0, 0}), 16).String()] = flat(c.String())
	}
	data := build(t, "country ipvAll", mmdbwriter.Options{}, nets)
	warm := mustBytes(t, data, "test")
	for round := range 2 {
		for i := range 240 {
			addr := netip.AddrFrom4([4]byte{20, byte(i), 7, byte(round)})
			got, want := warm.Assert(addr, nil), mustBytesOnce(t, data, i, addr)
			if len(got) != 1 || got[0].In != want {
				t.Fatalf("Assert(%v) = %+v, want %v", addr, got, want)
			}
		}
	}
}

func mustBytesOnce(t *testing.T, data []byte, i int, addr netip.Addr) residency.Countries {
	t.Helper()
	if i%24 == 0 { // opening is the slow part
		return mustBytes(t, data, "test").Assert(addr, nil)[0].In
	}
	return residency.CountriesOf(residency.Country(i + 1))
}

func TestOpenMaxMindTestFiles(t *testing.T) {
	t.Parallel()
	for name, wants := range map[string]map[string]string{
		"GeoLite2-Country-Test.mmdb": {"81.2.69.160": "GB", "2001:218::1": "JP", "216.160.83.56": "US", "1.2.3.4": ""},
		"GeoIP2-City-Test.mmdb":      {"81.2.69.160": "GB", "89.160.20.112": "SE", "1.2.3.4": ""},
	} {
		s, err := Open(filepath.Join("testdata", name), "")
		if err != nil {
			t.Errorf("Open(%s): %v", name, err)
			continue
		}
		d := s.Dataset()
		if d.Lineage != "maxmind" || d.Name != name || len(d.SHA256) != 64 || d.Records < 100 || d.Built.Year() != 2026 {
			t.Errorf("Open(%s).Dataset() = %+v", name, d)
		}
		for addr, want := range wants {
			got := one(t, s, addr)
			if want == "" && len(got) == 0 {
				continue
			}
			if len(got) != 1 || got[0].In.String() != want || !got[0].Prefix.Contains(netip.MustParseAddr(addr)) {
				t.Errorf("%s: Assert(%s) = %+v, want %s", name, addr, got, want)
			}
		}
	}
}

// TestIPLocIdentity holds the constants to the module that is really linked.
func TestIPLocIdentity(t *testing.T) {
	t.Parallel()
	sums, err := os.ReadFile("../../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	if want := iplocModule + " " + iplocVersion + " " + iplocSum + "\n"; !strings.Contains(string(sums), want) {
		t.Errorf("go.sum has no line %q", want)
	}
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := iplocModule + " " + iplocVersion; !strings.Contains(string(mod), want) {
		t.Errorf("go.mod does not require %q", want)
	}
	if got := "v1.0." + OpenIPLoc().Dataset().Built.Format("20060102"); got != iplocVersion {
		t.Errorf("built %s, want the date of %s", got, iplocVersion)
	}
}

func TestIPLoc(t *testing.T) {
	t.Parallel()
	s := OpenIPLoc()
	for addr, want := range map[string]string{
		"110.43.87.16": "CN", "8.8.8.8": "US", "2401:1d40:ff::b": "CN", "0.0.0.0": "", "255.255.255.255": "", "::": "", "::1": "",
	} {
		got := s.Assert(netip.MustParseAddr(addr), nil)
		if want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0].In.String() != want || got[0].Lineage != "ip2location" || got[0].Prefix.IsValid() {
			t.Errorf("Assert(%s) = %+v, want %q", addr, got, want)
		}
	}
	if c := s.Counts(); c != (Counts{Unanswered: 4}) {
		t.Errorf("Counts() = %+v, want 4 unanswered", c)
	}
}

// TestIPLocBlocks: the blocks that need no search give what a search gives, at
// both ends and in between.
func TestIPLocBlocks(t *testing.T) {
	t.Parallel()
	s := OpenIPLoc()
	random, whole := xorshift(2463534242), 0
	for i, country := range s.whole {
		if !country.Known() {
			continue
		}
		whole++
		for _, low := range []uint16{0, uint16(random()), uint16(random()), 0xffff} {
			addr := netip.AddrFrom4([4]byte{byte(i >> 8), byte(i), byte(low >> 8), byte(low)})
			if got, ok := s.search(addr); !ok || got != country {
				t.Fatalf("%v: %v of the block, %v of the search", addr, country, got)
			}
		}
	}
	if whole < 30_000 {
		t.Errorf("only %d blocks lie in one range", whole)
	}
}

func BenchmarkAssert(b *testing.B) {
	nets := map[string]mmdbtype.DataType{}
	for i := range 200 {
		nets[netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + i), 0, 0, 0}), 16).String()] = flat(residency.Country(i + 1).String())
	}
	s := mustBytes(b, build(b, "country ipvAll", mmdbwriter.Options{IncludeReservedNetworks: true}, nets), "test")
	addr, into := netip.MustParseAddr("30.0.7.7"), make([]residency.Assertion, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		s.Assert(addr, into)
	}
}
