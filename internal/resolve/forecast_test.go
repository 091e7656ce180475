package resolve

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"residency/internal/residency"
)

// TestForecast holds what is forecast against what servers get: never less than
// the least, which is exact where nothing gets lost, and never more than the
// most, whatever the server does.
func TestForecast(t *testing.T) {
	t.Parallel()
	var qs []residency.Question
	for _, host := range []string{"a.test", "b.test", "c.example"} {
		for _, typ := range []string{"A", "AAAA", "HTTPS"} {
			qs = append(qs, question(host, typ, "198.51.100.0/24"), question(host, typ, "203.0.113.0/24"))
		}
	}
	for _, tt := range []struct {
		name  string
		h     func(r request) reply
		exact bool
	}{
		{"honest", func(r request) reply { return reply{scope: 24, authority: []string{r.name + " 60 SOA ns.test"}} }, true},
		{"silent half of the time", nil, false},
		{"refuses EDNS", func(r request) reply {
			if r.opt {
				return reply{rcode: 1, noOPT: true}
			}
			return reply{noOPT: true, authority: []string{r.name + " 60 SOA ns.test"}}
		}, false},
		{"aliases that lead on", func(r request) reply {
			return reply{scope: 24, answers: []string{r.name + " 60 CNAME x." + r.name}}
		}, false},
		{"services that lead on", func(r request) reply {
			return reply{scope: 24, answers: []string{r.name + " 60 HTTPS 0 x." + r.name, r.name + " 60 HTTPS 0 y." + r.name}}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(r request) [][]byte {
				if tt.h == nil && r.nth%2 == 0 {
					return nil
				}
				p := reply{scope: 24}
				if tt.h != nil {
					p = tt.h(r)
				}
				return [][]byte{p.message(t, r)}
			})
			r := &Resolver{
				Servers: []Server{{Name: "fake", Addresses: []string{s.addr}, PassesSubnets: true}}, Timeout: 300 * time.Millisecond, Tries: 2,
				Controls: &Controls{Known: []Known{{"known.test", []netip.Addr{netip.MustParseAddr("198.51.100.5")}}}},
			}
			want := r.Forecast(0, Plan{Questions: qs, Within: time.Minute})
			r.Probe(t.Context(), qs[0])
			r.Observe(t.Context(), qs, func(residency.Observation) {})
			got := int(s.queries.Load())
			if got < want.Least || got > want.Most || tt.exact && got != want.Least {
				t.Errorf("the server got %d requests, forecast %+v", got, want)
			}
			if want.Looks != len(qs) || want.Tests != 4 || want.Least != len(qs)+4 || want.Takes != 0 {
				t.Errorf("Forecast = %+v", want)
			}
		})
	}
}

// TestForecastOfKeys: what validation asks for belongs to the figures, at the
// server that is asked for it.
func TestForecastOfKeys(t *testing.T) {
	t.Parallel()
	qs := []residency.Question{question("a.test", "A", ""), question("b.example", "A", "")}
	r := &Resolver{
		Servers: []Server{
			{Name: "own", Addresses: []string{"192.0.2.1:53"}, Authoritative: true},
			{Name: "public", Addresses: []string{"192.0.2.2:53"}, Rate: 2},
		},
		NewValidator: func(Fetch) Validator { return nil },
	}
	plan := Plan{Questions: qs, Within: time.Minute, Draws: Draws{Most: 1000, Authoritative: true}}
	own, public := r.Forecast(0, plan), r.Forecast(1, plan)
	if own.Signatures != 0 || own.Least != 3 {
		t.Errorf("of the vendor's own server: %+v", own)
	}
	// The root's keys and two top-level domains, for each of the two servers.
	if public.Signatures != 6 || public.Least != 9 || public.Takes != 4500*time.Millisecond {
		t.Errorf("of the public server: %+v", public)
	}
	// A minute at its rate, and what two looks under way may be ahead of it.
	if public.Most != 2*60+2*lookRequests {
		t.Errorf("of the public server: at most %d", public.Most)
	}
	if with := r.Forecast(0, Plan{Questions: qs, Draws: plan.Draws}); with.Most <= r.Forecast(0, Plan{Questions: qs}).Most {
		t.Errorf("draws are not counted: %+v", with)
	}
}

// TestForecastIterative: the same for servers that are found from the root.
func TestForecastIterative(t *testing.T) {
	t.Parallel()
	qs := []residency.Question{
		question("www.vendor.com", "A", "198.51.100.0/24"), question("www.vendor.com", "AAAA", "198.51.100.0/24"),
		question("api.vendor.com", "A", "198.51.100.0/24"), question("lb.balance.net", "A", "198.51.100.0/24"),
	}
	n := small(t)
	r := n.resolver(nil)
	want := r.Forecast(0, Plan{Questions: qs})
	r.Probe(t.Context(), qs[0])
	r.Observe(t.Context(), qs, func(residency.Observation) {})
	got := len(n.queries())
	if got < want.Least || got > want.Most || want.Looks != 4 || want.Finding != 3+2 {
		t.Errorf("%d requests, forecast %+v", got, want)
	}
	r = n.resolver(func(it *Iterative) { it.RunQueries = 5 })
	r.Rate = 1
	// With so few allowed, what is least is all there is.
	if few := r.Forecast(0, Plan{Questions: qs}); few.Most != few.Least || few.Takes != 2*time.Second {
		t.Errorf("with 5 requests a run: %+v", few)
	}
}

// TestServicesWithoutEnd: records that lead on and on end with the look's
// requests, as a failure that says so.
func TestServicesWithoutEnd(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r request) [][]byte {
		p := reply{scope: 24, answers: []string{r.name + " 60 HTTPS 0 x." + r.name}}
		for i := range 9 {
			p.answers = append(p.answers, r.name+" 60 HTTPS 0 "+string(rune('a'+i))+"."+r.name)
		}
		return [][]byte{p.message(t, r)}
	})
	r := patient(Server{Name: "fake", Addresses: []string{s.addr}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r.Observe(ctx, []residency.Question{question("a.test", "HTTPS", "")}, func(o residency.Observation) {
		if o.Failure != residency.FailChainTooLong {
			t.Errorf("failure %q (%s), want chain-too-long", o.Failure, o.Detail)
		}
	})
	if got := s.queries.Load(); got > lookRequests+DefaultMaxChain {
		t.Errorf("%d requests for one look", got)
	}
}
