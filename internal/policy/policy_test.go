package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// set reads "SG|US".
func set(codes string) residency.Countries {
	var s residency.Countries
	for code := range strings.SplitSeq(codes, "|") {
		if code != "" {
			s = s.With(residency.MustCountry(code))
		}
	}
	return s
}

var (
	in      = residency.MustCountry("IN")
	usWest2 = residency.ProviderRegion{ID: "aws:us-west-2", Country: residency.MustCountry("US")}
	due     = time.Date(2014, 10, 31, 18, 30, 0, 0, time.UTC)
)

// located builds a location from "name=CC|CC" voices; "holder=SG@aws:region"
// gives a provider range, a trailing "!" a stale voice. The set is what fusion
// by design would make of it, given by the caller.
func located(countries string, voices ...string) residency.Location {
	loc := residency.Location{Countries: set(countries)}
	for _, v := range voices {
		name, rest, _ := strings.Cut(v, "=")
		rest, stale := strings.CutSuffix(rest, "!")
		codes, region, _ := strings.Cut(rest, "@")
		loc.Voices = append(loc.Voices, residency.Voice{Name: name, Countries: set(codes), Stale: stale})
		if region != "" {
			loc.Region = region
			loc.Assertions = append(loc.Assertions, residency.Assertion{
				Class: residency.ClassProvider, Region: region, In: set(codes),
			})
		}
	}
	return loc
}

// delayed adds what a measured delay excludes, in fibre and in a vacuum.
func delayed(loc residency.Location, fibre, vacuum string) residency.Location {
	loc.Excluded, loc.Impossible = set(fibre), set(vacuum)
	return loc
}

func missing(loc residency.Location) residency.Location {
	loc.Missing = []string{"geo.mmdb"}
	return loc
}

func claim(regions residency.Regions, never string) residency.Claim {
	return residency.Claim{
		ID: "c", Regions: regions, Never: set(never), Markets: []residency.Country{in},
		Services: []string{"s"}, Vendor: "v", Due: due, Floor: residency.Corroborated,
	}
}

func countries(codes string) residency.Regions { return residency.Regions{Countries: set(codes)} }

func reasons(list []residency.Reason) string {
	var s []string
	for _, r := range list {
		s = append(s, string(r))
	}
	return strings.Join(s, " ")
}

