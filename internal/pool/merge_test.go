package pool

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"residency/internal/residency"
)

var (
	in      = residency.MustCountry("IN")
	subnets = []netip.Prefix{netip.MustParsePrefix("198.18.0.0/24"), netip.MustParsePrefix("198.19.0.0/24")}
)

// record makes a record from lists of numbers.
func record(subnet int, typ string, list ...[]int) *Record {
	return &Record{Key: Key{Market: in, Subnet: subnets[subnet], Type: typ, Resolver: "r", Server: "s"}, Authoritative: true, Draws: sets(list...)}
}

func random(seed uint64, n, size int) [][]int {
	rng := rand.New(rand.NewPCG(seed, 9))
	var list [][]int
	for range n {
		list = append(list, []int{rng.IntN(size)})
	}
	return list
}

func same(n int, set ...int) [][]int {
	var list [][]int
	for range n {
		list = append(list, set)
	}
	return list
}

func TestMerge(t *testing.T) {
	t.Parallel()
	two := []Need{{subnets[0], "A"}, {subnets[1], "A"}}
	four := append([]Need{{subnets[0], "AAAA"}, {subnets[1], "AAAA"}}, two...)
	everywhere := func(netip.Addr) bool { return true }
	for _, tt := range []struct {
		name    string
		records []*Record
		needs   []Need
		inside  func(netip.Addr) bool
		pattern residency.PoolPattern
		least   int
		unseen  float64 // -1: nil
		bound   float64 // -1: nil
	}{
		{"nothing", nil, two, everywhere, "", 0, -1, -1},
		{"too few", []*Record{record(0, "A", same(19, 1)...), record(1, "A", same(30, 1)...)}, two, everywhere, residency.PatternWholeSet, 19, -1, -1},
		{"whole set for two clients", []*Record{record(0, "A", same(20, 1, 2)...), record(1, "A", same(30, 2, 1)...)}, two, everywhere, residency.PatternWholeSet, 20, 0, OutsideBound(20)},
		{"whole set for one client", []*Record{record(0, "A", same(20, 1)...)}, two[:1], everywhere, residency.PatternWholeSet, 20, -1, -1},
		{"each client its own", []*Record{record(0, "A", same(20, 1)...), record(1, "A", same(20, 2)...)}, two, everywhere, residency.PatternSticky, 20, -1, -1},
		{"a need never drawn", []*Record{record(0, "A", random(1, 40, 8)...)}, two, everywhere, residency.PatternIndependent, 0, -1, -1},
		{"random", []*Record{record(0, "A", random(1, 104, 8)...), record(1, "A", random(2, 60, 8)...)}, two, everywhere, residency.PatternIndependent, 60, 0, OutsideBound(60)},
		{"random, one outside", []*Record{record(0, "A", random(1, 104, 8)...), record(1, "A", random(2, 60, 8)...)}, two, func(a netip.Addr) bool { return a != addr(3) }, residency.PatternIndependent, 60, 0, -1},
		{"turns", []*Record{record(0, "A", turns(40, 8)...), record(1, "A", random(2, 60, 8)...)}, two, everywhere, residency.PatternRotation, 40, -1, -1},
		{"random, and no address of the other type", []*Record{record(0, "A", random(1, 104, 8)...), record(1, "A", random(2, 60, 8)...), record(0, "AAAA", same(21)...), record(1, "AAAA", same(21)...)}, four, everywhere, residency.PatternIndependent, 21, 0, OutsideBound(21)},
		{"no address at all", []*Record{record(0, "A", same(21)...), record(1, "A", same(21)...)}, two, everywhere, residency.PatternWholeSet, 21, -1, OutsideBound(21)},
	} {
		p := Merge(tt.records, tt.needs, tt.inside)
		if p.Pattern != tt.pattern || p.Least != tt.least || !is(p.Unseen, tt.unseen) || !is(p.OutsideBound, tt.bound) {
			t.Errorf("%s: pattern %q, least %d, unseen %v, bound %v; want %q, %d, %v, %v", tt.name,
				p.Pattern, p.Least, show(p.Unseen), show(p.OutsideBound), tt.pattern, tt.least, tt.unseen, tt.bound)
		}
		if len(p.Curve) != p.Draws || p.Draws > 0 && p.Curve[p.Draws-1] != p.Addresses {
			t.Errorf("%s: %d draws, %d addresses, curve %v", tt.name, p.Draws, p.Addresses, p.Curve)
		}
	}
}

