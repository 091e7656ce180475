package prefix

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// awsJSON writes a list of the form AWS publishes out of lines
// "prefix group service".
func awsJSON(lines ...string) string {
	var four, six []string
	for _, line := range lines {
		f := strings.Fields(line)
		key, list := "ip_prefix", &four
		if strings.Contains(f[0], ":") {
			key, list = "ipv6_prefix", &six
		}
		*list = append(*list, fmt.Sprintf(`{%q:%q,"region":"r","service":%q,"network_border_group":%q}`, key, f[0], f[2], f[1]))
	}
	return fmt.Sprintf(`{"syncToken":"1","createDate":"2025-07-24-20-23-14","prefixes":[%s],"ipv6_prefixes":[%s]}`, strings.Join(four, ","), strings.Join(six, ","))
}

// realRows has rows of the list of 2025-07-24, and a few around them.
var realRows = awsJSON(
	"96.0.56.0/22 us-east-1-scl-1 AMAZON", "96.0.56.0/22 us-east-1-scl-1 EC2",
	"15.220.192.0/22 ap-southeast-1-bkk-1 EC2",
	"52.74.0.0/16 ap-southeast-1 EC2", "52.74.0.0/16 ap-southeast-1 AMAZON",
	"54.222.64.0/24 cn-north-1 EC2",
	"52.95.226.0/24 ap-east-1 EC2",
	"15.220.208.128/26 us-west-2-las-1b EC2", "15.220.208.0/21 us-west-2 EC2",
	"13.228.0.0/15 ap-southeast-1 EC2", "13.228.69.0/24 ap-southeast-1 CLOUDFRONT", "13.228.69.0/24 ap-southeast-1 AMAZON",
	"64.252.64.0/18 GLOBAL CLOUDFRONT", "64.252.81.0/24 sa-east-1 EC2",
	"99.77.128.0/18 GLOBAL CHIME_MEETINGS", "99.77.130.0/24 us-west-2 EC2",
	"15.197.34.0/23 GLOBAL GLOBALACCELERATOR", "99.83.102.0/24 ap-southeast-1 GLOBALACCELERATOR",
	"3.4.8.0/24 GLOBAL EC2",
	"2406:da70:8000::/40 ap-southeast-1 AMAZON", "2600:9000:3000::/36 GLOBAL CLOUDFRONT",
	"44.240.0.0/12 us-west-2 EC2", "44.240.0.0/12 us-west-1 EC2",
)

