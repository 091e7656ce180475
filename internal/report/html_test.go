package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

var pages = flag.String("pages", "", "write the whole pages into this directory, to look at them")

// story is a migration in steps: nothing has moved, some has, one address is
// left behind, all is done.
func story() Page {
	steps := []Step{}
	add := func(at time.Time, caption string, tell told) {
		run := invent(at, tell)
		run.Simulated, run.Notice = true, notice
		steps = append(steps, Step{at, caption, run})
	}
	all := func(p ...place) told {
		return func(int, residency.Country) ([]place, residency.Failure) { return p, "" }
	}
	add(date(2014, 8, 1), "before the promise", all(beijing))
	add(date(2014, 9, 1), "the shop begins to move", func(host int, m residency.Country) ([]place, residency.Failure) {
		if host == 0 && m.String() > "IN" {
			return []place{singapore}, ""
		}
		return []place{beijing}, ""
	})
	add(date(2014, 10, 1), "", func(host int, m residency.Country) ([]place, residency.Failure) {
		if host == 0 || host == 1 && m.String() > "MY" {
			return []place{singapore, oregon}, ""
		}
		return []place{beijing}, ""
	})
	november := inNovember()
	november.Simulated, november.Notice = true, notice
	steps = append(steps, Step{november.At, "the first promises are due", november})
	add(date(2014, 12, 10), "one address is left in Beijing", func(host int, m residency.Country) ([]place, residency.Failure) {
		if host == 2 && m == cc("ID") {
			return []place{singapore, beijing}, ""
		}
		return []place{singapore, oregon}, ""
	})
	add(date(2015, 1, 20), "everything has moved", all(singapore, oregon))
	run, claim, round, cell := found()
	return Page{Title: "Where the data of acme's users goes", Lead: "Three promises of October 2014, seven markets, six looks over half a year.",
		Notice: notice, Steps: steps, Explained: []Explained{{run, claim, round, cell}}}
}

