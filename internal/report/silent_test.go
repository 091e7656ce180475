package report

import (
	"net/netip"
	"testing"

	"residency/internal/residency"
)

func TestSpokenIn(t *testing.T) {
	t.Parallel()
	a, b := residency.Dataset{Name: "a", SHA256: "1", Class: residency.ClassDatabase}, residency.Dataset{Name: "b", SHA256: "2", Class: residency.ClassDatabase}
	list := residency.Dataset{Name: "list", SHA256: "3", Class: residency.ClassProvider}
	by := func(sets ...*residency.Dataset) residency.Location {
		var loc residency.Location
		for _, d := range sets {
			loc.Assertions = append(loc.Assertions, residency.Assertion{Dataset: d})
		}
		return loc
	}
	addr := netip.MustParseAddr
	run := &residency.Run{Datasets: []residency.Dataset{a, b, list}, Rounds: []residency.Round{
		{Locations: map[netip.Addr]residency.Location{
			addr("8.8.8.8"): by(&a, &a, &b), addr("8.8.4.4"): by(&a), addr("10.0.0.1"): {Decision: residency.DecidedSpecial},
		}},
		{Locations: map[netip.Addr]residency.Location{addr("8.8.8.8"): by(&a, &b), addr("1.1.1.1"): by(&a, nil), addr("9.9.9.9"): by()}},
	}}
	said := spokenIn(run)
	if said.asked != 4 || said.silent(a) != 1 || said.silent(b) != 3 || said.silent(list) != 4 {
		t.Errorf("asked %d, silent %d, %d, %d; want 4 and 1, 3, 4", said.asked, said.silent(a), said.silent(b), said.silent(list))
	}
	if got := said.silenceLine(a); got != "" {
		t.Errorf("a database that is silent about one of four: %q", got)
	}
	if got, want := said.silenceLine(b), "b had no answer for 3 of 4 addresses: it may be damaged, or not the file that was meant"; got != want {
		t.Errorf("silenceLine = %q, want %q", got, want)
	}
	if got := said.silenceLine(list); got != "" {
		t.Errorf("a list is silent about most addresses: %q", got)
	}
	few := spokenIn(&residency.Run{Rounds: run.Rounds[:1]})
	if got := few.silenceLine(b); few.asked != 2 || got != "" {
		t.Errorf("of two addresses: asked %d, %q", few.asked, got)
	}
}
