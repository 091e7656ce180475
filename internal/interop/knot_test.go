package interop

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/interop/knot"
	"residency/internal/residency"
	"residency/internal/resolve"

	"github.com/google/go-cmp/cmp"
)

// market is one of the seven markets and what its users get: networks of its
// users, and the addresses that Knot is to give them.
type market struct {
	code     string
	v4, v6   string // networks, of 16 and 32 bits
	a1, a2   string // IPv4 answers
	answered string // IPv6 answer
}

// markets are seven, each with answers of its own.
func markets() []market {
	var list []market
	for i, code := range []string{"HK", "ID", "IN", "MY", "PH", "SG", "TW"} {
		list = append(list, market{
			code: code,
			v4:   fmt.Sprintf("100.%d.0.0/16", 64+i),
			v6:   fmt.Sprintf("2001:db8:%x::/48", 256+i),
			a1:   fmt.Sprintf("192.0.2.%d", 10*i+1), a2: fmt.Sprintf("192.0.2.%d", 10*i+2),
			answered: fmt.Sprintf("2001:db8:a::%d", i+1),
		})
	}
	return list
}

// zones are a vendor's zone, and that of the network its site is delivered by.
func zones() []knot.Zone {
	vendor := knot.Zone{Origin: "vendor.example", Records: strings.Join([]string{
		"api   A     198.51.100.1",
		"api   AAAA  2001:db8:f::1",
		"same  A     198.51.100.2",
		"v4    A     198.51.100.3",
		"www   CNAME edge.cdn.example.",
		"moved DNAME old.cdn.example.",
	}, "\n")}
	for i := range 120 {
		vendor.Records += fmt.Sprintf("\nbig A 198.51.100.%d", i+1)
	}
	cdn := knot.Zone{Origin: "cdn.example", Records: "edge A 198.51.100.9\nx.old A 198.51.100.8"}
	for _, m := range markets() {
		for _, network := range []string{m.v4, m.v6} {
			p := netip.MustParsePrefix(network)
			records := []string{"A " + m.a1, "A " + m.a2, "AAAA " + m.answered}
			vendor.Geo = append(vendor.Geo, knot.Answer{Host: "api.vendor.example", Network: p, Records: records})
			cdn.Geo = append(cdn.Geo, knot.Answer{Host: "edge.cdn.example", Network: p, Records: records})
		}
	}
	return []knot.Zone{vendor, cdn}
}

// TestKnot asks a real authoritative server everything a check asks.
func TestKnot(t *testing.T) {
	t.Parallel()
	srv := knot.Start(t, zones()...)
	r := &resolve.Resolver{
		Servers: []resolve.Server{{Name: "knot", Addresses: []string{srv.Addr}, PassesSubnets: true, Authoritative: true}},
		Timeout: 10 * time.Second,
	}
	t.Run("probe", func(t *testing.T) { testProbe(t, r, srv.Addr) })
	t.Run("by market", func(t *testing.T) { testByMarket(t, r) })
	t.Run("over an alias", func(t *testing.T) { testOverAlias(t, r) })
	t.Run("one answer each", func(t *testing.T) { testShapes(t, r) })
	t.Run("big answer", func(t *testing.T) { testBigAnswer(t, r) })
}

// question asks for the host as a user of the market.
func question(host, code, subnet, kind string) residency.Question {
	q := residency.Question{
		Endpoint: residency.Endpoint{Vendor: "vendor", Service: "account", Host: host},
		Type:     kind,
	}
	if code != "" {
		q.Market = residency.MustCountry(code)
	}
	if subnet != "" {
		q.Subnet = residency.ClientSubnet{Prefix: netip.MustParsePrefix(subnet)}
	}
	return q
}

// userSubnets are a /24 and a /56 of the market's users.
func (m market) userSubnets() []string {
	v4, v6 := netip.MustParsePrefix(m.v4).Addr().As4(), netip.MustParsePrefix(m.v6).Addr().As16()
	v4[2], v6[6] = 77, 0x12
	return []string{
		netip.PrefixFrom(netip.AddrFrom4(v4), 24).String(),
		netip.PrefixFrom(netip.AddrFrom16(v6), 56).String(),
	}
}

// look is what the tests compare of an observation.
type look struct {
	Rcode, Failure, Transport string
	Tailoring                 residency.Tailoring
	Returned                  string
	Scope                     int
	Chain                     []string
	Addresses                 []string
	Meets                     bool
}

func lookOf(o residency.Observation) look {
	l := look{
		Rcode: o.Rcode, Failure: string(o.Failure), Transport: o.Transport, Tailoring: o.Tailoring,
		Scope: o.Scope, Meets: o.Meets(),
	}
	if o.Returned.IsValid() {
		l.Returned = o.Returned.String()
	}
	for _, link := range o.Chain {
		l.Chain = append(l.Chain, strings.TrimSuffix(link.Owner, ".")+" "+link.Type+" "+strings.TrimSuffix(link.Target, "."))
	}
	for _, a := range o.Addresses {
		l.Addresses = append(l.Addresses, a.Address.String())
	}
	slices.Sort(l.Addresses)
	return l
}

