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

	"residency/internal/residency"
)

// small is an internet with a vendor, its load balancer and a CDN, each with
// a zone of its own below two top-level domains:
//
//	api.vendor.com -> lb.balance.net -> edge.cdn.net
func small(t testing.TB) *internet {
	n := newInternet(t)
	n.put("11.0.0.1", ".", ". 172800 NS a.root-servers.net", "com 172800 NS a.nic.com", "a.nic.com 172800 A 11.0.1.1", "net 172800 NS a.nic.net", "a.nic.net 172800 A 11.0.1.2")
	n.put("11.0.1.1", "com", "vendor.com 3600 NS ns1.vendor.com", "vendor.com 3600 NS ns2.vendor.com",
		"ns1.vendor.com 3600 A 11.0.2.1", "ns2.vendor.com 3600 A 11.0.2.2")
	n.put("11.0.1.2", "net", "balance.net 3600 NS ns.balance.net", "ns.balance.net 3600 A 11.0.2.3",
		"cdn.net 3600 NS ns1.cdn.net", "cdn.net 3600 NS ns2.cdn.net", "ns1.cdn.net 3600 A 11.0.2.4", "ns2.cdn.net 3600 A 11.0.2.5")
	vendor := []string{"vendor.com 60 NS ns1.vendor.com", "vendor.com 60 NS ns2.vendor.com", "ns1.vendor.com 60 A 11.0.2.1", "ns2.vendor.com 60 A 11.0.2.2",
		"api.vendor.com 60 CNAME lb.balance.net", "www.vendor.com 60 A 192.0.2.1", "www.vendor.com 60 AAAA 2001:db8::1", "a.b.c.vendor.com 60 A 192.0.2.9"}
	n.put("11.0.2.1", "vendor.com", vendor...)
	n.put("11.0.2.2", "vendor.com", vendor...)
	n.put("11.0.2.3", "balance.net", "lb.balance.net 60 CNAME edge.cdn.net")
	n.put("11.0.2.4", "cdn.net", "edge.cdn.net 60 A 192.0.2.4")
	n.put("11.0.2.5", "cdn.net", "edge.cdn.net 60 A 192.0.2.5")
	return n
}

// looks makes one look and returns its observations as text, sorted:
// "server: addresses", or "server: failure".
func looks(t testing.TB, r *Resolver, q residency.Question) ([]string, []residency.Observation) {
	t.Helper()
	var list []residency.Observation
	r.Observe(t.Context(), []residency.Question{q}, func(o residency.Observation) { list = append(list, o) })
	var text []string
	for _, o := range list {
		said := addresses(o)
		if o.Failure != "" {
			said = strings.TrimSpace(string(o.Failure) + " " + said)
		}
		server := ""
		if len(o.Path) > 0 {
			server = o.Path[len(o.Path)-1].Server
		}
		text = append(text, strings.TrimSpace(server+": "+said))
		if !o.Failure.Valid() || !o.Authoritative || o.Resolver != "iterative" {
			t.Errorf("observation %+v", o)
		}
	}
	slices.Sort(text)
	return text, list
}

