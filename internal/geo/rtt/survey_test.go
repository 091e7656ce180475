package rtt

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"residency/internal/residency"
)

// world is a network that is not there: hosts at places, and signals that run
// between them and one vantage at the speed of light in fibre.
type world struct {
	at    LatLon                    // where the vantage truly stands
	hosts map[netip.AddrPort]host   // everybody else is silent
	dial  map[netip.AddrPort]int    // handshakes, by target
	proxy func(netip.AddrPort) bool // answers for others at once, when set
	mu    sync.Mutex
}

type host struct {
	at      LatLon
	slow    time.Duration // added to every answer but the third
	refuses bool
}

func (w *world) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if network != "tcp" {
		return nil, errors.New("not tcp")
	}
	to := netip.MustParseAddrPort(addr)
	w.mu.Lock()
	if w.dial == nil {
		w.dial = map[netip.AddrPort]int{}
	}
	w.dial[to]++
	n := w.dial[to]
	w.mu.Unlock()
	h, known := w.hosts[to]
	took := time.Duration(w.at.Distance(h.at) / 100 * float64(time.Millisecond))
	if n != 3 {
		took += h.slow
	}
	if w.proxy != nil && w.proxy(to) {
		known, took, h = true, 300*time.Microsecond, host{}
	}
	if !known {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if h.refuses {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	a, b := net.Pipe()
	b.Close()
	return a, nil
}

func (w *world) prober() *Prober { return &Prober{Dial: w.Dial, Now: time.Now} }

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// Addresses of RFC 6890's benchmarking block stand for real ones: nothing in
// these tests opens a socket to them.
var (
	sanJose  = FarHost{Name: "San Jose", Target: ap("198.18.0.1:443"), At: LatLon{37.3387, -121.8853}, Within: 10}
	london   = FarHost{Name: "London", Target: ap("198.18.0.2:443"), At: LatLon{51.5074, -0.1278}, Within: 10}
	london6  = FarHost{Name: "London", Target: ap("[2001:2::2]:443"), At: LatLon{51.5074, -0.1278}, Within: 10}
	kuala    = FarHost{Name: "Kuala Lumpur", Target: ap("198.18.0.3:443"), At: LatLon{3.1390, 101.6869}, Within: 10}
	target4  = ap("198.18.1.1:443")
	target6  = ap("[2001:2::1:1]:443")
	johor    = LatLon{1.4927, 103.7414}
	inBejing = host{at: beijing}
)

func worldOf(at LatLon, more map[netip.AddrPort]host, far ...FarHost) *world {
	w := &world{at: at, hosts: map[netip.AddrPort]host{}}
	for _, f := range far {
		w.hosts[f.Target] = host{at: f.At}
	}
	for a, h := range more {
		w.hosts[a] = h
	}
	return w
}

func TestSurvey(t *testing.T) {
	t.Parallel()
	everything := func(netip.AddrPort) bool { return true }
	tests := []struct {
		name    string
		world   *world
		vantage Vantage
		far     []FarHost
		targets []netip.AddrPort
		why     string // "" when the survey is to be believed
		why6    string
		notIn   string // excluded by the delay to the first target, a sample
	}{
		{"good", worldOf(singapore.At, map[netip.AddrPort]host{target4: {at: johor}}, sanJose, london), singapore,
			[]FarHost{sanJose, london}, []netip.AddrPort{target4}, "", "no far host answered over IPv6", "CN US DE"},
		{"both families", worldOf(singapore.At, map[netip.AddrPort]host{target6: {at: johor}}, london, london6), singapore,
			[]FarHost{london, london6}, []netip.AddrPort{target6}, "", "", "CN US DE"},
		{"a slow target, fast once", worldOf(singapore.At, map[netip.AddrPort]host{target4: {at: johor, slow: 400 * time.Millisecond}}, london), singapore,
			[]FarHost{london}, []netip.AddrPort{target4}, "", "no far", "CN US DE"},
		{"a proxy that accepts everything", &world{at: singapore.At, proxy: everything}, singapore,
			[]FarHost{sanJose, london}, []netip.AddrPort{target4}, "nobody has that address", "nobody has", ""},
		{"a proxy for one port", func() *world {
			w := worldOf(singapore.At, nil, london)
			w.proxy = func(to netip.AddrPort) bool { return to.Port() == 8883 }
			return w
		}(), singapore, []FarHost{london}, []netip.AddrPort{ap("198.18.1.1:8883")}, ":8883 answers", ":8883 answers", ""},
		{"a proxy that knows what is routed", func() *world {
			w := worldOf(singapore.At, nil)
			w.proxy = func(to netip.AddrPort) bool { return !to.Addr().Is6() && to.Addr().As4()[1] == 18 }
			return w
		}(), singapore, []FarHost{london}, []netip.AddrPort{target4}, "London (198.18.0.2:443) answers in 300µs, and light needs 7", "London", ""},
		{"wrong coordinates", worldOf(frankfurt.At, map[netip.AddrPort]host{target4: inBejing}, sanJose, london), singapore,
			[]FarHost{sanJose, london}, []netip.AddrPort{target4}, "not where it says", "not where it says", ""},
		{"no far hosts", worldOf(singapore.At, map[netip.AddrPort]host{target4: {at: johor}}), singapore,
			nil, []netip.AddrPort{target4}, "no far host answered", "no far host answered", ""},
		{"far hosts are silent", worldOf(singapore.At, map[netip.AddrPort]host{target4: {at: johor}}), singapore,
			[]FarHost{sanJose, london}, []netip.AddrPort{target4}, "no far host answered", "no far host answered", ""},
		{"far hosts are near", worldOf(singapore.At, map[netip.AddrPort]host{target4: {at: johor}}, kuala), singapore,
			[]FarHost{kuala}, []netip.AddrPort{target4}, "no far host answered", "no far host answered", ""},
		{"far hosts refuse", worldOf(singapore.At, map[netip.AddrPort]host{target4: {at: johor}, london.Target: {at: london.At, refuses: true}}), singapore,
			[]FarHost{london}, []netip.AddrPort{target4}, "no far host answered", "no far host answered", ""},
		{"no vantage", worldOf(singapore.At, nil, london), Vantage{Name: "x", At: LatLon{99, 0}},
			[]FarHost{london}, []netip.AddrPort{target4}, "no point on the Earth", "no point on the Earth", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := outlines(t)
			synctest.Test(t, func(t *testing.T) {
				s := tt.world.prober().Survey(t.Context(), tt.vantage, Calibration{Far: tt.far}, tt.targets)
				checkWhy(t, "Why", s.Why, tt.why)
				checkWhy(t, "WhyNot6", s.WhyNot6, tt.why6)
				if (s.Reason == residency.ReasonRTTUntrusted) != (tt.why != "") {
					t.Errorf("Reason = %q with %q", s.Reason, s.Why)
				}
				source, err := NewSource(o, s)
				if err != nil {
					t.Fatalf("NewSource: %v", err)
				}
				said := source.Assert(tt.targets[0].Addr(), nil)
				var notIn residency.Countries
				for _, a := range said {
					notIn = notIn.Union(a.NotIn)
					checkAssertion(t, a)
					if tt.why != "" && !strings.HasPrefix(a.Note, "rtt-untrusted: ") {
						t.Errorf("note %q does not say why nothing is excluded", a.Note)
					}
				}
				if want := set(tt.notIn); !want.SubsetOf(notIn) || want.Empty() != notIn.Empty() {
					t.Errorf("NotIn = %v, want %v in it", notIn, want)
				}
			})
		})
	}
}

