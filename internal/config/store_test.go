package config

import (
	"testing"
	"time"

	"residency/internal/residency"
)

func TestStoreTable(t *testing.T) {
	t.Parallel()
	const base = `
[[market]]
code = "IN"
client_subnets = ["49.36.0.0/24"]
[[vendor]]
id = "v"
service = [{id = "a", endpoints = ["a.example.com"]}, {id = "b", endpoints = ["b.example.com"]}]
[[policy]]
id = "p"
vendor = "v"
services = ["b"]
regions = ["IN"]
`
	files := memory{"d/config.toml": []byte(base)}
	c, err := testLoader().load("d/config.toml", files)
	if err != nil {
		t.Fatal(err)
	}
	if c.Store.On || c.Store.Keep != 400*24*time.Hour {
		t.Errorf("without [store]: %+v", c.Store)
	}
	files["d/config.toml"] = []byte(base + "[store]\n")
	if c, err = testLoader().load("d/config.toml", files); err != nil || !c.Store.On || c.Store.Path != "d/residency.db" {
		t.Errorf("[store] = %+v, %v", c.Store, err)
	}
	files["d/config.toml"] = []byte(base + `
[store]
path = "../s.db"
keep = "30d"
[[store.hold]]
claim = "p"
reason = "case 7"
owner = "legal"
[[store.hold]]
host = "A.example.com."
reason = "case 8"
owner = "legal"
`)
	if c, err = testLoader().load("d/config.toml", files); err != nil {
		t.Fatal(err)
	}
	if c.Store.Path != "s.db" || c.Store.Keep != 30*24*time.Hour || len(c.Store.Hold) != 2 {
		t.Errorf("[store] = %+v", c.Store)
	}
	for _, tt := range []struct {
		hold    int
		service string
		host    string
		want    bool
	}{
		{0, "b", "b.example.com", true}, {0, "a", "a.example.com", false}, {0, "b", "gone.example.com", true},
		{1, "a", "a.example.com", true}, {1, "b", "b.example.com", false},
	} {
		e := residency.Endpoint{Vendor: "v", Service: tt.service, Host: tt.host}
		if got := c.Store.Hold[tt.hold].Covers(e); got != tt.want {
			t.Errorf("hold %d covers %s = %v, want %v", tt.hold, e.Key(), got, tt.want)
		}
	}
}