func checkLooks(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("looks\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestIterative follows a chain over three zones: every server of the last one
// has its say, and the path from the root is kept.
func TestIterative(t *testing.T) {
	t.Parallel()
	n := small(t)
	got, list := looks(t, n.resolver(nil), question("api.vendor.com", "A", "198.51.100.0/24"))
	checkLooks(t, got, "ns1.cdn.net: 192.0.2.4", "ns2.cdn.net: 192.0.2.5")
	for _, o := range list {
		var path []string
		for _, d := range o.Path {
			path = append(path, d.Zone+" "+d.Server+" "+d.Address)
		}
		want := fmt.Sprintf(". root-1 11.0.0.1:53, com a.nic.com 11.0.1.1:53, vendor.com ns1.vendor.com 11.0.2.1:53, "+
			". root-1 11.0.0.1:53, net a.nic.net 11.0.1.2:53, balance.net ns.balance.net 11.0.2.3:53, "+
			". root-1 11.0.0.1:53, net a.nic.net 11.0.1.2:53, cdn.net %s %s", o.Path[len(o.Path)-1].Server, o.Server)
		if strings.Join(path, ", ") != want {
			t.Errorf("path\n%s\nwant\n%s", strings.Join(path, ", "), want)
		}
		if chain(o) != "api.vendor.com CNAME lb.balance.net, lb.balance.net CNAME edge.cdn.net" {
			t.Errorf("chain %s", chain(o))
		}
		if o.Tailoring != residency.TailoringSpecific || o.Scope != 24 || !o.Meets() || len(o.Exchanges) != 9 {
			t.Errorf("tailoring %v scope %d meets %v, %d exchanges", o.Tailoring, o.Scope, o.Meets(), len(o.Exchanges))
		}
		if !o.At.Equal(fixedNow()) || o.RTT <= 0 || o.Transport != "udp" || o.Rcode != "NOERROR" {
			t.Errorf("at %v, rtt %v, %s %s", o.At, o.RTT, o.Transport, o.Rcode)
		}
	}
	if len(n.strange) > 0 {
		t.Errorf("dialled %v", n.strange)
	}
}

// TestWhoIsToldTheSubnet: the vendors' servers are, in the question itself;
// the root and the top-level domains never are.
func TestWhoIsToldTheSubnet(t *testing.T) {
	t.Parallel()
	n := small(t)
	r := n.resolver(nil)
	looks(t, r, question("www.vendor.com", "A", "198.51.100.0/24"))
	want := []string{"11.0.0.1 . NS", "11.0.0.1 www.vendor.com A", "11.0.1.1 www.vendor.com A", "11.0.2.1 vendor.com NS", "11.0.2.1 www.vendor.com A",
		"11.0.2.1 www.vendor.com A+ecs", "11.0.2.2 www.vendor.com A+ecs"}
	got := n.queries()
	// Which of the vendor's servers is asked first is not promised.
	for i := range got {
		if got[i] == "11.0.2.2 www.vendor.com A" || got[i] == "11.0.2.2 vendor.com NS" {
			got[i] = strings.Replace(got[i], "11.0.2.2", "11.0.2.1", 1)
		}
	}
	slices.Sort(got)
	checkLooks(t, got, want...)
	looks(t, r, question("www.vendor.com", "AAAA", "198.51.100.0/24"))
	got = n.queries()
	slices.Sort(got)
	checkLooks(t, got, "11.0.2.1 www.vendor.com AAAA+ecs", "11.0.2.2 www.vendor.com AAAA+ecs") // the cache knows the rest
	n = small(t)
	looks(t, n.resolver(func(it *Iterative) { it.SubnetLabels = 3 }), question("www.vendor.com", "A", "198.51.100.0/24"))
	if list := strings.Join(n.queries(), ","); strings.Contains(list, "+ecs") {
		t.Errorf("told with subnet_labels 3: %s", list)
	}
}

// TestMinimised: servers on the way see no more of the name than they need.
func TestMinimised(t *testing.T) {
	t.Parallel()
	n := small(t)
	got, _ := looks(t, n.resolver(func(it *Iterative) { it.Minimise = true }), question("a.b.c.vendor.com", "A", "198.51.100.0/24"))
	checkLooks(t, got, "ns1.vendor.com: 192.0.2.9", "ns2.vendor.com: 192.0.2.9")
	for _, q := range n.queries() {
		f := strings.Fields(q)
		if f[0] == "11.0.0.1" && f[1] != "com" && q != "11.0.0.1 . NS" || f[0] == "11.0.1.1" && f[1] != "vendor.com" {
			t.Errorf("asked %q", q)
		}
	}
}

// TestMinimisedSteps: the names asked are each longer than the one before, and
// at most ten (RFC 9156 section 2.3).
func TestMinimisedSteps(t *testing.T) {
	t.Parallel()
	for _, labels := range []int{1, 2, 4, 5, 9, 30, 100} {
		name := strings.Repeat("a.", labels) + "test."
		last, steps := 1, 0
		for n := 1; last < labels+1; n++ {
			got := len(strings.Split(minimised("test.", name, n), ".")) - 1
			if got <= last || n > maxMinimised {
				t.Fatalf("%d labels, step %d: %d labels after %d", labels, n, got, last)
			}
			last, steps = got, n
		}
		if labels <= minimiseOne && steps != labels {
			t.Errorf("%d labels took %d steps", labels, steps)
		}
	}
}

// brokenCases are zones and servers that are not as they should be. Each
// changes the small internet.
var brokenCases = []struct {
	name   string
	host   string
	change func(n *internet)
	want   []string
	detail string // must be in the detail of some look
}{
	{"one server lame: refers upwards", "www.vendor.com", func(n *internet) {
		n.servers["11.0.2.2:53"].change = func(request, *reply) *reply {
			return &reply{authority: []string{". 60 NS a.root.test"}}
		}
	}, []string{"ns1.vendor.com: 192.0.2.1", "ns2.vendor.com: lame"}, "ns2.vendor.com of the zone vendor.com"},
	{"one server lame: refers to its own zone", "www.vendor.com", func(n *internet) {
		n.servers["11.0.2.2:53"].change = func(request, *reply) *reply {
			return &reply{authority: []string{"vendor.com 60 NS ns1.vendor.com"}}
		}
	}, []string{"ns1.vendor.com: 192.0.2.1", "ns2.vendor.com: lame"}, "at or above the zone"},
	{"an answer without authority", "www.vendor.com", func(n *internet) {
		n.servers["11.0.2.2:53"].change = func(_ request, p *reply) *reply { p.aa = false; return p }
	}, []string{"ns1.vendor.com: 192.0.2.1", "ns2.vendor.com: lame"}, "no AA"},
	{"one refuses, one is silent", "www.vendor.com", func(n *internet) {
		n.servers["11.0.2.1:53"].change = func(request, *reply) *reply { return &reply{rcode: dnsmessage.RCodeRefused} }
		n.servers["11.0.2.2:53"].change = func(request, *reply) *reply { return nil }
	}, []string{"ns1.vendor.com: refused", "ns2.vendor.com: timeout"}, "REFUSED"},
	{"a server without EDNS", "www.vendor.com", func(n *internet) {
		n.servers["11.0.2.1:53"].change = func(r request, p *reply) *reply {
			if r.opt {
				return &reply{rcode: dnsmessage.RCodeFormatError, noOPT: true}
			}
			return p
		}
	}, []string{"ns1.vendor.com: 192.0.2.1", "ns2.vendor.com: 192.0.2.1"}, ""},
	{"truncated: TCP", "www.vendor.com", func(n *internet) {
		n.servers["11.0.2.1:53"].change = func(r request, p *reply) *reply { p.tc = !r.tcp; return p }
	}, []string{"ns1.vendor.com: 192.0.2.1", "ns2.vendor.com: 192.0.2.1"}, ""},
	{"no such name", "nope.vendor.com", func(*internet) {}, []string{"ns1.vendor.com: nxdomain", "ns2.vendor.com: nxdomain"}, "NXDOMAIN"},
	{"no such top-level domain", "www.nope", func(*internet) {}, []string{"root-1: nxdomain"}, "NXDOMAIN"},
	{"no data", "a.b.c.vendor.com", func(n *internet) {
		for _, s := range []string{"11.0.2.1:53", "11.0.2.2:53"} {
			n.servers[s].zones[0].records = []string{"x.a.b.c.vendor.com 60 A 192.0.2.1"}
		}
	}, []string{"ns1.vendor.com:", "ns2.vendor.com:"}, ""},
	{"glue at a loopback address", "www.evil.com", func(n *internet) {
		n.put("11.0.1.1", "com", "evil.com 60 NS ns.evil.com", "ns.evil.com 60 A 127.0.0.1")
	}, []string{"ns.evil.com: unreachable"}, "not on the public internet"},
	{"a server's name leads to a private address", "www.evil.com", func(n *internet) {
		n.put("11.0.1.1", "com", "evil.com 60 NS inner.vendor.com")
		n.put("11.0.2.1", "vendor.com", "inner.vendor.com 60 A 10.0.0.1")
		n.put("11.0.2.2", "vendor.com", "inner.vendor.com 60 A 10.0.0.1")
	}, []string{"inner.vendor.com: unreachable"}, "10.0.0.1"},
	{"glue out of bailiwick is not believed", "www.other.com", func(n *internet) {
		n.put("11.0.1.1", "com", "other.com 60 NS ns.balance.net", "ns.balance.net 60 A 11.6.6.6")
		n.put("11.0.2.3", "other.com", "www.other.com 60 A 192.0.2.7")
		n.put("11.0.2.3", "balance.net", "ns.balance.net 60 A 11.0.2.3")
	}, []string{"ns.balance.net: 192.0.2.7"}, ""},
	{"records out of bailiwick are passed over", "evil.vendor.com", func(n *internet) {
		for _, s := range []string{"11.0.2.1:53", "11.0.2.2:53"} {
			n.servers[s].change = func(r request, p *reply) *reply {
				if r.name == "evil.vendor.com" {
					return &reply{aa: true, scope: 24, answers: []string{"evil.vendor.com 60 CNAME edge.cdn.net", "edge.cdn.net 60 A 192.0.2.66"}}
				}
				return p
			}
		}
	}, []string{"ns1.cdn.net: 192.0.2.4", "ns2.cdn.net: 192.0.2.5"}, ""},
	{"a zone whose only server is in it, without address", "www.self.com", func(n *internet) {
		n.put("11.0.1.1", "com", "self.com 60 NS ns.self.com")
	}, []string{"ns.self.com: unreachable"}, "in a circle"},
	{"two zones that need each other", "www.one.com", func(n *internet) {
		n.put("11.0.1.1", "com", "one.com 60 NS ns.two.net")
		n.put("11.0.1.2", "net", "two.net 60 NS ns.one.com")
	}, []string{"ns.two.net: unreachable"}, "in a circle"},
	{"a server's name that is an alias", "www.ali.com", func(n *internet) {
		n.put("11.0.1.1", "com", "ali.com 60 NS api.vendor.com")
	}, []string{"api.vendor.com: unreachable"}, "is an alias"},
	{"a server's name that does not exist", "www.gone.com", func(n *internet) {
		n.put("11.0.1.1", "com", "gone.com 60 NS nope.vendor.com")
	}, []string{"nope.vendor.com: unreachable"}, "NXDOMAIN"},
	{"an alias at the apex", "apex.com", func(n *internet) {
		n.put("11.0.1.1", "com", "apex.com 60 NS ns1.vendor.com")
		n.put("11.0.2.1", "apex.com", "apex.com 60 CNAME www.vendor.com")
	}, []string{"ns1.vendor.com: 192.0.2.1", "ns2.vendor.com: 192.0.2.1"}, ""},
	{"DNAME", "x.old.vendor.com", func(n *internet) {
		for _, s := range []string{"11.0.2.1", "11.0.2.2"} {
			n.put(s, "vendor.com", "old.vendor.com 60 DNAME new.cdn.net")
		}
		for _, s := range []string{"11.0.2.4", "11.0.2.5"} {
			n.put(s, "cdn.net", "x.new.cdn.net 60 A 192.0.2.8")
		}
	}, []string{"ns1.cdn.net: 192.0.2.8", "ns2.cdn.net: 192.0.2.8"}, ""},
	{"a loop of aliases over zones", "api.vendor.com", func(n *internet) {
		n.servers["11.0.2.3:53"].zones[0].records = []string{"lb.balance.net 60 CNAME api.vendor.com"}
	}, []string{"ns.balance.net: loop"}, "comes back to api.vendor.com"},
	{"a referral that does not lead down", "www.vendor.com", func(n *internet) {
		n.servers["11.0.1.1:53"].change = func(request, *reply) *reply {
			return &reply{authority: []string{"other.com 60 NS ns1.vendor.com"}, extra: []string{"ns1.vendor.com 60 A 11.0.2.1"}}
		}
	}, []string{"a.nic.com: lame"}, "lame"},
	{"a server that only the zone itself names", "www.vendor.com", func(n *internet) {
		for _, s := range []string{"11.0.2.1", "11.0.2.2"} {
			n.put(s, "vendor.com", "vendor.com 60 NS ns3.vendor.com", "ns3.vendor.com 60 A 11.0.2.7")
		}
		n.put("11.0.2.7", "vendor.com", "www.vendor.com 60 A 192.0.2.77")
	}, []string{"ns1.vendor.com: 192.0.2.1", "ns2.vendor.com: 192.0.2.1", "ns3.vendor.com: 192.0.2.77"}, ""},
	{"servers that differ: each target is followed", "split.vendor.com", func(n *internet) {
		for s, target := range map[string]string{"11.0.2.1": "www.vendor.com", "11.0.2.2": "lb.balance.net"} {
			n.put(s, "vendor.com", "split.vendor.com 60 CNAME "+target)
		}
	}, []string{"ns1.cdn.net: 192.0.2.4", "ns1.vendor.com: 192.0.2.1", "ns2.cdn.net: 192.0.2.5"}, ""},
	{"one server knows of a zone below, one serves it itself", "in.sub.vendor.com", func(n *internet) {
		n.put("11.0.2.1", "vendor.com", "sub.vendor.com 60 NS ns.balance.net")
		n.put("11.0.2.2", "sub.vendor.com", "in.sub.vendor.com 60 A 192.0.2.20")
		n.put("11.0.2.3", "sub.vendor.com", "in.sub.vendor.com 60 A 192.0.2.30")
		n.put("11.0.2.3", "balance.net", "ns.balance.net 60 A 11.0.2.3")
	}, []string{"ns.balance.net: 192.0.2.30", "ns2.vendor.com: 192.0.2.20"}, ""},
}

// TestBrokenZones: whatever zones and servers do, each server asked has its
// observation, with a failure from the list and its name in it.
func TestBrokenZones(t *testing.T) {
	t.Parallel()
	for _, c := range brokenCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			defer within(t, 5*time.Second, "the look")()
			n := small(t)
			c.change(n)
			got, list := looks(t, n.resolver(nil), question(c.host, "A", "198.51.100.0/24"))
			if c.name == "one server knows of a zone below, one serves it itself" && len(got) == 1 {
				// The server asked first referred: then the zone below is known
				// and its own servers are the ones to ask.
				checkLooks(t, got, "ns.balance.net: 192.0.2.30")
				return
			}
			checkLooks(t, got, c.want...)
			var details []string
			for _, o := range list {
				details = append(details, o.Detail)
			}
			if !strings.Contains(strings.Join(details, "\n"), c.detail) {
				t.Errorf("details %q do not say %q", details, c.detail)
			}
			if len(n.strange) > 0 {
				t.Errorf("dialled %v", n.strange)
			}
		})
	}
}

