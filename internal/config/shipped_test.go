package config

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"residency/internal/residency"
)

const shipped = "../../config.toml"

// TestShippedConfig holds the file people read first to what it promises:
// three historic claims by phase, and one live rule.
func TestShippedConfig(t *testing.T) {
	t.Parallel()
	c, err := Loader{}.Load(shipped)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("the shipped file has warnings: %v", c.Warnings)
	}
	var markets []string
	for _, m := range c.Markets {
		markets = append(markets, m.Code.String())
	}
	if got, want := strings.Join(markets, " "), "IN HK ID MY PH SG TW"; got != want {
		t.Errorf("markets = %s, want %s", got, want)
	}
	want := []struct {
		id, kind, services, regions, never, due string
		live                                    bool
	}{
		{"phase-1", "claim", "e-commerce", "US, SG", "", "2014-10-31T18:30:00Z", false},
		{"phase-2a", "claim", "account", "US, SG", "", "2014-10-31T18:30:00Z", false},
		{"phase-2b", "claim", "cloud-messaging cloud", "US, SG", "", "2014-12-31T18:30:00Z", false},
		{"not-to-china", "policy", "account e-commerce cloud-messaging cloud smart-home telemetry", "*", "CN", "0001-01-01T00:00:00Z", true},
	}
	if len(c.Claims) != len(want) {
		t.Fatalf("%d claims and policies, want %d", len(c.Claims), len(want))
	}
	for i, w := range want {
		g := c.Claims[i]
		if g.ID != w.id || g.Kind.String() != w.kind || strings.Join(g.Services, " ") != w.services ||
			g.Regions.String() != w.regions || g.Never.String() != w.never || g.Live() != w.live ||
			g.Due.UTC().Format(time.RFC3339) != w.due || len(g.Markets) != 7 || g.Floor != residency.Corroborated {
			t.Errorf("claim %d = %+v, want %+v", i, g, w)
		}
	}
	for _, e := range c.Endpoints() {
		if e.Source == "" {
			t.Errorf("%s has no source", e.Key())
		}
	}
	if got, want := c.Resolve.Servers[0].Addresses[1], "[2001:4860:4860::8888]:53"; got != want {
		t.Errorf("second address = %s, want %s", got, want)
	}
	for _, s := range c.Resolve.Servers {
		if !s.PassesSubnets || s.Learns == "" {
			t.Errorf("server %s: passes subnets %v, learns %q", s.Name, s.PassesSubnets, s.Learns)
		}
	}
}

// TestShippedRoles holds the two endpoints whose role changes how they are judged.
func TestShippedRoles(t *testing.T) {
	t.Parallel()
	c, err := Loader{}.Load(shipped)
	if err != nil {
		t.Fatal(err)
	}
	roles := map[string]residency.Role{}
	for _, e := range c.Endpoints() {
		roles[e.Host] = e.Role
	}
	for host, want := range map[string]residency.Role{
		"www.mi.com": residency.RoleCDN, "resolver.msg.global.xiaomi.net": residency.RoleHTTPDNS,
		"api.account.xiaomi.com": residency.RoleAPI, "account.xiaomi.com": residency.RoleOrigin,
	} {
		if got, ok := roles[host]; !ok || got != want {
			t.Errorf("role of %s = %v (listed: %v), want %v", host, got, ok, want)
		}
	}
}

// TestSchemaFile holds the schema at the top level, which editors read, to the
// one the program makes.
func TestSchemaFile(t *testing.T) {
	t.Parallel()
	const file = "../../config.schema.json"
	if *update {
		if err := os.WriteFile(file, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, Schema()) {
		t.Errorf("%s is not what Schema() gives: go test ./internal/config -run SchemaFile -update", file)
	}
	first, _, _ := strings.Cut(readText(t, shipped), "\n")
	if want := "#:schema ./config.schema.json"; first != want {
		t.Errorf("first line of the shipped file = %q, want %q", first, want)
	}
}

// TestSchemaJudges has another's validator read the schema: it takes the
// shipped file and refuses what the loader refuses.
func TestSchemaJudges(t *testing.T) {
	t.Parallel()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("config.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	good := readText(t, shipped)
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"shipped", good, true},
		{"everything", readText(t, "testdata/good/everything.toml"), true},
		{"unknown key", strings.Replace(good, "contact =", "contakt =", 1), false},
		{"unknown table", good + "\n[surprise]\nx = 1\n", false},
		{"wrong type", strings.Replace(good, `code = "IN"`, `code = 91`, 1), false},
		{"bad role", strings.Replace(good, `role = "cdn"`, `role = "edge"`, 1), false},
		{"missing id", strings.Replace(good, `id       = "phase-1"`, ``, 1), false},
	} {
		var tree map[string]any
		if err := toml.Unmarshal([]byte(tt.text), &tree); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		data, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != tt.ok {
			t.Errorf("%s: schema says %v, want ok = %v", tt.name, err, tt.ok)
		}
	}
}

// TestShippedSets holds the shipped sets to facts that are easily got wrong.
func TestShippedSets(t *testing.T) {
	t.Parallel()
	sets, err := ShippedSets()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]NamedSet{}
	for _, s := range sets {
		byName[s.Name] = s
		if _, err := residency.ParseDate(s.AsOf); err != nil || !strings.HasPrefix(s.Source, "https://") || s.Doc == "" {
			t.Errorf("set %s has no date, source or description: %+v", s.Name, s)
		}
	}
	for _, tt := range []struct {
		set    string
		size   int
		in, no string
	}{
		{"EU", 27, "DE HR IE CY", "GB CH NO US"},
		{"EEA", 30, "DE IS LI NO", "GB CH US"},
		{"EU-adequate", 15, "GB CH JP KR BR CA", "US DE CN IN SG NO"},
	} {
		s := byName[tt.set]
		if s.Countries.Len() != tt.size {
			t.Errorf("%s has %d countries, want %d", tt.set, s.Countries.Len(), tt.size)
		}
		for _, code := range strings.Fields(tt.in) {
			if !s.Countries.Has(residency.MustCountry(code)) {
				t.Errorf("%s is not in %s", code, tt.set)
			}
		}
		for _, code := range strings.Fields(tt.no) {
			if s.Countries.Has(residency.MustCountry(code)) {
				t.Errorf("%s is in %s", code, tt.set)
			}
		}
	}
}

// TestEveryKeyIsDocumented holds the one table to its purpose.
func TestEveryKeyIsDocumented(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var walk func(*table)
	walk = func(tab *table) {
		if seen[tab.name] {
			return
		}
		seen[tab.name] = true
		for _, k := range tab.keys {
			if !strings.HasSuffix(k.doc, ".") || strings.ToLower(k.name) != k.name {
				t.Errorf("%s.%s: documentation %q", tab.name, k.name, k.doc)
			}
			if k.kind.wants() == "" {
				t.Errorf("%s.%s has no kind", tab.name, k.name)
			}
			if slices.Contains(k.alias, k.name) {
				t.Errorf("%s.%s is its own alias", tab.name, k.name)
			}
			if k.of != nil {
				walk(k.of)
			}
		}
	}
	walk(rootTable())
	if len(seen) < 15 {
		t.Errorf("walked %d tables, want at least 15", len(seen))
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
