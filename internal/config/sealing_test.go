package config

import "testing"

func TestEvidenceTable(t *testing.T) {
	t.Parallel()
	const base = `
[[market]]
code = "IN"
client_subnets = ["49.36.0.0/24"]
[[vendor]]
id = "v"
service = [{id = "a", endpoints = ["a.example.com"]}]
[[policy]]
id = "p"
vendor = "v"
regions = ["IN"]
[store]
`
	files := memory{"d/config.toml": []byte(base), "d/log.key": []byte("T0PSECRET\n")}
	c, err := testLoader().load("d/config.toml", files)
	if err != nil || !c.Evidence.Key.IsZero() || c.Evidence.Checkpoint != "d/residency.db.checkpoint" {
		t.Fatalf("without [evidence]: %+v, %v", c.Evidence, err)
	}
	files["d/config.toml"] = []byte(base + `
[evidence]
key = "file:log.key"
checkpoint = "../cp"
publish_git = "pub"
[[evidence.witness]]
url = "https://w.example.com/a/"
key = "w.example.com+01234567+AAAA"
`)
	if c, err = testLoader().load("d/config.toml", files); err != nil {
		t.Fatal(err)
	}
	e := c.Evidence
	if e.KeyFile != "d/log.key" || e.Checkpoint != "cp" || e.PublishGit != "d/pub" || len(e.Witnesses) != 1 || e.Witnesses[0].URL != "https://w.example.com/a" {
		t.Errorf("[evidence] = %+v", e)
	}
	if key, err := e.Key.Reveal(); err != nil || key != "T0PSECRET" {
		t.Errorf("key = %q, %v", key, err)
	}
}
