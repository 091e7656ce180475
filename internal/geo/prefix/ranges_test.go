package prefix

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// told writes what a source says about an address: "class CC region prefix".
func told(s *Source, addr string) string {
	var list []string
	for _, a := range s.Assert(netip.MustParseAddr(addr), nil) {
		list = append(list, fmt.Sprintf("%s %v %s %v", a.Class, a.In, a.Region, a.Prefix))
	}
	return strings.Join(list, ", ")
}

// hold compares what a source says about addresses with what it should.
func hold(t *testing.T, s *Source, want map[string]string) {
	t.Helper()
	for addr, text := range want {
		if got := told(s, addr); got != text {
			t.Errorf("Assert(%s) = %q, want %q", addr, got, text)
		}
	}
}

// TestOpenSamples reads rows of every provider's real list.
func TestOpenSamples(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file, provider string
		records        int
		built          string // "" for a list that tells no date
		says           map[string]string
	}{
		{"google-cloud.json", "gcp", 15, "2025-07-24", map[string]string{
			"34.1.128.1":            "provider_range SG gcp:asia-southeast1 34.1.128.0/20",
			"34.92.1.1":             "provider_range HK gcp:asia-east2 34.92.0.0/16",
			"34.22.0.1":             "provider_range US gcp:us-central2 34.22.0.0/19",
			"34.8.1.1":              "edge   34.8.0.0/16", // global
			"2600:1901::1":          "edge   2600:1901::/48",
			"2600:1900:4080::1":     "provider_range SG gcp:asia-southeast1 2600:1900:4080::/44",
			"9.9.9.9":               "",
			"2600:1900:4080:ffff::": "provider_range SG gcp:asia-southeast1 2600:1900:4080::/44",
		}},
		{"ServiceTags_Public_20250721.json", "azure", 28, "2025-07-21", map[string]string{
			"4.144.128.1": "provider_range SG azure:southeastasia 4.144.128.0/17",
			"4.191.1.1":   "provider_range HK azure:eastasia 4.191.0.0/16",
			"4.176.1.1":   "provider_range FR azure:francecentral 4.176.0.0/16", // centralfrance in the file
			"40.80.4.1":   "provider_range  azure:northeurope2 40.80.4.0/22",    // Ireland, Finland: databases differ
			"13.107.4.9":  "edge   13.107.4.0/22",                               // Azure Front Door
			"4.145.74.53": "provider_range SG azure:southeastasia 4.145.0.0/16", // a service tag without a region is not read
		}},
		{"oracle.json", "oci", 8, "2025-07-21", map[string]string{
			"129.150.32.1":  "provider_range SG oci:ap-singapore-1 129.150.32.0/19",
			"168.110.192.1": "provider_range ID oci:ap-batam-1 168.110.192.0/19",
			"151.106.160.1": "provider_range US oci:us-saltlake-2 151.106.160.0/19",
		}},
		{"digitalocean.csv", "digitalocean", 16, "", map[string]string{
			"68.183.176.1":      "provider_range SG digitalocean:sgp1 68.183.176.0/20",
			"5.101.96.1":        "provider_range NL  5.101.96.0/21",  // ams1 to ams3: only the country
			"24.144.68.1":       "provider_range US  24.144.68.0/22", // Santa Clara is a region's in no table
			"2a03:b0c0:1:d0::1": "provider_range GB digitalocean:lon1 2a03:b0c0:1:d0::/64",
		}},
		{"linode.csv", "linode", 16, "2025-07-24", map[string]string{
			"103.3.60.1":      "provider_range SG  103.3.60.0/24", // ap-south and sg-sin-2
			"172.232.96.1":    "provider_range IN linode:in-maa 172.232.96.0/24",
			"2600:3c08::1":    "provider_range IN linode:in-maa 2600:3c08::/32",
			"2600:3c0f:25::1": "provider_range IN linode:in-maa 2600:3c0f:25::/48",
		}},
		{"vultr.json", "vultr", 3, "2025-07-24", map[string]string{
			"45.32.100.1":  "provider_range SG vultr:sgp 45.32.96.0/19",
			"45.76.96.1":   "provider_range JP  45.76.96.0/20", // "Shinagawa-ku" is no region's city
			"2001:19f0::1": "provider_range US vultr:ewr 2001:19f0::/38",
			"2002::1":      "", // 6to4
		}},
		{"vultr.csv", "vultr", 2, "", map[string]string{"45.32.100.1": "provider_range SG vultr:sgp 45.32.96.0/19"}},
		{"exoscale.json", "exoscale", 4, "", map[string]string{
			"85.217.161.1":      "provider_range AT exoscale:at-vie-2 85.217.161.0/24",
			"2a04:c43:e00::1":   "provider_range CH exoscale:ch-gva-2 2a04:c43:e00::/40",
			"194.182.184.1":     "provider_range CH exoscale:ch-gva-2 194.182.184.0/22",
			"89.145.160.1":      "provider_range  exoscale:xx-new-1 89.145.160.0/22",
			"89.145.164.1":      "",
			"2a04:c43:f00::1":   "",
			"2a04:c43:e00:1::1": "provider_range CH exoscale:ch-gva-2 2a04:c43:e00::/40",
		}},
		{"own.csv", "csv", 4, "2026-05-01", map[string]string{
			"5.75.128.1":  "provider_range DE hetzner:fsn1 5.75.128.0/17",
			"5.75.129.1":  "provider_range HK  5.75.129.0/24",
			"47.88.1.1":   "provider_range  alibaba:ap-southeast-1 47.88.0.0/17", // not in the region table
			"2a01:4f8::1": "provider_range FR azure:francecentral 2a01:4f8::/32",
		}},
		{"cloudflare-ips-v4", "cloudflare", 15, "", map[string]string{"104.17.1.1": "edge   104.16.0.0/13", "131.0.72.1": "edge   131.0.72.0/22"}},
		{"cloudflare-ips-v6", "cloudflare", 7, "", map[string]string{"2606:4700::1": "edge   2606:4700::/32"}},
		{"fastly.json", "fastly", 21, "", map[string]string{"151.101.1.1": "edge   151.101.0.0/16", "167.82.130.1": "edge   167.82.128.0/20", "2a04:4e42::1": "edge   2a04:4e42::/32"}},
	}
	sampled := map[string]bool{"aws": true} // has tests of its own
	changed := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range tests {
		sampled[tt.provider] = true
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join("testdata", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			s, err := Read(data, tt.file, changed, tt.provider)
			if err != nil {
				t.Fatal(err)
			}
			d, built := s.Dataset(), tt.built
			if built == "" {
				built = "2026-06-01"
			}
			if d.Records != tt.records || d.Built.Format(time.DateOnly) != built || len(d.SHA256) != 64 || d.Lineage != tt.provider {
				t.Errorf("Dataset() = %+v, want %d records built %s", d, tt.records, built)
			}
			hold(t, s, tt.says)
			opened, err := Open(filepath.Join("testdata", tt.file), tt.provider, changed)
			if err != nil || opened.Dataset().Records != tt.records || !opened.Dataset().Built.Equal(d.Built) {
				t.Errorf("Open(%s) = %v", tt.file, err)
			}
			// When the file was written is no date of its data.
			opened, err = Open(filepath.Join("testdata", tt.file), tt.provider, time.Time{})
			if err != nil || opened.Dataset().Built.IsZero() != (tt.built == "") {
				t.Errorf("Open(%s) without a date: built %v, %v", tt.file, opened.Dataset().Built, err)
			}
		})
	}
	for _, provider := range Providers() {
		if !sampled[provider] {
			t.Errorf("provider %s has no sample", provider)
		}
	}
}

