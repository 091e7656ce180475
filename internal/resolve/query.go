package resolve

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
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
	wire  []byte // with the id 0
	end   int    // offset of the first byte after the question
	name  string // asked: lower case, with the final dot
	rtype uint16
	edns  bool
	sent  netip.Prefix // client subnet; not valid when none was sent
}

// newQuery builds the request for name and rtype. A subnet that is not valid
// is not sent; edns false leaves out EDNS altogether, and the subnet with it.
func newQuery(name string, rtype uint16, subnet netip.Prefix, recurse, edns bool, udpSize uint16) (*query, error) {
	q := &query{name: name, rtype: rtype, edns: edns}
	m := dns.Msg{Question: []dns.Question{{Name: name, Qtype: rtype, Qclass: dns.ClassINET}}}
	m.RecursionDesired = recurse
	if edns {
		opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		opt.SetUDPSize(udpSize)
		if q.sent = politeSubnet(subnet); q.sent.IsValid() {
			opt.Option = append(opt.Option, subnetOption(q.sent))
		}
		m.Extra = []dns.RR{opt}
	}
	wire, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("pack question %q: %w", name, err)
	}
	_, end, err := dns.UnpackDomainName(wire, headerLen)
	if err != nil {
		return nil, fmt.Errorf("pack question %q: %w", name, err)
	}
	q.wire, q.end = wire, end+4
	return q, nil
}

// subnetOption is the client subnet option of a query: the address masked, the
// scope 0 (RFC 7871 section 6).
func subnetOption(p netip.Prefix) *dns.EDNS0_SUBNET {
	family := uint16(1)
	if p.Addr().Is6() {
		family = 2
	}
	return &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: family,
		SourceNetmask: uint8(p.Bits()), Address: net.IP(p.Addr().AsSlice()),
	}
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

// request returns the bytes of one try, with an id nobody can guess. The ids
// are not handed in like other randomness: a caller must not be able to make
// them predictable.
func (q *query) request() (wire []byte, id uint16) {
	wire = append([]byte(nil), q.wire...)
	rand.Read(wire[:2]) // never fails: crypto/rand.Read ends the program instead
	return wire, binary.BigEndian.Uint16(wire)
}

// fit says what a message is to a query.
type fit uint8

const (
	fits     fit = iota
	stray        // well formed so far, and the response to something else
	unparsed     // no DNS message
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
func canonical(name string) string { return dns.Fqdn(strings.ToLower(name)) }

// plainName returns a name as people write it, without the final dot.
func plainName(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}
