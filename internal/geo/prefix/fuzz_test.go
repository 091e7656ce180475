package prefix

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// fuzz feeds a reader and holds what is true of every source: an error names
// the file, and each prefix of a list speaks, by itself or a longer one.
func fuzz(f *testing.F, read func([]byte) (*Source, error), seeds ...string) {
	for _, seed := range seeds {
		data, err := os.ReadFile(filepath.Join("testdata", seed))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Add([]byte("<html>"))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := read(data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "read ") || !strings.Contains(err.Error(), "fuzz") {
				t.Errorf("error %q does not name the file", err)
			}
			return
		}
		if s.Dataset().Records == 0 || len(s.Skips()) > s.Skipped() {
			t.Errorf("%d records, %d of %d skipped", s.Dataset().Records, len(s.Skips()), s.Skipped())
		}
		for _, p := range s.Prefixes() {
			said := s.Assert(p.Addr(), nil)
			if len(said) == 0 || bogon(p) {
				t.Errorf("%v is in the list and %d things are said of it", p, len(said))
			}
			for _, a := range said {
				veto := a.Class == residency.ClassEdge || a.Class == residency.ClassAnycast
				if !a.Prefix.Contains(p.Addr()) || a.Prefix.Bits() < p.Bits() || a.Dataset == nil || veto && !a.In.Empty() {
					t.Errorf("Assert(%v) = %+v", p.Addr(), a)
				}
			}
		}
	})
}

func ranges(provider string) func([]byte) (*Source, error) {
	return func(data []byte) (*Source, error) { return Read(data, "fuzz", time.Time{}, provider) }
}

func FuzzGoogle(f *testing.F) { fuzz(f, ranges("gcp"), "google-cloud.json") }
func FuzzAzure(f *testing.F)  { fuzz(f, ranges("azure"), "ServiceTags_Public_20250721.json") }
func FuzzOracle(f *testing.F) { fuzz(f, ranges("oci"), "oracle.json") }
func FuzzDigitalOcean(f *testing.F) {
	fuzz(f, ranges("digitalocean"), "digitalocean.csv", "linode.csv")
}
func FuzzVultr(f *testing.F)      { fuzz(f, ranges("vultr"), "vultr.json", "vultr.csv") }
func FuzzExoscale(f *testing.F)   { fuzz(f, ranges("exoscale"), "exoscale.json") }
func FuzzCSV(f *testing.F)        { fuzz(f, ranges("csv"), "own.csv") }
func FuzzFastly(f *testing.F)     { fuzz(f, ranges("fastly"), "fastly.json") }
func FuzzCloudflare(f *testing.F) { fuzz(f, ranges("cloudflare"), "cloudflare-ips-v4") }

func FuzzGeofeed(f *testing.F) {
	fuzz(f, func(data []byte) (*Source, error) { return ReadGeofeed(data, "fuzz", time.Time{}) }, "aws-geo-ip-feed.csv", "linode.csv")
}

func FuzzRegistry(f *testing.F) {
	fuzz(f, func(data []byte) (*Source, error) { return ReadRegistry(data, "fuzz", time.Time{}) }, "delegated-apnic")
}

func FuzzAnycast(f *testing.F) {
	fuzz(f, func(data []byte) (*Source, error) { return ReadAnycast(data, "fuzz", time.Time{}) }, "anycast-v4.csv")
}
