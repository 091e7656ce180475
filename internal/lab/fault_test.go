package lab

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	req := ask{name: "www.example.com.", subnet: "10.1.2.0/24"}.request(t)
	good := responderFor(t, geoZone(), time.Unix(0, 0)).respond(nil, req, "udp").msg
	tests := []struct {
		fault Fault
		ok    func(res response) bool
	}{
		{Fault{Kind: FaultDrop}, func(r response) bool { return r.msg == nil && r.forged == nil }},
		{Fault{Kind: FaultDelay, Delay: time.Minute}, func(r response) bool { return r.delay == time.Minute && bytes.Equal(r.msg, good) }},
		{Fault{Kind: FaultRcode, Rcode: "SERVFAIL"}, func(r response) bool {
			got := read(t, r.msg)
			return got.rcode == dnsmessage.RCodeServerFailure && len(got.addrs) == 0 && got.edns
		}},
		{Fault{Kind: FaultRcode, Rcode: "NXDOMAIN"}, func(r response) bool { return read(t, r.msg).rcode == dnsmessage.RCodeNameError }},
		{Fault{Kind: FaultTruncate}, func(r response) bool {
			got := read(t, r.msg)
			return got.header.Truncated && len(got.addrs) == 0 && got.rcode == 0
		}},
		{Fault{Kind: FaultNoEDNS}, func(r response) bool {
			got := read(t, r.msg)
			return got.rcode == dnsmessage.RCodeFormatError && !got.edns
		}},
		{Fault{Kind: FaultWrongID}, func(r response) bool { return read(t, r.msg).header.ID != testID }},
		{Fault{Kind: FaultWrongQuestion}, func(r response) bool {
			got := read(t, r.msg)
			return got.name == "other.lab.invalid." && got.header.ID == testID
		}},
		{Fault{Kind: FaultWrongSubnet}, func(r response) bool { return read(t, r.msg).subnet == "138.1.2.0/24" }},
		{Fault{Kind: FaultSpoof}, func(r response) bool {
			return bytes.Equal(r.msg, good) && read(t, r.forged).header.ID != testID
		}},
		{Fault{Kind: FaultCut}, func(r response) bool { return bytes.Equal(r.msg, good[:len(good)/2]) }},
		{Fault{Kind: FaultGarbage}, func(r response) bool {
			var m dnsmessage.Message
			return len(r.msg) == len(good) && m.Unpack(r.msg) != nil
		}},
	}
	seen := map[FaultKind]bool{}
	for _, tt := range tests {
		seen[tt.fault.Kind] = true
		r := responderFor(t, geoZone(Server{Name: "bad", Faults: []Fault{tt.fault}}), time.Unix(0, 0))
		if res := r.respond(nil, req, "udp"); !tt.ok(res) {
			t.Errorf("%v: forged % x, message % x, delay %v", tt.fault, res.forged, res.msg, res.delay)
		}
	}
	for _, kind := range FaultKinds() {
		if !seen[kind] {
			t.Errorf("fault %q is not tested", kind)
		}
	}
}

func TestFaultOnSomeRequestsOnly(t *testing.T) {
	t.Parallel()
	www := ask{name: "wWw.example.com."}.request(t)
	four := ask{name: "four.example.com."}.request(t)
	r := responderFor(t, geoZone(Server{Name: "bad", Faults: []Fault{
		{Kind: FaultDrop, Every: 3, Host: "www.example.com"},
		{Kind: FaultTruncate, Transport: "udp", Host: "four.example.com"},
	}}), time.Unix(0, 0))
	var got strings.Builder
	for range 7 {
		if r.respond(nil, www, "udp").msg == nil {
			got.WriteByte('-')
		} else {
			got.WriteByte('+')
		}
		r.respond(nil, four, "tcp") // does not count for the other host
	}
	if got.String() != "++-++-+" {
		t.Errorf("every third request for one host: %s, want ++-++-+", got.String())
	}
	if udp, tcp := read(t, r.respond(nil, four, "udp").msg), read(t, r.respond(nil, four, "tcp").msg); !udp.header.Truncated || tcp.header.Truncated {
		t.Errorf("truncated over UDP only: UDP %v, TCP %v", udp.header.Truncated, tcp.header.Truncated)
	}
}

func TestFaultsOnTheWire(t *testing.T) {
	t.Parallel()
	n := serve(t, geoZone(
		Server{Name: "dead", Faults: []Fault{{Kind: FaultDrop}}},
		Server{Name: "spoofed", Faults: []Fault{{Kind: FaultSpoof}}},
		Server{Name: "slow", Faults: []Fault{{Kind: FaultDelay, Delay: 30 * time.Millisecond}}},
	), nil)
	req := ask{name: "www.example.com."}.request(t)
	for i, tt := range []struct {
		name    string
		answers int
	}{{"dead", 0}, {"spoofed", 2}, {"slow", 1}} {
		wait := 2 * time.Second
		if tt.answers == 0 {
			wait = quiet
		}
		start := time.Now()
		got := exchange(t, n.Servers[i].Addr, req, max(tt.answers, 1), wait)
		if len(got) != tt.answers {
			t.Errorf("%s: %d datagrams, want %d", tt.name, len(got), tt.answers)
		}
		if tt.name == "slow" && time.Since(start) < 30*time.Millisecond {
			t.Errorf("slow answered after %v, want 30ms or more", time.Since(start))
		}
	}
	if got := overTCP(t, n.Servers[2].Addr, 2*time.Second, req); len(got) != 1 {
		t.Errorf("slow over TCP: %d answers, want 1", len(got))
	}
}

func TestFaultInWords(t *testing.T) {
	t.Parallel()
	srv := Server{Ignores: true, Authoritative: true, Faults: []Fault{
		{Kind: FaultDelay, Delay: time.Second, Every: 3, Host: "a.example", Transport: "udp"},
		{Kind: FaultRcode, Rcode: "REFUSED"},
	}}
	want := "authoritative, ignores client subnets, delay 1s on one request in 3 for a.example over udp, rcode REFUSED"
	if got := srv.does(); got != want {
		t.Errorf("does() = %q, want %q", got, want)
	}
}
