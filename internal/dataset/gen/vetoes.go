package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"residency/internal/dataset"
	"residency/internal/residency"
)

// edges writes the prefixes of the shared edges, each with its owner.
func (g *generator) edges(p *providers) error {
	var lines []string
	for _, e := range p.edges {
		var b netipx.IPSetBuilder
		for _, prefix := range e.prefixes {
			b.AddPrefix(prefix)
		}
		set, err := b.IPSet()
		if err != nil {
			return fmt.Errorf("edge of %s: %w", e.owner, err)
		}
		for _, prefix := range set.Prefixes() {
			lines = append(lines, prefix.String()+","+e.owner)
		}
		fmt.Printf("  edge of %-24s %5d prefixes, merged %5d\n", e.owner, len(e.prefixes), len(set.Prefixes()))
	}
	return g.add(dataset.Entry{
		Name: "shared edges", Lineage: "shared-edges", Class: residency.ClassEdge, Format: dataset.FormatPrefixes,
		File: "shared-edges.txt.zst", Built: edgesBuilt(), Records: len(lines),
		Licence: "none stated; published by the operators for their customers",
		Sources: []string{
			"https://www.cloudflare.com/ips-v4", "https://www.cloudflare.com/ips-v6", "https://api.fastly.com/public-ip-list",
			"https://ip-ranges.amazonaws.com/ip-ranges.json", "https://www.gstatic.com/ipranges/cloud.json",
			"https://www.microsoft.com/en-us/download/details.aspx?id=56519",
			"copies of 2026-02: internal/dataset/gen/edges",
		},
	}, []byte(strings.Join(lines, "\n")+"\n"))
}

// aggregate4 and aggregate6 are the longest prefixes of the anycast list that
// are taken for aggregates: announced whole by an operator that has one anycast
// address somewhere in them. 34.32.0.0/11 is in the list for 34.34.193.1, and
// holds whole regions of Google Cloud.
const (
	aggregate4 = 19
	aggregate6 = 40
)

// anycast writes the announced networks in which an address answers from many
// places. Of aggregates the parts that the operator's own list gives to one
// region are left out: the operator knows better. The vetoes of the shared
// edges are a list of their own and stay.
func (g *generator) anycast(p *providers) error {
	regional, err := p.regional.IPSet()
	if err != nil {
		return err
	}
	var whole []netip.Prefix
	var parts netipx.IPSetBuilder
	for _, name := range []string{"anycast/anycatch-v4-prefixes.csv", "anycast/anycatch-v6-prefixes.csv"} {
		data, err := g.read(name)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			text, _, _ := strings.Cut(strings.TrimSpace(line), ",")
			prefix, err := netip.ParsePrefix(text)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if prefix.Bits() <= aggregate4 && prefix.Addr().Is4() || prefix.Bits() <= aggregate6 && prefix.Addr().Is6() {
				parts.AddPrefix(prefix)
				continue
			}
			whole = append(whole, prefix)
		}
	}
	parts.RemoveSet(regional)
	for _, prefix := range whole {
		parts.AddPrefix(prefix)
	}
	set, err := parts.IPSet()
	if err != nil {
		return err
	}
	list := set.Prefixes()
	slices.SortFunc(list, netip.Prefix.Compare)
	g.vetoed = list
	var text strings.Builder
	for _, prefix := range list {
		fmt.Fprintln(&text, prefix)
	}
	return g.add(dataset.Entry{
		Name: "anycast prefixes", Lineage: "anycast", Class: residency.ClassAnycast, Format: dataset.FormatPrefixes,
		File: "anycast.txt.zst", Built: day(2026, 8, 22), Records: len(list),
		Licence: "none stated", Attribution: "bgp.tools anycast-prefixes",
		Sources: []string{"https://github.com/bgptools/anycast-prefixes commit e1638b0"},
	}, []byte(text.String()))
}
