package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"residency/internal/residency"
)

// spanRow is a row of the table of spans, with its endpoint.
type spanRow struct {
	endpoint  string
	id        int64
	first     int64
	last      int64 // 0 while open
	firstAt   int64
	lastAt    int64
	sight     residency.Hash
	judgement residency.Hash
	packets   residency.Hash
	latest    residency.Hash
	latestSeq int64
	latestAt  int64
	pruned    bool // its bytes may be gone
}

const spanColumns = "e.name, e.id, s.first_seq, s.last_seq, s.first_at, s.last_at, s.sight, s.judgement, s.packets, s.latest, s.latest_seq, s.latest_at, s.pruned"

// scan reads a row of spanColumns.
func (r *spanRow) scan(rows *sql.Rows) error {
	return rows.Scan(&r.endpoint, &r.id, &r.first, &r.last, &r.firstAt, &r.lastAt, (*hashColumn)(&r.sight), (*hashColumn)(&r.judgement),
		(*hashColumn)(&r.packets), (*hashColumn)(&r.latest), &r.latestSeq, &r.latestAt, &r.pruned)
}

// lastPackets is the hash of the last packets kept of the span.
func (r *spanRow) lastPackets() residency.Hash {
	if r.latest != (residency.Hash{}) {
		return r.latest
	}
	return r.packets
}

// known is what Save needs to know of an endpoint: its open span, and where it
// was last confirmed.
type known struct {
	spanRow
	confirmed mark
	waivers   string // of its cells, as they are kept
}

// spansSince hands every span of the endpoints that reaches to the run from or
// later to add, those of an endpoint in the order of time; at least the latest of
// each.
func spansSince(ctx context.Context, db querier, endpoints []string, from int64, add func(spanRow)) error {
	list := make([]spanRow, 0, most)
	for chunk := range slices.Chunk(endpoints, most) {
		rows, err := db.QueryContext(ctx, "SELECT "+spanColumns+` FROM endpoints e JOIN spans s ON s.endpoint = e.id
			WHERE e.name IN `+ofList(2)+` AND s.first_seq >= coalesce((SELECT max(x.first_seq) FROM spans x WHERE x.endpoint = e.id AND x.first_seq <= $1), 0)`, from, jsonList(chunk))
		if err != nil {
			return err
		}
		list = list[:0]
		for rows.Next() {
			var r spanRow
			if err := r.scan(rows); err != nil {
				rows.Close()
				return err
			}
			list = append(list, r)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		// The database would sort whole rows, which are nearly always in order.
		byTime := func(a, b spanRow) int { return cmp.Compare(a.first, b.first) }
		if !slices.IsSortedFunc(list, byTime) {
			slices.SortStableFunc(list, byTime)
		}
		for i := range list {
			add(list[i])
		}
	}
	return nil
}

// Recall returns what is remembered of each endpoint (by Endpoint.Key) before
// the run under way: its spans since the given time, its latest cells that are
// not plainly inside, and its findings. An endpoint never seen has an empty
// Recollection.
func (s *Store) Recall(ctx context.Context, endpoints []string, since time.Time) (map[string]residency.Recollection, error) {
	all, err := s.recall(ctx, endpoints, since)
	return all, s.wrap("recall endpoints", err)
}

func (s *Store) recall(ctx context.Context, endpoints []string, since time.Time) (map[string]residency.Recollection, error) {
	runs, scopes, err := s.marks(ctx, s.read)
	if err != nil {
		return nil, err
	}
	cov := newCovered(runs, scopes, since, time.Time{})
	from := int64(math.MaxInt64)
	if len(cov.runs) > 0 {
		from = cov.runs[0].seq
	}
	all := make(map[string]residency.Recollection, len(endpoints))
	latest := make(map[string]*known, len(endpoints))
	ids, names := make([]int64, 0, len(endpoints)), make(map[int64]string, len(endpoints))
	err = spansSince(ctx, s.read, endpoints, from, func(r spanRow) {
		span, confirmed := cov.span(r)
		if !r.pruned { // else nothing of it is known but the hashes
			rec := all[r.endpoint]
			rec.Spans = append(rec.Spans, span)
			all[r.endpoint] = rec
		}
		if latest[r.endpoint] == nil {
			ids, names[r.id] = append(ids, r.id), r.endpoint
		}
		latest[r.endpoint] = &known{spanRow: r, confirmed: confirmed}
	})
	if err != nil {
		return nil, err
	}
	for _, e := range endpoints {
		rec := all[e]
		rec.Spans = reaching(rec.Spans)
		all[e] = rec
	}
	if err := s.recallCells(ctx, ids, names, all, latest); err != nil {
		return nil, err
	}
	if err := s.recallFindings(ctx, endpoints, all); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		for e, k := range latest {
			s.run.known[e] = k
		}
	}
	return all, nil
}