func TestPlace(t *testing.T) {
	t.Parallel()
	ussg := claim(countries("US|SG"), "")
	neverCN := claim(residency.Regions{Any: true}, "CN")
	oneRegion := claim(residency.Regions{Providers: []residency.ProviderRegion{usWest2}}, "")
	mixed := claim(residency.Regions{Countries: set("SG"), Providers: []residency.ProviderRegion{usWest2}}, "")
	asserted := ussg
	asserted.Floor = residency.Asserted
	cdn := ussg
	cdn.CDNRegions = countries("JP")
	edge := func(why residency.Reason) residency.Location { return residency.Location{Veto: why} }

	tests := []struct {
		name      string
		claim     residency.Claim
		role      residency.Role
		loc       residency.Location
		side      residency.Side
		grade     residency.Grade
		reasons   string
		suspected string
	}{
		{"three agree inside", ussg, 0, located("SG", "a=SG", "b=SG", "c=SG"), residency.SideInside, residency.Corroborated, "", ""},
		{"differ inside the claim", ussg, 0, located("SG|US", "a=SG", "b=US", "c=US"), residency.SideInside, residency.Corroborated, "", ""},
		{"differ across the border", ussg, 0, located("CN|SG", "a=SG", "b=CN", "c=SG"), residency.SideUnknown, 0, "conflict", "CN"},
		{"CN DE CN is outside whatever the country", ussg, 0, located("CN|DE", "a=CN", "b=DE", "c=CN"), residency.SideOutside, residency.Corroborated, "", ""},
		{"one voice outside", ussg, 0, located("CN", "a=CN"), residency.SideUnknown, 0, "below-grade", "CN"},
		{"one voice outside, claim asks for no more", asserted, 0, located("CN", "a=CN"), residency.SideOutside, residency.Asserted, "", ""},
		{"one voice inside is never inside", asserted, 0, located("SG", "a=SG"), residency.SideUnknown, 0, "below-grade", ""},
		{"holder and one lineage, one against", ussg, 0, located("SG", "holder=SG@aws:ap-southeast-1", "a=SG", "b=CN"), residency.SideInside, residency.Corroborated, "", ""},
		{"holder and one lineage, two against", ussg, 0, located("SG", "holder=SG@aws:ap-southeast-1", "a=SG", "b=CN", "c=CN"), residency.SideUnknown, 0, "conflict", "CN"},
		{"missing source blocks inside", ussg, 0, missing(located("SG", "a=SG", "b=SG")), residency.SideUnknown, 0, "source-missing", ""},
		{"missing source does not hide outside", ussg, 0, missing(located("CN", "a=CN", "b=CN")), residency.SideOutside, residency.Corroborated, "", ""},
		{"stale voices do not make inside", ussg, 0, located("SG", "a=SG!", "b=SG", "c=SG!"), residency.SideUnknown, 0, "stale-data", ""},
		{"a stale voice beside two good ones", ussg, 0, located("SG", "a=SG!", "b=SG", "c=SG"), residency.SideInside, residency.Corroborated, "", ""},
		{"stale voices speak for outside", ussg, 0, located("CN", "a=CN!", "b=CN!"), residency.SideOutside, residency.Corroborated, "", ""},
		{"no evidence", ussg, 0, located(""), residency.SideUnknown, 0, "no-evidence", ""},
		{"no evidence and a source missing", ussg, 0, missing(located("")), residency.SideUnknown, 0, "no-evidence source-missing", ""},
		{"special purpose", ussg, 0, edge(residency.ReasonSpecialPurpose), residency.SideUnknown, 0, "special-purpose", ""},
		{"undeclared edge", ussg, 0, edge(residency.ReasonEdge), residency.SideUnknown, 0, "edge", ""},
		{"anycast", ussg, 0, edge(residency.ReasonAnycast), residency.SideUnknown, 0, "anycast", ""},
		{"never CN, in CN", neverCN, 0, located("CN", "a=CN", "b=CN"), residency.SideOutside, residency.Corroborated, "", ""},
		{"never CN, elsewhere", neverCN, 0, located("DE", "a=DE", "b=DE"), residency.SideInside, residency.Corroborated, "", ""},
		{"never CN, perhaps CN", neverCN, 0, located("CN|DE", "a=CN", "b=DE", "c=CN"), residency.SideUnknown, 0, "conflict", "CN"},
		{"HK is not CN", neverCN, 0, located("HK", "a=HK", "b=HK"), residency.SideInside, residency.Corroborated, "", ""},
		{"never wins over regions", claim(countries("US|CN"), "CN"), 0, located("CN", "a=CN", "b=CN"), residency.SideOutside, residency.Corroborated, "", ""},
		{"named region", oneRegion, 0, located("US", "holder=US@aws:us-west-2", "a=US"), residency.SideInside, residency.Corroborated, "", ""},
		{"other region of the country", oneRegion, 0, located("US", "holder=US@aws:us-east-1", "a=US"), residency.SideOutside, residency.Corroborated, "other-region", ""},
		{"region not shown", oneRegion, 0, located("US", "a=US", "b=US", "c=US"), residency.SideUnknown, 0, "region-not-shown", ""},
		{"no country of an approved region", oneRegion, 0, located("SG", "holder=SG@aws:ap-southeast-1", "a=SG"), residency.SideOutside, residency.Corroborated, "", ""},
		{"other region, approved as a country", mixed, 0, located("SG", "holder=SG@aws:ap-southeast-1", "a=SG"), residency.SideInside, residency.Corroborated, "", ""},
		{"region named, contradicted by all", oneRegion, 0, located("CN|US", "holder=US@aws:us-west-2", "a=CN", "b=CN"), residency.SideUnknown, 0, "conflict", "CN"},
		{"too far to be in Singapore", ussg, 0, delayed(located("CN|SG", "a=SG", "b=CN", "c=SG"), "SG|US", ""), residency.SideOutside, residency.Corroborated, "", ""},
		{"one voice and physics", ussg, 0, delayed(located("CN", "a=CN"), "SG|US", ""), residency.SideOutside, residency.Corroborated, "", ""},
		{"physics for one of two places is no voice", ussg, 0, delayed(located("CN", "a=CN"), "SG", ""), residency.SideUnknown, 0, "below-grade", "CN"},
		{"even light could not", ussg, 0, delayed(located("CN|SG", "a=SG", "b=CN"), "SG|US|DE", "SG|US"), residency.SideOutside, residency.Proven, "", ""},
		{"physics against all that speak", ussg, 0, delayed(located("SG", "a=SG", "b=SG"), "SG|US", "SG|US"), residency.SideUnknown, 0, "conflict", ""},
		{"physics never makes inside", ussg, 0, delayed(located("CN|SG", "a=SG", "b=CN", "c=SG"), "CN", "CN"), residency.SideUnknown, 0, "conflict", "CN"},
		{"a refuted voice is none", ussg, 0, delayed(located("SG|US", "a=SG", "b=US"), "SG", ""), residency.SideUnknown, 0, "below-grade", ""},
		{"physics says nothing without a country", ussg, 0, delayed(located(""), "SG|US", "SG|US"), residency.SideUnknown, 0, "no-evidence", ""},
		{"a delay silences no dissent", ussg, 0, delayed(located("SG", "holder=SG@aws:ap-southeast-1", "a=SG", "b=CN", "c=CN"), "CN", "CN"), residency.SideUnknown, 0, "conflict", "CN"},
		{"an old list outweighs no dissent", ussg, 0, located("SG", "holder=SG@aws:ap-southeast-1!", "a=SG", "b=SG", "c=CN"), residency.SideUnknown, 0, "stale-data", "CN"},
		{"an old list shows no region", oneRegion, 0, located("US", "holder=US@aws:us-west-2!", "a=US", "b=US"), residency.SideUnknown, 0, "stale-data", ""},
		{"an old list without dissent", ussg, 0, located("SG", "holder=SG@aws:ap-southeast-1!", "a=SG", "b=SG"), residency.SideInside, residency.Corroborated, "", ""},
		{"cdn may stand in the market", cdn, residency.RoleCDN, located("IN", "a=IN", "b=IN"), residency.SideInside, residency.Corroborated, "", ""},
		{"cdn may stand in cdn_regions", cdn, residency.RoleCDN, located("JP", "a=JP", "b=JP"), residency.SideInside, residency.Corroborated, "", ""},
		{"origin may not", cdn, residency.RoleOrigin, located("JP", "a=JP", "b=JP"), residency.SideOutside, residency.Corroborated, "", ""},
		{"cdn in a third country", cdn, residency.RoleCDN, located("CN", "a=CN", "b=CN"), residency.SideOutside, residency.Corroborated, "", ""},
	}
	for _, tt := range tests {
		p := Place(tt.claim, tt.role, in, tt.loc)
		if p.Side != tt.side || p.Grade != tt.grade || reasons(p.Reasons) != tt.reasons || p.Suspected.String() != tt.suspected {
			t.Errorf("%s: Place = %v %v [%s] suspected %q, want %v %v [%s] %q", tt.name,
				p.Side, p.Grade, reasons(p.Reasons), p.Suspected, tt.side, tt.grade, tt.reasons, tt.suspected)
		}
		if !p.Counts {
			t.Errorf("%s: does not count", tt.name)
		}
	}
	if p := Place(cdn, residency.RoleCDN, in, edge(residency.ReasonAnycast)); p.Counts || p.Side != residency.SideUnknown {
		t.Errorf("anycast address of a declared CDN: Place = %+v, want one that does not count", p)
	}
}

