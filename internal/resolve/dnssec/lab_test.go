package dnssec

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

// This file is a small signed internet: zones made and signed when a test
// starts, and one function that answers as an honest validating resolver with
// the CD bit would. It shares no code with the validator.

// noon is when all tests happen.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// zoneSpec describes one zone.
type zoneSpec struct {
	name      string
	records   string // master file; SOA and NS of the apex come by themselves
	algorithm uint8  // 0: ECDSAP256SHA256
	bits      int    // of the keys; 0: what the algorithm needs
	unsigned  bool
	noDS      bool // signed, but the parent does not know
	dsDigest  uint8
	nsec3     bool
	optOut    bool
	iterate   uint16
	salt      string
	from, to  time.Time // validity of all signatures; zero: noon -1 h, +24 h
}

type setKey struct {
	owner string
	rtype uint16
}

// labZone is a zone, signed.
type labZone struct {
	zoneSpec
	key    *dns.DNSKEY
	signer crypto.Signer
	sets   map[setKey][]dns.RR
	sigs   map[setKey][]dns.RR
	denier []dns.RR // NSEC or NSEC3, in order
}

// internet is all zones, and what a test does to responses on the way.
type internet struct {
	zones  map[string]*labZone
	tamper func(q dns.Question, m *dns.Msg) // nil: honest
	fail   func(q dns.Question) error

	mu    sync.Mutex
	asked int
}

func newInternet(t testing.TB, specs ...zoneSpec) *internet {
	t.Helper()
	in := &internet{zones: map[string]*labZone{}}
	slices.SortFunc(specs, func(a, b zoneSpec) int { return dns.CountLabel(b.name) - dns.CountLabel(a.name) })
	for _, spec := range specs { // children first: the parent needs their DS
		in.zones[spec.name] = in.build(t, spec)
	}
	return in
}

// makeKey makes a key for both roles.
func makeKey(t testing.TB, zone string, algorithm uint8, bits int) (*dns.DNSKEY, crypto.Signer) {
	t.Helper()
	key := &dns.DNSKEY{Hdr: header(zone, dns.TypeDNSKEY), Flags: 257, Protocol: 3, Algorithm: algorithm}
	if bits == 0 {
		bits = map[uint8]int{dns.RSASHA1: 1024, dns.RSASHA1NSEC3SHA1: 1024, dns.RSASHA256: 1024,
			dns.RSASHA512: 1024, dns.ECDSAP384SHA384: 384}[algorithm]
	}
	if bits == 0 {
		bits = 256
	}
	if algorithm == dns.ED25519 { // the same at each start, for fuzzing
		seed := sha256.Sum256([]byte(zone))
		private := ed25519.NewKeyFromSeed(seed[:])
		key.PublicKey = base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
		return key, private
	}
	private, err := key.Generate(bits)
	if err != nil {
		t.Fatalf("generate a key for %s: %v", zone, err)
	}
	return key, private.(crypto.Signer)
}

func header(name string, rtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rtype, Class: dns.ClassINET, Ttl: 300}
}

func (in *internet) build(t testing.TB, spec zoneSpec) *labZone {
	t.Helper()
	if spec.algorithm == 0 {
		spec.algorithm = dns.ECDSAP256SHA256
	}
	if spec.dsDigest == 0 {
		spec.dsDigest = dns.SHA256
	}
	if spec.from.IsZero() {
		spec.from, spec.to = noon.Add(-time.Hour), noon.Add(24*time.Hour)
	}
	z := &labZone{zoneSpec: spec, sets: map[setKey][]dns.RR{}, sigs: map[setKey][]dns.RR{}}
	apex := spec.name + " 300 IN SOA ns.invalid. admin.invalid. 1 2 3 4 300\n" +
		spec.name + " 300 IN NS ns.invalid.\n"
	parser := dns.NewZoneParser(strings.NewReader(apex+spec.records), spec.name, "")
	parser.SetDefaultTTL(300)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		z.add(rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatalf("zone %s: %v", spec.name, err)
	}
	for _, child := range in.zones {
		if z.name == child.name || !dns.IsSubDomain(z.name, child.name) || in.zoneOf(parentOf(child.name)) != nil &&
			in.zoneOf(parentOf(child.name)).name != z.name && dns.CountLabel(in.zoneOf(parentOf(child.name)).name) > dns.CountLabel(z.name) {
			continue
		}
		z.add(&dns.NS{Hdr: header(child.name, dns.TypeNS), Ns: "ns.invalid."})
		if !child.unsigned && !child.noDS {
			ds := child.key.ToDS(child.dsDigest)
			if ds == nil {
				ds = child.key.ToDS(dns.SHA256)
				ds.DigestType = child.dsDigest
			}
			z.add(ds)
		}
	}
	if !spec.unsigned {
		z.key, z.signer = makeKey(t, spec.name, signable(spec.algorithm), spec.bits)
		z.key.Algorithm = spec.algorithm
		z.add(z.key)
		z.deny()
		for k, set := range z.sets {
			if !(k.rtype == dns.TypeNS && k.owner != z.name) {
				z.sigs[k] = []dns.RR{z.sign(t, set)}
			}
		}
	}
	return z
}

