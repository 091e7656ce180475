package score

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// Sheet is the truth laid out: every address belongs to the longest prefix
// that covers it, and to no other.
type Sheet struct {
	Rows      []Truth // each prefix once, in order
	Repeated  int     // rows left out because the prefix was there before, with the same country
	Contested int     // prefixes left out because rows differ about their country
	Covered   int     // prefixes of which longer ones leave no address

	spans []span // disjoint, in order, IPv4 before IPv6
	first []int  // of each row, its first span, or -1
}

// span is a run of addresses that belong to one row.
type span struct {
	from, to netip.Addr
	row      int
}

// Lay lays out the rows of a truth.
func Lay(rows []Truth) *Sheet {
	s := &Sheet{}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b Truth) int { return a.Prefix.Compare(b.Prefix) })
	for len(rows) > 0 {
		n, differ := 1, false
		for ; n < len(rows) && rows[n].Prefix == rows[0].Prefix; n++ {
			differ = differ || rows[n].Country != rows[0].Country
		}
		if differ {
			s.Contested++
		} else {
			s.Rows = append(s.Rows, rows[0])
			s.Repeated += n - 1
		}
		rows = rows[n:]
	}
	s.cut()
	s.first = make([]int, len(s.Rows))
	for i := range s.first {
		s.first[i] = -1
	}
	for i, sp := range s.spans {
		if s.first[sp.row] < 0 {
			s.first[sp.row] = i
		}
	}
	for _, i := range s.first {
		if i < 0 {
			s.Covered++
		}
	}
	return s
}

// cut makes the spans: a walk over the prefixes in order, shorter ones first,
// with those that are open on a stack.
func (s *Sheet) cut() {
	var open []int
	next := netip.Addr{} // the first address that is not given out yet
	give := func(to netip.Addr, row int) {
		if next.IsValid() && next.Compare(to) <= 0 {
			s.spans = append(s.spans, span{next, to, row})
			next = to.Next()
		}
	}
	closeUntil := func(p netip.Prefix) {
		for len(open) > 0 {
			top := s.Rows[open[len(open)-1]].Prefix
			if p.IsValid() && top.Contains(p.Addr()) {
				return
			}
			give(lastOf(top), open[len(open)-1])
			open = open[:len(open)-1]
		}
	}
	for i, row := range s.Rows {
		closeUntil(row.Prefix)
		if len(open) > 0 && row.Prefix.Addr().Prev().IsValid() {
			give(row.Prefix.Addr().Prev(), open[len(open)-1])
		}
		next = row.Prefix.Addr()
		open = append(open, i)
	}
	closeUntil(netip.Prefix{})
}

// lastOf returns the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < p.Addr().BitLen(); bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// rowOf returns the row that an address belongs to, or -1.
func (s *Sheet) rowOf(addr netip.Addr) int {
	i, exact := slices.BinarySearchFunc(s.spans, addr, func(sp span, a netip.Addr) int { return sp.from.Compare(a) })
	if !exact {
		i--
	}
	if i < 0 || s.spans[i].to.Compare(addr) < 0 {
		return -1
	}
	return s.spans[i].row
}

// sample is one address and the row it belongs to.
type sample struct {
	addr netip.Addr
	row  int
}

// Own returns one address of each prefix that has one of its own, the same each
// time: a list of prefixes can be asked about each of its entries with it.
func (s *Sheet) Own() []netip.Addr {
	random := numbers(0)
	var list []netip.Addr
	for _, x := range s.byPrefix(&random) {
		list = append(list, x.addr)
	}
	return list
}

// tries bounds how often an address is drawn that belongs to a longer prefix.
const tries = 32

// byPrefix draws one address of each prefix that has one of its own.
func (s *Sheet) byPrefix(random *numbers) []sample {
	list := make([]sample, 0, len(s.Rows))
	for i, row := range s.Rows {
		if s.first[i] < 0 {
			continue
		}
		addr := netip.Addr{}
		for range tries {
			if a := within(row.Prefix, random); s.rowOf(a) == i {
				addr = a
				break
			}
		}
		if !addr.IsValid() { // nearly all of it is given to longer prefixes
			addr = s.spans[s.first[i]].from
		}
		list = append(list, sample{addr, i})
	}
	return list
}

// within draws an address of a prefix.
func within(p netip.Prefix, random *numbers) netip.Addr {
	b := p.Addr().As16()
	var noise [16]byte
	binary.BigEndian.PutUint64(noise[:8], random.next())
	binary.BigEndian.PutUint64(noise[8:], random.next())
	fixed := p.Bits() + 128 - p.Addr().BitLen()
	for bit := fixed; bit < 128; bit++ {
		b[bit/8] |= noise[bit/8] & (0x80 >> (bit % 8))
	}
	addr := netip.AddrFrom16(b)
	if p.Addr().Is4() {
		return addr.Unmap()
	}
	return addr
}

// bySpace draws n addresses of all IPv4 addresses that are in the truth, each
// as likely as any other. IPv6 is left out: nobody uses more than a speck of
// it, so its address space weighs nothing that matters.
func (s *Sheet) bySpace(n int, random *numbers) []sample {
	var upTo []uint64
	total := uint64(0)
	for _, sp := range s.spans {
		if !sp.from.Is4() {
			break
		}
		total += uint64(number(sp.to)-number(sp.from)) + 1
		upTo = append(upTo, total)
	}
	if total == 0 {
		return nil
	}
	list := make([]sample, n)
	for i := range list {
		at := draw(random, total)
		j, _ := slices.BinarySearchFunc(upTo, at, func(end, at uint64) int {
			if end <= at {
				return -1
			}
			return cmp.Compare(end, at)
		})
		sp := s.spans[j]
		back := uint32(upTo[j] - at - 1)
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], number(sp.to)-back)
		list[i] = sample{netip.AddrFrom4(b), sp.row}
	}
	return list
}

func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// numbers is a sequence of numbers that look drawn and are the same each time:
// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
// generators", OOPSLA 2014).
type numbers uint64

func (x *numbers) next() uint64 {
	*x += 0x9e3779b97f4a7c15
	z := uint64(*x)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// draw returns a number below n, each as likely as any other but for a part in
// 2^64.
func draw(random *numbers, n uint64) uint64 {
	hi, _ := bits.Mul64(random.next(), n)
	return hi
}