var (
	subA = residency.ClientSubnet{Prefix: netip.MustParsePrefix("49.36.0.0/24")}
	subB = residency.ClientSubnet{Prefix: netip.MustParsePrefix("103.27.8.0/24")}

	addrSG  = netip.MustParseAddr("54.255.1.1")
	addrUS  = netip.MustParseAddr("54.245.1.1")
	addrCN  = netip.MustParseAddr("42.62.48.9")
	addrOne = netip.MustParseAddr("42.62.48.10") // one source says CN
	addrCDN = netip.MustParseAddr("104.16.0.1")
	addrNo  = netip.MustParseAddr("10.0.0.1")
)

func locations() map[netip.Addr]residency.Location {
	return map[netip.Addr]residency.Location{
		addrSG:  located("SG", "a=SG", "b=SG", "c=SG"),
		addrUS:  located("US", "a=US", "b=US", "c=US"),
		addrCN:  located("CN", "a=CN", "b=CN", "c=CN"),
		addrOne: located("CN", "a=CN"),
		addrCDN: {Veto: residency.ReasonAnycast},
		addrNo:  {Veto: residency.ReasonSpecialPurpose},
	}
}

// look makes an observation from "resolver subnet type tailoring outcome":
// outcome is addresses separated by commas, "nodata" or a failure.
func look(spec string) residency.Observation {
	f := strings.Fields(spec)
	o := residency.Observation{Resolver: f[0], Rcode: "NOERROR"}
	o.Market, o.Type = in, f[2]
	o.Subnet = map[string]residency.ClientSubnet{"A": subA, "B": subB, "-": {}, "X": {Prefix: subA.Prefix, Displaced: true}}[f[1]]
	if f[3] == "local" {
		o.Local = true
	} else if err := o.Tailoring.UnmarshalText([]byte(f[3])); err != nil {
		panic(err)
	}
	names := map[string]netip.Addr{"sg": addrSG, "us": addrUS, "cn": addrCN, "one": addrOne, "cdn": addrCDN, "priv": addrNo}
	switch fail := residency.Failure(f[4]); {
	case f[4] == "nodata":
	case fail.Valid():
		o.Failure, o.Rcode = fail, ""
	default:
		for name := range strings.SplitSeq(f[4], ",") {
			o.Addresses = append(o.Addresses, residency.Answer{Address: names[name], TTL: 60})
		}
	}
	return o
}

