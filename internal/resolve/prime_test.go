package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"residency/internal/residency"
)

// named makes the root of the small internet name its servers, with addresses.
func named(n *internet, servers ...string) {
	s := n.servers["11.0.0.1:53"]
	s.zones[0].records = slices.DeleteFunc(slices.Clone(s.zones[0].records), func(rec string) bool { return strings.HasPrefix(rec, ". ") })
	var answer, extra []string
	for i, addr := range servers {
		name := fmt.Sprintf("%c.roots.test", 'a'+i)
		answer = append(answer, ". 3600 NS "+name)
		kind := " 3600 A "
		if strings.Contains(addr, ":") {
			kind = " 3600 AAAA "
		}
		extra = append(extra, name+kind+addr)
	}
	s.change = func(r request, p *reply) *reply {
		if r.name == "" && typeName(r) == "NS" {
			return &reply{aa: true, answers: answer, extra: extra}
		}
		return p
	}
}

// TestPriming: the hints are asked who the root servers are, and those are asked
// from then on (RFC 9609), as long as their answer lives.
func TestPriming(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		servers []string
		hint    string
		want    string // the root servers that are asked
	}{
		{"others than the hints", []string{"11.0.0.2", "11.0.0.3"}, "", "11.0.0.2:53 11.0.0.3:53"},
		{"the hint itself, on its port", []string{"11.0.0.1"}, "11.0.0.1:53", "11.0.0.1:53"},
		{"private ones are not asked", []string{"10.0.0.1", "127.0.0.1", "11.0.0.2"}, "", "11.0.0.2:53"},
		{"only private ones: the hints stay", []string{"10.0.0.1", "::1"}, "", "11.0.0.1:53"},
		{"none: the hints stay", nil, "", "11.0.0.1:53"},
	} {
		n := small(t)
		root := n.servers["11.0.0.1:53"].zones[0]
		for _, addr := range []string{"11.0.0.2", "11.0.0.3"} {
			n.put(addr, ".", root.records...)
		}
		named(n, tt.servers...)
		r := n.resolver(nil)
		got, _ := looks(t, r, question("www.vendor.com", "A", "198.51.100.0/24"))
		checkLooks(t, got, "ns1.vendor.com: 192.0.2.1", "ns2.vendor.com: 192.0.2.1")
		var asked []string
		it := r.iterations[0]
		for _, ns := range it.roots().servers {
			asked = append(asked, ns.addrs...)
		}
		if strings.Join(asked, " ") != tt.want {
			t.Errorf("%s: root servers %v, want %s", tt.name, asked, tt.want)
		}
		primed := func() (count int) {
			for _, q := range n.queries() {
				if strings.HasSuffix(q, " . NS") {
					count++
				}
			}
			return count
		}
		if c := primed(); c != 1 {
			t.Errorf("%s: asked who the root servers are %d times, want once", tt.name, c)
		}
		looks(t, r, question("www.balance.net", "A", "198.51.100.0/24"))
		if c := primed(); c != 0 {
			t.Errorf("%s: asked again who the root servers are", tt.name)
		}
		it.clock = func() time.Time { return time.Now().Add(25 * time.Hour) }
		looks(t, r, question("www.vendor.com", "A", "198.51.100.0/24"))
		if c := primed(); c != 1 {
			t.Errorf("%s: a day later asked %d times who the root servers are, want once", tt.name, c)
		}
	}
}

// TestPrimingFromAnother: what a server says of the root without authority, or
// with an error, is not believed.
func TestPrimingFromAnother(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*reply{
		"without authority": {answers: []string{". 60 NS evil.test"}, extra: []string{"evil.test 60 A 11.6.6.6"}},
		"refused":           {rcode: dnsmessage.RCodeRefused},
		"of another zone":   {aa: true, answers: []string{"com 60 NS evil.test"}, extra: []string{"evil.test 60 A 11.6.6.6"}},
		"silent":            nil,
	} {
		n := small(t)
		n.servers["11.0.0.1:53"].change = func(r request, honest *reply) *reply {
			if r.name == "" {
				return p
			}
			return honest
		}
		r := n.resolver(nil)
		got, _ := looks(t, r, question("www.vendor.com", "A", "198.51.100.0/24"))
		checkLooks(t, got, "ns1.vendor.com: 192.0.2.1", "ns2.vendor.com: 192.0.2.1")
		if servers := r.iterations[0].roots().servers; len(servers) != 1 || servers[0].addrs[0] != "11.0.0.1:53" || len(n.strange) > 0 {
			t.Errorf("%s: root servers %v, dialled %v", name, servers, n.strange)
		}
	}
}

