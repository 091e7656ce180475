package interop

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/interop/knot"
	"residency/internal/residency"
	"residency/internal/resolve"
)

// smallInternet is three loopback hosts: the root, a top-level domain, and the
// zones of a vendor and of the network that delivers its site.
func smallInternet(t *testing.T) []*knot.Server {
	const root, tld, leaf = "127.0.0.1", "127.0.0.2", "127.0.0.3"
	both := zones()
	for i := range both {
		both[i].Address = leaf
	}
	return knot.StartAll(t,
		knot.Host{Address: root, Zones: []knot.Zone{{Origin: ".", Address: root, Records: "example NS ns.example\nns.example A " + tld}}},
		knot.Host{Address: tld, Zones: []knot.Zone{{Origin: "example", Address: tld, Records: strings.Join([]string{
			"vendor NS ns.vendor", "ns.vendor A " + leaf,
			"cdn NS ns.cdn", "ns.cdn A " + leaf,
			"lame NS ns.vendor",      // which does not serve it
			"nowhere NS ns.gone.cdn", // which has no address
		}, "\n")}}},
		knot.Host{Address: leaf, Zones: both},
	)
}

// TestIterativeOverKnot finds every name from the root, over three real name
// servers, and gets what the vendor's server says when it is asked directly.
func TestIterativeOverKnot(t *testing.T) {
	t.Parallel()
	hosts := smallInternet(t)
	port := netip.MustParseAddrPort(hosts[0].Addr).Port()
	for _, minimise := range []bool{false, true} {
		fromRoot := &resolve.Resolver{Timeout: 10 * time.Second, Servers: []resolve.Server{{
			Name: "iterative", Iterative: &resolve.Iterative{Roots: []string{hosts[0].Addr}, Port: port, AllowSpecial: true, Minimise: minimise},
		}}}
		direct := &resolve.Resolver{Timeout: 10 * time.Second, Servers: []resolve.Server{{
			Name: "iterative", Addresses: []string{hosts[2].Addr}, PassesSubnets: true, Authoritative: true,
		}}}
		var qs []residency.Question
		for _, m := range markets() {
			for _, subnet := range m.userSubnets() {
				for _, host := range []string{"api.vendor.example", "www.vendor.example", "x.moved.vendor.example", "v4.vendor.example", "big.vendor.example", "nope.vendor.example"} {
					qs = append(qs, question(host, m.code, subnet, "A"), question(host, m.code, subnet, "AAAA"))
				}
			}
		}
		want := map[residency.Question]residency.Observation{}
		direct.Observe(t.Context(), qs, func(o residency.Observation) { want[o.Question] = o })
		if st := fromRoot.Probe(t.Context(), qs[0])[0]; !st.Answers {
			t.Fatalf("the root does not answer: %+v", st)
		}
		count := 0
		fromRoot.Observe(t.Context(), qs, func(o residency.Observation) {
			count++
			sameLook(t, want[o.Question], o)
			wantPath := []string{"." + " " + hosts[0].Addr, "example " + hosts[1].Addr, "vendor.example " + hosts[2].Addr}
			if got := pathOf(o); !slices.Equal(got[:min(3, len(got))], wantPath) {
				t.Errorf("%s: path %v, want it to begin with %v", o.Endpoint.Host, got, wantPath)
			}
		})
		if count != len(qs) {
			t.Errorf("minimise %v: %d observations of %d questions at one server each", minimise, count, len(qs))
		}
	}
}

func pathOf(o residency.Observation) []string {
	var list []string
	for _, d := range o.Path {
		list = append(list, d.Zone+" "+d.Address)
	}
	return list
}

// sameLook compares what a name's own server said when asked directly with
// what it said when it was found from the root.
func sameLook(t *testing.T, want, got residency.Observation) {
	t.Helper()
	text := func(o residency.Observation) string {
		var b []string
		for _, a := range o.Addresses {
			b = append(b, a.Address.String())
		}
		slices.Sort(b)
		for _, l := range o.Chain {
			b = append(b, l.Owner+" "+l.Type+" "+l.Target)
		}
		return strings.Join(append(b, o.Rcode, string(o.Failure), o.Tailoring.String(), o.Returned.String()), ", ")
	}
	if text(want) != text(got) {
		t.Errorf("%s %s for %s through %v:\nfrom the root %s\ndirectly      %s", got.Endpoint.Host, got.Type, got.Market, got.Subnet.Prefix, text(got), text(want))
	}
}

// TestBrokenDelegationsOverKnot: what a real server does with a zone it does
// not serve, and a delegation to a name without address.
func TestBrokenDelegationsOverKnot(t *testing.T) {
	t.Parallel()
	hosts := smallInternet(t)
	port := netip.MustParseAddrPort(hosts[0].Addr).Port()
	iterative := resolve.Iterative{Roots: []string{hosts[0].Addr}, Port: port, AllowSpecial: true}
	for _, c := range []struct {
		host    string
		special bool
		failure residency.Failure
		detail  string
	}{
		{"www.lame.example", true, residency.FailRefused, "ns.vendor.example"},
		{"www.nowhere.example", true, residency.FailUnreachable, "NXDOMAIN"},
		{"www.missing.example", true, residency.FailNXDomain, "ns.example"},
		{"api.vendor.example", false, residency.FailUnreachable, "not on the public internet"},
	} {
		it := iterative
		it.AllowSpecial = c.special
		r := &resolve.Resolver{Timeout: 10 * time.Second, Servers: []resolve.Server{{Name: "iterative", Iterative: &it}}}
		r.Observe(t.Context(), []residency.Question{question(c.host, "SG", "100.69.77.0/24", "A")}, func(o residency.Observation) {
			if o.Failure != c.failure || !strings.Contains(o.Detail, c.detail) {
				t.Errorf("%s: failure %q (%s), want %q with %q", c.host, o.Failure, o.Detail, c.failure, c.detail)
			}
		})
	}
}
