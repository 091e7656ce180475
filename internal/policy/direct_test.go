package policy

import (
	"net/netip"
	"testing"
	"time"

	"residency/internal/residency"
)

// facts are those of one client subnet and the types given, with three
// addresses: two in SG, 192.0.2.9 in CN.
func factsOf(types []string, looks ...residency.Observation) Facts {
	sub := netip.MustParsePrefix("49.36.0.0/24")
	f := Facts{
		Endpoint: residency.Endpoint{Vendor: "v", Service: "s", Host: "a.example"},
		Market:   residency.Market{Code: in, Subnets: []residency.ClientSubnet{{Prefix: sub}}},
		Types:    types, Looks: looks, At: due,
		Locations: map[netip.Addr]residency.Location{
			netip.MustParseAddr("192.0.2.1"):   located("SG", "a=SG", "b=SG"),
			netip.MustParseAddr("2001:db8::1"): located("SG", "a=SG", "b=SG"),
			netip.MustParseAddr("192.0.2.9"):   located("CN", "a=CN", "b=CN"),
		},
	}
	for i := range f.Looks {
		f.Looks[i].Market, f.Looks[i].Subnet.Prefix, f.Looks[i].Resolver = in, sub, "r"
	}
	return f
}

// seen is a look of a type that showed addresses, tailored to the market.
func seen(typ string, addrs ...string) residency.Observation {
	o := residency.Observation{Question: residency.Question{Type: typ}, Rcode: "NOERROR", Tailoring: residency.TailoringSpecific}
	for _, a := range addrs {
		o.Addresses = append(o.Addresses, residency.Answer{Address: netip.MustParseAddr(a)})
	}
	return o
}

// lost is a look that failed after it had shown addresses.
func lost(typ string, f residency.Failure, addrs ...string) residency.Observation {
	o := seen(typ, addrs...)
	o.Failure = f
	return o
}

// from puts a look at a server of the last of the zones.
func from(o residency.Observation, zones ...string) residency.Observation {
	for _, z := range zones {
		o.Path = append(o.Path, residency.Delegation{Zone: z})
	}
	return o
}

// TestLooksBesideTheNeeds: HTTPS records can add addresses and are no need; a
// look that failed half way counts with what it showed; a zone that nobody
// answered for is not passed over.
func TestLooksBesideTheNeeds(t *testing.T) {
	t.Parallel()
	c := claim(countries("SG"), "")
	both := []string{"A", "AAAA"}
	a, aaaa := seen("A", "192.0.2.1"), seen("AAAA", "2001:db8::1")
	for _, tt := range []struct {
		name    string
		facts   Facts
		want    residency.Verdict
		reasons string
	}{
		{"HTTPS fails", factsOf(both, a, aaaa, lost("HTTPS", residency.FailNotimp)), residency.Inside, ""},
		{"HTTPS silent", factsOf(both, a, aaaa, lost("HTTPS", residency.FailTimeout)), residency.Inside, ""},
		{"HTTPS shows an address outside", factsOf(both, a, aaaa, seen("HTTPS", "192.0.2.9")), residency.Outside, ""},
		{"HTTPS fails half way and shows one outside", factsOf(both, a, aaaa, lost("HTTPS", residency.FailServfail, "192.0.2.9")), residency.Outside, ""},
		{"HTTPS alone meets nothing", factsOf(both, seen("HTTPS", "192.0.2.1")), residency.NotMeasured, "cancelled"},
		{"MX is a need where it is declared", factsOf([]string{"MX"}, lost("MX", residency.FailServfail, "192.0.2.1")), residency.NotMeasured, "servfail"},
		{"MX answered", factsOf([]string{"MX"}, seen("MX", "192.0.2.1")), residency.Inside, ""},
		{"a server of the last zone lost", factsOf(both, from(a, ".", "a.example"), from(aaaa, ".", "a.example"),
			from(lost("A", residency.FailTimeout), ".", "a.example")), residency.Inside, ""},
		{"a server on the way lost", factsOf(both, from(a, ".", "a.example", "cdn.example"), from(aaaa, ".", "a.example", "cdn.example"),
			from(lost("A", residency.FailLame), ".", "a.example")), residency.Inside, ""},
		{"a zone that some are sent to, silent", factsOf(both, from(a, ".", "a.example", "cdn.example"), from(aaaa, ".", "a.example", "cdn.example"),
			from(lost("A", residency.FailTimeout), ".", "a.example", "other.example")), residency.Undetermined, "timeout"},
		{"a look from the root that was cut short", factsOf(both, from(a, ".", "a.example"), from(aaaa, ".", "a.example"),
			lost("A", residency.FailChainTooLong)), residency.Undetermined, "chain-too-long"},
	} {
		got := Judge(c, tt.facts)
		if got.Verdict != tt.want || reasons(got.Reasons) != tt.reasons {
			t.Errorf("%s: %v (%s), want %v (%s)", tt.name, got.Verdict, reasons(got.Reasons), tt.want, tt.reasons)
		}
	}
}

// TestAddressEndpoint: an endpoint that is an address is judged by where it
// is, with no need and no look.
func TestAddressEndpoint(t *testing.T) {
	t.Parallel()
	c := claim(countries("SG"), "")
	for _, tt := range []struct {
		addr    string
		retired time.Time
		role    residency.Role
		want    residency.Verdict
		reasons string
		counts  bool
	}{
		{"192.0.2.1", time.Time{}, residency.RoleOrigin, residency.Inside, "", true},
		{"192.0.2.9", time.Time{}, residency.RoleOrigin, residency.Outside, "", true},
		{"192.0.2.77", time.Time{}, residency.RoleOrigin, residency.Undetermined, "no-evidence", true},
		{"192.0.2.9", due.Add(-time.Hour), residency.RoleOrigin, residency.Outside, "", false},
		{"192.0.2.1", time.Time{}, residency.RoleHTTPDNS, residency.Undetermined, "bypasses-dns", true},
	} {
		f := factsOf(nil)
		f.Endpoint.Address = netip.MustParseAddr(tt.addr)
		f.Endpoint.Host, f.Endpoint.Retired, f.Endpoint.Role = tt.addr, tt.retired, tt.role
		got := Judge(c, f)
		if got.Verdict != tt.want || reasons(got.Reasons) != tt.reasons || got.Counts != tt.counts {
			t.Errorf("%s: %v (%s), counts %v; want %v (%s), %v", tt.addr, got.Verdict, reasons(got.Reasons), got.Counts, tt.want, tt.reasons, tt.counts)
		}
		if got.Coverage != (residency.Coverage{}) || len(got.Addresses) != 1 {
			t.Errorf("%s: coverage %+v, %d addresses", tt.addr, got.Coverage, len(got.Addresses))
		}
	}
}
