package score

import "math"

// z95 is the 97.5% quantile of the normal distribution.
const z95 = 1.959963984540054

// Wilson returns the 95% bounds of a share of which k of n were seen: the score
// interval (E. B. Wilson, "Probable inference, the law of succession, and
// statistical inference", JASA 22 (1927), pages 209-212). Unlike the usual
// plus-minus it says something when k is 0. It takes the addresses for
// independent, which neighbours are not: true bounds are wider. Of nothing the
// bounds are 0 and 1.
func Wilson(k, n int) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	p, m := float64(k)/float64(n), float64(n)
	centre := p + z95*z95/(2*m)
	spread := z95 * math.Sqrt(p*(1-p)/m+z95*z95/(4*m*m))
	scale := 1 + z95*z95/m
	low, high = (centre-spread)/scale, (centre+spread)/scale
	if k == 0 {
		low = 0
	}
	if k == n {
		high = 1
	}
	return max(0, low), min(1, high)
}

// Rate is a share with its 95% bounds.
type Rate struct {
	K     int     `json:"k"`
	N     int     `json:"n"`
	Share float64 `json:"share"` // 0 when N is 0
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

func rate(k, n int) Rate {
	r := Rate{K: k, N: n}
	r.Low, r.High = Wilson(k, n)
	if n > 0 {
		r.Share = float64(k) / float64(n)
	}
	return r
}

// Rates are the shares that matter.
type Rates struct {
	Decided  Rate `json:"decided"`          // of all
	Right    Rate `json:"right_of_decided"` // of the decided
	FalseIn  Rate `json:"false_inside"`     // of the truly outside
	FalseOut Rate `json:"false_outside"`    // of the truly inside
}

// Rates returns the shares of a count.
func (c Count) Rates() Rates {
	return Rates{
		Decided: rate(c.Decided(), c.N), Right: rate(c.Right, c.Decided()),
		FalseIn: rate(c.FalseIn, c.TrulyOut()), FalseOut: rate(c.FalseOut, c.TrulyIn),
	}
}