// compare asks all questions at once and holds each answer to what is wanted.
func compare(t *testing.T, r *resolve.Resolver, want map[residency.Question]look) {
	t.Helper()
	var qs []residency.Question
	for q := range want {
		qs = append(qs, q)
	}
	got := map[residency.Question]look{}
	r.Observe(t.Context(), qs, func(o residency.Observation) {
		got[o.Question] = lookOf(o)
		if len(o.Exchanges) == 0 || o.Exchanges[0].Response == nil {
			t.Errorf("%s %s: no raw response kept", o.Endpoint.Host, o.Subnet.Prefix)
		}
	})
	for q, w := range want {
		if diff := cmp.Diff(w, got[q]); diff != "" {
			t.Errorf("%s %s as %s %s (-want +got):\n%s", q.Endpoint.Host, q.Type, q.Market, q.Subnet.Prefix, diff)
		}
	}
}

func testProbe(t *testing.T, r *resolve.Resolver, addr string) {
	m := markets()[0]
	got := r.Probe(t.Context(), question("api.vendor.example", m.code, m.userSubnets()[0], "A"))
	if len(got) != 1 || !got[0].Answers || !got[0].PassesSubnets || got[0].Server != addr {
		t.Errorf("Probe = %+v, want one resolver at %s that answers and passes client subnets on", got, addr)
	}
}

// testByMarket asks for both types through both families in all markets.
func testByMarket(t *testing.T, r *resolve.Resolver) {
	want := map[residency.Question]look{}
	for _, m := range markets() {
		for i, subnet := range m.userSubnets() {
			l := look{
				Rcode: "NOERROR", Transport: "udp", Tailoring: residency.TailoringSpecific,
				Returned: subnet, Scope: []int{16, 48}[i], Meets: true,
			}
			l.Addresses = []string{m.a1, m.a2}
			want[question("api.vendor.example", m.code, subnet, "A")] = l
			l.Addresses = []string{m.answered}
			want[question("api.vendor.example", m.code, subnet, "AAAA")] = l
		}
	}
	compare(t, r, want)
}

// testOverAlias follows a CNAME into another zone, which Knot leaves to the
// client. The alias itself is the same for everybody and its target is not:
// the weakest link counts.
func testOverAlias(t *testing.T, r *resolve.Resolver) {
	want := map[residency.Question]look{}
	for _, m := range markets() {
		subnet := m.userSubnets()[0]
		want[question("www.vendor.example", m.code, subnet, "A")] = look{
			Rcode: "NOERROR", Transport: "udp", Tailoring: residency.TailoringGlobal,
			Returned: subnet, Scope: 16, Meets: true,
			Chain:     []string{"www.vendor.example CNAME edge.cdn.example"},
			Addresses: []string{m.a1, m.a2},
		}
	}
	compare(t, r, want)
}

// testShapes asks for every other shape of answer once.
func testShapes(t *testing.T, r *resolve.Resolver) {
	m := markets()[2]
	subnet := m.userSubnets()[0]
	stranger := "100.100.1.0/24" // a network that Knot knows nothing of
	global := look{Rcode: "NOERROR", Transport: "udp", Tailoring: residency.TailoringGlobal, Returned: subnet, Meets: true}
	with := func(change func(*look)) look {
		l := global
		change(&l)
		return l
	}
	compare(t, r, map[residency.Question]look{
		question("same.vendor.example", m.code, subnet, "A"):  with(func(l *look) { l.Addresses = []string{"198.51.100.2"} }),
		question("v4.vendor.example", m.code, subnet, "AAAA"): global, // NODATA is an answer
		question("api.vendor.example", m.code, stranger, "A"): with(func(l *look) {
			l.Returned, l.Addresses = stranger, []string{"198.51.100.1"}
		}),
		question("x.moved.vendor.example", m.code, subnet, "A"): with(func(l *look) {
			l.Chain = []string{
				"moved.vendor.example DNAME old.cdn.example",
				"x.moved.vendor.example CNAME x.old.cdn.example", // RFC 6672 section 3.1: made by the server
			}
			l.Addresses = []string{"198.51.100.8"}
		}),
		question("gone.vendor.example", m.code, subnet, "A"): with(func(l *look) {
			l.Rcode, l.Failure, l.Meets = "NXDOMAIN", "nxdomain", false
		}),
		question("www.elsewhere.example", m.code, subnet, "A"): with(func(l *look) {
			l.Rcode, l.Failure, l.Meets = "REFUSED", "refused", false
		}),
		question("api.vendor.example", m.code, "", "A"): {
			Rcode: "NOERROR", Transport: "udp", Tailoring: residency.TailoringNone, Addresses: []string{"198.51.100.1"},
		},
	})
}

// testBigAnswer asks for more addresses than fit into a datagram.
func testBigAnswer(t *testing.T, r *resolve.Resolver) {
	m := markets()[2]
	q := question("big.vendor.example", m.code, m.userSubnets()[0], "A")
	var transports []string
	r.Observe(t.Context(), []residency.Question{q}, func(o residency.Observation) {
		if len(o.Addresses) != 120 || o.Transport != "tcp" || !o.Meets() {
			t.Errorf("big answer: %d addresses over %s (%s), want 120 over tcp", len(o.Addresses), o.Transport, o.Detail)
		}
		for _, e := range o.Exchanges {
			transports = append(transports, e.Transport)
		}
	})
	if diff := cmp.Diff([]string{"udp", "tcp"}, transports); diff != "" {
		t.Errorf("exchanges (-want +got):\n%s", diff)
	}
}
