package resolve

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"unicode"

	"github.com/miekg/dns"

	"residency/internal/residency"
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
		w.option(code, data[4:4+size])
		data = data[4+size:]
	}
	return nil
}

// option keeps an option that matters. Cookie and NSID stay in the message.
func (w *walker) option(code uint16, data []byte) {
	switch code {
	case dns.EDNS0SUBNET:
		again := w.resp.subnet.present
		w.resp.subnet = readSubnet(data)
		w.resp.subnet.broken = w.resp.subnet.broken || again // which one to believe?
	case dns.EDNS0COOKIE:
		w.resp.cookie = data
	case dns.EDNS0NSID:
		w.resp.nsid = data
	case dns.EDNS0EDE:
		if len(data) >= 2 && len(w.resp.errors) < maxErrors {
			w.resp.errors = append(w.resp.errors, readError(data))
		}
	}
}

// Limits of what is kept of a server's own words.
const (
	maxErrors = 8
	maxWords  = 256 // bytes
)

// readError reads an extended error (RFC 8914 section 2).
func readError(data []byte) residency.ExtendedError {
	code := binary.BigEndian.Uint16(data)
	return residency.ExtendedError{Code: code, Name: dns.ExtendedErrorCodeToString[code], Text: words(data[2:])}
}

// words returns a server's text with all that is not printable replaced, and
// no longer than maxWords.
func words(data []byte) string {
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(string(data[:min(len(data), maxWords)]), "\uFFFD"))
	return strings.TrimRight(text, "\uFFFD ") // a final NUL is common
}

// readable returns bytes as text if they are printable ASCII, else in
// hexadecimal after "0x".
func readable(data []byte) string {
	data = data[:min(len(data), maxWords)]
	for _, c := range data {
		if c < 0x20 || c > 0x7e {
			return fmt.Sprintf("0x%x", data)
		}
	}
	return string(data)
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
