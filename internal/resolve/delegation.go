package resolve

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

const (
	// maxCuts bounds the delegation cache, in zones.
	maxCuts = 100_000
	// longestLife bounds how long anything is believed, whatever its TTL; and
	// shortestLife keeps what was just learned for the look that learned it.
	longestLife  = 24 * time.Hour
	shortestLife = time.Second
	// maxAddresses is how many addresses of one name server are tried.
	maxAddresses = 4
	// inZoneLife is how long a name is taken to be in the zone it was found in.
	inZoneLife = 5 * time.Minute
)

// cut is a zone as the zone above delegates it.
type cut struct {
	zone    string // lower case, with the final dot
	servers []nameServer
	path    []residency.Delegation // the servers that led here, from the root
	proof   []residency.Exchange   // their referrals
	until   time.Time

	// whole is servers and those that the zone itself names besides, once it
	// was asked; guarded by the slot that allServers waits for.
	whole []nameServer
}

// nameServer is one server of a zone.
type nameServer struct {
	name  string   // lower case, with the final dot
	addrs []string // "address:port", IPv4 first; may be empty
	why   string   // there is none to ask
}

// standing is what a response from a server of a zone is worth.
type standing uint8

const (
	answers standing = iota // with authority: answer, no data, no such name
	refers                  // to a zone below
	unfit                   // lame, refusing, failing
)

// weigh says what a response to a question about name is worth that came from
// a server of the zone: an answer counts only with authority, a referral only
// to a zone below that holds the name (RFC 1034 section 5.3.3).
func (c *cut) weigh(name string, resp *response) (s standing, child string, f residency.Failure, why string) {
	if resp.rcode != dns.RcodeSuccess && resp.rcode != dns.RcodeNameError {
		f, why = rcodeFailure(resp.rcode)
		return unfit, "", f, why
	}
	bare := len(resp.records) == 0 && len(resp.soas) == 0 && resp.rcode == dns.RcodeSuccess
	for _, ns := range resp.nameservers {
		below := ns.owner != c.zone && dns.IsSubDomain(c.zone, ns.owner) && dns.IsSubDomain(ns.owner, name)
		if below && bare { // even with AA, which some servers set on referrals
			return refers, ns.owner, "", ""
		}
	}
	if resp.aa {
		return answers, "", "", ""
	}
	if len(resp.nameservers) > 0 && len(resp.records) == 0 {
		return unfit, "", residency.FailLame, fmt.Sprintf("the server is lame: for %s it points to the servers of %s, at or above the zone it should serve",
			plainName(name), plainName(resp.nameservers[0].owner))
	}
	return unfit, "", residency.FailLame, "the server is lame: it answers without authority (no AA) for " + plainName(name)
}

// delegate makes the cut of a child zone from a referral of one of c's
// servers, and keeps it. Addresses are believed only of servers whose names
// are in c's own zone: the zone that refers has no say about others
// (bailiwick). Special-purpose addresses are left out.
func (w *walk) delegate(c *cut, from nameServer, r outcome, child string) *cut {
	now := w.it.clock()
	ttl := uint32(longestLife / time.Second)
	d := &cut{
		zone:  child,
		path:  append(slices.Clone(c.path), c.step(from, r.addr)),
		proof: append(slices.Clone(c.proof), r.tried[len(r.tried)-1]),
	}
	for _, rec := range r.resp.nameservers {
		if rec.owner != child || slices.ContainsFunc(d.servers, func(ns nameServer) bool { return ns.name == rec.target }) {
			continue
		}
		ttl = min(ttl, rec.ttl)
		if len(d.servers) < maxNameServers {
			d.servers = append(d.servers, w.glued(c, rec.target, r.resp.glue))
		}
	}
	slices.SortFunc(d.servers, func(a, b nameServer) int { return strings.Compare(a.name, b.name) })
	d.until = now.Add(max(time.Duration(ttl)*time.Second, shortestLife))
	w.it.keep(d)
	return d
}

