package config

import (
	"path/filepath"
	"testing"
)

// TestOperatorAndAnchors: who runs a server, in small letters so that two ways
// to write it are one operator, and the file with its keys, beside the
// configuration.
func TestOperatorAndAnchors(t *testing.T) {
	t.Parallel()
	c, err := testLoader().Load("testdata/good/everything.toml")
	if err != nil {
		t.Fatal(err)
	}
	lab, here := c.Resolve.Servers[0], c.Resolve.Servers[1]
	if want := filepath.Join("testdata", "good", "keys", "root.key"); lab.Operator != "acme dns" || lab.TrustAnchors != want {
		t.Errorf("operator %q, anchors %q, want acme dns and %s", lab.Operator, lab.TrustAnchors, want)
	}
	if here.Operator != "" || here.TrustAnchors != "" {
		t.Errorf("operator %q, anchors %q of a server that states none", here.Operator, here.TrustAnchors)
	}
}
