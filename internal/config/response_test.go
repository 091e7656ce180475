package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

func TestResponses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.toml")
	text := `
[[market]]
code = "IN"
client_subnets = ["49.36.0.0/24"]
[[vendor]]
id = "acme"
[[vendor.service]]
id = "web"
endpoints = ["www.acme.example"]
[[claim]]
id = "c"
vendor = "acme"
regions = ["US"]
[[claim.response]]
date = 2014-10-24
by = "a spokesman"
text = "We have only read media reports."
source = "https://press.example/24"
[[claim.response]]
date = 2014-11-03
by = "the vice president"
text = "It is done."
[[claim]]
id = "d"
vendor = "acme"
regions = ["US"]
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := testLoader().Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]Response{"c": {
		{On: residency.Date{Year: 2014, Month: 10, Day: 24}, By: "a spokesman", Text: "We have only read media reports.", Source: "https://press.example/24"},
		{On: residency.Date{Year: 2014, Month: 11, Day: 3}, By: "the vice president", Text: "It is done."},
	}}
	if diff := cmp.Diff(want, cfg.Responses); diff != "" {
		t.Errorf("responses (-want +got):\n%s", diff)
	}
}
