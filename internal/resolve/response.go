package resolve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"residency/internal/residency"
)

const headerLen = 12

// Sections of a message, in their order.
const (
	sectionQuestion = iota
	sectionAnswer
	sectionAuthority
	sectionAdditional
)

// header is the first twelve bytes of a message (RFC 1035 section 4.1.1).
type header struct {
	id       uint16
	response bool
	opcode   int
	aa, tc   bool
	flags    residency.HeaderFlags
	rcode    int // the low four bits
	counts   [4]uint16
}

// readHeader reads the header of a message of at least headerLen bytes.
func readHeader(msg []byte) header {
	h := header{
		id:       binary.BigEndian.Uint16(msg),
		response: msg[2]&0x80 != 0,
		opcode:   int(msg[2]>>3) & 0xf,
		aa:       msg[2]&0x04 != 0,
		tc:       msg[2]&0x02 != 0,
		flags:    residency.FlagsOf(binary.BigEndian.Uint16(msg[2:])),
		rcode:    int(msg[3]) & 0xf,
	}
	for i := range h.counts {
		h.counts[i] = binary.BigEndian.Uint16(msg[4+2*i:])
	}
	return h
}

// response is what matters of a response.
type response struct {
	rcode   int // with the upper bits of EDNS
	aa      bool
	flags   residency.HeaderFlags
	records []record // answer section: aliases, and addresses or services of the type asked
	soas    []string // authority section: owners of SOA records
	ns      bool     // authority section: has NS records
	opt     bool     // has an EDNS OPT record
	subnet  subnet
	cookie  []byte // in the message, as is nsid: gone with the next one
	nsid    []byte
	errors  []residency.ExtendedError

	// Only for a query that wants delegations:
	nameservers []record // authority section: NS records, target is the server's name
	glue        []record // additional section: addresses
}

// record is an alias, an address, a name server or a service.
type record struct {
	owner  string // lower case, with the final dot
	rtype  uint16
	ttl    uint32 // seconds
	target string // of an alias or name server; lower case, with the final dot
	addr   netip.Addr
	svc    *service // of an HTTPS, MX or SRV record
}

var (
	errShort   = errors.New("ends in the middle of a record")
	errRDATA   = errors.New("has a record with a wrong data length")
	errTwoOPT  = errors.New("has more than one OPT record") // RFC 6891 section 6.1.1
	errOPTName = errors.New("has an OPT record that does not belong to the root")
)

// parse reads a response that fits q into resp, whose slices it uses again. It walks the message record by record
// instead of unpacking it whole, for two reasons: every count in the header
// must be borne out by records (a message cut at a record boundary is no
// answer), and a broken record of a type that does not matter here must not
// cost an answer that is sound.
func (q *query) parse(msg []byte, resp *response) error {
	h := readHeader(msg)
	*resp = response{rcode: h.rcode, aa: h.aa, flags: h.flags, records: resp.records[:0], soas: resp.soas[:0]}
	w := walker{q: q, msg: msg, off: headerLen, resp: resp}
	if h.counts[sectionQuestion] == 1 {
		w.off, w.asked = q.end, true
	}
	for section := sectionAnswer; section <= sectionAdditional; section++ {
		for range h.counts[section] {
			if err := w.record(section); err != nil {
				return err
			}
		}
	}
	return nil
}

// walker goes through the records of a message.
type walker struct {
	q     *query
	msg   []byte
	off   int
	asked bool // the message repeats the question
	resp  *response

	// The last name read through a compression pointer. Records of one set
	// share their owner, so this saves most of the unpacking.
	pointer int
	pointed string
}

// record reads the record at the offset and steps over it.
func (w *walker) record(section int) error {
	if w.passed(section) {
		return nil
	}
	owner, off, err := w.name(w.off)
	if err != nil {
		return err
	}
	if off+10 > len(w.msg) {
		return errShort
	}
	rtype := binary.BigEndian.Uint16(w.msg[off:])
	class := binary.BigEndian.Uint16(w.msg[off+2:])
	ttl := binary.BigEndian.Uint32(w.msg[off+4:])
	begin := off + 10
	end := begin + int(binary.BigEndian.Uint16(w.msg[off+8:]))
	if end > len(w.msg) {
		return errShort
	}
	w.off = end
	switch {
	case rtype == dns.TypeOPT && section == sectionAdditional:
		return w.options(owner, ttl, w.msg[begin:end])
	case class != dns.ClassINET:
		return nil
	case section == sectionAnswer:
		return w.answer(record{owner: owner, rtype: rtype, ttl: sane(ttl)}, begin, end)
	case section == sectionAuthority && rtype == dns.TypeSOA:
		w.resp.soas = append(w.resp.soas, owner)
	case section == sectionAuthority && rtype == dns.TypeNS:
		w.resp.ns = true
		return w.nameServer(record{owner: owner, rtype: rtype, ttl: sane(ttl)}, begin, end)
	case section == sectionAdditional && w.q.delegations:
		w.glue(record{owner: owner, rtype: rtype, ttl: sane(ttl)}, begin, end)
	}
	return nil
}

