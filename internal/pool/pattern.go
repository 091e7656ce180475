package pool

import (
	"math"
	"net/netip"
	"slices"

	"residency/internal/residency"
)

// level is the chance at which each test for a pattern may see one where there
// is none.
const level = 1e-4

// A distance is tried where that many pairs of draws lie so far apart, and
// believed with that many matches: q is itself taken from the draws, and too
// rough for less.
const (
	leastPairs   = 10
	leastMatches = 6
)

// patternOf names the pattern of a sequence of states, numbered from 0 to
// kinds-1 in order of appearance.
func patternOf(states []int, kinds int) residency.PoolPattern {
	if kinds <= 1 {
		return residency.PatternWholeSet
	}
	switch lag := recurrence(states, kinds); {
	case lag == 1:
		return residency.PatternSticky
	case lag > 1:
		return residency.PatternRotation
	}
	z := evenness(states, kinds)
	switch limit := normalQuantile(level); {
	case z < limit:
		return residency.PatternRotation
	case z > -limit:
		return residency.PatternSticky
	}
	return residency.PatternIndependent
}

// recurrence returns the distance at which draws hold the same state most
// surprisingly often, or 0 if none does. If the order of the draws meant
// nothing, two of them would hold the same state with the chance q below, so
// m matches of n pairs have a chance of at most exp(-n KL(m/n || q)), by
// Chernoff's bound. It is held against the level over all distances tried.
func recurrence(states []int, kinds int) int {
	n := len(states)
	pairs := 0
	for _, c := range countsOf(states, kinds) {
		pairs += c * (c - 1)
	}
	q := float64(pairs) / float64(n*(n-1))
	if q <= 0 || q >= 1 {
		return 0
	}
	lags := n - leastPairs
	best, at := math.Log(level/float64(lags)), 0
	for lag := 1; lag <= lags; lag++ {
		matches := 0
		for i := lag; i < n; i++ {
			if states[i] == states[i-lag] {
				matches++
			}
		}
		share := float64(matches) / float64(n-lag)
		if matches < leastMatches || share <= q {
			continue
		}
		if chance := -float64(n-lag) * divergence(share, q); chance < best {
			best, at = chance, lag
		}
	}
	return at
}

// divergence is Kullback and Leibler's, of two chances of yes or no.
func divergence(p, q float64) float64 {
	d := p * math.Log(p/q)
	if p < 1 {
		d += (1 - p) * math.Log((1-p)/(1-q))
	}
	return d
}

// evenness cuts the draws into blocks and says how evenly the states are
// spread over them, as a standard normal deviate of the chi-square of the
// table of blocks and states (Wilson and Hilferty's transformation): far below
// zero, more evenly than chance would; far above, in bunches. 0 where there
// are too few draws for two blocks.
func evenness(states []int, kinds int) float64 {
	n := len(states)
	blocks := n / max(2*kinds, 8)
	if blocks < 2 {
		return 0
	}
	total := countsOf(states, kinds)
	chi := 0.0
	for b := range blocks {
		from, to := b*n/blocks, (b+1)*n/blocks
		for k, c := range countsOf(states[from:to], kinds) {
			want := float64(total[k]) * float64(to-from) / float64(n)
			chi += (float64(c) - want) * (float64(c) - want) / want
		}
	}
	// With the margins given the mean is n/(n-1) times the degrees of freedom.
	df := float64((blocks - 1) * (kinds - 1))
	spread := 2 / (9 * df)
	ratio := chi / df * float64(n-1) / float64(n)
	return (math.Cbrt(ratio) - (1 - spread)) / math.Sqrt(spread)
}

func countsOf(states []int, kinds int) []int {
	counts := make([]int, kinds)
	for _, s := range states {
		counts[s]++
	}
	return counts
}

// normalQuantile returns the deviate below which a standard normal one lies
// with the given chance.
func normalQuantile(chance float64) float64 { return -math.Sqrt2 * math.Erfinv(1-2*chance) }

// turning reports whether all draws hold the first one's addresses in the same
// circular order, and not all begin with the same.
func turning(draws []Draw) bool {
	if len(draws) < 2 || len(draws[0].Addresses) < 2 {
		return false
	}
	first, turned := draws[0].Addresses, false
	for _, d := range draws[1:] {
		at := slices.Index(first, firstOf(d))
		if at < 0 || len(d.Addresses) != len(first) ||
			!slices.Equal(d.Addresses[:len(first)-at], first[at:]) || !slices.Equal(d.Addresses[len(first)-at:], first[:at]) {
			return false
		}
		turned = turned || at > 0
	}
	return turned
}

func firstOf(d Draw) netip.Addr {
	if len(d.Addresses) == 0 {
		return netip.Addr{}
	}
	return d.Addresses[0]
}
