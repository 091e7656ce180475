package geo

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pgregory.net/rapid"

	"residency/internal/residency"
)

func set(codes string) residency.Countries {
	var s residency.Countries
	for code := range strings.SplitSeq(codes, "|") {
		if code != "" {
			s = s.With(residency.MustCountry(code))
		}
	}
	return s
}

// say writes an assertion as "lineage CC|CC", "aws/16=region CC",
// "feed/24 CC", "edge", "anycast", "hint CC", "registry CC" or "correction CC";
// a leading "old:" makes it stale.
func say(text string) residency.Assertion {
	text, old := strings.CutPrefix(text, "old:")
	head, codes, _ := strings.Cut(text, " ")
	name, tail, _ := strings.Cut(head, "/")
	bits, region, _ := strings.Cut(tail, "=")
	a := residency.Assertion{Source: name, Lineage: name, Class: residency.ClassDatabase, In: set(codes), Region: region, Stale: old}
	if bits != "" {
		a.Prefix = netip.MustParsePrefix("9.9.9.9/" + bits).Masked()
	}
	switch {
	case strings.HasPrefix(name, "aws"):
		a.Class = residency.ClassProvider
	case name == "feed":
		a.Class = residency.ClassGeofeed
	case name == "edge", name == "anycast", name == "hint", name == "registry", name == "correction":
		a.Class = residency.Class(name)
	}
	return a
}

func TestFuse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		said     string // separated by ","
		want     string
		decision residency.Decision
		veto     residency.Reason
		region   string
		voices   string // names
		conflict bool
	}{
		{"nobody speaks", "", "", residency.DecidedNothing, "", "", "", false},
		{"one lineage", "dbip SG", "SG", residency.DecidedOne, "", "", "dbip", false},
		{"three agree", "dbip SG,ip2l SG,whois SG", "SG", residency.DecidedAgree, "", "", "dbip ip2l whois", false},
		{"two against one", "dbip DE,ip2l CN,whois CN", "CN|DE", residency.DecidedDiffer, "", "", "dbip ip2l whois", true},
		{"copies of one lineage are one voice", "dbip SG,dbip SG", "SG", residency.DecidedOne, "", "", "dbip", false},
		{"data sets of one lineage join", "dbip SG,dbip US,ip2l SG", "SG|US", residency.DecidedDiffer, "", "", "dbip ip2l", false},
		{"holder confirmed against two", "aws/16=aws:x SG,dbip SG,ip2l US,whois US", "SG", residency.DecidedHolder, "", "aws:x", "holder dbip ip2l whois", true},
		{"holder confirmed", "aws/16=aws:x SG,dbip SG", "SG", residency.DecidedHolder, "", "aws:x", "holder dbip", false},
		{"an old holder's word and one of two", "old:aws/16=aws:x SG,dbip SG,ip2l US", "SG|US", residency.DecidedHolderOld, "", "aws:x", "holder dbip ip2l", true},
		{"an old holder's word and two of three", "old:aws/16=aws:x SG,dbip SG,ip2l SG,whois US", "SG", residency.DecidedHolder, "", "aws:x", "holder dbip ip2l whois", true},
		{"an old holder's word and all that speak", "old:aws/16=aws:x SG,dbip SG", "SG", residency.DecidedHolder, "", "aws:x", "holder dbip", false},
		{"an old holder's word and none", "old:aws/16=aws:x SG,dbip VN,ip2l VN", "SG|VN", residency.DecidedHolderAgainst, "", "aws:x", "holder dbip ip2l", true},
		{"holder contradicted", "aws/16=aws:x SG,dbip VN,ip2l VN", "SG|VN", residency.DecidedHolderAgainst, "", "aws:x", "holder dbip ip2l", true},
		{"holder alone", "aws/16=aws:x SG", "SG", residency.DecidedHolderAlone, "", "aws:x", "holder", false},
		{"longest range wins", "aws/16=aws:us-east-1 US,aws/24=aws:us-east-1-scl-1 CL,dbip CL", "CL", residency.DecidedHolder, "", "aws:us-east-1-scl-1", "holder dbip", false},
		{"longest range without a place silences the shorter", "aws/16=aws:us-west-2 US,aws/24=aws:new,dbip CA", "CA", residency.DecidedOne, "", "aws:new", "dbip", false},
		{"ranges of one length that differ", "aws/16=aws:a SG,aws2/16=aws:b US,dbip SG", "SG|US", residency.DecidedHolder, "", "", "holder dbip", false},
		{"a lineage that differs in itself confirms nothing", "aws/16=aws:a SG,dbip SG,dbip CN", "CN|SG", residency.DecidedHolderAgainst, "", "aws:a", "holder dbip", false},
		{"range before geofeed", "feed/24 US,aws/16=aws:a SG,dbip SG", "SG", residency.DecidedHolder, "", "aws:a", "holder dbip", false},
		{"geofeed where no range has a place", "feed/24 US,aws/16=aws:new,dbip US", "US", residency.DecidedHolder, "", "aws:new", "holder dbip", false},
		{"hints and registry have no voice", "hint US,registry CN,dbip SG", "SG", residency.DecidedOne, "", "", "dbip", false},
		{"edge", "edge,dbip US,ip2l US,whois US", "", residency.DecidedVeto, residency.ReasonEdge, "", "dbip ip2l whois", false},
		{"anycast", "dbip US,anycast", "", residency.DecidedVeto, residency.ReasonAnycast, "", "dbip", false},
		{"edge is named before anycast", "anycast,edge", "", residency.DecidedVeto, residency.ReasonEdge, "", "", false},
		{"a correction widens the set", "dbip DE,ip2l DE,correction SG", "DE|SG", residency.DecidedAgree, "", "", "dbip ip2l", true},
		{"a correction that says the same", "dbip SG,ip2l SG,correction SG", "SG", residency.DecidedAgree, "", "", "dbip ip2l", false},
		{"a correction over the holder", "aws/16=aws:a CN,dbip CN,correction SG", "CN|SG", residency.DecidedHolder, "", "aws:a", "holder dbip", true},
		{"two corrections", "dbip CN,correction SG,correction US", "CN|SG|US", residency.DecidedOne, "", "", "dbip", true},
		{"a correction alone is no evidence", "correction SG,registry SG", "", residency.DecidedNothing, "", "", "", false},
		{"a correction does not lift a veto", "edge,correction SG,dbip SG", "", residency.DecidedVeto, residency.ReasonEdge, "", "dbip", false},
		{"veto over the holder", "aws/24=aws:a SG,dbip SG,edge", "", residency.DecidedVeto, residency.ReasonEdge, "aws:a", "holder dbip", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			loc := Fuse(netip.MustParseAddr("9.9.9.9"), sayAll(tt.said))
			if loc.Countries != set(tt.want) || loc.Decision != tt.decision || loc.Veto != tt.veto || loc.Region != tt.region || loc.Conflict != tt.conflict {
				t.Errorf("Fuse(%s) = %v %v veto %q region %q conflict %v, want %v %v veto %q region %q conflict %v", tt.said,
					loc.Countries, loc.Decision, loc.Veto, loc.Region, loc.Conflict, tt.want, tt.decision, tt.veto, tt.region, tt.conflict)
			}
			if got := voiceNames(loc); got != tt.voices {
				t.Errorf("Fuse(%s) voices = %q, want %q", tt.said, got, tt.voices)
			}
		})
	}
}