// TestEdgeOverRegions holds that the edges of a list go before its regions,
// whichever prefix is longer.
func TestEdgeOverRegions(t *testing.T) {
	t.Parallel()
	tags := func(edge, region string) string {
		return fmt.Sprintf(`{"changeNumber":1,"values":[
			{"name":"AzureFrontDoor.FirstParty","properties":{"addressPrefixes":[%q]}},
			{"name":"AzureCloud.eastus","properties":{"addressPrefixes":[%q]}}]}`, edge, region)
	}
	for _, text := range []string{tags("13.107.0.0/16", "13.107.4.0/24"), tags("13.107.4.0/24", "13.107.0.0/16"), tags("13.107.4.0/24", "13.107.4.0/24")} {
		s, err := Read([]byte(text), "tags.json", time.Time{}, "azure")
		if err != nil {
			t.Fatal(err)
		}
		if got := told(s, "13.107.4.1"); !strings.HasPrefix(got, "edge ") {
			t.Errorf("in an edge: %q of %s", got, text)
		}
	}
}

func TestUnknownRegions(t *testing.T) {
	t.Parallel()
	s, err := Open("testdata/ServiceTags_Public_20250721.json", "azure", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.UnknownRegions(), []UnknownRegion{{"azure:northeurope2", 4}, {"azure:usstagec", 4}}; !slices.Equal(got, want) {
		t.Errorf("UnknownRegions() = %v, want %v", got, want)
	}
	for _, a := range s.Assert(netip.MustParseAddr("40.80.4.1"), nil) {
		if a.Note == "" || !a.In.Empty() {
			t.Errorf("an unknown region says %+v", a)
		}
	}
}

// TestReadBad gives every format what is no list, and a damaged one.
func TestReadBad(t *testing.T) {
	t.Parallel()
	utf16 := "\xff\xfe{\x00}\x00"
	common := []struct{ name, text, want string }{
		{"empty", "", ""}, // each says it in its way
		{"only spaces", " \r\n", ""},
		{"a web page", " <!DOCTYPE html><title>403</title>", "a web page, not a list"},
		{"UTF-16", utf16, "UTF-16 text: save it as UTF-8"},
		{"NUL bytes", "5.75.128.0/17,DE\x00", "NUL bytes in it"},
		{"gzip", "\x1f\x8b\x08abc", "a compressed file"},
	}
	for _, provider := range Providers() {
		for _, tt := range common {
			s, err := Read([]byte(tt.text), "dir/list", time.Time{}, provider)
			if err == nil || s != nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "read ") || !strings.Contains(err.Error(), "dir/list") {
				t.Errorf("Read(%s, %s): %v, want %q and the name", tt.name, provider, err, tt.want)
			}
		}
	}
	for _, tt := range []struct{ provider, text, want string }{
		{"gcp", `{"creationTime":"2025-07-24T1","prefixes":[{"ipv4Prefix":"34.1.128.0/20"}]}`, "a prefix without a scope"},
		{"gcp", `{"creationTime":"2025-07-24T1","prefixes":[{"ipv4Prefix":"34.1.128.0/20","ipv6Prefix":"2600:1900::/44","scope":"x"}]}`, "entry 1: two prefixes in one"},
		{"gcp", `{"creationTime":"2025-07-24T1","prefixes":[{"ipv4Prefix":"34.1.128.9/20","scope":"x"}]}`, `entry 1: "34.1.128.9/20" has host bits set: 34.1.128.0/20 is meant, or another`},
		{"gcp", `{"creationTime":"2025-07-24T1","prefixes":[]}`, "no prefixes in it"},
		{"gcp", `{"prefixes":[]}`, `creationTime "" is no date`},
		{"gcp", `{"creationTime":"2025-07-24T1","prefixes":[{"ipv4Pre`, "or half of it"},
		{"gcp", `[]`, "not the JSON that is published"},
		{"azure", `{"values":[]}`, "no changeNumber"},
		{"azure", `{"changeNumber":1,"values":[{"name":"AzureCloud.eastus","properties":{"addressPrefixes":["x"]}}]}`, `entry 1: "x" is no prefix`},
		{"azure", `{"changeNumber":1,"values":[{"name":"AzureCloud","properties":{"addressPrefixes":["4.144.0.0/17"]}}]}`, "no prefixes in it"},
		{"oci", `{"last_updated_timestamp":"2025-07-21T0","regions":[{"cidrs":[{"cidr":"129.150.32.0/19"}]}]}`, "129.150.32.0/19 has no region"},
		{"oci", `{"regions":[]}`, `last_updated_timestamp "" is no date`},
		{"exoscale", `{"prefixes":[{"IPv4Prefix":"85.217.161.0/24"}]}`, "entry 1: no zone"},
		{"exoscale", `{"prefixes":[{"zone":"de-fra-1"}]}`, `entry 1: "" is no prefix`},
		{"vultr", `{"subnets":[{"ip_prefix":"45.32.96.0/19","alpha2code":"XX"}]}`, `entry 1: "XX" is no country code`},
		{"fastly", `{"addresses":["10.0.0.0/8"]}`, "no prefixes in it"},
		{"cloudflare", "104.16.0.0/13\n104.16.0.1/13\n", "line 2: "},
		{"csv", "prefix,region\n", "only comments in it"},
		{"csv", "5.75.128.0/17,Germany\n", `no line of it can be used: line 1: "Germany" is neither a country code nor a region`},
		{"csv", "5.75.128.0/17,\n", `"" is neither`},
	} {
		_, err := Read([]byte(tt.text), "list", time.Time{}, tt.provider)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Read(%s, %s): %v, want %q", tt.text, tt.provider, err, tt.want)
		}
	}
	if _, err := Read([]byte("1"), "list", time.Time{}, "amazon"); !errors.Is(err, ErrProvider) {
		t.Errorf("Read of an unknown provider: %v", err)
	}
}