// TestSpecialAllowed: with leave of the configuration, servers on loopback are
// asked.
func TestSpecialAllowed(t *testing.T) {
	t.Parallel()
	n := small(t)
	n.put("11.0.1.1", "com", "inner.com 60 NS ns.inner.com", "ns.inner.com 60 A 127.0.0.9")
	n.put("127.0.0.9", "inner.com", "www.inner.com 60 A 192.0.2.3")
	got, _ := looks(t, n.resolver(func(it *Iterative) { it.AllowSpecial = true }), question("www.inner.com", "A", "198.51.100.0/24"))
	checkLooks(t, got, "ns.inner.com: 192.0.2.3")
}

// TestSpecial: which addresses no public server stands at.
func TestSpecial(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"8.8.8.8": false, "2001:4860:4860::8888": false, "127.0.0.53": true, "10.1.2.3": true, "172.31.0.1": true, "192.168.1.1": true,
		"169.254.169.254": true, "100.64.0.1": true, "0.0.0.0": true, "224.0.0.1": true, "255.255.255.255": true, "198.51.100.1": true,
		"::1": true, "::": true, "fe80::1": true, "fc00::1": true, "ff02::1": true, "::ffff:10.0.0.1": true, "::ffff:8.8.8.8": false,
		"64:ff9b::a00:1": true, "2002:a00:1::": true, "2001:0:1::": true, "2001:db8::1": true, "2a00::1": false,
	} {
		if got := special(netip.MustParseAddr(addr)); got != want {
			t.Errorf("special(%s) = %v, want %v", addr, got, want)
		}
	}
}