func is(p *float64, want float64) bool {
	if want < 0 {
		return p == nil
	}
	return p != nil && math.Abs(*p-want) < 1e-9
}

func show(p *float64) any {
	if p == nil {
		return nil
	}
	return *p
}

// TestUnseenIsOfTheWorstNeed takes a need that has seen all and one that has
// seen little.
func TestUnseenIsOfTheWorstNeed(t *testing.T) {
	t.Parallel()
	p := Merge([]*Record{record(0, "A", random(1, 60, 4)...), record(1, "A", random(2, 60, 500)...)},
		[]Need{{subnets[0], "A"}, {subnets[1], "A"}}, func(netip.Addr) bool { return true })
	if p.Unseen == nil || *p.Unseen < 0.8 {
		t.Errorf("unseen %v, want that of the large pool", show(p.Unseen))
	}
}

// look makes an answered look at a number of seconds after the start.
func look(second int, authoritative bool, ttl uint32, addrs ...int) residency.Observation {
	o := residency.Observation{
		Question: residency.Question{Market: in, Subnet: residency.ClientSubnet{Prefix: subnets[0]}, Type: "A"},
		Resolver: "r", Server: "s", Authoritative: authoritative, Rcode: "NOERROR",
		Tailoring: residency.TailoringSpecific, At: start.Add(time.Duration(second) * time.Second),
	}
	for _, a := range addrs {
		o.Addresses = append(o.Addresses, residency.Answer{Address: addr(a), TTL: ttl})
	}
	return o
}

func TestCachedRepeatsAreNoDraws(t *testing.T) {
	t.Parallel()
	alias := look(60, false, 20, 1)
	alias.Chain = []residency.Link{{TTL: 300}}
	failed := look(10, true, 60)
	failed.Failure, failed.Rcode = residency.FailTimeout, ""
	elsewhere := look(11, true, 60, 1)
	elsewhere.Tailoring = residency.TailoringNone
	for _, tt := range []struct {
		name  string
		looks []residency.Observation
		want  int
	}{
		{"authoritative", []residency.Observation{look(0, true, 60, 1), look(1, true, 60, 1), look(2, true, 60, 1)}, 3},
		{"recursive", []residency.Observation{look(0, false, 60, 1), look(30, false, 30, 1), look(59, false, 1, 1), look(60, false, 60, 1), look(119, false, 1, 1)}, 2},
		{"in any order", []residency.Observation{look(60, false, 60, 1), look(59, false, 1, 1), look(0, false, 60, 1)}, 2},
		{"an alias lives longer", []residency.Observation{alias, look(90, false, 20, 1), look(359, false, 20, 1), look(360, false, 20, 1)}, 2},
		{"no address", []residency.Observation{look(0, false, 0), look(3*3600-1, false, 0), look(3*3600, false, 0)}, 2},
		{"failures and answers for others", []residency.Observation{failed, elsewhere, look(12, true, 60, 1)}, 1},
	} {
		d := Gather(tt.looks)
		got := 0
		for _, r := range d.Of(in) {
			got += len(r.Draws)
		}
		if got != tt.want {
			t.Errorf("%s: %d draws, want %d", tt.name, got, tt.want)
		}
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	d := Gather([]residency.Observation{look(0, true, 60, 1), look(1, true, 60, 2), look(2, true, 60, 3), look(3, true, 60, 4)})
	d.Forget(start.Add(time.Second), 2)
	list := d.Of(in)
	if len(list) != 1 || len(list[0].Draws) != 2 || list[0].Draws[0].Addresses[0] != addr(3) {
		t.Errorf("kept %+v", list)
	}
	d.Forget(start.Add(time.Hour), 2)
	if list := d.Of(in); len(list) != 0 {
		t.Errorf("kept %+v", list)
	}
}
