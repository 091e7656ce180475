package lab

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// saidOf is a response as a client reads it: what names servers, in which section,
// and the addresses beside it.
func saidOf(t *testing.T, msg []byte) string {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(msg); err != nil {
		t.Fatal(err)
	}
	text := []string{m.RCode.String()[len("RCode"):]}
	if m.Authoritative {
		text = append(text, "aa")
	}
	for _, section := range []struct {
		name    string
		records []dnsmessage.Resource
	}{{"answer", m.Answers}, {"authority", m.Authorities}, {"additional", m.Additionals}} {
		for _, r := range section.records {
			name := section.name + " " + r.Header.Name.String()
			switch body := r.Body.(type) {
			case *dnsmessage.NSResource:
				text = append(text, name+" NS "+body.NS.String())
			case *dnsmessage.AResource:
				text = append(text, name+" A "+netip.AddrFrom4(body.A).String())
			case *dnsmessage.SOAResource:
				text = append(text, name+" SOA")
			}
		}
	}
	return strings.Join(text, "; ")
}

// TestTree: what the root and the top-level domains say, and nobody else's.
func TestTree(t *testing.T) {
	t.Parallel()
	x := newIndex(Zone{"www.vendor.example": "192.0.2.1", "a.b.c.vendor.example": "192.0.2.2", "edge.cdn.test": "192.0.2.3"}.Scenario())
	tree := newTree(x, netip.MustParseAddr("127.0.0.1"), 2)
	for _, tt := range []struct {
		server func(*request) reply
		name   string
		kind   dnsmessage.Type
		want   string
	}{
		{tree.atRoot, ".", dnsmessage.TypeNS, "Success; aa; answer . NS root.; additional root. A 127.0.0.1"},
		{tree.atRoot, ".", dnsmessage.TypeA, "Success; aa; authority . SOA"},
		{tree.atRoot, "www.vendor.example.", dnsmessage.TypeA, "Success; authority example. NS ns.example.; additional ns.example. A 127.0.0.2"},
		{tree.atRoot, "nope.test.", dnsmessage.TypeAAAA, "Success; authority test. NS ns.test.; additional ns.test. A 127.0.0.2"},
		{tree.atRoot, "www.nope.", dnsmessage.TypeA, "NameError; aa; authority . SOA"},
		{tree.atTop, "a.b.c.vendor.example.", dnsmessage.TypeA,
			"Success; authority vendor.example. NS ns1.vendor.example.; authority vendor.example. NS ns2.vendor.example.; " +
				"additional ns1.vendor.example. A 127.0.0.3; additional ns2.vendor.example. A 127.0.0.4"},
		{tree.atTop, "nope.example.", dnsmessage.TypeA, "NameError; aa; authority example. SOA"},
		{tree.atTop, "example.", dnsmessage.TypeNS, "Success; aa; authority example. SOA"},
		{tree.atTop, "www.nope.", dnsmessage.TypeA, "Refused"},
	} {
		for _, edns := range []bool{false, true} {
			req := request{asked: true, edns: edns, question: dnsmessage.Question{
				Name: dnsmessage.MustNewName(tt.name), Type: tt.kind, Class: dnsmessage.ClassINET,
			}}
			rep := tt.server(&req)
			if got := saidOf(t, rep.pack(nil, largest)); got != tt.want {
				t.Errorf("%s %v: %s, want %s", tt.name, tt.kind, got, tt.want)
			}
			if short := saidOf(t, rep.pack(nil, 20)); strings.Contains(short, ";") && short != "Success; aa" && short != "NameError; aa" {
				t.Errorf("%s %v, where little fits: %s", tt.name, tt.kind, short)
			}
		}
	}
	wrong := request{rcode: dnsmessage.RCodeNotImplemented, asked: true, question: dnsmessage.Question{Name: dnsmessage.MustNewName("www.vendor.example.")}}
	if a, b := tree.atRoot(&wrong), tree.atTop(&wrong); a.rcode != wrong.rcode || b.rcode != wrong.rcode || a.referral != nil || b.referral != nil {
		t.Errorf("a request that cannot be answered got %+v and %+v", a, b)
	}
}

// TestServeFromRoot: all servers stand on one port, those that honour client
// subnets serve the zones, and the configuration begins at the root.
func TestServeFromRoot(t *testing.T) {
	t.Parallel()
	s := geoZone(Server{Name: "one"}, Server{Name: "two", Ignores: true}, Server{Name: "three"})
	n, err := s.ServeFromRoot(t.Context(), "127.0.0.1:0", func() time.Time { return time.Unix(0, 0) })
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var got []string
	port := netip.MustParseAddrPort(n.Root).Port()
	for _, r := range n.Servers {
		at := netip.MustParseAddrPort(r.Addr)
		got = append(got, r.Name+" "+at.Addr().String())
		if at.Port() != port || !r.Authoritative {
			t.Errorf("server %+v, want it authoritative on port %d", r, port)
		}
	}
	if want := "root 127.0.0.1, top-level 127.0.0.2, one 127.0.0.3, three 127.0.0.4"; strings.Join(got, ", ") != want {
		t.Errorf("servers %s, want %s", strings.Join(got, ", "), want)
	}
	answer := exchange(t, n.Servers[3].Addr, ask{name: "www.example.com.", subnet: "-"}.request(t), 1, 5*time.Second)
	if len(answer) != 1 || !strings.HasPrefix(saidOf(t, answer[0]), "Success; aa; answer www.example.com. A ") {
		t.Errorf("the zone's server answered %d messages", len(answer))
	}
	files, err := s.Config(n)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"iterative = true", `root_hints = ["` + n.Root + `"]`, "allow_special = true"} {
		if text := string(files["config.toml"]); !strings.Contains(text, want) || strings.Contains(text, "addresses = [") {
			t.Errorf("the configuration has no %q, or servers besides:\n%s", want, text)
		}
	}
	for listen, want := range map[string]string{"[::1]:0": "want an IPv4 address", "192.0.2.1:0": "loopback", n.Root: "start server"} {
		if m, err := s.ServeFromRoot(t.Context(), listen, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ServeFromRoot(%s) = %v, %v, want an error with %q", listen, m, err, want)
		}
	}
}
