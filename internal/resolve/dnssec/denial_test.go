package dnssec

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// TestLacks judges the bitmap of the very name in question.
func TestLacks(t *testing.T) {
	t.Parallel()
	const a, ns, soa, cname, nsec, rrsig, ds, zero = dns.TypeA, dns.TypeNS, dns.TypeSOA, dns.TypeCNAME, dns.TypeNSEC, dns.TypeRRSIG, dns.TypeDS, typeNXNAME
	tests := []struct {
		name  string
		types types
		qtype uint16
		want  denial
	}{
		{"a.", types{nsec, rrsig}, a, denial{kind: denyType}},
		{"a.", types{a, nsec, rrsig}, a, denial{why: WhyDenial}},
		{"a.", types{cname, nsec, rrsig}, a, denial{why: WhyDenial}},
		{"a.", types{ns, nsec, rrsig}, a, denial{why: WhyDenial}}, // the parent's side
		{"a.", types{ns, soa, nsec, rrsig}, a, denial{kind: denyType}},
		{"a.", types{ns, nsec, rrsig}, ds, denial{kind: denyType, delegation: true}},
		{"a.", types{a, nsec, rrsig}, ds, denial{kind: denyType}},
		{"a.", types{ns, ds, nsec, rrsig}, ds, denial{why: WhyDenial}},
		{"a.", types{ns, soa, nsec, rrsig}, ds, denial{why: WhyDenial}}, // the child's side
		{".", types{ns, soa, nsec, rrsig}, ds, denial{kind: denyType, delegation: true}},
		{"a.", types{nsec, rrsig, zero}, dns.TypeANY, denial{kind: denyType}},
		{"a.", types{a, nsec, rrsig}, dns.TypeANY, denial{why: WhyDenial}},
	}
	for _, tt := range tests {
		if got := tt.types.lacks(tt.name, tt.qtype); got != tt.want {
			t.Errorf("lacks(%v, %s %s) = %+v, want %+v", tt.types, tt.name, dns.Type(tt.qtype), got, tt.want)
		}
	}
}

// TestCompactDenial is RFC 9824: the name itself says that it does not exist.
func TestCompactDenial(t *testing.T) {
	t.Parallel()
	w := new(Validator).begin()
	for _, tt := range []struct {
		types types
		want  denyKind
	}{
		{types{dns.TypeRRSIG, dns.TypeNSEC, typeNXNAME}, denyName},
		{types{dns.TypeRRSIG, dns.TypeNSEC}, denyNothing},
		{types{dns.TypeTXT, dns.TypeRRSIG, dns.TypeNSEC, typeNXNAME}, denyNothing},
	} {
		n, ok := nsecOf("a.test.", &dns.NSEC{NextDomain: `\000.a.test.`, TypeBitMap: tt.types}, "test.")
		p := &proof{zone: "test.", nsec: []nsec{n}}
		if got := p.deny(w, "a.test.", dns.TypeA, true); !ok || got.kind != tt.want {
			t.Errorf("deny by %v = %+v, want %v", tt.types, got, tt.want)
		}
	}
}

// TestParameters: the NSEC3 of one proof share salt and iterations.
func TestParameters(t *testing.T) {
	t.Parallel()
	p := &proof{zone: "test."}
	for _, salt := range []string{"aa", "bb", "aa"} {
		p.add(&rrset{owner: "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.test.", rrs: []dns.RR{
			&dns.NSEC3{Hash: 1, Salt: salt, NextDomain: "0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM"}}}, 100)
	}
	if len(p.nsec3) != 2 {
		t.Errorf("%d records taken, want the 2 of the first salt", len(p.nsec3))
	}
}

// TestChoose picks what a DS set offers.
func TestChoose(t *testing.T) {
	t.Parallel()
	ds := func(algorithm, digest uint8) Anchor { return Anchor{Algorithm: algorithm, DigestType: digest} }
	tests := []struct {
		named, want []Anchor
		why         Why
	}{
		{[]Anchor{ds(13, 1), ds(13, 2)}, []Anchor{ds(13, 2)}, WhyAlgorithm},
		{[]Anchor{ds(13, 4), ds(13, 1)}, []Anchor{ds(13, 4)}, WhyAlgorithm},
		{[]Anchor{ds(13, 1)}, []Anchor{ds(13, 1)}, WhyAlgorithm},
		{[]Anchor{ds(16, 2), ds(13, 2)}, []Anchor{ds(13, 2)}, WhyAlgorithm},
		{[]Anchor{ds(16, 2), ds(1, 2)}, nil, WhyAlgorithm},
		{[]Anchor{ds(13, 3)}, nil, WhyDigest},
		{nil, nil, WhyAlgorithm},
	}
	same := func(a, b Anchor) bool { return a.Algorithm == b.Algorithm && a.DigestType == b.DigestType }
	for _, tt := range tests {
		got, why := new(Validator).choose(slices.Clone(tt.named))
		if !slices.EqualFunc(got, tt.want, same) || why != tt.why {
			t.Errorf("choose(%v) = %v, %s, want %v, %s", tt.named, got, why, tt.want, tt.why)
		}
	}
}

// TestKeyFlags: only zone keys of protocol 3 that are not revoked count.
func TestKeyFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flags    uint16
		protocol uint8
		want     bool
	}{{257, 3, true}, {256, 3, true}, {1, 3, false}, {257 | dns.REVOKE, 3, false}, {257, 2, false}} {
		k := &dns.DNSKEY{Flags: tt.flags, Protocol: tt.protocol}
		if got := signs(k); got != tt.want {
			t.Errorf("signs(flags %d, protocol %d) = %v, want %v", tt.flags, tt.protocol, got, tt.want)
		}
	}
}
