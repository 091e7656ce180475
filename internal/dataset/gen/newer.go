package main

import (
	"embed"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"
)

// newer holds what operators' lists say of their shared edges at a later date
// than the whole lists that are at hand: parts of them, each a merged list of
// prefixes with its date and source in its first lines.
//
//go:embed edges/*.txt
var newer embed.FS

// edgesBuilt is the oldest day of what the edges are made of. On that day
// Fastly's list was counted, and had as many networks of each family as the one
// that is read here; so had Cloudflare's, later in that month.
func edgesBuilt() time.Time { return day(2026, time.February, 7) }

// renewEdges puts the newer lists in the place of those that were read before.
func (p *providers) renewEdges() error {
	sets := map[string]*netipx.IPSet{}
	for _, name := range []string{"aws-cloudfront", "aws-globalaccelerator", "aws-global", "google-global", "azure-frontdoor"} {
		set, err := newerSet(name)
		if err != nil {
			return err
		}
		sets[name] = set
	}
	global, err := p.newerGlobal(sets["aws-global"], sets["aws-cloudfront"], sets["aws-globalaccelerator"])
	if err != nil {
		return err
	}
	frontDoor, err := less(sets["azure-frontdoor"], &p.callers)
	if err != nil {
		return err
	}
	p.renew("AWS (GLOBAL)", global)
	p.renew("AWS (CLOUDFRONT)", sets["aws-cloudfront"])
	p.renew("AWS (GLOBALACCELERATOR)", sets["aws-globalaccelerator"])
	p.renew("Google Cloud (global)", sets["google-global"])
	p.renew("Azure Front Door", frontDoor)
	return nil
}

// newerGlobal is what is GLOBAL now and no edge service. Longer prefixes in it
// that had a region when the whole list was read keep it, but not where nothing
// was GLOBAL then: what has become GLOBAL since is in no region any more.
func (p *providers) newerGlobal(global *netipx.IPSet, services ...*netipx.IPSet) (*netipx.IPSet, error) {
	was, err := p.global.IPSet()
	if err != nil {
		return nil, err
	}
	regional, err := p.regional.IPSet()
	if err != nil {
		return nil, err
	}
	var nested, rest netipx.IPSetBuilder
	nested.AddSet(regional)
	nested.Intersect(was)
	rest.AddSet(global)
	for _, s := range services {
		rest.RemoveSet(s)
	}
	set, err := rest.IPSet()
	if err != nil {
		return nil, err
	}
	return less(set, &nested)
}

func less(set *netipx.IPSet, without *netipx.IPSetBuilder) (*netipx.IPSet, error) {
	gone, err := without.IPSet()
	if err != nil {
		return nil, err
	}
	var b netipx.IPSetBuilder
	b.AddSet(set)
	b.RemoveSet(gone)
	return b.IPSet()
}

// renew replaces the edges of an owner that was read before.
func (p *providers) renew(owner string, set *netipx.IPSet) {
	p.edges = slices.DeleteFunc(p.edges, func(e edge) bool { return e.owner == owner })
	p.edge(owner, set.Prefixes()...)
}

func newerSet(name string) (*netipx.IPSet, error) {
	data, err := newer.ReadFile("edges/" + name + ".txt")
	if err != nil {
		return nil, err
	}
	var b netipx.IPSetBuilder
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		prefix, err := netip.ParsePrefix(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		b.AddPrefix(prefix)
	}
	return b.IPSet()
}
