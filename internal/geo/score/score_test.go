package score

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"residency/internal/residency"
)

func country(code string) residency.Country { return residency.MustCountry(code) }

func set(codes string) residency.Countries {
	var s residency.Countries
	for code := range strings.FieldsSeq(codes) {
		s = s.With(country(code))
	}
	return s
}

func TestReadTruth(t *testing.T) {
	t.Parallel()
	rows, err := ReadTruth(strings.NewReader("\ufeffprefix,country,provider\n# comment\n\n8.8.8.0/24,US\r\n 2400:1::/32 , SG , aws,more\n"))
	want := []Truth{{netip.MustParsePrefix("8.8.8.0/24"), country("US"), ""}, {netip.MustParsePrefix("2400:1::/32"), country("SG"), "aws"}}
	if err != nil || !slices.Equal(rows, want) {
		t.Errorf("ReadTruth = %v, %v, want %v", rows, err, want)
	}
	for text, want := range map[string]string{
		"":                                  "no rows in it",
		"# nothing\n":                       "no rows in it",
		"8.8.8.0/24\n":                      `line 1: "8.8.8.0/24" is not prefix,country`,
		"8.8.8.0/24,US\n8.8.8.1/24,US\n":    `line 2: "8.8.8.1/24" has host bits set`,
		"8.8.8.0/33,US\n":                   `line 1: "8.8.8.0/33" is no prefix`,
		"::ffff:8.8.8.0/120,US\n":           "is no prefix",
		"8.8.8.0/24,XX\n":                   `line 1: "XX" is no country code`,
		"<html>\n<body>\n":                  "line 2:",
		strings.Repeat("x", longestRow+1):   "line 1:",
		"8.8.8.0/24,US\n\x00\xff,\x1b[31m,": "line 2:",
	} {
		if _, err := ReadTruth(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadTruth(%.40q): %v, want %q", text, err, want)
		}
	}
}

func FuzzReadTruth(f *testing.F) {
	for _, text := range []string{"prefix,country\n8.8.8.0/24,US,aws\n", "2400::/12,SG\n", "#\n\n,,\n", "0.0.0.0/0,US\n::/0,CN\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := ReadTruth(strings.NewReader(text))
		if err != nil {
			return
		}
		s := Lay(rows)
		random := numbers(1)
		for _, x := range append(s.byPrefix(&random), s.bySpace(10, &random)...) {
			if s.rowOf(x.addr) != x.row || !s.Rows[x.row].Prefix.Contains(x.addr) {
				t.Errorf("%v is not of %v", x.addr, s.Rows[x.row].Prefix)
			}
		}
	})
}

// TestLayAgreesWithTheLongestPrefix compares the layout with a look at every
// prefix.
func TestLayAgreesWithTheLongestPrefix(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var rows []Truth
		for range rapid.IntRange(1, 30).Draw(t, "rows") {
			addr := netip.AddrFrom4([4]byte{rapid.SampledFrom([]byte{0, 10, 255}).Draw(t, "a"), rapid.SampledFrom([]byte{0, 1, 255}).Draw(t, "b"), 0, rapid.Byte().Draw(t, "d")})
			bits := rapid.SampledFrom([]int{0, 6, 8, 15, 16, 24, 25, 30, 31, 32}).Draw(t, "bits")
			if rapid.Bool().Draw(t, "six") {
				addr, bits = netip.AddrFrom16([16]byte{0x20, 1, 15: byte(bits)}), bits*4
			}
			p, err := addr.Prefix(bits)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, Truth{Prefix: p, Country: residency.Country(1 + rapid.IntRange(0, 1).Draw(t, "country"))})
		}
		s := Lay(rows)
		for _, row := range s.Rows {
			for _, addr := range []netip.Addr{row.Prefix.Addr(), lastOf(row.Prefix), row.Prefix.Addr().Prev(), lastOf(row.Prefix).Next()} {
				longest := -1
				for i, r := range s.Rows {
					if r.Prefix.Contains(addr) && (longest < 0 || r.Prefix.Bits() > s.Rows[longest].Prefix.Bits()) {
						longest = i
					}
				}
				if got := s.rowOf(addr); addr.IsValid() && got != longest {
					t.Fatalf("rowOf(%v) = %d, want %d of %v", addr, got, longest, s.Rows)
				}
			}
		}
		for i := 1; i < len(s.spans); i++ {
			if s.spans[i-1].to.Compare(s.spans[i].from) >= 0 {
				t.Fatalf("spans overlap: %v", s.spans)
			}
		}
	})
}

