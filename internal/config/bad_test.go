package config

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

var update = flag.Bool("update", false, "write the expected messages beside the bad files, and the schema at the top level")

// testLoader knows a few provider regions and no environment.
func testLoader() Loader {
	region := func(id, country string) residency.ProviderRegion {
		return residency.ProviderRegion{ID: id, Country: residency.MustCountry(country)}
	}
	return Loader{ProviderRegions: []residency.ProviderRegion{
		region("aws:ap-southeast-1", "SG"), region("aws:us-west-1", "US"), region("aws:us-west-2", "US"), region("aws:cn-north-1", "CN"),
	}, DataSources: []string{"aws", "geolite2-country"}, FarFrom: farFromSingapore}
}

// farFromSingapore knows one country, as a point on a plane.
func farFromSingapore(c residency.Country, lat, lon float64) (float64, bool) {
	return 111 * math.Hypot(lat-1.35, lon-103.82), c == residency.MustCountry("SG")
}

// TestBadFiles holds every bad file to the exact messages beside it.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) < 30 {
		t.Fatalf("found %d bad files, want at least 30 (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			t.Parallel()
			c, err := testLoader().Load(file)
			if err == nil || c != nil {
				t.Fatalf("Load(%s) = %v, %v, want no config and an error", file, c, err)
			}
			got := strings.ReplaceAll(err.Error(), "testdata/bad/", "") + "\n"
			if strings.Contains(got, "T0PSECRET") {
				t.Errorf("Load(%s) shows a secret:\n%s", file, got)
			}
			golden := strings.TrimSuffix(file, ".toml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("Load(%s) says otherwise (-want +got):\n%s", file, diff)
			}
		})
	}
}
