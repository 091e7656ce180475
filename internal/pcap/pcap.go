// Package pcap writes DNS messages as a packet capture (pcapng) that Wireshark
// and tshark open, and reads such a file again.
//
// What was kept of a look are the messages, not the packets that carried them.
// So the headers of IP, UDP and TCP are made up: addresses and ports are those
// that were asked where they are known, and every packet says so in a comment,
// as does the file itself. Messages over TLS or HTTPS are written as if they
// had gone over TCP, for they are kept as they were before they were encrypted.
//
// The format is that of draft-ietf-opsawg-pcapng: a section header, one
// interface of raw IP (LINKTYPE_RAW, 101) with times in nanoseconds, and an
// enhanced packet block for each message. The same messages give the same bytes.
package pcap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// Message is one DNS message between a client and a server.
type Message struct {
	At     time.Time      // zero: not known; written as the beginning of 1970
	Client netip.AddrPort // not valid: one out of the documentation range
	Server netip.AddrPort // not valid: likewise
	Reply  bool           // from the server to the client
	Stream bool           // over TCP, or over something that goes over it
	Data   []byte         // at most MaxMessage bytes
	Note   string         // said in a comment of the packet
}

// MaxMessage is the most bytes that a DNS message has (RFC 1035 section 4.2.2).
const MaxMessage = 65535

// Reconstructed is what every packet and the file itself say of the headers.
const Reconstructed = "IP, UDP and TCP headers are reconstructed; the DNS message is as it was sent or received"

// Addresses in place of those that are not known (RFC 5737, RFC 3849).
func unknownClient(six bool) netip.AddrPort {
	if six {
		return netip.MustParseAddrPort("[2001:db8::1]:53000")
	}
	return netip.MustParseAddrPort("192.0.2.1:53000")
}

func unknownServer() netip.AddrPort { return netip.MustParseAddrPort("192.0.2.53:53") }

// Write writes the messages in the order in which they are given, with what
// the file says of itself.
func Write(w io.Writer, comment string, messages []Message) error {
	out := &writer{next: map[flow]uint32{}}
	out.section(comment)
	out.device()
	for i := range messages {
		if err := out.message(&messages[i]); err != nil {
			return fmt.Errorf("write packet %d: %w", i+1, err)
		}
	}
	if _, err := w.Write(out.file.Bytes()); err != nil {
		return fmt.Errorf("write packets: %w", err)
	}
	return nil
}

// Types of blocks and options.
const (
	blockSection = 0x0a0d0d0a
	blockDevice  = 1
	blockPacket  = 6

	byteOrder = 0x1a2b3c4d

	optComment     = 1
	optName        = 2
	optApplication = 4
	optResolution  = 9
	linkRawIP      = 101
	nanoseconds    = 9
)

// flow is one direction of a connection.
type flow struct{ from, to netip.AddrPort }

type writer struct {
	file bytes.Buffer
	next map[flow]uint32 // sequence numbers of streams
}

var le = binary.LittleEndian

// block writes one block: type, length, body, length again.
func (w *writer) block(kind uint32, body []byte) {
	size := uint32(12 + len(body))
	var b [8]byte
	le.PutUint32(b[:4], kind)
	le.PutUint32(b[4:], size)
	w.file.Write(b[:])
	w.file.Write(body)
	w.file.Write(b[4:])
}

// option appends an option, filled up to four bytes.
func option(b []byte, code uint16, value []byte) []byte {
	b = le.AppendUint16(b, code)
	b = le.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...))
}

// text is an option's text, cut where it would be too long for one.
func text(s string) []byte { return []byte(s[:min(len(s), 60000)]) }

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func (w *writer) section(comment string) {
	b := le.AppendUint32(nil, byteOrder)
	b = le.AppendUint16(b, 1)          // version 1.0
	b = le.AppendUint16(b, 0)          //
	b = le.AppendUint64(b, ^uint64(0)) // length not stated
	b = option(b, optComment, text(comment+Reconstructed))
	b = option(b, optApplication, []byte("residency"))
	w.block(blockSection, le.AppendUint32(b, 0))
}

func (w *writer) device() {
	b := le.AppendUint16(nil, linkRawIP)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, 0) // no limit on a packet
	b = option(b, optName, []byte("reconstructed"))
	b = option(b, optResolution, []byte{nanoseconds})
	w.block(blockDevice, le.AppendUint32(b, 0))
}

func (w *writer) message(m *Message) error {
	if len(m.Data) > MaxMessage {
		return fmt.Errorf("the message has %d bytes, more than %d", len(m.Data), MaxMessage)
	}
	note := Reconstructed
	if m.Note != "" {
		note = m.Note + ". " + note
	}
	for _, packet := range w.packets(m) {
		at := uint64(0)
		if !m.At.IsZero() {
			at = uint64(m.At.UnixNano())
		}
		b := le.AppendUint32(nil, 0) // the interface
		b = le.AppendUint32(b, uint32(at>>32))
		b = le.AppendUint32(b, uint32(at))
		b = le.AppendUint32(b, uint32(len(packet)))
		b = le.AppendUint32(b, uint32(len(packet)))
		b = pad(append(b, packet...))
		b = option(b, optComment, text(note))
		w.block(blockPacket, le.AppendUint32(b, 0))
	}
	return nil
}