func sayAll(texts string) []residency.Assertion {
	var said []residency.Assertion
	for text := range strings.SplitSeq(texts, ",") {
		if text != "" {
			said = append(said, say(text))
		}
	}
	return said
}

func voiceNames(loc residency.Location) string {
	var names []string
	for _, v := range loc.Voices {
		names = append(names, v.Name)
	}
	return strings.Join(names, " ")
}

func TestFuseStale(t *testing.T) {
	t.Parallel()
	tests := []struct {
		said, want, stale string
	}{
		{"old:dbip CN,ip2l SG", "CN|SG", "dbip"},                     // may still speak for outside
		{"old:dbip SG,dbip SG", "SG", ""},                            // fresh data says the same
		{"old:dbip CN,dbip SG", "CN|SG", "dbip"},                     // the old part adds a country
		{"old:aws/16=aws:a SG,dbip SG", "SG", residency.HolderVoice}, //
	}
	for _, tt := range tests {
		loc := Fuse(netip.MustParseAddr("9.9.9.9"), sayAll(tt.said))
		var stale []string
		for _, v := range loc.Voices {
			if v.Stale {
				stale = append(stale, v.Name)
			}
		}
		if loc.Countries != set(tt.want) || strings.Join(stale, " ") != tt.stale {
			t.Errorf("Fuse(%s) = %v stale %v, want %v stale %v", tt.said, loc.Countries, stale, tt.want, tt.stale)
		}
	}
}

// TestFuseSpecial holds that no source can put a special-purpose address
// anywhere.
func TestFuseSpecial(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"10.1.2.3", "::ffff:10.1.2.3", "192.0.2.1", "64:ff9b::a01:203", "fd00::1", "2002:808:808::1", "2001:0:1::1"} {
		loc := Fuse(netip.MustParseAddr(text), sayAll("aws/16=aws:a SG,dbip SG,ip2l SG"))
		if !loc.Countries.Empty() || loc.Veto != residency.ReasonSpecialPurpose || loc.Decision != residency.DecidedSpecial {
			t.Errorf("Fuse(%s) = %v, veto %q, decision %q", text, loc.Countries, loc.Veto, loc.Decision)
		}
	}
}

