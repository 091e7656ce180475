package dnssec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// Bounds of a file with trust anchors.
const (
	maxAnchorFile = 1 << 20 // bytes
	maxAnchors    = 1000
)

// ReadAnchors reads trust anchors in the form in which zones show them: DS or
// DNSKEY records, one a line, as "dig . DNSKEY", Unbound's anchor files and
// RFC 5011 tools write them. Of DNSKEY records those that sign keys count: with
// the SEP flag, and not revoked (RFC 4034 section 2.1.1, RFC 5011 section 2.1).
// What cannot be relied on is an error and not left out: an anchor that does
// not count is found out too late.
func ReadAnchors(text []byte) ([]Anchor, error) {
	if len(text) > maxAnchorFile {
		return nil, fmt.Errorf("read trust anchors: more than %d bytes", maxAnchorFile)
	}
	if bytes.Contains(text, []byte("$GENERATE")) || bytes.Contains(text, []byte("$generate")) {
		return nil, errors.New("read trust anchors: $GENERATE has no place among keys")
	}
	var list []Anchor
	z := dns.NewZoneParser(bytes.NewReader(text), ".", "")
	z.SetDefaultTTL(0)
	for rr, more := z.Next(); more; rr, more = z.Next() {
		a, counts, err := anchorFrom(rr)
		if err != nil {
			return nil, fmt.Errorf("read trust anchor of %s: %w", rr.Header().Name, err)
		}
		if counts {
			list = append(list, a)
		}
		if len(list) > maxAnchors {
			return nil, fmt.Errorf("read trust anchors: more than %d", maxAnchors)
		}
	}
	if err := z.Err(); err != nil {
		return nil, fmt.Errorf("read trust anchors: want DS or DNSKEY records, one a line: %w", err)
	}
	if len(list) == 0 {
		return nil, errors.New("read trust anchors: there is none: want DS records, or DNSKEY records with flags 257")
	}
	return list, nil
}

// anchorFrom reads one record. A DNSKEY that signs no keys does not count.
func anchorFrom(rr dns.RR) (a Anchor, counts bool, err error) {
	ds, ok := rr.(*dns.DS)
	if k, isKey := rr.(*dns.DNSKEY); isKey {
		switch {
		case k.Flags&dns.REVOKE != 0:
			return a, false, fmt.Errorf("key %d is revoked", k.KeyTag())
		case k.Flags&dns.SEP == 0 || k.Flags&dns.ZONE == 0:
			return a, false, nil
		case k.Protocol != 3:
			return a, false, fmt.Errorf("its protocol is %d, which must be 3", k.Protocol)
		}
		ds, ok = k.ToDS(dns.SHA256), true
		if ds == nil || !computable(k) {
			return a, false, errors.New("the key cannot be read")
		}
	}
	if !ok {
		return a, false, fmt.Errorf("%s is no DS or DNSKEY record", dns.TypeToString[rr.Header().Rrtype])
	}
	size := map[uint8]int{digestSHA256: 32, digestSHA384: 48}[ds.DigestType]
	digest, err := hex.DecodeString(ds.Digest)
	switch {
	case size == 0:
		return a, false, fmt.Errorf("its digest is of type %d: want 2 (SHA-256) or 4 (SHA-384)", ds.DigestType)
	case err != nil || len(digest) != size:
		return a, false, fmt.Errorf("its digest has not the %d bytes of its type", size)
	case !new(Validator).algorithmOK(ds.Algorithm):
		return a, false, fmt.Errorf("its algorithm %d is none that can be relied on", ds.Algorithm)
	}
	zone, err := canonical(ds.Hdr.Name)
	return Anchor{Zone: zone, KeyTag: ds.KeyTag, Algorithm: ds.Algorithm, DigestType: ds.DigestType, Digest: digest}, true, err
}
