package policy

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"residency/internal/residency"
)

// TestAnOperatorIsOneWitness: answers that may depend on who asks are sure when
// two operators gave them, and not when one operator gave them twice.
func TestAnOperatorIsOneWitness(t *testing.T) {
	t.Parallel()
	c := claim(countries("US|SG"), "")
	for _, tt := range []struct {
		name    string
		answer  string
		by      map[string]string // operators of the resolvers
		verdict residency.Verdict
	}{
		{"inside, two unknown operators", "sg", nil, residency.Inside},
		{"inside, two operators", "sg", map[string]string{"g": "google", "q": "quad9"}, residency.Inside},
		{"inside, one operator", "sg", map[string]string{"g": "google", "q": "google"}, residency.Undetermined},
		{"inside, a resolver named like the other's operator", "sg", map[string]string{"g": "q"}, residency.Undetermined},
		{"outside, two operators", "cn", map[string]string{"g": "google", "q": "quad9"}, residency.Outside},
		{"outside, one operator", "cn", map[string]string{"g": "google", "q": "google"}, residency.Undetermined},
	} {
		f := facts("g A A unknown "+tt.answer, "g A AAAA unknown nodata", "q A A unknown "+tt.answer, "q A AAAA unknown nodata")
		for i := range f.Looks {
			f.Looks[i].Operator = tt.by[f.Looks[i].Resolver]
		}
		if got := Judge(c, f); got.Verdict != tt.verdict {
			t.Errorf("%s: Judge = %v %v, want %v", tt.name, got.Verdict, got.Reasons, tt.verdict)
		}
	}
}

// TestASecondEntryOfAnOperatorGivesNothing: what one entry shows, a second entry
// of the same operator that shows the same cannot make better, nor worse.
func TestASecondEntryOfAnOperatorGivesNothing(t *testing.T) {
	t.Parallel()
	seen := map[residency.Verdict]int{}
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawFacts(t), drawClaim(t)
		f.Looks = slices.Clone(f.Looks)
		for i := range f.Looks {
			f.Looks[i].Operator = "of " + f.Looks[i].Resolver
		}
		g := f
		for _, o := range f.Looks {
			o.Resolver += " again"
			g.Looks = append(slices.Clip(g.Looks), o)
		}
		one, two := Judge(c, f), Judge(c, g)
		seen[one.Verdict]++
		if one.Verdict != two.Verdict || one.Grade != two.Grade || !reflect.DeepEqual(one.Reasons, two.Reasons) {
			t.Fatalf("one entry: %v %v %v; two: %v %v %v", one.Verdict, one.Grade, one.Reasons, two.Verdict, two.Grade, two.Reasons)
		}
	})
	if seen[residency.Outside] == 0 || seen[residency.Undetermined] == 0 {
		t.Errorf("verdicts drawn: %v: too few kinds to try the property", seen)
	}
}

// TestOneOperatorIsNeverBetterThanSeveral: to learn that two resolvers belong
// to one operator never makes a verdict surer, whatever each of them showed.
func TestOneOperatorIsNeverBetterThanSeveral(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawFacts(t), drawClaim(t)
		apart := Judge(c, f)
		f.Looks = slices.Clone(f.Looks)
		for i := range f.Looks {
			f.Looks[i].Operator = "one"
		}
		together := Judge(c, f)
		if together.Verdict == residency.Inside && apart.Verdict != residency.Inside {
			t.Fatalf("%v became inside", apart.Verdict)
		}
		if together.Verdict == residency.Outside && (apart.Verdict != residency.Outside || together.Grade > apart.Grade) {
			t.Fatalf("%v %v became outside %v", apart.Verdict, apart.Grade, together.Grade)
		}
	})
}
