package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"residency/internal/interop/knot"
)

// TestCheckAgainstKnot asks a real authoritative server, which answers by
// client subnet, as seven markets, and wants the cells that follow from what
// it was told to answer.
func TestCheckAgainstKnot(t *testing.T) {
	t.Parallel()
	networks := map[string]string{ // of the re-enactment: all databases agree on them
		"IN": "49.36.0.0/16", "HK": "112.118.0.0/16", "ID": "36.72.0.0/16", "MY": "175.136.0.0/16",
		"PH": "112.198.0.0/16", "SG": "116.86.0.0/16", "TW": "114.24.0.0/16",
	}
	const (
		singapore, oregon, beijing = "A 54.255.51.43", "A 54.200.51.44", "A 42.62.48.9"
	)
	answers := map[string][]string{ // the api host, by market
		"IN": {singapore, beijing}, "HK": {beijing}, "ID": {singapore}, "MY": {singapore},
		"PH": {oregon}, "SG": {singapore, oregon}, "TW": {oregon},
	}
	want := map[string]string{
		"api IN": "outside", "api HK": "outside", "api ID": "inside", "api MY": "inside",
		"api PH": "inside", "api SG": "inside", "api TW": "inside",
	}
	zone := knot.Zone{Origin: "acme.example", Records: "plain A 54.255.51.43\nnodata TXT \"no address\"\n"}
	config := "[[vendor]]\nid = \"acme\"\n[[vendor.service]]\nid = \"s\"\n" +
		"endpoints = [\"api.acme.example\", \"plain.acme.example\", \"nodata.acme.example\", \"gone.acme.example\"]\n" +
		"[[policy]]\nid = \"p\"\nvendor = \"acme\"\nregions = [\"US\", \"SG\"]\n"
	for code, network := range networks {
		p := netip.MustParsePrefix(network)
		zone.Geo = append(zone.Geo, knot.Answer{Host: "api.acme.example", Network: p, Records: answers[code]})
		config += fmt.Sprintf("[[market]]\ncode = %q\nclient_subnets = [\"%s/24\"]\n", code, p.Addr())
		want["plain "+code] = "inside"
		want["nodata "+code] = "not_measured"
		want["gone "+code] = "not_measured"
	}
	const root, tld, leaf = "127.0.0.1", "127.0.0.2", "127.0.0.3"
	zone.Address = leaf
	hosts := knot.StartAll(t,
		knot.Host{Address: root, Zones: []knot.Zone{{Origin: ".", Address: root, Records: "example NS ns.example\nns.example A " + tld}}},
		knot.Host{Address: tld, Zones: []knot.Zone{{Origin: "example", Address: tld, Records: "acme NS ns.acme\nns.acme A " + leaf}}},
		knot.Host{Address: leaf, Zones: []knot.Zone{zone}})
	direct := fmt.Sprintf("[[resolve.server]]\nname = \"knot\"\naddresses = [%q]\nauthoritative = true\n", hosts[2].Addr)
	fromRoot := fmt.Sprintf("[[resolve.server]]\nname = \"iterative\"\niterative = true\nroot_hints = [%q]\nport = %d\nallow_special = true\n",
		hosts[0].Addr, netip.MustParseAddrPort(hosts[0].Addr).Port())
	t.Run("directly", func(t *testing.T) { checkCells(t, config+direct, want) })
	t.Run("from the root", func(t *testing.T) { checkCells(t, config+fromRoot, want) })
}

// checkCells runs check with the configuration and compares its cells, "host
// market", with those wanted; one of them is outside.
func checkCells(t *testing.T, config string, want map[string]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}

	var out, errs bytes.Buffer
	if code := run(t.Context(), testEnv(&out, &errs), []string{"check", "--config", path, "--format", "csv"}); code != 2 {
		t.Fatalf("exit code %d, want 2\n%s%s", code, &out, &errs)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, row := range rows[1:] { // claim,vendor,service,endpoint,market,verdict,...
		host, _, _ := strings.Cut(row[3], ".")
		got[host+" "+row[4]] = row[5]
	}
	for cell, verdict := range want {
		if got[cell] != verdict {
			t.Errorf("%s: %s, want %s", cell, got[cell], verdict)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d cells, want %d: %v", len(got), len(want), got)
	}
}