// TestIterativeControls: something that answers in the place of root servers is
// found out, and then no look is believed.
func TestIterativeControls(t *testing.T) {
	t.Parallel()
	const root = "198.41.0.4"
	for _, tt := range []struct {
		name   string
		change func(n *internet)
		check  string
		want   residency.CheckResult
	}{
		{"honest: nxdomain", nil, checkNXDomain, residency.CheckGood},
		{"honest: controls", nil, checkControls, residency.CheckGood},
		{"honest: path", nil, checkPath, residency.CheckGood},
		{"gives an address to any name", func(n *internet) {
			n.servers[root+":53"].change = func(r request, p *reply) *reply {
				if strings.HasSuffix(r.name, ".invalid") {
					return &reply{answers: []string{r.name + " 60 A 203.0.113.80"}}
				}
				return p
			}
		}, checkNXDomain, residency.CheckBad},
		{"a resolver in its place", func(n *internet) {
			n.servers[root+":53"].change = func(_ request, p *reply) *reply { p.aa = false; return p }
		}, checkNXDomain, residency.CheckBad},
		{"another address for a known name", func(n *internet) {
			n.servers[root+":53"].change = func(r request, p *reply) *reply {
				if r.name == "k.root-servers.net" {
					return &reply{aa: true, answers: []string{r.name + " 60 A 203.0.113.80"}}
				}
				return p
			}
		}, checkControls, residency.CheckBad},
		{"an address where nobody is answers", func(n *internet) { n.put("192.0.2.53", ".", "a.root-servers.net 60 A 198.41.0.4") }, checkPath, residency.CheckBad},
	} {
		n := newInternet(t)
		n.put(root, ".", "com 172800 NS a.nic.com", "a.nic.com 172800 A 11.0.1.1",
			"a.root-servers.net 60 A 198.41.0.4", "k.root-servers.net 60 A 193.0.14.129")
		n.put("11.0.1.1", "com", "www.com 60 A 192.0.2.1")
		if tt.change != nil {
			tt.change(n)
		}
		r := n.resolver(func(it *Iterative) { it.Roots = nil })
		r.Controls = DefaultControls()
		q := question("www.com", "A", "198.51.100.0/24")
		st := r.Probe(t.Context(), q)[0]
		i := slices.IndexFunc(st.Checks, func(c residency.ResolverCheck) bool { return c.Name == tt.check })
		if i < 0 || st.Checks[i].Result != tt.want {
			t.Errorf("%s: checks %+v, want %s %s", tt.name, st.Checks, tt.check, tt.want)
			continue
		}
		_, list := looks(t, r, q)
		bad := tt.want == residency.CheckBad
		if st.Answers == bad || (list[0].Failure == residency.FailIntercepted) != bad {
			t.Errorf("%s: status %+v, look %+v", tt.name, st, list[0])
		}
		n.queries()
		r.Probe(t.Context(), q)
		if again := len(n.queries()); again != 1 {
			t.Errorf("%s: %d requests for a second probe within the hour, want 1", tt.name, again)
		}
	}
}

// TestPrivateRoot: what a root of somebody's own says of the public names is
// not held against it.
func TestPrivateRoot(t *testing.T) {
	t.Parallel()
	n := small(t)
	n.put("11.0.0.1", ".", "a.root-servers.net 60 A 11.0.0.1")
	r := n.resolver(nil)
	r.Controls = DefaultControls()
	if st := r.Probe(t.Context(), question("www.vendor.com", "A", ""))[0]; !st.Answers || len(st.Checks) != 1 || st.Checks[0].Name != checkPath {
		t.Errorf("status %+v", st)
	}
}

// TestIterativePace: a server that is found gets no more than its rate, from
// all markets and by whatever way, and less when it does not answer.
func TestIterativePace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := small(t)
		r := n.resolver(nil)
		r.Servers = append(r.Servers, r.Servers[0])
		r.Servers[1].Only = []residency.Country{residency.MustCountry("SG")}
		r.Rate, r.Timeout = 10, time.Minute
		var qs []residency.Question
		for i := range 40 {
			q := question("www.vendor.com", "A", fmt.Sprintf("198.51.%d.0/24", i))
			q.Market = residency.MustCountry("SG")
			qs = append(qs, q)
		}
		begin := time.Now()
		answered := 0
		r.Observe(t.Context(), qs, func(o residency.Observation) {
			if o.Answered() {
				answered++
			}
		})
		// 40 questions by two ways at each of two servers, ten a second.
		if took := time.Since(begin); answered != 160 || took < 7800*time.Millisecond || took > 10*time.Second {
			t.Errorf("%d answers in %v", answered, took)
		}
	})
}

// TestIterativeBacksOff: a server that refuses is asked at half the pace.
func TestIterativeBacksOff(t *testing.T) {
	t.Parallel()
	n := small(t)
	refuse := func(request, *reply) *reply { return &reply{rcode: dnsmessage.RCodeRefused} }
	n.servers["11.0.2.1:53"].change = refuse
	r := n.resolver(nil)
	r.Rate = 1000
	looks(t, r, question("www.vendor.com", "A", "198.51.100.0/24"))
	for addr, want := range map[string]float64{"11.0.2.1:53": 500, "11.0.2.2:53": 1000} {
		if got := float64(r.memory.paces[addr].lim.Limit()); got != want {
			t.Errorf("pace of %s = %v, want %v", addr, got, want)
		}
	}
}

