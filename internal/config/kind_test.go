package config

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

// kindsText has an endpoint of each kind and servers found from the root.
const kindsText = `
[[market]]
code = "DE"

[[vendor]]
id = "acme"

[[vendor.service]]
id = "sync"
role = "httpdns"
endpoints = [
  { address = "110.43.0.83", role = "origin" },
  { address = "::ffff:192.0.2.1" },
  { url = "https://Bücher.example:8443/path" },
  { url = "http://plain.example/" },
  { url = "mqtts://mq.example:8883" },
  { url = "https://[2001:db8::1]:444/" },
  { host = "acme.example", records = ["MX"] },
  { host = "_xmpp-server._tcp.acme.example", records = ["SRV", "A"] },
]

[[policy]]
id = "p"
vendor = "acme"
never = ["CN"]

[resolve]
types = ["AAAA", "A"]

[[resolve.server]]
name = "plain"
iterative = true

[[resolve.server]]
name = "lab"
iterative = true
root_hints = ["127.0.0.1", "[::1]:54", "127.0.0.2:53"]
port = 5300
qname_minimisation = true
allow_special = true
sample = 2
subnet_labels = 3
look_queries = 50
run_queries = 5000
`

func TestEndpointKinds(t *testing.T) {
	t.Parallel()
	c, err := testLoader().Parse("kinds.toml", []byte(kindsText))
	if err != nil {
		t.Fatal(err)
	}
	ep := func(host string, role residency.Role, change func(*residency.Endpoint)) residency.Endpoint {
		e := residency.Endpoint{Vendor: "acme", Service: "sync", Host: host, Role: role}
		change(&e)
		return e
	}
	want := []residency.Endpoint{
		ep("110.43.0.83", residency.RoleOrigin, func(e *residency.Endpoint) { e.Address = netip.MustParseAddr("110.43.0.83") }),
		ep("192.0.2.1", residency.RoleHTTPDNS, func(e *residency.Endpoint) { e.Address = netip.MustParseAddr("192.0.2.1") }),
		ep("xn--bcher-kva.example", residency.RoleHTTPDNS, func(e *residency.Endpoint) { e.Port, e.URL = 8443, "https://Bücher.example:8443/path" }),
		ep("plain.example", residency.RoleHTTPDNS, func(e *residency.Endpoint) { e.URL = "http://plain.example/" }),
		ep("mq.example", residency.RoleHTTPDNS, func(e *residency.Endpoint) { e.URL = "mqtts://mq.example:8883" }),
		ep("2001:db8::1", residency.RoleHTTPDNS, func(e *residency.Endpoint) {
			e.Address, e.Port, e.URL = netip.MustParseAddr("2001:db8::1"), 444, "https://[2001:db8::1]:444/"
		}),
		ep("acme.example", residency.RoleHTTPDNS, func(e *residency.Endpoint) { e.Records = "MX" }),
		ep("_xmpp-server._tcp.acme.example", residency.RoleHTTPDNS, func(e *residency.Endpoint) { e.Records = "SRV A" }),
	}
	got := c.Endpoints()
	for i := range got {
		got[i].Where = ""
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b residency.Date) bool { return a == b })); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"AAAA", "A"}, c.Resolve.Types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	servers := []*Iterative{
		{Port: 53, SubnetLabels: 2, LookQueries: 256, RunQueries: 1_000_000},
		{Roots: []string{"127.0.0.1:5300", "[::1]:54", "127.0.0.2:53"}, Port: 5300, Minimise: true, AllowSpecial: true,
			Sample: 2, SubnetLabels: 3, LookQueries: 50, RunQueries: 5000},
	}
	for i, want := range servers {
		if diff := cmp.Diff(want, c.Resolve.Servers[i].Iterative); diff != "" {
			t.Errorf("server %d (-want +got):\n%s", i, diff)
		}
	}
	var plain Loader
	d, err := plain.Parse("plain.toml", []byte("[[market]]\ncode = \"DE\"\n[[vendor]]\nid = \"a\"\n[[vendor.service]]\nid = \"s\"\nendpoints = [\"a.example\"]\n[[policy]]\nid = \"p\"\nvendor = \"a\"\nnever = [\"CN\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A", "AAAA", "HTTPS"}, d.Resolve.Types); diff != "" {
		t.Errorf("types by default (-want +got):\n%s", diff)
	}
}