// signable is the algorithm to really sign with, for one that we only claim.
func signable(algorithm uint8) uint8 {
	switch algorithm {
	case dns.ED448, dns.ECCGOST, 99:
		return dns.ED25519
	}
	return algorithm
}

func (z *labZone) add(rr dns.RR) {
	rr.Header().Name = strings.ToLower(rr.Header().Name)
	k := setKey{rr.Header().Name, rr.Header().Rrtype}
	z.sets[k] = append(z.sets[k], rr)
}

// sign signs one set with the zone's key.
func (z *labZone) sign(t testing.TB, set []dns.RR) *dns.RRSIG {
	t.Helper()
	return z.signAt(t, set, z.from, z.to)
}

func (z *labZone) signAt(t testing.TB, set []dns.RR, from, to time.Time) *dns.RRSIG {
	t.Helper()
	sig := &dns.RRSIG{Hdr: header(set[0].Header().Name, dns.TypeRRSIG), Algorithm: signable(z.algorithm),
		Inception: uint32(from.Unix()), Expiration: uint32(to.Unix()), KeyTag: z.key.KeyTag(), SignerName: z.name}
	if err := sig.Sign(z.signer, set); err != nil {
		t.Fatalf("sign %v: %v", set[0], err)
	}
	sig.Algorithm = z.algorithm
	return sig
}

func parentOf(name string) string {
	off, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[off:]
}

func star(name string) string { return strings.TrimSuffix("*."+name, ".") + "." }

// sortKey orders simple names canonically: labels from the right.
func sortKey(name string) []string {
	labels := dns.SplitDomainName(name)
	slices.Reverse(labels)
	return labels
}

// deny makes the NSEC or NSEC3 chain.
func (z *labZone) deny() {
	bitmap := map[string][]uint16{}
	for k := range z.sets {
		bitmap[k.owner] = append(bitmap[k.owner], k.rtype)
	}
	for name := range bitmap {
		for up := name; z.nsec3 && up != z.name; up = parentOf(up) { // empty non-terminals
			if z.optOut && up == name && z.left(bitmap[name]) {
				break
			}
			if _, ok := bitmap[up]; !ok {
				bitmap[up] = nil
			}
		}
	}
	owners := map[string]string{} // label or name to name
	var order []string
	for name, types := range bitmap {
		if z.optOut && z.left(types) {
			continue
		}
		at := name
		if z.nsec3 {
			at = z.hash(name)
		}
		owners[at] = name
		order = append(order, at)
	}
	slices.SortFunc(order, func(a, b string) int {
		if z.nsec3 {
			return strings.Compare(a, b)
		}
		return slices.Compare(sortKey(a), sortKey(b))
	})
	for i, at := range order {
		types, next := slices.Clone(bitmap[owners[at]]), order[(i+1)%len(order)]
		if !z.nsec3 {
			types = append(types, dns.TypeNSEC, dns.TypeRRSIG)
		} else if len(types) > 0 && !z.left(types) {
			types = append(types, dns.TypeRRSIG)
		}
		slices.Sort(types)
		var rr dns.RR = &dns.NSEC{Hdr: header(at, dns.TypeNSEC), NextDomain: next, TypeBitMap: types}
		if z.nsec3 {
			n := &dns.NSEC3{Hdr: header(strings.ToLower(at)+"."+strings.TrimPrefix(z.name, "."), dns.TypeNSEC3), Hash: 1,
				Iterations: z.iterate, SaltLength: uint8(len(z.salt) / 2), Salt: z.salt, HashLength: 20,
				NextDomain: next, TypeBitMap: types}
			if z.optOut {
				n.Flags = 1
			}
			rr = n
		}
		z.denier = append(z.denier, rr)
		z.sets[setKey{rr.Header().Name, rr.Header().Rrtype}] = []dns.RR{rr}
	}
}