// passed steps over a record of the last two sections that says nothing here,
// if its owner is sound: unpacking such owners costs more than all else. An NS
// record leaves its mark.
func (w *walker) passed(section int) bool {
	if section == sectionAnswer || w.q.delegations {
		return false
	}
	at, ok := w.sound(w.off)
	if !ok || at+10 > len(w.msg) {
		return false
	}
	rtype, class := binary.BigEndian.Uint16(w.msg[at:]), binary.BigEndian.Uint16(w.msg[at+2:])
	end := at + 10 + int(binary.BigEndian.Uint16(w.msg[at+8:]))
	if rtype == dns.TypeOPT || rtype == dns.TypeSOA || end > len(w.msg) {
		return false
	}
	w.off = end
	w.resp.ns = w.resp.ns || section == sectionAuthority && rtype == dns.TypeNS && class == dns.ClassINET
	return true
}

// sound reports whether there is a name at an offset, and where it ends,
// without unpacking it. It is stricter than it must be: pointers lead back, and
// are few. What is not sound for it may be so all the same.
func (w *walker) sound(off int) (end int, ok bool) {
	size, hops, low := 1, 0, off
	for at := off; at+1 <= len(w.msg) && size <= maxNameLen; {
		switch c := int(w.msg[at]); {
		case c == 0:
			if hops == 0 {
				end = at + 1
			}
			return end, true
		case c <= maxLabelLen:
			size += 1 + c
			at += 1 + c
		case c >= 0xc0 && at+2 <= len(w.msg):
			if hops == 0 {
				end = at + 2
			}
			pointer := int(binary.BigEndian.Uint16(w.msg[at:])) & 0x3fff
			if hops++; pointer >= low || pointer < headerLen || hops > maxHops {
				return 0, false
			}
			low, at = pointer, pointer
		default:
			return 0, false
		}
	}
	return 0, false
}

// maxHops is how many pointers a name may have to be passed over.
const maxHops = 8

// answer keeps a record of the answer section if it is an alias or of the type
// asked.
func (w *walker) answer(rec record, begin, end int) error {
	form := rec.rtype
	if form == dns.TypePTR && w.q.rtype == dns.TypePTR {
		form = dns.TypeCNAME // it holds one name, as an alias does
	}
	switch form {
	case dns.TypeCNAME, dns.TypeDNAME:
		target, after, err := w.name(begin)
		if err != nil {
			return err
		}
		if after != end {
			return errRDATA
		}
		rec.target = target
	case w.q.rtype:
		if isService(rec.rtype) {
			svc, err := w.service(rec.rtype, begin, end)
			if err != nil {
				return err
			}
			rec.svc = svc
			break
		}
		if rec.rtype == dns.TypeNS {
			return w.nameServer(rec, begin, end)
		}
		if isOfChain(rec.rtype) {
			break // read by the validator; here it counts that there is one
		}
		addr, ok := netip.AddrFromSlice(w.msg[begin:end])
		if !ok || addr.Is4() != (rec.rtype == dns.TypeA) {
			return errRDATA
		}
		rec.addr = addr.Unmap() // an AAAA record can hold ::ffff:192.0.2.1
	default:
		return nil
	}
	w.resp.records = append(w.resp.records, rec)
	return nil
}

// name reads the name at off and returns it in lower case with the offset
// after it.
func (w *walker) name(off int) (string, int, error) {
	pointer := 0
	if off < len(w.msg) && w.msg[off] == 0 {
		return ".", off + 1, nil
	}
	if off+1 < len(w.msg) && w.msg[off]&0xc0 == 0xc0 {
		pointer = int(binary.BigEndian.Uint16(w.msg[off:])) & 0x3fff
		if pointer == headerLen && w.asked { // the question's name
			return w.q.name, off + 2, nil
		}
		if pointer == w.pointer && pointer != 0 {
			return w.pointed, off + 2, nil
		}
	}
	name, after, err := dns.UnpackDomainName(w.msg, off)
	if err != nil {
		return "", 0, fmt.Errorf("has a bad name: %w", err)
	}
	name = strings.ToLower(name) // ASCII: any other byte is escaped in it
	if pointer != 0 {
		w.pointer, w.pointed = pointer, name
	}
	return name, after, nil
}

// sane returns a TTL; one with the top bit set counts as 0 (RFC 2181 section 8).
func sane(ttl uint32) uint32 {
	if ttl > 1<<31-1 {
		return 0
	}
	return ttl
}

// rcodeName returns the mnemonic of an rcode (RFC 6895 section 2.3).
func rcodeName(rcode int) string {
	if rcode == dns.RcodeBadCookie {
		return "BADCOOKIE"
	}
	if rcode == dns.RcodeBadVers { // 16 is BADSIG outside of EDNS
		return "BADVERS"
	}
	if name, ok := dns.RcodeToString[rcode]; ok {
		return name
	}
	return fmt.Sprintf("RCODE%d", rcode)
}

// nameServer keeps an NS record of the authority section, for a query that
// wants delegations.
func (w *walker) nameServer(rec record, begin, end int) error {
	if !w.q.delegations {
		return nil
	}
	target, after, err := w.name(begin)
	if err != nil {
		return err
	}
	if after != end {
		return errRDATA
	}
	rec.target = target
	w.resp.nameservers = append(w.resp.nameservers, rec)
	return nil
}

// glue keeps an address of the additional section. A broken one is no loss:
// the address of a name server can be asked for.
func (w *walker) glue(rec record, begin, end int) {
	addr, ok := netip.AddrFromSlice(w.msg[begin:end])
	if !ok || addr.Is4() && rec.rtype != dns.TypeA || addr.Is6() && rec.rtype != dns.TypeAAAA {
		return
	}
	rec.addr = addr.Unmap()
	w.resp.glue = append(w.resp.glue, rec)
}
