package rtt

import (
	"encoding/binary"
	"testing"
	"time"

	"pgregory.net/rapid"

	"residency/internal/residency"
)

var (
	singapore = Vantage{Name: "Singapore", At: LatLon{1.3521, 103.8198}}
	frankfurt = Vantage{Name: "Frankfurt", At: LatLon{50.1109, 8.6821}}
	beijing   = LatLon{39.9042, 116.4074}
)

// file writes a file of outlines with one ring, in steps.
func file(perDegree, metres uint64, number string, steps ...[]int) []byte {
	b := []byte("outlines1\n")
	b = binary.AppendUvarint(b, perDegree)
	b = binary.AppendUvarint(b, metres)
	b = binary.AppendUvarint(b, 1)
	b = binary.AppendUvarint(b, uint64(len(steps)))
	for _, s := range steps {
		b = binary.AppendVarint(b, int64(s[0]))
		b = binary.AppendVarint(b, int64(s[1]))
	}
	b = binary.AppendUvarint(b, 1)
	b = append(b, number...)
	b = binary.AppendUvarint(b, 1)
	return binary.AppendVarint(b, 0)
}

func horizon(tb testing.TB, v Vantage) *Horizon {
	tb.Helper()
	h, err := outlines(tb).From(v)
	if err != nil {
		tb.Fatalf("From(%v): %v", v, err)
	}
	return h
}

func TestExclude(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from         Vantage
		rtt          time.Duration
		fibre, light string // excluded, a sample
		possible     string // not excluded, a sample
	}{
		// Hainan is 1,900 km away; the Spratly Islands, which China claims and
		// holds a part of, 1,300 km: 12.7 ms by fibre, 8.7 ms by light.
		{singapore, 2 * time.Millisecond, "CN US DE TH", "CN US DE TH", "SG MY ID"},
		{singapore, 15 * time.Millisecond, "HK MO US", "US DE JP", "SG MY TH"},
		{singapore, 10 * time.Millisecond, "CN HK US", "US DE JP", "SG MY TH"},
		{singapore, 40 * time.Millisecond, "US DE", "US", "SG CN HK JP IN"},
		{singapore, 300 * time.Millisecond, "", "", "SG CN US DE BR"},
		// Nothing can be told apart that is near.
		{singapore, 100 * time.Microsecond, "CN TH", "CN TH", "SG MY"},
		{frankfurt, 1 * time.Millisecond, "FR US CN", "US CN GB", "DE"},
		{frankfurt, 2 * time.Millisecond, "US CN IE", "US CN", "DE FR NL BE LU"},
		{frankfurt, 0, "", "", "DE CN US"},
		{frankfurt, -time.Second, "", "", "DE CN US"},
	}
	for _, tt := range tests {
		byFibre, byLight := horizon(t, tt.from).Exclude(tt.rtt)
		if want := set(tt.fibre); !want.SubsetOf(byFibre) {
			t.Errorf("Exclude(%s, %v) by fibre lacks %v", tt.from.Name, tt.rtt, want.Minus(byFibre))
		}
		if want := set(tt.light); !want.SubsetOf(byLight) {
			t.Errorf("Exclude(%s, %v) by light lacks %v", tt.from.Name, tt.rtt, want.Minus(byLight))
		}
		if wrong := set(tt.possible).Intersect(byFibre); !wrong.Empty() {
			t.Errorf("Exclude(%s, %v) excludes %v, which are possible", tt.from.Name, tt.rtt, wrong)
		}
		if tt.fibre == "" && !byFibre.Empty() {
			t.Errorf("Exclude(%s, %v) excludes %v, want nothing", tt.from.Name, tt.rtt, byFibre)
		}
	}
}

func set(codes string) residency.Countries {
	var s residency.Countries
	for i := 0; i+1 < len(codes); i += 3 {
		s = s.With(residency.MustCountry(codes[i : i+2]))
	}
	return s
}

func TestExcludeIsMonotonous(t *testing.T) {
	t.Parallel()
	h := horizon(t, singapore)
	rapid.Check(t, func(t *rapid.T) {
		a := time.Duration(rapid.Int64Range(1, int64(250*time.Millisecond)).Draw(t, "a"))
		b := a + time.Duration(rapid.Int64Range(0, int64(100*time.Millisecond)).Draw(t, "more"))
		fibreA, lightA := h.Exclude(a)
		fibreB, lightB := h.Exclude(b)
		if !lightA.SubsetOf(fibreA) || !lightB.SubsetOf(fibreB) {
			t.Fatalf("light excludes what fibre does not, at %v or %v", a, b)
		}
		if !fibreB.SubsetOf(fibreA) || !lightB.SubsetOf(lightA) {
			t.Fatalf("a longer delay excludes more: %v, %v", a, b)
		}
		if fibreA.Has(residency.MustCountry("SG")) {
			t.Fatalf("%v excludes where the vantage stands", a)
		}
	})
}

