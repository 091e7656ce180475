package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"residency/internal/residency"
)

func TestAnswerByClientSubnet(t *testing.T) {
	t.Parallel()
	tests := []struct {
		subnet string
		qtype  dnsmessage.Type
		want   string
		scope  int
	}{
		{"10.1.2.0/24", 0, "192.0.2.91", 8},
		{"172.16.1.0/24", 0, "192.0.2.65", 12},
		{"172.16.9.0/24", 0, "192.0.2.91", 24}, // the longer network wins
		{"172.16.9.128/25", 0, "192.0.2.91", 24},
		{"172.16.8.0/23", 0, "192.0.2.65", 12},  // wider than India's network
		{"10.0.0.0/7", 0, "192.0.2.1", 7},       // wider than any network
		{"198.51.100.0/24", 0, "192.0.2.1", 24}, // nobody's: true for itself only
		{"2001:db8:1::/56", 0, "192.0.2.65", 32},
		{"2001:db8:91::/56", 0, "192.0.2.91", 48},
		{"2001:db8:1::/56", dnsmessage.TypeAAAA, "2001:db8::65", 32},
		{"0.0.0.0/0", 0, "192.0.2.1", 0}, // "do not tell": the server's own place
	}
	s := geoZone()
	for _, tt := range tests {
		got := put(t, s, ask{name: "www.example.com.", qtype: tt.qtype, subnet: tt.subnet})
		if !equal(got.addrs, []string{tt.want}) || got.scope != tt.scope || got.subnet != tt.subnet {
			t.Errorf("answer(%s) = %v for %s scope %d, want %s for %s scope %d",
				tt.subnet, got.addrs, got.subnet, got.scope, tt.want, tt.subnet, tt.scope)
		}
	}
}

func TestAnswerWithoutClientSubnet(t *testing.T) {
	t.Parallel()
	sg := residency.MustCountry("SG")
	tests := []struct {
		name   string
		server Server
		subnet string
		want   string
		option bool
	}{
		{"honours, none sent", Server{Name: "a"}, "", "192.0.2.1", false},
		{"honours, stands in Singapore, none sent", Server{Name: "a", Place: sg}, "", "192.0.2.65", false},
		{"honours, stands in Singapore, India sent", Server{Name: "a", Place: sg}, "10.1.2.0/24", "192.0.2.91", true},
		{"ignores, India sent", Server{Name: "a", Ignores: true}, "10.1.2.0/24", "192.0.2.1", false},
		{"ignores, stands in Singapore, India sent", Server{Name: "a", Ignores: true, Place: sg}, "10.1.2.0/24", "192.0.2.65", false},
	}
	for _, tt := range tests {
		got := put(t, geoZone(tt.server), ask{name: "www.example.com.", subnet: tt.subnet})
		if !equal(got.addrs, []string{tt.want}) || (got.subnet != "") != tt.option {
			t.Errorf("%s: %v, option %q; want %s, option %v", tt.name, got.addrs, got.subnet, tt.want, tt.option)
		}
	}
}

func TestAnswerScopeAndTTLAsData(t *testing.T) {
	t.Parallel()
	in := []residency.Country{residency.MustCountry("IN")}
	addr := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	s := &Scenario{
		Servers: []Server{{Name: "lab"}},
		Markets: []Market{{Code: in[0], Networks: prefixes("10.0.0.0/8")}},
		Answers: []Answer{
			{Host: "global.example", Addresses: addr, Global: true},
			{Host: "fixed.example", Addresses: addr, Scope: 20, TTL: 7},
			{Host: "long.example", Addresses: addr, Scope: 32},
			{Host: "chain.example", CNAME: "fixed.example", Global: true, TTL: 9},
		},
	}
	for _, tt := range []struct {
		host  string
		scope int
		ttl   uint32 // of the last record
	}{
		{"global.example.", 0, DefaultTTL},
		{"fixed.example.", 20, 7},
		{"long.example.", 24, DefaultTTL}, // never longer than what was asked
		{"chain.example.", 20, 7},         // the narrowest link of the chain
	} {
		got := put(t, s, ask{name: tt.host, subnet: "10.9.9.0/24"})
		if got.scope != tt.scope || len(got.ttls) == 0 || got.ttls[len(got.ttls)-1] != tt.ttl {
			t.Errorf("%s: scope %d, TTLs %v; want scope %d, last TTL %d", tt.host, got.scope, got.ttls, tt.scope, tt.ttl)
		}
	}
}

