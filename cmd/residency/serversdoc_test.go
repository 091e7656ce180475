package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"residency/internal/resolve"
)

// TestServersDoc: the configuration in docs/servers.md loads and makes servers,
// and the text knows the operators and limits that the program knows.
func TestServersDoc(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/servers.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(raw)), " ")
	e, _ := configure(t, "", "10")
	dir := t.TempDir()
	key := ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
	if err := os.WriteFile(filepath.Join(dir, "root.key"), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, b := range blocks(string(raw)) {
		n++
		if b.lang != "toml" {
			t.Errorf("a block of kind %q that no test runs", b.lang)
			continue
		}
		cfg, err := e.loader().Parse(filepath.Join(dir, "config.toml"), []byte(someVendor+strings.Join(b.lines, "\n")+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := e.resolver(cfg)
		if err != nil || len(r.Servers) != 5 || r.NewValidator == nil || r.Servers[4].NewValidator == nil || r.Servers[3].InFlight != 2 {
			t.Errorf("the block makes %+v, %v", r, err)
		}
		if err := e.describe(cfg); err != nil {
			t.Error(err)
		}
		for _, want := range []string{"run by google", "run by quad9", "run by acme", "found from the root"} {
			if out := e.stdout.(*bytes.Buffer).String(); !strings.Contains(out, want) {
				t.Errorf("config check does not say %q:\n%s", want, out)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d blocks, want 1", n)
	}
	for _, name := range resolve.KnownOperators() {
		if !strings.Contains(text, name) {
			t.Errorf("docs/servers.md does not name the operator %s", name)
		}
	}
	for _, want := range []string{"`check` (" + checkTimeout.String() + ")", "`watch` (" + watchTimeout.String() + ")", "`intercepted`", "look_queries", "run_queries"} {
		if !strings.Contains(text, want) {
			t.Errorf("docs/servers.md does not say %q", want)
		}
	}
}

// TestAnchorsFile: a file with keys that cannot be used is said with its name.
func TestAnchorsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.key")
	if err := os.WriteFile(bad, []byte(". A 192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{bad: "bad.key: read trust anchor", filepath.Join(dir, "none"): "no such file"} {
		if list, err := readAnchors(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("readAnchors(%s) = %v, %v, want an error with %q", path, list, err, want)
		}
	}
}