func facts(specs ...string) Facts {
	f := Facts{
		Endpoint:  residency.Endpoint{Vendor: "v", Service: "s", Host: "h.example", Where: "config.toml:9"},
		Market:    residency.Market{Code: in, Subnets: []residency.ClientSubnet{subA}},
		Types:     []string{"A", "AAAA"},
		Locations: locations(),
		At:        due.Add(time.Hour),
	}
	for _, s := range specs {
		if strings.HasPrefix(s, "g B ") || strings.Contains(s, " B ") {
			f.Market.Subnets = []residency.ClientSubnet{subA, subB}
		}
		f.Looks = append(f.Looks, look(s))
	}
	return f
}

func TestJudge(t *testing.T) {
	t.Parallel()
	c := claim(countries("US|SG"), "")
	tests := []struct {
		name    string
		looks   []string
		change  func(*Facts, *residency.Claim)
		verdict residency.Verdict
		grade   residency.Grade
		reasons string
		counts  bool
	}{
		{"inside", []string{"g A A specific sg", "g A AAAA specific nodata"}, nil, residency.Inside, residency.Corroborated, "", true},
		{"one outside in a pool", []string{"g A A specific sg,us,cn", "g A AAAA specific nodata"}, nil, residency.Outside, residency.Corroborated, "", true},
		{"outside needs no other need", []string{"g A A specific cn", "g A AAAA specific timeout"}, nil, residency.Outside, residency.Corroborated, "", true},
		{"a need lost", []string{"g A A specific sg", "g A AAAA specific timeout"}, nil, residency.Undetermined, 0, "timeout", true},
		{"a need never asked", []string{"g A A specific sg"}, nil, residency.Undetermined, 0, "cancelled", true},
		{"a subnet lost", []string{"g A A specific sg", "g A AAAA specific nodata", "g B A specific servfail", "g B AAAA specific nodata"}, nil, residency.Undetermined, 0, "servfail", true},
		{"a look lost beyond the needs", []string{"g A A specific sg", "g A AAAA specific nodata", "g B A specific sg", "g B AAAA specific nodata", "q A A specific sg", "q A AAAA specific nodata", "q B A specific timeout", "q B AAAA specific nodata"}, nil, residency.Inside, residency.Corroborated, "", true},
		{"a whole resolver lost could have dissented", []string{"g A A specific sg", "g A AAAA specific nodata", "q A A none timeout", "q A AAAA none timeout"}, nil, residency.Undetermined, 0, "timeout", true},
		{"a resolver that strips subnets is harmless", []string{"g A A specific sg", "g A AAAA specific nodata", "q A A none us", "q A AAAA none timeout"}, nil, residency.Inside, residency.Corroborated, "", true},
		{"a resolver that has stopped passing subnets on could have dissented", []string{"g A A specific sg", "g A AAAA specific nodata", "q A A none us", "q A AAAA none nodata"}, func(f *Facts, c *residency.Claim) { f.Degraded = []string{"q"} }, residency.Undetermined, 0, "not-tailored", true},
		{"outside seen only from here", []string{"g A A specific sg", "g A AAAA specific nodata", "q A A none cn", "q A AAAA none nodata"}, nil, residency.Inside, residency.Corroborated, "", true},
		{"not tailored at all", []string{"q A A none sg", "q A AAAA none nodata"}, nil, residency.NotMeasured, 0, "not-tailored", true},
		{"unknown from two resolvers", []string{"g A A unknown sg", "g A AAAA unknown nodata", "q A A unknown us", "q A AAAA unknown nodata"}, nil, residency.Inside, residency.Corroborated, "", true},
		{"unknown from one resolver", []string{"g A A unknown sg", "g A AAAA unknown nodata"}, nil, residency.Undetermined, 0, "below-grade not-tailored", true},
		{"unknown from one resolver, asserted is enough", []string{"g A A unknown sg", "g A AAAA unknown nodata"}, func(f *Facts, c *residency.Claim) { c.Floor = residency.Asserted }, residency.Inside, residency.Asserted, "", true},
		{"unknown outside from two", []string{"g A A unknown cn", "g A AAAA unknown nodata", "q A A unknown cn", "q A AAAA unknown nodata"}, nil, residency.Outside, residency.Corroborated, "", true},
		{"unknown outside from one of two", []string{"g A A unknown cn", "g A AAAA unknown nodata", "q A A unknown sg", "q A AAAA unknown nodata"}, nil, residency.Undetermined, 0, "below-grade not-tailored", true},
		{"global is enough alone", []string{"g A A global sg", "g A AAAA global nodata"}, nil, residency.Inside, residency.Corroborated, "", true},
		{"a resolver that stands there", []string{"g - A local sg", "g - AAAA local nodata"}, func(f *Facts, c *residency.Claim) { f.Market.Subnets = nil }, residency.Inside, residency.Corroborated, "", true},
		{"one source says outside", []string{"g A A specific one", "g A AAAA specific nodata"}, nil, residency.Undetermined, 0, "below-grade", true},
		{"private address", []string{"g A A specific sg,priv", "g A AAAA specific nodata"}, nil, residency.Undetermined, 0, "special-purpose", true},
		{"no address anywhere", []string{"g A A specific nodata", "g A AAAA specific nodata"}, nil, residency.NotMeasured, 0, "no-address", true},
		{"gone", []string{"g A A specific nxdomain", "g A AAAA specific nxdomain"}, nil, residency.NotMeasured, 0, "nxdomain", true},
		{"nothing asked", nil, nil, residency.NotMeasured, 0, "cancelled", true},
		{"displaced subnet", []string{"g X A specific sg", "g X AAAA specific nodata"}, nil, residency.NotMeasured, 0, "not-tailored", true},
		{"retired and gone", []string{"g A A specific nxdomain", "g A AAAA specific nxdomain"}, func(f *Facts, c *residency.Claim) { f.Endpoint.Retired = due }, residency.NotMeasured, 0, "nxdomain", false},
		{"retired and back", []string{"g A A specific cn", "g A AAAA specific nodata"}, func(f *Facts, c *residency.Claim) { f.Endpoint.Retired = due }, residency.Outside, residency.Corroborated, "", true},
		{"retired later", []string{"g A A specific nxdomain", "g A AAAA specific nxdomain"}, func(f *Facts, c *residency.Claim) { f.Endpoint.Retired = due.AddDate(0, 1, 0) }, residency.NotMeasured, 0, "nxdomain", true},
		{"httpdns inside", []string{"g A A specific sg", "g A AAAA specific nodata"}, func(f *Facts, c *residency.Claim) { f.Endpoint.Role = residency.RoleHTTPDNS }, residency.Undetermined, 0, "bypasses-dns", true},
		{"httpdns outside", []string{"g A A specific cn", "g A AAAA specific nodata"}, func(f *Facts, c *residency.Claim) { f.Endpoint.Role = residency.RoleHTTPDNS }, residency.Outside, residency.Corroborated, "", true},
		{"cdn with anycast and a unicast inside", []string{"g A A specific sg,cdn", "g A AAAA specific nodata"}, func(f *Facts, c *residency.Claim) { f.Endpoint.Role = residency.RoleCDN }, residency.Inside, residency.Corroborated, "", true},
		{"cdn with anycast only", []string{"g A A specific cdn", "g A AAAA specific nodata"}, func(f *Facts, c *residency.Claim) { f.Endpoint.Role = residency.RoleCDN }, residency.Undetermined, 0, "anycast", false},
		{"cdn with anycast only and a need lost", []string{"g A A specific cdn", "g A AAAA specific servfail"}, func(f *Facts, c *residency.Claim) { f.Endpoint.Role = residency.RoleCDN }, residency.Undetermined, 0, "anycast servfail", true},
		{"unknown, and the second resolver showed nothing", []string{"g A A unknown sg", "g A AAAA unknown nodata", "q A A unknown nodata", "q A AAAA unknown nodata"}, nil, residency.Undetermined, 0, "below-grade not-tailored", true},
		{"retired, and nobody answered", []string{"g A A specific timeout", "g A AAAA specific timeout"}, func(f *Facts, c *residency.Claim) { f.Endpoint.Retired = due }, residency.NotMeasured, 0, "timeout", true},
		{"a resolver that stands there answers for others", []string{"g A A local sg", "g A AAAA local nodata"}, func(f *Facts, c *residency.Claim) {
			for i := range f.Looks {
				f.Looks[i].Returned = netip.MustParsePrefix("114.114.114.0/24")
			}
		}, residency.NotMeasured, 0, "not-tailored", true},
		{"an HTTPS record leads to where nothing was seen", []string{"g A A specific sg", "g A AAAA specific nodata", "g A HTTPS specific servfail"}, func(f *Facts, c *residency.Claim) {
			f.Looks[2].Chain = []residency.Link{{Owner: "h.example", Type: "HTTPS", Target: "lost.example"}}
		}, residency.Undetermined, 0, "servfail", true},
		{"an HTTPS look lost is no matter", []string{"g A A specific sg", "g A AAAA specific nodata", "g A HTTPS specific servfail"}, nil, residency.Inside, residency.Corroborated, "", true},
		{"undeclared anycast", []string{"g A A specific cdn", "g A AAAA specific nodata"}, nil, residency.Undetermined, 0, "anycast", true},
		{"never located", []string{"g A A specific sg", "g A AAAA specific nodata"}, func(f *Facts, c *residency.Claim) { f.Locations = nil }, residency.Undetermined, 0, "no-evidence", true},
	}
	for _, tt := range tests {
		f, c := facts(tt.looks...), c
		if tt.change != nil {
			tt.change(&f, &c)
		}
		cell := Judge(c, f)
		if cell.Verdict != tt.verdict || cell.Grade != tt.grade || reasons(cell.Reasons) != tt.reasons || cell.Counts != tt.counts {
			t.Errorf("%s: Judge = %v %v [%s] counts %v, want %v %v [%s] %v", tt.name,
				cell.Verdict, cell.Grade, reasons(cell.Reasons), cell.Counts, tt.verdict, tt.grade, tt.reasons, tt.counts)
		}
		for _, r := range cell.Reasons {
			if !r.Valid() {
				t.Errorf("%s: reason %q is not on the closed list", tt.name, r)
			}
		}
	}
}