func checkWhy(t *testing.T, field, got, want string) {
	t.Helper()
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("%s = %q, want %q in it", field, got, want)
	}
}

// checkAssertion holds what every assertion from delay must be.
func checkAssertion(t *testing.T, a residency.Assertion) {
	t.Helper()
	if !a.In.Empty() || a.Region != "" {
		t.Errorf("delay names a place: %v %q", a.In, a.Region)
	}
	if !a.Proven.SubsetOf(a.NotIn) {
		t.Errorf("Proven %v is no part of NotIn %v", a.Proven, a.NotIn)
	}
	if a.Dataset == nil || a.Dataset.Built.IsZero() || a.Dataset.SHA256 == "" || a.Note == "" {
		t.Errorf("an assertion without its origin: %+v", a)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	near := host{at: johor}
	tests := []struct {
		name  string
		hosts map[netip.AddrPort]host
		want  Delay // Target, At and Detail are not compared
	}{
		{"minimum of several", map[netip.AddrPort]host{target4: {at: beijing, slow: time.Second / 4}},
			Delay{Tries: 5, Answered: 5, Min: time.Duration(singapore.At.Distance(beijing) / 100 * float64(time.Millisecond))}},
		{"refused", map[netip.AddrPort]host{target4: {at: johor, refuses: true}},
			Delay{Tries: 5, Answered: 5, Refused: true, Min: time.Duration(singapore.At.Distance(near.at) / 100 * float64(time.Millisecond))}},
		{"silent", nil, Delay{Tries: 2, Failure: residency.FailTimeout}},
		{"slower than the time-out", map[netip.AddrPort]host{target4: {at: johor, slow: 3 * time.Second}},
			Delay{Tries: 2, Failure: residency.FailTimeout}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := worldOf(singapore.At, tt.hosts)
				got := w.prober().Measure(t.Context(), []netip.AddrPort{target4})[0]
				if got.Target != target4 || got.At.IsZero() || (got.Detail == "") != (got.Failure == "") {
					t.Errorf("Measure = %+v", got)
				}
				got.Target, got.At, got.Detail = netip.AddrPort{}, time.Time{}, ""
				if got != tt.want {
					t.Errorf("Measure = %+v, want %+v", got, tt.want)
				}
				if w.dial[target4] != tt.want.Tries {
					t.Errorf("%d handshakes, want %d", w.dial[target4], tt.want.Tries)
				}
			})
		})
	}
}

