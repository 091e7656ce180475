package rtt

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"residency/internal/residency"
)

// loaded is read once for all tests.
var loaded = sync.OnceValues(Load)

func outlines(tb testing.TB) *Outlines {
	tb.Helper()
	o, err := loaded()
	if err != nil {
		tb.Fatalf("Load: %v", err)
	}
	return o
}

func TestEveryCountryHasAnOutline(t *testing.T) {
	t.Parallel()
	o := outlines(t)
	for c := range residency.AllCountries() {
		if len(o.parts[c]) == 0 {
			t.Errorf("%v (%s) has no outline", c, c.Name())
		}
	}
	if len(outlinesGz) > 300_000 {
		t.Errorf("outlines take %d bytes, more than 300 kB", len(outlinesGz))
	}
	if o.displaced <= 0 || o.displaced > maxDisplaced {
		t.Errorf("outlines are displaced by %v km, want up to %v", o.displaced, maxDisplaced)
	}
}

// TestDistance checks distances that can be read off a good map. The outline
// may be off by its displacement either way.
func TestDistance(t *testing.T) {
	t.Parallel()
	o := outlines(t)
	tests := []struct {
		from     string
		at       LatLon
		country  string
		low, top float64 // km
	}{
		{"Woodlands, Singapore", LatLon{1.4475, 103.7690}, "MY", 0, 3.5}, // the strait is 1 km wide
		{"Woodlands, Singapore", LatLon{1.4475, 103.7690}, "SG", 0, 2},
		{"Marina Bay, Singapore", LatLon{1.2830, 103.8600}, "ID", 10, 22}, // Batam and the islands before it
		{"Marina Bay, Singapore", LatLon{1.2830, 103.8600}, "SG", 0, 0},
		{"Hong Kong Central", LatLon{22.2819, 114.1580}, "CN", 20, 30}, // Shenzhen
		{"Kowloon Tong", LatLon{22.3370, 114.1760}, "HK", 0, 0},
		{"Hong Kong Central", LatLon{22.2819, 114.1580}, "MO", 55, 66},
		{"Lo Wu, Hong Kong", LatLon{22.5280, 114.1130}, "CN", 0, 3},
		{"Shenzhen", LatLon{22.5450, 114.0600}, "CN", 0, 0},
		{"Shenzhen", LatLon{22.5450, 114.0600}, "HK", 0, 7},
		{"Frankfurt", LatLon{50.1109, 8.6821}, "DE", 0, 0},
		{"Frankfurt", LatLon{50.1109, 8.6821}, "FR", 122, 136}, // Wissembourg
		{"Vienna", LatLon{48.2082, 16.3738}, "SK", 36, 48},     // the Morava, before Bratislava
		{"Bratislava", LatLon{48.1440, 17.1080}, "AT", 0, 8},
		{"Dover", LatLon{51.1290, 1.3130}, "FR", 31, 37},
		{"Copenhagen", LatLon{55.6760, 12.5680}, "SE", 18, 28},
		{"Gibraltar", LatLon{36.1400, -5.3500}, "MA", 22, 32},
		{"New York", LatLon{40.7128, -74.0060}, "CA", 380, 430},
		{"north of the 49th parallel", LatLon{49.0500, -100}, "US", 3, 8}, // 5.6 km; a great circle would say less
		{"south of the 49th parallel", LatLon{48.9500, -110}, "CA", 3, 8},
		{"the middle of Lesotho", LatLon{-29.6000, 28.2000}, "ZA", 50, 90}, // a hole
		{"the middle of Lesotho", LatLon{-29.6000, 28.2000}, "LS", 0, 0},
		{"the Vatican", LatLon{41.9029, 12.4534}, "IT", 0, 3},
		{"Taipei", LatLon{25.0330, 121.5654}, "CN", 145, 185}, // Pingtan
		{"Taipei", LatLon{25.0330, 121.5654}, "TW", 0, 0},
		{"Cayenne", LatLon{4.9220, -52.3270}, "GF", 0, 2},
		{"Cayenne", LatLon{4.9220, -52.3270}, "FR", 0, 2}, // many sources say France
		{"Mariehamn", LatLon{60.0970, 19.9350}, "FI", 0, 3},
		{"Pristina", LatLon{42.6630, 21.1650}, "XK", 0, 0},
		{"Pristina", LatLon{42.6630, 21.1650}, "RS", 0, 0},
		{"Simferopol", LatLon{44.9520, 34.1020}, "UA", 0, 0},
		{"Simferopol", LatLon{44.9520, 34.1020}, "RU", 0, 0},

		{"Little Diomede", LatLon{65.7550, -168.9300}, "RU", 2, 8}, // across the date line
		{"Wrangel Island, east", LatLon{71.2000, -179.5000}, "RU", 0, 0},
		{"Wrangel Island, west", LatLon{71.2000, 179.5000}, "RU", 0, 0},
		{"Taveuni, east", LatLon{-16.8500, -179.9900}, "FJ", 0, 3},
		{"Attu", LatLon{52.9000, 172.9000}, "US", 0, 2},
		{"Chatham Islands", LatLon{-43.9500, -176.5600}, "NZ", 0, 3},
		{"the 180th meridian", LatLon{0, 180}, "KI", 300, 800},
		{"the same, from the other side", LatLon{0, -180}, "KI", 300, 800},

		{"the north pole", LatLon{90, 0}, "GL", 695, 715},
		{"the north pole", LatLon{90, 123}, "RU", 895, 915},
		{"the south pole", LatLon{-90, 0}, "AQ", 0, 0},
		{"the south pole", LatLon{-90, 77}, "NZ", 3700, 4250}, // Campbell Island
		{"McMurdo", LatLon{-77.8460, 166.6760}, "AQ", 0, 5},
		{"Buenos Aires", LatLon{-34.6037, -58.3816}, "AQ", 2900, 3050},             // Elephant Island
		{"the antipode of Madrid", LatLon{-40.4168, 176.2962}, "ES", 18000, 18300}, // the Canary Islands are least far from it
	}
	for _, tt := range tests {
		got, ok := o.Distance(residency.MustCountry(tt.country), tt.at)
		if !ok || got < tt.low || got > tt.top {
			t.Errorf("Distance(%s) from %s = %.1f km, %v, want %v to %v", tt.country, tt.from, got, ok, tt.low, tt.top)
		}
	}
}