func mustAWS(t testing.TB, text string) *Source {
	t.Helper()
	s, err := ReadAWS([]byte(text), "ip-ranges.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAWSAssert(t *testing.T) {
	t.Parallel()
	s := mustAWS(t, realRows)
	tests := []struct{ addr, want string }{
		{"96.0.57.1", "provider_range CL aws:us-east-1-scl-1 96.0.56.0/22"},            // Santiago, of region us-east-1
		{"15.220.193.7", "provider_range TH aws:ap-southeast-1-bkk-1 15.220.192.0/22"}, // Bangkok, of region ap-southeast-1
		{"52.74.1.1", "provider_range SG aws:ap-southeast-1 52.74.0.0/16"},
		{"54.222.64.9", "provider_range CN aws:cn-north-1 54.222.64.0/24"},
		{"52.95.226.9", "provider_range HK aws:ap-east-1 52.95.226.0/24"},
		{"15.220.208.130", "provider_range  aws:us-west-2-las-1b 15.220.208.128/26"}, // unknown group: never the region around it
		{"15.220.209.1", "provider_range US aws:us-west-2 15.220.208.0/21"},
		{"13.228.1.1", "provider_range SG aws:ap-southeast-1 13.228.0.0/15"},
		{"13.228.69.1", "edge   13.228.69.0/24, provider_range SG aws:ap-southeast-1 13.228.69.0/24"},
		{"64.252.65.1", "edge   64.252.64.0/18"},
		{"64.252.81.1", "edge   64.252.81.0/24, provider_range BR aws:sa-east-1 64.252.81.0/24"}, // inside a CloudFront block
		{"99.77.128.1", "edge   99.77.128.0/18"},
		{"99.77.130.1", "provider_range US aws:us-west-2 99.77.130.0/24"}, // GLOBAL, but a longer prefix has a region
		{"15.197.34.1", "edge   15.197.34.0/23"},
		{"99.83.102.1", "edge   99.83.102.0/24, provider_range SG aws:ap-southeast-1 99.83.102.0/24"},
		{"3.4.8.8", "edge   3.4.8.0/24"},
		{"2406:da70:8001::1", "provider_range SG aws:ap-southeast-1 2406:da70:8000::/40"},
		{"2600:9000:3000::1", "edge   2600:9000:3000::/36"},
		{"44.241.1.1", "provider_range US aws:us-west-2 44.240.0.0/12, provider_range US aws:us-west-1 44.240.0.0/12"},
		{"9.9.9.9", ""}, {"2400::1", ""},
	}
	for _, tt := range tests {
		var got []string
		for _, a := range s.Assert(netip.MustParseAddr(tt.addr), nil) {
			got = append(got, fmt.Sprintf("%s %v %s %v", a.Class, a.In, a.Region, a.Prefix))
			if a.Source != "aws" || a.Lineage != "aws" || a.Dataset == nil || (a.Class == residency.ClassEdge && a.Note == "") {
				t.Errorf("Assert(%s): incomplete assertion %+v", tt.addr, a)
			}
		}
		if g := strings.Join(got, ", "); g != tt.want {
			t.Errorf("Assert(%s) = %q, want %q", tt.addr, g, tt.want)
		}
	}
	d := s.Dataset()
	if !d.Built.Equal(time.Date(2025, 7, 24, 20, 23, 14, 0, time.UTC)) || d.Records != 19 || len(d.SHA256) != 64 || d.Class != residency.ClassProvider {
		t.Errorf("Dataset() = %+v", d)
	}
}

func TestReadAWSBad(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"empty", "", "empty file"},
		{"a web page", "<!DOCTYPE html><title>403 Forbidden</title>", "a web page, not a list"},
		{"half a file", realRows[:len(realRows)/2], "not the JSON that is published, or half of it"},
		{"another JSON", `{"addresses":["1.2.3.0/24"]}`, `createDate "" is no date`},
		{"a list", `[1,2]`, "not the JSON that is published"},
		{"a bad date", strings.Replace(realRows, "2025-07-24-20-23-14", "yesterday", 1), `createDate "yesterday" is no date`},
		{"no prefixes", awsJSON(), "no prefixes in it"},
		{"only bogons", awsJSON("10.0.0.0/8 us-east-1 EC2"), "no prefixes in it"},
		{"host bits", awsJSON("52.74.0.1/16 ap-southeast-1 EC2"), `entry 1: "52.74.0.1/16" has host bits set: 52.74.0.0/16 is meant, or another`},
		{"no length", awsJSON("52.74.0.0/16 a EC2", "52.75.0.0 a EC2"), `entry 2: "52.75.0.0" is no prefix`},
		{"length out of range", awsJSON("52.74.0.0/33 a EC2"), `"52.74.0.0/33" is no prefix`},
		{"mapped", awsJSON("::ffff:52.74.0.0/112 a EC2"), "is a mapped IPv4 prefix"},
		{"no group", `{"createDate":"2025-07-24-20-23-14","prefixes":[{"ip_prefix":"52.74.0.0/16","region":"ap-southeast-1","service":"EC2"}]}`, "52.74.0.0/16 has no network_border_group"},
		{"no prefix", `{"createDate":"2025-07-24-20-23-14","prefixes":[{"network_border_group":"ap-southeast-1"}]}`, `"" is no prefix`},
		{"trailing bytes", realRows + "x", "not the JSON that is published"},
	}
	for _, tt := range tests {
		s, err := ReadAWS([]byte(tt.text), "feed.json")
		if err == nil || s != nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "read AWS ranges feed.json: ") {
			t.Errorf("ReadAWS(%s): error %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestReadAWSSkips(t *testing.T) {
	t.Parallel()
	s := mustAWS(t, awsJSON("52.74.0.0/16 ap-southeast-1 EC2", "52.74.0.0/16 ap-southeast-1 EC2", "10.0.0.0/8 x EC2", "0.0.0.0/0 x EC2", "::/0 x EC2", "fd00::/16 x EC2", "224.0.0.0/8 x EC2", "127.0.0.0/8 x EC2"))
	if s.Skipped() != 6 || s.Dataset().Records != 1 {
		t.Errorf("skipped %d and kept %d, want 6 and 1", s.Skipped(), s.Dataset().Records)
	}
	if got := s.Assert(netip.MustParseAddr("9.9.9.9"), nil); len(got) != 0 {
		t.Errorf("a default route speaks: %+v", got)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "ip-ranges.json")
	if err := os.WriteFile(path, []byte(realRows), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, "aws", time.Time{})
	if err != nil || s.Dataset().File != path || s.Dataset().Name != "ip-ranges.json" {
		t.Errorf("Open = %+v, %v", s, err)
	}
	for _, tt := range []struct{ path, provider, want string }{
		{path, "amazon", `no such provider of ranges: "amazon"`},
		{dir, "aws", "a directory"},
		{filepath.Join(dir, "none.json"), "aws", "no such file"},
		{os.DevNull, "aws", "not a regular file"},
	} {
		if _, err := Open(tt.path, tt.provider, time.Time{}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) {
			t.Errorf("Open(%s, %s): %v, want %q with the name", tt.path, tt.provider, err, tt.want)
		}
	}
}

// TestLongestMatch compares the table with a slow search through all rows.
func TestLongestMatch(t *testing.T) {
	t.Parallel()
	var rows []string
	groups := []string{"us-east-1", "ap-southeast-1", "eu-central-1", "cn-north-1"}
	for i := range 400 {
		b := netip.AddrFrom4([4]byte{byte(20 + i%3), byte(i * 7), byte(i * 13), 0})
		rows = append(rows, fmt.Sprintf("%v %s EC2", netip.PrefixFrom(b, 10+i%15).Masked(), groups[i%len(groups)]))
	}
	s := mustAWS(t, awsJSON(rows...))
	for i := range 2000 {
		addr := netip.AddrFrom4([4]byte{byte(20 + i%3), byte(i * 11), byte(i * 5), 9})
		bits := -1
		for _, row := range rows {
			if p := netip.MustParsePrefix(strings.Fields(row)[0]); p.Contains(addr) {
				bits = max(bits, p.Bits())
			}
		}
		got := s.Assert(addr, nil)
		if (bits < 0) != (len(got) == 0) || (bits >= 0 && got[0].Prefix.Bits() != bits) {
			t.Fatalf("Assert(%v) = %+v, want a prefix of %d bits", addr, got, bits)
		}
	}
}

func FuzzReadAWS(f *testing.F) {
	f.Add([]byte(awsJSON("52.74.0.0/16 ap-southeast-1 EC2", "2406:da70:8000::/40 ap-southeast-1 AMAZON")))
	f.Add([]byte(awsJSON("64.252.64.0/18 GLOBAL CLOUDFRONT", "64.252.81.0/24 sa-east-1 EC2")))
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadAWS(data, "fuzz")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "read AWS ranges fuzz: ") {
				t.Errorf("error %q does not name the file", err)
			}
			return
		}
		for _, p := range s.Prefixes() {
			said := s.Assert(p.Addr(), nil)
			if len(said) == 0 {
				t.Errorf("%v is in the list and nothing is said of it", p)
			}
			for _, a := range said {
				if !a.Prefix.Contains(p.Addr()) || a.Prefix.Bits() < p.Bits() || a.In.Len() > 1 {
					t.Errorf("Assert(%v) = %+v", p.Addr(), a)
				}
			}
		}
	})
}
