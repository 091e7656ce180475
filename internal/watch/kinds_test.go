package watch

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"residency/internal/residency"
)

// TestAddressEndpoint: nothing is asked about an address; it is located and
// judged, also when nothing else is to be done.
func TestAddressEndpoint(t *testing.T) {
	t.Parallel()
	e := &eyes{status: two(), see: answer(inside)}
	eng := engine(e)
	eng.Endpoints = []residency.Endpoint{
		{Vendor: "v", Service: "s", Host: outside.String(), Address: outside},
		{Vendor: "v", Service: "other", Host: inside.String(), Address: inside}, // no claim covers it
	}
	run := eng.Run(t.Context())
	if len(e.asked) != 0 || len(run.Rounds) != 1 || len(run.Rounds[0].Cells) != 1 {
		t.Fatalf("asked %d, %d rounds", len(e.asked), len(run.Rounds))
	}
	if cell := run.Rounds[0].Cells[0]; cell.Verdict != residency.Outside || cell.Coverage.Needs != 0 {
		t.Errorf("cell %+v", cell)
	}
	if run.Partial || run.Claims[0].Standing != residency.Pending {
		t.Errorf("partial %v, standing %v", run.Partial, run.Claims[0].Standing)
	}
}

// TestTypes: what is asked of which endpoint, and that HTTPS is no need.
func TestTypes(t *testing.T) {
	t.Parallel()
	e := &eyes{status: two()[:1], see: answer(inside)}
	eng := engine(e)
	eng.Types = []string{"A", "AAAA", "HTTPS"}
	eng.Endpoints = []residency.Endpoint{
		{Vendor: "v", Service: "s", Host: "web.example"},
		{Vendor: "v", Service: "s", Host: "push.example", Role: residency.RolePush},
		{Vendor: "v", Service: "s", Host: "mail.example", Records: "MX"},
	}
	run := eng.Run(t.Context())
	got := map[string][]string{}
	for _, q := range e.asked {
		got[q.Endpoint.Host] = append([]string{q.Type}, got[q.Endpoint.Host]...)
	}
	for host, want := range map[string]string{"web.example": "A AAAA HTTPS", "push.example": "A AAAA", "mail.example": "MX"} {
		if strings.Join(got[host], " ") != want {
			t.Errorf("%s was asked for %v, want %s", host, got[host], want)
		}
	}
	for i, needs := range []int{2, 2, 1} {
		if c := run.Rounds[i].Cells[0].Coverage; c.Needs != needs {
			t.Errorf("%s: coverage %+v, want %d needs", run.Rounds[i].Endpoint.Host, c, needs)
		}
	}
}

// TestProgressOfManyAnswers: a resolver that is many servers answers a
// question several times, and that is one look done.
func TestProgressOfManyAnswers(t *testing.T) {
	t.Parallel()
	e := &many{eyes{status: two(), see: answer(inside)}}
	eng := engine(&e.eyes)
	eng.Observer = e
	var last, of int
	eng.Progress = func(done, total int) { last, of = done, total }
	run := eng.Run(t.Context())
	if last != 4 || of != 4 {
		t.Errorf("progress %d of %d, want 4 of 4", last, of)
	}
	if n := len(run.Rounds[0].Observations); n != 12 {
		t.Errorf("%d observations, want 12", n)
	}
	if netip.MustParseAddr("54.255.1.1") != run.Rounds[0].Cells[0].Addresses[0].Address {
		t.Errorf("addresses %+v", run.Rounds[0].Cells[0].Addresses)
	}
}

// many is eyes whose resolvers give three observations for each question.
type many struct{ eyes }

func (m *many) Observe(ctx context.Context, qs []residency.Question, done func(residency.Observation)) {
	m.eyes.Observe(ctx, qs, func(o residency.Observation) {
		for range 3 {
			done(o)
		}
	})
}
