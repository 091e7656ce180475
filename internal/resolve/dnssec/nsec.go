package dnssec

import (
	"slices"

	"github.com/miekg/dns"
)

// nsec is one verified NSEC record (RFC 4034 section 4).
type nsec struct {
	owner, next           string
	ownerOrder, nextOrder order
	types                 types
}

// nsecOf reads a record; false if it reaches out of its zone.
func nsecOf(owner string, rr *dns.NSEC, zone string) (nsec, bool) {
	n := nsec{owner: owner, next: dns.CanonicalName(rr.NextDomain), types: rr.TypeBitMap}
	if !within(zone, n.next) {
		return n, false
	}
	n.ownerOrder, n.nextOrder = orderOf(n.owner), orderOf(n.next)
	return n, true
}

// covers reports whether the record proves that there is no record set at
// name, which is in the zone. The name may still exist if others are below it.
func (n nsec) covers(name string, zone string) bool {
	at := orderOf(name)
	if slices.Compare(n.ownerOrder, at) >= 0 {
		return false
	}
	last := n.next == zone // of the zone: the next is its beginning
	if !last && slices.Compare(at, n.nextOrder) >= 0 {
		return false
	}
	return !within(n.owner, name) || !n.types.blind()
}

// covering returns the record that covers name, or nil.
func (p *proof) covering(name string) *nsec {
	for i := range p.nsec {
		if p.nsec[i].covers(name, p.zone) {
			return &p.nsec[i]
		}
	}
	return nil
}

// matching returns the record at name, or nil.
func (p *proof) matching(name string) *nsec {
	for i := range p.nsec {
		if p.nsec[i].owner == name {
			return &p.nsec[i]
		}
	}
	return nil
}

// encloser is the longest existing ancestor of a name that the record covers:
// both ends of the gap exist, and so do their ancestors.
func (n nsec) encloser(name string) string {
	a, b := common(name, n.owner), common(name, n.next)
	if dns.CountLabel(a) > dns.CountLabel(b) {
		return a
	}
	return b
}

// nsecNoName proves that name does not exist, and no wildcard makes it
// (RFC 4035 section 5.4).
func (p *proof) nsecNoName(name string) denial {
	if n := p.matching(name); n != nil && n.types.empty() && n.types.has(typeNXNAME) {
		return denial{kind: denyName} // compact denial (RFC 9824)
	}
	gap := p.covering(name)
	if gap == nil || within(name, gap.next) { // the latter: an empty non-terminal
		return denial{why: p.why}
	}
	if p.covering(under("*", gap.encloser(name))) == nil {
		return denial{why: p.why}
	}
	return denial{kind: denyName}
}

// nsecNoType proves that name has no records of the type.
func (p *proof) nsecNoType(name string, qtype uint16) denial {
	if n := p.matching(name); n != nil {
		return n.types.lacks(name, qtype)
	}
	gap := p.covering(name)
	switch {
	case gap == nil:
		return denial{why: p.why}
	case within(name, gap.next):
		return denial{kind: denyType} // an empty non-terminal has no types
	}
	wildcard := under("*", gap.encloser(name))
	if n := p.matching(wildcard); n != nil {
		d := n.types.lacks(wildcard, qtype)
		d.delegation = false // a wildcard makes no zones
		return d
	}
	return denial{why: p.why}
}

// nsecNoCloser proves that the wildcard below the ancestor of that many labels
// is the one that applies to name.
func (p *proof) nsecNoCloser(name string, labels int) denial {
	gap := p.covering(name)
	if gap == nil || dns.CountLabel(gap.encloser(name)) > labels {
		return denial{why: WhyWildcard}
	}
	return denial{kind: denyName}
}
