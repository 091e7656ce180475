package watch

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// Locator says where an address can be, by data as it is, at a given time. It
// is called by several goroutines at a time.
type Locator interface {
	Locate(addr netip.Addr, at time.Time) residency.Location
}

// Hinter reads places out of host names. It is called by several goroutines at
// a time.
type Hinter interface {
	// Assert appends what the names hint at to into and returns it: assertions
	// of class residency.ClassHint and no other. Names can be anything.
	Assert(names []string, into []residency.Assertion) []residency.Assertion
}

// Namer finds the names of addresses.
type Namer interface {
	// Names returns the names that each of the distinct addresses has. An
	// address without one, or for which none could be got, is left out. It
	// returns soon after ctx ends.
	Names(ctx context.Context, addrs []netip.Addr) map[netip.Addr][]string
}

// Surveyor measures how far addresses can be.
type Surveyor interface {
	// Survey measures the distinct targets once and says what came of it. It
	// returns soon after ctx ends.
	Survey(ctx context.Context, targets []netip.AddrPort) Surveyed
}

// Surveyed is what came of a survey.
type Surveyed struct {
	Locator  Locator             // knows what the Engine's does, and what was measured; nil: nothing was
	Surveys  []residency.Survey  // one for each vantage
	Datasets []residency.Dataset // of what was measured
}

// places says where the addresses of one run are.
type places struct {
	locator Locator
	hints   Hinter
	names   map[netip.Addr][]string // that the addresses have by themselves
}

// find finds out what it takes to locate all that the looks of a batch showed:
// the names of the addresses, and how far they can be.
func (p *pass) find(ctx context.Context, b *batch) {
	b.where = &places{locator: p.e.Locator, hints: p.e.Hints}
	if p.e.Surveyor == nil && (p.e.Hints == nil || p.e.Namer == nil) {
		return
	}
	targets := p.targets(b)
	if len(targets) == 0 {
		return
	}
	if p.e.Hints != nil && p.e.Namer != nil {
		var addrs []netip.Addr
		for _, t := range targets {
			addrs = append(addrs, t.Addr())
		}
		b.where.names = p.e.Namer.Names(ctx, slices.Compact(addrs)) // sorted, so each once
	}
	if p.e.Surveyor == nil {
		return
	}
	b.surveyed = p.e.Surveyor.Survey(ctx, targets)
	if b.surveyed.Locator != nil {
		b.where.locator = b.surveyed.Locator
	}
}

// targets lists every address that was seen with the port that users connect
// to, each once, sorted.
func (p *pass) targets(b *batch) []netip.AddrPort {
	seen := map[netip.AddrPort]bool{}
	for _, place := range b.places {
		ep := &p.e.Endpoints[place]
		if ep.Address.IsValid() {
			seen[netip.AddrPortFrom(ep.Address, ep.TCPPort())] = true
		}
		looks := b.looks[nameOf(ep)]
		for i := range looks {
			for _, a := range looks[i].Addresses {
				seen[netip.AddrPortFrom(a.Address, ep.TCPPort())] = true
			}
		}
	}
	list := make([]netip.AddrPort, 0, len(seen))
	for t := range seen {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b netip.AddrPort) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Port(), b.Port()))
	})
	return list
}

// all locates every address of an endpoint that its looks showed, by data that
// is as old as it was when the look was made, whatever time is judged at.
func (p *places) all(ep residency.Endpoint, looks []residency.Observation, at time.Time) map[netip.Addr]residency.Location {
	locations := map[netip.Addr]residency.Location{}
	add := func(addr netip.Addr) {
		if _, known := locations[addr]; !known {
			locations[addr] = p.locator.Locate(addr, at)
		}
	}
	if ep.Address.IsValid() {
		add(ep.Address)
	}
	for i := range looks {
		for _, a := range looks[i].Addresses {
			add(a.Address)
		}
	}
	if p.hints != nil {
		for addr, names := range p.clues(locations, looks) {
			loc := locations[addr]
			loc.Assertions = p.hints.Assert(names, loc.Assertions)
			locations[addr] = loc
		}
	}
	return locations
}

// clues gathers the names of each address: those that led to it, then those it
// has by itself.
func (p *places) clues(locations map[netip.Addr]residency.Location, looks []residency.Observation) map[netip.Addr][]string {
	names := make(map[netip.Addr][]string, len(locations))
	add := func(addr netip.Addr, name string) {
		if name != "" && !slices.Contains(names[addr], name) {
			names[addr] = append(names[addr], name)
		}
	}
	for i := range looks {
		for _, a := range looks[i].Addresses {
			for _, name := range ledTo(a, looks[i].Endpoint.Host, looks[i].Chain) {
				add(a.Address, name)
			}
		}
	}
	for addr := range locations {
		for _, name := range p.names[addr] {
			add(addr, name)
		}
	}
	return names
}

// ledTo goes back through the chain of a look from the name that has the
// address record, which comes first, up to the host asked about, which is left
// out where another name has the record. Other branches of the chain (an MX
// record beside the one that led here) are passed over.
func ledTo(a residency.Answer, host string, chain []residency.Link) []string {
	names := []string{a.Owner}
	for _, l := range slices.Backward(chain) {
		if before := stepBack(names[len(names)-1], l); before != "" {
			names = append(names, before)
		}
	}
	if last := len(names) - 1; last > 0 && names[last] == host {
		names = names[:last]
	}
	return names
}

// stepBack returns the name that the link led to name from, "" if it did not.
func stepBack(name string, l residency.Link) string {
	if l.Target == name && l.Owner != name {
		return l.Owner
	}
	if head, ok := strings.CutSuffix(name, "."+l.Target); ok && l.Type == "DNAME" {
		return head + "." + l.Owner
	}
	return ""
}
