package dnssec

import (
	"crypto/sha1"
	"encoding/base32"
	"encoding/hex"
	"strings"

	"github.com/miekg/dns"
)

// nsec3 is one verified NSEC3 record (RFC 5155 section 3).
type nsec3 struct {
	hash, next string // raw SHA-1 values
	salt       string // raw
	iterations uint16
	optOut     bool
	types      types
}

// nsec3Of reads a record; false if it must be passed over: an unknown hash, unknown
// flags (RFC 5155 section 8.1, 8.2), or an owner that is no hash below the apex.
func nsec3Of(owner string, rr *dns.NSEC3, zone string) (nsec3, bool) {
	if rr.Hash != dns.SHA1 || rr.Flags > 1 || parent(owner) != zone {
		return nsec3{}, false
	}
	label, _, _ := strings.Cut(owner, ".")
	hash, err1 := base32.HexEncoding.DecodeString(strings.ToUpper(label))
	next, err2 := base32.HexEncoding.DecodeString(strings.ToUpper(rr.NextDomain))
	salt, err3 := hex.DecodeString(rr.Salt)
	if err1 != nil || err2 != nil || err3 != nil || len(hash) != sha1.Size || len(next) != sha1.Size {
		return nsec3{}, false
	}
	return nsec3{hash: string(hash), next: string(next), salt: string(salt), iterations: rr.Iterations,
		optOut: rr.Flags&1 != 0, types: rr.TypeBitMap}, true
}

func (n nsec3) sameParameters(o nsec3) bool { return n.salt == o.salt && n.iterations == o.iterations }

// covers reports whether hash lies strictly between the record's two ends.
func (n nsec3) covers(hash string) bool {
	if n.hash < n.next {
		return n.hash < hash && hash < n.next
	}
	return hash > n.hash || hash < n.next // the last of the zone, or its only one
}

// hashOf hashes a name (RFC 5155 section 5). Over the limit it returns "",
// which matches nothing, and w.over voids what follows.
func (p *proof) hashOf(w *work, name string) string {
	if h, ok := p.hashes[name]; ok {
		return h
	}
	parameters := p.nsec3[0]
	rounds := int(parameters.iterations) + 1
	wire, err := wireName(name)
	if err != nil || w.spent.HashRounds+rounds > w.limits.HashRounds {
		w.over = true
		return ""
	}
	w.spent.HashRounds += rounds
	sum := sha1.Sum(append(wire, parameters.salt...))
	buf := make([]byte, 0, sha1.Size+len(parameters.salt))
	for range parameters.iterations {
		sum = sha1.Sum(append(append(buf[:0], sum[:]...), parameters.salt...))
	}
	p.hashes[name] = string(sum[:])
	return p.hashes[name]
}

// matching3 returns the record of name, or nil.
func (p *proof) matching3(w *work, name string) *nsec3 {
	hash := p.hashOf(w, name)
	for i := range p.nsec3 {
		if p.nsec3[i].hash == hash {
			return &p.nsec3[i]
		}
	}
	return nil
}

// covering3 returns the record that covers the hash of name, or nil.
func (p *proof) covering3(w *work, name string) *nsec3 {
	hash := p.hashOf(w, name)
	for i := range p.nsec3 {
		if p.nsec3[i].covers(hash) {
			return &p.nsec3[i]
		}
	}
	return nil
}

// encloser3 proves the closest encloser of a name that has no record of its
// own (RFC 5155 section 8.3): the closest ancestor that exists, and the record
// that covers the next closer name below it. The cover is nil without proof.
func (p *proof) encloser3(w *work, name string) (encloser string, cover *nsec3) {
	for next := name; next != p.zone && !w.over; next = parent(next) {
		up := parent(next)
		found := p.matching3(w, up)
		if found == nil {
			continue
		}
		if found.types.blind() {
			return "", nil // what is below belongs to another zone
		}
		return up, p.covering3(w, next)
	}
	return "", nil
}

// nsec3NoName proves that name does not exist (RFC 5155 section 8.4).
func (p *proof) nsec3NoName(w *work, name string) denial {
	if p.matching3(w, name) != nil {
		return denial{why: p.why}
	}
	encloser, cover := p.encloser3(w, name)
	if cover == nil || p.covering3(w, under("*", encloser)) == nil {
		return denial{why: p.why}
	}
	if cover.optOut {
		return denial{kind: denyWeak, why: WhyOptOut}
	}
	return denial{kind: denyName}
}

// nsec3NoType proves that name has no records of the type (RFC 5155 section
// 8.5 to 8.7).
func (p *proof) nsec3NoType(w *work, name string, qtype uint16) denial {
	if n := p.matching3(w, name); n != nil {
		return n.types.lacks(name, qtype)
	}
	encloser, cover := p.encloser3(w, name)
	switch {
	case cover == nil:
		return denial{why: p.why}
	case cover.optOut:
		// For DS this is the proof of section 8.6. For other types the name
		// may exist above an unsigned zone only, and so have no record.
		return denial{kind: denyWeak, why: WhyOptOut}
	}
	wildcard := under("*", encloser)
	if n := p.matching3(w, wildcard); n != nil {
		d := n.types.lacks(wildcard, qtype)
		d.delegation = false
		return d
	}
	return denial{why: p.why}
}

// nsec3NoCloser proves that the wildcard below the ancestor of that many
// labels is the one that applies to name (RFC 5155 section 8.8). That the
// ancestor exists needs no proof: the wildcard below it was signed.
func (p *proof) nsec3NoCloser(w *work, name string, labels int) denial {
	cover := p.covering3(w, lastLabels(name, labels+1))
	switch {
	case cover == nil:
		return denial{why: WhyWildcard}
	case cover.optOut:
		return denial{kind: denyWeak, why: WhyOptOut}
	}
	return denial{kind: denyName}
}
