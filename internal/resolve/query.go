package resolve

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// Longest client subnets sent (RFC 7871 section 11.1): longer ones would tell
// about single users.
const (
	maxSubnetBits4 = 24
	maxSubnetBits6 = 56
)

// query is one request: its bytes, all but the id, and what it takes to
// recognise its response.
type query struct {
	wire  []byte // with any id
	end   int    // offset of the first byte after the question
	name  string // asked: lower case, with the final dot
	rtype uint16
	edns  bool
	sent  netip.Prefix // client subnet; not valid when none was sent

	cookie []byte // sent with it; nil when none was
	mixed  bool   // the letters of the name are mixed, and must come back so

	delegations bool // name servers and their addresses in the response matter
}

// asking says how to ask.
type asking struct {
	subnet  netip.Prefix // not valid: none is sent
	recurse bool         // recursion is wanted, and the answer's AD flag (RFC 6840 section 5.7)
	edns    bool         // false leaves out EDNS, and all that follows
	udpSize uint16
	cookie  []byte // nil: none is sent
	nsid    bool   // ask which machine answers
	secure  bool   // ask for the records of DNSSEC too (RFC 3225)

	// unchecked asks a recursive server for the answer even if it holds it to
	// be bogus (RFC 4035 section 3.2.2): we check ourselves.
	unchecked bool

	mix bool // mix the letters of the name, so that a guess must get them right too
}

// newQuery builds the request for name and rtype. The message is appended
// piece by piece: it is always of the same few, and this is done for every
// look.
func newQuery(name string, rtype uint16, ask asking) (*query, error) {
	q := new(query)
	if err := q.build(name, rtype, ask); err != nil {
		return nil, err
	}
	return q, nil
}

// build builds the request in the place, and the memory, of the query's last.
func (q *query) build(name string, rtype uint16, ask asking) error {
	*q = query{wire: q.wire[:0], name: name, rtype: rtype, edns: ask.edns, mixed: ask.mix}
	var room [headerLen + maxNameLen]byte
	end, ok := packPlain(name, room[:])
	if !ok {
		var err error
		if end, err = dns.PackDomainName(name, room[:], headerLen, nil, false); err != nil {
			return fmt.Errorf("pack question %q: %w", name, err)
		}
	}
	room[5] = 1 // one question
	if ask.recurse {
		room[2] = 0x01 // RD
		room[3] = 0x20 // AD
		if ask.unchecked {
			room[3] |= 0x10 // CD
		}
	}
	if ask.mix {
		mixCase(room[headerLen:end])
	}
	if size := end + 4 + maxOPTLen; cap(q.wire) < size {
		q.wire = make([]byte, 0, size)
	}
	q.wire = append(q.wire, room[:end]...)
	q.wire = binary.BigEndian.AppendUint16(q.wire, rtype)
	q.wire = binary.BigEndian.AppendUint16(q.wire, dns.ClassINET)
	q.end = len(q.wire)
	if ask.edns {
		q.wire[11] = 1 // one additional record
		q.sent, q.cookie = politeSubnet(ask.subnet), ask.cookie
		q.wire = appendOPT(q.wire, q.sent, ask)
	}
	return nil
}

// packPlain packs a name of letters, digits, hyphens and underscores after the
// header. It reports false for any other, which is not to say that it is bad.
func packPlain(name string, room []byte) (end int, ok bool) {
	if len(name) < 2 || len(name) >= maxNameLen || name[len(name)-1] != '.' {
		return 0, false
	}
	size, label := headerLen, headerLen // label is where its length goes
	for i := range len(name) {
		c := name[i]
		size++
		switch {
		case c == '.':
			if n := size - label - 1; n == 0 || n > maxLabelLen {
				return 0, false
			} else {
				room[label] = byte(n)
			}
			label = size
		case 'a' <= lower(c) && lower(c) <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_':
			room[size] = c
		default:
			return 0, false
		}
	}
	room[size] = 0
	return size + 1, true
}

// mixCase turns each letter of a name on the wire into a capital or a small
// one by chance. Label lengths are below the letters.
func mixCase(name []byte) {
	var coin [maxNameLen]byte
	rand.Read(coin[:len(name)]) // never fails: crypto/rand.Read ends the program instead
	for i, c := range name {
		if 'a' <= lower(c) && lower(c) <= 'z' {
			name[i] = lower(c) &^ (coin[i] & 0x20)
		}
	}
}

const (
	maxNameLen   = 255 // RFC 1035 section 2.3.4
	maxLabelLen  = 63
	clientCookie = 8 // bytes of our half of a cookie
	// maxOPTLen is the length with the longest client subnet sent, a cookie of
	// the usual length, and NSID.
	maxOPTLen = 11 + 4 + 4 + 56/8 + 4 + 24 + 4
)