// TestRefusalIsTheLesserWord: a firewall near the vantage refuses some of the
// handshakes; what the far host itself answers counts, though it takes longer.
func TestRefusalIsTheLesserWord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		p := &Prober{Now: time.Now, Dial: func(context.Context, string, string) (net.Conn, error) {
			if n++; n%2 == 1 {
				time.Sleep(time.Millisecond)
				return nil, syscall.ECONNREFUSED
			}
			time.Sleep(80 * time.Millisecond)
			a, b := net.Pipe()
			b.Close()
			return a, nil
		}}
		d := p.Measure(t.Context(), []netip.AddrPort{target4})[0]
		if d.Min != 80*time.Millisecond || d.Refused || d.Answered != 5 {
			t.Errorf("Measure = %+v, want 80ms accepted", d)
		}
	})
}

func TestProberIsPolite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		last := map[string]time.Time{}
		p := &Prober{Now: time.Now, Tries: 7, Gap: time.Second, InFlight: 3}
		p.Dial = func(_ context.Context, _, addr string) (net.Conn, error) {
			mu.Lock()
			now++
			most = max(most, now)
			if before, ok := last[addr]; ok && time.Since(before) < time.Second {
				t.Errorf("%s was asked again after %v", addr, time.Since(before))
			}
			mu.Unlock()
			time.Sleep(20 * time.Millisecond)
			mu.Lock()
			now--
			last[addr] = time.Now()
			mu.Unlock()
			return nil, syscall.ECONNREFUSED
		}
		var targets []netip.AddrPort
		for i := range 10 {
			targets = append(targets, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, 2, byte(i)}), 443))
		}
		for i, d := range p.Measure(t.Context(), targets) {
			if d.Target != targets[i] || d.Tries != 7 {
				t.Errorf("delay %d = %+v", i, d)
			}
		}
		if most != 3 {
			t.Errorf("%d targets were measured at once, want 3", most)
		}
	})
}

func TestMeasureEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(singapore.At, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		s := w.prober().Survey(ctx, singapore, Calibration{Far: []FarHost{london}}, []netip.AddrPort{target4, target6})
		if took := time.Since(start); took > 400*time.Millisecond {
			t.Errorf("Survey took %v after its context ended", took)
		}
		for _, d := range s.Delays {
			if d.Failure != residency.FailBudget || d.Known() {
				t.Errorf("delay = %+v, want failure %s", d, residency.FailBudget)
			}
		}
		if s.Reason == "" {
			t.Error("a survey that was cut off is believed")
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := worldOf(singapore.At, nil).prober().Measure(ctx, []netip.AddrPort{target4})[0]
	if d.Failure != residency.FailCancelled || d.Tries != 0 {
		t.Errorf("Measure when cancelled = %+v", d)
	}
}

// TestRealSockets measures a listener and a closed port of this machine.
func TestRealSockets(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := ap(gone.Addr().String())
	gone.Close()
	p := &Prober{Dial: (&net.Dialer{}).DialContext, Now: time.Now, Gap: time.Millisecond}
	delays := p.Measure(t.Context(), []netip.AddrPort{ap(l.Addr().String()), closed})
	for i, refused := range []bool{false, true} {
		if d := delays[i]; !d.Known() || d.Refused != refused || d.Min > time.Second || d.Answered != LeastTries {
			t.Errorf("delay %d = %+v, want an answer, refused %v", i, d, refused)
		}
	}
}

// TestRealProxy dials through a proxy on this machine that answers for everybody.
func TestRealProxy(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	p := &Prober{Now: time.Now, Gap: time.Millisecond}
	p.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, l.Addr().String())
	}
	s := p.Survey(t.Context(), singapore, Calibration{Far: []FarHost{london}}, []netip.AddrPort{target4})
	if s.Reason != residency.ReasonRTTUntrusted || !s.Delays[0].Known() {
		t.Errorf("Survey through a proxy = %+v", s)
	}
}
