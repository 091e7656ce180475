package rtt

import (
	"math"

	"residency/internal/residency"
)

// vec is a direction from the middle of the Earth, of length 1.
type vec [3]float64

func (p LatLon) vec() vec {
	lat, lon := p.Lat*math.Pi/180, p.Lon*math.Pi/180
	return vec{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
}

func (a vec) dot(b vec) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func (a vec) cross(b vec) vec {
	return vec{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

// angle is the angle between a and b in radians, exact for small ones too.
func angle(a, b vec) float64 {
	n := a.cross(b)
	return math.Atan2(math.Sqrt(n.dot(n)), a.dot(b))
}

// Distance returns the least great-circle distance in km from p to the country:
// 0 inside, and false if the country has no outline or p is no point. It is the
// distance to the outline on the sphere; the country can be nearer by
// OutlineError and by 0.6%.
func (o *Outlines) Distance(c residency.Country, p LatLon) (float64, bool) {
	parts, ok := o.parts[c]
	if !ok || !p.Valid() {
		return 0, false
	}
	v, lon := p.vec(), p.Lon*math.Pi/180
	inside := false
	nearest := math.Inf(1)
	for _, i := range parts {
		if o.rings[i].turns(v, lon) {
			inside = !inside // rings in rings are holes
		}
		nearest = min(nearest, o.rings[i].distance(v))
	}
	if inside {
		return 0, true
	}
	return nearest * earthRadius, true
}

// apart is the cosine of two points that are worth an arc: 3 m from each other.
const apart = 1 - 1e-13

// distance returns the angle in radians from v to the nearest point of the ring.
func (r *ring) distance(v vec) float64 {
	nearPoint := -1.0      // the greatest cosine of a point of the ring
	nearArc := math.Inf(1) // the least squared sine of a foot on an arc
	a := r.points[len(r.points)-1]
	da := v.dot(a)
	for _, b := range r.points {
		db := v.dot(b)
		nearPoint = max(nearPoint, db)
		// v's foot on the great circle through a and b lies between them. The
		// second and third say so; the first keeps the far side out.
		if c := a.dot(b); da+db > 0 && db >= da*c && da >= db*c && c < apart {
			n := a.cross(b)
			if s, l := v.dot(n), n.dot(n); l > 0 {
				nearArc = min(nearArc, s*s/l)
			}
		}
		a, da = b, db
	}
	nearest := math.Acos(min(1, nearPoint))
	if nearArc <= 1 {
		nearest = min(nearest, math.Asin(math.Sqrt(nearArc)))
	}
	return nearest
}

// turns reports whether the meridian from v (whose longitude is lon) to the
// north pole crosses the ring an odd number of times. The pole is in no
// country, so v is then within the ring. It holds across the 180th meridian
// and around the south pole.
func (r *ring) turns(v vec, lon float64) bool {
	if len(r.points) < 3 {
		return false
	}
	odd := false
	last := len(r.points) - 1
	a, da := r.points[last], turn(r.lons[last]-lon)
	for i, b := range r.points {
		db := turn(r.lons[i] - lon)
		// Half open: a point on the meridian itself is on its east side.
		if (da >= 0) != (db >= 0) && math.Abs(da-db) < math.Pi && northOf(a, b, v, da < db) {
			odd = !odd
		}
		a, da = b, db
	}
	return odd
}

// northOf reports whether the arc from a to b, which crosses v's meridian,
// crosses it north of v.
func northOf(a, b, v vec, eastwards bool) bool {
	// The great circle's pole is on v's other side when the arc is north of v.
	s := v.dot(a.cross(b))
	if eastwards {
		return s < 0
	}
	return s > 0
}

// turn brings an angle into [-pi, pi).
func turn(angle float64) float64 {
	for angle >= math.Pi {
		angle -= 2 * math.Pi
	}
	for angle < -math.Pi {
		angle += 2 * math.Pi
	}
	return angle
}
