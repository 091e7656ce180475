package report

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s differs (run with -update and look at it):\n%s", name, cmp.Diff(string(want), string(got)))
	}
}

var (
	cc       = residency.MustCountry
	markets7 = []residency.Country{cc("HK"), cc("ID"), cc("IN"), cc("MY"), cc("PH"), cc("SG"), cc("TW")}
	built    = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	dbA      = &residency.Dataset{Name: "dbip-country", Lineage: "dbip", Class: residency.ClassDatabase, Built: built, SHA256: "9f2c51aa0b77e3d1", Records: 331000, Licence: "CC BY 4.0", File: "embedded"}
	dbB      = &residency.Dataset{Name: "geo-whois-asn", Lineage: "nro", Class: residency.ClassDatabase, Built: built.AddDate(0, 0, 16), SHA256: "51d0c2227711aabb", Records: 412000, Licence: "CC BY 4.0", File: "embedded"}
	dbC      = &residency.Dataset{Name: "ip2location-lite", Lineage: "ip2location", Class: residency.ClassDatabase, Built: built.AddDate(0, 3, 14), SHA256: "h1:Zk2yXo0", Licence: "CC BY-SA 4.0", File: "embedded"}
	ranges   = &residency.Dataset{Name: "aws-ip-ranges", Lineage: "holder", Class: residency.ClassProvider, Built: built.AddDate(-1, 1, 23), SHA256: "77aa90f0e1d2c3b4", Records: 13344, Stale: true, File: "ranges/ip-ranges.json"}
)

// What a made-up market is told: an address and where it is.
type place struct {
	addr    string
	in      []string // what the three databases say, in order
	region  string
	verdict residency.Side
}

var (
	oregon    = place{"192.0.2.20", []string{"US", "US", "US"}, "aws:us-west-2", residency.SideInside}
	singapore = place{"192.0.2.30", []string{"SG", "SG", "US"}, "aws:ap-southeast-1", residency.SideInside}
	beijing   = place{"203.0.113.16", []string{"DE", "CN", "CN"}, "", residency.SideOutside}
	unsure    = place{"198.51.100.7", []string{"SG", "CN", "SG"}, "", residency.SideUnknown}
)

func (p place) location() residency.Location {
	l := residency.Location{Address: netip.MustParseAddr(p.addr), Region: p.region, Decision: residency.DecidedDiffer}
	for i, d := range []*residency.Dataset{dbA, dbB, dbC} {
		in := residency.CountriesOf(cc(p.in[i]))
		l.Countries = l.Countries.Union(in)
		l.Voices = append(l.Voices, residency.Voice{Name: d.Lineage, Countries: in})
		l.Assertions = append(l.Assertions, residency.Assertion{Source: d.Lineage, Class: d.Class, Lineage: d.Lineage, In: in,
			Prefix: netip.PrefixFrom(l.Address, 24).Masked(), Dataset: d})
	}
	if p.region != "" {
		l.Decision, l.Countries = residency.DecidedHolder, residency.CountriesOf(cc(p.in[0]))
		l.Assertions = append(l.Assertions, residency.Assertion{Source: "aws", Class: residency.ClassProvider, Lineage: "holder",
			In: l.Countries, Region: p.region, Prefix: netip.PrefixFrom(l.Address, 20).Masked(), Stale: true, Dataset: ranges})
	}
	l.Conflict = l.Countries.Len() > 1
	return l
}

func (p place) grade() residency.Grade {
	if p.verdict == residency.SideUnknown {
		return residency.Asserted
	}
	return residency.Corroborated
}

