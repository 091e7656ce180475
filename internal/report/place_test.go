package report

import (
	"net/netip"
	"strings"
	"testing"

	"residency/internal/residency"
)

func TestExplainLocation(t *testing.T) {
	t.Parallel()
	cn, de := residency.CountriesOf(residency.MustCountry("CN")), residency.CountriesOf(residency.MustCountry("DE"))
	set := &residency.Dataset{Name: "set one", SHA256: "abcdef0123456789", Licence: "CC BY 4.0"}
	l := residency.Location{
		Address: netip.MustParseAddr("110.43.87.16"), Countries: cn.Union(de), Decision: residency.DecidedDiffer, Conflict: true,
		Voices:     []residency.Voice{{Name: "holder", Countries: de, Stale: true}, {Name: "ip2location", Countries: cn}},
		Assertions: []residency.Assertion{{Source: "ip2location", Class: residency.ClassDatabase, In: cn, Dataset: set}},
		Missing:    []string{"gone\x1b.mmdb"},
	}
	other := l
	other.Countries, other.Decision = cn, residency.DecidedOne
	var b strings.Builder
	if err := ExplainLocation(&b, "::ffff:110.43.87.16", l, []Changed{{"dbip", other}}, Options{Width: 120}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"::ffff:110.43.87.16  China or Germany", "the address's holder  Germany  contradicts ip2location; too old to clear anything",
		"Without dbip: China (a single source speaks).", "The holder's own list: it decides", "The missing source, loaded again: gone",
		"set one", "CC BY 4.0", "abcdef0123456789",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("ExplainLocation has no %q:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b.mmdb") {
		t.Error("a control character came through")
	}
}

// TestEveryDecisionHasAWayOut: for each rule the proof says what would change
// the answer, unless nothing can.
func TestEveryDecisionHasAWayOut(t *testing.T) {
	t.Parallel()
	for _, d := range []residency.Decision{
		residency.DecidedNothing, residency.DecidedHolder, residency.DecidedHolderAlone, residency.DecidedHolderOld, residency.DecidedHolderAgainst,
		residency.DecidedAgree, residency.DecidedDiffer, residency.DecidedOne,
	} {
		if oneMore[d] == "" {
			t.Errorf("oneMore[%s] is empty", d)
		}
	}
}