var drawn = []string{
	"dbip SG", "dbip US", "dbip CN", "ip2l SG", "ip2l CN", "whois SG", "whois US", "whois CN", "old:whois SG", "old:dbip CN",
	"aws/16=aws:a SG", "aws/24=aws:b US", "aws/24=aws:c CN", "aws/28=aws:new", "feed/24 US", "feed/20 CN",
	"edge", "anycast", "hint SG", "registry CN", "correction SG", "correction CN",
}

func drawSaid(t *rapid.T, from []string, label string) []residency.Assertion {
	var said []residency.Assertion
	for _, text := range rapid.SliceOfN(rapid.SampledFrom(from), 0, 8).Draw(t, label) {
		said = append(said, say(text))
	}
	return said
}

// verdictOf is everything of a location but the list of what was said.
func verdictOf(loc residency.Location) residency.Location {
	loc.Assertions = nil
	return loc
}

var addrCmp = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestFuseOrderAndRepetition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		said := drawSaid(t, drawn, "said")
		want := verdictOf(Fuse(netip.MustParseAddr("9.9.9.9"), slices.Clone(said)))
		again := append(slices.Clone(said), said...)
		again = rapid.Permutation(again).Draw(t, "order")
		got := verdictOf(Fuse(netip.MustParseAddr("9.9.9.9"), again))
		if diff := cmp.Diff(want, got, addrCmp); diff != "" {
			t.Fatalf("order and repetition change the location (-want +got):\n%s", diff)
		}
	})
}

// insideOf is the test that package policy makes on a location: all possible
// countries approved, two fresh voices for it, at most one against.
func insideOf(loc residency.Location, approved residency.Countries) bool {
	if loc.Countries.Empty() || !loc.Countries.SubsetOf(approved) {
		return false
	}
	with, against := 0, 0
	for _, v := range loc.Voices {
		switch {
		case !v.Countries.SubsetOf(approved):
			against++
		case !v.Stale:
			with++
		}
	}
	return with >= 2 && against <= 1
}

// TestFuseNeverGreener holds that one more source which names only unapproved
// countries never makes an address inside, that a veto empties the set, and
// that the set never has a country which nobody named.
func TestFuseNeverGreener(t *testing.T) {
	t.Parallel()
	approved := set("US|SG")
	var unapproved []string
	for _, text := range drawn {
		if a := say(text); !a.In.Empty() && !a.In.Overlaps(approved) {
			unapproved = append(unapproved, text)
		}
	}
	addr := netip.MustParseAddr("9.9.9.9")
	rapid.Check(t, func(t *rapid.T) {
		said := drawSaid(t, drawn, "said")
		before := Fuse(addr, said)
		var named residency.Countries
		for _, a := range said {
			named = named.Union(a.In)
		}
		if !before.Countries.SubsetOf(named) {
			t.Fatalf("countries %v, but named are only %v", before.Countries, named)
		}
		added := say(rapid.SampledFrom(unapproved).Draw(t, "added"))
		after := Fuse(addr, append(slices.Clone(said), added))
		if insideOf(after, approved) && !insideOf(before, approved) {
			t.Fatalf("adding %v made the address inside: %v", added.In, after.Voices)
		}
		if v := Fuse(addr, append(slices.Clone(said), say("edge"))); !v.Countries.Empty() || v.Veto == "" {
			t.Fatalf("veto left countries %v", v.Countries)
		}
	})
}

// TestAgeingNeverNarrows holds that data which grows old takes no country out of
// the set and makes no address inside.
func TestAgeingNeverNarrows(t *testing.T) {
	t.Parallel()
	approved := set("US|SG")
	addr := netip.MustParseAddr("9.9.9.9")
	rapid.Check(t, func(t *rapid.T) {
		said := drawSaid(t, drawn, "said")
		before := Fuse(addr, slices.Clone(said))
		for i := range said {
			said[i].Stale = said[i].Stale || rapid.Bool().Draw(t, "old")
		}
		after := Fuse(addr, said)
		if !before.Countries.SubsetOf(after.Countries) {
			t.Fatalf("grown old %v, before %v", after.Countries, before.Countries)
		}
		if insideOf(after, approved) && !insideOf(before, approved) {
			t.Fatalf("growing old made the address inside: %v", after.Voices)
		}
	})
}