// appendOPT appends an OPT record (RFC 6891 section 6.1.2) with its options.
func appendOPT(wire []byte, subnet netip.Prefix, ask asking) []byte {
	wire = append(wire, 0) // the root
	wire = binary.BigEndian.AppendUint16(wire, dns.TypeOPT)
	wire = binary.BigEndian.AppendUint16(wire, ask.udpSize)
	flags := byte(0)
	if ask.secure {
		flags = 0x80 // DO
	}
	wire = append(wire, 0, 0, flags, 0) // extended rcode, version 0, flags
	size := len(wire)
	wire = append(wire, 0, 0)
	if subnet.IsValid() {
		wire = appendSubnet(wire, subnet)
	}
	if ask.cookie != nil {
		wire = binary.BigEndian.AppendUint16(wire, dns.EDNS0COOKIE)
		wire = binary.BigEndian.AppendUint16(wire, uint16(len(ask.cookie)))
		wire = append(wire, ask.cookie...)
	}
	if ask.nsid {
		wire = append(wire, 0, dns.EDNS0NSID, 0, 0)
	}
	binary.BigEndian.PutUint16(wire[size:], uint16(len(wire)-size-2))
	return wire
}

// appendSubnet appends the client subnet option of a query: the address masked
// and cut to its bytes, the scope 0 (RFC 7871 section 6).
func appendSubnet(wire []byte, subnet netip.Prefix) []byte {
	family, octets := uint16(1), (subnet.Bits()+7)/8
	var addr [16]byte
	if subnet.Addr().Is4() {
		a := subnet.Addr().As4()
		copy(addr[:], a[:])
	} else {
		family, addr = 2, subnet.Addr().As16()
	}
	wire = binary.BigEndian.AppendUint16(wire, dns.EDNS0SUBNET)
	wire = binary.BigEndian.AppendUint16(wire, uint16(4+octets))
	wire = binary.BigEndian.AppendUint16(wire, family)
	wire = append(wire, byte(subnet.Bits()), 0)
	return append(wire, addr[:octets]...)
}

// politeSubnet masks a subnet and shortens it to what may be sent.
func politeSubnet(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return netip.Prefix{}
	}
	addr, bits := p.Addr(), p.Bits()
	if addr.Is4In6() {
		if bits < 96 {
			return netip.Prefix{}
		}
		addr, bits = addr.Unmap(), bits-96
	}
	limit := maxSubnetBits6
	if addr.Is4() {
		limit = maxSubnetBits4
	}
	return netip.PrefixFrom(addr.WithZone(""), min(bits, limit)).Masked()
}

// fit says what a message is to a query.
type fit uint8

const (
	fits     fit = iota
	stray        // well formed so far, and the response to something else
	unparsed     // no DNS message
	folded       // the response, but for the capitals of the name
)

// check tells a response to the request with the given id from anything else
// (RFC 5452 section 9.1; the socket has seen to the source). The question must
// come back as it was sent, but for the case of its letters. A message without
// question is let through when it can be nothing but an error: old servers
// answer FORMERR like that, and there is no address in it to believe.
func (q *query) check(msg []byte, id uint16) fit {
	if len(msg) < headerLen {
		return unparsed
	}
	h := readHeader(msg)
	if h.id != id || !h.response || h.opcode != dns.OpcodeQuery {
		return stray
	}
	if h.counts[sectionQuestion] == 0 && h.counts[sectionAnswer] == 0 && errorOnly(h.rcode) {
		return fits
	}
	if h.counts[sectionQuestion] != 1 {
		return stray
	}
	if len(msg) < q.end {
		return unparsed
	}
	if !sameQuestion(msg[headerLen:q.end], q.wire[headerLen:q.end]) {
		return stray
	}
	if q.mixed && string(msg[headerLen:q.end]) != string(q.wire[headerLen:q.end]) {
		return folded
	}
	return fits
}

// errorOnly reports whether the rcode is one that servers send without
// repeating the question.
func errorOnly(rcode int) bool {
	switch rcode {
	case dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNotImplemented, dns.RcodeRefused:
		return true
	}
	return false
}

// sameQuestion compares two questions on the wire, ASCII letters of the name
// without regard to case (RFC 4343). Label lengths are below the letters, so
// folding cannot confuse the two. Type and class, the last four bytes, are
// compared as they are.
func sameQuestion(a, b []byte) bool {
	n := len(a) - 4
	if string(a[n:]) != string(b[n:]) {
		return false
	}
	for i := range n {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// canonical returns a name in lower case with its final dot.
func canonical(name string) string {
	for i := range len(name) {
		if c := name[i]; c == '\\' || c >= 0x80 || 'A' <= c && c <= 'Z' {
			return dns.Fqdn(strings.ToLower(name)) // an escaped dot ends nothing
		}
	}
	if n := len(name); n > 0 && name[n-1] == '.' {
		return name
	}
	return name + "."
}

// plainName returns a name as people write it, without the final dot.
func plainName(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}