// step is the part of a path that a server of c is.
func (c *cut) step(ns nameServer, addr string) residency.Delegation {
	return residency.Delegation{Zone: plainName(c.zone), Server: plainName(ns.name), Address: addr}
}

// glued returns a name server with the addresses that came with the referral.
func (w *walk) glued(c *cut, name string, glue []record) nameServer {
	var addrs []netip.Addr
	if dns.IsSubDomain(c.zone, name) {
		for _, rec := range glue {
			if rec.owner == name {
				addrs = append(addrs, rec.addr)
			}
		}
	}
	return w.it.placed(name, addrs)
}

// placed returns a name server that stands at the addresses, without those
// that must not be asked.
func (it *iteration) placed(name string, addrs []netip.Addr) nameServer {
	ns := nameServer{name: name}
	slices.SortFunc(addrs, netip.Addr.Compare) // IPv4 first
	for _, a := range slices.Compact(addrs) {
		if why := it.refusal(a); why != "" {
			ns.why = why
		} else if len(ns.addrs) < maxAddresses {
			ns.addrs = append(ns.addrs, netip.AddrPortFrom(a, it.opt.Port).String())
		}
	}
	return ns
}

// keep puts a cut into the cache. A zone known already keeps its entry: what
// came first was asked for in an orderly way, and is not to be displaced.
func (it *iteration) keep(d *cut) {
	it.mu.Lock()
	defer it.mu.Unlock()
	if len(it.cuts) >= maxCuts {
		it.forget()
	}
	if old := it.cuts[d.zone]; old == nil || !it.clock().Before(old.until) {
		it.cuts[d.zone] = d
	}
}

// forget drops what is too old, and all if that is not enough. it.mu is held.
func (it *iteration) forget() {
	now := it.clock()
	for zone, c := range it.cuts {
		if !now.Before(c.until) {
			delete(it.cuts, zone)
		}
	}
	for name, k := range it.in {
		if !now.Before(k.until) {
			delete(it.in, name)
		}
	}
	for name, h := range it.hosts {
		if !now.Before(h.until) {
			delete(it.hosts, name)
		}
	}
	if max(len(it.cuts), len(it.in), len(it.hosts)) >= maxCuts {
		clear(it.cuts)
		clear(it.in)
		clear(it.hosts)
	}
}

// deepest returns the deepest zone known to hold name; settled says that the
// name is known to be in that zone itself.
func (it *iteration) deepest(name string) (c *cut, settled bool) {
	it.mu.Lock()
	defer it.mu.Unlock()
	now := it.clock()
	c = it.root
	for zone := name; zone != "."; zone = parent(zone) {
		if d := it.cuts[zone]; d != nil && now.Before(d.until) {
			c = d
			break
		}
	}
	k, ok := it.in[name]
	return c, ok && k.zone == c.zone && now.Before(k.until)
}

// settle notes that name is in c's zone.
func (it *iteration) settle(name string, c *cut) {
	it.mu.Lock()
	defer it.mu.Unlock()
	if len(it.in) >= maxCuts {
		it.forget()
	}
	it.in[name] = kept{c.zone, it.clock().Add(inZoneLife)}
}

// parent returns the name without its first label.
func parent(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}

// known returns the addresses of a name server found before.
func (it *iteration) known(name string) ([]netip.Addr, bool) {
	it.mu.Lock()
	defer it.mu.Unlock()
	h, ok := it.hosts[name]
	return h.addrs, ok && it.clock().Before(h.until)
}

// learn keeps the addresses of a name server.
func (it *iteration) learn(name string, addrs []netip.Addr, ttl uint32) {
	it.mu.Lock()
	defer it.mu.Unlock()
	if len(it.hosts) >= maxCuts {
		it.forget()
	}
	it.hosts[name] = hostAddrs{addrs, it.clock().Add(max(time.Duration(ttl)*time.Second, shortestLife))}
}
