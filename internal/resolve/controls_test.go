package resolve

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// world answers as an honest, validating recursive server would, but for what
// the test changes.
type world struct {
	missing, known, bogus reply
}

func (w world) serve(t testing.TB) *fakeServer {
	return serve(t, func(r request) [][]byte {
		p := reply{answers: []string{r.name + " 60 A 192.0.2.1"}, scope: 24, ad: true}
		switch {
		case strings.HasSuffix(r.name, ".invalid"):
			p = w.missing
		case r.name == "known.test":
			p = w.known
		case r.name == "bogus.test":
			p = w.bogus
		case r.name == only4:
			p = reply{}
		}
		for i, a := range p.answers {
			p.answers[i] = strings.Replace(a, "NAME", r.name, 1)
		}
		return [][]byte{p.message(t, r)}
	})
}

func honestWorld() world {
	return world{missing: reply{rcode: 3}, known: reply{answers: []string{"known.test 60 A 198.51.100.5"}}, bogus: reply{rcode: 2}}
}

func controlled(t testing.TB, w world) *Resolver {
	r := patient(Server{Name: "fake", Addresses: []string{w.serve(t).addr}, PassesSubnets: true})
	r.Controls = &Controls{
		Known:  []Known{{"known.test", []netip.Addr{netip.MustParseAddr("198.51.100.5")}}},
		Signed: "signed.test", Bogus: "bogus.test",
	}
	return r
}

func TestExamine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*world)
		check  string
		want   residency.CheckResult
		text   string
	}{
		{"honest: subnets", nil, checkSubnets, residency.CheckGood, "passes client subnets on"},
		{"honest: nxdomain", nil, checkNXDomain, residency.CheckGood, ""},
		{"honest: controls", nil, checkControls, residency.CheckGood, ""},
		{"honest: dnssec", nil, checkDNSSEC, residency.CheckGood, "says so"},
		{"honest: dns64", nil, checkDNS64, residency.CheckGood, ""},
		{"rewrites", func(w *world) { w.missing = reply{answers: []string{"NAME 60 A 203.0.113.80"}} }, checkNXDomain, residency.CheckBad, "203.0.113.80"},
		{"empty answer", func(w *world) { w.missing = reply{} }, checkNXDomain, residency.CheckNote, ""},
		{"refuses", func(w *world) { w.missing = reply{rcode: 5} }, checkNXDomain, residency.CheckUnknown, "refused"},
		{"block page", func(w *world) { w.known = reply{answers: []string{"known.test 60 A 203.0.113.80"}} }, checkControls, residency.CheckBad, "203.0.113.80"},
		{"one of two", func(w *world) {
			w.known = reply{answers: []string{"known.test 60 A 198.51.100.5", "known.test 60 A 203.0.113.80"}}
		}, checkControls, residency.CheckBad, "203.0.113.80"},
		{"unknown control", func(w *world) { w.known = reply{rcode: 3} }, checkControls, residency.CheckUnknown, ""},
		{"does not validate", func(w *world) { w.bogus = reply{answers: []string{"bogus.test 60 A 192.0.2.9"}} }, checkDNSSEC, residency.CheckNote, "does not validate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := honestWorld()
			if tt.change != nil {
				tt.change(&w)
			}
			r := controlled(t, w)
			st := r.Examine(t.Context(), question(host, "A", "198.51.100.0/24"))[0]
			if c := find(st, tt.check); c.Result != tt.want || !strings.Contains(c.Text, tt.text) {
				t.Errorf("%s: %s (%s), want %s with %q", tt.check, c.Result, c.Text, tt.want, tt.text)
			}
			bad := tt.want == residency.CheckBad
			if st.Answers == bad || (st.Failure == residency.FailIntercepted) != bad {
				t.Errorf("answers %v, failure %q: %s", st.Answers, st.Failure, st.Text)
			}
			o := observe(t, r, question(host, "A", "198.51.100.0/24"))
			if (o.Failure == residency.FailIntercepted) != bad || (len(o.Addresses) == 0) != bad {
				t.Errorf("a look gives %q and %q", o.Failure, addresses(o))
			}
		})
	}
}