// look asks for one host from one market and is told the places, or fails.
func look(e residency.Endpoint, market residency.Country, at time.Time, failure residency.Failure, told ...place) residency.Observation {
	subnet := netip.MustParsePrefix("198.18.0.0/24")
	o := residency.Observation{
		Question: residency.Question{Endpoint: e, Market: market, Subnet: residency.ClientSubnet{Prefix: subnet}, Type: "A"},
		Resolver: "lab-authority", Server: "127.0.0.1:5300", Transport: "udp", Authoritative: true,
		Rcode: "NOERROR", Tailoring: residency.TailoringSpecific, TailoringWhy: "the server used our client subnet",
		Returned: subnet, Scope: 24, At: at, RTT: 12300 * time.Microsecond,
	}
	if failure != "" {
		o.Rcode, o.Failure, o.Detail = "", failure, "ask 127.0.0.1:5300 for "+e.Host+": "+string(failure)
		o.Returned, o.Scope, o.Tailoring = netip.Prefix{}, 0, residency.TailoringNone
		return o
	}
	o.Chain = []residency.Link{{Owner: e.Host, Type: "CNAME", Target: "edge." + e.Host, TTL: 300}}
	for _, p := range told {
		o.Addresses = append(o.Addresses, residency.Answer{Address: netip.MustParseAddr(p.addr), TTL: 60, Owner: "edge." + e.Host})
	}
	return o
}

// cell judges what a market was told the simple way: worst side wins.
func cell(claim string, e residency.Endpoint, market residency.Country, failure residency.Failure, told ...place) residency.Cell {
	c := residency.Cell{Claim: claim, Endpoint: e, Market: market, Counts: true, Verdict: residency.Inside, Grade: residency.Corroborated,
		Coverage: residency.Coverage{Needs: 2, Met: 2, Looks: 2, Counted: 2}}
	if failure != "" {
		c.Verdict, c.Grade, c.Reasons = residency.NotMeasured, residency.GradeNone, []residency.Reason{residency.Reason(failure)}
		c.Coverage = residency.Coverage{Needs: 2, Looks: 2, Failed: 2}
		return c
	}
	for _, p := range told {
		a := residency.JudgedAddress{Address: netip.MustParseAddr(p.addr), Side: p.verdict, Grade: p.grade(), Counts: true,
			Tailoring: residency.TailoringSpecific, Resolvers: []string{"lab-authority"}}
		switch {
		case p.verdict == residency.SideOutside:
			c.Verdict, c.Reasons = residency.Outside, nil
		case p.verdict == residency.SideUnknown && c.Verdict != residency.Outside:
			a.Reasons = []residency.Reason{residency.ReasonConflict}
			c.Verdict, c.Grade, c.Reasons = residency.Undetermined, residency.Asserted, a.Reasons
			c.Suspected = residency.CountriesOf(cc("CN"))
		}
		c.Addresses = append(c.Addresses, a)
	}
	slices.SortFunc(c.Addresses, func(a, b residency.JudgedAddress) int { return a.Address.Compare(b.Address) })
	c.Pool = residency.Pool{Draws: 2, Addresses: len(told), Least: 1, Curve: []int{len(told), len(told)}}
	if c.Verdict == residency.Inside {
		unseen, bound := 0.0, 0.1391
		c.Pool.Draws, c.Pool.Least, c.Pool.Pattern = 40, 20, residency.PatternWholeSet
		c.Pool.Unseen, c.Pool.OutsideBound, c.Pool.Curve = &unseen, &bound, slices.Repeat([]int{len(told)}, 40)
	}
	return c
}

// told says what an endpoint tells a market at some stage of the migration.
type told func(host int, market residency.Country) ([]place, residency.Failure)

