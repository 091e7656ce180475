package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// FuzzLoad: no bytes make Load panic or hang; it gives a config or problems,
// never both; and it takes for TOML exactly what go-toml's decoder does.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, shipped) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a.b=1\na.c.d=2\n[a]\n[[a.e]]\nx={y={z=[{}]}}"))
	f.Add([]byte("[a.b]\n[a]\n[[a.c]]\n[a.c.d]\nx=1_0\ny=07:32:00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := testLoader().load("config.toml", memory{"config.toml": data, "hosts.txt": data})
		if (c == nil) == (err == nil) {
			t.Fatalf("Load = %v, %v: want one of the two", c, err)
		}
		if err == nil {
			for _, e := range c.Endpoints() {
				if host, why, _ := hostName(e.Host); host != e.Host {
					t.Errorf("host %q is not in its final form: %q %s", e.Host, host, why)
				}
			}
			for _, cl := range c.Claims {
				if cl.ID == "" || len(cl.Services) == 0 || len(cl.Markets) == 0 || cl.Regions.Empty() {
					t.Errorf("claim %+v selects nothing", cl)
				}
			}
		}
		sameAsDecoder(t, data)
	})
}

// sameAsDecoder holds the tree to the decoder: what one refuses, the other does.
func sameAsDecoder(t *testing.T, data []byte) {
	t.Helper()
	var ps problems
	src := newSource("config.toml", "config.toml", 0, data)
	if r := (&reading{}); !r.readable(src) {
		return
	}
	treeOf(src, &ps)
	var tree map[string]any
	err := toml.Unmarshal(src.data, &tree)
	if err == nil && len(ps.list) > 0 {
		t.Errorf("the decoder takes %q, the tree does not: %v", data, ps.err())
	}
	if err != nil && len(ps.list) == 0 {
		confirm(src, &ps)
		if len(ps.list) == 0 {
			t.Errorf("the decoder refuses %q (%v), and nobody says so", data, err)
		}
	}
}
