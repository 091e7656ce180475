package dataset

import (
	"fmt"
	"net/netip"
	"strings"

	"residency/internal/residency"
)

// Subnets returns candidate client subnets of each country, the best first: at
// most 32 IPv4 /24 and 16 IPv6 /56, in which all three embedded lineages name
// that country for the whole prefix, in no provider's list and no shared edge
// or anycast network, from large networks far apart. Countries without any are
// left out. They are candidates: databases change, so they are to be located
// again before use.
func Subnets() (map[residency.Country][]netip.Prefix, error) {
	entries, err := Manifest()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Format != FormatSubnets {
			continue
		}
		data, err := unpack(e)
		if err != nil {
			return nil, err
		}
		return parseSubnets(data)
	}
	return nil, fmt.Errorf("read embedded manifest: no client subnets in it")
}

// parseSubnets reads lines such as "SG 203.0.113.0/24".
func parseSubnets(data []byte) (map[residency.Country][]netip.Prefix, error) {
	m := map[residency.Country][]netip.Prefix{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		code, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		country, ok := residency.ParseCountry(code)
		if !ok {
			return nil, fmt.Errorf("read client subnets: line %d: %q is no country", n, code)
		}
		p, err := netip.ParsePrefix(text)
		if err != nil || p != p.Masked() {
			return nil, fmt.Errorf("read client subnets: line %d: %q is no prefix", n, text)
		}
		m[country] = append(m[country], p)
	}
	return m, nil
}
