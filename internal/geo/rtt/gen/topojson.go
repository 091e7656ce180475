package main

import (
	"encoding/json"
	"fmt"
)

// point is longitude and latitude in degrees.
type point [2]float64

// feature is one place of the source file.
type feature struct {
	id, name string        // UN M49 number, "" if it has none; English name
	polygons [][]([]point) // each a list of closed rings, the outer border first
}

// topology is the part of a TopoJSON file that is used here.
type topology struct {
	Transform struct{ Scale, Translate point }
	Arcs      [][]point
	Objects   struct {
		Countries struct{ Geometries []geometry }
	}
}

type geometry struct {
	ID         string
	Type       string
	Arcs       json.RawMessage
	Properties struct{ Name string }
}

// decode reads the countries of a TopoJSON file.
func decode(data []byte) ([]feature, error) {
	var t topology
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, err
	}
	for _, arc := range t.Arcs { // steps on a grid, to degrees
		var x, y float64
		for i, p := range arc {
			x, y = x+p[0], y+p[1]
			arc[i] = point{x*t.Transform.Scale[0] + t.Transform.Translate[0], y*t.Transform.Scale[1] + t.Transform.Translate[1]}
		}
	}
	var list []feature
	for _, g := range t.Objects.Countries.Geometries {
		var polygons [][][]int
		var err error
		switch g.Type {
		case "Polygon":
			polygons = make([][][]int, 1)
			err = json.Unmarshal(g.Arcs, &polygons[0])
		case "MultiPolygon":
			err = json.Unmarshal(g.Arcs, &polygons)
		default:
			err = fmt.Errorf("type %q", g.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("geometry of %s: %w", g.Properties.Name, err)
		}
		f := feature{id: g.ID, name: g.Properties.Name}
		for _, rings := range polygons {
			var polygon [][]point
			for _, arcs := range rings {
				ring, err := t.ring(arcs)
				if err != nil {
					return nil, fmt.Errorf("geometry of %s: %w", g.Properties.Name, err)
				}
				polygon = append(polygon, ring)
			}
			f.polygons = append(f.polygons, polygon)
		}
		list = append(list, f)
	}
	return list, nil
}

// ring joins arcs; a negative number is an arc backwards (TopoJSON section 2.1.4).
func (t *topology) ring(arcs []int) ([]point, error) {
	var ring []point
	for _, n := range arcs {
		i := n
		if n < 0 {
			i = ^n
		}
		if i >= len(t.Arcs) {
			return nil, fmt.Errorf("no arc %d", i)
		}
		arc := t.Arcs[i]
		for k := range arc {
			p := arc[k]
			if n < 0 {
				p = arc[len(arc)-1-k]
			}
			if k == 0 && len(ring) > 0 {
				continue // the last point of the arc before
			}
			ring = append(ring, p)
		}
	}
	return ring, nil
}
