package resolve

import (
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Bounds of Names. Names of addresses are nice to have: they wait for nobody.
const (
	maxNamed       = 1000 // asked about in one call; the rest have no name
	maxOwnNames    = 16   // kept for one address
	maxReverseLink = 4    // aliases to a PTR record: RFC 2317 needs one
	namesAtOnce    = 16
	namesTime      = 10 * time.Second
)

// Names asks for the names of addresses (PTR records: RFC 1035 section 3.5,
// RFC 3596 section 2.5) and returns those of every address that has some, in
// lower case without the final dot, sorted. What is not a public address is not
// asked about: its name would tell about a network of the user's own.
//
// The recursive servers that answered the last Probe are asked in turn, each
// address once at one server and, when that fails, once at the next. No client
// subnet is sent. A failure is no name. It returns when all is asked, after
// some seconds, or soon after ctx ends.
//
// Whoever holds an address writes its names and can write anything: they are no
// evidence of where it is.
func (r *Resolver) Names(ctx context.Context, addrs []netip.Addr) map[netip.Addr][]string {
	ctx, cancel := context.WithTimeout(ctx, namesTime)
	defer cancel()
	found := map[netip.Addr][]string{}
	lines := r.recursive()
	if len(lines) == 0 {
		return found
	}
	var one sync.Mutex
	var wg sync.WaitGroup
	free := make(chan struct{}, namesAtOnce)
	for i, addr := range addrs[:min(len(addrs), maxNamed)] {
		if !addr.IsGlobalUnicast() || addr.IsPrivate() {
			continue
		}
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			for try := range min(2, len(lines)) {
				names, ok := lines[(i+try)%len(lines)].namesOf(ctx, addr)
				if !ok {
					continue
				}
				if len(names) > 0 {
					one.Lock()
					found[addr] = names
					one.Unlock()
				}
				return
			}
		})
	}
	wg.Wait()
	return found
}

// recursive returns lines to the servers that answer for all names.
func (r *Resolver) recursive() []*line {
	set := r.settings()
	var lines []*line
	for i, server := range r.Servers {
		addr := server.firstAddress()
		p, probed := r.lastProbe(i)
		if probed {
			addr = p.addr
		}
		if server.Authoritative || server.Iterative != nil || addr == "" || probed && p.dead != nil {
			continue
		}
		lines = append(lines, r.line(set, server, addr))
	}
	return lines
}

// namesOf asks for the names of one address; false when no answer came.
func (ln *line) namesOf(ctx context.Context, addr netip.Addr) ([]string, bool) {
	reverse, err := dns.ReverseAddr(addr.Unmap().String())
	if err != nil || ln.way.err != nil || !ln.turn(ctx) {
		return nil, false
	}
	q, err := newQuery(reverse, dns.TypePTR, asking{recurse: true, edns: true, udpSize: ln.set.udpSize})
	if err != nil {
		return nil, false
	}
	t := ln.exchange(ctx, ln.way.transport, q, newID())
	if t.overTCP {
		t = ln.exchange(ctx, overTCP, q, binary.BigEndian.Uint16(t.Request))
	}
	if t.resp == nil || t.resp.rcode != dns.RcodeSuccess && t.resp.rcode != dns.RcodeNameError {
		return nil, false
	}
	return t.resp.namesAt(reverse), true
}

// namesAt returns the names at the end of the aliases from name.
func (r *response) namesAt(name string) []string {
	for range maxReverseLink {
		i := slices.IndexFunc(r.records, func(rec record) bool { return rec.rtype == dns.TypeCNAME && rec.owner == name })
		if i < 0 {
			break
		}
		name = r.records[i].target
	}
	var names []string
	for _, rec := range r.records {
		if rec.rtype == dns.TypePTR && rec.owner == name && rec.target != "." {
			names = append(names, plainName(rec.target))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxOwnNames)]
}

// turn waits until one more query may be sent; false if ctx ends before.
func (ln *line) turn(ctx context.Context) bool {
	return ln.pace == nil || ln.pace.lim.Wait(ctx) == nil
}