// reaching leaves out the spans that no run of the time saw, but for the last.
func reaching(spans []residency.Span) []residency.Span {
	n := len(spans)
	if n == 0 {
		return nil
	}
	last := spans[n-1]
	return append(slices.DeleteFunc(spans[:n-1], func(s residency.Span) bool { return s.Runs == 0 }), last)
}

// span returns the span of a row, with the runs of the time that saw it, and
// the last run of all that confirmed it.
func (c *covered) span(r spanRow) (residency.Span, mark) {
	span := residency.Span{
		Endpoint: r.endpoint, First: r.first, FirstAt: instant(r.firstAt), Open: r.last == 0,
		Sight: r.sight, Judgement: r.judgement, Last: r.last, LastAt: instant(r.lastAt),
	}
	end := mark{seq: r.last, at: span.LastAt}
	if span.Open {
		var ok bool
		if end, ok = c.last(r.id, r.first); !ok { // its first run has not ended yet
			end = mark{seq: r.first, at: span.FirstAt}
			span.Runs = 1
		}
		span.Last, span.LastAt = end.seq, end.at
	}
	runs := c.of(r.id)
	lo := sort.Search(len(runs), func(i int) bool { return runs[i].seq >= r.first })
	hi := sort.Search(len(runs), func(i int) bool { return runs[i].seq > end.seq })
	span.Runs += max(hi-lo, 0)
	return span, end
}

// recallCells adds the latest cells that are not plainly inside.
func (s *Store) recallCells(ctx context.Context, ids []int64, names map[int64]string, all map[string]residency.Recollection, latest map[string]*known) error {
	for chunk := range slices.Chunk(ids, most) {
		rows, err := s.read.QueryContext(ctx, "SELECT c.endpoint, c.data, e.data FROM cells c JOIN endpoints e ON e.id = c.endpoint WHERE c.endpoint IN "+ofList(1), jsonList(chunk))
		if err != nil {
			return err
		}
		for rows.Next() {
			var id int64
			var packed []byte
			var endpoint string
			if err := rows.Scan(&id, &packed, &endpoint); err != nil {
				rows.Close()
				return err
			}
			cells, err := s.cells(packed, endpoint)
			if err != nil {
				rows.Close()
				return err
			}
			name := names[id]
			rec := all[name]
			rec.Cells = cells
			all[name] = rec
			latest[name].waivers = waivers(cells)
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// cells reads the cells of an endpoint, which are kept without it.
func (s *Store) cells(packed []byte, endpoint string) ([]residency.Cell, error) {
	var cells []residency.Cell
	if err := s.packer.unpackJSON(packed, &cells); err != nil {
		return nil, fmt.Errorf("read cells: %w", err)
	}
	var e residency.Endpoint
	if err := json.Unmarshal([]byte(endpoint), &e); err != nil {
		return nil, fmt.Errorf("read endpoint: %w: %w", ErrDamaged, err)
	}
	for i := range cells {
		cells[i].Endpoint = e
	}
	return cells, nil
}

// waivers returns what changes of a cell while its judgement does not.
func waivers(cells []residency.Cell) string {
	key := ""
	for _, c := range cells {
		key += c.Waiver + "\n"
	}
	return key
}

// recallFindings adds the findings, open or not: what was settled is not opened
// again by the same addresses, and what is opened anew keeps its history. There
// is one for each claim and market at most.
func (s *Store) recallFindings(ctx context.Context, endpoints []string, all map[string]residency.Recollection) error {
	for chunk := range slices.Chunk(endpoints, most) {
		rows, err := s.read.QueryContext(ctx, "SELECT endpoint, data FROM findings WHERE endpoint IN "+ofList(1)+" ORDER BY opened, id", jsonList(chunk))
		if err != nil {
			return err
		}
		for rows.Next() {
			var name, data string
			var f residency.Finding
			if err := rows.Scan(&name, &data); err != nil {
				rows.Close()
				return err
			}
			if err := json.Unmarshal([]byte(data), &f); err != nil {
				rows.Close()
				return fmt.Errorf("read finding: %w: %w", ErrDamaged, err)
			}
			rec := all[name]
			rec.Findings = append(rec.Findings, f)
			all[name] = rec
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}
