package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNetworks: a database of AS numbers says who announces an address. It is
// shown and has no voice, and does not take the place of the country data of the
// same maker, which the program carries.
func TestNetworks(t *testing.T) {
	t.Parallel()
	asn, err := filepath.Abs("../../internal/geo/mmdb/testdata/GeoLite2-ASN-Test.mmdb")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "own.toml")
	text := someVendor + fmt.Sprintf("[[geo.database]]\nfile = %q\nlineage = \"dbip\"\n", filepath.ToSlash(asn))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		want []string
	}{
		{[]string{"locate", "--format", "ndjson", "1.128.0.1"}, []string{`"asn":1221,"org":"Telstra Pty Ltd"`, `"voices":3,`, `"class":"network","lineage":"dbip","in":[]`}},
		{[]string{"locate", "--format", "csv", "1.128.0.1", "9.9.9.9"}, []string{"1.128.0.1,AU,,1221,3,lineages-agree\n", "9.9.9.9,,,,3,veto\n"}},
		{[]string{"locate", "--format", "table", "1.128.0.1"}, []string{"which network", "AS1221 Telstra Pty Ltd"}},
		{[]string{"data", "list"}, []string{"GeoLite2-ASN-Test.mmdb", "DB-IP Country Lite"}},
	}
	for _, tt := range tests {
		var out, errs bytes.Buffer
		if code := run(t.Context(), testEnv(&out, &errs), append(tt.args, "--config", path)); code != 0 {
			t.Errorf("%v: exit code %d, %s", tt.args, code, errs.String())
		}
		for _, want := range tt.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%v has no %q:\n%s", tt.args, want, out.String())
			}
		}
		if strings.Contains(out.String(), "a file of the configuration speaks for it") {
			t.Errorf("%v: the country data was displaced:\n%s", tt.args, out.String())
		}
	}
}
