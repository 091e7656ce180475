package lab

import (
	"net/netip"
	"slices"
	"strings"

	"residency/internal/residency"
)

// Zone is a few hosts and what they always answer: the quickest way to a
// Scenario for a test. A key is a host, or "host@IN" for the answers that one
// market gets. A value is addresses separated by spaces, "cname TARGET",
// "nxdomain" or "nodata".
type Zone map[string]string

// Scenario makes a Scenario of the zone, with the given servers, or with one
// named "lab" that honours client subnets. The caller adds the markets that
// keys name. A value that is none of those above makes Serve fail.
func (z Zone) Scenario(servers ...Server) *Scenario {
	if len(servers) == 0 {
		servers = []Server{{Name: "lab"}}
	}
	s := &Scenario{Name: "zone", Servers: servers}
	keys := make([]string, 0, len(z))
	for key := range z {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		s.Answers = append(s.Answers, zoneAnswer(key, z[key]))
	}
	return s
}

func zoneAnswer(key, value string) Answer {
	host, market, tailored := strings.Cut(key, "@")
	a := Answer{Host: host}
	if tailored {
		// A code that is no country stays the zero Country, which check refuses.
		c, _ := residency.ParseCountry(market)
		a.Markets = []residency.Country{c}
	}
	fields := strings.Fields(value)
	switch {
	case value == "nxdomain":
		a.NXDomain = true
	case value == "nodata":
		a.NoData = true
	case len(fields) == 2 && fields[0] == "cname":
		a.CNAME = fields[1]
	default:
		for _, f := range fields {
			// What is no address stays the zero Addr, which check refuses.
			addr, _ := netip.ParseAddr(f)
			a.Addresses = append(a.Addresses, addr)
		}
	}
	return a
}
