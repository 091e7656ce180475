package resolve

import (
	"net/netip"
	"testing"

	"residency/internal/residency"
)

// TestOperatorAt: who runs a server, by its address and by its name, whatever
// the transport.
func TestOperatorAt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		server Server
		addr   string
		want   string
	}{
		{Server{}, "8.8.8.8:53", "google"},
		{Server{}, "8.8.4.4:53", "google"},
		{Server{}, "tcp://[::ffff:8.8.4.4]:53", "google"},
		{Server{}, "[2001:4860:4860::8844]:53", "google"},
		{Server{}, "tls://dns.google@192.0.2.1", "google"},
		{Server{}, "https://dns.google/dns-query", "google"},
		{Server{}, "https://DNS.Google./dns-query", "google"},
		{Server{Bootstrap: []string{"8.8.8.8"}}, "https://proxy.example/dns-query", "google"},
		{Server{}, "9.9.9.11:53", "quad9"},
		{Server{}, "[2620:fe::11]:53", "quad9"},
		{Server{}, "tls://dns11.quad9.net@192.0.2.1", "quad9"},
		{Server{}, "1.0.0.2:53", "cloudflare"},
		{Server{}, "https://security.cloudflare-dns.com/dns-query", "cloudflare"},
		{Server{}, "https://doh.opendns.com/dns-query", "opendns"},
		{Server{}, "208.67.222.123:53", "opendns"},
		{Server{}, "https://a.dns.bank.co.uk/q", "bank.co.uk"},
		{Server{}, "https://b.dns.bank.co.uk/q", "bank.co.uk"},
		{Server{TLSName: "ns.bank.example"}, "tls://192.0.2.1:853", "bank.example"},
		{Server{}, "https://localhost/q", "localhost"},
		{Server{}, "192.0.2.1:53", ""},
		{Server{}, "10.0.0.53:53", ""},
		{Server{}, "8.8.5.5:53", ""},
		{Server{}, "", ""},
		{Server{}, "ftp://8.8.8.8", ""},
		{Server{Operator: "acme"}, "8.8.8.8:53", "acme"},
	} {
		if got := tt.server.OperatorAt(tt.addr); got != tt.want {
			t.Errorf("OperatorAt(%q) of %+v = %q, want %q", tt.addr, tt.server, got, tt.want)
		}
	}
}

// TestKnownOperators: no address and no name is given to two.
func TestKnownOperators(t *testing.T) {
	t.Parallel()
	var nets []netip.Prefix
	domains, names := map[string]bool{}, map[string]bool{}
	for _, k := range knownOperators() {
		if names[k.name] {
			t.Errorf("operator %q is named twice", k.name)
		}
		names[k.name] = true
		for _, text := range k.networks {
			p := netip.MustParsePrefix(text)
			if p != p.Masked() {
				t.Errorf("%s: %v has bits beyond its length", k.name, p)
			}
			for _, other := range nets {
				if other.Overlaps(p) {
					t.Errorf("%s: %v overlaps %v", k.name, p, other)
				}
			}
			nets = append(nets, p)
		}
		for _, d := range k.domains {
			if domains[d] {
				t.Errorf("%s: %s is given twice", k.name, d)
			}
			domains[d] = true
		}
	}
}

// TestOperatorOfLooks: looks and the result of a probe say whose they are.
func TestOperatorOfLooks(t *testing.T) {
	t.Parallel()
	n := small(t)
	r := n.resolver(nil)
	r.Servers[0].Operator = "acme"
	r.Servers = append(r.Servers, Server{Name: "vendor", Operator: "acme", Addresses: []string{"11.0.2.1:53"}, Authoritative: true},
		Server{Name: "other", Addresses: []string{"11.0.2.2:53"}, Authoritative: true})
	q := question("www.vendor.com", "A", "198.51.100.0/24")
	want := map[string]string{"iterative": "acme", "vendor": "acme", "other": ""}
	for _, st := range r.Probe(t.Context(), q) {
		if st.Operator != want[st.Name] {
			t.Errorf("Probe: operator of %s = %q, want %q", st.Name, st.Operator, want[st.Name])
		}
	}
	witnesses := map[string]bool{}
	r.Observe(t.Context(), []residency.Question{q}, func(o residency.Observation) {
		if o.Operator != want[o.Resolver] {
			t.Errorf("Observe: operator of %s = %q, want %q", o.Resolver, o.Operator, want[o.Resolver])
		}
		witnesses[o.Witness()] = true
	})
	if len(witnesses) != 2 || !witnesses["acme"] || !witnesses["other"] {
		t.Errorf("witnesses %v, want acme and other", witnesses)
	}
}
