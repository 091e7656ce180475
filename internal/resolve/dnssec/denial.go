package dnssec

import (
	"slices"
	"time"

	"github.com/miekg/dns"
)

// denyKind is what a proof shows not to be.
type denyKind uint8

const (
	denyNothing denyKind = iota // it proves nothing of what was asked
	denyType                    // the name exists, the type there does not
	denyName                    // the name does not exist
	denyWeak                    // only within the limits of opt-out or RFC 9276: insecure
)

// denial is the outcome of a proof.
type denial struct {
	kind       denyKind
	why        Why  // for denyNothing and denyWeak
	delegation bool // an unsigned zone begins at the name (denyType of DS only)
}

// proof is the verified NSEC and NSEC3 records of one zone in one response.
type proof struct {
	zone   string
	nsec   []nsec
	nsec3  []nsec3
	heavy  bool // NSEC3 with more iterations than we compute
	why    Why  // why records that look like proof did not count
	until  time.Time
	hashes map[string]string
}

// maxDenials bounds the proofs taken from one response. A denial needs three
// records at most, each wildcard on an alias chain one more.
const maxDenials = 24

// gather verifies the denials in m that the zone signed.
func (w *work) gather(m *message, keys *zoneKeys) *proof {
	at := gathering{m, keys.zone}
	if p := w.known[at]; p != nil {
		return p
	}
	p := &proof{zone: keys.zone, why: WhyDenial, until: w.now.Add(w.limits.MaxTTL), hashes: map[string]string{}}
	w.known[at] = p
	taken := 0
	for _, set := range m.authority {
		if set.rtype != dns.TypeNSEC && set.rtype != dns.TypeNSEC3 || !slices.Contains(set.signers(), keys.zone) {
			continue
		}
		if taken++; taken > maxDenials {
			p.why = WhyLimit
			break
		}
		sig, why := w.verify(set, keys)
		if sig == nil {
			p.why = why
			continue
		}
		// A record made from a wildcard has another owner than the one that
		// was signed: what it covers is invented.
		if int(sig.Labels) != labelCount(set.owner) {
			continue
		}
		if e := w.expiry(set, sig); e.Before(p.until) {
			p.until = e
		}
		p.add(set, w.limits.Iterations)
	}
	return p
}

// add takes the records of a verified set.
func (p *proof) add(set *rrset, iterations uint16) {
	for _, rr := range set.rrs {
		switch rr := rr.(type) {
		case *dns.NSEC:
			if n, ok := nsecOf(set.owner, rr, p.zone); ok {
				p.nsec = append(p.nsec, n)
			}
		case *dns.NSEC3:
			n, ok := nsec3Of(set.owner, rr, p.zone)
			switch {
			case !ok:
			case rr.Iterations > iterations:
				p.heavy = true
			// All of one proof have the same parameters (RFC 5155 section 8.2).
			case len(p.nsec3) == 0 || p.nsec3[0].sameParameters(n):
				p.nsec3 = append(p.nsec3, n)
			}
		}
	}
}

// deny proves that name does not exist, or has no records of the type.
func (p *proof) deny(w *work, name string, qtype uint16, wholeName bool) denial {
	d := denial{why: p.why}
	switch {
	case len(p.nsec) > 0 && wholeName:
		d = p.nsecNoName(name)
	case len(p.nsec) > 0:
		d = p.nsecNoType(name, qtype)
	}
	if d.kind != denyNothing {
		return d
	}
	switch {
	case p.heavy:
		return denial{kind: denyWeak, why: WhyIterations}
	case len(p.nsec3) > 0 && wholeName:
		d = p.nsec3NoName(w, name)
	case len(p.nsec3) > 0:
		d = p.nsec3NoType(w, name, qtype)
	}
	if w.over {
		return denial{why: WhyLimit}
	}
	if d.kind == denyNothing && d.why == "" {
		d.why = p.why
	}
	return d
}

// noCloser proves that a record of name may come from the wildcard below the
// ancestor with that many labels: no name in between exists (RFC 4035 section
// 5.3.4, RFC 5155 section 8.8).
func (p *proof) noCloser(w *work, name string, labels int) denial {
	d := denial{why: WhyWildcard}
	if len(p.nsec) > 0 {
		d = p.nsecNoCloser(name, labels)
	}
	switch {
	case d.kind != denyNothing:
		return d
	case p.heavy:
		return denial{kind: denyWeak, why: WhyIterations}
	case len(p.nsec3) > 0:
		d = p.nsec3NoCloser(w, name, labels)
	}
	if w.over {
		return denial{why: WhyLimit}
	}
	if d.kind == denyNothing {
		d.why = WhyWildcard
	}
	return d
}

// types is what a type bitmap says about its name.
type types []uint16

func (t types) has(one uint16) bool { return slices.Contains(t, one) }

// delegation reports that the bitmap is the parent's side of a zone cut: it
// speaks about the DS set only, and not about what is below (RFC 6840 section
// 4.1, 4.4).
func (t types) delegation() bool { return t.has(dns.TypeNS) && !t.has(dns.TypeSOA) }

// blind reports that names below the owner are not this zone's to deny.
func (t types) blind() bool { return t.delegation() || t.has(dns.TypeDNAME) }

// typeNXNAME in a bitmap says that the name does not exist (RFC 9824 section 3.4).
const typeNXNAME = 128

// empty reports that the name has nothing but the proof itself.
func (t types) empty() bool {
	return !slices.ContainsFunc(t, func(one uint16) bool {
		return one != dns.TypeNSEC && one != dns.TypeRRSIG && one != typeNXNAME
	})
}

// lacks judges the bitmap of the very name in question.
func (t types) lacks(name string, qtype uint16) denial {
	switch {
	case t.has(qtype), t.has(dns.TypeCNAME), qtype == dns.TypeANY && !t.empty():
		return denial{why: WhyDenial}
	case qtype == dns.TypeDS:
		// With an SOA it is the child's own record, which knows no DS.
		if t.has(dns.TypeSOA) && name != "." {
			return denial{why: WhyDenial}
		}
		return denial{kind: denyType, delegation: t.has(dns.TypeNS)}
	case t.delegation():
		return denial{why: WhyDenial}
	}
	return denial{kind: denyType}
}
