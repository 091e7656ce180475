package config

import (
	"bytes"
	"fmt"
	"slices"

	"residency/internal/residency"
)

// vendorEntry is a vendor by its id, for claims to refer to.
type vendorEntry struct {
	pos      pos
	services []string
	known    map[string]bool // the services
}

func (a *assembly) collectVendors() {
	for _, root := range a.roots {
		for _, s := range root.sections("vendor") {
			id := s.id()
			if id == "" {
				a.unsureVendors = true
				continue
			}
			if first := a.vendors[id]; first != nil {
				s.wrong("id", fmt.Sprintf("vendor %q is already given on %s", id, first.pos.line(s.n.pos)),
					"put all services of a vendor in one [[vendor]]")
				continue
			}
			entry := &vendorEntry{pos: s.place("id"), known: map[string]bool{}}
			a.vendors[id] = entry
			v := Vendor{ID: id, Name: s.textOr("name", id), Where: s.n.pos.where()}
			v.Services = a.services(s, id, entry)
			a.cfg.Vendors = append(a.cfg.Vendors, v)
		}
	}
}

func (a *assembly) services(vendor section, vendorID string, entry *vendorEntry) []Service {
	seen := map[string]pos{}
	var list []Service
	for _, s := range vendor.sections("service") {
		id := s.id()
		if id == "" {
			continue
		}
		at := s.place("id")
		if first, twice := seen[id]; twice {
			s.wrong("id", fmt.Sprintf("service %q is already given on %s", id, first.line(at)), "")
			continue
		}
		seen[id] = at
		entry.services, entry.known[id] = append(entry.services, id), true
		svc := Service{ID: id, Name: s.textOr("name", id), Where: s.n.pos.where()}
		svc.Endpoints = a.endpoints(s, residency.Endpoint{Vendor: vendorID, Service: id})
		list = append(list, svc)
	}
	return list
}

// endpoints reads the hosts of a service: those in the file, then those in
// the file it names. base holds what they share.
func (a *assembly) endpoints(s section, base residency.Endpoint) []residency.Endpoint {
	base.Role, _ = residency.ParseRole(s.textOr("role", residency.RoleOrigin.String()))
	e := endpointList{a: a, base: base, seen: map[string]pos{}}
	if v := s.value("endpoints"); v != nil {
		for i, it := range v.items {
			if it.bad {
				continue
			}
			key := fmt.Sprintf("%s[%d]", s.at("endpoints"), i)
			if it.kind == aText {
				e.add(item{it.text, it.pos}, key, base)
				continue
			}
			e.addTable(section{s.ps, it, key})
		}
	}
	if v := s.value("endpoints_file"); v != nil {
		e.addFile(v, s.at("endpoints_file"))
	}
	if !s.has("endpoints") && !s.has("endpoints_file") {
		a.refer(s.n.pos, s.path, "has no endpoints", `name hosts in endpoints = ["api.example.com"], or a file of them in endpoints_file`)
	} else if len(e.list) == 0 && e.tried == 0 {
		for _, name := range []string{"endpoints", "endpoints_file"} {
			if v := s.value(name); v != nil {
				a.refer(v.pos, s.at(name), "names no host", "a service without hosts cannot be looked at")
			}
		}
	}
	return e.list
}

// endpointList collects the endpoints of one service.
type endpointList struct {
	a     *assembly
	base  residency.Endpoint
	list  []residency.Endpoint
	seen  map[string]pos
	tried int // hosts written, right or wrong
}

// add adds a host with all that is known of it.
func (e *endpointList) add(it item, key string, ep residency.Endpoint) {
	e.tried++
	host, why, hint := ep.Address.String(), "", ""
	if !ep.Address.IsValid() {
		host, why, hint = hostName(it.text)
	}
	if why != "" {
		e.a.ps.add(it.pos, key, quote(it.text)+" "+why, hint)
		return
	}
	if first, twice := e.seen[host]; twice {
		e.a.ps.add(it.pos, key, fmt.Sprintf("host %s is already given on %s", quote(host), first.line(it.pos)), "")
		return
	}
	e.seen[host] = it.pos
	ep.Host, ep.Where = host, it.pos.where()
	e.list = append(e.list, ep)
}

// addTable adds an endpoint that is written as a table.
func (e *endpointList) addTable(s section) {
	ep := e.base
	it, key, ok := e.kind(s, &ep)
	if !ok {
		e.tried++ // reported already
		return
	}
	if r := s.text("role"); r != "" {
		ep.Role, _ = residency.ParseRole(r)
	}
	if ep.RetiredOn = s.date("retired"); !ep.RetiredOn.IsZero() {
		ep.Retired = ep.RetiredOn.Start(e.a.cfg.Organisation.Location)
	}
	ep.Note, ep.Source, ep.Records = s.text("note"), s.text("source"), records(s)
	known := len(e.list)
	e.add(it, key, ep)
	if own := e.a.times(s, "check"); len(own) > 0 && len(e.list) > known {
		e.a.cfg.Schedule.Endpoints[e.list[known].Key()] = own
	}
}

// addFile adds the hosts of a file: one a line, # begins a comment.
func (e *endpointList) addFile(v *node, key string) {
	src := e.a.fetch(beside(v.pos.src.shown, v.text), v.pos, key)
	if src == nil {
		e.tried++
		return
	}
	if !e.a.readable(src) {
		e.tried++
		return
	}
	e.list = slices.Grow(e.list, min(len(src.starts), len(src.data)/len("a.b\n")))
	for i, start := range src.starts {
		end := len(src.data)
		if i+1 < len(src.starts) {
			end = src.starts[i+1]
		}
		line, _, _ := bytes.Cut(src.data[start:end], []byte("#"))
		text := bytes.TrimSpace(line)
		if len(text) == 0 {
			continue
		}
		off := start + bytes.Index(line, text)
		e.add(item{string(text), pos{src, off}}, "", e.base)
	}
}

// serviceList reads the services that a claim is about; when the key is
// absent, all of the vendor's.
func (a *assembly) serviceList(s section, vendorID string, v *vendorEntry) []string {
	if !s.has("services") {
		if v == nil {
			return nil
		}
		return v.services
	}
	var list []string
	named := map[string]bool{}
	for _, it := range s.texts("services") {
		switch {
		case named[it.text]:
			a.ps.add(it.pos, s.at("services"), quote(it.text)+" is named twice", "")
		case v != nil && !v.known[it.text]:
			hint := a.ps.didYouMean(it.text, func() []string { return v.services })
			if hint == "" {
				hint = "its services: " + orNone(v.services)
			}
			a.refer(it.pos, s.at("services"), fmt.Sprintf("vendor %q has no service %s", vendorID, quote(it.text)), hint)
		default:
			named[it.text] = true
			list = append(list, it.text)
		}
	}
	return list
}
