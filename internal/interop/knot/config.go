package knot

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Zone is one zone to serve.
type Zone struct {
	Origin string // with or without the last dot

	// Records are the zone's lines in master-file form, names relative to the
	// origin. SOA, NS and a default TTL of 300 s are added.
	Records string

	// Address is that of the zone's name server ns; default 127.0.0.1.
	Address string

	// Signed has Knot sign the zone, with keys that it makes at the start.
	Signed bool

	// Geo are the answers by client subnet. They stand before the zone's own,
	// which everybody else gets.
	Geo []Answer
}

// Answer is what clients of one network get for one host. The longest network
// that holds the client subnet decides; its length is the scope returned.
type Answer struct {
	Host    string // full name, within the zone
	Network netip.Prefix
	Records []string // "A 192.0.2.1", "AAAA 2001:db8::1", "CNAME edge.example."
}

// geoTTL is the TTL of answers by client subnet, in seconds.
const geoTTL = 60

// zoneFile returns the zone in master-file form.
func (z Zone) zoneFile() string {
	return fmt.Sprintf("$ORIGIN %s\n$TTL 300\n@ SOA ns hostmaster 1 3600 900 1209600 60\n@ NS ns\nns A %s\n%s\n",
		absolute(z.Origin), cmp.Or(z.Address, loopback), z.Records)
}

// geoFile returns the configuration of the geoip module in subnet mode: hosts,
// under each its networks, under each the records by type.
func (z Zone) geoFile() string {
	answers := slices.Clone(z.Geo)
	slices.SortStableFunc(answers, func(a, b Answer) int { return cmp.Compare(absolute(a.Host), absolute(b.Host)) })
	var b strings.Builder
	last := ""
	for _, a := range answers {
		if host := absolute(a.Host); host != last {
			fmt.Fprintf(&b, "%s:\n", host)
			last = host
		}
		fmt.Fprintf(&b, "  - net: %s\n", a.Network.Masked())
		byType := map[string][]string{}
		var types []string
		for _, r := range a.Records {
			kind, data, _ := strings.Cut(strings.TrimSpace(r), " ")
			if byType[kind] == nil {
				types = append(types, kind)
			}
			byType[kind] = append(byType[kind], fmt.Sprintf("%q", strings.TrimSpace(data)))
		}
		for _, kind := range types {
			fmt.Fprintf(&b, "    %s: [ %s ]\n", kind, strings.Join(byType[kind], ", "))
		}
	}
	return b.String()
}

// serverFile returns knot.conf for the zones, whose files lie in dir.
func serverFile(dir, ip string, port int, zones []Zone) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server:
    rundir: %q
    listen: %s@%d
    edns-client-subnet: on
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: %q
`, dir, ip, port, dir)
	b.WriteString("mod-geoip:\n")
	for i, z := range zones {
		if len(z.Geo) > 0 {
			fmt.Fprintf(&b, "  - id: geo%d\n    config-file: \"%s/geo%d.conf\"\n    ttl: %d\n    mode: subnet\n", i, dir, i, geoTTL)
		}
	}
	b.WriteString("zone:\n")
	for i, z := range zones {
		fmt.Fprintf(&b, "  - domain: %q\n    file: \"%s/zone%d\"\n", absolute(z.Origin), dir, i)
		if z.Signed {
			b.WriteString("    dnssec-signing: on\n    zonefile-sync: -1\n    journal-content: all\n    zonefile-load: difference-no-serial\n")
		}
		if len(z.Geo) > 0 {
			fmt.Fprintf(&b, "    module: mod-geoip/geo%d\n", i)
		}
	}
	return b.String()
}

// absolute returns the name with its last dot.
func absolute(name string) string { return strings.TrimSuffix(name, ".") + "." }
