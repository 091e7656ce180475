package pcap

import (
	"encoding/binary"
	"net/netip"
)

// Protocols, and the most bytes of a stream that one packet carries: an IPv4
// packet has at most 65,535 with its headers.
const (
	protoTCP = 6
	protoUDP = 17

	segment = 60000
)

var be = binary.BigEndian

// packets makes the packets that carry a message: one, or for a stream and for
// a message too long for one as many as it takes.
func (w *writer) packets(m *Message) [][]byte {
	from, to := ends(m)
	if !m.Stream && len(m.Data) <= segment {
		udp := be.AppendUint16(nil, from.Port())
		udp = be.AppendUint16(udp, to.Port())
		udp = be.AppendUint16(udp, uint16(8+len(m.Data)))
		udp = be.AppendUint16(udp, 0)
		udp = append(udp, m.Data...)
		sum := checksum(from.Addr(), to.Addr(), protoUDP, udp)
		if sum == 0 {
			sum = 0xffff // zero would say that there is none (RFC 768)
		}
		be.PutUint16(udp[6:], sum)
		return [][]byte{network(from.Addr(), to.Addr(), protoUDP, udp)}
	}
	data := append(be.AppendUint16(nil, uint16(len(m.Data))), m.Data...) // RFC 1035 section 4.2.2
	var list [][]byte
	for len(data) > 0 {
		n := min(len(data), segment)
		list = append(list, w.segment(from, to, data[:n]))
		data = data[n:]
	}
	return list
}

// ends returns from where to where a message went, both of one family.
func ends(m *Message) (from, to netip.AddrPort) {
	server, client := m.Server, m.Client
	if !server.IsValid() {
		server = unknownServer()
	}
	server = netip.AddrPortFrom(server.Addr().Unmap().WithZone(""), server.Port())
	client = netip.AddrPortFrom(client.Addr().Unmap().WithZone(""), client.Port())
	if !client.IsValid() || client.Addr().Is4() != server.Addr().Is4() {
		client = unknownClient(server.Addr().Is6())
	}
	if m.Reply {
		return server, client
	}
	return client, server
}

// segment makes a segment of a stream, with numbers that go on where the last
// one of its direction ended.
func (w *writer) segment(from, to netip.AddrPort, data []byte) []byte {
	number := func(f flow) uint32 {
		if n, ok := w.next[f]; ok {
			return n
		}
		return 1
	}
	there, back := flow{from, to}, flow{to, from}
	tcp := be.AppendUint16(nil, from.Port())
	tcp = be.AppendUint16(tcp, to.Port())
	tcp = be.AppendUint32(tcp, number(there))
	tcp = be.AppendUint32(tcp, number(back))
	tcp = append(tcp, 5<<4, 0x18, 0xff, 0xff, 0, 0, 0, 0) // header of 20 bytes; push and acknowledge
	tcp = append(tcp, data...)
	be.PutUint16(tcp[16:], checksum(from.Addr(), to.Addr(), protoTCP, tcp))
	w.next[there] = number(there) + uint32(len(data))
	return network(from.Addr(), to.Addr(), protoTCP, tcp)
}

// network puts the header of IPv4 or IPv6 before a packet of a transport.
func network(from, to netip.Addr, proto byte, payload []byte) []byte {
	if from.Is6() {
		b := []byte{6 << 4, 0, 0, 0}
		b = be.AppendUint16(b, uint16(len(payload)))
		b = append(b, proto, 64)
		b = append(append(b, from.AsSlice()...), to.AsSlice()...)
		return append(b, payload...)
	}
	b := []byte{4<<4 | 5, 0}
	b = be.AppendUint16(b, uint16(20+len(payload)))
	b = append(b, 0, 0, 0x40, 0, 64, proto, 0, 0) // do not fragment
	b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	be.PutUint16(b[10:], ^fold(sum(0, b)))
	return append(b, payload...)
}

// checksum is that of a transport, over its pseudo header too (RFC 768, RFC
// 9293 section 3.1, RFC 8200 section 8.1).
func checksum(from, to netip.Addr, proto byte, packet []byte) uint16 {
	s := sum(0, from.AsSlice())
	s = sum(s, to.AsSlice())
	return ^fold(sum(s+uint32(proto)+uint32(len(packet)), packet))
}

// sum adds up the 16-bit words of b.
func sum(s uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		s += uint32(be.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
