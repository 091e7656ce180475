package resolve

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// examineIteration tests whether the path to the name servers of the internet
// is honest, and takes the iterative server for dead if it is not: whatever
// answers in the place of root servers answers in the place of the vendors',
// too. What it finds out is believed for an hour.
//
// Names are tested only where the public root servers are asked: what a private
// root says of them is its own affair.
func (r *Resolver) examineIteration(ctx context.Context, it *iteration, st *residency.ResolverStatus, found *probed, path *pathTest, full bool) {
	if r.Controls == nil || !st.Answers {
		return
	}
	w := newWalk(it, ctx)
	defer w.stop()
	ln := it.end(found.addr).line
	m := r.remember()
	key := "iterative " + ln.viaText
	m.mu.Lock()
	known, ok := m.tested[key]
	m.mu.Unlock()
	if !ok || full || time.Since(known.at) >= testedFor {
		known = tested{time.Now(), nil}
		if it.isPublic() {
			known.checks = append(known.checks, w.checkMissing(), w.checkKnown(r.Controls.Known))
		}
		if c, does := path.check(ctx, ln); does {
			known.checks = append(known.checks, c)
		}
		if ctx.Err() == nil { // what was cut off is not remembered
			m.mu.Lock()
			m.tested[key] = known
			m.mu.Unlock()
		}
	}
	st.Checks = known.checks
	if full {
		st.Checks = append([]residency.ResolverCheck{subnetCheck(*st)}, st.Checks...)
	}
	disbelieve(st, found)
}

// isPublic reports whether it begins at the root servers of the internet.
func (it *iteration) isPublic() bool {
	var public []string
	for _, r := range RootServers() {
		for _, a := range r.Addresses {
			public = append(public, netip.AddrPortFrom(a, 53).String())
		}
	}
	for _, h := range it.hints() {
		if !slices.Contains(public, h.addrs[0]) {
			return false
		}
	}
	return true
}

// checkMissing asks a root server for a name by chance that nobody can register
// (RFC 6761 section 6.4). A root server knows of all top-level domains, and
// denies this one with authority.
func (w *walk) checkMissing() residency.ResolverCheck {
	c := residency.ResolverCheck{Name: checkNXDomain, Result: residency.CheckUnknown, Text: "no root server answered for a name that does not exist"}
	name := strings.ToLower(rand.Text()) + ".invalid."
	r := w.askRoots(name)
	switch {
	case r.resp == nil:
	case slices.ContainsFunc(r.resp.records, func(rec record) bool { return rec.addr.IsValid() }):
		c.Result, c.Text = residency.CheckBad, fmt.Sprintf("what answers as root server %s gives an address to a name that does not exist", r.addr)
	case r.resp.rcode == dns.RcodeNameError && r.resp.aa:
		c.Result, c.Text = residency.CheckGood, "the root servers say so when a name does not exist"
	case r.resp.rcode == dns.RcodeNameError:
		c.Result, c.Text = residency.CheckBad, fmt.Sprintf("what answers as root server %s does so without authority: something on the path answers in its place", r.addr)
	default:
		c.Text = "the root server answered " + rcodeName(r.resp.rcode) + " for a name that does not exist"
	}
	return c
}

// askRoots asks the root servers for the addresses of a name, until one
// responds.
func (w *walk) askRoots(name string) (r outcome) {
	for _, ns := range w.it.roots().servers {
		r = w.ask(ns, query0{name: name, rtype: dns.TypeA, tries: 1})
		if r.resp != nil || w.ctx.Err() != nil {
			break
		}
	}
	return r
}

// checkKnown finds names whose addresses are known from the root down.
func (w *walk) checkKnown(list []Known) residency.ResolverCheck {
	got := map[string]residency.Observation{}
	for _, k := range list {
		addrs, _, why := w.addresses(canonical(k.Name), nil)
		o := residency.Observation{Detail: why}
		for _, a := range addrs {
			if a.Is4() {
				o.Addresses = append(o.Addresses, residency.Answer{Address: a})
			}
		}
		got[k.Name] = o
	}
	return knownCheck(list, got)
}