func page(t testing.TB, p Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageGolden(t *testing.T) {
	t.Parallel()
	land := regexp.MustCompile(`(<path id="land[^"]*" d=")[^"]*`)
	short := story()
	short.Steps = short.Steps[:4]
	for name, p := range map[string]Page{"page": story(), "page-november": short} {
		whole := []byte(page(t, p))
		golden(t, name+".html", land.ReplaceAll(whole, []byte("${1}")))
		if *pages != "" {
			if err := os.WriteFile(filepath.Join(*pages, name+".html"), whole, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	t.Parallel()
	got := page(t, story())
	for _, bad := range []string{"<script", "<link", "<img", "@import", "url(http", "src="} {
		if strings.Contains(got, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if len(got) > 1<<20 {
		t.Errorf("the page has %d bytes", len(got))
	}
}

func TestPageIsWhole(t *testing.T) {
	t.Parallel()
	got := page(t, story())
	if n := strings.Count(got, `role="note">`); n != 2 {
		t.Errorf("the notice is there %d times, want at the top and at the bottom", n)
	}
	for _, want := range []string{
		"<h1>", "By the end of the month", "https://acme.example/blog/2014-10-22", "31 Oct 2014", "due at the end of 31 Oct 2014",
		"Judged as of", "the first promises are due", "203.0.113.16", "9f2c51aa0b77e3d1", "Singapore", "Hong Kong", "<caption>", `scope="col"`,
		residency.Limits()[0], residency.Outside.Limit(), "nothing seen outside: 14 looks, 7 markets",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	ids := make(map[string]bool)
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(got, -1) {
		if ids[m[1]] {
			t.Errorf("the id %q is there twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?:href="#|url\(#|aria-labelledby=")([^") ]+)`).FindAllStringSubmatch(got, -1) {
		if !ids[m[1]] {
			t.Errorf("the page refers to %q, which it does not have", m[1])
		}
	}
	if strings.Contains(got, "NaN") || strings.Contains(got, "Inf ") || strings.Contains(got, "+Inf") {
		t.Error("a coordinate is no number")
	}
	if err := HTML(io.Discard, Page{}); err == nil {
		t.Error("a page of nothing is written")
	}
}

func TestPageEscapes(t *testing.T) {
	t.Parallel()
	p := story()
	evil := `"><script>alert(1)</script><svg onload=x>` + "\x00\u202e"
	p.Title, p.Lead, p.Notice, p.Steps[5].Caption = evil, evil, evil, evil
	run := &p.Steps[5].Run
	for i := range run.Claims {
		c := &run.Claims[i].Claim
		c.ID, c.Title, c.Quote, c.Vendor, c.SaidBy, c.Source = evil, evil, evil, evil, evil, "javascript:alert(1)"
	}
	for i := range run.Rounds {
		run.Rounds[i].Endpoint.Host = evil
		for j := range run.Rounds[i].Cells {
			run.Rounds[i].Cells[j].Claim, run.Rounds[i].Cells[j].Endpoint.Host = evil, evil
		}
	}
	run.Datasets = []residency.Dataset{{Name: evil, SHA256: evil, Licence: evil}}
	run.Missing, run.Notices, run.Version = []string{evil}, []string{evil}, evil
	p.Explained[0].Cell.Endpoint.Host, p.Explained[0].Claim.Quote = evil, evil
	got := page(t, p)
	for _, bad := range []string{"<script", "<svg onload", `href="javascript`, "\x00", "\u202e"} {
		if strings.Contains(got, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

func TestPageOfManyEndpoints(t *testing.T) {
	t.Parallel()
	run := many()
	got := page(t, Page{Title: "many", Steps: []Step{{run.At, "", run}}})
	if strings.Count(got, `scope="row"><span class="host">`) != 93 {
		t.Errorf("%d rows, want 93", strings.Count(got, `scope="row"><span class="host">`))
	}
	if strings.Contains(got, "Step by step") || strings.Contains(got, `class="timeline"`) {
		t.Error("a page of one step has a timeline")
	}
}

func TestPageTellsWriteErrors(t *testing.T) {
	t.Parallel()
	if err := HTML(&brokenPipe{1000}, story()); !errors.Is(err, errPipe) {
		t.Errorf("into a closed pipe: %v", err)
	}
}

func TestWorld(t *testing.T) {
	t.Parallel()
	w, err := loadWorld()
	if err != nil {
		t.Fatal(err)
	}
	if len(worldText) > 150_000 {
		t.Errorf("the outlines have %d bytes", len(worldText))
	}
	for c := range residency.AllCountries() {
		p, ok := w.middles[c]
		if !ok && c != cc("AQ") {
			t.Errorf("%s has no place on the map", c)
		}
		if math.Abs(p.lon) > 180 || math.Abs(p.lat) > 90 {
			t.Errorf("%s is at %v", c, p)
		}
	}
	for code, near := range map[string]lonLat{
		"SG": {103.8, 1.35}, "HK": {114.15, 22.35}, "MO": {113.55, 22.15}, "CN": {104, 36}, "TW": {121, 23.7},
		"US": {-99, 40}, "FR": {2.5, 46.5}, "RU": {97, 62}, "FJ": {178, -17.8}, "MT": {14.4, 35.9},
	} {
		if p := w.middles[cc(code)]; math.Abs(p.lon-near.lon) > 3 || math.Abs(p.lat-near.lat) > 3 {
			t.Errorf("%s is at %v, want near %v", code, p, near)
		}
	}
	for _, code := range []string{"SG", "HK", "MO", "MT", "BH", "LI"} {
		found := false
		for _, c := range w.small {
			found = found || c == cc(code)
		}
		if !found {
			t.Errorf("%s is not drawn at all", code)
		}
	}
}

// TestNoBarsAcrossTheMap draws every ring in several views: once cut at the
// edge, no step of any path may run across the map.
func TestNoBarsAcrossTheMap(t *testing.T) {
	t.Parallel()
	w, err := loadWorld()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range w.outlines {
		for i := 1; i < len(o.ring); i++ {
			if math.Abs(o.ring[i].lon-o.ring[i-1].lon) > 40 {
				t.Errorf("%s jumps from %v to %v", o.country, o.ring[i-1], o.ring[i])
			}
		}
		if first, last := o.ring[0], o.ring[len(o.ring)-1]; math.Abs(first.lon-last.lon) > 40 {
			t.Errorf("%s does not close: %v, %v", o.country, first, last)
		}
	}
	for _, centre := range []float64{11, 60, 150, -90} {
		v := newMapView(centre)
		for c, p := range w.middles {
			q := v.at(p)
			if q.x < 0 || q.x > worldWidth || q.y < 0 && p.lat < northEnd || p.lat > southEnd && q.y > v.height() {
				t.Errorf("centre %v: %s is at %v, off the map", centre, c, q)
			}
		}
	}
}

func TestEqualEarth(t *testing.T) {
	t.Parallel()
	// The corners of the projection as its authors state them.
	tests := []struct {
		at   lonLat
		want xy
	}{
		{lonLat{0, 0}, xy{0, 0}}, {lonLat{180, 0}, xy{2.706630, 0}}, {lonLat{0, 90}, xy{0, -1.317363}}, // the poles are lines, 0.59 times as long as the equator
		{lonLat{180, 90}, xy{2.706630 * 0.592475, -1.317363}},
	}
	for _, tt := range tests {
		if got := equalEarth(tt.at); math.Abs(got.x-tt.want.x) > 0.001 || math.Abs(got.y-tt.want.y) > 0.00001 {
			t.Errorf("equalEarth(%v) = %v, want %v", tt.at, got, tt.want)
		}
	}
	// Equal areas stay equal: a band of one degree at 0 and at 60 north.
	area := func(lat float64) float64 {
		a, b := equalEarth(lonLat{1, lat - 0.5}), equalEarth(lonLat{1, lat + 0.5})
		return (a.x + b.x) / 2 * (a.y - b.y) / math.Cos(lat*math.Pi/180)
	}
	if ratio := area(60) / area(0.001); math.Abs(ratio-1) > 0.001 {
		t.Errorf("areas differ by %v", ratio)
	}
}

func TestLabelsDoNotCoverEachOther(t *testing.T) {
	t.Parallel()
	w, err := loadWorld()
	if err != nil {
		t.Fatal(err)
	}
	run := inNovember()
	list := flows(&run)
	a := newAtlas(w, list, residency.CountriesOf(cc("US"), cc("SG")))
	drawn := string(a.draw("m", "t", list))
	type box struct{ x, y, w, h float64 }
	var boxes []box
	for _, m := range regexp.MustCompile(`<text class="[^"]*" x="([^"]+)" y="([^"]+)" font-size="([^"]+)"[^>]*>([^<]*)<`).FindAllStringSubmatch(drawn, -1) {
		var x, y, size float64
		if _, err := fmt.Sscan(m[1]+" "+m[2]+" "+m[3], &x, &y, &size); err != nil {
			t.Fatal(err)
		}
		boxes = append(boxes, box{x, y - size*0.7, float64(len(m[4])) * size * 0.5, size * 0.7})
	}
	if len(boxes) < 9 {
		t.Fatalf("%d names on the map", len(boxes))
	}
	for i, p := range boxes {
		for _, q := range boxes[:i] {
			if p.x < q.x+q.w && q.x < p.x+p.w && p.y < q.y+q.h && q.y < p.y+p.h {
				t.Errorf("two names overlap at %v and %v", p, q)
			}
		}
	}
}

func BenchmarkHTML(b *testing.B) {
	p := story()
	for b.Loop() {
		if err := HTML(io.Discard, p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(page(b, p))), "bytes")
}
