package dnssec

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// Types of digests (RFC 4034 section 5.1.3 and the IANA registry).
const (
	digestSHA1   = 1
	digestSHA256 = 2
	digestSHA384 = 4
)

// anchorOf reads what a DS record names.
func anchorOf(ds *dns.DS) (Anchor, bool) {
	digest, err := hex.DecodeString(ds.Digest)
	return Anchor{Zone: dns.CanonicalName(ds.Hdr.Name), KeyTag: ds.KeyTag, Algorithm: ds.Algorithm,
		DigestType: ds.DigestType, Digest: digest}, err == nil
}

// choose returns the anchors that we can use. A SHA-1 digest counts only where
// there is no better one (RFC 4509 section 3). Without any, the zone is
// insecure, and why says for what reason (RFC 4035 section 5.2).
func (v *Validator) choose(named []Anchor) (usable []Anchor, why Why) {
	best := uint8(digestSHA1)
	why = WhyAlgorithm
	for _, a := range named {
		if !v.algorithmOK(a.Algorithm) {
			continue
		}
		switch a.DigestType {
		case digestSHA256, digestSHA384:
			best = digestSHA256
			usable = append(usable, a)
		case digestSHA1:
			usable = append(usable, a)
		default:
			why = WhyDigest
		}
	}
	if best == digestSHA1 {
		return usable, why
	}
	better := usable[:0]
	for _, a := range usable {
		if a.DigestType != digestSHA1 {
			better = append(better, a)
		}
	}
	return better, why
}

// enter validates the keys of a zone that has the named keys: its DNSKEY set
// must hold one of them, and be signed by it (RFC 4035 section 5.2).
func (v *Validator) enter(ctx context.Context, w *work, zone string, named []Anchor, until time.Time) *link {
	usable, why := v.choose(named)
	if len(usable) == 0 {
		return &link{kind: unsigned, why: why, until: until,
			steps: []Step{{Name: zone, Type: "DNSKEY", State: Insecure, Why: why}}}
	}
	m, err := w.fetch(ctx, zone, dns.TypeDNSKEY)
	if err != nil {
		return &link{kind: unknown, why: WhyFetch,
			steps: []Step{{Name: zone, Type: "DNSKEY", State: Indeterminate, Why: WhyFetch}}}
	}
	set := find(m.answer, zone, dns.TypeDNSKEY)
	if set == nil {
		return &link{kind: broken, why: WhyNoDNSKEY,
			steps: []Step{{Name: zone, Type: "DNSKEY", State: Bogus, Why: WhyNoDNSKEY}}}
	}
	trusted, why := w.match(set, usable)
	if len(trusted) == 0 {
		if why == WhyAlgorithm {
			return &link{kind: unsigned, why: why, until: until, steps: []Step{w.step(set, nil, Insecure, why)}}
		}
		return &link{kind: broken, why: why, steps: []Step{w.step(set, nil, Bogus, why)}}
	}
	sig, why := w.verify(set, newZoneKeys(zone, trusted))
	if sig == nil {
		return &link{kind: broken, why: why, steps: []Step{w.step(set, nil, Bogus, why)}}
	}
	if e := w.expiry(set, sig); e.Before(until) {
		until = e
	}
	return &link{kind: signed, keys: newZoneKeys(zone, keysOf(set)), until: until,
		steps: []Step{w.step(set, sig, Secure, "")}}
}

// keysOf returns the keys of a DNSKEY set.
func keysOf(set *rrset) []*dns.DNSKEY {
	var keys []*dns.DNSKEY
	for _, rr := range set.rrs {
		if k, ok := rr.(*dns.DNSKEY); ok {
			keys = append(keys, k)
		}
	}
	return keys
}

// match returns the keys that the anchors name. With none it says why:
// WhyAlgorithm if the key of every anchor is there and of a kind we cannot
// compute with, so that the zone is insecure. One such key is not enough, or
// dropping the others from the response would make any zone insecure.
func (w *work) match(set *rrset, anchors []Anchor) (trusted []*dns.DNSKEY, why Why) {
	foreign := make([]bool, len(anchors)) // the anchor's key is there, but not computable
	digests := 0
	for _, k := range keysOf(set) {
		if !signs(k) {
			continue
		}
		tag, ok := k.KeyTag(), computable(k)
		for i, a := range anchors {
			if a.KeyTag != tag || a.Algorithm != k.Algorithm {
				continue
			}
			// Digests are cheap, but a full response of equal tags on both
			// sides would ask for a million of them.
			if digests++; digests > 8*w.limits.Keys {
				return trusted, WhyLimit
			}
			if !a.names(k) {
				continue
			}
			foreign[i] = !ok
			if ok {
				trusted = append(trusted, k)
				break
			}
		}
	}
	if slices.Contains(foreign, false) {
		return trusted, WhyKeyMismatch
	}
	return trusted, WhyAlgorithm
}
