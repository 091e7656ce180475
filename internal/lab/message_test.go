package lab

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestEDNS(t *testing.T) {
	t.Parallel()
	s := geoZone(Server{Name: "lab", NSID: "lab-1"})
	for _, tt := range []struct {
		name string
		ask  ask
		edns bool
		do   bool
		nsid string
	}{
		{"none", ask{name: "www.example.com.", subnet: "-"}, false, false, ""},
		{"plain", ask{name: "www.example.com."}, true, false, ""},
		{"DO is copied", ask{name: "www.example.com.", do: true}, true, true, ""},
		{"NSID", ask{name: "www.example.com.", nsid: true, subnet: "10.0.0.0/24"}, true, false, "lab-1"},
	} {
		got := put(t, s, tt.ask)
		if got.edns != tt.edns || got.do != tt.do || got.nsid != tt.nsid || tt.edns && got.udpSize != ourUDP {
			t.Errorf("%s: EDNS %v DO %v NSID %q size %d, want %v %v %q %d", tt.name, got.edns, got.do, got.nsid, got.udpSize, tt.edns, tt.do, tt.nsid, ourUDP)
		}
	}
}

// optRecord is an OPT record by hand: version in the TTL field, then options.
func optRecord(version byte, options ...byte) []byte {
	b := []byte{0, 0, 41, 0x04, 0xd0, 0, version, 0, 0, byte(len(options) >> 8), byte(len(options))}
	return append(b, options...)
}

// withAdditional adds records to a request that has none.
func withAdditional(t *testing.T, count byte, records ...[]byte) []byte {
	msg := ask{name: "www.example.com.", subnet: "-"}.request(t)
	msg[11] = count
	return append(msg, bytes.Join(records, nil)...)
}

func TestWrongRequests(t *testing.T) {
	t.Parallel()
	good := ask{name: "www.example.com.", subnet: "-"}.request(t)
	edit := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	subnet := func(data ...byte) []byte {
		return withAdditional(t, 1, optRecord(0, append([]byte{0, 8, 0, byte(len(data))}, data...)...))
	}
	const none = -1
	tests := []struct {
		name string
		msg  []byte
		want int // rcode, or none for no reply
	}{
		{"nothing", nil, none},
		{"half a header", good[:7], none},
		{"a response", edit(func(b []byte) []byte { b[2] |= 0x80; return b }), none},
		{"status request", edit(func(b []byte) []byte { b[2] |= 2 << 3; return b }), 4},
		{"no question", edit(func(b []byte) []byte { b[5] = 0; return b[:12] }), 1},
		{"two questions", edit(func(b []byte) []byte { b[5] = 2; return append(b, b[12:]...) }), 1},
		{"question cut", good[:len(good)-3], 1},
		{"name points to itself", edit(func(b []byte) []byte { return append(b[:12], 0xc0, 12, 0, 1, 0, 1) }), 1},
		{"class CHAOS", edit(func(b []byte) []byte { b[len(b)-1] = 3; return b }), 5},
		{"additional missing", edit(func(b []byte) []byte { b[11] = 1; return b }), 1},
		{"version 1", withAdditional(t, 1, optRecord(1)), 16},
		{"two OPT records", withAdditional(t, 2, optRecord(0), optRecord(0)), 1},
		{"option cut", withAdditional(t, 1, optRecord(0, 0, 8, 0, 9, 0)), 1},
		{"unknown option", withAdditional(t, 1, optRecord(0, 0xfd, 0xe9, 0, 1, 7)), 0},
		{"subnet too short", subnet(0, 1, 24), 1},
		{"subnet with a scope", subnet(0, 1, 24, 24, 10, 0, 0), 1},
		{"subnet with too few bytes", subnet(0, 1, 24, 0, 10, 0), 1},
		{"subnet with too many bytes", subnet(0, 1, 24, 0, 10, 0, 0, 0), 1},
		{"subnet with bits after its length", subnet(0, 1, 20, 0, 10, 0, 0x0f), 1},
		{"subnet longer than an address", subnet(0, 1, 33, 0, 10, 0, 0, 0, 0), 1},
		{"subnet of family 3", subnet(0, 3, 8, 0, 10), 1},
		{"subnet of family 0 without bits", subnet(0, 0, 0, 0), 0},
		{"two subnets", withAdditional(t, 1, optRecord(0, 0, 8, 0, 4, 0, 1, 0, 0, 0, 8, 0, 4, 0, 1, 0, 0)), 1},
	}
	r := responderFor(t, geoZone(), time.Unix(0, 0))
	for _, tt := range tests {
		res := r.respond(nil, tt.msg, "udp")
		if tt.want == none {
			if res.msg != nil {
				t.Errorf("%s: answered with % x, want no answer", tt.name, res.msg)
			}
			continue
		}
		if got := read(t, res.msg); int(got.rcode) != tt.want || got.header.ID != testID {
			t.Errorf("%s: rcode %d id %x, want rcode %d id %x", tt.name, got.rcode, got.header.ID, tt.want, testID)
		}
	}
}

