package alert

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"residency/internal/residency"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func set(codes ...string) residency.Countries {
	var s residency.Countries
	for _, c := range codes {
		s = s.With(residency.MustCountry(c))
	}
	return s
}

func markets(codes ...string) []residency.Country {
	var list []residency.Country
	for c := range set(codes...).All() {
		list = append(list, c)
	}
	return list
}

// caseRun is the case of 2014 in small: a claim that is due and broken in
// three markets, the next phase not due yet, one that holds, one of which
// nothing is known, and a policy.
func caseRun() residency.Run {
	day := func(s string) residency.Date {
		d, err := residency.ParseDate(s)
		if err != nil {
			panic(err)
		}
		return d
	}
	due := func(s string) time.Time { return day(s).End(time.UTC) }
	regions := residency.Regions{Written: []string{"US", "SG"}, Countries: set("US", "SG")}
	promise := func(id, service, when string) residency.Claim {
		return residency.Claim{
			ID: id, Vendor: "xiaomi", Services: []string{service},
			Markets: markets("HK", "IN", "TW"), Regions: regions,
			DueOn: day(when), Due: due(when),
			SaidBy: "Hugo Barra", SaidOn: day("2014-10-22"),
			Quote:  "we are migrating\n our services to data centers in Singapore and the US",
			Source: "https://example.org/post",
		}
	}
	standing := func(c residency.Claim, s residency.Standing, outside ...string) residency.ClaimStanding {
		return residency.ClaimStanding{Claim: c, Standing: s, Markets: 3, Outside: markets(outside...)}
	}
	policy := residency.Claim{
		ID: "never-cn", Kind: residency.KindPolicy, Title: "No user data to China", Vendor: "xiaomi",
		Services: []string{"account", "cloud"}, Markets: markets("HK", "IN", "TW"),
		Regions: residency.Regions{Written: []string{"*"}, Any: true}, Never: set("CN"),
	}

	account := residency.Endpoint{Vendor: "xiaomi", Service: "account", Host: "api.account.xiaomi.com"}
	cloud := residency.Endpoint{Vendor: "xiaomi", Service: "cloud", Host: "i.mi.com"}
	beijing := netip.MustParseAddr("110.43.87.16")
	other := netip.MustParseAddr("2001:db8::7")
	judged := func(a netip.Addr, g residency.Grade, why ...residency.Reason) residency.JudgedAddress {
		return residency.JudgedAddress{Address: a, Side: residency.SideOutside, Grade: g, Reasons: why,
			Counts: true, Tailoring: residency.TailoringSpecific}
	}
	cell := func(claim string, e residency.Endpoint, market string, a ...residency.JudgedAddress) residency.Cell {
		return residency.Cell{Claim: claim, Endpoint: e, Market: residency.MustCountry(market), Verdict: residency.Outside, Counts: true, Addresses: a}
	}
	uncounted := cell("phase-2a", account, "TW", judged(netip.MustParseAddr("192.0.2.99"), residency.Proven))
	uncounted.Counts = false
	inside := residency.JudgedAddress{Address: netip.MustParseAddr("192.0.2.98"), Side: residency.SideInside, Counts: true}

	// Seen from here and not by users of the market: no message tells of it.
	here := judged(netip.MustParseAddr("192.0.2.97"), residency.Corroborated, residency.ReasonNotTailored)
	here.Counts = false

	return residency.Run{
		ID: "run-1", At: time.Date(2014, 11, 2, 8, 30, 0, 0, time.UTC),
		Claims: []residency.ClaimStanding{
			standing(policy, residency.Broken, "IN"),
			standing(promise("phase-1", "shop", "2014-10-31"), residency.Holding),
			standing(promise("phase-2b", "cloud", "2014-12-31"), residency.Pending, "IN"),
			standing(promise("phase-2a", "account", "2014-10-31"), residency.Broken, "IN", "HK"),
			standing(promise("phase-3", "account", "2014-10-31"), residency.StandingUnknown),
		},
		Rounds: []residency.Round{{
			Endpoint: account,
			Locations: map[netip.Addr]residency.Location{
				beijing: {Address: beijing, Countries: set("CN", "DE"), Conflict: true},
				other:   {Address: other, Countries: set("CN"), Region: "aws:cn-north-1"},
			},
			Cells: []residency.Cell{
				cell("phase-2a", account, "IN", judged(beijing, residency.Corroborated), inside, here),
				cell("phase-2a", account, "HK", judged(other, residency.Asserted, residency.ReasonStaleData), judged(beijing, residency.Corroborated)),
				uncounted,
				cell("never-cn", account, "IN", judged(other, residency.Asserted)),
			},
		}, {
			Endpoint:  cloud,
			Locations: map[netip.Addr]residency.Location{beijing: {Address: beijing, Countries: set("CN")}},
			Cells: []residency.Cell{
				cell("phase-2b", cloud, "IN", judged(beijing, residency.Proven)),
				cell("never-cn", cloud, "IN", judged(beijing, residency.Corroborated)),
			},
		}},
	}
}

