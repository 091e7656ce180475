package residency

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	kept    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	sameSet = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()}
)

// keptRound is a round with something of everything, looked at in a given
// minute: what differs from minute to minute is not to be kept.
func keptRound(minute int) Round {
	at := kept.Add(time.Duration(minute) * time.Minute)
	e := Endpoint{Vendor: "v", Service: "s", Host: "a.example", Role: RoleAPI, Port: 8443, Retired: kept.AddDate(1, 0, 0),
		Note: "not kept", Where: "config.toml:7"}
	sub := ClientSubnet{Prefix: netip.MustParsePrefix("49.36.0.0/24"), Chosen: minute%2 == 0}
	in, id := MustCountry("IN"), MustCountry("ID")
	sg, cn := netip.MustParseAddr("54.255.1.1"), netip.MustParseAddr("42.62.48.9")
	look := func(typ, resolver string) Observation {
		return Observation{
			Question: Question{Endpoint: e, Market: in, Subnet: sub, Type: typ}, Resolver: resolver, Operator: "op-" + resolver,
			Server: "192.0.2.1:53", Transport: "udp", Rcode: "NOERROR", Tailoring: TailoringSpecific,
			Returned: sub.Prefix, Scope: 24, NSID: strings.Repeat("x", minute), At: at, RTT: time.Duration(minute+1) * time.Millisecond,
			DNSSEC:    &DNSSEC{State: DNSSECInsecure, Text: "not kept"},
			Exchanges: []Exchange{{Server: "192.0.2.1:53", Transport: "udp", Name: "a.example", Request: []byte{byte(minute), 1}, Response: []byte{byte(minute), 2}, At: at, RTT: 5}},
		}
	}
	a, aaaa, failed, path := look("A", "g"), look("AAAA", "g"), look("A", "q"), look("A", "roots")
	a.Chain = []Link{{"a.example", "CNAME", "z.example", uint32(minute)}, {"z.example", "CNAME", "b.example", 5}}
	a.Addresses = []Answer{{Address: sg, TTL: uint32(minute), Owner: "b.example"}, {Address: cn, TTL: 3, Owner: "b.example", Hint: true}}
	if minute%2 == 1 {
		slices.Reverse(a.Addresses)
	}
	aaaa.Addresses = []Answer{{Address: sg, Owner: "b.example", DNS64: netip.MustParseAddr("64:ff9b::36ff:101")}}
	failed.Rcode, failed.Failure, failed.Detail, failed.Market = "SERVFAIL", FailServfail, "not \"kept\"\x01", id
	path.Path = []Delegation{{".", "root", "x"}, {"example", "ns" + strings.Repeat("1", minute), "y"}}
	path.Authoritative, path.Local, path.Tailoring, path.Subnet.Displaced = true, true, TailoringNone, true
	built := kept.AddDate(0, 0, minute)
	said := []Assertion{
		{Source: "dbip", Class: ClassDatabase, Lineage: "dbip", In: CountriesOf(MustCountry("SG")), Prefix: netip.MustParsePrefix("54.255.0.0/16"), Note: "kept", Dataset: &Dataset{Name: "dbip-lite", Lineage: "dbip", Class: ClassDatabase, Built: built}},
		{Source: "rtt", Class: ClassRTT, Lineage: "rtt", NotIn: CountriesOf(cnCode), Proven: CountriesOf(cnCode), Stale: true, Note: built.String(), Dataset: &Dataset{Name: "delays", Lineage: "rtt", Class: ClassRTT, Built: built}},
	}
	where := func(addr netip.Addr, cc string) Location {
		return Location{Address: addr, Countries: CountriesOf(MustCountry(cc)), Region: "aws:x", Decision: DecidedAgree, Conflict: true,
			Voices: []Voice{{"dbip", CountriesOf(MustCountry(cc)), true}}, Excluded: CountriesOf(cnCode), Impossible: CountriesOf(cnCode),
			Assertions: said, Missing: []string{"x.mmdb"}}
	}
	gone := netip.MustParseAddr("42.62.48.10")
	return Round{
		Endpoint: e, At: at, Observations: []Observation{a, aaaa, failed, a, path},
		Locations: map[netip.Addr]Location{sg: where(sg, "SG"), cn: where(cn, "CN"), gone: where(gone, "CN")},
		Types:     []string{"A", "AAAA"}, Markets: []Market{{Code: in, Name: "not kept", Subnets: []ClientSubnet{sub}}, {Code: id}},
		Degraded: []string{"q"}, Surveys: []Survey{{Vantage: "here", At: at, WhyNot6: "of delay " + at.String()}},
		Cells: []Cell{
			{Claim: "b", Endpoint: e, Market: in, Verdict: Outside, Grade: Corroborated, Counts: true, Reasons: []Reason{ReasonConflict},
				Addresses: []JudgedAddress{
					{Address: gone, Side: SideOutside, Grade: Corroborated, Counts: true, Tailoring: TailoringSpecific, Resolvers: []string{"g"}},
					{Address: sg, Side: SideInside, Counts: true, Reasons: []Reason{ReasonStaleData}}},
				NotCounted: 1, Coverage: Coverage{Needs: 2, Met: 2, Looks: 5, Counted: 3, Failed: 1}, LastOutside: kept, ClearFrom: kept.Add(time.Hour),
				Hints: []string{"not kept"}, Pool: Pool{Draws: minute}},
			{Claim: "a", Endpoint: e, Market: id, Suspected: CountriesOf(cnCode), Confirm: Confirmation{1, 2}, Reasons: []Reason{ReasonUnconfirmed}, Waiver: "not kept"},
		},
	}
}

