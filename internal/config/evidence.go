package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"residency/internal/residency"
)

// evidence reads the tables of files that say where addresses are, beside the
// databases and ranges.
func (a *assembly) evidence(s section, g *Geo, seen map[string]pos) {
	for _, t := range s.sections("geofeed") {
		g.Geofeeds = append(g.Geofeeds, a.dataFiles(t, seen)...)
	}
	for _, t := range s.sections("registry") {
		g.Registries = append(g.Registries, DataFile{File: a.dataFile(t, seen), Written: t.text("file"), Where: t.n.pos.where()})
	}
	for _, t := range s.sections("anycast") {
		g.Anycast = append(g.Anycast, DataFile{File: a.dataFile(t, seen), Written: t.text("file"), Built: t.date("built"), Where: t.n.pos.where()})
	}
	known := map[string]pos{}
	for _, t := range s.sections("correction") {
		g.Corrections = append(g.Corrections, a.correction(t, known))
	}
}

// dataFiles reads the path of data files, or a pattern for several. A pattern
// that matches none is kept: it is reported as a missing file in every output.
func (a *assembly) dataFiles(s section, seen map[string]pos) []DataFile {
	v := s.value("file")
	if v == nil {
		return nil
	}
	where, built := s.n.pos.where(), s.date("built")
	if !strings.ContainsAny(v.text, "*?[") {
		return []DataFile{{File: a.dataFile(s, seen), Written: v.text, Built: built, Where: where}}
	}
	pattern := beside(v.pos.src.shown, v.text)
	paths, err := a.files.glob(pattern)
	switch {
	case err != nil:
		s.wrong("file", quote(v.text)+" is no file pattern", `such as "geofeeds/*.csv"`)
	case len(paths) > maxFiles:
		s.wrong("file", fmt.Sprintf("%d files match %s", len(paths), quote(v.text)), fmt.Sprintf("at most %d are read", maxFiles))
		return nil
	case len(paths) == 0:
		return []DataFile{{File: pattern, Written: v.text, Built: built, Where: where}}
	}
	var list []DataFile
	for _, path := range paths {
		if first, twice := seen[path]; twice {
			s.wrong("file", fmt.Sprintf("%s is already given on %s", quote(filepath.Base(path)), first.line(v.pos)), "")
			continue
		}
		seen[path] = v.pos
		list = append(list, DataFile{File: path, Written: filepath.ToSlash(path), Built: built, Where: where})
	}
	return list
}

// correction reads what the user declares about a network.
func (a *assembly) correction(s section, known map[string]pos) Correction {
	c := Correction{
		Written: s.text("evidence"), Owner: s.text("owner"), Approver: s.text("approver"), Reason: s.text("reason"),
		Expires: s.date("expires"), Where: s.n.pos.where(),
	}
	for _, name := range [...]string{"owner", "approver", "reason"} {
		if strings.ContainsAny(s.text(name), "\r\n") {
			s.wrong(name, "is longer than one line", "")
		}
	}
	if v := s.value("evidence"); v != nil {
		c.Evidence = beside(v.pos.src.shown, v.text)
	}
	if !c.Expires.IsZero() {
		c.End = c.Expires.End(a.cfg.Organisation.Location)
	}
	if v := s.value("country"); v != nil {
		country, ok := residency.ParseCountry(v.text)
		if !ok {
			s.wrong("country", quote(v.text)+" is no country code", countryHint(v.text))
		}
		c.Country = country
	}
	v := s.value("prefix")
	if v == nil {
		return c
	}
	p, why, hint := correctable(v.text)
	if why != "" {
		s.wrong("prefix", quote(v.text)+" "+why, hint)
		return c
	}
	c.Prefix = p
	id := p.String() + " " + c.Country.String()
	if first, twice := known[id]; twice {
		s.wrong("prefix", fmt.Sprintf("is already corrected to %s on %s", c.Country, first.line(v.pos)), "")
	}
	known[id] = v.pos
	return c
}

// correctable reads a network of which something can be declared.
func correctable(text string) (p netip.Prefix, why, hint string) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return p, "is no network", `such as "110.43.80.0/21"`
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	short := shortest4
	if p.Addr().Is6() {
		short = shortest6
	}
	switch {
	case p.Addr().Is4In6():
		return p, "is an IPv4 network written as IPv6", "write it as IPv4"
	case p != p.Masked():
		return p, "has bits beyond its length", fmt.Sprintf("did you mean %q?", p.Masked())
	case p.Bits() < short:
		return p, fmt.Sprintf("is shorter than /%d", short), "nobody can know that of so large a network"
	}
	if what := specialPurpose(p); what != "" {
		return p, "is not on the public internet: " + what, ""
	}
	return p, "", ""
}