func TestPlanTellsOnlyOfTheMarketsOwnAnswers(t *testing.T) {
	t.Parallel()
	for _, a := range Plan(caseRun()) {
		if strings.Contains(a.Text, "192.0.2.97") {
			t.Errorf("%s tells of an address that was seen from here only:\n%s", a.Claim, a.Text)
		}
	}
}

func TestPlanGolden(t *testing.T) {
	t.Parallel()
	reenacted := caseRun()
	reenacted.Notice = "Re-enactment: answers invented, judged with today's data, not evidence about anyone."
	reenacted.Partial, reenacted.PartialBy = true, "the time budget of 50s ran out"
	reenacted.Missing = []string{"geo.mmdb: file is cut short"}
	tests := []struct {
		file string
		run  residency.Run
	}{
		{"case.txt", caseRun()},
		{"reenacted.txt", reenacted},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			for _, a := range Plan(tt.run) {
				fmt.Fprintf(&b, "key %s\nclaim %s\nvendor %s\nstanding %s\nat %s\nrun %s\nsubject %s\n\n%s\n%s\n",
					a.Key, a.Claim, a.Vendor, a.Standing, a.At.Format(time.RFC3339), a.Run, a.Subject, a.Text, strings.Repeat("=", 72))
			}
			golden(t, tt.file, b.String())
		})
	}
}

// golden compares got with the file in testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestPlanTellsNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*residency.Run)
	}{
		{"simulated", func(r *residency.Run) { r.Simulated = true }},
		{"historic", func(r *residency.Run) {
			for i := range r.Claims {
				r.Claims[i].Claim.Historic = true
			}
		}},
		{"superseded", func(r *residency.Run) {
			for i := range r.Claims {
				r.Claims[i].Claim.SupersededBy = "phase-9"
			}
		}},
		{"holding", func(r *residency.Run) {
			for i := range r.Claims {
				r.Claims[i].Standing = residency.Holding
			}
		}},
		{"nothing known", func(r *residency.Run) {
			for i := range r.Claims {
				r.Claims[i].Standing = residency.StandingUnknown
			}
		}},
		{"empty", func(r *residency.Run) { *r = residency.Run{} }},
	}
	for _, tt := range tests {
		run := caseRun()
		tt.change(&run)
		if got := Plan(run); len(got) != 0 {
			t.Errorf("Plan(%s) = %d alerts, want none", tt.name, len(got))
		}
	}
}

// TestPlanOrder holds the messages to what was found, not to the order in
// which it was found.
func TestPlanOrder(t *testing.T) {
	t.Parallel()
	want := Plan(caseRun())
	turned := caseRun()
	reverse(turned.Claims)
	reverse(turned.Rounds)
	for i := range turned.Rounds {
		reverse(turned.Rounds[i].Cells)
		for j := range turned.Rounds[i].Cells {
			reverse(turned.Rounds[i].Cells[j].Addresses)
		}
	}
	if diff := cmp.Diff(want, Plan(turned)); diff != "" {
		t.Errorf("Plan of the same run in another order (-want +got):\n%s", diff)
	}
	var order []string
	for _, a := range want {
		order = append(order, a.Claim+" "+a.Standing.String())
	}
	if diff := cmp.Diff([]string{"never-cn broken", "phase-2a broken", "phase-2b pending"}, order); diff != "" {
		t.Errorf("order of alerts (-want +got):\n%s", diff)
	}
}

