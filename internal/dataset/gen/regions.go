package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"residency/internal/residency"
)

const regionsHead = `# Provider regions and where their data centres stand.
# id, country (ISO 3166-1), city, latitude, longitude, source; tabs between.
# groups: network border groups of chriselsen/AWS-Geofeed data/loc-mapping.txt, commit 2b77416 of 2026-08-22, MIT-0
# regions: jasonwilbur/mcp-server-cloud-regions data/regions.json 1.0.4 of 2026-01-21, MIT
# Made by internal/dataset/gen; do not edit.
`

type place struct{ country, city, lat, lon, source string }

// regions writes the region table of package prefix. Where both sources know an
// AWS region its country must be the same; the coordinates are the second's.
func (g *generator) regions() error {
	places, err := g.cloudRegions()
	if err != nil {
		return err
	}
	if err := g.borderGroups(places); err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString(regionsHead)
	ids := make([]string, 0, len(places))
	for id := range places {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		p := places[id]
		if _, ok := residency.ParseCountry(p.country); !ok {
			return fmt.Errorf("region %s: %q is no country", id, p.country)
		}
		fmt.Fprintf(&text, "%s\t%s\t%s\t%s\t%s\t%s\n", id, p.country, p.city, p.lat, p.lon, p.source)
	}
	fmt.Printf("%-28s %9d bytes, %d regions\n", "regions.tsv", text.Len(), len(ids))
	return os.WriteFile(filepath.Join(g.out, "..", "geo", "prefix", "regions.tsv"), []byte(text.String()), 0o644)
}

func (g *generator) cloudRegions() (map[string]place, error) {
	data, err := g.read("regions/cloud-regions.json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Regions []struct {
			Provider, RegionCode string
			Location             struct {
				CountryCode, City   string
				Latitude, Longitude json.Number
			}
		}
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("cloud-regions.json: %w", err)
	}
	places := map[string]place{}
	for _, r := range list.Regions {
		l := r.Location
		places[r.Provider+":"+r.RegionCode] = place{l.CountryCode, l.City, l.Latitude.String(), l.Longitude.String(), "regions"}
	}
	return places, nil
}

func (g *generator) borderGroups(places map[string]place) error {
	data, err := g.read("regions/aws-network-border-groups.txt")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		group, rest, ok := strings.Cut(line, " ")
		fields := strings.Split(rest, ",")
		if !ok || len(fields) < 3 {
			return fmt.Errorf("aws-network-border-groups.txt: cannot read %q", line)
		}
		// Hong Kong is a place of its own, however the line spells it.
		country, city := strings.TrimSpace(fields[0]), strings.TrimSpace(fields[2])
		if code, found := strings.CutPrefix(strings.TrimSpace(fields[1]), "CN-"); found && country == "CN" && slices.Contains([]string{"HK", "MO", "TW"}, code) {
			country = code
		}
		id := "aws:" + group
		p := places[id]
		if p.country != "" && p.country != country {
			return fmt.Errorf("region %s is in %s and in %s", id, p.country, country)
		}
		places[id] = place{country, city, p.lat, p.lon, "groups"}
	}
	return nil
}
