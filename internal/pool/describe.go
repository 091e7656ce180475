package pool

import (
	"math"
	"net/netip"
	"slices"

	"residency/internal/residency"
)

const (
	// MinDraws is how many draws it takes before anything is reckoned.
	MinDraws = 20

	// DefaultQuiet is after how many draws without a new address a pool that
	// shows itself in some order is taken to be seen in full.
	DefaultQuiet = 20

	// DefaultMax is how many draws of one key are enough whatever they show:
	// (7/8)^104 < 10^-6, so one in eight equally likely addresses stays unseen
	// less often than once in a million times. 103 would not do.
	DefaultMax = 104
)

// Summary is what the draws of one key show.
type Summary struct {
	Draws     int
	Addresses int // distinct
	Quiet     int // draws since the last that showed a new address

	Once       int // addresses that were in exactly one draw
	Incidences int // (address, draw) pairs

	// Pattern is unknown below MinDraws.
	Pattern residency.PoolPattern
	// Turning is true when every answer holds the same addresses as the first
	// in the same circular order, and not all begin with the same one.
	Turning bool

	// Curve holds at n-1 how many addresses had been shown after n draws.
	Curve []int
}

// Describe works out what the draws of one key show. They are in order of time.
func Describe(draws []Draw) Summary {
	s := Summary{Draws: len(draws), Curve: make([]int, len(draws))}
	times := map[netip.Addr]int{}
	states := make([]int, len(draws)) // by number, in order of appearance
	numbers := map[string]int{}
	last := -1
	for i, d := range draws {
		set := setOf(d)
		for _, a := range set {
			if times[a] == 0 {
				last = i
			}
			times[a]++
		}
		s.Incidences += len(set)
		s.Curve[i] = len(times)
		states[i] = number(numbers, set)
	}
	for _, n := range times {
		if n == 1 {
			s.Once++
		}
	}
	s.Addresses = len(times)
	s.Quiet = len(draws) - 1 - max(last, 0)
	s.Quiet = max(s.Quiet, 0)
	s.Turning = turning(draws)
	if len(draws) >= MinDraws {
		s.Pattern = patternOf(states, len(numbers))
	}
	return s
}

// setOf returns the distinct addresses of a draw, sorted.
func setOf(d Draw) []netip.Addr {
	set := slices.Clone(d.Addresses)
	slices.SortFunc(set, netip.Addr.Compare)
	return slices.Compact(set)
}

// number returns the number of a set, a new one for a new set.
func number(numbers map[string]int, set []netip.Addr) int {
	var key []byte
	for _, a := range set {
		b := a.As16()
		key = append(key, b[:]...)
	}
	n, known := numbers[string(key)]
	if !known {
		n = len(numbers)
		numbers[string(key)] = n
	}
	return n
}

// Unseen returns the estimated share of what is handed out that no draw has
// shown, 0 to 1, by Good and Turing. False where it is not known: too few
// draws, draws that depend on each other, or no address at all.
func (s Summary) Unseen() (float64, bool) {
	if s.Pattern != residency.PatternIndependent || s.Incidences == 0 {
		return 0, false
	}
	return float64(s.Once) / float64(s.Incidences), true
}

// OutsideBound returns the largest share of outside answers that n independent
// draws without one leave possible with 95% confidence: 1 - 0.05^(1/n). It is
// 1 for no draws.
func OutsideBound(n int) float64 {
	if n <= 0 {
		return 1
	}
	return -math.Expm1(math.Log(0.05) / float64(n))
}

// Done reports whether to stop drawing: at limit draws, or after quiet draws
// in a row without a new address where the pattern is a whole set or a
// rotation. Answers that vary in no order are drawn to the limit: after 20
// quiet draws a pool of eight would still hide one of its addresses about once
// in a hundred times.
func Done(draws []Draw, quiet, limit int) bool {
	if len(draws) >= limit {
		return true
	}
	if len(draws) <= quiet || !quietFor(draws, quiet) {
		return false
	}
	s := Describe(draws)
	return s.Pattern == residency.PatternWholeSet || s.Pattern == residency.PatternRotation
}

// quietFor reports whether the last n draws showed no new address.
func quietFor(draws []Draw, n int) bool {
	seen := map[netip.Addr]bool{}
	for i, d := range draws {
		for _, a := range d.Addresses {
			if !seen[a] && i >= len(draws)-n {
				return false
			}
			seen[a] = true
		}
	}
	return true
}