// TestTailoringOverZones: the weakest answer of the chain counts, and scope 0
// of a server reached by delegation is the same for everybody.
func TestTailoringOverZones(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		lb     func(*reply)
		edge   func(*reply)
		want   residency.Tailoring
		scope  int
		whyHas string
	}{
		{"all specific", func(*reply) {}, func(*reply) {}, residency.TailoringSpecific, 24, "scope /24"},
		{"scope 0 at the end", func(*reply) {}, func(p *reply) { p.scope = 0 }, residency.TailoringGlobal, 0, "same for every client"},
		{"scope 0 on the way", func(p *reply) { p.scope = 0 }, func(*reply) {}, residency.TailoringGlobal, 24, "for lb.balance.net"},
		{"no option on the way", func(p *reply) { p.noECS = true }, func(*reply) {}, residency.TailoringUnknown, 24, "may depend on who asks"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := small(t)
			n.servers["11.0.2.3:53"].change = func(_ request, p *reply) *reply { c.lb(p); return p }
			for _, s := range []string{"11.0.2.4:53", "11.0.2.5:53"} {
				n.servers[s].change = func(_ request, p *reply) *reply { c.edge(p); return p }
			}
			_, list := looks(t, n.resolver(nil), question("api.vendor.com", "A", "198.51.100.0/24"))
			for _, o := range list {
				if o.Tailoring != c.want || o.Scope != c.scope || !strings.Contains(o.TailoringWhy, c.whyHas) {
					t.Errorf("tailoring %v (%s), scope %d", o.Tailoring, o.TailoringWhy, o.Scope)
				}
			}
			if len(list) != 2 {
				t.Errorf("%d looks, want 2", len(list))
			}
		})
	}
}

