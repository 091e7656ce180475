package resolve

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// trouble is why no server of a zone could be used.
type trouble struct {
	failure residency.Failure
	why     string
}

// zoneOf finds the zone that holds name by asking from the deepest known zone
// down. With trouble it returns the deepest zone it came to. stack holds the
// names of servers whose addresses are being found, to see circles.
func (w *walk) zoneOf(name string, stack []string) (*cut, *trouble) {
	for range dns.CountLabel(name) + 2 {
		c, settled := w.it.deepest(name)
		if settled {
			return c, nil
		}
		if len(stack) == 0 { // only looks wait for each other: circles of servers cannot lock up
			free, ok := w.it.wait(w, c.zone, name)
			if !ok {
				return c, &trouble{w.late("").failure, "waited too long for another look at the same zone"}
			}
			if d, done := w.it.deepest(name); d != c || done {
				free()
				continue
			}
			_, bad := w.descend(c, name, stack)
			free()
			if bad != nil {
				return c, bad
			}
			continue
		}
		if _, bad := w.descend(c, name, stack); bad != nil {
			return c, bad
		}
	}
	c, _ := w.it.deepest(name)
	return c, &trouble{residency.FailLame, "the zones above " + plainName(name) + " do not lead to an end"}
}

// wait lets one look at a time ask the servers of zone for the next zone on
// the way to name.
func (it *iteration) wait(w *walk, zone, name string) (free func(), ok bool) {
	key := name
	for p := parent(key); p != "." && p != zone; p = parent(key) {
		key = p
	}
	key = zone + " " + key
	it.mu.Lock()
	slot := it.busy[key]
	if slot == nil {
		slot = make(chan struct{}, 1)
		if len(it.busy) >= maxCuts {
			clear(it.busy)
		}
		it.busy[key] = slot
	}
	it.mu.Unlock()
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, true
	case <-w.ctx.Done():
		return nil, false
	}
}

// descend asks the servers of c about name until one refers to a zone below
// (then that is kept) or answers (then name is in c). With Minimise it asks
// for a few labels more at a time (RFC 9156 section 2.3).
func (w *walk) descend(c *cut, name string, stack []string) (*cut, *trouble) {
	if c.zone == "." {
		c = w.rooted()
	}
	for n := 1; ; n++ {
		asked := name
		if w.it.opt.Minimise {
			asked = minimised(c.zone, name, n)
		}
		ns, r, s, child, bad := w.askAny(c, asked, dns.TypeA, stack)
		switch {
		case bad != nil:
			return nil, bad
		case s == refers:
			return w.delegate(c, ns, r, child), nil
		case asked == name:
			w.it.settle(name, c)
			return c, nil
		case r.resp.rcode == dns.RcodeNameError:
			n = maxMinimised // some servers deny names that only have names below them
		}
	}
}

// Steps of QNAME minimisation: one label at a time for the first few, then the
// rest in as many steps as are left (RFC 9156 section 2.3).
const (
	maxMinimised = 10
	minimiseOne  = 4
)

// minimised returns the name to ask in step n below zone.
func minimised(zone, name string, n int) string {
	above, all := dns.CountLabel(zone), dns.CountLabel(name)
	below := all - above
	show := n
	if n > minimiseOne && below > minimiseOne {
		rest := below - minimiseOne
		steps := maxMinimised - minimiseOne
		show = minimiseOne + (rest*(n-minimiseOne)+steps-1)/steps
	}
	if n >= maxMinimised || show >= below {
		return name
	}
	at := name
	for range below - show {
		at = parent(at)
	}
	return at
}

// allServers returns the servers of a zone: those that the zone above names,
// and those that the zone itself names besides. Resolvers differ in whom they
// believe (RFC 2181 section 5.4.1, RFC 9471), so users are sent to both.
func (w *walk) allServers(c *cut) []nameServer {
	if c.zone == "." {
		return c.servers
	}
	free, ok := w.it.wait(w, c.zone, "*."+c.zone) // no host has that name
	if !ok {
		return c.servers
	}
	defer free()
	if c.whole != nil {
		return c.whole
	}
	list := slices.Clone(c.servers)
	_, r, s, _, bad := w.askAny(c, c.zone, dns.TypeNS, nil)
	if bad == nil && s == answers {
		for _, rec := range r.resp.nameservers {
			known := slices.ContainsFunc(list, func(ns nameServer) bool { return ns.name == rec.target })
			if rec.owner == c.zone && !known && len(list) < maxNameServers {
				list = append(list, w.glued(c, rec.target, r.resp.glue))
			}
		}
		c.whole = list
	}
	return list
}

