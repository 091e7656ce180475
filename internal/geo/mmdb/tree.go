package mmdb

import (
	"encoding/binary"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
)

// tree finds the record of an address in the search tree of a database
// (MaxMind DB file format 2.0, "Binary search tree section"). It does what the
// library's Lookup does, in half of the time: the first 16 bits of an address
// are looked up in a table, not bit by bit. What it cannot read it leaves to
// the library. Tests hold the two to the same answers.
type tree struct {
	nodes     []byte
	count     uint32 // nodes; a record equal to it is empty, above it leads to data
	bits      uint   // of a record: 24, 28 or 32
	four, six *shortcut
}

// shortcutBits is how many bits of an address the table takes. With 16 the two
// tables of a database take 640 kB and a millisecond to make; an IPv4 address
// then has eight bits or fewer to go.
const shortcutBits = 16

// shortcut says where the first bits of an address lead, and how many of them
// were used: fewer than shortcutBits for a record of a large network.
type shortcut struct {
	record [1 << shortcutBits]uint32
	used   [1 << shortcutBits]uint8
}

// plant returns the tree of a database that the library has opened.
func plant(data []byte, meta maxminddb.Metadata) *tree {
	t := &tree{count: uint32(meta.NodeCount), bits: uint(meta.RecordSize)}
	size := uint64(meta.NodeCount) * uint64(meta.RecordSize) / 4
	known := t.bits == 24 || t.bits == 28 || t.bits == 32
	if !known || meta.NodeCount == 0 || uint64(meta.NodeCount) >= 1<<31 || size > uint64(len(data)) {
		return t // the library finds the right error
	}
	t.nodes = data[:size]
	if meta.IPVersion == 4 {
		t.four = t.shorten(0)
		return t
	}
	t.six = t.shorten(0)
	root := uint32(0)
	for range 96 { // IPv4 addresses are those under ::/96
		if root = t.child(root, 0); root >= t.count {
			return t
		}
	}
	t.four = t.shorten(root)
	return t
}

// child returns a record of a node below count; bit is 0 or 1.
func (t *tree) child(node, bit uint32) uint32 {
	switch t.bits {
	case 24:
		b := t.nodes[node*6+bit*3:]
		return uint32(b[2]) | uint32(b[1])<<8 | uint32(b[0])<<16
	case 28:
		b := t.nodes[uint64(node)*7:]
		if bit == 0 {
			return uint32(b[2]) | uint32(b[1])<<8 | uint32(b[0])<<16 | uint32(b[3]>>4)<<24
		}
		return uint32(b[6]) | uint32(b[5])<<8 | uint32(b[4])<<16 | uint32(b[3]&0x0f)<<24
	}
	return binary.BigEndian.Uint32(t.nodes[uint64(node)*8+uint64(bit)*4:])
}

// shorten makes the table for the addresses under root.
func (t *tree) shorten(root uint32) *shortcut {
	s := new(shortcut)
	var fill func(record uint32, depth uint8, first int)
	fill = func(record uint32, depth uint8, first int) {
		n := 1 << (shortcutBits - depth)
		if depth < shortcutBits && record < t.count {
			fill(t.child(record, 0), depth+1, first)
			fill(t.child(record, 1), depth+1, first+n/2)
			return
		}
		for i := first; i < first+n; i++ {
			s.record[i], s.used[i] = record, depth
		}
	}
	fill(root, 0, 0)
	return s
}

// find returns the record that an address leads to and the length of the
// prefix it is for. A record of 0 means that the address has none. ok is false
// for what only the library can read, or call damaged.
func (t *tree) find(addr netip.Addr) (record uint32, bits int, ok bool) {
	if addr.Is4() {
		if t.four == nil {
			return 0, 0, false
		}
		b := addr.As4()
		top := int(b[0])<<8 | int(b[1])
		record, bits = t.four.record[top], int(t.four.used[top])
		for rest := binary.BigEndian.Uint32(b[:]) << shortcutBits; record < t.count && bits < 32; bits++ {
			record = t.child(record, rest>>31)
			rest <<= 1
		}
	} else {
		if t.six == nil {
			return 0, 0, false
		}
		b := addr.As16()
		top := int(b[0])<<8 | int(b[1])
		record, bits = t.six.record[top], int(t.six.used[top])
		for ; record < t.count && bits < 128; bits++ {
			record = t.child(record, uint32(b[bits>>3]>>(7-bits&7))&1)
		}
	}
	if record == t.count {
		return 0, bits, true
	}
	return record, bits, record > t.count
}