func TestJudgeShowsWhatItRestsOn(t *testing.T) {
	t.Parallel()
	cell := Judge(claim(countries("US|SG"), ""), facts("g A A specific sg,one", "g A AAAA specific nodata", "q A A none cn", "q A AAAA none timeout"))
	if got := cell.Suspected.String(); got != "CN" {
		t.Errorf("suspected %q, want CN", got)
	}
	if want := (residency.Coverage{Needs: 2, Met: 2, Looks: 4, Counted: 2, Failed: 1}); cell.Coverage != want {
		t.Errorf("coverage %+v, want %+v", cell.Coverage, want)
	}
	if len(cell.Addresses) != 3 || cell.Addresses[0].Address != addrCN || cell.Addresses[0].Counts {
		t.Errorf("addresses %+v: want three, the one seen only from here not counting", cell.Addresses)
	}
	gone := Judge(claim(countries("US"), ""), facts("g A A specific nxdomain", "g A AAAA specific nxdomain"))
	if len(gone.Hints) != 1 || !strings.Contains(gone.Hints[0], "retired = DATE") || !strings.Contains(gone.Hints[0], "config.toml:9") {
		t.Errorf("hints %q", gone.Hints)
	}
}

func TestStand(t *testing.T) {
	t.Parallel()
	c := claim(countries("US|SG"), "")
	policy := residency.Claim{Kind: residency.KindPolicy, From: due}
	always := residency.Claim{Kind: residency.KindPolicy}
	cell := func(v residency.Verdict) residency.Cell {
		return residency.Cell{Verdict: v, Counts: true, Market: in}
	}
	skip := func(v residency.Verdict) residency.Cell { return residency.Cell{Verdict: v, Market: in} }
	tests := []struct {
		name  string
		claim residency.Claim
		at    time.Time
		cells []residency.Cell
		want  residency.Standing
	}{
		{"no cells", c, due, nil, residency.StandingUnknown},
		{"only cells that do not count", c, due, []residency.Cell{skip(residency.Inside)}, residency.StandingUnknown},
		{"all inside", c, due, []residency.Cell{cell(residency.Inside), cell(residency.Inside)}, residency.Holding},
		{"inside beside one that does not count", c, due, []residency.Cell{cell(residency.Inside), skip(residency.Outside)}, residency.Holding},
		{"one undetermined", c, due, []residency.Cell{cell(residency.Inside), cell(residency.Undetermined)}, residency.StandingUnknown},
		{"one not measured", c, due, []residency.Cell{cell(residency.Inside), cell(residency.NotMeasured)}, residency.StandingUnknown},
		{"outside, a nanosecond before", c, due.Add(-1), []residency.Cell{cell(residency.Outside)}, residency.Pending},
		{"outside, due", c, due, []residency.Cell{cell(residency.Inside), cell(residency.Outside), cell(residency.Undetermined)}, residency.Broken},
		{"policy not yet in force", policy, due.Add(-1), []residency.Cell{cell(residency.Outside)}, residency.Pending},
		{"policy in force", policy, due, []residency.Cell{cell(residency.Outside)}, residency.Broken},
		{"policy without a date", always, due, []residency.Cell{cell(residency.Outside)}, residency.Broken},
	}
	for _, tt := range tests {
		if got := Stand(tt.claim, tt.cells, nil, tt.at).Standing; got != tt.want {
			t.Errorf("%s: Stand = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestWorst(t *testing.T) {
	t.Parallel()
	tests := []struct {
		list []residency.Standing
		want residency.Standing
	}{
		{nil, residency.StandingUnknown},
		{[]residency.Standing{residency.Holding}, residency.Holding},
		{[]residency.Standing{residency.Holding, residency.Pending}, residency.Pending},
		{[]residency.Standing{residency.Pending, residency.StandingUnknown, residency.Holding}, residency.StandingUnknown},
		{[]residency.Standing{residency.StandingUnknown, residency.Broken, residency.Pending}, residency.Broken},
	}
	for _, tt := range tests {
		var list []residency.ClaimStanding
		for _, s := range tt.list {
			list = append(list, residency.ClaimStanding{Standing: s})
		}
		if got := Worst(list); got != tt.want {
			t.Errorf("Worst(%v) = %v, want %v", tt.list, got, tt.want)
		}
	}
	if !slices.IsSorted(sortedKeys(map[string]bool{"b": true, "a": true})) {
		t.Error("sortedKeys does not sort")
	}
}