// TestIterativeServices: service records over zones, each host asked of all
// its servers.
func TestIterativeServices(t *testing.T) {
	t.Parallel()
	n := small(t)
	for _, s := range []string{"11.0.2.1", "11.0.2.2"} {
		n.put(s, "vendor.com", "www.vendor.com 60 HTTPS 1 edge.cdn.net 4=c0000263")
	}
	_, list := looks(t, n.resolver(nil), question("www.vendor.com", "HTTPS", "198.51.100.0/24"))
	var got []string
	for _, o := range list {
		got = append(got, o.Path[len(o.Path)-1].Server+" "+services(o))
		if o.Failure != "" || o.Tailoring != residency.TailoringSpecific {
			t.Errorf("%s: failure %q, tailoring %v", o.Server, o.Failure, o.Tailoring)
		}
	}
	slices.Sort(got)
	checkLooks(t, got,
		"ns1.cdn.net ", "ns1.cdn.net 192.0.2.4@edge.cdn.net", "ns1.vendor.com hint:192.0.2.99@edge.cdn.net",
		"ns2.cdn.net ", "ns2.cdn.net 192.0.2.5@edge.cdn.net", "ns2.vendor.com hint:192.0.2.99@edge.cdn.net")
}

// TestSample: as many servers as stated are asked, the same for one question
// and all of them over many.
func TestSample(t *testing.T) {
	t.Parallel()
	n := newInternet(t)
	n.put("11.0.0.1", ".", "com 60 NS a.nic.com", "a.nic.com 60 A 11.0.1.1")
	var below []string
	for i := range 8 {
		below = append(below, fmt.Sprintf("v.com 60 NS ns%d.v.com", i), fmt.Sprintf("ns%d.v.com 60 A 11.0.3.%d", i, i))
		n.put(fmt.Sprintf("11.0.3.%d", i), "v.com", fmt.Sprintf("www.v.com 60 A 192.0.2.%d", i))
	}
	n.put("11.0.1.1", "com", below...)
	r := n.resolver(func(it *Iterative) { it.Sample = 2 })
	seen := map[string]bool{}
	for i := range 64 {
		q := question("www.v.com", "A", fmt.Sprintf("198.51.%d.0/24", i))
		one, _ := looks(t, r, q)
		two, _ := looks(t, r, q)
		if len(one) != 2 || !slices.Equal(one, two) {
			t.Fatalf("subnet %d: %v, then %v", i, one, two)
		}
		for _, o := range one {
			seen[o] = true
		}
	}
	if len(seen) != 8 {
		t.Errorf("64 questions showed %d of 8 servers", len(seen))
	}
}

