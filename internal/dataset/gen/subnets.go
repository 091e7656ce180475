package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
	"go4.org/netipx"

	"residency/internal/dataset"
	"residency/internal/geo"
	"residency/internal/geo/mmdb"
	"residency/internal/residency"
)

// How many client subnets of a country are kept, and how long they are.
const (
	perCountry4 = 32
	perCountry6 = 16
)

// notUsers are blocks of IPv4 that one organisation holds for itself (IANA IPv4
// address space registry; for the most part the US Department of Defense, the
// UK Ministry of Defence, IBM, Apple, Ford, Mercedes-Benz). They are the largest
// networks of their countries, and nobody's home is in them.
var notUsers = []byte{6, 7, 9, 11, 17, 19, 21, 22, 25, 26, 28, 29, 30, 33, 48, 53, 55, 56, 57, 214, 215}

// measure returns the date of a database and how many networks it has.
func measure(data []byte) (time.Time, int, error) {
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return time.Time{}, 0, err
	}
	n := 0
	for result := range reader.Networks() {
		if err := result.Err(); err != nil {
			return time.Time{}, 0, err
		}
		n++
	}
	return reader.Metadata.BuildTime().UTC(), n, nil
}

// picker chooses the client subnets of all countries.
type picker struct {
	sources  []geo.Source
	excluded *netipx.IPSet // ranges of providers, edges, anycast
}

// subnets writes the candidate client subnets of each country.
func (g *generator) subnets(p *providers) error {
	first, err := g.read("mmdb/dbip-country.mmdb")
	if err != nil {
		return err
	}
	second, err := g.read("mmdb/geo-whois-asn-country.mmdb")
	if err != nil {
		return err
	}
	pick := picker{sources: []geo.Source{mmdb.OpenIPLoc()}}
	for name, data := range map[string][]byte{"dbip": first, "geo-whois-asn": second} {
		s, err := mmdb.FromBytes(data, residency.Dataset{Name: name, Lineage: name})
		if err != nil {
			return err
		}
		pick.sources = append(pick.sources, s)
	}
	for _, prefix := range g.vetoed {
		p.all.AddPrefix(prefix)
	}
	if pick.excluded, err = p.all.IPSet(); err != nil {
		return err
	}
	blocks, err := countryBlocks(first)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	n := 0
	for country := range residency.AllCountries() {
		four := pick.choose(country, blocks[country][0], perCountry4, geo.MaxSubnetBits4, 8, 16)
		six := pick.choose(country, blocks[country][1], perCountry6, geo.MaxSubnetBits6, 20, 32)
		for _, prefix := range append(four, six...) {
			fmt.Fprintln(&text, country, prefix)
			n++
		}
	}
	return g.add(dataset.Entry{
		Name: "client subnets", Lineage: "client-subnets", Format: dataset.FormatSubnets,
		File: "client-subnets.txt.zst", Built: day(2026, 9, 15), Records: n,
		Licence: "CC BY-SA 4.0, chosen from the three databases", Sources: []string{"made by internal/dataset/gen"},
	}, text.Bytes())
}

// countryBlocks returns the networks of each country, IPv4 and IPv6, the largest
// first.
func countryBlocks(data []byte) (map[residency.Country]*[2][]netip.Prefix, error) {
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, err
	}
	blocks := map[residency.Country]*[2][]netip.Prefix{}
	for country := range residency.AllCountries() {
		blocks[country] = &[2][]netip.Prefix{}
	}
	for result := range reader.Networks() {
		var code string
		if err := result.DecodePath(&code, "country_code"); err != nil {
			return nil, err
		}
		country, ok := residency.ParseCountry(code)
		prefix := result.Prefix()
		family, longest := 0, geo.MaxSubnetBits4
		if prefix.Addr().Is6() {
			family, longest = 1, geo.MaxSubnetBits6
		}
		if ok && prefix.Bits() <= longest {
			blocks[country][family] = append(blocks[country][family], prefix)
		}
	}
	for _, b := range blocks {
		for _, list := range b {
			slices.SortStableFunc(list, func(a, b netip.Prefix) int { return a.Bits() - b.Bits() })
		}
	}
	return blocks, nil
}

// choose takes at most n subnets out of the blocks, the largest blocks first
// and far apart: first no two within the same `wide` bits, then none within the
// same `near` bits.
func (p *picker) choose(country residency.Country, blocks []netip.Prefix, n, bits, wide, near int) []netip.Prefix {
	var list []netip.Prefix
	taken := map[netip.Prefix]bool{}
	for _, apart := range []int{wide, near} {
		for _, block := range blocks {
			for _, subnet := range within(block, bits) {
				if len(list) == n {
					return list
				}
				if taken[cut(subnet, apart)] || taken[cut(subnet, near)] || !p.agreed(subnet, country) {
					continue
				}
				taken[cut(subnet, wide)], taken[cut(subnet, near)] = true, true
				list = append(list, subnet)
				break
			}
		}
	}
	return list
}

func cut(p netip.Prefix, bits int) netip.Prefix { return netip.PrefixFrom(p.Addr(), bits).Masked() }

// within returns subnets of the given length in the middle of the block, in its
// first and in its last quarter.
func within(block netip.Prefix, bits int) []netip.Prefix {
	var list []netip.Prefix
	for _, quarter := range []byte{2, 1, 3} {
		b := block.Addr().AsSlice()
		for i := range 2 {
			if at := block.Bits() + i; at < bits && quarter>>(1-i)&1 == 1 {
				b[at/8] |= 0x80 >> (at % 8)
			}
		}
		addr, _ := netip.AddrFromSlice(b)
		list = append(list, netip.PrefixFrom(addr, bits))
	}
	return slices.Compact(list)
}

// agreed reports whether every lineage names the country for the whole subnet,
// and nothing speaks against users living there. IP2Location LITE tells no
// prefixes, so it is asked for every address of IPv4, and of IPv6 for both ends
// of every /64.
func (p *picker) agreed(subnet netip.Prefix, country residency.Country) bool {
	if geo.SpecialPurpose(subnet.Addr()) || p.excluded.OverlapsPrefix(subnet) {
		return false
	}
	if subnet.Addr().Is4() && slices.Contains(notUsers, subnet.Addr().As4()[0]) {
		return false
	}
	want := residency.CountriesOf(country)
	for i := range 256 {
		for _, last := range []bool{false, true} {
			for _, s := range p.sources {
				said := s.Assert(inside(subnet, byte(i), last), nil)
				if len(said) != 1 || said[0].In != want {
					return false
				}
				if found := said[0].Prefix; found.IsValid() && found.Bits() > subnet.Bits() {
					return false
				}
			}
			if subnet.Addr().Is4() {
				break
			}
		}
	}
	return true
}

// inside returns the i-th address of an IPv4 /24, or the first or last address
// of the i-th /64 of an IPv6 /56.
func inside(subnet netip.Prefix, i byte, last bool) netip.Addr {
	b := subnet.Addr().AsSlice()
	if len(b) == 4 {
		b[3] = i
	} else {
		b[7] = i
		if last {
			copy(b[8:], strings.Repeat("\xff", 8))
		}
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}