// TestIterativeOneBudget: the pace of an address is the same over a proxy.
func TestIterativeOneBudget(t *testing.T) {
	t.Parallel()
	r := &Resolver{Rate: 5}
	set := r.settings()
	plain, over := r.line(set, Server{Authoritative: true}, "11.0.2.1:53"), r.line(set, Server{Authoritative: true}, "tcp://11.0.2.1:53")
	if plain.pace == nil || plain.pace != over.pace {
		t.Errorf("two budgets for one server: %p and %p", plain.pace, over.pace)
	}
	if plain.pace == r.line(set, Server{Authoritative: true}, "11.0.2.2:53").pace {
		t.Error("one budget for two servers")
	}
}

// TestIterativeInFlight: no more requests are under way at a server than it may
// get at a time.
func TestIterativeInFlight(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 2} {
		n := small(t)
		r := n.resolver(nil)
		r.Servers[0].InFlight = limit
		it := r.iteration(0, r.settings())
		if got, want := cap(it.end("11.0.2.1:53").slots), max(limit, perHost*(1-min(limit, 1))); got != want {
			t.Errorf("in_flight %d: %d requests at a time, want %d", limit, got, want)
		}
	}
}

// TestIterativeJitter: the first request of a run waits for a time by chance,
// and the others do not.
func TestIterativeJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := small(t)
		r := n.resolver(nil)
		r.Jitter, r.Timeout = time.Hour, time.Minute
		q := question("www.vendor.com", "A", "198.51.100.0/24")
		begin := time.Now()
		looks(t, r, q)
		first := time.Since(begin)
		begin = time.Now()
		looks(t, r, q)
		if second := time.Since(begin); first < time.Millisecond || first > time.Hour || second > time.Second {
			t.Errorf("the first look took %v, the second %v", first, second)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.Probe(ctx, q)
		begin = time.Now()
		r.Observe(ctx, []residency.Question{q}, func(residency.Observation) {})
		if took := time.Since(begin); took > time.Second {
			t.Errorf("an ended run was held for %v", took)
		}
	})
}

// TestIsPublic: hints at the public root servers, and others.
func TestIsPublic(t *testing.T) {
	t.Parallel()
	for roots, want := range map[string]bool{"": true, "198.41.0.4:53": true, "[2001:503:ba3e::2:30]:53": true, "198.41.0.4:5300": false, "198.41.0.4:53 11.0.0.1:53": false} {
		it := newIteration(new(Resolver).settings(), Server{Iterative: &Iterative{Roots: strings.Fields(roots)}})
		if got := it.isPublic(); got != want {
			t.Errorf("isPublic(%q) = %v, want %v", roots, got, want)
		}
	}
}

// TestIterativeCookies: name servers that want cookies get them back, and a
// response with another cookie than ours is asked for again over TCP.
func TestIterativeCookies(t *testing.T) {
	t.Parallel()
	n := small(t)
	half := []byte("8 bytes!")
	var strict, forged int
	n.servers["11.0.2.1:53"].change = func(r request, p *reply) *reply {
		if len(r.cookie) >= 8 {
			p.options = []dnsmessage.Option{{Code: 10, Data: append(append([]byte(nil), r.cookie[:8]...), half...)}}
			if string(r.cookie[8:]) != string(half) {
				strict++
				return &reply{rcode: 23 & 0xf, extRcode: 23 >> 4, noECS: true, options: p.options}
			}
		}
		return p
	}
	n.servers["11.0.2.2:53"].change = func(r request, p *reply) *reply {
		if !r.tcp && len(r.cookie) >= 8 {
			forged++
			p.options = []dnsmessage.Option{{Code: 10, Data: append([]byte("another!"), half...)}}
			p.answers = []string{r.name + " 60 A 203.0.113.66"}
		}
		return p
	}
	r := n.resolver(nil)
	for range 2 {
		got, _ := looks(t, r, question("www.vendor.com", "A", "198.51.100.0/24"))
		checkLooks(t, got, "ns1.vendor.com: 192.0.2.1", "ns2.vendor.com: 192.0.2.1")
	}
	if strict != 1 || forged == 0 {
		t.Errorf("BADCOOKIE %d times, forged %d; want once, and some", strict, forged)
	}
}

// TestOneOfAMarket: the way by which one market's questions go to the servers
// found from the root can be asked alone, for draws.
func TestOneOfAMarket(t *testing.T) {
	t.Parallel()
	n := small(t)
	r := n.resolver(nil)
	sg := residency.MustCountry("SG")
	other := r.Servers[0]
	r.Servers[0].Except, other.Only = []residency.Country{sg}, []residency.Country{sg}
	r.Servers = append(r.Servers, other)
	q := question("www.vendor.com", "A", "198.51.100.0/24")
	q.Market = sg
	for i, st := range r.Probe(t.Context(), q) {
		one := r.One(st)
		if len(one.Servers) != 1 || st.Asked(sg) != (i == 1) {
			t.Fatalf("way %d: %d servers, status %+v", i, len(one.Servers), st)
		}
		count := 0
		one.Observe(t.Context(), []residency.Question{q}, func(residency.Observation) { count++ })
		if want := 2 * i; count != want {
			t.Errorf("way %d: %d looks, want %d", i, count, want)
		}
	}
}