func TestAnswerKinds(t *testing.T) {
	t.Parallel()
	const ok, nx, refused = dnsmessage.RCodeSuccess, dnsmessage.RCodeNameError, dnsmessage.RCodeRefused
	tests := []struct {
		name  string
		qtype dnsmessage.Type
		rcode dnsmessage.RCode
		addrs string
		chain string
		soa   string
	}{
		{"four.example.com.", 0, ok, "192.0.2.4", "", ""},
		{"four.example.com.", dnsmessage.TypeAAAA, ok, "", "", "example.com."},
		{"four.example.com.", dnsmessage.TypeMX, ok, "", "", "example.com."},
		{"four.example.com.", 65, ok, "", "", "example.com."},  // HTTPS
		{"four.example.com.", 257, ok, "", "", "example.com."}, // CAA: above the QTYPEs
		{"four.example.com.", dnsmessage.TypeALL, dnsmessage.RCodeNotImplemented, "", "", ""},
		{"four.example.com.", dnsmessage.TypeAXFR, dnsmessage.RCodeNotImplemented, "", "", ""},
		{"empty.example.com.", 0, ok, "", "", "example.com."},
		{"gone.example.com.", 0, nx, "", "", "example.com."},
		{"never.example.com.", 0, nx, "", "", "example.com."},
		{"deep.www.example.com.", 0, ok, "192.0.2.3", "", ""},
		{"example.com.", 0, nx, "", "", "example.com."},
		{"www.example.org.", 0, refused, "", "", ""},
		{"org.", 0, refused, "", "", ""},
		{".", 0, refused, "", "", ""},
		{"alias.example.com.", 0, ok, "192.0.2.1", "alias.example.com. > next.example.com., next.example.com. > www.example.com.", ""},
		{"alias.example.com.", dnsmessage.TypeCNAME, ok, "", "alias.example.com. > next.example.com.", ""},
		{"lost.example.com.", 0, nx, "", "lost.example.com. > gone.example.com.", "example.com."},
		{"hollow.example.com.", 0, ok, "", "hollow.example.com. > empty.example.com.", "example.com."},
		{"abroad.example.com.", 0, ok, "192.0.2.77", "abroad.example.com. > www.example.net.", ""},
		{"loop.example.com.", 0, ok, "", "loop.example.com. > pool.example.com., pool.example.com. > loop.example.com.", ""},
		{"self.example.com.", 0, ok, "", "self.example.com. > self.example.com.", ""},
	}
	s := geoZone()
	for _, tt := range tests {
		got := put(t, s, ask{name: tt.name, qtype: tt.qtype})
		if got.rcode != tt.rcode || strings.Join(got.addrs, " ") != tt.addrs || strings.Join(got.chain, ", ") != tt.chain || got.soa != tt.soa {
			t.Errorf("%s %v = %v %v %v SOA %q, want %v %q %q SOA %q", tt.name, tt.qtype,
				got.rcode, got.addrs, got.chain, got.soa, tt.rcode, tt.addrs, tt.chain, tt.soa)
		}
		if got.header.Authoritative || !got.header.RecursionAvailable || !got.header.RecursionDesired {
			t.Errorf("%s: header %+v of a recursive server", tt.name, got.header)
		}
	}
}

