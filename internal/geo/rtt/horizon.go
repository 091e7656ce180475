package rtt

import (
	"fmt"
	"math"
	"slices"
	"time"

	"residency/internal/residency"
)

// How far an address can be for each millisecond of round trip, in km: half of
// what a signal travels in that time, as it goes there and back.
const (
	// KmPerMsFibre is for light in glass fibre (refractive index 1.462, as of
	// the fibre that nearly all long lines are made of). Radio links and hollow
	// fibre are faster, so what it excludes is one voice and no proof.
	KmPerMsFibre = 102.6

	// KmPerMsLight is for light in a vacuum (299,792.458 km/s, rounded up).
	// Nothing is faster, so what it excludes is proven.
	KmPerMsLight = 149.9
)

// Vantage is where delay is measured from.
type Vantage struct {
	Name   string
	At     LatLon
	Within float64 // km: how far the true place may be from At
}

// Check says what is wrong with the vantage.
func (v Vantage) Check() error {
	if !v.At.Valid() {
		return fmt.Errorf("vantage %s: latitude %v, longitude %v: no point on the Earth", v.Name, v.At.Lat, v.At.Lon)
	}
	if !(v.Within >= 0) || math.IsInf(v.Within, 1) {
		return fmt.Errorf("vantage %s: known within %v km: not a distance", v.Name, v.Within)
	}
	return nil
}

// Horizon is how far every country is from one vantage. It is not changed once
// made.
type Horizon struct {
	Vantage Vantage
	far     []farCountry          // nearest first
	beyond  []residency.Countries // beyond[i] are the countries of far[i:]
}

// farCountry is a country and the least distance in km that it can be at.
type farCountry struct {
	country residency.Country
	km      float64
}

// From measures the distance of every country from v, once: it takes some
// milliseconds.
func (o *Outlines) From(v Vantage) (*Horizon, error) {
	if err := v.Check(); err != nil {
		return nil, err
	}
	h := &Horizon{Vantage: v}
	for c := range residency.AllCountries() {
		if km, ok := o.Distance(c, v.At); ok {
			h.far = append(h.far, farCountry{c, max(0, least(km)-OutlineError-v.Within)})
		}
	}
	slices.SortStableFunc(h.far, func(a, b farCountry) int {
		switch {
		case a.km < b.km:
			return -1
		case a.km > b.km:
			return 1
		}
		return 0
	})
	h.beyond = make([]residency.Countries, len(h.far)+1)
	for i := len(h.far) - 1; i >= 0; i-- {
		h.beyond[i] = h.beyond[i+1].With(h.far[i].country)
	}
	return h, nil
}

// Exclude returns the countries that an address cannot be in when the least
// round trip to it took rtt: by the speed of light in fibre, and, a part of
// those, by the speed of light in a vacuum. A country is excluded when all of
// it is farther than the bound, with the error of the outline, of the sphere
// and of the vantage's own place on the safe side; a country without an
// outline never is. An rtt of 0 or less is no measurement and excludes nothing.
func (h *Horizon) Exclude(rtt time.Duration) (byFibre, byLight residency.Countries) {
	if rtt <= 0 {
		return byFibre, byLight
	}
	return h.fartherThan(reach(rtt, KmPerMsFibre)), h.fartherThan(reach(rtt, KmPerMsLight))
}

func (h *Horizon) fartherThan(km float64) residency.Countries {
	low, high := 0, len(h.far)
	for low < high {
		if mid := (low + high) / 2; h.far[mid].km > km {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return h.beyond[low]
}

// reach is how far, in km, a round trip can have led.
func reach(rtt time.Duration, kmPerMs float64) float64 {
	return float64(rtt) / float64(time.Millisecond) * kmPerMs
}

// Disk is all places that one vantage's round trip allows.
type Disk struct {
	Vantage Vantage
	RTT     time.Duration
}

// Disjoint reports whether no place is within reach of both round trips, by
// the speed of light in fibre: the address answers from two places, it is
// anycast. The bound is fibre's and not light's because a veto can only make a
// place unknown, and unknown is never good.
func Disjoint(a, b Disk) bool {
	if a.RTT <= 0 || b.RTT <= 0 || a.Vantage.Check() != nil || b.Vantage.Check() != nil {
		return false
	}
	gap := least(a.Vantage.At.Distance(b.Vantage.At)) - a.Vantage.Within - b.Vantage.Within
	return gap > reach(a.RTT, KmPerMsFibre)+reach(b.RTT, KmPerMsFibre)
}