var cnCode = MustCountry("CN")

// golden compares bytes with a file of testdata, indented for people.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(got, &v); err != nil {
		t.Fatalf("%s is no JSON: %v\n%s", name, err, got)
	}
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSuffix(string(want), "\n"), string(got)); diff != "" {
		t.Errorf("%s, which must stay as it is for ever (-want +got):\n%s", name, diff)
	}
}

func TestCanonicalBytesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	r := keptRound(0)
	golden(t, "sight.json", r.Sight())
	golden(t, "judgement.json", r.Judgement())
	golden(t, "packets.json", r.Packets())
	golden(t, "location.json", r.Locations[netip.MustParseAddr("54.255.1.1")].Canonical())
}

func TestNothingOfTimeIsKept(t *testing.T) {
	t.Parallel()
	one, two := keptRound(0), keptRound(7)
	if diff := cmp.Diff(string(one.Sight()), string(two.Sight())); diff != "" {
		t.Errorf("the same sight seven minutes later:\n%s", diff)
	}
	if diff := cmp.Diff(string(one.Judgement()), string(two.Judgement())); diff != "" {
		t.Errorf("the same judgement seven minutes later:\n%s", diff)
	}
	if string(one.Packets()) == string(two.Packets()) {
		t.Error("the packets of two rounds are the same bytes")
	}
}

func TestOrderIsNotKept(t *testing.T) {
	t.Parallel()
	want := keptRound(0)
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		got := keptRound(0)
		random.Shuffle(len(got.Observations), func(i, j int) {
			got.Observations[i], got.Observations[j] = got.Observations[j], got.Observations[i]
		})
		for i := range got.Observations {
			list := got.Observations[i].Addresses
			random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
		slices.Reverse(got.Markets)
		slices.Reverse(got.Cells)
		if string(got.Sight()) != string(want.Sight()) || string(got.Judgement()) != string(want.Judgement()) {
			t.Fatalf("another order of looks, addresses, markets or cells gives other bytes:\n%s\n%s", got.Sight(), want.Sight())
		}
	}
}

