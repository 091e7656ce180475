// Package judging_test holds what must be true of locating and judging
// together, whatever the sources say: geo.Fuse gives the location, policy.Place
// the side, and neither may undo the caution of the other.
package judging_test

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"residency/internal/geo"
	"residency/internal/policy"
	"residency/internal/residency"
)

func countries(codes ...string) residency.Countries {
	var s residency.Countries
	for _, code := range codes {
		s = s.With(residency.MustCountry(code))
	}
	return s
}

func addr() netip.Addr { return netip.MustParseAddr("9.9.9.9") }

// claims are the shapes a claim has: countries, everything but some, a provider
// region, both.
func claims() []residency.Claim {
	region := []residency.ProviderRegion{{ID: "aws:sg", Country: residency.MustCountry("SG")}}
	return []residency.Claim{
		{Regions: residency.Regions{Countries: countries("US", "SG")}},
		{Regions: residency.Regions{Countries: countries("US", "SG", "CN")}, Never: countries("CN")},
		{Regions: residency.Regions{Any: true}, Never: countries("CN")},
		{Regions: residency.Regions{Providers: region}},
		{Regions: residency.Regions{Countries: countries("US"), Providers: region}, Floor: residency.Asserted},
	}
}

var places = []residency.Countries{
	countries("US"), countries("SG"), countries("CN"), countries("DE"), countries("SG", "US"), countries("SG", "CN"),
}

// drawAssertion makes one assertion of any class.
func drawAssertion(t *rapid.T) residency.Assertion {
	a := residency.Assertion{
		Class: rapid.SampledFrom([]residency.Class{
			residency.ClassDatabase, residency.ClassDatabase, residency.ClassDatabase, residency.ClassProvider, residency.ClassProvider,
			residency.ClassGeofeed, residency.ClassEdge, residency.ClassAnycast, residency.ClassHint, residency.ClassRegistry,
			residency.ClassCorrection,
		}).Draw(t, "class"),
		In:    rapid.SampledFrom(places).Draw(t, "in"),
		Stale: rapid.IntRange(0, 4).Draw(t, "age") == 0,
	}
	a.Source = string(a.Class)
	switch a.Class {
	case residency.ClassDatabase:
		a.Source = rapid.SampledFrom([]string{"dbip", "ip2location", "whois", "maxmind"}).Draw(t, "lineage")
	case residency.ClassProvider:
		a.Region = rapid.SampledFrom([]string{"", "aws:sg", "aws:us", "aws:cn"}).Draw(t, "region")
		a.Source = rapid.SampledFrom([]string{"aws", "gcp"}).Draw(t, "provider")
	case residency.ClassEdge, residency.ClassAnycast:
		a.In = residency.Countries{}
	}
	a.Lineage = a.Source
	bits := rapid.SampledFrom([]int{8, 16, 24}).Draw(t, "bits")
	a.Prefix, _ = addr().Prefix(bits)
	return a
}

func draw(t *rapid.T) (residency.Claim, []residency.Assertion) {
	c := rapid.SampledFrom(claims()).Draw(t, "claim")
	said := rapid.SliceOfN(rapid.Custom(drawAssertion), 0, 7).Draw(t, "said")
	if rapid.IntRange(0, 2).Draw(t, "without vetoes") > 0 { // else nearly nothing is ever inside
		said = slices.DeleteFunc(said, func(a residency.Assertion) bool {
			return a.Class == residency.ClassEdge || a.Class == residency.ClassAnycast
		})
	}
	return c, said
}

func place(c residency.Claim, said []residency.Assertion, missing ...string) policy.Placement {
	loc := geo.Fuse(addr(), slices.Clone(said))
	loc.Missing = missing
	return policy.Place(c, residency.RoleOrigin, residency.MustCountry("IN"), loc)
}

// unapproved reports whether the assertion names only countries in which no
// approved place lies.
func unapproved(c residency.Claim, a residency.Assertion) bool {
	return !a.In.Empty() && !a.In.Overlaps(c.Regions.Possible().Minus(c.Never))
}

func TestAnUnapprovedWordNeverMakesInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, said := draw(t)
		added := rapid.Custom(drawAssertion).Draw(t, "added")
		if !unapproved(c, added) {
			t.Skip("it names an approved country")
		}
		before, after := place(c, said), place(c, append(slices.Clone(said), added))
		if after.Side == residency.SideInside && before.Side != residency.SideInside {
			t.Fatalf("%s of %v made inside", added.Class, added.In)
		}
	})
}

// TestALostSourceNeverMakesInside: whatever a source that cannot be loaded
// would have said, without it nothing is inside.
func TestALostSourceNeverMakesInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, said := draw(t)
		if len(said) == 0 {
			return
		}
		lost := rapid.SampledFrom(said).Draw(t, "lost").Source
		rest := slices.DeleteFunc(slices.Clone(said), func(a residency.Assertion) bool { return a.Source == lost })
		if p := place(c, rest, lost); p.Side == residency.SideInside {
			t.Fatalf("inside without %s", lost)
		}
	})
}

func TestOrderAndCopiesChangeNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, said := draw(t)
		again := rapid.Permutation(append(slices.Clone(said), said...)).Draw(t, "order")
		for i := range again {
			if again[i].Class == residency.ClassDatabase { // a copy under another name is the same lineage
				again[i].Source += " (copy)"
			}
		}
		if a, b := place(c, said), place(c, again); !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v, and after reordering and copying %+v", a, b)
		}
	})
}

// TestOldDataNeverMakesInside: the same words, some of them older.
func TestOldDataNeverMakesInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, said := draw(t)
		older := slices.Clone(said)
		for i := range older {
			older[i].Stale = older[i].Stale || rapid.Bool().Draw(t, "old")
		}
		if before, after := place(c, said), place(c, older); after.Side == residency.SideInside && before.Side != residency.SideInside {
			t.Fatal("older data made inside")
		}
	})
}

// TestWhatHasNoVoice: hints and registries change nothing, corrections never
// make inside and take inside away only, and what vetoes leaves no side.
func TestWhatHasNoVoice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, said := draw(t)
		added := rapid.Custom(drawAssertion).Draw(t, "added")
		before, after := place(c, said), place(c, append(slices.Clone(said), added))
		switch added.Class {
		case residency.ClassHint, residency.ClassRegistry:
			if !reflect.DeepEqual(before, after) {
				t.Fatalf("a %s changed %+v to %+v", added.Class, before, after)
			}
		case residency.ClassCorrection:
			if after.Side == residency.SideInside && before.Side != residency.SideInside {
				t.Fatal("a correction made inside")
			}
		case residency.ClassEdge, residency.ClassAnycast:
			if after.Side != residency.SideUnknown {
				t.Fatalf("an address in many places is %v", after.Side)
			}
		}
	})
}

// TestTheDrawsReachEverySide: the properties would hold of nothing as well. A
// hundred draws miss a side now and then, thousands do not.
func TestTheDrawsReachEverySide(t *testing.T) {
	t.Parallel()
	seen := map[residency.Side]int{}
	for range 50 {
		rapid.Check(t, func(t *rapid.T) {
			c, said := draw(t)
			seen[place(c, said).Side]++
		})
		if len(seen) == 3 {
			break
		}
	}
	for _, side := range []residency.Side{residency.SideInside, residency.SideOutside, residency.SideUnknown} {
		if seen[side] == 0 {
			t.Errorf("no draw is %v", side)
		}
	}
}
