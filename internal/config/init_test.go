package config

import (
	"strings"
	"testing"

	"residency/internal/residency"
)

func TestInit(t *testing.T) {
	t.Parallel()
	full := Answers{
		Organisation: `Examp"le \ Team`, Contact: "compliance@example.org", Timezone: "Europe/Berlin",
		Vendor: "Ácme & Söhne, Inc.", Hosts: []string{"api.acme.example", "Push.Acme.Example"},
		Markets: []string{"IN", "DE"}, Regions: []string{"EU", "US"}, Never: []string{"CN"},
		Due: "2026-10-31", SaidBy: "Jane Doe", SaidOn: "2026-01-02", Quote: "we'll be \"home\"\nsoon", Source: "https://acme.example/x",
	}
	least := Answers{Vendor: "米", Hosts: []string{"a.example"}, Markets: []string{"SG"}, Never: []string{"CN"}}
	rule := full
	rule.Policy = true
	for name, a := range map[string]Answers{"full": full, "least": least, "policy": rule} {
		text, err := Init(a)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c, err := load(t, Loader{}, memory{"config.toml": text})
		if err != nil {
			t.Errorf("%s: what Init writes does not load: %v\n%s", name, err, text)
			continue
		}
		cl := c.Claims[0]
		if len(c.Endpoints()) != len(a.Hosts) || len(cl.Markets) != len(a.Markets) || c.Vendors[0].Name != a.Vendor || cl.Quote != a.Quote {
			t.Errorf("%s: config = %+v", name, c)
		}
		if a.Policy != (cl.Kind == residency.KindPolicy) || a.Policy && cl.FromOn.String() != a.Due || !a.Policy && cl.DueOn.String() != a.Due {
			t.Errorf("%s: claim = %+v", name, cl)
		}
		if len(c.Warnings) > 0 || strings.Count(string(text), "\n#") < 8 {
			t.Errorf("%s: warnings %v, or too few comments:\n%s", name, c.Warnings, text)
		}
	}
}

func TestInitRefuses(t *testing.T) {
	t.Parallel()
	_, err := Init(Answers{})
	if want := "write configuration: missing: the vendor; at least one host; at least one market; regions where data may go, or countries where it never may"; err == nil || err.Error() != want {
		t.Errorf("Init of nothing = %v, want %s", err, want)
	}
	a := Answers{Vendor: "Acme", Hosts: []string{"https://a.example/"}, Markets: []string{"UK"}, Regions: []string{"aws:us-west-2"}}
	_, err = Init(a)
	want := `--market: "UK" is no country code
hint: did you mean "GB"?
--host: "https://a.example/" is a URL, not a host name
hint: did you mean "a.example"?
--regions: "aws:us-west-2" is not a region
hint: no regions of a provider "aws" are known`
	if err == nil || err.Error() != want {
		t.Errorf("Init = %v, want\n%s", err, want)
	}
	a.Hosts, a.Markets, a.HostsAs = []string{"192.0.2.1"}, []string{"GB", "GB"}, "HOST"
	want = "HOST: \"192.0.2.1\" is an address, not a host name\nhint: only a configuration file can name it: endpoints = [{ address = \"192.0.2.1\" }]"
	if _, err := testLoader().Init(a); err == nil || err.Error() != want {
		t.Errorf("Init with an address = %v, want\n%s", err, want)
	}
	a.Hosts = []string{"a.example", "a.example"}
	if _, err := testLoader().Init(a); err != nil {
		t.Errorf("Init with known provider regions = %v", err)
	}
	a.Due = "2026-02-30\nhistoric = true"
	if _, err := testLoader().Init(a); err == nil || !strings.HasPrefix(err.Error(), "--due: ") {
		t.Errorf("Init with an impossible date = %v", err)
	}
}
