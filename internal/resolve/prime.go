package resolve

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// primeAgain is how long to wait before the root servers are asked again who
// they are, when none of them said so.
const primeAgain = time.Minute

// hints returns the servers to begin at: those configured, else those that the
// program carries.
func (it *iteration) hints() []nameServer {
	var list []nameServer
	for i, addr := range it.opt.Roots {
		list = append(list, nameServer{name: "root-" + strconv.Itoa(i+1) + ".", addrs: []string{addr}})
	}
	if len(list) > 0 {
		return list
	}
	for _, r := range RootServers() {
		ns := nameServer{name: canonical(r.Name)}
		for _, a := range r.Addresses {
			ns.addrs = append(ns.addrs, netip.AddrPortFrom(a, it.opt.Port).String())
		}
		list = append(list, ns)
	}
	return list
}

// roots returns the root zone as it is known.
func (it *iteration) roots() *cut {
	it.mu.Lock()
	defer it.mu.Unlock()
	return it.root
}

// rooted returns the root zone with the servers that it names itself. Hints are
// old: they are asked once who the root servers are, and again when that answer
// has run out (priming, RFC 9609 section 3). Without an answer the hints serve.
func (w *walk) rooted() *cut {
	if c := w.it.roots(); w.it.clock().Before(c.until) {
		return c
	}
	free, ok := w.it.wait(w, ".", "*.") // no host has that name
	if !ok {
		return w.it.roots()
	}
	defer free()
	if c := w.it.roots(); w.it.clock().Before(c.until) {
		return c
	}
	for _, ns := range shuffled(w.it.hints()) {
		r := w.ask(ns, query0{name: ".", rtype: dns.TypeNS, tries: 1})
		if r.resp != nil && w.it.prime(ns, r) {
			return w.it.roots()
		}
		if w.ctx.Err() != nil || r.failure == residency.FailBudget {
			return w.it.roots()
		}
	}
	w.it.keepRoot(&cut{zone: ".", servers: w.it.roots().servers, until: w.it.clock().Add(primeAgain)})
	return w.it.roots()
}

// shuffled returns servers in an order by chance, so that not all who prime ask
// the first of the list (RFC 9609 section 3.2).
func shuffled(list []nameServer) []nameServer {
	list = slices.Clone(list)
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// prime takes the response of a server to the question for the root's servers.
// It reports whether that named any that can be asked: one without an address
// in the response is left out, since the others are enough to begin at.
func (it *iteration) prime(from nameServer, r outcome) bool {
	c := &cut{zone: "."}
	if s, _, _, _ := c.weigh(".", r.resp); s != answers {
		return false
	}
	ttl := uint32(longestLife / time.Second)
	for _, rec := range r.resp.nameservers {
		known := slices.ContainsFunc(c.servers, func(ns nameServer) bool { return ns.name == rec.target })
		if rec.owner != "." || known || len(c.servers) >= maxNameServers {
			continue
		}
		ns := it.rootAt(rec.target, r.resp.glue)
		if len(ns.addrs) > 0 {
			ttl = min(ttl, rec.ttl)
			c.servers = append(c.servers, ns)
		}
	}
	if len(c.servers) == 0 {
		return false
	}
	slices.SortFunc(c.servers, func(a, b nameServer) int { return strings.Compare(a.name, b.name) })
	c.until = it.clock().Add(max(time.Duration(ttl)*time.Second, shortestLife))
	it.keepRoot(c)
	return true
}

// rootAt returns a root server with the addresses that came with its name. What
// the hints have may be asked wherever it is; anything else only where any
// name server may be.
func (it *iteration) rootAt(name string, glue []record) nameServer {
	hinted := map[netip.Addr]string{}
	for _, h := range it.hints() {
		for _, text := range h.addrs {
			if ap, err := netip.ParseAddrPort(text); err == nil {
				hinted[ap.Addr().Unmap()] = text
			}
		}
	}
	var other []netip.Addr
	var asHinted []string
	for _, rec := range glue {
		switch text := hinted[rec.addr.Unmap()]; {
		case rec.owner != name:
		case text != "":
			asHinted = append(asHinted, text)
		default:
			other = append(other, rec.addr)
		}
	}
	ns := it.placed(name, other)
	ns.addrs = append(asHinted, ns.addrs...)
	ns.addrs = ns.addrs[:min(len(ns.addrs), maxAddresses)]
	return ns
}

func (it *iteration) keepRoot(c *cut) {
	it.mu.Lock()
	defer it.mu.Unlock()
	it.root = c
}

// hold waits before the first request of a run, for a time by chance, so that
// programs started by one clock do not all ask at once. Servers on this machine
// are asked at once.
func (it *iteration) hold(ctx context.Context, jitter time.Duration) {
	addr := it.hints()[0].addrs[0]
	if jitter <= 0 || wayTo(addr, "", nil).near() {
		return
	}
	timer := time.NewTimer(rand.N(jitter))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
