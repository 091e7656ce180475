package geo

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"residency/internal/residency"
)

// TestLocateIntoIsLocate holds that memory used again has nothing left in it of
// what it held before.
func TestLocateIntoIsLocate(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	addrs := []string{"9.9.9.9", "::ffff:9.9.9.9", "10.0.0.1", "2001:db8::1", "2400:1::1", "64:ff9b::808:808"}
	set := &residency.Dataset{Name: "set", Built: at.Add(-time.Hour)}
	rapid.Check(t, func(t *rapid.T) {
		var used residency.Location
		for range 4 {
			said := drawSaid(t, drawn, "said")
			for i := range said {
				if !said[i].Stale {
					said[i].Dataset = set
				}
			}
			l := &Locator{Sources: []Source{sayer{said: said}}}
			addr := netip.MustParseAddr(rapid.SampledFrom(addrs).Draw(t, "address"))
			want := l.Locate(addr, at)
			l.LocateInto(&used, addr, at)
			if diff := cmp.Diff(want, used, addrCmp, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("LocateInto differs from Locate (-want +got):\n%s", diff)
			}
		}
	})
}

func TestLocateIntoAllocatesNothing(t *testing.T) {
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	l := &Locator{Sources: []Source{sayer{said: sayAll("dbip SG,ip2l US,whois CN,aws/16=aws:x SG,old:ip2l SG")}}}
	addr := netip.MustParseAddr("9.9.9.9")
	var loc residency.Location
	if n := testing.AllocsPerRun(100, func() { l.LocateInto(&loc, addr, at) }); n != 0 {
		t.Errorf("LocateInto allocates %v times", n)
	}
	if loc.Countries != set("CN|SG|US") && loc.Countries != set("SG") {
		t.Errorf("Countries = %v", loc.Countries)
	}
}

// TestFirstOctets holds the short way to the blocks.
func TestFirstOctets(t *testing.T) {
	t.Parallel()
	for first := range 256 {
		want := slices.ContainsFunc(special4[:], func(p netip.Prefix) bool {
			return p.Overlaps(netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(first)}), 8))
		})
		if busy4[first] != want {
			t.Errorf("busy4[%d] = %v, want %v", first, busy4[first], want)
		}
	}
}

func TestTally(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	loud := &residency.Dataset{Name: "loud", SHA256: "1"}
	shy := &residency.Dataset{Name: "shy", SHA256: "2"}
	quiet := residency.Dataset{Name: "quiet", SHA256: "3"}
	of := func(set *residency.Dataset, text string) residency.Assertion {
		a := say(text)
		a.Dataset = set
		return a
	}
	var tally Tally
	for _, said := range [][]residency.Assertion{
		{of(loud, "aws/16=aws:a SG"), of(loud, "edge"), of(shy, "dbip SG")},
		{of(loud, "aws/16=aws:a SG")},
		nil,
	} {
		l := Locator{Sources: []Source{sayer{said: said}}}
		loc := l.Locate(netip.MustParseAddr("9.9.9.9"), at)
		tally.Add(&loc)
	}
	private := (&Locator{}).Locate(netip.MustParseAddr("10.0.0.1"), at)
	tally.Add(&private)
	tally.Add(&residency.Location{})
	if tally.Asked() != 3 {
		t.Errorf("Asked() = %d, want 3", tally.Asked())
	}
	for _, tt := range []struct {
		set  residency.Dataset
		want uint64
	}{{*loud, 1}, {*shy, 2}, {quiet, 3}} {
		if got := tally.Unanswered(tt.set); got != tt.want {
			t.Errorf("Unanswered(%s) = %d, want %d", tt.set.Name, got, tt.want)
		}
	}
}
