package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"math"
	"math/rand/v2"
	"testing"
)

// island is a ragged closed ring around a place.
func island(rng *rand.Rand, at point, degrees float64, n int) []point {
	var ring []point
	for i := range n {
		r := degrees * (0.6 + 0.4*rng.Float64())
		a := 2 * math.Pi * float64(i) / float64(n)
		ring = append(ring, point{at[0] + r*math.Cos(a), at[1] + r*math.Sin(a)})
	}
	return append(ring, ring[0])
}

func onGrid(cells []cell) []vec {
	var list []vec
	for _, c := range cells {
		list = append(list, toVec(point{float64(c[0]) / perDegree, float64(c[1]) / perDegree}))
	}
	return list
}

// toRing is the distance in km from p to the border of a closed ring.
func toRing(p vec, ring []vec) float64 {
	best := math.Inf(1)
	for i := range ring {
		best = min(best, toSegment(p, ring[i], ring[(i+1)%len(ring)]))
	}
	return best
}

// TestSimplifyKeepsItsWord: no point of the drawn border is farther from the
// simplified one than simplify says, and that is little more than the tolerance.
func TestSimplifyKeepsItsWord(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for _, tt := range []struct {
		at      point
		degrees float64
		n       int
	}{
		{point{8, 50}, 3, 4000}, {point{103, 1}, 0.2, 300}, {point{0, 80}, 1, 1000}, {point{179.9, -17}, 0.5, 500},
		{point{-100, 45}, 15, 6}, {point{20, 20}, 0.005, 12}, {point{20, -60}, 0.02, 5},
	} {
		ring := island(rng, tt.at, tt.degrees, tt.n)
		cells, worst := simplify(ring)
		grid := onGrid(cells)
		for _, p := range densify(ring) {
			if d := toRing(toVec(p), grid); d > worst+1e-6 {
				t.Fatalf("simplify at %v: %v lies %.3f km away, and the word is %.3f", tt.at, p, d, worst)
			}
		}
		if worst > tolerance+0.25 {
			t.Errorf("simplify at %v: displaced by %.3f km, more than the tolerance and the grid", tt.at, worst)
		}
		if tt.n > 100 && len(cells) > tt.n/2 {
			t.Errorf("simplify at %v kept %d of %d points", tt.at, len(cells), tt.n)
		}
		if len(cells) == 0 {
			t.Errorf("simplify at %v lost the ring", tt.at)
		}
	}
	if cells, _ := simplify(island(rng, point{20, 20}, 0.005, 12)); len(cells) != 1 {
		t.Errorf("an islet became %d points, want 1", len(cells))
	}
}

// TestDensifyFollowsTheParallel: a border of two points along the 49th
// parallel stays on it.
func TestDensifyFollowsTheParallel(t *testing.T) {
	t.Parallel()
	ring := []point{{-123, 49}, {-95, 49}, {-109, 40}, {-123, 49}}
	cells, _ := simplify(ring)
	if d := toRing(toVec(point{-109, 49}), onGrid(cells)); d > tolerance+0.25 {
		t.Errorf("the middle of the parallel lies %.1f km from the outline", d)
	}
	direct := toSegment(toVec(point{-109, 49}), toVec(ring[0]), toVec(ring[1]))
	if direct < 50 {
		t.Errorf("the great circle is %.1f km away: the test shows nothing", direct)
	}
}

const world = `{"type":"Topology","transform":{"scale":[0.5,0.5],"translate":[-10,0]},
"arcs":[[[20,0],[20,0],[0,20]],[[40,20],[-20,0],[0,-20]],[[236,0],[2,0],[0,2],[-2,-2]]],
"objects":{"countries":{"type":"GeometryCollection","geometries":[
{"type":"Polygon","id":"276","arcs":[[0,1]],"properties":{"name":"Germany"}},
{"type":"MultiPolygon","arcs":[[[2]],[[-3]]],"properties":{"name":"Kosovo"}}]}}}`

func TestDecode(t *testing.T) {
	t.Parallel()
	features, err := decode([]byte(world))
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	if len(features) != 2 || features[0].id != "276" || features[1].name != "Kosovo" || len(features[1].polygons) != 2 {
		t.Fatalf("decode = %+v", features)
	}
	want := []point{{0, 0}, {10, 0}, {10, 10}, {0, 10}, {0, 0}}
	got := features[0].polygons[0][0]
	if len(got) != len(want) {
		t.Fatalf("ring = %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("ring[%d] = %v, want %v", i, got[i], want[i])
		}
	}
	for _, bad := range []string{
		`{`, `{"objects":{"countries":{"geometries":[{"type":"Point","arcs":[]}]}}}`,
		`{"objects":{"countries":{"geometries":[{"type":"Polygon","arcs":[[7]]}]}}}`,
		`{"objects":{"countries":{"geometries":[{"type":"Polygon","arcs":"x"}]}}}`,
	} {
		if _, err := decode([]byte(bad)); err == nil {
			t.Errorf("decode(%s): no error", bad)
		}
	}
}

func TestOwnersAndPack(t *testing.T) {
	t.Parallel()
	a := newAtlas()
	square := []point{{21, 42}, {22, 42}, {22, 43}, {21, 43}, {21, 42}}
	hole := []point{{21.5, 42.5}, {21.5, 42.501}, {21.501, 42.501}, {21.5, 42.5}}
	a.add(feature{name: "Kosovo", polygons: [][][]point{{square, hole}}})
	a.add(feature{id: "250", name: "France", polygons: [][][]point{
		{{{-53, 3}, {-52, 3}, {-52, 4}, {-53, 3}}}, {{{2, 48}, {3, 48}, {3, 49}, {2, 48}}}}})
	for code, rings := range map[string]int{"983": 1, "688": 1, "250": 2, "254": 1, "276": 0} {
		if len(a.parts[code]) != rings {
			t.Errorf("%s has %d rings, want %d", code, len(a.parts[code]), rings)
		}
	}
	if err := a.check(); err == nil {
		t.Error("check finds nothing, though most places have no ring")
	}
	packed, err := a.pack()
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil || !bytes.HasPrefix(data, []byte("outlines1\n")) {
		t.Errorf("pack = %q, %v", data, err)
	}
}