// TestBudget: a look and a run make no more requests than they may.
func TestBudget(t *testing.T) {
	t.Parallel()
	n := newInternet(t)
	n.put("11.0.0.1", ".", "com 60 NS a.nic.com", "a.nic.com 60 A 11.0.1.1")
	// Every server of evil.com is in another zone, whose servers are in others ...
	evil := func(z string) (list []string) {
		for i := range 40 {
			list = append(list, fmt.Sprintf("%s 60 NS ns.%s%d.com", z, strings.TrimSuffix(z, ".com"), i))
		}
		return list
	}
	n.put("11.0.1.1", "com").change = func(r request, p *reply) *reply {
		parts := strings.Split(r.name, ".")
		return &reply{authority: evil(strings.Join(parts[max(0, len(parts)-2):], "."))}
	}
	r := n.resolver(func(it *Iterative) { it.LookQueries = 100 })
	done := within(t, 10*time.Second, "the look")
	got, list := looks(t, r, question("www.evil.com", "A", ""))
	done()
	if asked := len(n.queries()); asked > 100 || len(got) == 0 || len(got) > maxNameServers {
		t.Errorf("%d requests, %d looks", asked, len(got))
	}
	for _, o := range list {
		if o.Failure == "" {
			t.Errorf("look %+v", o)
		}
	}
	r = small(t).resolver(func(it *Iterative) { it.RunQueries = 3 })
	got, list = looks(t, r, question("www.vendor.com", "A", ""))
	if len(list) == 0 || list[0].Failure != residency.FailBudget {
		t.Errorf("with 3 requests for the run: %v", got)
	}
}

