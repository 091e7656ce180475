package watch

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"residency/internal/residency"
)

func TestInOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		looks := make([]residency.Observation, random.IntN(30))
		for i := range looks {
			o := &looks[i]
			o.Market = []residency.Country{in, sg, cn}[random.IntN(3)]
			o.Subnet.Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(random.IntN(2))}), 24)
			o.Type, o.Resolver = []string{"A", "AAAA"}[random.IntN(2)], []string{"g", "q"}[random.IntN(2)]
			o.At, o.Scope = start.Add(time.Duration(random.IntN(2))), i
		}
		want := slices.Clone(looks)
		slices.SortStableFunc(want, func(a, b residency.Observation) int { return compareLooks(&a, &b) })
		for i, o := range inOrder(looks) {
			if o.Scope != want[i].Scope {
				t.Fatalf("look %d of %d is %d, want %d", i, len(looks), o.Scope, want[i].Scope)
			}
		}
	}
}

func TestOfMarket(t *testing.T) {
	t.Parallel()
	looks := func(markets ...residency.Country) (list []residency.Observation) {
		for i, m := range markets {
			list = append(list, residency.Observation{Question: residency.Question{Market: m}, Scope: i})
		}
		return list
	}
	for _, tt := range []struct {
		looks []residency.Observation
		want  string
	}{
		{nil, "[]"},
		{looks(sg, cn), "[]"},
		{looks(in, in, sg), "[0 1]"},
		{looks(sg, in, in), "[1 2]"},
		{looks(in, sg, in), "[0 2]"},
	} {
		got := []int{}
		for _, o := range ofMarket(tt.looks, in) {
			got = append(got, o.Scope)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("ofMarket = %v, want %s", got, tt.want)
		}
	}
}