func TestTruncation(t *testing.T) {
	t.Parallel()
	s := &Scenario{Servers: []Server{{Name: "lab"}}, Answers: []Answer{{Host: "many.example.com"}}}
	for i := range 60 {
		s.Answers[0].Addresses = append(s.Answers[0].Addresses, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	r := responderFor(t, s, time.Unix(0, 0))
	full := len(r.respond(nil, ask{name: "many.example.com.", size: 4096}.request(t), "udp").msg)
	for _, tt := range []struct {
		name      string
		size      uint16
		subnet    string
		transport string
		truncated bool
	}{
		{"no EDNS means 512 bytes", 0, "-", "udp", true},
		{"a smaller size than 512 means 512", 100, "", "udp", true},
		{"one byte too small", uint16(full - 1), "", "udp", true},
		{"just enough", uint16(full), "", "udp", false},
		{"TCP has room", 512, "", "tcp", false},
	} {
		msg := r.respond(nil, ask{name: "many.example.com.", size: tt.size, subnet: tt.subnet}.request(t), tt.transport).msg
		got := read(t, msg)
		want := 60
		if tt.truncated {
			want = 0
		}
		if got.header.Truncated != tt.truncated || len(got.addrs) != want || got.edns != (tt.subnet != "-") {
			t.Errorf("%s: TC %v with %d addresses in %d bytes, want TC %v with %d", tt.name, got.header.Truncated, len(got.addrs), len(msg), tt.truncated, want)
		}
	}
}

// FuzzRespond holds what must be true of any bytes that reach a server.
func FuzzRespond(f *testing.F) {
	for _, a := range []ask{
		{name: "www.example.com.", subnet: "10.1.2.0/24", nsid: true, do: true},
		{name: "alias.example.com.", qtype: dnsmessage.TypeAAAA, subnet: "2001:db8::/56"},
		{name: "loop.example.com.", subnet: "-"},
		{name: "four.example.com.", subnet: "0.0.0.0/0", size: 65535},
	} {
		f.Add(a.request(f))
	}
	f.Add(optRecord(1, 0, 8, 0, 4, 0, 0, 0, 0))
	var servers []*responder
	for _, srv := range []Server{
		{Name: "a", NSID: "x"}, {Name: "b", Ignores: true, Authoritative: true},
		{Name: "c", Faults: []Fault{{Kind: FaultWrongSubnet}, {Kind: FaultSpoof}, {Kind: FaultWrongQuestion}}},
	} {
		servers = append(servers, responderFor(f, geoZone(srv), time.Unix(0, 0)))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		for i, r := range servers {
			res := r.respond(nil, msg, "udp")
			if res.msg == nil {
				continue
			}
			if problem := wrongReply(msg, res.msg, i == 2); problem != "" {
				t.Errorf("server %d: % x answered with % x: %s", i, msg, res.msg, problem)
			}
		}
	})
}

// wrongReply says what no reply may be, "" if all is well.
func wrongReply(request, reply []byte, lies bool) string {
	var m dnsmessage.Message
	if err := m.Unpack(reply); err != nil {
		return err.Error()
	}
	rcode := m.RCode
	for _, a := range m.Additionals {
		rcode = a.Header.ExtendedRCode(rcode) // the upper bits are in the OPT record
	}
	switch {
	case request[2]&0x80 != 0:
		return "a response was answered"
	case !m.Response || m.ID != uint16(request[0])<<8|uint16(request[1]):
		return "not a response to this request"
	case !lies && len(m.Questions) == 1 && m.Questions[0].Class != dnsmessage.ClassINET && rcode == dnsmessage.RCodeSuccess:
		return "another class was answered"
	case m.Truncated && len(m.Answers) > 0:
		return "a part was given for the whole"
	}
	return ""
}
