package dnssec

import (
	"encoding/base64"
	"time"

	"github.com/miekg/dns"
)

// zoneKeys are the validated keys of a zone.
type zoneKeys struct {
	zone string
	of   map[keyID][]*dns.DNSKEY
}

// keyID is what a signature says of its key. It need not be unique.
type keyID struct {
	tag       uint16
	algorithm uint8
}

// newZoneKeys takes those keys that may sign records of the zone.
func newZoneKeys(zone string, keys []*dns.DNSKEY) *zoneKeys {
	z := &zoneKeys{zone: zone, of: map[keyID][]*dns.DNSKEY{}}
	for _, k := range keys {
		if signs(k) {
			id := keyID{k.KeyTag(), k.Algorithm}
			z.of[id] = append(z.of[id], k)
		}
	}
	return z
}

// signs reports whether the key may sign records of its zone: the zone flag
// is set, the protocol is 3 (RFC 4034 section 2.1) and it is not revoked
// (RFC 5011 section 2.1).
func signs(k *dns.DNSKEY) bool {
	return k.Flags&dns.ZONE != 0 && k.Flags&dns.REVOKE == 0 && k.Protocol == 3
}

// algorithmOK reports whether we rely on signatures of the algorithm
// (RFC 8624 section 3.1, RFC 9905 section 2) and can compute them.
func (v *Validator) algorithmOK(number uint8) bool {
	switch number {
	case dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519:
		return true
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1:
		return v.AllowSHA1
	}
	return false
}

// computable reports whether the cryptography at hand takes the key at all:
// Go refuses RSA below 1024 bits, the codec above 4096 bits and odd exponents.
// A zone that has only such keys is as good as one of an unknown algorithm.
func computable(k *dns.DNSKEY) bool {
	raw, err := base64.StdEncoding.DecodeString(k.PublicKey)
	if err != nil {
		return false
	}
	switch k.Algorithm {
	case dns.ECDSAP256SHA256:
		return len(raw) == 64
	case dns.ECDSAP384SHA384:
		return len(raw) == 96
	case dns.ED25519:
		return len(raw) == 32
	}
	if len(raw) < 3 {
		return false
	}
	exponent, modulus := int(raw[0]), raw[1:] // RFC 3110 section 2
	if exponent == 0 {
		exponent, modulus = int(raw[1])<<8|int(raw[2]), raw[3:]
	}
	if exponent == 0 || exponent > 4 || len(modulus) < exponent {
		return false
	}
	bits := len(modulus[exponent:]) * 8
	return bits >= 1024 && bits <= 4096
}

// telling orders the reasons why a set has no good signature: the one that
// got furthest says most about what is wrong.
var telling = map[Why]int{WhyUnsigned: 1, WhySigner: 2, WhyNoKey: 3, WhyNotYet: 4, WhyExpired: 5, WhySignature: 6, WhyLimit: 7}

// moreTelling returns the reason that says more.
func moreTelling(a, b Why) Why {
	if telling[b] > telling[a] {
		return b
	}
	return a
}

// verify looks for a signature over the set that one of the keys made and
// that is valid now (RFC 4035 section 5.3). It returns it, or nil and why.
func (w *work) verify(set *rrset, keys *zoneKeys) (*dns.RRSIG, Why) {
	why, tried := WhyUnsigned, 0
	for _, sig := range set.sigs {
		if problem := w.precheck(set, sig, keys.zone); problem != "" {
			why = moreTelling(why, problem)
			continue
		}
		same := keys.of[keyID{sig.KeyTag, sig.Algorithm}]
		if len(same) == 0 {
			why = moreTelling(why, WhyNoKey)
			continue
		}
		// Both bounds together are what stops KeyTrap, where hundreds of keys
		// share a tag and each of hundreds of signatures has to be tried with
		// every one of them.
		if tried++; tried > w.limits.Signatures {
			return nil, WhyLimit
		}
		for i, key := range same {
			if i >= w.limits.Keys || !w.affords() {
				w.over = true
				return nil, WhyLimit
			}
			if w.compute(set, sig, key) {
				return sig, ""
			}
		}
		why = moreTelling(why, WhySignature)
	}
	return nil, why
}

// precheck does what needs no cryptography and returns what is wrong, or "".
func (w *work) precheck(set *rrset, sig *dns.RRSIG, zone string) Why {
	labels := int(sig.Labels)
	switch {
	case dns.CanonicalName(sig.SignerName) != zone || !within(zone, set.owner):
		return WhySigner
	case labels > labelCount(set.owner), labels < dns.CountLabel(zone):
		return WhySignature // a wildcard cannot be above the apex of its zone
	case !w.v.algorithmOK(sig.Algorithm):
		return WhyNoKey
	}
	return w.timely(sig)
}

// timely checks the validity period. The codec's Verify does not: it takes
// signatures of any age. Times are serial numbers (RFC 4034 section 3.1.5).
func (w *work) timely(sig *dns.RRSIG) Why {
	skew := w.v.Skew
	from, until := uint32(w.now.Add(skew).Unix()), uint32(w.now.Add(-skew).Unix())
	switch {
	case int32(sig.Expiration-until) < 0:
		return WhyExpired
	case int32(from-sig.Inception) < 0:
		return WhyNotYet
	}
	return ""
}

// affords reports whether one more signature may be computed.
func (w *work) affords() bool {
	return w.spent.Verifications < w.limits.Verifications && w.spent.Failures < w.limits.Failures
}

// compute does the cryptography.
func (w *work) compute(set *rrset, sig *dns.RRSIG, key *dns.DNSKEY) bool {
	w.spent.Verifications++
	if sig.Verify(key, set.rrs) != nil {
		w.spent.Failures++
		return false
	}
	return true
}

// expiry is when a verified set stops being proof: its TTL, the one it was
// signed with and the end of its signature bound it (RFC 4035 section 5.3.3).
func (w *work) expiry(set *rrset, sig *dns.RRSIG) time.Time {
	ttl := time.Duration(min(set.ttl(), sig.OrigTtl)) * time.Second
	left := time.Duration(int32(sig.Expiration-uint32(w.now.Unix()))) * time.Second
	return w.now.Add(max(0, min(ttl, left)))
}

// moment turns a serial time into the one nearest to now.
func (w *work) moment(serial uint32) time.Time {
	now := w.now.Unix()
	return time.Unix(now+int64(int32(serial-uint32(now))), 0).UTC()
}

// step describes a set that sig proves; sig may be nil.
func (w *work) step(set *rrset, sig *dns.RRSIG, state State, why Why) Step {
	s := Step{Name: set.owner, Type: typeName(set.rtype), State: state, Why: why}
	if sig != nil {
		s.Zone = dns.CanonicalName(sig.SignerName)
		s.KeyTag, s.Algorithm = sig.KeyTag, sig.Algorithm
		s.Inception, s.Expires = w.moment(sig.Inception), w.moment(sig.Expiration)
	}
	return s
}

// typeName is the mnemonic of a type, or TYPE123 (RFC 3597 section 5).
func typeName(t uint16) string { return dns.Type(t).String() }
