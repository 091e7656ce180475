package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"residency/internal/residency"
)

// Iterative is how a server is found from the root, in place of addresses.
type Iterative struct {
	Roots        []string // host:port; empty: those the program carries
	Port         uint16   // of servers reached by delegation
	Minimise     bool     // RFC 9156
	AllowSpecial bool     // ask servers that are not on the public internet
	Sample       int      // servers of a zone to ask for one question; 0: all
	SubnetLabels int      // fewest labels of a zone whose servers are told the client subnet
	LookQueries  int      // requests of one look
	RunQueries   int      // requests of one run
}

// iterativeKeys are the keys of a server that is found from the root.
func iterativeKeys() []key {
	return []key{
		{name: "iterative", kind: kFlag, doc: "True to find and ask the vendors' own name servers from the root down, in place of addresses: every one of them, of every zone that an alias leads through.", alias: []string{"recursive", "recursion"}},
		{name: "root_hints", kind: kTexts, doc: "With iterative: addresses of the servers to begin at. They are asked who the root servers are, and those are asked from then on. Default the root servers of the internet.", alias: []string{"roots", "root_servers", "hints"}},
		{name: "port", kind: kNumber, min: 1, max: 65535, doc: "With iterative: port of the name servers. Default 53."},
		{name: "qname_minimisation", kind: kFlag, doc: "With iterative: tell the servers on the way no more of a name than they need (RFC 9156). Default false.", alias: []string{"qname_minimization", "minimise", "minimize"}},
		{name: "allow_special", kind: kFlag, doc: "With iterative: also ask name servers at private, loopback and other addresses that are not on the public internet. Any zone can name such, so this lets others aim questions at your network. Default false."},
		{name: "sample", kind: kNumber, min: 1, max: 16, doc: "With iterative: ask only so many of the servers of each zone. Default all."},
		{name: "subnet_labels", kind: kNumber, min: 1, max: 10, doc: "With iterative: fewest labels of a zone whose servers are told the client subnet. Default 2: not the root, not top-level domains.", alias: []string{"labels"}},
		{name: "look_queries", kind: kNumber, min: 10, max: 10_000, doc: "With iterative: questions that one look may put. Default 256.", alias: []string{"max_queries"}},
		{name: "run_queries", kind: kNumber, min: 100, max: 100_000_000, doc: "With iterative: questions that one check may put. Default 1000000."},
	}
}

// iterative reads how a server is found from the root; nil if it is not.
func (a *assembly) iterative(s section) *Iterative {
	if !s.flag("iterative", false) {
		for _, k := range iterativeKeys()[1:] {
			if s.has(k.name) {
				s.wrong(k.name, "is for a server with iterative = true only", "")
			}
		}
		return nil
	}
	it := &Iterative{
		Port: uint16(s.number("port", 53)), Minimise: s.flag("qname_minimisation", false),
		AllowSpecial: s.flag("allow_special", false), Sample: s.number("sample", 0),
		SubnetLabels: s.number("subnet_labels", 2), LookQueries: s.number("look_queries", 256), RunQueries: s.number("run_queries", 1_000_000),
	}
	for _, item := range s.texts("root_hints") {
		addr, why, hint := plainAddress(item.text)
		switch {
		case why != "":
			a.ps.add(item.pos, s.at("root_hints"), quote(item.text)+" "+why, hint)
			continue
		case slices.Contains(it.Roots, addr):
			a.ps.add(item.pos, s.at("root_hints"), quote(item.text)+" is named twice", "")
			continue
		}
		if !hasPort(item.text) {
			addr = netip.AddrPortFrom(netip.MustParseAddrPort(addr).Addr(), it.Port).String()
		}
		it.Roots = append(it.Roots, addr)
	}
	if v := s.value("root_hints"); v != nil && len(v.items) == 0 {
		s.wrong("root_hints", "names no address", "leave the key out for the root servers")
	}
	for _, name := range []string{"addresses", "system", "stands_in"} {
		if s.has(name) {
			s.wrong(name, "a server with iterative = true has none", "it stands for all name servers that are found from the root")
		}
	}
	return it
}

// recordTypes are those that may be asked of every endpoint, and ownTypes
// those of an endpoint of its own.
func recordTypes() []string { return []string{"A", "AAAA", residency.TypeHTTPS} }
func ownTypes() []string    { return append(recordTypes(), "MX", "SRV") }

// types reads which record types are asked. Both kinds of address must be
// among them: what is not looked at cannot be called inside.
func types(s section) []string {
	if !s.has("types") {
		return recordTypes()
	}
	var list []string
	for _, it := range s.texts("types") {
		if slices.Contains(list, it.text) {
			s.wrong("types", quote(it.text)+" is named twice", "")
			continue
		}
		list = append(list, it.text)
	}
	for _, must := range recordTypes()[:2] {
		if v := s.value("types"); v != nil && !slices.Contains(list, must) {
			s.wrong("types", fmt.Sprintf("lacks %q", must), "both kinds of address are always asked for: an address that is not looked at could be outside")
			return recordTypes()
		}
	}
	return list
}

// records reads the record types of one endpoint: "MX" as the noun has it.
func records(s section) string {
	var list []string
	for _, it := range s.texts("records") {
		if slices.Contains(list, it.text) {
			s.wrong("records", quote(it.text)+" is named twice", "")
			continue
		}
		list = append(list, it.text)
	}
	v := s.value("records")
	if v != nil && len(v.items) == 0 {
		s.wrong("records", "names no record type", "leave the key out for the usual ones")
	}
	if v != nil && len(list) > 0 && len(residency.Needed(list)) == 0 {
		s.wrong("records", "HTTPS alone shows too little", `add "A" and "AAAA"`)
	}
	return strings.Join(list, " ")
}