// invent makes a run of three promises of the phone maker "acme" at one time.
func invent(at time.Time, tell told) residency.Run {
	run := residency.Run{
		ID: "run-" + at.Format("20060102"), At: at, Started: at, Finished: at.Add(3 * time.Second), Version: "v0.1.0", ConfigSHA256: "abc123",
		Datasets:  []residency.Dataset{*dbA, *dbB, *dbC, *ranges},
		Resolvers: []residency.ResolverStatus{{Name: "lab-authority", Server: "127.0.0.1:5300", Answers: true, PassesSubnets: true, Declared: true, Authoritative: true, Text: "answers and passes client subnets on"}},
	}
	due := residency.Date{Year: 2014, Month: 10, Day: 31}
	late := residency.Date{Year: 2014, Month: 12, Day: 31}
	promise := func(id, title, service string, due residency.Date) residency.Claim {
		return residency.Claim{ID: id, Title: title, Vendor: "acme", Services: []string{service}, Markets: markets7,
			Regions: residency.Regions{Written: []string{"US", "SG"}, Countries: residency.CountriesOf(cc("US"), cc("SG"))},
			DueOn:   due, Due: due.End(time.UTC), Floor: residency.Corroborated, SaidBy: "the vice president of acme", SaidOn: residency.Date{Year: 2014, Month: 10, Day: 22},
			Quote: "By the end of the month all of it will have moved, and users will notice nothing but speed.", Source: "https://acme.example/blog/2014-10-22", Where: "config.toml:41"}
	}
	claims := []residency.Claim{
		promise("phase-1", "shop pages", "shop", due), promise("phase-2a", "accounts", "account", due), promise("phase-2b", "messages and cloud", "cloud", late),
	}
	hosts := []residency.Endpoint{
		{Vendor: "acme", Service: "shop", Host: "static.shop.acme.example", Role: residency.RoleCDN},
		{Vendor: "acme", Service: "account", Host: "api.account.acme.example", Role: residency.RoleAPI},
		{Vendor: "acme", Service: "cloud", Host: "sync.cloud.acme.example"},
	}
	for i, e := range hosts {
		round := residency.Round{Endpoint: e, At: at, Locations: make(map[netip.Addr]residency.Location)}
		for _, m := range markets7 {
			places, failure := tell(i, m)
			round.Observations = append(round.Observations, look(e, m, at, failure, places...))
			round.Cells = append(round.Cells, cell(claims[i].ID, e, m, failure, places...))
			for _, p := range places {
				l := p.location()
				round.Locations[l.Address] = l
			}
		}
		run.Rounds = append(run.Rounds, round)
		run.Claims = append(run.Claims, stand(claims[i], round, at))
	}
	return run
}

// stand adds up the cells of one claim.
func stand(c residency.Claim, round residency.Round, at time.Time) residency.ClaimStanding {
	s := residency.ClaimStanding{Claim: c, Markets: len(c.Markets)}
	for i := range round.Cells {
		cell := &round.Cells[i]
		s.Coverage = s.Coverage.Add(cell.Coverage)
		switch cell.Verdict {
		case residency.Inside:
			s.Counts.Inside++
		case residency.Outside:
			s.Counts.Outside++
			s.Outside = append(s.Outside, cell.Market)
			out, _ := places(&round, cell)
			s.Where = s.Where.Union(out)
		case residency.NotMeasured:
			s.Counts.NotMeasured++
		default:
			s.Counts.Undetermined++
		}
	}
	switch {
	case s.Counts.Outside > 0 && c.InForce(at):
		s.Standing = residency.Broken
	case s.Counts.Outside > 0:
		s.Standing = residency.Pending
	case s.Counts.Inside == len(round.Cells):
		s.Standing = residency.Holding
	}
	s.Effective = s.Standing
	return s
}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 9, 0, 0, 0, time.UTC) }

// inNovember is a run after the first due date: the shop is done but for what
// two markets cannot tell, accounts have one address left behind in a pool,
// the cloud has not moved.
func inNovember() residency.Run {
	return invent(date(2014, 11, 2), func(host int, m residency.Country) ([]place, residency.Failure) {
		switch {
		case host == 0 && m == cc("TW"):
			return nil, residency.FailTimeout
		case host == 0 && m == cc("PH"):
			return []place{singapore, unsure}, ""
		case host == 1 && m == cc("ID"):
			return []place{singapore, beijing}, ""
		case host == 2:
			return []place{beijing}, ""
		}
		return []place{singapore, oregon}, ""
	})
}

// done is a run in which everything has moved.
func done() residency.Run {
	return invent(date(2015, 1, 20), func(int, residency.Country) ([]place, residency.Failure) { return []place{singapore, oregon}, "" })
}

const notice = "Re-enactment: the answers are invented and judged with today's data. This is not evidence about anyone."