func TestServiceRecordsComeInAnyOrder(t *testing.T) {
	t.Parallel()
	mx := func(hosts ...string) Round {
		r := keptRound(0)
		r.Observations[0].Chain = nil
		for _, h := range hosts {
			r.Observations[0].Chain = append(r.Observations[0].Chain, Link{"a.example", "MX", h, 60})
		}
		return r
	}
	if a, b := mx("m1", "m2").Sight(), mx("m2", "m1").Sight(); string(a) != string(b) {
		t.Errorf("MX records in turns are two sights:\n%s\n%s", a, b)
	}
	swapped := keptRound(0)
	slices.Reverse(swapped.Observations[0].Chain)
	if string(swapped.Sight()) == string(keptRound(0).Sight()) {
		t.Error("the order of aliases is lost")
	}
}

// TestEveryJudgedFieldIsKept changes one thing at a time.
func TestEveryJudgedFieldIsKept(t *testing.T) {
	t.Parallel()
	want := string(keptRound(0).Sight())
	for name, change := range map[string]func(*Round){
		"role":         func(r *Round) { r.Endpoint.Role = RoleCDN },
		"retired":      func(r *Round) { r.Endpoint.Retired = kept },
		"types":        func(r *Round) { r.Types = []string{"A"} },
		"subnet":       func(r *Round) { r.Markets[0].Subnets = nil },
		"degraded":     func(r *Round) { r.Degraded = nil },
		"delays":       func(r *Round) { r.Surveys = nil },
		"market":       func(r *Round) { r.Observations[1].Market = cnCode },
		"displaced":    func(r *Round) { r.Observations[1].Subnet.Displaced = true },
		"type":         func(r *Round) { r.Observations[1].Type = "HTTPS" },
		"resolver":     func(r *Round) { r.Observations[1].Resolver = "other" },
		"operator":     func(r *Round) { r.Observations[1].Operator = "other" },
		"server":       func(r *Round) { r.Observations[1].Server = "other" },
		"authority":    func(r *Round) { r.Observations[1].Authoritative = true },
		"local":        func(r *Round) { r.Observations[1].Local = true },
		"rcode":        func(r *Round) { r.Observations[1].Rcode = "NXDOMAIN" },
		"failure":      func(r *Round) { r.Observations[1].Failure = FailBogus },
		"tailoring":    func(r *Round) { r.Observations[1].Tailoring = TailoringGlobal },
		"returned":     func(r *Round) { r.Observations[1].Returned = netip.Prefix{} },
		"scope":        func(r *Round) { r.Observations[1].Scope = 0 },
		"signatures":   func(r *Round) { r.Observations[1].DNSSEC = nil },
		"chain":        func(r *Round) { r.Observations[0].Chain[0].Target = "other" },
		"address":      func(r *Round) { r.Observations[1].Addresses[0].Address = netip.MustParseAddr("42.62.48.9") },
		"path":         func(r *Round) { r.Observations[4].Path[1].Zone = "other" },
		"how often":    func(r *Round) { r.Observations = r.Observations[:3] },
		"the location": func(r *Round) { r.Locations[netip.MustParseAddr("54.255.1.1")] = Location{} },
	} {
		r := keptRound(0)
		change(&r)
		if string(r.Sight()) == want {
			t.Errorf("another %s gives the same sight", name)
		}
	}
}

func TestParseSight(t *testing.T) {
	t.Parallel()
	r := keptRound(3)
	bodies := map[Hash][]byte{}
	for _, loc := range r.Locations {
		bodies[HashOf(loc.Canonical())] = loc.Canonical()
	}
	got, where, err := ParseSight(r.Sight())
	if err != nil {
		t.Fatal(err)
	}
	got.Locations = map[netip.Addr]Location{}
	for addr, h := range where {
		loc, err := ParseLocation(bodies[h], addr)
		if err != nil {
			t.Fatal(err)
		}
		if string(loc.Canonical()) != string(bodies[h]) {
			t.Errorf("location of %v read and written again:\n%s\n%s", addr, loc.Canonical(), bodies[h])
		}
		got.Locations[addr] = loc
	}
	if len(where) != 2 {
		t.Errorf("%d locations, want those of the two addresses that the looks showed", len(where))
	}
	if string(got.Sight()) != string(r.Sight()) {
		t.Errorf("read and written again:\n%s\n%s", got.Sight(), r.Sight())
	}
	if !Distrusted(got.Surveys, netip.IPv6Loopback()) || Distrusted(got.Surveys, netip.IPv4Unspecified()) {
		t.Errorf("delays believed: %+v", got.Surveys)
	}
}

