package resolve

import (
	"encoding/binary"
	"net/netip"

	"github.com/miekg/dns"
)

// subnet is the client subnet option of a response.
type subnet struct {
	present bool
	broken  bool         // there, and no valid option
	prefix  netip.Prefix // the subnet it repeats
	scope   int          // the prefix length the answer is good for
}

// options reads an OPT record (RFC 6891 section 6.1.2): the upper bits of the
// rcode from the field of the TTL, and the client subnet from the options.
func (w *walker) options(owner string, ttl uint32, data []byte) error {
	if owner != "." {
		return errOPTName
	}
	if w.resp.opt {
		return errTwoOPT
	}
	w.resp.opt = true
	w.resp.rcode |= int(ttl>>24) << 4
	for len(data) > 0 {
		if len(data) < 4 {
			return errRDATA
		}
		code := binary.BigEndian.Uint16(data)
		size := int(binary.BigEndian.Uint16(data[2:]))
		if len(data) < 4+size {
			return errRDATA
		}
		if code == dns.EDNS0SUBNET {
			again := w.resp.subnet.present
			w.resp.subnet = readSubnet(data[4 : 4+size])
			w.resp.subnet.broken = w.resp.subnet.broken || again // which one to believe?
		}
		data = data[4+size:]
	}
	return nil
}

// readSubnet reads a client subnet option (RFC 7871 section 6). An option that
// breaks the rules is marked broken and does not spoil the response: it only
// proves that the market was not asked. More address bytes than the prefix
// needs are let pass (early servers send them all); the bits beyond the prefix
// do not count.
func readSubnet(data []byte) subnet {
	broken := subnet{present: true, broken: true}
	if len(data) < 4 {
		return broken
	}
	family := binary.BigEndian.Uint16(data)
	source, scope, raw := int(data[2]), int(data[3]), data[4:]
	var addr netip.Addr
	switch family {
	case 1:
		var b [4]byte
		if len(raw) > len(b) {
			return broken
		}
		copy(b[:], raw)
		addr = netip.AddrFrom4(b)
	case 2:
		var b [16]byte
		if len(raw) > len(b) {
			return broken
		}
		copy(b[:], raw)
		addr = netip.AddrFrom16(b)
	default:
		return broken
	}
	if max(source, scope) > addr.BitLen() || len(raw) < (source+7)/8 {
		return broken
	}
	return subnet{present: true, prefix: netip.PrefixFrom(addr, source).Masked(), scope: scope}
}
