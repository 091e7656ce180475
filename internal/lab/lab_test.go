package lab

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"residency/internal/residency"
)

// ask is a request as a test writes it.
type ask struct {
	name   string
	qtype  dnsmessage.Type // 0: A
	subnet string          // "" for no option; "-" for no EDNS at all
	size   uint16          // of the client's buffer; 0: 1232
	nsid   bool
	do     bool
}

const testID = 0x1234

// request packs the question.
func (a ask) request(t testing.TB) []byte {
	t.Helper()
	if a.qtype == 0 {
		a.qtype = dnsmessage.TypeA
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: testID, RecursionDesired: true})
	must(t, b.StartQuestions())
	must(t, b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(a.name), Type: a.qtype, Class: dnsmessage.ClassINET}))
	if a.subnet != "-" {
		must(t, b.StartAdditionals())
		var h dnsmessage.ResourceHeader
		must(t, h.SetEDNS0(int(max(a.size, 512)), 0, a.do))
		if a.size == 0 {
			h.Class = 1232
		}
		must(t, b.OPTResource(h, dnsmessage.OPTResource{Options: a.options(t)}))
	}
	msg, err := b.Finish()
	must(t, err)
	return msg
}

func (a ask) options(t testing.TB) []dnsmessage.Option {
	var options []dnsmessage.Option
	if a.subnet != "" {
		options = append(options, dnsmessage.Option{Code: 8, Data: subnetData(t, a.subnet)})
	}
	if a.nsid {
		options = append(options, dnsmessage.Option{Code: 3})
	}
	return options
}

// subnetData writes a client subnet option by hand, so that the package's own
// code is not tested against itself.
func subnetData(t testing.TB, prefix string) []byte {
	t.Helper()
	p, err := netip.ParsePrefix(prefix)
	must(t, err)
	family := uint16(1)
	if p.Addr().Is6() {
		family = 2
	}
	data := binary.BigEndian.AppendUint16(nil, family)
	data = append(data, byte(p.Bits()), 0)
	return append(data, p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
}

// told is what a test reads from a response.
type told struct {
	header  dnsmessage.Header
	rcode   dnsmessage.RCode // with the extended bits
	name    string           // of the question
	addrs   []string
	chain   []string // "owner > target"
	ttls    []uint32
	soa     string // apex of an SOA in the authority section
	edns    bool
	do      bool
	udpSize int
	subnet  string // returned, "" for none
	scope   int
	nsid    string
}

func read(t testing.TB, msg []byte) told {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(msg); err != nil {
		t.Fatalf("Unpack(% x) = %v", msg, err)
	}
	r := told{header: m.Header, rcode: m.RCode, scope: -1}
	if len(m.Questions) > 0 {
		r.name = m.Questions[0].Name.String()
	}
	for _, a := range m.Answers {
		r.ttls = append(r.ttls, a.Header.TTL)
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			r.addrs = append(r.addrs, netip.AddrFrom4(body.A).String())
		case *dnsmessage.AAAAResource:
			r.addrs = append(r.addrs, netip.AddrFrom16(body.AAAA).String())
		case *dnsmessage.CNAMEResource:
			r.chain = append(r.chain, a.Header.Name.String()+" > "+body.CNAME.String())
		}
	}
	for _, a := range m.Authorities {
		if _, ok := a.Body.(*dnsmessage.SOAResource); ok {
			r.soa = a.Header.Name.String()
		}
	}
	for _, a := range m.Additionals {
		opt, ok := a.Body.(*dnsmessage.OPTResource)
		if !ok {
			continue
		}
		r.edns, r.do, r.udpSize = true, a.Header.DNSSECAllowed(), int(a.Header.Class)
		r.rcode = a.Header.ExtendedRCode(m.RCode)
		for _, o := range opt.Options {
			r.option(t, o)
		}
	}
	return r
}

func (r *told) option(t testing.TB, o dnsmessage.Option) {
	switch o.Code {
	case 3:
		r.nsid = string(o.Data)
	case 8:
		length := 4
		if binary.BigEndian.Uint16(o.Data) == 2 {
			length = 16
		}
		address := make([]byte, length)
		copy(address, o.Data[4:])
		addr, _ := netip.AddrFromSlice(address)
		r.subnet = netip.PrefixFrom(addr, int(o.Data[2])).String()
		r.scope = int(o.Data[3])
	default:
		t.Errorf("option %d in a response", o.Code)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// responderFor makes the first server of a scenario without sockets.
func responderFor(t testing.TB, s *Scenario, now time.Time) *responder {
	t.Helper()
	must(t, s.check(nil))
	x := newIndex(s)
	return &responder{
		index: x, server: s.Servers[0], now: func() time.Time { return now },
		counts: countersFor(s.Servers[0]), turns: make(turns, x.pools),
	}
}

// put asks a scenario's first server one question.
func put(t testing.TB, s *Scenario, a ask) told {
	t.Helper()
	return read(t, responderFor(t, s, time.Unix(0, 0)).respond(nil, a.request(t), "udp").msg)
}

func prefixes(list ...string) []netip.Prefix {
	var p []netip.Prefix
	for _, s := range list {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

// geoZone is a small GeoDNS: India twice (a large network and a small one
// within Singapore's), Singapore, and everybody else.
func geoZone(servers ...Server) *Scenario {
	s := Zone{
		"www.example.com":      "192.0.2.1 2001:db8::1",
		"www.example.com@IN":   "192.0.2.91",
		"www.example.com@SG":   "192.0.2.65 2001:db8::65",
		"four.example.com":     "192.0.2.4",
		"empty.example.com":    "nodata",
		"gone.example.com":     "nxdomain",
		"alias.example.com":    "cname next.example.com",
		"next.example.com":     "cname www.example.com",
		"lost.example.com":     "cname gone.example.com",
		"hollow.example.com":   "cname empty.example.com",
		"abroad.example.com":   "cname www.example.net",
		"www.example.net":      "192.0.2.77",
		"loop.example.com":     "cname pool.example.com",
		"pool.example.com":     "cname loop.example.com",
		"self.example.com":     "cname self.example.com",
		"deep.www.example.com": "192.0.2.3",
	}.Scenario(servers...)
	s.Markets = []Market{
		{Code: residency.MustCountry("IN"), Networks: prefixes("10.0.0.0/8", "172.16.9.0/24", "2001:db8:91::/48")},
		{Code: residency.MustCountry("SG"), Networks: prefixes("172.16.0.0/12", "2001:db8::/32")},
	}
	return s
}

func equal[T comparable](a, b []T) bool { return slices.Equal(a, b) }