// TestOpenHuge holds that a file larger than any list is refused unread: it is
// sparse, and a gigabyte.
func TestOpenHuge(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "huge.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	f.Close()
	open := map[string]func() (*Source, error){
		"ranges":   func() (*Source, error) { return Open(path, "gcp", time.Time{}) },
		"geofeed":  func() (*Source, error) { return OpenGeofeed(path, time.Time{}) },
		"registry": func() (*Source, error) { return OpenRegistry(path) },
		"anycast":  func() (*Source, error) { return OpenAnycast(path, time.Time{}) },
	}
	for name, f := range open {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), "huge.json: 1073741824 bytes, more than the limit") {
			t.Errorf("open of a huge %s: %v", name, err)
		}
	}
}

func TestRegions(t *testing.T) {
	t.Parallel()
	list := Regions()
	want := map[string]string{
		"aws:ap-southeast-1": "SG", "aws:us-west-1": "US", "aws:us-west-2": "US", "aws:us-east-1-scl-1": "CL", "aws:ap-southeast-1-bkk-1": "TH",
		"aws:ap-east-1": "HK", "aws:ap-northeast-1-tpe-1": "TW", "aws:cn-north-1": "CN", "gcp:asia-southeast1": "SG", "azure:southeastasia": "SG",
		"azure:chinaeast2": "CN", "azure:eastasia": "HK", "azure:taiwannorthwest": "TW", "oci:ap-batam-1": "ID", "digitalocean:sgp1": "SG", "linode:sg-sin-2": "SG", "vultr:sgp": "SG",
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
	// Each line of the data files is a comment, a region or another name of a
	// region: none is lost.
	table := readRegionTable()
	count := 0
	for line := range strings.Lines(regionsTSV + addedTSV) {
		if !strings.HasPrefix(line, "#") {
			count++
		}
	}
	if count != len(list)+len(table.aliases) || len(list) < 400 {
		t.Errorf("%d regions and %d other names out of %d lines", len(list), len(table.aliases), count)
	}
	for name, id := range table.aliases {
		if !table.knows(id) || table.knows(name) {
			t.Errorf("%s is another name of %s, and one of them is wrong", name, id)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, x := range []struct{ file, provider string }{
		{"google-cloud.json", "gcp"}, {"ServiceTags_Public_20250721.json", "azure"}, {"linode.csv", "linode"}, {"fastly.json", "fastly"},
	} {
		b.Run(x.provider, func(b *testing.B) {
			s, err := Open(filepath.Join("testdata", x.file), x.provider, time.Time{})
			if err != nil {
				b.Fatal(err)
			}
			benchLookup(b, s)
		})
	}
	b.Run("60000-prefixes", func(b *testing.B) {
		s, err := Read(manyRanges(60_000), "list.csv", time.Time{}, "csv")
		if err != nil {
			b.Fatal(err)
		}
		benchLookup(b, s)
	})
}

// benchLookup asks about addresses of the list.
func benchLookup(b *testing.B, s *Source) {
	var addrs []netip.Addr
	for _, p := range s.Prefixes() {
		addrs = append(addrs, p.Addr().Next())
	}
	into := make([]residency.Assertion, 0, 8)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		into = s.Assert(addrs[i], into[:0])
		if i++; i == len(addrs) {
			i = 0
		}
	}
	if len(into) == 0 {
		b.Fatal("nothing is said")
	}
}

// manyRanges writes a list of one's own with n prefixes.
func manyRanges(n int) []byte {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%d.%d.%d.0/24,%s\n", 20+i>>16, i>>8&255, i&255, []string{"SG", "hetzner:fsn1", "US", "gcp:asia-east2"}[i&3])
	}
	return []byte(text.String())
}

func BenchmarkRead(b *testing.B) {
	data := manyRanges(60_000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Read(data, "list.csv", time.Time{}, "csv"); err != nil {
			b.Fatal(err)
		}
	}
}