func TestParseJudgement(t *testing.T) {
	t.Parallel()
	r := keptRound(0)
	got, past, err := ParseJudgement(r.Judgement(), r.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(r.Cells)
	slices.Reverse(want)
	ignored := cmpopts.IgnoreFields(Cell{}, "Hints", "Pool", "Waiver")
	if diff := cmp.Diff(want, got, sameSet, ignored); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
	gone := netip.MustParseAddr("42.62.48.10")
	if want := HashOf(r.Locations[gone].Canonical()); len(past) != 1 || past[gone] != want {
		t.Errorf("past = %v, want the location of %v alone", past, gone)
	}
}

func TestParsePackets(t *testing.T) {
	t.Parallel()
	r := keptRound(4)
	got, err := ParsePackets(r.Packets(), r.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if diff := cmp.Diff(r.Observations[i].Exchanges, got[i].Exchanges); diff != "" || !got[i].At.Equal(r.Observations[i].At) {
			t.Errorf("look %d at %v (-want +got):\n%s", i, got[i].At, diff)
		}
	}
	if again := (Round{Endpoint: r.Endpoint, Observations: got}).Packets(); string(again) != string(r.Packets()) {
		t.Errorf("read and written again:\n%s\n%s", again, r.Packets())
	}
}

func TestKeeper(t *testing.T) {
	t.Parallel()
	var k Keeper
	for range 2 {
		r := keptRound(0)
		got := k.Keep(&r)
		if string(got.Sight) != string(r.Sight()) || string(got.Judgement) != string(r.Judgement()) || string(got.Packets) != string(r.Packets()) {
			t.Error("a Keeper keeps other bytes than the round's own")
		}
		for h, body := range got.Locations {
			if HashOf(body) != h {
				t.Errorf("location %s has another hash than its name", body)
			}
		}
		if len(got.Cells) != 2 || len(got.Locations) != 2 {
			t.Errorf("%d cells and %d locations, want 2 and 2", len(got.Cells), len(got.Locations))
		}
	}
	moved := keptRound(0)
	sg := netip.MustParseAddr("54.255.1.1")
	moved.Locations[sg] = Location{Address: sg, Countries: CountriesOf(cnCode)}
	if got := k.Keep(&moved); string(got.Sight) != string(moved.Sight()) {
		t.Error("a Keeper keeps an address where it was")
	}
}

func TestCanonicalRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                                      "EOF",
		`{"schema":"residency/judgement/v1"}`:   "it says that it is",
		`{"schema":"residency/sight/v1"}{}`:     "something follows",
		`{"schema":"residency/sight/v1","x":1}`: "unknown field",
		`{"schema":"residency/sight/v1","looks":[{"n":99999999}]}`:      "more than",
		`{"schema":"residency/sight/v1","locations":[{"sha256":"zz"}]}`: "no SHA-256",
	} {
		if _, _, err := ParseSight([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSight(%s) = %v, want an error with %q", text, err, want)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"plain", "", `a"b\c`, "\x00\n\x1f\x7f", "é\u2028<>&", "bad\xff\xfebytes", "\xed\xa0\x80"} {
		var w canon
		w.quote(s)
		var got string
		if err := json.Unmarshal(w.b, &got); err != nil {
			t.Errorf("quote(%q) = %s: %v", s, w.b, err)
		}
		if want := string([]rune(s)); got != want { // each byte that is not UTF-8 is U+FFFD
			t.Errorf("quote(%q) is read as %q", s, got)
		}
	}
}
