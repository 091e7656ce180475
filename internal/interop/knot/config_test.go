package knot

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestZoneFiles(t *testing.T) {
	t.Parallel()
	z := Zone{
		Origin: "vendor.example", Records: "www CNAME api",
		Geo: []Answer{
			{Host: "www.vendor.example.", Network: netip.MustParsePrefix("203.0.113.0/24"), Records: []string{"CNAME edge.example."}},
			{Host: "api.vendor.example", Network: netip.MustParsePrefix("203.0.113.7/24"), Records: []string{"A 192.0.2.1", "AAAA 2001:db8::1", "A 192.0.2.2"}},
			{Host: "api.vendor.example", Network: netip.MustParsePrefix("2001:db8:1::/48"), Records: []string{"A 192.0.2.3"}},
		},
	}
	wantZone := "$ORIGIN vendor.example.\n$TTL 300\n@ SOA ns hostmaster 1 3600 900 1209600 60\n@ NS ns\nns A 127.0.0.1\nwww CNAME api\n"
	if diff := cmp.Diff(wantZone, z.zoneFile()); diff != "" {
		t.Errorf("zoneFile (-want +got):\n%s", diff)
	}
	wantGeo := `api.vendor.example.:
  - net: 203.0.113.0/24
    A: [ "192.0.2.1", "192.0.2.2" ]
    AAAA: [ "2001:db8::1" ]
  - net: 2001:db8:1::/48
    A: [ "192.0.2.3" ]
www.vendor.example.:
  - net: 203.0.113.0/24
    CNAME: [ "edge.example." ]
`
	if diff := cmp.Diff(wantGeo, z.geoFile()); diff != "" {
		t.Errorf("geoFile (-want +got):\n%s", diff)
	}
}