func TestDistanceFromNowhere(t *testing.T) {
	t.Parallel()
	o := outlines(t)
	for _, p := range []LatLon{{91, 0}, {0, 181}, {math.NaN(), 0}, {0, math.NaN()}, {0, math.Inf(1)}} {
		if km, ok := o.Distance(residency.MustCountry("SG"), p); ok {
			t.Errorf("Distance(SG, %v) = %v, true: that is no point", p, km)
		}
		if _, err := o.From(Vantage{Name: "x", At: p}); err == nil {
			t.Errorf("From(%v): no error", p)
		}
	}
	if _, ok := o.Distance(0, LatLon{}); ok {
		t.Error("the unknown country has a distance")
	}
	if _, err := o.From(Vantage{Within: math.NaN()}); err == nil {
		t.Error("From a place known within NaN km: no error")
	}
}

// slowDistance walks every arc in steps of at most a kilometre: the slow twin.
func slowDistance(o *Outlines, c residency.Country, p LatLon) float64 {
	v, best := p.vec(), math.Inf(1)
	for _, i := range o.parts[c] {
		points := o.rings[i].points
		for k, a := range points {
			b := points[(k+1)%len(points)]
			steps := int(angle(a, b)*earthRadius) + 1
			for s := range steps {
				f := float64(s) / float64(steps)
				m := vec{a[0] + (b[0]-a[0])*f, a[1] + (b[1]-a[1])*f, a[2] + (b[2]-a[2])*f}
				best = min(best, angle(v, m))
			}
		}
	}
	return best * earthRadius
}

// slowInside counts crossings on a flat map: the slow twin for countries that
// do not touch the 180th meridian.
func slowInside(o *Outlines, c residency.Country, p LatLon) bool {
	inside := false
	x, y := p.Lon*math.Pi/180, p.Lat*math.Pi/180
	for _, i := range o.parts[c] {
		r := o.rings[i]
		for k := range r.points {
			m := (k + 1) % len(r.points)
			xa, xb := r.lons[k], r.lons[m]
			ya, yb := math.Asin(r.points[k][2]), math.Asin(r.points[m][2])
			if (ya > y) != (yb > y) && x < xa+(y-ya)/(yb-ya)*(xb-xa) {
				inside = !inside
			}
		}
	}
	return inside
}

func TestDistanceAgreesWithASlowTwin(t *testing.T) {
	t.Parallel()
	o := outlines(t)
	rng := rand.New(rand.NewPCG(1, 2))
	insides := 0
	for _, code := range []string{"SG", "LU", "LS", "CH", "MV", "DE", "ZA", "TV", "TD"} {
		c := residency.MustCountry(code)
		for range 16 {
			ring := o.rings[o.parts[c][rng.IntN(len(o.parts[c]))]]
			k := rng.IntN(len(ring.points))
			p := LatLon{
				Lat: math.Asin(ring.points[k][2])*180/math.Pi + rng.NormFloat64(),
				Lon: ring.lons[k]*180/math.Pi + rng.NormFloat64(),
			}
			if !p.Valid() {
				continue
			}
			got, _ := o.Distance(c, p)
			want := slowDistance(o, c, p)
			if want > 5 && slowInside(o, c, p) {
				insides++
				if got != 0 {
					t.Errorf("Distance(%s, %v) = %.2f km, want 0: it is inside", code, p, got)
				}
			} else if want > 5 && (got > want+0.01 || got < want-0.6) {
				t.Errorf("Distance(%s, %v) = %.2f km, want %.2f", code, p, got, want)
			}
		}
	}
	if insides < 10 {
		t.Errorf("only %d points were inside: the test shows little", insides)
	}
}

func TestParseRefusesDamage(t *testing.T) {
	t.Parallel()
	good := file(400, 1000, "702", []int{41500, 500}, []int{10, 0}, []int{0, 10})
	o, err := parse(good)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if km, ok := o.Distance(residency.MustCountry("SG"), LatLon{1.255, 103.7525}); !ok || km > 0.5 {
		t.Errorf("Distance = %v, %v, want nearly 0", km, ok)
	}
	for n := range good {
		if _, err := parse(good[:n]); err == nil {
			t.Errorf("parse of the first %d of %d bytes: no error", n, len(good))
		}
	}
	if _, err := parse(append(good, 0)); err == nil {
		t.Error("parse with a byte too many: no error")
	}
	if _, err := parse(file(400, 2501, "702", []int{1, 1})); err == nil {
		t.Error("parse of outlines displaced too far: no error")
	}
	if _, err := parse(file(0, 0, "702", []int{1, 1})); err == nil {
		t.Error("parse of a grid of nothing: no error")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file(400, 1000, "702", []int{41500, 500}, []int{10, 0}, []int{0, 10}))
	f.Add(file(1, 0, "999", []int{0, 0}))
	f.Add([]byte("outlines1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := parse(data)
		if err != nil {
			return
		}
		for c := range o.parts {
			if km, ok := o.Distance(c, LatLon{1, 103}); ok && !(km >= 0) {
				t.Errorf("Distance(%v) = %v", c, km)
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(); err != nil {
			b.Fatal(err)
		}
	}
}