// TestCorrectionNeverGreener holds that a correction, whatever it names, makes
// no address inside, takes no country out of the set, and is no voice.
func TestCorrectionNeverGreener(t *testing.T) {
	t.Parallel()
	approved := set("US|SG")
	addr := netip.MustParseAddr("9.9.9.9")
	rapid.Check(t, func(t *rapid.T) {
		said := drawSaid(t, drawn, "said")
		before := Fuse(addr, slices.Clone(said))
		added := rapid.SampledFrom([]string{"correction SG", "correction US", "correction CN", "correction SG|US"}).Draw(t, "added")
		after := Fuse(addr, append(slices.Clone(said), say(added)))
		if insideOf(after, approved) && !insideOf(before, approved) {
			t.Fatalf("%s made the address inside: %v", added, after.Countries)
		}
		if !before.Countries.SubsetOf(after.Countries) || before.Decision != after.Decision || before.Veto != after.Veto ||
			before.Region != after.Region || !slices.Equal(before.Voices, after.Voices) || (before.Conflict && !after.Conflict) {
			t.Fatalf("%s changed more than the set: %+v, before %+v", added, after, before)
		}
		if len(after.Voices) == 0 && !after.Countries.Empty() {
			t.Fatalf("without a voice the set is %v", after.Countries)
		}
	})
}

type sayer struct {
	said  []residency.Assertion
	asked *[]netip.Addr
}

func (s sayer) Assert(addr netip.Addr, into []residency.Assertion) []residency.Assertion {
	if s.asked != nil {
		*s.asked = append(*s.asked, addr)
	}
	return append(into, s.said...)
}

// lastDay is a correction that is in force until a time.
type lastDay struct{ until time.Time }

func (c lastDay) AssertAt(_ netip.Addr, at time.Time, into []residency.Assertion) []residency.Assertion {
	if !at.Before(c.until) {
		return into
	}
	return append(into, say("correction SG"))
}

func TestLocateCorrections(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	l := &Locator{Sources: []Source{sayer{said: []residency.Assertion{say("dbip DE")}}}, Corrections: lastDay{at}}
	loc := l.Locate(netip.MustParseAddr("8.8.8.8"), at.Add(-1))
	if loc.Countries != set("DE|SG") || len(loc.Assertions) != 2 || loc.Assertions[1].Stale {
		t.Errorf("before its end: %v, %+v", loc.Countries, loc.Assertions)
	}
	if loc := l.Locate(netip.MustParseAddr("8.8.8.8"), at); loc.Countries != set("DE") || len(loc.Assertions) != 1 {
		t.Errorf("after its end: %v", loc.Countries)
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	var asked []netip.Addr
	with := func(text string, built time.Time) Source {
		a := say(text)
		a.Dataset = &residency.Dataset{Name: text, Built: built}
		return sayer{[]residency.Assertion{a}, &asked}
	}
	l := &Locator{Missing: []string{"gone.mmdb"}, Sources: []Source{
		with("dbip SG", at.Add(-time.Hour)), with("ip2l SG", at.Add(-366*24*time.Hour)), with("whois SG", time.Time{}),
	}}
	loc := l.Locate(netip.MustParseAddr("64:ff9b::808:808"), at)
	if len(asked) != 3 || asked[0] != netip.MustParseAddr("8.8.8.8") {
		t.Errorf("asked about %v, want the embedded 8.8.8.8 three times", asked)
	}
	if loc.Address != netip.MustParseAddr("64:ff9b::808:808") || loc.Countries != set("SG") || !slices.Equal(loc.Missing, l.Missing) {
		t.Errorf("Locate = %v in %v missing %v", loc.Address, loc.Countries, loc.Missing)
	}
	for i, stale := range []bool{false, true, true} {
		if loc.Voices[i].Stale != stale || loc.Assertions[i].Stale != stale {
			t.Errorf("voice %q stale = %v, want %v", loc.Voices[i].Name, loc.Voices[i].Stale, stale)
		}
	}
	asked = nil
	if loc := l.Locate(netip.MustParseAddr("::ffff:10.0.0.1"), at); len(asked) != 0 || loc.Veto != residency.ReasonSpecialPurpose {
		t.Errorf("a private address: asked %v, veto %q", asked, loc.Veto)
	}
	if loc := l.Locate(netip.MustParseAddr("::ffff:8.8.8.8"), at); loc.Address != netip.MustParseAddr("8.8.8.8") {
		t.Errorf("Locate kept the mapped address %v", loc.Address)
	}
	if loc := l.Locate(netip.Addr{}, at); !loc.Countries.Empty() || loc.Decision != residency.DecidedNothing {
		t.Errorf("Locate(no address) = %v, %v", loc.Countries, loc.Decision)
	}
}
