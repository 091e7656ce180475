package geo

import (
	"net/netip"
	"slices"
	"testing"

	"residency/internal/residency"
)

// world is a locator of a few blocks, each with what the voices say there.
func world(t *testing.T) func(netip.Addr) residency.Location {
	t.Helper()
	blocks := map[string]string{
		"20.0.0.0/16": "dbip IN,ip2l IN", "21.0.0.0/16": "dbip IN,ip2l IN", "22.0.0.0/16": "dbip IN,ip2l PK", "23.0.0.0/24": "dbip IN,ip2l IN,edge",
		"24.0.0.0/25": "dbip IN", "24.0.0.128/25": "dbip PK", "2400:1::/32": "dbip IN,ip2l IN", "25.0.0.0/16": "aws/16=aws:a IN,dbip IN,ip2l US",
	}
	return func(addr netip.Addr) residency.Location {
		for text, said := range blocks {
			if netip.MustParsePrefix(text).Contains(addr) {
				return Fuse(addr, sayAll(said))
			}
		}
		return Fuse(addr, nil)
	}
}

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func TestChooseSubnets(t *testing.T) {
	t.Parallel()
	in := residency.MustCountry("IN")
	candidates := prefixes("30.0.0.0/24", "22.0.1.0/24", "2400:1:2::/64", "20.0.0.0/25", "20.0.0.0/24", "20.0.0.0/23", "2400:1:2::/56", "21.0.7.0/24", "20.0.9.0/24", "23.0.0.0/24", "25.0.0.0/24")
	got := ChooseSubnets(candidates, in, 2, 1, world(t))
	if want := prefixes("20.0.0.0/24", "21.0.7.0/24", "2400:1:2::/56"); !slices.Equal(got, want) {
		t.Errorf("ChooseSubnets = %v, want %v", got, want)
	}
	got = ChooseSubnets(candidates, in, 9, 0, world(t))
	if want := prefixes("20.0.0.0/24", "21.0.7.0/24", "20.0.9.0/24"); !slices.Equal(got, want) {
		t.Errorf("ChooseSubnets of nine = %v, want %v", got, want)
	}
	if got := ChooseSubnets(candidates, residency.Country(0), 2, 1, world(t)); len(got) != 0 {
		t.Errorf("ChooseSubnets of no market = %v", got)
	}
}

func TestLocateSubnet(t *testing.T) {
	t.Parallel()
	tests := []struct {
		prefix, located string
		in              bool
	}{
		{"20.0.3.0/24", "IN", true},
		{"2400:1:2::/56", "IN", true},
		{"22.0.1.0/24", "IN|PK", false},
		{"24.0.0.0/24", "IN|PK", false},
		{"23.0.0.0/24", "", false},
		{"30.0.0.0/24", "", false},
		{"25.0.0.0/24", "IN", false}, // the holder's word stands, but a lineage dissents
		{"24.0.0.1/32", "IN", true},
	}
	for _, tt := range tests {
		located, in := LocateSubnet(netip.MustParsePrefix(tt.prefix), residency.MustCountry("IN"), world(t))
		if located != set(tt.located) || in != tt.in {
			t.Errorf("LocateSubnet(%s) = %v, %v, want %v, %v", tt.prefix, located, in, tt.located, tt.in)
		}
	}
	if _, in := LocateSubnet(netip.Prefix{}, residency.MustCountry("IN"), world(t)); in {
		t.Error("no prefix lies in a market")
	}
}

func TestSamples(t *testing.T) {
	t.Parallel()
	tests := map[string][3]string{
		"20.0.3.0/24":   {"20.0.3.0", "20.0.3.128", "20.0.3.255"},
		"20.0.3.4/32":   {"20.0.3.4", "20.0.3.4", "20.0.3.4"},
		"2400:1:2::/56": {"2400:1:2::", "2400:1:2:80::", "2400:1:2:ff:ffff:ffff:ffff:ffff"},
	}
	for text, want := range tests {
		got := samples(netip.MustParsePrefix(text))
		for i := range got {
			if got[i].String() != want[i] {
				t.Errorf("samples(%s)[%d] = %v, want %s", text, i, got[i], want[i])
			}
		}
	}
}
