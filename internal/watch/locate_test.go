package watch

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

func TestLedTo(t *testing.T) {
	t.Parallel()
	links := func(text string) []residency.Link {
		var list []residency.Link
		for _, l := range strings.Fields(text) {
			p := strings.Split(l, ">")
			list = append(list, residency.Link{Owner: p[0], Type: p[1], Target: p[2]})
		}
		return list
	}
	for _, tt := range []struct{ owner, chain, want string }{
		{"a.example", "", "a.example"},
		{"c.net", "a.example>CNAME>b.net b.net>CNAME>c.net", "c.net b.net"},
		{"x.b.net", "example>DNAME>b.net", "x.b.net x.example"},
		{"x.b.net", "a.example>CNAME>x.c.net c.net>DNAME>b.net", "x.b.net x.c.net"},
		{"x.b.net", "a.example>CNAME>x.c.net c.net>DNAME>b.net x.c.net>CNAME>x.b.net", "x.b.net x.c.net"},
		{"mx2.net", "a.example>MX>mx1.net a.example>MX>mx2.net mx1.net>CNAME>other.net", "mx2.net"},
		{"a.example", "a.example>HTTPS>a.example", "a.example"},
		{"b.net", "b.net>CNAME>c.net c.net>CNAME>b.net", "b.net c.net b.net"},
	} {
		if got := strings.Join(ledTo(residency.Answer{Owner: tt.owner}, "a.example", links(tt.chain)), " "); got != tt.want {
			t.Errorf("ledTo(%s, %s) = %q, want %q", tt.owner, tt.chain, got, tt.want)
		}
	}
}

// reader hints at the country that a name begins with.
type reader struct{ asked [][]string }

func (r *reader) Assert(names []string, into []residency.Assertion) []residency.Assertion {
	r.asked = append(r.asked, names)
	for _, n := range names {
		if c, ok := residency.ParseCountry(strings.ToUpper(n[:2])); ok {
			into = append(into, residency.Assertion{Class: residency.ClassHint, In: residency.CountriesOf(c)})
		}
	}
	return into
}

// phonebook is the names of addresses.
type phonebook struct {
	names map[netip.Addr][]string
	asked []netip.Addr
}

func (p *phonebook) Names(_ context.Context, addrs []netip.Addr) map[netip.Addr][]string {
	p.asked = append(p.asked, addrs...)
	return p.names
}

// TestHintsDecideNothing: names are read for every address, those that led to
// it and its own, and what they say stands beside the verdict.
func TestHintsDecideNothing(t *testing.T) {
	t.Parallel()
	e := &eyes{status: two(), see: func(q residency.Question) residency.Observation {
		o := answer(inside)(q)
		for i := range o.Addresses {
			o.Addresses[i].Owner = "edge.net"
			o.Chain = []residency.Link{{Owner: "a.example", Type: "CNAME", Target: "us-lb.net"}, {Owner: "us-lb.net", Type: "CNAME", Target: "edge.net"}}
		}
		return o
	}}
	eng, hints, names := engine(e), &reader{}, &phonebook{names: map[netip.Addr][]string{inside: {"cn-1.net", "us-lb.net"}}}
	eng.Hints, eng.Namer = hints, names
	plain := engine(&eyes{status: two(), see: answer(inside)}).Run(t.Context())
	run := eng.Run(t.Context())
	if !slices.Equal(names.asked, []netip.Addr{inside}) {
		t.Errorf("names asked of %v, want of the one address, once", names.asked)
	}
	if len(hints.asked) != 1 || strings.Join(hints.asked[0], " ") != "edge.net us-lb.net cn-1.net" {
		t.Errorf("hints read in %v", hints.asked)
	}
	round := run.Rounds[0]
	if said := round.Locations[inside].Assertions; len(said) != 2 || said[0].In.Codes()[0] != "US" || said[1].In.Codes()[0] != "CN" {
		t.Errorf("assertions %+v, want hints at US and CN", said)
	}
	if got, want := round.Cells[0].Verdict, plain.Rounds[0].Cells[0].Verdict; got != want || want != residency.Inside {
		t.Errorf("verdict %v with hints, %v without", got, want)
	}
	eng.Hints = nil
	if eng.Run(t.Context()); len(names.asked) != 1 {
		t.Error("names of addresses were asked for though nobody reads them")
	}
}