// left reports whether opt-out leaves out a name with those types.
func (z *labZone) left(types []uint16) bool {
	return slices.Contains(types, dns.TypeNS) && !slices.Contains(types, dns.TypeDS) && !slices.Contains(types, dns.TypeSOA)
}

// hash is RFC 5155 section 5, straight from the text.
func (z *labZone) hash(name string) string {
	salt, _ := hex.DecodeString(z.salt)
	buf := make([]byte, 256)
	n, _ := dns.PackDomainName(name, buf, 0, nil, false)
	sum := sha1.Sum(append(buf[:n:n], salt...))
	for i := 0; i < int(z.iterate); i++ {
		sum = sha1.Sum(append(sum[:], salt...))
	}
	return base32.HexEncoding.EncodeToString(sum[:])
}

// zoneOf returns the deepest zone that holds name.
func (in *internet) zoneOf(name string) *labZone {
	for {
		if z := in.zones[name]; z != nil {
			return z
		}
		if name == "." {
			return nil
		}
		name = parentOf(name)
	}
}

// exists reports whether name has records or is above some.
func (z *labZone) exists(name string) bool {
	for k := range z.sets {
		if k.rtype != dns.TypeNSEC3 && dns.IsSubDomain(name, k.owner) {
			return true
		}
	}
	return false
}

// signedSet returns records and signatures, at another owner for wildcards.
func (z *labZone) signedSet(k setKey, as string) []dns.RR {
	var list []dns.RR
	for _, rr := range slices.Concat(z.sets[k], z.sigs[k]) {
		rr = dns.Copy(rr)
		rr.Header().Name = as
		list = append(list, rr)
	}
	return list
}

// matchOrCover returns the NSEC or NSEC3 that speaks about name, signed.
func (z *labZone) matchOrCover(name string) []dns.RR {
	for i, rr := range z.denier {
		owner, next, at := sortKey(rr.Header().Name), sortKey(z.denier[(i+1)%len(z.denier)].Header().Name), sortKey(name)
		if z.nsec3 {
			owner, next = []string{strings.ToUpper(owner[len(owner)-1])}, []string{strings.ToUpper(next[len(next)-1])}
			at = []string{z.hash(name)}
		}
		last := i == len(z.denier)-1
		after := slices.Compare(owner, at) <= 0
		before := slices.Compare(at, next) < 0
		if after && (before || last) || last && z.nsec3 && before {
			return z.signedSet(setKey{rr.Header().Name, rr.Header().Rrtype}, rr.Header().Name)
		}
	}
	return nil
}

// closest returns the closest existing ancestor and the next closer name.
func (z *labZone) closest(name string) (encloser, next string) {
	next = name
	for encloser = parentOf(name); !z.exists(encloser); encloser = parentOf(encloser) {
		next = encloser
	}
	return encloser, next
}

// denial adds the proofs for a name without the type.
func (z *labZone) denial(m *dns.Msg, name string, wildcard bool) {
	add := func(about ...string) {
		for _, one := range about {
			for _, rr := range z.matchOrCover(one) {
				if !slices.ContainsFunc(m.Ns, func(o dns.RR) bool { return o.String() == rr.String() }) {
					m.Ns = append(m.Ns, rr)
				}
			}
		}
	}
	if z.unsigned {
		return
	}
	hashed := z.nsec3
	leftOut := hashed && z.optOut && z.left(z.typesAt(name))
	switch encloser, next := z.closest(name); {
	case leftOut:
		for z.left(z.typesAt(encloser)) {
			encloser, next = z.closest(encloser)
		}
		add(encloser, next)
	case z.exists(name) && !wildcard:
		add(name)
	case hashed:
		add(encloser, next, star(encloser))
	default:
		add(name, star(encloser))
	}
}

