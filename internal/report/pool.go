package report

import "residency/internal/residency"

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
