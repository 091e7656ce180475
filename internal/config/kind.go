package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"residency/internal/residency"
)

// endpointKinds are the keys of which an endpoint has one.
var endpointKinds = [...]string{"host", "address", "url"}

// kind reads what an endpoint is: a host, an address or a URL. It returns what
// names it and where that stands; an address is kept in ep, and so are the
// port and the text of a URL. ok is false if it is none of them, which is
// reported.
func (e *endpointList) kind(s section, ep *residency.Endpoint) (it item, key string, ok bool) {
	for _, name := range endpointKinds {
		if !s.has(name) {
			continue
		}
		if key != "" {
			s.wrong(name, fmt.Sprintf("an endpoint is one of host, address and url, and %s is given already", key), "write two endpoints")
			return item{}, "", false
		}
		key = name
	}
	if key == "" {
		e.a.ps.add(s.n.pos, s.path, "names no endpoint", `give it a host, an address or a url, such as { host = "api.example.com" }`)
		return item{}, "", false
	}
	v := s.value(key)
	if v == nil {
		return item{}, "", false // reported already
	}
	it = item{v.text, v.pos}
	switch key {
	case "url":
		it.text, ok = e.fromURL(s, it, ep)
	case "address":
		addr, err := netip.ParseAddr(strings.Trim(it.text, "[]"))
		if ok = err == nil; !ok {
			s.wrong(key, quote(it.text)+" is no IP address", `such as "110.43.0.83" or "2001:db8::1"`)
			break
		}
		ok = e.address(s, key, addr, ep)
	default:
		ok = true
	}
	return it, s.at(key), ok
}

// fromURL takes host and port out of a URL.
func (e *endpointList) fromURL(s section, it item, ep *residency.Endpoint) (host string, ok bool) {
	u, err := url.Parse(it.text)
	switch {
	case err != nil || u.Scheme == "" || u.Hostname() == "":
		s.wrong("url", quote(it.text)+" is no URL of a host", `such as "https://api.example.com:8443/v1"`)
		return "", false
	case u.User != nil:
		s.wrong("url", "has a user name in it, which does not belong here", "only the host and the port are used")
		return "", false
	}
	ep.URL = it.text
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			s.wrong("url", quote(it.text)+" has no valid port", "from 1 to 65535")
			return "", false
		}
		switch strings.ToLower(u.Scheme) {
		case "https", "http", "wss", "ws": // others have no HTTPS records
			ep.Port = uint16(n)
		}
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return u.Hostname(), e.address(s, "url", addr, ep)
	}
	return u.Hostname(), true
}

// address makes the endpoint an address.
func (e *endpointList) address(s section, key string, addr netip.Addr, ep *residency.Endpoint) bool {
	addr = addr.Unmap()
	switch {
	case addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast():
		s.wrong(key, addr.String()+" is not the address of one server", "")
		return false
	case s.has("records"):
		s.wrong("records", "an address has no records", "nothing is asked of the DNS about it")
		return false
	}
	ep.Address = addr
	return true
}
