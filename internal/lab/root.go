package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// tree is a root, the top-level domains below it and the zones of a scenario:
// enough of the DNS to be walked from the top.
type tree struct {
	index *index
	root  nsAt
	tld   netip.Addr   // of the one server of all top-level domains
	zones []netip.Addr // of the servers of every zone
	tops  map[string]bool
}

// nsAt is a name server and its address.
type nsAt struct {
	name dnsmessage.Name
	addr netip.Addr
}

// referral is the servers of a zone: those of one below, or, as an answer, the
// zone's own.
type referral struct {
	zone    dnsmessage.Name
	servers []nsAt
	answer  bool
}

// add adds the names of the servers to the answer section, which is open, or to
// the authority section.
func (f *referral) add(b *dnsmessage.Builder) error {
	if !f.answer {
		if err := b.StartAuthorities(); err != nil {
			return err
		}
	}
	h := dnsmessage.ResourceHeader{Name: f.zone, Class: dnsmessage.ClassINET, TTL: DefaultTTL}
	for _, ns := range f.servers {
		if err := b.NSResource(h, dnsmessage.NSResource{NS: ns.name}); err != nil {
			return err
		}
	}
	return nil
}

// addGlue adds their addresses to the additional section, which is open.
func (f *referral) addGlue(b *dnsmessage.Builder) error {
	for _, ns := range f.servers {
		h := dnsmessage.ResourceHeader{Name: ns.name, Class: dnsmessage.ClassINET, TTL: DefaultTTL}
		if err := b.AResource(h, dnsmessage.AResource{A: ns.addr.As4()}); err != nil {
			return err
		}
	}
	return nil
}

// newTree places a root, the top-level domains and so many servers for the
// zones on addresses from first on.
func newTree(x *index, first netip.Addr, servers int) *tree {
	t := &tree{index: x, root: nsAt{dnsmessage.MustNewName("root."), first}, tld: first.Next(), tops: map[string]bool{}}
	for addr := t.tld.Next(); len(t.zones) < servers; addr = addr.Next() {
		t.zones = append(t.zones, addr)
	}
	for apex := range x.zones {
		t.tops[topOf(apex)] = true
	}
	return t
}

// topOf returns the last label of a name in key form, with its dot.
func topOf(key string) string {
	labels := strings.Split(strings.TrimSuffix(key, "."), ".")
	return labels[len(labels)-1] + "."
}

// atRoot answers as the root server: who it is, or who has the top-level domain.
func (t *tree) atRoot(req *request) reply {
	rep, key := req.reply(), keyOf(req.question.Name)
	switch {
	case rep.rcode != dnsmessage.RCodeSuccess:
	case key == "." && req.question.Type == dnsmessage.TypeNS:
		rep.authoritative, rep.referral = true, &referral{req.question.Name, []nsAt{t.root}, true}
	case key == ".":
		rep.authoritative, rep.soa = true, newZone(".")
	case !t.tops[topOf(key)]:
		rep.authoritative, rep.rcode, rep.soa = true, dnsmessage.RCodeNameError, newZone(".")
	default:
		top := topOf(key)
		rep.referral = &referral{zone: dnsmessage.MustNewName(top), servers: []nsAt{{dnsmessage.MustNewName("ns." + top), t.tld}}}
	}
	return rep
}

// atTop answers as the server of the top-level domains: who has the zone.
func (t *tree) atTop(req *request) reply {
	rep, key := req.reply(), keyOf(req.question.Name)
	z := t.index.zoneFor(key)
	switch {
	case rep.rcode != dnsmessage.RCodeSuccess:
	case !t.tops[topOf(key)]:
		rep.rcode = dnsmessage.RCodeRefused
	case z != nil:
		rep.referral = &referral{zone: z.apex}
		for i, addr := range t.zones {
			rep.referral.servers = append(rep.referral.servers, nsAt{dnsmessage.MustNewName(fmt.Sprintf("ns%d.%s", i+1, keyOf(z.apex))), addr})
		}
	default:
		rep.authoritative, rep.soa = true, newZone(topOf(key))
		if key != topOf(key) {
			rep.rcode = dnsmessage.RCodeNameError
		}
	}
	return rep
}

// ServeFromRoot serves the scenario as an internet that begins at a root: the
// root at the loopback address given, the top-level domains at the next one, and
// at those after it the servers that honour client subnets (all of them, if none
// does), as the name servers of every zone. All have one port; port 0 picks one.
// Loopback addresses beside 127.0.0.1 need a system that has them, as Linux does.
func (s *Scenario) ServeFromRoot(ctx context.Context, listen string, now func() time.Time) (*Net, error) {
	if err := s.check(nil); err != nil {
		return nil, fmt.Errorf("serve scenario %s: %w", s.Name, err)
	}
	at, err := loopback(listen)
	if err == nil && !at.Addr().Is4() {
		err = fmt.Errorf("read listen address %q: from the root there is more than one server, so want an IPv4 address, such as 127.0.0.1:5300", listen)
	}
	if err != nil {
		return nil, fmt.Errorf("serve scenario %s: %w", s.Name, err)
	}
	if now == nil {
		now = time.Now
	}
	for try := 1; ; try++ { // a port that is free at one address may be taken at the next
		n, err := s.startTree(ctx, at, now)
		if err == nil {
			return n, nil
		}
		if at.Port() != 0 || try == 20 {
			return nil, fmt.Errorf("serve scenario %s: %w", s.Name, err)
		}
	}
}

// startTree starts all servers.
func (s *Scenario) startTree(ctx context.Context, at netip.AddrPort, now func() time.Time) (*Net, error) {
	ctx, cancel := context.WithCancel(ctx)
	n, x := &Net{cancel: cancel}, newIndex(s)
	var own []Server
	for _, srv := range s.Servers {
		if !srv.Ignores {
			own = append(own, srv)
		}
	}
	if len(own) == 0 {
		own = s.Servers
	}
	t := newTree(x, at.Addr(), len(own))
	list := []*responder{
		{server: Server{Name: "root", Authoritative: true, Ignores: true}, refer: t.atRoot},
		{server: Server{Name: "top-level", Authoritative: true, Ignores: true}, refer: t.atTop},
	}
	addrs := append([]netip.Addr{t.root.addr, t.tld}, t.zones...)
	for _, srv := range own {
		srv.Authoritative = true
		list = append(list, &responder{index: x, server: srv, now: now, turns: make(turns, x.pools), counts: countersFor(srv)})
	}
	port := at.Port()
	for i, r := range list {
		bound, err := n.start(ctx, netip.AddrPortFrom(addrs[i], port), r)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start server %q: %w", r.server.Name, err), n.Close())
		}
		port = bound.Port()
		n.Servers = append(n.Servers, running(r, bound))
	}
	n.Root = n.Servers[0].Addr
	context.AfterFunc(ctx, func() { _ = n.Close() })
	return n, nil
}