func (z *labZone) typesAt(name string) (types []uint16) {
	for k := range z.sets {
		if k.owner == name {
			types = append(types, k.rtype)
		}
	}
	return types
}

// respond answers a question with all that is needed to validate it.
func (in *internet) respond(q dns.Question) *dns.Msg {
	m := new(dns.Msg)
	m.Question = []dns.Question{q}
	m.Response, m.RecursionAvailable = true, true
	name := strings.ToLower(q.Name)
	for range 20 {
		z := in.zoneOf(name)
		if q.Qtype == dns.TypeDS && name != "." {
			z = in.zoneOf(parentOf(name))
		}
		if z == nil {
			m.Rcode = dns.RcodeServerFailure
			return m
		}
		next, more := z.look(m, name, q.Qtype)
		if !more {
			break
		}
		name = next
	}
	return m
}

// look adds what one zone says about name.
func (z *labZone) look(m *dns.Msg, name string, qtype uint16) (next string, more bool) {
	for up := name; up != z.name; {
		up = parentOf(up)
		if set := z.sets[setKey{up, dns.TypeDNAME}]; set != nil {
			m.Answer = append(m.Answer, z.signedSet(setKey{up, dns.TypeDNAME}, up)...)
			target := strings.TrimSuffix(name, up) + set[0].(*dns.DNAME).Target
			m.Answer = append(m.Answer, &dns.CNAME{Hdr: header(name, dns.TypeCNAME), Target: target})
			return target, qtype != dns.TypeCNAME
		}
	}
	from, wild := name, false
	if !z.exists(name) {
		encloser, _ := z.closest(name)
		if wildcard := star(encloser); z.exists(wildcard) {
			from, wild = wildcard, true
		}
	}
	found := func(rtype uint16) bool {
		k := setKey{from, rtype}
		if z.sets[k] == nil {
			return false
		}
		m.Answer = append(m.Answer, z.signedSet(k, name)...)
		if wild && !z.unsigned {
			_, closer := z.closest(name)
			if !z.nsec3 {
				closer = name
			}
			m.Ns = append(m.Ns, z.matchOrCover(closer)...)
		}
		return true
	}
	if found(qtype) {
		return "", false
	}
	if found(dns.TypeCNAME) {
		return z.sets[setKey{from, dns.TypeCNAME}][0].(*dns.CNAME).Target, true
	}
	if !z.exists(name) && !wild {
		m.Rcode = dns.RcodeNameError
	}
	m.Ns = append(m.Ns, z.signedSet(setKey{z.name, dns.TypeSOA}, z.name)...)
	z.denial(m, name, wild)
	return "", false
}

var errUnreachable = errors.New("unreachable")

// raw is the response in wire form, tampered with if the test says so.
func (in *internet) raw(t testing.TB, name string, qtype uint16) []byte {
	q := dns.Question{Name: dns.Fqdn(name), Qtype: qtype, Qclass: dns.ClassINET}
	m := in.respond(q)
	if in.tamper != nil {
		in.tamper(q, m)
	}
	raw, err := m.Pack()
	if err != nil {
		t.Errorf("pack the response to %s: %v", name, err)
	}
	return raw
}

// fetch is the Fetch of a validator on this internet.
func (in *internet) fetch(t testing.TB) func(context.Context, string, uint16) (residency.Exchange, error) {
	return func(ctx context.Context, name string, qtype uint16) (residency.Exchange, error) {
		in.mu.Lock()
		in.asked++
		in.mu.Unlock()
		if in.fail != nil {
			if err := in.fail(dns.Question{Name: name, Qtype: qtype}); err != nil {
				return residency.Exchange{}, err
			}
		}
		return residency.Exchange{Name: name, Response: in.raw(t, name, qtype)}, ctx.Err()
	}
}

// validator trusts the root of this internet.
func (in *internet) validator(t testing.TB) *Validator {
	t.Helper()
	a, _ := anchorOf(in.zones["."].key.ToDS(dns.SHA256))
	return &Validator{Fetch: in.fetch(t), Anchors: []Anchor{a}, Now: func() time.Time { return noon }}
}