// TestExcludeNeverExcludesWhereItIs plays signals at the speed that is
// excluded: whoever answers from a place in a country must not be told that he
// is elsewhere, wherever the vantage stands.
func TestExcludeNeverExcludesWhereItIs(t *testing.T) {
	t.Parallel()
	places := []struct {
		country string
		at      LatLon
	}{
		{"SG", LatLon{1.3521, 103.8198}}, {"CN", beijing}, {"US", LatLon{37.3387, -121.8853}},
		{"DE", LatLon{50.1109, 8.6821}}, {"BR", LatLon{-23.5505, -46.6333}}, {"ZA", LatLon{-33.9249, 18.4241}},
		{"IN", LatLon{19.0760, 72.8777}}, {"AU", LatLon{-33.8688, 151.2093}}, {"NZ", LatLon{-36.8485, 174.7633}},
		{"IS", LatLon{64.1466, -21.9426}}, {"RU", LatLon{64.7337, 177.5060}}, {"FJ", LatLon{-18.1248, 178.4501}},
		{"EC", LatLon{-0.2000, -78.5000}}, {"MV", LatLon{4.1755, 73.5093}}, {"GP", LatLon{16.2650, -61.5510}},
	}
	for _, from := range places {
		h := horizon(t, Vantage{Name: from.country, At: from.at})
		for _, to := range places {
			// The true distance is shorter than on the sphere by up to 0.56%.
			km := least(from.at.Distance(to.at))
			rtt := time.Duration(km/KmPerMsFibre*float64(time.Millisecond)) + 1
			if byFibre, _ := h.Exclude(rtt); byFibre.Has(residency.MustCountry(to.country)) {
				t.Errorf("from %s, an answer from %s in %v excludes it", from.country, to.country, rtt)
			}
		}
	}
}

func TestVantageKnownWithin(t *testing.T) {
	t.Parallel()
	exact := horizon(t, singapore)
	vague := horizon(t, Vantage{Name: "somewhere there", At: singapore.At, Within: 600})
	a, _ := exact.Exclude(10 * time.Millisecond)
	b, _ := vague.Exclude(10 * time.Millisecond)
	if !b.SubsetOf(a) || a == b || !a.Has(residency.MustCountry("CN")) || b.Has(residency.MustCountry("CN")) {
		t.Errorf("known within 600 km excludes %v, exactly %v", b, a)
	}
}

func TestNoOutlineIsNeverExcluded(t *testing.T) {
	t.Parallel()
	o, err := parse(file(400, 1000, "702", []int{41500, 500}, []int{10, 0}, []int{0, 10}))
	if err != nil {
		t.Fatal(err)
	}
	h, err := o.From(frankfurt)
	if err != nil {
		t.Fatal(err)
	}
	if byFibre, _ := h.Exclude(time.Microsecond); byFibre != set("SG") {
		t.Errorf("Exclude = %v, want SG, the only country with an outline", byFibre)
	}
}

func TestDisjoint(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	tests := []struct {
		a, b Disk
		want bool
	}{
		// Singapore and Frankfurt are 10,270 km apart: 100 ms of fibre in all.
		{Disk{singapore, 2 * ms}, Disk{frankfurt, 2 * ms}, true},
		{Disk{singapore, 2 * ms}, Disk{frankfurt, 97 * ms}, true},
		{Disk{singapore, 2 * ms}, Disk{frankfurt, 100 * ms}, false},
		{Disk{singapore, 50 * ms}, Disk{frankfurt, 51 * ms}, false},
		{Disk{singapore, 2 * ms}, Disk{singapore, 3 * ms}, false},
		{Disk{singapore, 0}, Disk{frankfurt, 2 * ms}, false}, // no measurement
		{Disk{Vantage{At: LatLon{99, 0}}, ms}, Disk{frankfurt, ms}, false},
		{Disk{Vantage{At: singapore.At, Within: 10000}, ms}, Disk{frankfurt, ms}, false},
	}
	for _, tt := range tests {
		if got := Disjoint(tt.a, tt.b); got != tt.want {
			t.Errorf("Disjoint(%v, %v) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
		if got := Disjoint(tt.b, tt.a); got != tt.want {
			t.Errorf("Disjoint(%v, %v) = %v, want %v", tt.b, tt.a, got, tt.want)
		}
	}
}

// BenchmarkFrom is the distance of one vantage to all countries.
func BenchmarkFrom(b *testing.B) {
	o := outlines(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.From(frankfurt); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkExclude is one address against all countries.
func BenchmarkExclude(b *testing.B) {
	h := horizon(b, frankfurt)
	b.ReportAllocs()
	for b.Loop() {
		h.Exclude(17 * time.Millisecond)
	}
}
