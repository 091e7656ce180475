package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"residency/internal/residency"
)

// mostFindings is how many open findings are gone through for the endpoints
// that come first.
const mostFindings = 20_000

// LatestCells returns the latest cells that are not plainly inside, by
// endpoint: of the given claims (all when none is given), and of the endpoints
// that are wanted, by Endpoint.Key (nil: all). Of more endpoints than most (0:
// no bound) those with open findings come first, then those that were looked at
// first; more says that some were left out.
func (s *Store) LatestCells(ctx context.Context, most int, wanted func(endpoint string) bool, claims ...string) (cells []residency.Cell, more bool, err error) {
	const action = "read cells"
	g := latestCells{s: s, most: most, wanted: wanted, claims: claims, taken: map[string]bool{}}
	if most > 0 {
		if err := g.withFindings(ctx); err != nil {
			return nil, false, s.wrap(action, err)
		}
	}
	if !g.more {
		if err := g.take(ctx, " ORDER BY c.endpoint"); err != nil {
			return nil, false, s.wrap(action, err)
		}
	}
	slices.SortStableFunc(g.cells, func(a, b residency.Cell) int { return strings.Compare(a.Endpoint.Key(), b.Endpoint.Key()) })
	return g.cells, g.more, nil
}

// latestCells gathers cells.
type latestCells struct {
	s      *Store
	most   int
	wanted func(endpoint string) bool
	claims []string

	taken map[string]bool // endpoints
	cells []residency.Cell
	more  bool
}

// withFindings takes the endpoints that have open findings.
func (g *latestCells) withFindings(ctx context.Context) error {
	where, args := "", []any{mostFindings}
	if len(g.claims) > 0 {
		where = " AND claim IN " + list(2, len(g.claims))
		for _, id := range g.claims {
			args = append(args, id)
		}
	}
	rows, err := g.s.read.QueryContext(ctx, "SELECT DISTINCT endpoint FROM (SELECT endpoint FROM findings WHERE closed = 0"+where+" LIMIT $1) AS f ORDER BY endpoint", args...)
	if err != nil {
		return err
	}
	names, err := texts(rows)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(names, most) {
		if g.more || len(g.taken) == g.most {
			return nil
		}
		args := make([]any, len(chunk))
		for i, name := range chunk {
			args[i] = name
		}
		if err := g.take(ctx, " WHERE e.name IN "+list(1, len(chunk))+" ORDER BY e.name", args...); err != nil {
			return err
		}
	}
	return nil
}

// texts reads rows of one text, and closes them.
func texts(rows *sql.Rows) ([]string, error) {
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// take takes the cells of endpoints, until there are enough.
func (g *latestCells) take(ctx context.Context, which string, args ...any) error {
	rows, err := g.s.read.QueryContext(ctx, "SELECT e.name, e.data, c.data FROM cells c JOIN endpoints e ON e.id = c.endpoint"+which, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, endpoint string
		var packed sql.RawBytes
		if err := rows.Scan(&name, &endpoint, &packed); err != nil {
			return err
		}
		if g.taken[name] || g.wanted != nil && !g.wanted(name) {
			continue
		}
		cells, err := g.s.cells(packed, endpoint)
		if err != nil {
			return err
		}
		cells = slices.DeleteFunc(cells, func(c residency.Cell) bool {
			return len(g.claims) > 0 && !slices.Contains(g.claims, c.Claim)
		})
		if len(cells) == 0 {
			continue
		}
		if g.most > 0 && len(g.taken) == g.most {
			g.more = true
			return nil
		}
		g.taken[name] = true
		g.cells = append(g.cells, cells...)
	}
	return rows.Err()
}
