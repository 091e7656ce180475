package config

import (
	"fmt"
	"strings"

	"residency/internal/residency"
)

// didYouMean returns a hint that names the candidate nearest to what was
// written, or "" when none is near.
func didYouMean(written string, candidates []string) string {
	if best := nearest(written, candidates); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// nearest returns the candidate with the least edit distance to what was
// written, at most a third of its length and at least one. Case does not
// count. Of equals, the one with the longer common beginning wins.
func nearest(written string, candidates []string) string {
	if len(written) > 100 {
		return ""
	}
	w := strings.ToLower(written)
	limit := max(1, len(w)/3)
	best, bestDist, bestCommon := "", limit+1, -1
	for _, c := range candidates {
		l := strings.ToLower(c)
		if len(l)-len(w) > limit || len(w)-len(l) > limit {
			continue
		}
		d, common := editDistance(w, l), commonPrefix(w, l)
		if d < bestDist || d == bestDist && common > bestCommon {
			best, bestDist, bestCommon = c, d, common
		}
	}
	if bestDist > limit || bestDist >= len(w) {
		return ""
	}
	return best
}

// commonPrefix returns how many bytes a and b share at their beginning.
func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func editDistance(a, b string) int {
	two := make([]int, len(b)+1)
	one := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one, row = one, row, two
	}
	return one[len(b)]
}

// meantCountry returns the country that somebody means by a text that is no
// ISO 3166-1 alpha-2 code: a lower-case code, an alpha-3 code, an English
// name, or a code in wide use.
func meantCountry(text string) residency.Country {
	upper := strings.ToUpper(strings.TrimSpace(text))
	switch upper {
	case "UK":
		upper = "GB"
	case "EL":
		upper = "GR"
	}
	if c, ok := residency.ParseCountry(upper); ok {
		return c
	}
	for c := range residency.AllCountries() {
		if c.Alpha3() == upper || strings.EqualFold(c.Name(), strings.TrimSpace(text)) {
			return c
		}
	}
	return 0
}

// countryHint says what to write in place of a text that is no country code.
func countryHint(text string) string {
	if c := meantCountry(text); c.Known() {
		return fmt.Sprintf("did you mean %q?", c)
	}
	return `write an ISO 3166-1 code of two capital letters, such as "SG"`
}

// quote returns the text in quotes, cut where it is long, for messages.
func quote(text string) string {
	const most = 80
	if r := []rune(text); len(r) > most {
		return fmt.Sprintf("%q...", string(r[:most]))
	}
	return fmt.Sprintf("%q", text)
}