// rod measures nothing and says what it is told to.
type rod struct {
	says  Surveyed
	asked []netip.AddrPort
}

func (r *rod) Survey(_ context.Context, targets []netip.AddrPort) Surveyed {
	r.asked = append(r.asked, targets...)
	return r.says
}

// excluding locates as a gazetteer and excludes a country besides.
type excluding struct {
	gazetteer
	country residency.Country
}

func (x excluding) Locate(addr netip.Addr, at time.Time) residency.Location {
	l := x.gazetteer.Locate(addr, at)
	l.Countries = l.Countries.With(x.country)
	l.Excluded = residency.CountriesOf(x.country)
	return l
}

func TestSurvey(t *testing.T) {
	t.Parallel()
	eng := engine(&eyes{status: two(), see: answer(outside, inside)})
	eng.Endpoints = append(eng.Endpoints[:1:1], residency.Endpoint{Vendor: "v", Service: "s", Host: "push.example", Port: 5222},
		residency.Endpoint{Vendor: "v", Service: "s", Host: "198.51.100.1", Address: netip.MustParseAddr("198.51.100.1")})
	eng.Header.Datasets = make([]residency.Dataset, 1, 9)
	measure := &rod{says: Surveyed{
		Locator: excluding{gazetteer{inside: cn, outside: cn}, sg}, Datasets: []residency.Dataset{{Name: "handshakes"}},
		Surveys: []residency.Survey{{Vantage: "Pune", Targets: 5, Answered: 4, WhyNot6: "no far host"}},
	}}
	eng.Surveyor = measure
	run := eng.Run(t.Context())
	want := "[198.51.100.1:443 42.62.48.9:443 42.62.48.9:5222 54.255.1.1:443 54.255.1.1:5222]"
	var got []string
	for _, a := range measure.asked {
		got = append(got, a.String())
	}
	slices.Sort(got)
	if "["+strings.Join(got, " ")+"]" != want {
		t.Errorf("asked %v, want %v, each once", got, want)
	}
	if len(run.Surveys) != 1 || len(run.Datasets) != 2 || len(eng.Header.Datasets) != 1 || !slices.Contains(run.Notices, run.Surveys[0].Words()) {
		t.Errorf("surveys %+v, datasets %+v, notices %q", run.Surveys, run.Datasets, run.Notices)
	}
	if c := run.Rounds[0].Cells[0]; c.Verdict != residency.Outside || run.Claims[0].Where != residency.CountriesOf(cn) {
		t.Errorf("cell %+v in %v, want outside in CN by what was measured", c, run.Claims[0].Where)
	}

	// Dropped: the sources are asked as ever, and the reason is told.
	why := "somebody answers for others"
	eng.Surveyor = &rod{says: Surveyed{Surveys: []residency.Survey{{Vantage: "Pune", Reason: residency.ReasonRTTUntrusted, Why: why, WhyNot4: why, WhyNot6: why}}}}
	eng.Locator = gazetteer{}
	run = eng.Run(t.Context())
	c := run.Rounds[0].Cells[0]
	if c.Verdict != residency.Undetermined || !slices.Contains(c.Reasons, residency.ReasonRTTUntrusted) {
		t.Errorf("cell %+v, want undetermined, with rtt-untrusted", c)
	}
	if !slices.ContainsFunc(run.Notices, func(n string) bool { return strings.Contains(n, "(rtt-untrusted): "+why) }) {
		t.Errorf("notices %q do not say why", run.Notices)
	}

	// Nothing was seen, so nothing is measured.
	none := &rod{}
	eng.Endpoints, eng.Surveyor = eng.Endpoints[:1], none
	eng.Observer = &eyes{status: two(), see: answer()}
	if run := eng.Run(t.Context()); len(none.asked) > 0 || len(run.Surveys) > 0 {
		t.Errorf("measured %v", none.asked)
	}
}
