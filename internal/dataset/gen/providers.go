package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
)

// edge is the shared edge of one operator, or one of its edge services.
type edge struct {
	owner    string
	prefixes []netip.Prefix
}

// providers is what the operators' own lists say.
type providers struct {
	edges    []edge
	regional netipx.IPSetBuilder // given to one region by the operator
	all      netipx.IPSetBuilder // every range of a provider, for client subnets
	global   netipx.IPSetBuilder // of AWS, all that is in no region
	callers  netipx.IPSetBuilder // of Azure Front Door, from where it calls others
}

// readRanges reads every operator's list.
func (g *generator) readRanges() (*providers, error) {
	p := &providers{}
	for _, step := range []struct {
		file string
		read func(*providers, []byte) error
	}{
		{"cloudflare/ips-v4", (*providers).cloudflare},
		{"cloudflare/ips-v6", (*providers).cloudflare},
		{"fastly/public-ip-list.json", (*providers).fastly},
		{"aws/ip-ranges.json", (*providers).aws},
		{"google/cloud.json", (*providers).google},
		{"azure/ServiceTags_Public.json", (*providers).azure},
		{"oracle/public_ip_ranges.json", (*providers).oracle},
		{"digitalocean/google.csv", (*providers).geofeed},
		{"linode/geofeed.csv", (*providers).geofeed},
	} {
		data, err := g.read(step.file)
		if err != nil {
			return nil, err
		}
		if err := step.read(p, data); err != nil {
			return nil, fmt.Errorf("%s: %w", step.file, err)
		}
	}
	if err := p.renewEdges(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *providers) edge(owner string, list ...netip.Prefix) {
	if i := slices.IndexFunc(p.edges, func(e edge) bool { return e.owner == owner }); i >= 0 {
		p.edges[i].prefixes = append(p.edges[i].prefixes, list...)
	} else {
		p.edges = append(p.edges, edge{owner, list})
	}
	for _, prefix := range list {
		p.all.AddPrefix(prefix)
	}
}

func (p *providers) region(prefix netip.Prefix) {
	p.regional.AddPrefix(prefix)
	p.all.AddPrefix(prefix)
}

func (p *providers) cloudflare(data []byte) error {
	list, err := parseAll(strings.Fields(string(data)))
	p.edge("Cloudflare", list...)
	return err
}

func (p *providers) fastly(data []byte) error {
	var file struct {
		Addresses     []string `json:"addresses"`
		IPv6Addresses []string `json:"ipv6_addresses"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	list, err := parseAll(append(file.Addresses, file.IPv6Addresses...))
	p.edge("Fastly", list...)
	return err
}

// aws takes the edge services wherever they are listed, and GLOBAL without the
// longer prefixes in it that have a region.
func (p *providers) aws(data []byte) error {
	type row struct {
		Prefix  string `json:"ip_prefix"`
		Prefix6 string `json:"ipv6_prefix"`
		Service string `json:"service"`
		Group   string `json:"network_border_group"`
	}
	var file struct {
		Prefixes  []row `json:"prefixes"`
		Prefixes6 []row `json:"ipv6_prefixes"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	owners := map[string][]netip.Prefix{}
	var global, regional netipx.IPSetBuilder
	for _, r := range append(file.Prefixes, file.Prefixes6...) {
		prefix, err := netip.ParsePrefix(r.Prefix + r.Prefix6)
		if err != nil {
			return err
		}
		p.all.AddPrefix(prefix)
		switch {
		case r.Service == "CLOUDFRONT" || r.Service == "GLOBALACCELERATOR":
			owners[r.Service] = append(owners[r.Service], prefix)
			regional.AddPrefix(prefix) // written under its own name
		case r.Group == "GLOBAL":
			global.AddPrefix(prefix)
			p.global.AddPrefix(prefix)
		default:
			regional.AddPrefix(prefix)
			p.regional.AddPrefix(prefix)
		}
	}
	set, err := regional.IPSet()
	if err != nil {
		return err
	}
	global.RemoveSet(set)
	rest, err := global.IPSet()
	if err != nil {
		return err
	}
	p.edge("AWS (GLOBAL)", rest.Prefixes()...)
	p.edge("AWS (CLOUDFRONT)", owners["CLOUDFRONT"]...)
	p.edge("AWS (GLOBALACCELERATOR)", owners["GLOBALACCELERATOR"]...)
	return nil
}

func (p *providers) google(data []byte) error {
	var file struct {
		Prefixes []struct{ IPv4Prefix, IPv6Prefix, Scope string }
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	var global []netip.Prefix
	for _, r := range file.Prefixes {
		prefix, err := netip.ParsePrefix(r.IPv4Prefix + r.IPv6Prefix)
		if err != nil {
			return err
		}
		if r.Scope == "global" {
			global = append(global, prefix)
			continue
		}
		p.region(prefix)
	}
	p.edge("Google Cloud (global)", global...)
	return nil
}

// azure takes the front ends of Azure Front Door, which answer users. The tag
// AzureFrontDoor.Backend is left out: from there Front Door calls, nobody calls it.
func (p *providers) azure(data []byte) error {
	var file struct {
		Values []struct {
			Name       string
			Properties struct {
				Region          string
				AddressPrefixes []string
			}
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	for _, v := range file.Values {
		list, err := parseAll(v.Properties.AddressPrefixes)
		if err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
		switch {
		case v.Name == "AzureFrontDoor.Frontend", v.Name == "AzureFrontDoor.FirstParty":
			p.edge("Azure Front Door", list...)
		case strings.HasPrefix(v.Name, "AzureFrontDoor."):
			for _, prefix := range list {
				p.callers.AddPrefix(prefix)
			}
		case strings.HasPrefix(v.Name, "AzureCloud.") && v.Properties.Region != "":
			for _, prefix := range list {
				p.region(prefix)
			}
		}
		for _, prefix := range list {
			p.all.AddPrefix(prefix)
		}
	}
	return nil
}

func (p *providers) oracle(data []byte) error {
	var file struct {
		Regions []struct {
			CIDRs []struct{ CIDR string }
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	for _, r := range file.Regions {
		for _, c := range r.CIDRs {
			prefix, err := netip.ParsePrefix(c.CIDR)
			if err != nil {
				return err
			}
			p.region(prefix)
		}
	}
	return nil
}

// geofeed takes the prefixes of an RFC 8805 file.
func (p *providers) geofeed(data []byte) error {
	for line := range strings.Lines(string(data)) {
		text, _, _ := strings.Cut(strings.TrimSpace(line), ",")
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return err
		}
		p.all.AddPrefix(prefix)
	}
	return nil
}

func parseAll(texts []string) ([]netip.Prefix, error) {
	list := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		list = append(list, prefix.Masked())
	}
	return list, nil
}
