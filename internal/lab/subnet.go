package lab

import (
	"encoding/binary"
	"net/netip"
)

// EDNS option codes (IANA "DNS EDNS0 Option Codes").
const (
	optionNSID   = 3 // RFC 5001
	optionSubnet = 8 // RFC 7871
)

// clientSubnet is an EDNS Client Subnet option of a request.
type clientSubnet struct {
	present bool
	family  uint16 // 1 IPv4, 2 IPv6; 0 only with no bits ("do not tell")
	source  int    // bits that the client tells
	prefix  netip.Prefix
}

// parseSubnet reads the data of an option as a request has it. It refuses what
// RFC 7871 section 7.1.2 wants answered with FORMERR: too few or too many
// address bytes, bits set after the source prefix length, a scope, or a family
// that does not exist.
func parseSubnet(data []byte) (clientSubnet, bool) {
	if len(data) < 4 {
		return clientSubnet{}, false
	}
	s := clientSubnet{present: true, family: binary.BigEndian.Uint16(data), source: int(data[2])}
	scope, address := data[3], data[4:]
	if scope != 0 || len(address) != (s.source+7)/8 {
		return clientSubnet{}, false
	}
	var addr netip.Addr
	switch {
	case s.family == 0 && s.source == 0:
		return s, true
	case s.family == 1 && s.source <= 32:
		var b [4]byte
		copy(b[:], address)
		addr = netip.AddrFrom4(b)
	case s.family == 2 && s.source <= 128:
		var b [16]byte
		copy(b[:], address)
		addr = netip.AddrFrom16(b)
	default:
		return clientSubnet{}, false
	}
	s.prefix = netip.PrefixFrom(addr, s.source)
	return s, s.prefix.Masked() == s.prefix
}

// appendOption appends the option's data as a response has it: the request's
// own family, length and address, and the scope of the answer.
func (s clientSubnet) appendOption(b []byte, scope int) []byte {
	b = binary.BigEndian.AppendUint16(b, s.family)
	b = append(b, byte(s.source), byte(scope))
	if !s.prefix.IsValid() {
		return b
	}
	address := s.prefix.Addr().AsSlice()
	return append(b, address[:(s.source+7)/8]...)
}

// prefixFrom makes a prefix of 4 or 16 address bytes.
func prefixFrom(b []byte, bits int) netip.Prefix {
	addr, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(addr, bits)
}