// TestIterativeCache: nothing is asked again before its time is up, and all is
// after.
func TestIterativeCache(t *testing.T) {
	t.Parallel()
	n := small(t)
	r := n.resolver(nil)
	q := question("www.vendor.com", "A", "198.51.100.0/24")
	looks(t, r, q)
	n.queries()
	looks(t, r, q)
	if got := n.queries(); len(got) != 2 {
		t.Errorf("asked %v, want the vendor's two servers", got)
	}
	it := r.iterations[0]
	it.clock = func() time.Time { return time.Now().Add(2 * time.Hour) }
	looks(t, r, q)
	if got := strings.Join(n.queries(), ", "); strings.Contains(got, "11.0.0.1") || !strings.Contains(got, "11.0.1.1") {
		t.Errorf("after two hours asked %s; the root's referral lives two days (and is kept one), that of com an hour", got)
	}
	it.clock = func() time.Time { return time.Now().Add(72 * time.Hour) }
	looks(t, r, q)
	if got := strings.Join(n.queries(), ", "); !strings.Contains(got, "11.0.0.1") {
		t.Errorf("after three days asked %s, want the root again", got)
	}
}

// TestManyLooksOneWalk: looks that begin together ask the servers above once.
func TestManyLooksOneWalk(t *testing.T) {
	t.Parallel()
	n := small(t)
	r := n.resolver(nil)
	var qs []residency.Question
	for i := range 100 {
		qs = append(qs, question("www.vendor.com", []string{"A", "AAAA"}[i%2], fmt.Sprintf("198.51.%d.0/24", i)))
	}
	last, changes, count := residency.Question{}, 0, 0
	r.Observe(t.Context(), qs, func(o residency.Observation) {
		count++
		if o.Question != last {
			last, changes = o.Question, changes+1
		}
		if len(o.Addresses) != 1 {
			t.Errorf("look %+v", o)
		}
	})
	if count != 200 || changes != 100 {
		t.Errorf("%d observations in %d groups, want 200 in 100", count, changes)
	}
	above := 0
	for _, q := range n.queries() {
		if strings.HasPrefix(q, "11.0.0.1") || strings.HasPrefix(q, "11.0.1.") {
			above++
		}
	}
	if above != 3 {
		t.Errorf("root and com were asked %d times, want 3: who the root servers are, and a referral each", above)
	}
}

