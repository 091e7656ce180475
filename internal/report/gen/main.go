// Command gen makes worldmap.txt, the outlines of the world map, from the
// TopoJSON files of the npm package world-atlas (Natural Earth, public domain).
//
//	npm pack world-atlas@2.0.2
//	go run ./internal/report/gen -o internal/report/worldmap.txt world-atlas-2.0.2.tgz
//
// Outlines come from the coarsest file, which is enough at page width. It has
// no Singapore, Hong Kong, Malta or Bahrain, so the middle of every place comes
// from the finer files. Antarctica is left out: the map ends above it.
package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"os"
	"slices"
)

const header = `# Outlines and middles of the countries. Made by internal/report/gen; do not edit.
# Source: world-atlas 2.0.2 (ISC), made from Natural Earth (public domain).
# "CODE @ LON LAT": the middle of the country's largest part.
# "CODE LON,LAT DLON,DLAT ...": one ring, first point then steps.
# CODE is the UN M49 number, 000 without one. All in tenths of a degree.
# Rings are continuous: one that crosses the 180th meridian goes on past it.
`

// byHand are the middles, to a degree, of places that Natural Earth draws as a
// part of another country or not at all.
var byHand = map[string][2]float64{
	"074": {3.4, -54.4}, "162": {105.6, -10.5}, "166": {96.9, -12.2}, "175": {45.2, -12.8},
	"254": {-53.1, 3.9}, "292": {-5.4, 36.1}, "312": {-61.5, 16.2}, "474": {-61.0, 14.6},
	"535": {-68.3, 12.2}, "581": {-160, 0}, "638": {55.5, -21.1}, "744": {20, 78.5},
	"772": {-171.8, -9.2}, "798": {178, -7.5}, "983": {20.9, 42.6},
}

func main() {
	out := flag.String("o", "worldmap.txt", "file to write")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: gen [-o FILE] world-atlas-2.0.2.tgz")
	}
	if err := run(flag.Arg(0), *out); err != nil {
		log.Fatal(err)
	}
}

func run(archive, out string) error {
	files, err := readArchive(archive)
	if err != nil {
		return fmt.Errorf("read %s: %w", archive, err)
	}
	var scales [3]map[string][]polygon // code -> polygons, coarse to fine
	for i, name := range []string{"110m", "50m", "10m"} {
		if scales[i], err = decode(files["package/countries-"+name+".json"]); err != nil {
			return fmt.Errorf("decode countries-%s.json: %w", name, err)
		}
		delete(scales[i], "010")
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	write(w, scales)
	return errors.Join(w.Flush(), f.Close())
}

// readArchive returns the files of a gzipped tar archive by name.
func readArchive(path string) (map[string][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
}

type point [2]float64 // longitude, latitude in degrees

// polygon is a list of rings; the first is its outer border.
type polygon [][]point

// write writes middles, then outlines, in the order of codes.
func write(w io.Writer, scales [3]map[string][]polygon) {
	fmt.Fprint(w, header)
	middles := maps.Clone(byHand)
	for _, i := range []int{2, 1} { // the middle scale wins: fine enough, fewer islets
		for code, polygons := range scales[i] {
			middles[code] = middle(polygons)
		}
	}
	delete(middles, "000")
	for _, code := range slices.Sorted(maps.Keys(middles)) {
		m := middles[code]
		fmt.Fprintf(w, "%s @ %d %d\n", code, tenths(m[0]), tenths(m[1]))
	}
	for _, code := range slices.Sorted(maps.Keys(scales[0])) {
		for _, p := range scales[0][code] {
			for _, ring := range p {
				writeRing(w, code, ring)
			}
		}
	}
}

// writeRing writes a ring in steps, without the last point, which is the first.
func writeRing(w io.Writer, code string, ring []point) {
	fmt.Fprint(w, code)
	x, y := 0, 0
	for i, p := range ring[:len(ring)-1] {
		px, py := tenths(p[0]), tenths(p[1])
		if i > 0 && px == x && py == y {
			continue
		}
		fmt.Fprintf(w, " %d,%d", px-x, py-y)
		x, y = px, py
	}
	fmt.Fprintln(w)
}

func tenths(degrees float64) int { return int(math.Round(degrees * 10)) }

// middle returns the centre of gravity of the largest polygon's border, on a
// plane whose longitudes are shortened by its latitude.
func middle(polygons []polygon) point {
	var best point
	largest := -1.0
	for _, p := range polygons {
		area, x, y := 0.0, 0.0, 0.0
		ring := p[0]
		for i := range ring[:len(ring)-1] {
			a, b := ring[i], ring[i+1]
			cross := a[0]*b[1] - b[0]*a[1]
			area += cross
			x += (a[0] + b[0]) * cross
			y += (a[1] + b[1]) * cross
		}
		if area == 0 {
			continue
		}
		c := point{x / (3 * area), y / (3 * area)}
		if size := math.Abs(area) * math.Cos(c[1]*math.Pi/180); size > largest {
			largest, best = size, c
		}
	}
	if best[0] > 180 {
		best[0] -= 360
	}
	return best
}

// decode reads the countries of a TopoJSON topology.
func decode(data []byte) (map[string][]polygon, error) {
	var topo struct {
		Transform struct{ Scale, Translate point }
		Arcs      [][][2]int
		Objects   struct {
			Countries struct {
				Geometries []struct {
					Type string
					ID   string
					Arcs json.RawMessage
				}
			}
		}
	}
	if err := json.Unmarshal(data, &topo); err != nil {
		return nil, err
	}
	arcs := make([][]point, len(topo.Arcs))
	for i, steps := range topo.Arcs {
		x, y := 0, 0
		for _, s := range steps {
			x, y = x+s[0], y+s[1]
			arcs[i] = append(arcs[i], point{
				float64(x)*topo.Transform.Scale[0] + topo.Transform.Translate[0],
				float64(y)*topo.Transform.Scale[1] + topo.Transform.Translate[1],
			})
		}
	}
	out := make(map[string][]polygon)
	for _, g := range topo.Objects.Countries.Geometries {
		var shapes [][][]int // polygons of rings of arc numbers
		var err error
		if g.Type == "Polygon" {
			shapes = make([][][]int, 1)
			err = json.Unmarshal(g.Arcs, &shapes[0])
		} else {
			err = json.Unmarshal(g.Arcs, &shapes)
		}
		if err != nil {
			return nil, err
		}
		code := g.ID
		if code == "" {
			code = "000"
		}
		for _, shape := range shapes {
			var p polygon
			for _, ring := range shape {
				p = append(p, unwrap(join(ring, arcs)))
			}
			out[code] = append(out[code], p)
		}
	}
	return out, nil
}

// join strings arcs together; a negative number is an arc walked backwards.
func join(numbers []int, arcs [][]point) []point {
	var ring []point
	for _, n := range numbers {
		var arc []point
		if n >= 0 {
			arc = arcs[n]
		} else {
			arc = slices.Clone(arcs[^n])
			slices.Reverse(arc)
		}
		if len(ring) > 0 {
			arc = arc[1:] // shared with the arc before
		}
		ring = append(ring, arc...)
	}
	return ring
}

// unwrap makes a ring continuous where it crosses the 180th meridian, so that
// no line runs back across the whole map.
func unwrap(ring []point) []point {
	out := make([]point, len(ring))
	shift := 0.0
	for i, p := range ring {
		if i > 0 {
			switch d := p[0] - ring[i-1][0]; {
			case d > 180:
				shift -= 360
			case d < -180:
				shift += 360
			}
		}
		out[i] = point{p[0] + shift, p[1]}
	}
	return out
}
