package main

import "math"

// earthRadius is the mean radius, in km (IUGG).
const earthRadius = 6371.0088

// stride is the longest step, in degrees, that stays a straight line. Borders
// are drawn straight on a map of longitude and latitude: the 49th parallel has
// two points, and the great circle between them runs 100 km north of it.
const stride = 0.2

type vec [3]float64

func toVec(p point) vec {
	lon, lat := p[0]*math.Pi/180, p[1]*math.Pi/180
	return vec{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
}

func (a vec) dot(b vec) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func (a vec) cross(b vec) vec {
	return vec{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

func (a vec) len() float64 { return math.Sqrt(a.dot(a)) }

// angle is the great-circle distance of a and b in km.
func angle(a, b vec) float64 { return math.Atan2(a.cross(b).len(), a.dot(b)) * earthRadius }

// toSegment is the distance in km from p to the great-circle arc from a to b.
func toSegment(p, a, b vec) float64 {
	n, c := a.cross(b), a.dot(b)
	if length := n.len(); length > 0 && p.dot(b) >= p.dot(a)*c && p.dot(a) >= p.dot(b)*c {
		return math.Asin(min(1, math.Abs(p.dot(n))/length)) * earthRadius
	}
	return min(angle(p, a), angle(p, b))
}

// densify opens a closed ring and puts points on its long steps.
func densify(ring []point) []point {
	var out []point
	for i := range len(ring) - 1 {
		a, b := ring[i], ring[i+1]
		dx, dy := b[0]-a[0], b[1]-a[1]
		if dx > 180 {
			dx -= 360
		} else if dx < -180 {
			dx += 360
		}
		steps := max(1, int(math.Ceil(max(math.Abs(dx), math.Abs(dy))/stride)))
		for k := range steps {
			f := float64(k) / float64(steps)
			out = append(out, point{a[0] + dx*f, a[1] + dy*f})
		}
	}
	return out
}

// simplify returns the ring on the grid of the file with as few points as the
// tolerance allows (Douglas and Peucker, 1973, on the sphere), and the greatest
// distance in km from a point of the ring to the arc that stands for it.
//
// That distance bounds the error of everything measured to the outline: all
// points that an arc stands for lie in one convex strip around it, and so does
// all land between them and the arc.
func simplify(ring []point) ([]cell, float64) {
	points := densify(ring)
	v := make([]vec, len(points)+1)
	for i, p := range points {
		v[i] = toVec(p)
	}
	v[len(points)] = v[0]
	kept := []int{0}
	if far, dist := farthest(v, 0); dist > tolerance {
		kept = append(kept, reduce(v, 0, far)...)
		kept = append(kept, reduce(v, far, len(points))...)
	} else {
		kept = append(kept, len(points))
	}
	cells := make([]cell, 0, len(kept))
	grid := make([]vec, 0, len(kept))
	for _, i := range kept {
		p := points[i%len(points)]
		c := cell{int(math.Round(p[0] * perDegree)), int(math.Round(p[1] * perDegree))}
		cells = append(cells, c)
		grid = append(grid, toVec(point{float64(c[0]) / perDegree, float64(c[1]) / perDegree}))
	}
	worst := 0.0
	for k := range len(kept) - 1 {
		for i := kept[k]; i <= kept[k+1]; i++ {
			worst = max(worst, toSegment(v[i], grid[k], grid[k+1]))
		}
	}
	return cells[:len(cells)-1], worst // the last point is the first
}

// farthest returns the point farthest from point i, and how far it is.
func farthest(v []vec, i int) (int, float64) {
	best, dist := i, 0.0
	for k := range v {
		if d := angle(v[i], v[k]); d > dist {
			best, dist = k, d
		}
	}
	return best, dist
}

// reduce returns the points to keep after from, up to and with to.
func reduce(v []vec, from, to int) []int {
	split, dist := from, 0.0
	for i := from + 1; i < to; i++ {
		if d := toSegment(v[i], v[from], v[to]); d > dist {
			split, dist = i, d
		}
	}
	if dist <= tolerance {
		return []int{to}
	}
	return append(reduce(v, from, split), reduce(v, split, to)...)
}
