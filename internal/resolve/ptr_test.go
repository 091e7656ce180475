package resolve

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// reverse answers PTR questions from a table of "owner: PTR or CNAME target".
func reverse(t testing.TB, zone map[string][]string, change func(*dnsmessage.Message)) handler {
	return func(r request) [][]byte {
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: r.msg.ID, Response: true, RecursionAvailable: true}, Questions: r.msg.Questions}
		if r.msg.Questions[0].Type != dnsmessage.TypePTR {
			t.Errorf("asked for %v of %s, want PTR", r.msg.Questions[0].Type, r.name)
		}
		if r.ecs != nil {
			t.Errorf("a client subnet was sent with %s", r.name)
		}
		owner := r.name
		for list := zone[owner]; len(list) > 0; list = zone[owner] {
			h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(owner + "."), Class: dnsmessage.ClassINET, TTL: 60}
			target, alias := strings.CutPrefix(list[0], "CNAME ")
			if alias {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(target + ".")}})
				owner = target
				continue
			}
			for _, name := range list {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(name + ".")}})
			}
			break
		}
		if len(m.Answers) == 0 {
			m.RCode = dnsmessage.RCodeNameError
		}
		if change != nil {
			change(&m)
		}
		wire, err := m.Pack()
		if err != nil {
			t.Errorf("pack reply: %v", err)
		}
		if m.Truncated && r.tcp {
			wire[2] &^= 0x02
		}
		return [][]byte{wire}
	}
}

func ips(list ...string) []netip.Addr {
	var addrs []netip.Addr
	for _, s := range list {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs
}

func written(names map[netip.Addr][]string) string {
	var list []string
	for addr, n := range names {
		list = append(list, addr.String()+" "+strings.Join(n, " "))
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
}

func TestNames(t *testing.T) {
	t.Parallel()
	many := []string{}
	for i := range 40 {
		many = append(many, fmt.Sprintf("n%02d.example", i))
	}
	zone := map[string][]string{
		"9.48.62.42.in-addr.arpa":                                    {"EC2-1.ap-southeast-1.compute.example", "a.example"},
		"10.48.62.42.in-addr.arpa":                                   {"CNAME 10.0-31.48.62.42.in-addr.arpa"},
		"10.0-31.48.62.42.in-addr.arpa":                              {"b.example"}, // RFC 2317
		"12.48.62.42.in-addr.arpa":                                   many,
		"1." + strings.Repeat("0.", 23) + "0.8.4.0.0.2.a.2.ip6.arpa": {"six.example"},
	}
	asked := ips("42.62.48.9", "42.62.48.10", "42.62.48.12", "42.62.48.13", "2a20:480::1", "10.1.2.3", "127.0.0.1", "fe80::1", "fd00::1", "224.0.0.1")
	s := serve(t, reverse(t, zone, nil))
	r := patient(Server{Name: "fake", Addresses: []string{s.addr}})
	got := r.Names(t.Context(), asked)
	twelve := got[asked[2]]
	delete(got, asked[2])
	want := "2a20:480::1 six.example; 42.62.48.10 b.example; 42.62.48.9 a.example ec2-1.ap-southeast-1.compute.example"
	if written(got) != want {
		t.Errorf("Names = %s\nwant %s", written(got), want)
	}
	if len(twelve) != maxOwnNames {
		t.Errorf("%d names kept, want %d", len(twelve), maxOwnNames)
	}
	if n := s.queries.Load(); n != 5 {
		t.Errorf("%d queries, want 5: networks of one's own are not asked about", n)
	}
}

func TestNamesOverTCP(t *testing.T) {
	t.Parallel()
	zone := map[string][]string{"9.48.62.42.in-addr.arpa": {"a.example"}}
	s := serve(t, reverse(t, zone, func(m *dnsmessage.Message) { m.Truncated = true }))
	r := patient(Server{Name: "fake", Addresses: []string{s.addr}})
	if got := written(r.Names(t.Context(), ips("42.62.48.9"))); got != "42.62.48.9 a.example" || s.tcp.Load() != 1 {
		t.Errorf("Names = %q, %d connections", got, s.tcp.Load())
	}
}

// TestNamesAreHarmless: whatever the servers do, there is just no name.
func TestNamesAreHarmless(t *testing.T) {
	t.Parallel()
	addrs := ips("42.62.48.9")
	zone := map[string][]string{"9.48.62.42.in-addr.arpa": {"a.example"}}
	good := serve(t, reverse(t, zone, nil))
	for _, tt := range []struct {
		name string
		h    handler
		want string // with a good server beside it
	}{
		{"silent", func(request) [][]byte { return nil }, "42.62.48.9 a.example"},
		{"garbage", func(request) [][]byte { return [][]byte{{1, 2, 3}} }, "42.62.48.9 a.example"},
		{"refuses", reverse(t, zone, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeRefused }), "42.62.48.9 a.example"},
		{"another owner", reverse(t, zone, func(m *dnsmessage.Message) {
			m.Answers[0].Header.Name = dnsmessage.MustNewName("1.48.62.42.in-addr.arpa.")
		}), ""},
		{"no such name", reverse(t, nil, nil), ""},
		{"an address for a name", reverse(t, zone, func(m *dnsmessage.Message) {
			m.Answers[0].Body = &dnsmessage.AResource{A: [4]byte{1, 2, 3, 4}}
		}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			defer within(t, 5*time.Second, "Names")()
			bad := Server{Name: "bad", Addresses: []string{serve(t, tt.h).addr}}
			if got := quick(bad).Names(t.Context(), addrs); len(got) > 0 {
				t.Errorf("Names = %v, want none", got)
			}
			r := quick(bad)
			r.Servers = append(r.Servers, Server{Name: "good", Addresses: []string{good.addr}})
			if got := written(r.Names(t.Context(), addrs)); got != tt.want {
				t.Errorf("with a good server beside it: %q, want %q", got, tt.want)
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := patient(Server{Addresses: []string{good.addr}}).Names(ended, addrs); len(got) > 0 {
		t.Errorf("after the end: %v", got)
	}
	for _, none := range []Server{{}, {Authoritative: true, Addresses: []string{good.addr}}, {Addresses: []string{"no address"}}} {
		if got := quick(none).Names(t.Context(), addrs); len(got) > 0 {
			t.Errorf("Names from %+v = %v, want none", none, got)
		}
	}
}