// TestIterativeProbe: the roots are asked; without one, nothing is.
func TestIterativeProbe(t *testing.T) {
	t.Parallel()
	q := question("www.vendor.com", "A", "198.51.100.0/24")
	n := small(t)
	st := n.resolver(nil).Probe(t.Context(), q)[0]
	if !st.Answers || !st.PassesSubnets || !st.Authoritative || st.Server != "11.0.0.1:53" {
		t.Errorf("status %+v", st)
	}
	n = newInternet(t)
	r := n.resolver(func(it *Iterative) { it.Roots = []string{"11.0.0.1:53", "11.0.0.2:53"} })
	st = r.Probe(t.Context(), q)[0]
	if st.Answers || st.Failure != residency.FailUnreachable {
		t.Errorf("status %+v", st)
	}
	asked := len(n.strange)
	got, list := looks(t, r, q)
	if len(got) != 1 || list[0].Failure != residency.FailUnreachable || len(n.strange) != asked {
		t.Errorf("got %v, dialled %v", got, n.strange)
	}
}

// TestIterativeEnds: when the run ends, every question has its observation.
func TestIterativeEnds(t *testing.T) {
	t.Parallel()
	n := small(t)
	n.servers["11.0.2.1:53"].change = func(request, *reply) *reply { return nil }
	n.servers["11.0.2.2:53"].change = func(request, *reply) *reply { return nil }
	r := n.resolver(nil)
	r.Timeout = 10 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	done := within(t, 2*time.Second, "the run")
	got := map[residency.Failure]int{}
	r.Observe(ctx, questions(100, 100), func(o residency.Observation) { got[o.Failure]++ })
	r.Observe(ctx, []residency.Question{question("www.vendor.com", "A", "")}, func(o residency.Observation) { got[o.Failure]++ })
	done()
	if got[residency.FailBudget] == 0 {
		t.Errorf("failures %v", got)
	}
}

// TestRoots: thirteen servers, each with an IPv4 and an IPv6 address of the
// public internet.
func TestRoots(t *testing.T) {
	t.Parallel()
	seen := map[netip.Addr]bool{}
	for _, r := range RootServers() {
		if len(r.Addresses) != 2 || !r.Addresses[0].Is4() || !r.Addresses[1].Is6() {
			t.Errorf("root %+v", r)
		}
		for _, a := range r.Addresses {
			if special(a) || seen[a] {
				t.Errorf("%s: %v is special or given twice", r.Name, a)
			}
			seen[a] = true
		}
	}
	if len(seen) != 26 {
		t.Errorf("%d addresses, want 26", len(seen))
	}
}