func TestAuthoritativeFollowsItsOwnZoneOnly(t *testing.T) {
	t.Parallel()
	s := geoZone(Server{Name: "ns", Authoritative: true})
	for _, tt := range []struct{ name, addrs, chain string }{
		{"alias.example.com.", "192.0.2.1", "alias.example.com. > next.example.com., next.example.com. > www.example.com."},
		{"abroad.example.com.", "", "abroad.example.com. > www.example.net."},
	} {
		got := put(t, s, ask{name: tt.name})
		if strings.Join(got.addrs, " ") != tt.addrs || strings.Join(got.chain, ", ") != tt.chain {
			t.Errorf("%s = %v %v, want %q %q", tt.name, got.addrs, got.chain, tt.addrs, tt.chain)
		}
		if !got.header.Authoritative || got.header.RecursionAvailable {
			t.Errorf("%s: header %+v of an authoritative server", tt.name, got.header)
		}
	}
	if got := put(t, s, ask{name: "www.example.org."}); got.rcode != dnsmessage.RCodeRefused || got.header.Authoritative {
		t.Errorf("www.example.org. = %v AA %v, want REFUSED without AA", got.rcode, got.header.Authoritative)
	}
}

func TestAnswerOverTime(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2014, 10, d, 0, 0, 0, 0, time.UTC) }
	in, sg := residency.MustCountry("IN"), residency.MustCountry("SG")
	addr := func(s string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(s)} }
	s := &Scenario{
		Servers: []Server{{Name: "lab"}},
		Markets: []Market{
			{Code: in, Networks: prefixes("10.0.0.0/8")},
			{Code: sg, Networks: prefixes("172.16.0.0/12")},
		},
		// Written out of order on purpose: the dates decide.
		Answers: []Answer{
			{Host: "a.example", From: day(20), Addresses: addr("192.0.2.20")},
			{Host: "a.example", From: day(10), Markets: []residency.Country{sg}, Addresses: addr("192.0.2.11")},
			{Host: "a.example", From: day(10), Addresses: addr("192.0.2.10")},
			{Host: "a.example", From: day(25), Markets: []residency.Country{in}, NXDomain: true},
		},
	}
	for _, tt := range []struct {
		at     time.Time
		in, sg string
	}{
		{day(10).Add(-1), "NX", "NX"}, // nothing said yet
		{day(10), "192.0.2.10", "192.0.2.11"},
		{day(20).Add(-1), "192.0.2.10", "192.0.2.11"},
		{day(20), "192.0.2.20", "192.0.2.20"}, // later, for anybody: for Singapore too
		{day(25), "NX", "192.0.2.20"},
		{day(31), "NX", "192.0.2.20"},
	} {
		r := responderFor(t, s, tt.at)
		for subnet, want := range map[string]string{"10.0.0.0/24": tt.in, "172.16.0.0/24": tt.sg} {
			got := read(t, r.respond(nil, ask{name: "a.example.", subnet: subnet}.request(t), "udp").msg)
			text := strings.Join(got.addrs, " ")
			if got.rcode == dnsmessage.RCodeNameError {
				text = "NX"
			}
			if text != want {
				t.Errorf("at %s from %s: %q, want %q", tt.at.Format(time.RFC3339Nano), subnet, text, want)
			}
		}
	}
}

func TestAnswerKeepsTheCaseAsked(t *testing.T) {
	t.Parallel()
	got := put(t, geoZone(), ask{name: "wWw.ExAmPlE.cOm."})
	if got.name != "wWw.ExAmPlE.cOm." || !equal(got.addrs, []string{"192.0.2.1"}) {
		t.Errorf("question %q, addresses %v; want the question as asked and 192.0.2.1", got.name, got.addrs)
	}
}

func TestLongChainIsCut(t *testing.T) {
	t.Parallel()
	z := Zone{}
	for i := range maxChain + 10 {
		z[fmt.Sprintf("n%d.example.com", i)] = fmt.Sprintf("cname n%d.example.com", i+1)
	}
	z[fmt.Sprintf("n%d.example.com", maxChain+10)] = "192.0.2.1"
	r := responderFor(t, z.Scenario(), time.Unix(0, 0))
	got := read(t, r.respond(nil, ask{name: "n0.example.com."}.request(t), "tcp").msg)
	if len(got.chain) != maxChain || len(got.addrs) != 0 {
		t.Errorf("chain of %d aliases and %v, want %d aliases and no address", len(got.chain), got.addrs, maxChain)
	}
}
