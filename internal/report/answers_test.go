package report

import (
	"bytes"
	"encoding/csv"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"residency/internal/residency"
)

// elsewhere is a run in which India's users of the shop were told Singapore,
// and a look from here saw Beijing; Taiwan has nothing but what was seen from
// here.
func elsewhere() residency.Run {
	run := done()
	round := &run.Rounds[0]
	l := beijing.location()
	round.Locations[l.Address] = l
	here := residency.JudgedAddress{Address: l.Address, Side: residency.SideOutside, Grade: residency.Corroborated,
		Reasons: []residency.Reason{residency.ReasonNotTailored}, Resolvers: []string{"office"}}
	for i := range round.Cells {
		c := &round.Cells[i]
		switch c.Market {
		case cc("IN"):
			c.Addresses = append(c.Addresses, here)
		case cc("TW"):
			c.Addresses = []residency.JudgedAddress{here}
			c.Verdict, c.Grade, c.Reasons = residency.NotMeasured, residency.GradeNone, here.Reasons
		}
	}
	return run
}

func TestOnlyAnswersOfTheMarketAreShownAsItsOwn(t *testing.T) {
	t.Parallel()
	run := elsewhere()
	table := tableOf(t, run, Options{Width: 200})
	if n := strings.Count(table, "China or Germany"); n != 1 || !strings.Contains(table, "seen from here only: China or Germany") {
		t.Errorf("the table shows what was seen from here %d times, want once and as such:\n%s", n, table)
	}
	rows, err := csv.NewReader(strings.NewReader(write(t, "csv", run))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if strings.Contains(strings.Join(row, " "), "203.0.113.16") || strings.Contains(row[8], "CN") {
			t.Errorf("the CSV has what was seen from here: %q", row)
		}
	}
	for _, format := range []string{"nagios", "junit"} {
		if got := write(t, format, run); strings.Contains(got, "CN") || strings.Contains(got, "China") {
			t.Errorf("%s has what was seen from here: %s", format, got)
		}
	}
	for _, f := range flows(&run) {
		if f.place == cc("CN") {
			t.Errorf("the map has what was seen from here: %+v", f)
		}
	}
	whole := page(t, Page{Title: "t", Steps: []Step{{At: run.At, Run: run}}})
	if n := strings.Count(whole, "China or Germany"); n != strings.Count(whole, "seen from here only: China or Germany") {
		t.Errorf("the page shows what was seen from here %d times, not always as such", n)
	}
	if got := write(t, "json", run); strings.Count(got, `"seen_from_here":true`) != 2 {
		t.Error("the JSON does not say which addresses were seen from here")
	}
	i := slices.IndexFunc(run.Rounds[0].Cells, func(c residency.Cell) bool { return c.Market == cc("IN") })
	proof := explain(t, run, run.Claims[0].Claim, run.Rounds[0], run.Rounds[0].Cells[i], Options{Width: 200})
	if !strings.Contains(proof, "seen from here only, not by users of this market") {
		t.Errorf("the proof does not say that an address was seen from here:\n%s", proof)
	}
}

// edges is a run in which the shop is a declared edge: India's users are told
// an address in India, all others the usual.
func edges() residency.Run {
	india := place{"198.51.100.91", []string{"IN", "IN", "IN"}, "", residency.SideInside}
	return invent(date(2015, 1, 20), func(host int, m residency.Country) ([]place, residency.Failure) {
		if host == 0 && m == cc("IN") {
			return []place{india}, ""
		}
		return []place{singapore, oregon}, ""
	})
}