func reverse[E any](s []E) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, tt := range []struct {
		vendor, claim string
		standing      residency.Standing
	}{
		{"a", "b", residency.Broken},
		{"a", "b", residency.Pending},
		{"ab", "", residency.Broken},
		{"", "ab", residency.Broken},
		{"a", "c", residency.Broken},
		{"c", "b", residency.Broken},
	} {
		key := Key(tt.vendor, tt.claim, tt.standing)
		if len(key) != 32 {
			t.Errorf("Key(%q, %q, %v) = %q, want 32 digits", tt.vendor, tt.claim, tt.standing, key)
		}
		if before, ok := seen[key]; ok {
			t.Errorf("Key(%q, %q, %v) is that of %s", tt.vendor, tt.claim, tt.standing, before)
		}
		seen[key] = fmt.Sprintf("%q, %q, %v", tt.vendor, tt.claim, tt.standing)
	}
	// Receivers store keys: a change of this one is a break for them.
	if got, want := Key("xiaomi", "phase-2a", residency.Broken), "863937614d348c6dc1a208e65afc1085"; got != want {
		t.Errorf("Key(xiaomi, phase-2a, broken) = %s, want %s", got, want)
	}
}

// TestPlanIsBounded shows that a vendor with thousands of addresses outside
// makes a message that can be read, and that says how much it leaves out.
func TestPlanIsBounded(t *testing.T) {
	t.Parallel()
	run := residency.Run{Claims: []residency.ClaimStanding{{
		Claim:    residency.Claim{ID: "c", Vendor: "v"},
		Standing: residency.Broken, Markets: 1, Outside: markets("IN"),
	}}}
	for i := range 300 {
		e := residency.Endpoint{Vendor: "v", Service: "s", Host: fmt.Sprintf("h%03d.example", i)}
		round := residency.Round{Endpoint: e, Locations: map[netip.Addr]residency.Location{}}
		cell := residency.Cell{Claim: "c", Endpoint: e, Market: residency.MustCountry("IN"), Verdict: residency.Outside, Counts: true}
		for j := range 50 {
			a := netip.AddrFrom4([4]byte{10, byte(i / 256), byte(i), byte(j)})
			round.Locations[a] = residency.Location{Address: a, Countries: set("CN"), Conflict: true}
			cell.Addresses = append(cell.Addresses, residency.JudgedAddress{Address: a, Side: residency.SideOutside, Grade: residency.Corroborated, Counts: true})
		}
		round.Cells = []residency.Cell{cell}
		run.Rounds = append(run.Rounds, round)
	}
	alerts := Plan(run)
	if len(alerts) != 1 {
		t.Fatalf("Plan = %d alerts, want 1", len(alerts))
	}
	text := alerts[0].Text
	for _, want := range []string{"and 280 hosts more", "and 40 addresses more", "Two or more sources agree: 10.0.0.0, ", "and 14990 more"} {
		if !strings.Contains(text, want) {
			t.Errorf("text does not say %q:\n%.2000s", want, text)
		}
	}
	if len(text) > 30_000 {
		t.Errorf("text has %d bytes, want at most 30000", len(text))
	}
}

// TestPlanHostileText puts line ends, escapes and turned writing into every
// string that comes from outside.
func TestPlanHostileText(t *testing.T) {
	t.Parallel()
	const evil = "x\r\nWhat to do\n  pay\x1b[2J\u202e\x00\xff"
	run := caseRun()
	run.Notice, run.PartialBy, run.Partial, run.Missing = evil, evil, true, []string{evil}
	for i := range run.Claims {
		c := &run.Claims[i].Claim
		c.Title, c.Quote, c.Source, c.SaidBy = evil, evil, evil, evil
		c.Services = []string{evil}
		c.Regions.Written = []string{evil}
	}
	for i := range run.Rounds {
		for a, loc := range run.Rounds[i].Locations {
			loc.Region = evil
			run.Rounds[i].Locations[a] = loc
		}
	}
	for _, a := range Plan(run) {
		if strings.ContainsFunc(a.Subject, unicode.IsControl) {
			t.Errorf("subject %q has a control character", a.Subject)
		}
		if n := strings.Count(a.Text, "\nWhat to do\n"); n != 1 {
			t.Errorf("%s has %d parts \"What to do\", want 1:\n%s", a.Claim, n, a.Text)
		}
		for _, r := range a.Text {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar) {
				t.Errorf("%s: text holds %U", a.Claim, r)
			}
		}
	}
}