// askAny asks the servers of c, one after the other, until one is of use. A
// server that has no address yet is asked last.
func (w *walk) askAny(c *cut, name string, rtype uint16, stack []string) (nameServer, outcome, standing, string, *trouble) {
	bad := &trouble{residency.FailLame, "the zone " + plainName(c.zone) + " names no server"}
	useless := map[string]bool{}
	for round := range w.it.set.tries {
		for _, lacking := range []bool{false, true} {
			for _, ns := range c.turned(name) {
				if (len(ns.addrs) == 0) != lacking || useless[ns.name] {
					continue
				}
				if lacking {
					ns = w.found(ns, stack)
				}
				r := w.ask(ns, query0{name: name, rtype: rtype, tries: 1, secure: isOfChain(rtype)})
				if r.resp != nil {
					s, child, f, why := c.weigh(name, r.resp)
					if s != unfit {
						return ns, r, s, child, nil
					}
					r.failure, r.why = f, why
				}
				useless[ns.name] = r.failure != residency.FailTimeout
				if bad.failure == residency.FailLame || round == 0 {
					bad = &trouble{r.failure, fmt.Sprintf("%s: %s", serverText(plainName(ns.name), r.addr), r.why)}
				}
				if w.ctx.Err() != nil || r.failure == residency.FailBudget {
					return ns, r, unfit, "", bad
				}
			}
		}
	}
	return nameServer{}, outcome{}, unfit, "", bad
}

// turned returns the servers beginning with another one for each name, so that
// not all is asked of the first.
func (c *cut) turned(name string) []nameServer {
	if len(c.servers) < 2 {
		return c.servers
	}
	sum := 0
	for i := range len(name) {
		sum += int(name[i])
	}
	first := sum % len(c.servers)
	return slices.Concat(c.servers[first:], c.servers[:first])
}

// found returns a name server with its addresses, which it finds from the root
// if need be. The name of a server must have addresses of its own and be no
// alias (RFC 2181 section 10.3).
func (w *walk) found(ns nameServer, stack []string) nameServer {
	switch {
	case len(ns.addrs) > 0 || ns.why != "":
		return ns
	case slices.Contains(stack, ns.name):
		ns.why = "its address can be had only from itself: the zones depend on each other in a circle"
		return ns
	case len(stack) >= maxDependence:
		ns.why = "too many zones depend on each other to find its address"
		return ns
	}
	if addrs, ok := w.it.known(ns.name); ok {
		return w.it.placed(ns.name, addrs)
	}
	if why := w.hopeless(ns.name); why != "" {
		ns.why = why
		return ns
	}
	addrs, ttl, why := w.addresses(ns.name, append(slices.Clone(stack), ns.name))
	if why != "" {
		ns.why = "its address cannot be found: " + why
		w.giveUp(ns.name, ns.why)
		return ns
	}
	w.it.learn(ns.name, addrs, ttl)
	return w.it.placed(ns.name, addrs)
}

// addresses asks for the addresses of a name server.
func (w *walk) addresses(name string, stack []string) (addrs []netip.Addr, ttl uint32, why string) {
	c, bad := w.zoneOf(name, stack)
	if bad != nil {
		return nil, 0, bad.why
	}
	ttl = uint32(longestLife / time.Second)
	why = "the name has no address"
	for _, rtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		_, r, s, _, bad := w.askAny(c, name, rtype, stack)
		switch {
		case bad != nil:
			why = bad.why
			continue
		case s == refers:
			continue
		case r.resp.rcode == dns.RcodeNameError:
			return nil, 0, "the name does not exist (NXDOMAIN)"
		}
		for _, rec := range r.resp.records {
			switch {
			case rec.owner != name:
			case rec.rtype == dns.TypeCNAME:
				return nil, 0, "the name is an alias, which the name of a server must not be (RFC 2181 section 10.3)"
			case rec.rtype == rtype:
				addrs, ttl = append(addrs, rec.addr), min(ttl, rec.ttl)
			}
		}
	}
	if len(addrs) > 0 {
		why = ""
	}
	return addrs, ttl, why
}
