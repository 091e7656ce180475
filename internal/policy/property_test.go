package policy

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"residency/internal/residency"
)

// drawFacts makes the looks of two or three resolvers over two client subnets
// and both record types, with answers of every kind.
func drawFacts(t *rapid.T) Facts {
	outcome := rapid.SampledFrom([]string{
		"sg", "us", "sg,us", "cn", "sg,cn", "one", "priv", "cdn", "nodata", "nodata",
		"timeout", "servfail", "nxdomain", "refused",
	})
	tailoring := rapid.SampledFrom([]string{"specific", "specific", "global", "unknown", "none"})
	var specs []string
	for _, r := range []string{"g", "q", "z"}[:rapid.IntRange(1, 3).Draw(t, "resolvers")] {
		for _, sub := range []string{"A", "B"} {
			for _, typ := range []string{"A", "AAAA"} {
				specs = append(specs, fmt.Sprintf("%s %s %s %s %s", r, sub, typ,
					tailoring.Draw(t, "tailoring"), outcome.Draw(t, "outcome")))
			}
		}
	}
	f := facts(specs...)
	f.Endpoint.Role = rapid.SampledFrom([]residency.Role{residency.RoleOrigin, residency.RoleCDN, residency.RoleHTTPDNS}).Draw(t, "role")
	return f
}

func drawClaim(t *rapid.T) residency.Claim {
	return rapid.SampledFrom([]residency.Claim{
		claim(countries("US|SG"), ""),
		claim(residency.Regions{Any: true}, "CN"),
		claim(countries("US|SG|CN"), "CN"),
	}).Draw(t, "claim")
}

// lose replaces the looks that pick chooses by time-outs.
func lose(f Facts, pick func(residency.Observation) bool) Facts {
	f.Looks = slices.Clone(f.Looks)
	for i, o := range f.Looks {
		if pick(o) {
			f.Looks[i] = residency.Observation{Question: o.Question, Resolver: o.Resolver, Failure: residency.FailTimeout}
		}
	}
	return f
}

// TestAnUnreadMemoryNeverMakesInside: what is outside stays so, and nothing is
// inside that could have been outside before.
func TestAnUnreadMemoryNeverMakesInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawFacts(t), drawClaim(t)
		read := Judge(c, f)
		f.Unread = true
		cell := Judge(c, f)
		switch {
		case cell.Verdict == residency.Inside:
			t.Fatalf("inside though the memory could not be read: %+v", cell)
		case read.Verdict == residency.Inside && (cell.Verdict != residency.Undetermined || !slices.Contains(cell.Reasons, residency.ReasonMemoryUnread)):
			t.Fatalf("%v of %v, want undetermined for the memory", cell.Verdict, cell.Reasons)
		case read.Verdict != residency.Inside && cell.Verdict != read.Verdict:
			t.Fatalf("%v, with a memory that could be read %v", cell.Verdict, read.Verdict)
		case !cell.Counts && read.Counts:
			t.Fatalf("a cell no longer counts")
		}
	})
}

func TestLosingAResolverNeverMakesInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawFacts(t), drawClaim(t)
		before := Judge(c, f)
		gone := f.Looks[rapid.IntRange(0, len(f.Looks)-1).Draw(t, "gone")].Resolver
		after := Judge(c, lose(f, func(o residency.Observation) bool { return o.Resolver == gone }))
		if after.Verdict == residency.Inside {
			t.Fatalf("without resolver %s the verdict is inside, with it %v", gone, before.Verdict)
		}
	})
}

func TestLosingANeedNeverMakesInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawFacts(t), drawClaim(t)
		at := f.Looks[rapid.IntRange(0, len(f.Looks)-1).Draw(t, "at")]
		same := func(o residency.Observation) bool { return o.Subnet == at.Subnet && o.Type == at.Type }
		if after := Judge(c, lose(f, same)); after.Verdict == residency.Inside {
			t.Fatalf("inside with no answer for %v %s", at.Subnet.Prefix, at.Type)
		}
		dropped := f
		dropped.Looks = slices.DeleteFunc(slices.Clone(f.Looks), same)
		if after := Judge(c, dropped); after.Verdict == residency.Inside {
			t.Fatalf("inside with no look for %v %s", at.Subnet.Prefix, at.Type)
		}
	})
}