func TestEdgesAreSaidToBeAllowedAsSuch(t *testing.T) {
	t.Parallel()
	run := edges()
	const note = "static.shop.acme.example has answers outside the claim's own places, allowed only because"
	if got := tableOf(t, run, Options{Width: 200}); strings.Count(got, note) != 1 {
		t.Errorf("the table does not name the host allowed as an edge, once:\n%s", got)
	}
	if got := write(t, "json", run); strings.Count(got, `"allowed_as":"cdn"`) != 1 {
		t.Errorf("the JSON has allowed_as %d times, want 1", strings.Count(got, `"allowed_as":"cdn"`))
	}
	i := slices.IndexFunc(run.Rounds[0].Cells, func(c residency.Cell) bool { return c.Market == cc("IN") })
	proof := explain(t, run, run.Claims[0].Claim, run.Rounds[0], run.Rounds[0].Cells[i], Options{Width: 200})
	if want := "in the users' own country, allowed because the host is declared a CDN edge"; !strings.Contains(proof, want) {
		t.Errorf("the proof does not say %q:\n%s", want, proof)
	}
	whole := page(t, Page{Title: "t", Steps: []Step{{At: run.At, Run: run}}})
	for _, want := range []string{strings.ReplaceAll(note, "'", "&#39;"), "allowed as the host is declared a CDN edge"} {
		if !strings.Contains(whole, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if got := tableOf(t, done(), Options{}); strings.Contains(got, "CDN edge") {
		t.Errorf("an edge is named where none was needed:\n%s", got)
	}
}

func TestEdgeOf(t *testing.T) {
	t.Parallel()
	in, us := residency.CountriesOf(cc("IN")), residency.CountriesOf(cc("US"))
	oregonOnly := residency.Regions{Providers: []residency.ProviderRegion{{ID: "aws:us-west-2", Country: cc("US")}}}
	tests := []struct {
		name    string
		claim   residency.Claim
		role    residency.Role
		market  string
		at      residency.Location
		outside bool
		want    edge
	}{
		{"in an approved place", residency.Claim{Regions: residency.Regions{Countries: us}}, residency.RoleCDN, "IN", residency.Location{Countries: us}, false, edgeNot},
		{"at home", residency.Claim{Regions: residency.Regions{Countries: us}}, residency.RoleCDN, "IN", residency.Location{Countries: in}, false, edgeHome},
		{"home or approved", residency.Claim{Regions: residency.Regions{Countries: us}}, residency.RoleCDN, "IN", residency.Location{Countries: in.Union(us)}, false, edgeHome},
		{"elsewhere", residency.Claim{Regions: residency.Regions{Countries: us}}, residency.RoleCDN, "HK", residency.Location{Countries: in}, false, edgeElse},
		{"no edge", residency.Claim{Regions: residency.Regions{Countries: us}}, residency.RoleAPI, "IN", residency.Location{Countries: in}, false, edgeNot},
		{"outside all the same", residency.Claim{Regions: residency.Regions{Countries: us}}, residency.RoleCDN, "IN", residency.Location{Countries: in}, true, edgeNot},
		{"anywhere", residency.Claim{Regions: residency.Regions{Any: true}}, residency.RoleCDN, "IN", residency.Location{Countries: in}, false, edgeNot},
		{"the approved region", residency.Claim{Regions: oregonOnly}, residency.RoleCDN, "IN", residency.Location{Countries: us, Region: "aws:us-west-2"}, false, edgeNot},
		{"another region of the users' country", residency.Claim{Regions: oregonOnly}, residency.RoleCDN, "US", residency.Location{Countries: us, Region: "aws:us-east-1"}, false, edgeHome},
	}
	for _, tt := range tests {
		cell := residency.Cell{Market: cc(tt.market), Endpoint: residency.Endpoint{Role: tt.role}}
		a := residency.JudgedAddress{Side: residency.SideInside, Counts: true}
		if tt.outside {
			a.Side = residency.SideOutside
		}
		if got := edgeOf(tt.claim, &cell, a, tt.at); got != tt.want {
			t.Errorf("%s: edgeOf = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestCertainCountriesAreNamedFirst(t *testing.T) {
	t.Parallel()
	shanghai := place{"203.0.113.99", []string{"CN", "CN", "CN"}, "", residency.SideOutside}
	run := invent(date(2014, 11, 2), func(_ int, m residency.Country) ([]place, residency.Failure) {
		if m == cc("IN") {
			return []place{beijing, shanghai}, ""
		}
		return []place{singapore}, ""
	})
	if got, want := claimWords(&run, run.Claims[1]), "still outside; due since 31 Oct 2014; seen in China, and in China or Germany from India"; got != want {
		t.Errorf("claimWords = %q, want %q", got, want)
	}
}

func TestSourcesThatDifferAndAgreeOnTheSide(t *testing.T) {
	t.Parallel()
	run, claim, round, cell := found()
	got := explain(t, run, claim, round, cell, Options{Width: 200})
	if n := strings.Count(got, "they differ about the country and agree that it is not an approved one"); n != 2 {
		t.Errorf("the proof says %d times that the sources differ and agree, want of the address and of the result:\n%s", n, got)
	}
}

func TestOnTheWirePrefersLooksOfTheMarket(t *testing.T) {
	t.Parallel()
	answer := []residency.Answer{{Address: netip.MustParseAddr(beijing.addr)}}
	look := func(server string, tailoring residency.Tailoring, showed []residency.Answer) *residency.Observation {
		return &residency.Observation{Rcode: "NOERROR", Tailoring: tailoring, Addresses: showed,
			Exchanges: []residency.Exchange{{Server: server, Name: "n", Response: []byte(server)}}}
	}
	here, maybe := look("here", residency.TailoringNone, answer), look("maybe", residency.TailoringUnknown, answer)
	meant, other := look("meant", residency.TailoringSpecific, answer), look("other", residency.TailoringSpecific, nil)
	cell := &residency.Cell{Addresses: []residency.JudgedAddress{
		{Address: netip.MustParseAddr("192.0.2.1"), Side: residency.SideOutside}, // seen from here
		{Address: netip.MustParseAddr(beijing.addr), Side: residency.SideOutside, Counts: true},
	}}
	tests := []struct {
		looks []*residency.Observation
		want  string
	}{
		{[]*residency.Observation{here, other, maybe, meant}, "meant"},
		{[]*residency.Observation{here, maybe, other}, "maybe"},
		{[]*residency.Observation{other, here}, "here"},
	}
	for _, tt := range tests {
		s := onTheWire(tt.looks, cell)
		if len(s.Wire) != 2 || !bytes.Equal(s.Wire[1].Bytes, []byte(tt.want)) {
			t.Errorf("on the wire is %+v, want the look %q", s.Wire, tt.want)
		}
	}
	if s := onTheWire([]*residency.Observation{other}, cell); len(s.Wire) != 0 {
		t.Errorf("an exchange is shown that did not show the address: %+v", s)
	}
}
