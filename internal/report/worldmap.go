package report

import (
	_ "embed" // the outlines
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"residency/internal/residency"
)

// worldText is made by gen; its header says how it is written.
//
//go:embed worldmap.txt
var worldText string

// lonLat is a point on the globe in degrees.
type lonLat struct{ lon, lat float64 }

// outline is one ring of a country, continuous across the 180th meridian.
type outline struct {
	country residency.Country // unknown for land without an ISO code
	ring    []lonLat
}

// world is the outlines and the middles of all countries.
type world struct {
	outlines []outline
	middles  map[residency.Country]lonLat
	small    []residency.Country // too small to have an outline: drawn as circles
}

// loadWorld reads the embedded outlines. It takes about a millisecond.
func loadWorld() (*world, error) {
	byNumber := make(map[string]residency.Country)
	for c := range residency.AllCountries() {
		byNumber[c.Numeric()] = c
	}
	w := &world{middles: make(map[residency.Country]lonLat)}
	drawn := make(map[residency.Country]bool)
	for line := range strings.Lines(worldText) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		number, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		country := byNumber[number]
		if middle, ok := strings.CutPrefix(rest, "@ "); ok {
			p, err := parsePoint(strings.Replace(middle, " ", ",", 1))
			if err != nil {
				return nil, err
			}
			if country.Known() {
				w.middles[country] = p
			}
			continue
		}
		ring, err := parseRing(rest)
		if err != nil {
			return nil, err
		}
		w.outlines = append(w.outlines, outline{country, ring})
		drawn[country] = true
	}
	for c := range residency.AllCountries() {
		if _, known := w.middles[c]; known && !drawn[c] {
			w.small = append(w.small, c)
		}
	}
	return w, nil
}

// parseRing reads a first point and the steps to the others.
func parseRing(s string) ([]lonLat, error) {
	var ring []lonLat
	var at lonLat
	for step := range strings.FieldsSeq(s) {
		d, err := parsePoint(step)
		if err != nil {
			return nil, err
		}
		at = lonLat{at.lon + d.lon, at.lat + d.lat}
		ring = append(ring, at)
	}
	return ring, nil
}

// parsePoint reads "LON,LAT" in tenths of a degree.
func parsePoint(s string) (lonLat, error) {
	a, b, _ := strings.Cut(s, ",")
	x, err := strconv.Atoi(a)
	if err != nil {
		return lonLat{}, fmt.Errorf("parse world outlines: %w", err)
	}
	y, err := strconv.Atoi(b)
	if err != nil {
		return lonLat{}, fmt.Errorf("parse world outlines: %w", err)
	}
	return lonLat{float64(x) / 10, float64(y) / 10}, nil
}

// xy is a point of the drawing; y grows downwards.
type xy struct{ x, y float64 }

// The drawing is worldWidth wide for all 360 degrees. It is cut off where
// nobody runs servers.
const (
	worldWidth = 1000.0
	northEnd   = 80.0
	southEnd   = -56.0
)

// equalEarth projects a point to a plane on which equal areas are equal
// (Šavrič, Patterson and Jenny, 2018). Its x is linear in the longitude, so a
// longitude beyond 180 lands beyond the edge and can be cut there.
func equalEarth(p lonLat) xy {
	const a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
	t := math.Asin(math.Sqrt(3) / 2 * math.Sin(p.lat*math.Pi/180))
	t2 := t * t
	t6 := t2 * t2 * t2
	x := p.lon * math.Pi / 180 * math.Cos(t) * 2 / math.Sqrt(3) / (a1 + 3*a2*t2 + t6*(7*a3+9*a4*t2))
	return xy{x, -t * (a1 + a2*t2 + t6*(a3+a4*t2))}
}

// mapView is a projection turned so that one meridian is in the middle.
type mapView struct {
	centre float64
	scale  float64
	top    float64
}

func newMapView(centre float64) mapView {
	scale := worldWidth / 2 / equalEarth(lonLat{180, 0}).x
	return mapView{centre, scale, equalEarth(lonLat{0, northEnd}).y * scale}
}

// height is that of the whole map.
func (v mapView) height() float64 { return equalEarth(lonLat{0, southEnd}).y*v.scale - v.top }

// at projects a point of the globe into the drawing.
func (v mapView) at(p lonLat) xy {
	p.lon -= v.centre
	for p.lon > 180 {
		p.lon -= 360
	}
	for p.lon < -180 {
		p.lon += 360
	}
	return v.raw(p)
}

// raw projects a point whose longitude counts from the middle of the map.
func (v mapView) raw(p lonLat) xy {
	q := equalEarth(p)
	return xy{q.x*v.scale + worldWidth/2, q.y*v.scale - v.top}
}

// sphere is the outline of the whole map, to cut at.
func (v mapView) sphere() string {
	var ring []lonLat
	for lat := southEnd; lat <= northEnd; lat += 4 {
		ring = append(ring, lonLat{180, lat})
	}
	for lat := northEnd; lat >= southEnd; lat -= 4 {
		ring = append(ring, lonLat{-180, lat})
	}
	return v.path(ring, 0)
}

// shape is a country's path. A ring that leaves the map on one side comes in
// on the other, so a second copy of it is drawn a whole turn away.
func (v mapView) shape(ring []lonLat) string {
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range ring {
		low, high = min(low, p.lon-v.centre), max(high, p.lon-v.centre)
	}
	var b strings.Builder
	for turn := -720.0; turn <= 720; turn += 360 {
		if high+turn > -180 && low+turn < 180 {
			b.WriteString(v.path(ring, turn-v.centre))
		}
	}
	return b.String()
}

// path writes a closed ring, shifted by so many degrees, in steps of a tenth
// of a unit. Points closer than half a unit to the one before are left out.
func (v mapView) path(ring []lonLat, shift float64) string {
	var b strings.Builder
	lastX, lastY := 0, 0
	n := 0
	for i, p := range ring {
		q := v.raw(lonLat{p.lon + shift, p.lat})
		x, y := int(math.Round(q.x*10)), int(math.Round(q.y*10))
		if dx, dy := x-lastX, y-lastY; i > 0 && dx*dx+dy*dy < 25 && i < len(ring)-1 {
			continue
		}
		switch n {
		case 0:
			b.WriteString("M" + tenth(x) + " " + tenth(y))
		case 1:
			b.WriteString("l" + tenth(x-lastX) + " " + tenth(y-lastY))
		default:
			b.WriteString(" " + tenth(x-lastX) + " " + tenth(y-lastY))
		}
		lastX, lastY = x, y
		n++
	}
	if n < 2 {
		return ""
	}
	b.WriteString("z")
	return b.String()
}

// tenth writes a number of tenths the short way.
func tenth(n int) string {
	if n%10 == 0 {
		return strconv.Itoa(n / 10)
	}
	return strconv.FormatFloat(float64(n)/10, 'f', 1, 64)
}

// shapes returns the paths of the given countries, and of all others together.
func (w *world) shapes(v mapView, apart []residency.Country) (each map[residency.Country]string, rest string) {
	each = make(map[residency.Country]string)
	var b strings.Builder
	for _, o := range w.outlines {
		if o.country.Known() && slices.Contains(apart, o.country) {
			each[o.country] += v.shape(o.ring)
			continue
		}
		b.WriteString(v.shape(o.ring))
	}
	return each, b.String()
}