func TestLosingALookThatANeedRestsOnNeverMakesInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawFacts(t), drawClaim(t)
		i := rapid.IntRange(0, len(f.Looks)-1).Draw(t, "look")
		o := f.Looks[i]
		redundant := false // another look meets the need, and the resolver still speaks for the type
		for j, p := range f.Looks {
			if j != i && p.Meets() && p.Subnet == o.Subnet && p.Type == o.Type {
				redundant = true
			}
		}
		if redundant {
			return
		}
		k := -1
		after := Judge(c, lose(f, func(residency.Observation) bool { k++; return k == i }))
		if after.Verdict == residency.Inside {
			t.Fatalf("inside without look %d, %+v", i, o)
		}
	})
}

func TestAnOutsideAddressNeverImproves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawFacts(t), drawClaim(t)
		before := Judge(c, f)
		f.Looks = slices.Clone(f.Looks)
		i := rapid.IntRange(0, len(f.Looks)-1).Draw(t, "look")
		if !f.Looks[i].Answered() {
			return
		}
		f.Looks[i].Addresses = append(slices.Clone(f.Looks[i].Addresses), residency.Answer{Address: addrCN})
		after := Judge(c, f)
		if after.Verdict == residency.Inside && before.Verdict != residency.Inside {
			t.Fatalf("%v became inside", before.Verdict)
		}
		if after.Verdict == residency.Inside && f.Looks[i].Meets() {
			t.Fatal("inside although an address outside was seen")
		}
		if before.Verdict == residency.Outside && after.Verdict != residency.Outside {
			t.Fatalf("outside became %v", after.Verdict)
		}
	})
}

func TestAMissingSourceNeverMakesInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawFacts(t), drawClaim(t)
		for addr, loc := range f.Locations {
			f.Locations[addr] = missing(loc)
		}
		if got := Judge(c, f); got.Verdict == residency.Inside {
			t.Fatal("inside although a source is missing")
		}
	})
}

func TestADegradedResolverNeverMakesInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawFacts(t), drawClaim(t)
		gone := f.Looks[rapid.IntRange(0, len(f.Looks)-1).Draw(t, "gone")].Resolver
		f.Looks = slices.Clone(f.Looks)
		for i := range f.Looks {
			if f.Looks[i].Resolver == gone {
				f.Looks[i].Tailoring = residency.TailoringNone
			}
		}
		f.Degraded = []string{gone}
		if got := Judge(c, f); got.Verdict == residency.Inside {
			t.Fatalf("inside although resolver %s passes no client subnets on any more", gone)
		}
	})
}

func TestOrderChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawFacts(t), drawClaim(t)
		want := Judge(c, f)
		seed := rapid.Uint64().Draw(t, "seed")
		g := f
		g.Looks = slices.Clone(f.Looks)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(g.Looks), func(i, j int) { g.Looks[i], g.Looks[j] = g.Looks[j], g.Looks[i] })
		if got := Judge(c, g); !reflect.DeepEqual(got, want) {
			t.Fatalf("in another order\n%+v\nwant\n%+v", got, want)
		}
	})
}

func TestInsideMeansInside(t *testing.T) {
	t.Parallel()
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawFacts(t), drawClaim(t)
		for i := range f.Looks { // lean towards good runs, so that inside is reached
			if rapid.IntRange(0, 9).Draw(t, "mend") > 0 {
				o := look(strings.Join([]string{f.Looks[i].Resolver, "A", f.Looks[i].Type, "specific", "sg"}, " "))
				o.Subnet = f.Looks[i].Subnet
				f.Looks[i] = o
			}
		}
		cell := Judge(c, f)
		if cell.Verdict != residency.Inside {
			return
		}
		seen++
		if cell.Coverage.Met != cell.Coverage.Needs || cell.Grade < residency.Asserted || len(cell.Reasons) > 0 {
			t.Fatalf("inside with %+v, %v, %v", cell.Coverage, cell.Grade, cell.Reasons)
		}
		for _, a := range cell.Addresses {
			if a.Counts && a.Side != residency.SideInside {
				t.Fatalf("inside with %v on side %v", a.Address, a.Side)
			}
		}
	})
	if seen == 0 {
		t.Error("no drawn case was inside: the property was not tried")
	}
}
