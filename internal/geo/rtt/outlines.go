package rtt

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // the outlines
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"

	"residency/internal/residency"
)

// outlinesGz is made by gen from Natural Earth, whose data is in the public
// domain.
//
//go:embed outlines.bin.gz
var outlinesGz []byte

// earthRadius is the mean radius of the Earth in km (IUGG).
const earthRadius = 6371.0088

// OutlineError is how much nearer, in km, a country can be than its outline:
// at most 2.5 km because the outline is simplified and rounded (measured when
// it is made, and kept in the file), and an allowance for what the drawing
// itself leaves out at its scale of 1:10,000,000: half a millimetre on the
// sheet is 5 km; piers and islets.
const OutlineError = 10.0

// maxDisplaced is the part of OutlineError that simplifying may use, in km.
const maxDisplaced = 2.5

// ellipsoid is how much shorter than on the sphere of earthRadius a distance
// on the Earth can be: the meridian is curved most at the equator, with a
// radius of 6,335.44 km (WGS 84).
const ellipsoid = 6335.439 / earthRadius

// LatLon is a point on the Earth: degrees north and east (WGS 84).
type LatLon struct{ Lat, Lon float64 }

// Valid reports whether p is a point on the Earth.
func (p LatLon) Valid() bool {
	return p.Lat >= -90 && p.Lat <= 90 && p.Lon >= -180 && p.Lon <= 180 // false for NaN
}

// Distance returns the great-circle distance to q in km, on a sphere. The true
// distance differs by at most 0.6%.
func (p LatLon) Distance(q LatLon) float64 { return angle(p.vec(), q.vec()) * earthRadius }

// least is the least that the true distance can be when the distance on the
// sphere is km.
func least(km float64) float64 { return km * ellipsoid }

// Outlines are the borders and coasts of all countries. They are read only
// once made, so they may be used by many goroutines.
//
// They are drawn as Natural Earth draws them, by who holds the ground. What is
// disputed, or drawn as a part of another country, counts for every country
// that a source may call it: the outline of a country is never smaller than
// some source takes it to be, so it is never excluded for a border dispute.
type Outlines struct {
	rings     []ring
	parts     map[residency.Country][]int
	displaced float64 // km: measured displacement of the simplified outlines
	sha256    string
}

// ring is a closed border; the last point is joined to the first. One of two
// points is a line, one of one a point: an island smaller than the tolerance.
type ring struct {
	points []vec
	lons   []float64 // radians, of the points
}

// Load reads the embedded outlines. It takes about 20 ms and 6 MB; load once.
func Load() (*Outlines, error) {
	z, err := gzip.NewReader(bytes.NewReader(outlinesGz))
	if err != nil {
		return nil, fmt.Errorf("read outlines: %w", err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("read outlines: %w", err)
	}
	o, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("read outlines: %w", err)
	}
	sum := sha256.Sum256(outlinesGz)
	o.sha256 = hex.EncodeToString(sum[:])
	return o, nil
}

// parse reads the unpacked file; gen says how it is written.
func parse(data []byte) (*Outlines, error) {
	const magic = "outlines1\n"
	if !bytes.HasPrefix(data, []byte(magic)) {
		return nil, errors.New("not a file of outlines")
	}
	d := &decoder{rest: data[len(magic):]}
	perDegree := float64(d.count(1 << 20))
	o := &Outlines{parts: map[residency.Country][]int{}, displaced: float64(d.count(1<<20)) / 1000}
	for range d.count(len(d.rest)) {
		o.rings = append(o.rings, d.ring(perDegree))
	}
	numbers := map[string]residency.Country{}
	for c := range residency.AllCountries() {
		numbers[c.Numeric()] = c
	}
	for range d.count(len(d.rest)) {
		country, known := numbers[string(d.bytes(3))]
		last := 0
		for range d.count(len(d.rest)) {
			last += d.step()
			if last < 0 || last >= len(o.rings) {
				return nil, errors.New("a country has a ring that is not there")
			}
			if known {
				o.parts[country] = append(o.parts[country], last)
			}
		}
	}
	if d.bad || len(d.rest) > 0 || perDegree == 0 {
		return nil, errors.New("damaged")
	}
	if o.displaced > maxDisplaced {
		return nil, fmt.Errorf("simplified by %.1f km, more than %.1f km", o.displaced, maxDisplaced)
	}
	return o, nil
}

// decoder reads varints; bad is set once something could not be read.
type decoder struct {
	rest []byte
	bad  bool
}

// count reads a number that is at most limit.
func (d *decoder) count(limit int) int {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > uint64(limit) {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return int(v)
}

func (d *decoder) step() int {
	v, n := binary.Varint(d.rest)
	if n <= 0 || v < math.MinInt32 || v > math.MaxInt32 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return int(v)
}

func (d *decoder) bytes(n int) []byte {
	if len(d.rest) < n {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) ring(perDegree float64) ring {
	n := d.count(len(d.rest))
	if n == 0 {
		d.bad = true
	}
	r := ring{points: make([]vec, 0, n), lons: make([]float64, 0, n)}
	x, y := 0, 0
	for range n {
		x, y = x+d.step(), y+d.step()
		p := LatLon{Lat: float64(y) / perDegree, Lon: float64(x) / perDegree}
		r.points = append(r.points, p.vec())
		r.lons = append(r.lons, p.Lon*math.Pi/180)
	}
	return r
}
