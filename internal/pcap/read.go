package pcap

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// errDamaged is what a file gives that Write did not make.
var errDamaged = errors.New("it is not a capture of this form")

// Read reads the messages of a file that Write made, each with its time, its
// addresses and its comment. A message that took several packets comes as one.
// Other captures are an error: this reads what this package writes.
func Read(data []byte) ([]Message, error) {
	r := &reader{streams: map[flow][]byte{}}
	for n := 0; len(data) > 0; n++ {
		if len(data) < 12 {
			return nil, fmt.Errorf("read block %d: %w", n, errDamaged)
		}
		kind, size := le.Uint32(data), le.Uint32(data[4:])
		if size < 12 || size%4 != 0 || uint64(size) > uint64(len(data)) || le.Uint32(data[size-4:]) != size {
			return nil, fmt.Errorf("read block %d: %w", n, errDamaged)
		}
		if err := r.block(n, kind, data[8:size-4]); err != nil {
			return nil, fmt.Errorf("read block %d: %w", n, err)
		}
		data = data[size:]
	}
	if !r.begun {
		return nil, fmt.Errorf("read packets: %w", errDamaged)
	}
	for _, rest := range r.streams {
		if len(rest) > 0 {
			return nil, fmt.Errorf("read packets: a message is not whole: %w", errDamaged)
		}
	}
	return r.list, nil
}

type reader struct {
	begun   bool
	list    []Message
	streams map[flow][]byte // what came of a message that is not whole yet
}

func (r *reader) block(n int, kind uint32, body []byte) error {
	switch {
	case n == 0 && kind == blockSection:
		if len(body) < 16 || le.Uint32(body) != byteOrder || le.Uint16(body[4:]) != 1 {
			return errDamaged
		}
	case n == 1 && kind == blockDevice:
		if len(body) < 8 || le.Uint16(body) != linkRawIP {
			return errDamaged
		}
		r.begun = true
	case n > 1 && kind == blockPacket:
		return r.packet(body)
	default:
		return errDamaged
	}
	return nil
}

func (r *reader) packet(body []byte) error {
	if len(body) < 20 {
		return errDamaged
	}
	at := uint64(le.Uint32(body[4:]))<<32 | uint64(le.Uint32(body[8:]))
	size := le.Uint32(body[12:])
	if size != le.Uint32(body[16:]) || uint64(size) > uint64(len(body)-20) || at > 1<<63-1 {
		return errDamaged
	}
	m := Message{}
	if at > 0 {
		m.At = time.Unix(0, int64(at)).UTC()
	}
	packet, rest := body[20:20+size], body[20+(size+3)&^3:]
	if len(rest) >= 4 && le.Uint16(rest) == optComment && int(le.Uint16(rest[2:])) <= len(rest)-4 {
		m.Note = string(rest[4 : 4+le.Uint16(rest[2:])])
	}
	proto, from, to, payload, err := openNetwork(packet)
	if err != nil {
		return err
	}
	return r.transport(m, proto, from, to, payload)
}

// openNetwork takes the header of IPv4 or IPv6 off.
func openNetwork(b []byte) (proto byte, from, to netip.Addr, payload []byte, err error) {
	switch {
	case len(b) >= 20 && b[0] == 4<<4|5 && int(be.Uint16(b[2:])) == len(b):
		from, _ = netip.AddrFromSlice(b[12:16])
		to, _ = netip.AddrFromSlice(b[16:20])
		return b[9], from, to, b[20:], nil
	case len(b) >= 40 && b[0]>>4 == 6 && int(be.Uint16(b[4:])) == len(b)-40:
		from, _ = netip.AddrFromSlice(b[8:24])
		to, _ = netip.AddrFromSlice(b[24:40])
		return b[6], from, to, b[40:], nil
	}
	return 0, from, to, nil, errDamaged
}

// transport takes the header of UDP or TCP off, and puts together what came in
// several packets. Which end is the server is told by the port that is lower.
func (r *reader) transport(m Message, proto byte, from, to netip.Addr, b []byte) error {
	if len(b) < 8 {
		return errDamaged
	}
	f := flow{netip.AddrPortFrom(from, be.Uint16(b)), netip.AddrPortFrom(to, be.Uint16(b[2:]))}
	m.Client, m.Server = f.from, f.to
	if m.Client.Port() < m.Server.Port() {
		m.Client, m.Server, m.Reply = f.to, f.from, true
	}
	switch {
	case proto == protoUDP && int(be.Uint16(b[4:])) == len(b):
		m.Data = b[8:]
	case proto == protoTCP && len(b) >= 20 && b[12] == 5<<4:
		stream := append(r.streams[f], b[20:]...)
		if len(stream) < 2 || len(stream) < 2+int(be.Uint16(stream)) {
			r.streams[f] = stream
			return nil
		}
		size := 2 + int(be.Uint16(stream))
		if len(stream) > size {
			return errDamaged // each message is in packets of its own
		}
		m.Stream, m.Data, r.streams[f] = true, stream[2:], nil
	default:
		return errDamaged
	}
	r.list = append(r.list, m)
	return nil
}
