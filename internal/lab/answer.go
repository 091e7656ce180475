package lab

import (
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"residency/internal/residency"
)

// maxChain is the most aliases that a recursive server follows. A longer chain
// is answered as far as it went, so that clients can be tested on it.
const maxChain = 32

// answer makes the reply of a server without faults. It is pure but for the
// turns of pools: the same request, server, time and turn give the same reply.
func (x *index) answer(srv *Server, req *request, now time.Time, t turns) reply {
	rep := req.reply()
	rep.recursive = !srv.Authoritative
	if req.nsid {
		rep.nsid = srv.NSID
	}
	if req.rcode != dnsmessage.RCodeSuccess {
		return rep
	}
	market, matched := srv.Place, 0
	if req.subnet.present && !srv.Ignores {
		rep.subnet = req.subnet
		if req.subnet.source > 0 {
			market, matched = x.market(req.subnet.prefix)
		}
	}
	x.follow(srv, &rep, market, matched, now, t)
	return rep
}

// reply returns the reply to a request, without anything in it.
func (req *request) reply() reply {
	return reply{
		id: req.id, rd: req.rd, cd: req.cd, rcode: req.rcode,
		asked: req.asked, question: req.question, edns: req.edns, do: req.do,
	}
}

// follow fills the answer section: the aliases from the name asked to the end
// of the chain, and the records there.
func (x *index) follow(srv *Server, rep *reply, market residency.Country, matched int, now time.Time, t turns) {
	owner, key := rep.question.Name, keyOf(rep.question.Name)
	start := x.zoneFor(key)
	if start == nil {
		rep.rcode = dnsmessage.RCodeRefused // the lab knows nothing of the rest of the world
		return
	}
	rep.authoritative = srv.Authoritative
	for range maxChain {
		e, z := x.entry(key, market, now)
		rep.narrow(e, matched)
		if e.nxdomain {
			// The rcode is that of the end of the chain (RFC 6604 section 2).
			rep.rcode, rep.soa = dnsmessage.RCodeNameError, z
			return
		}
		if e.target == "" {
			rep.finish(e, owner, z, t.next(srv, e, rep.question.Type))
			return
		}
		rep.answers = append(rep.answers, record{owner: owner, ttl: e.ttl, cname: e.cname})
		if rep.question.Type == dnsmessage.TypeCNAME || looped(rep.answers) {
			return
		}
		owner, key = e.cname, e.target
		if srv.Authoritative && x.zoneFor(key) != start {
			return
		}
	}
}

// entry returns what a name answers to a market at a time, and its zone. A name
// that the scenario does not have, or not yet, does not exist.
func (x *index) entry(key string, market residency.Country, now time.Time) (*entry, *zone) {
	if h := x.hosts[key]; h != nil {
		if e, ok := h.at(market, now); ok {
			return e, h.zone
		}
	}
	return &entry{nxdomain: true}, x.zoneFor(key)
}

// finish adds the records at the end of the chain, or the SOA of a NODATA.
func (r *reply) finish(e *entry, owner dnsmessage.Name, z *zone, c choice) {
	rec := record{owner: owner, ttl: e.ttl}
	switch r.question.Type {
	case dnsmessage.TypeA:
		rec.a = of(c, e.a)
	case dnsmessage.TypeAAAA:
		rec.aaaa = of(c, e.aaaa)
	}
	if len(rec.a)+len(rec.aaaa) == 0 {
		r.soa = z
		return
	}
	r.answers = append(r.answers, rec)
}

// narrow sets the scope to that of one more link of the chain: an answer holds
// for no more clients than its narrowest part does.
func (r *reply) narrow(e *entry, matched int) {
	if !r.subnet.present {
		return
	}
	scope := matched
	switch {
	case e.global:
		scope = 0
	case e.scope > 0:
		scope = e.scope
	case matched == 0:
		// Nobody's subnet: the neighbours may well be somebody's.
		scope = r.subnet.source
	}
	r.scope = max(r.scope, min(scope, r.subnet.source))
}

// looped reports whether the last alias leads to a name that the chain has
// been at.
func looped(chain []record) bool {
	target := keyOf(chain[len(chain)-1].cname)
	for _, link := range chain {
		if keyOf(link.owner) == target {
			return true
		}
	}
	return false
}

// keyOf returns a name as the index has it: ASCII letters in lower case.
func keyOf(n dnsmessage.Name) string {
	b := n.Data[:n.Length]
	var lower [255]byte
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return string(lower[:len(b)])
}

// zoneFor returns the zone of a name that is at or below one, or nil.
func (x *index) zoneFor(key string) *zone {
	dots := 0
	for i := len(key) - 2; i >= 0; i-- {
		if key[i] == '.' {
			if dots++; dots == 2 {
				return x.zones[key[i+1:]]
			}
		}
	}
	return x.zones[key]
}