func TestLayCounts(t *testing.T) {
	t.Parallel()
	rows, err := ReadTruth(strings.NewReader("8.0.0.0/8,US\n8.0.0.0/9,SG\n8.128.0.0/9,SG\n9.0.0.0/24,US\n9.0.0.0/24,DE\n7.0.0.0/24,CN\n7.0.0.0/24,CN\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := Lay(rows)
	if len(s.Rows) != 4 || s.Repeated != 1 || s.Contested != 1 || s.Covered != 1 {
		t.Errorf("Lay: %d rows, %d repeated, %d contested, %d covered; want 4, 1, 1, 1", len(s.Rows), s.Repeated, s.Contested, s.Covered)
	}
}

func TestScore(t *testing.T) {
	t.Parallel()
	rows, err := ReadTruth(strings.NewReader("8.0.0.0/24,SG,a\n8.0.1.0/24,SG,a\n8.0.2.0/24,CN,a\n8.0.3.0/24,CN,b\n8.0.4.0/24,US,b\n2400:1::/32,CN,b\n"))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{"8.0.0": "SG", "8.0.1": "CN", "8.0.2": "US", "8.0.3": "CN DE", "8.0.4": "CN DE", "2400:": ""}
	regions := set("SG US")
	var asked []string
	with := Contestants{Names: []string{"one", "truth"}, Answer: func(addr netip.Addr, provider string, into []Answer) {
		asked = append(asked, provider)
		c := set(said[addr.String()[:5]])
		into[0] = Answer{c, SideOf(c, regions)}
	}}
	var steps []string
	figures := Lay(rows).Score(context.Background(), with, Options{Regions: regions, Draws: 600, Progress: func(done, total int) { steps = append(steps, fmt.Sprint(done, "/", total)) }})
	want := Count{N: 6, Right: 1, Wrong: 2, Several: 1, SeveralNot: 1, Unknown: 1, TrulyIn: 3, In: 2, Out: 3, FalseIn: 1, FalseOut: 2}
	if got := figures[0].ByPrefix; got != want || got.Decided() != 3 || got.TrulyOut() != 3 {
		t.Errorf("ByPrefix = %+v, want %+v", got, want)
	}
	if got := figures[0].ByProvider["a"]; got.N != 3 || got.Wrong != 2 {
		t.Errorf("provider a: %+v", got)
	}
	if got := figures[0].ByCountry["CN"]; got.N != 3 || got.FalseIn != 1 {
		t.Errorf("country CN: %+v", got)
	}
	if got := fmt.Sprint(figures[0].Confused); got != "[{CN US 1} {SG CN 1}]" {
		t.Errorf("Confused = %s", got)
	}
	space := figures[0].BySpace
	if space.N != 600 || space.Right < 80 || space.Right > 160 || space.Unknown != 0 {
		t.Errorf("BySpace = %+v, want a fifth of 600 right", space)
	}
	if u := figures[1].ByPrefix; u.Unknown != 6 || u.In+u.Out != 0 {
		t.Errorf("a contestant that says nothing: %+v", u)
	}
	if !slices.Equal(asked[:6], []string{"a", "a", "a", "b", "b", "b"}) || len(steps) != 1 || steps[0] != "0/606" {
		t.Errorf("asked on behalf of %v, progress %v", asked[:6], steps)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if got := Lay(rows).Score(stopped, with, Options{})[0].ByPrefix.N; got != 0 {
		t.Errorf("after the end %d were scored", got)
	}
}

// TestWilson compares with values of the formula worked out by hand and with
// those in Newcombe, "Two-sided confidence intervals for the single
// proportion", Statistics in Medicine 17 (1998), table I (method 3).
func TestWilson(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		k, n      int
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}, {29, 29, 0.8830, 1}, {0, 0, 0, 1},
	} {
		low, high := Wilson(tt.k, tt.n)
		if math.Abs(low-tt.low) > 0.00006 || math.Abs(high-tt.high) > 0.00006 {
			t.Errorf("Wilson(%d, %d) = %.4f, %.4f, want %.4f, %.4f", tt.k, tt.n, low, high, tt.low, tt.high)
		}
	}
}

// TestExample holds that the example in the documentation can be read.
func TestExample(t *testing.T) {
	t.Parallel()
	f, err := os.Open("../../../docs/truth-example.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := ReadTruth(f)
	if err != nil {
		t.Fatal(err)
	}
	if s := Lay(rows); len(s.Rows) != 154 || s.Covered+s.Contested+s.Repeated != 0 || len(s.Own()) != 154 {
		t.Errorf("%d rows, %d covered, %d contested, %d repeated; want 154 and none", len(s.Rows), s.Covered, s.Contested, s.Repeated)
	}
}