// TestPath: an address where no server can be answers, so whatever answers on
// this path is not believed.
func TestPath(t *testing.T) {
	t.Parallel()
	nowhere := serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	r := controlled(t, honestWorld())
	r.Controls.Nowhere = nowhere.addr
	st := r.Probe(t.Context(), question(host, "A", ""))[0]
	if st.Failure != residency.FailIntercepted || find(st, checkPath).Result != residency.CheckBad {
		t.Errorf("%q: %s", st.Failure, st.Text)
	}
	r = controlled(t, honestWorld())
	r.Controls.Nowhere = closedPort(t)
	if st := r.Probe(t.Context(), question(host, "A", ""))[0]; !st.Answers || find(st, checkPath).Result != residency.CheckGood {
		t.Errorf("%q: %s %+v", st.Failure, st.Text, st.Checks)
	}
	// A server on this machine has no path, and the network is not bothered.
	r = controlled(t, honestWorld())
	r.Controls.Nowhere = "192.0.2.53:53"
	if st := r.Probe(t.Context(), question(host, "A", ""))[0]; !st.Answers || find(st, checkPath).Name != "" {
		t.Errorf("%q: %s %+v", st.Failure, st.Text, st.Checks)
	}
}

func TestControlsAreRemembered(t *testing.T) {
	t.Parallel()
	w := honestWorld()
	s := w.serve(t)
	r := controlled(t, w)
	r.Servers[0].Addresses[0] = s.addr
	r.Probe(t.Context(), question(host, "A", ""))
	first := s.queries.Load()
	st := r.Probe(t.Context(), question(host, "A", ""))[0]
	if again := s.queries.Load() - first; again != 1 || len(st.Checks) == 0 {
		t.Errorf("a second probe asked %d questions and shows %d checks, want 1 and all", again, len(st.Checks))
	}
	r.Examine(t.Context(), question(host, "A", ""))
	if all := s.queries.Load() - first - 1; all < 5 {
		t.Errorf("an examination asked %d questions, want all", all)
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	r := patient(Server{Name: "one", Addresses: []string{s.addr}, Rate: 100})
	begin := time.Now()
	r.Observe(t.Context(), onlyA(60), func(residency.Observation) {})
	// Ten at once, fifty at 100 a second.
	if took := time.Since(begin); took < 400*time.Millisecond || took > 5*time.Second {
		t.Errorf("60 looks at 100 a second took %v, want half a second", took)
	}
	// Two ways to one server share its budget, and markets do too.
	in, sg := question("a.a.test", "A", ""), question("b.a.test", "A", "")
	sg.Market = singapore
	r = patient(Server{Name: "one", Addresses: []string{s.addr}, Rate: 20, Only: []residency.Country{india}})
	r.Servers = append(r.Servers, Server{Name: "one", Addresses: []string{s.addr}, Rate: 20, Except: []residency.Country{india}})
	begin = time.Now()
	n := 0
	r.Observe(t.Context(), []residency.Question{in, in, in, in, in, sg, sg, sg, sg, sg}, func(residency.Observation) { n++ })
	if took := time.Since(begin); n != 10 || took < 350*time.Millisecond {
		t.Errorf("%d looks at 20 a second took %v, want 10 in 0.4 s", n, took)
	}
}

func TestPaceSlowsDown(t *testing.T) {
	t.Parallel()
	p, at := newPace(80), fixedNow()
	for i := range 10 {
		p.slower(at)
		p.slower(at.Add(time.Duration(i) * time.Millisecond)) // the same burst
		at = at.Add(2 * time.Second)
	}
	if got := p.lim.Limit(); got != 10 {
		t.Errorf("after many refusals %v a second, want an eighth", got)
	}
	for range 200 {
		p.faster()
	}
	if got := p.lim.Limit(); got != 80 {
		t.Errorf("after many answers %v a second, want all", got)
	}
	var none *pace
	none.slower(at)
	none.faster()
	none.spend()
	if !none.allow() || newPace(0) != nil || newPace(-1) != nil {
		t.Error("no limit is a limit")
	}
}

func TestDefaultRates(t *testing.T) {
	t.Parallel()
	r := &Resolver{}
	for addr, want := range map[string]float64{
		"127.0.0.1:53": 0, "[::1]:5300": 0, "tls://127.0.0.1": 0, "8.8.8.8:53": DefaultRate, "https://dns.test/q": DefaultRate, "10.1.1.1:53": DefaultRate,
	} {
		p := r.line(r.settings(), Server{Name: addr}, addr).pace
		if (p == nil) != (want == 0) || p != nil && float64(p.full) != want {
			t.Errorf("%s: %+v, want %v", addr, p, want)
		}
	}
}

func TestOnlySomeMarkets(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	r := patient(Server{Name: "there", Addresses: []string{s.addr}, Only: []residency.Country{india}, StandsIn: []residency.Country{india}})
	r.Servers = append(r.Servers, Server{Name: "here", Addresses: []string{s.addr}, Except: []residency.Country{india}})
	in, sg := question("a.a.test", "A", ""), question("b.a.test", "A", "")
	sg.Market = singapore
	st := r.Probe(t.Context(), in)
	if !st[0].Answers || !st[1].Answers || !st[0].Asked(india) || st[1].Asked(india) {
		t.Errorf("probe: %+v", st)
	}
	got := map[string]int{}
	r.Observe(t.Context(), []residency.Question{in, sg, in, sg}, func(o residency.Observation) { got[o.Resolver+" "+o.Market.String()]++ })
	if len(got) != 2 || got["there IN"] != 2 || got["here SG"] != 2 {
		t.Errorf("looks: %v", got)
	}
}

func TestJitter(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte { return [][]byte{good(t, r)} })
	r := patient(Server{Addresses: []string{s.addr}})
	r.Jitter = time.Hour
	near := newEngine(t.Context(), r.line(r.settings(), r.Servers[0], s.addr), newFeed(onlyA(1)), false, newResults())
	defer near.close()
	if !near.mayAsk() {
		t.Error("a server on this machine has to wait")
	}
	if !r.begins() || r.begins() {
		t.Error("the jitter is not for the first Observe alone")
	}
	e := newEngine(t.Context(), r.line(r.settings(), r.Servers[0], "192.0.2.53:53"), newFeed(onlyA(1)), false, newResults())
	defer e.close()
	if e.start.Before(time.Now()) || e.mayAsk() {
		t.Errorf("it may ask at once, start %v", e.start) // once in a million runs by chance
	}
	if e.start = time.Now().Add(-time.Second); !e.mayAsk() {
		t.Error("it may not ask after its start")
	}
}

func TestExchange(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte { return [][]byte{put(evil(t, r), 0, byte(r.msg.ID>>8)^1), good(t, r)} })
	id := newIdentity(t, "127.0.0.1")
	secure := serveStream(t, &id, honest)
	r := &Resolver{Timeout: 5 * time.Second, Roots: id.roots}
	set := r.settings()
	q, err := newQuery("api.a.test.", 1, asking{edns: true, udpSize: 1232})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		addr, transport string
		want            residency.Failure
	}{
		{s.addr, overUDP, ""}, {s.addr, overTCP, ""}, {"tls://" + secure.addr, overTLS, ""},
		{closedPort(t), overUDP, residency.FailUnreachable},
		{"tls://other.test@" + secure.addr, overTLS, residency.FailTLS},
	} {
		x := r.line(set, Server{}, tt.addr).exchange(t.Context(), tt.transport, q, 4711)
		if x.Failure != tt.want || (x.resp != nil) != (tt.want == "") || x.Transport != tt.transport || len(x.Request) == 0 {
			t.Errorf("%s over %s: %q (%v)", tt.addr, tt.transport, x.Failure, x.cause)
		}
	}
}
