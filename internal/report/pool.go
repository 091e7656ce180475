package report

import (
	"fmt"
	"slices"
	"strings"

	"residency/internal/residency"
)

// jsonPool is what repeated looks showed: null is what is not known.
type jsonPool struct {
	Draws        int                    `json:"draws"`
	Addresses    int                    `json:"addresses"`
	Least        int                    `json:"least_draws"`
	Unseen       *float64               `json:"unseen"`
	OutsideBound *float64               `json:"outside_bound"`
	Pattern      *residency.PoolPattern `json:"pattern"`
	Turning      bool                   `json:"turning"`
	Curve        []int                  `json:"curve"`
}

// poolOf writes a pool; a pattern that is not known is null.
func poolOf(p residency.Pool) jsonPool {
	out := jsonPool{
		Draws: p.Draws, Addresses: p.Addresses, Least: p.Least, Unseen: p.Unseen, OutsideBound: p.OutsideBound,
		Turning: p.Turning, Curve: some(p.Curve),
	}
	if p.Pattern != residency.PatternUnknown {
		out.Pattern = &p.Pattern
	}
	return out
}

// fold puts rows that differ in their last column only into the first of them,
// with how many more there were: a question asked a hundred times is one row.
func fold(rows [][]string) [][]string {
	var out [][]string
	at := map[string]int{}
	more := map[int]int{}
	for _, row := range rows {
		key := strings.Join(row[:len(row)-1], "\x00")
		if i, seen := at[key]; seen {
			more[i]++
			continue
		}
		at[key] = len(out)
		out = append(out, slices.Clone(row))
	}
	for i, n := range more {
		out[i][len(out[i])-1] += fmt.Sprintf("; %d more", n)
	}
	return out
}
