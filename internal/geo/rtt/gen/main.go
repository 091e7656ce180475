// Command gen makes outlines.bin.gz, the outlines of the countries that
// distances are measured to, from the finest TopoJSON file of the npm package
// world-atlas (Natural Earth, public domain).
//
//	npm pack world-atlas@2.0.2
//	go run ./internal/geo/rtt/gen -o internal/geo/rtt/outlines.bin.gz world-atlas-2.0.2.tgz
//
// The finest file and not the middle one: the middle one lacks small islands,
// and from an island that is not drawn a country would look farther than it
// is. Every ring is kept; a ring smaller than the tolerance becomes a point.
// The greatest displacement is measured, not assumed, and written to the file.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"os"
	"slices"
)

// tolerance is how far, in km, a simplified outline may lie from the drawn one
// before rounding to the grid of the file.
const tolerance = 2.0

// perDegree is the grid of the file: steps in a degree.
const perDegree = 400

func main() {
	out := flag.String("o", "outlines.bin.gz", "file to write")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: gen [-o FILE] world-atlas-2.0.2.tgz")
	}
	if err := run(flag.Arg(0), *out); err != nil {
		log.Fatal(err)
	}
}

func run(archive, out string) error {
	const name = "package/countries-10m.json"
	data, err := fileOf(archive, name)
	if err != nil {
		return fmt.Errorf("read %s: %w", archive, err)
	}
	features, err := decode(data)
	if err != nil {
		return fmt.Errorf("decode %s: %w", name, err)
	}
	a := newAtlas()
	for _, f := range features {
		a.add(f)
	}
	if err := a.check(); err != nil {
		return err
	}
	packed, err := a.pack()
	if err != nil {
		return err
	}
	log.Printf("%d countries, %d rings, %d points, displaced by at most %.3f km, %d bytes",
		len(a.parts), len(a.rings), a.points(), a.worst, len(packed))
	return os.WriteFile(out, packed, 0o644)
}

// fileOf returns one file of a gzipped tar archive.
func fileOf(archive, name string) ([]byte, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil, fmt.Errorf("no file %s in it", name)
		}
		if err != nil {
			return nil, err
		}
		if h.Name == name {
			return io.ReadAll(r)
		}
	}
}

// atlas gathers simplified rings and says which belong to which country.
type atlas struct {
	rings [][]cell
	parts map[string][]int // UN M49 number -> rings
	used  map[int]bool     // places that a ring was found for
	worst float64          // km: greatest displacement of any ring
}

// cell is a point on the grid of the file: longitude, latitude.
type cell [2]int

func newAtlas() *atlas { return &atlas{parts: map[string][]int{}, used: map[int]bool{}} }

// add simplifies the rings of one feature and gives them to every country
// that the place can be called.
func (a *atlas) add(f feature) {
	for _, polygon := range f.polygons {
		owners := a.ownersOf(f, polygon[0])
		for hole, ring := range polygon {
			cells, err := simplify(ring)
			if hole > 0 && len(cells) < 3 {
				continue // a hole too small to matter is land: nearer, never farther
			}
			a.worst = max(a.worst, err)
			for _, code := range owners {
				a.parts[code] = append(a.parts[code], len(a.rings))
			}
			a.rings = append(a.rings, cells)
		}
	}
}

// check finds rules that match nothing any more.
func (a *atlas) check() error {
	for i, p := range places {
		if !a.used[i] {
			return fmt.Errorf("place %s (%v) has no ring: its box is wrong", p.code, p)
		}
	}
	return nil
}

func (a *atlas) points() int {
	n := 0
	for _, r := range a.rings {
		n += len(r)
	}
	return n
}

// pack writes the file: the magic, the grid, the displacement in metres, the
// rings as steps, and for every country the numbers of its rings. All numbers
// are varints (encoding/binary).
func (a *atlas) pack() ([]byte, error) {
	b := []byte("outlines1\n")
	b = binary.AppendUvarint(b, perDegree)
	b = binary.AppendUvarint(b, uint64(math.Ceil(a.worst*1000)))
	b = binary.AppendUvarint(b, uint64(len(a.rings)))
	for _, ring := range a.rings {
		b = binary.AppendUvarint(b, uint64(len(ring)))
		var last cell
		for _, c := range ring {
			b = binary.AppendVarint(b, int64(c[0]-last[0]))
			b = binary.AppendVarint(b, int64(c[1]-last[1]))
			last = c
		}
	}
	b = binary.AppendUvarint(b, uint64(len(a.parts)))
	for _, code := range slices.Sorted(maps.Keys(a.parts)) {
		b = append(b, code...)
		b = binary.AppendUvarint(b, uint64(len(a.parts[code])))
		last := 0
		for _, i := range a.parts[code] {
			b = binary.AppendVarint(b, int64(i-last))
			last = i
		}
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
