package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"

	"residency/internal/residency"
)

// Checked is what a check of the store counted and found.
type Checked struct {
	Bytes     int64 // of the file
	Runs      int64
	Endpoints int64
	Spans     int64
	Bodies    int64
	Leaves    int64
	Warnings  []string // what should not be so, and has damaged nothing
	Problems  []string // empty: all is as it was written
}

// enough problems to report: a damaged file has no end of them.
const enough = 100

// checking is a check under way.
type checking struct {
	*Store
	ctx    context.Context
	db     querier // of one instant: runs may go on
	found  Checked
	bodies map[residency.Hash]bool
}

func (c *checking) problem(format string, args ...any) {
	if len(c.found.Problems) < enough {
		c.found.Problems = append(c.found.Problems, fmt.Sprintf(format, args...))
	}
}

// Check reads the whole store: the database's own structure, every body
// against its hash, and that the spans of each endpoint follow each other and
// name bodies that are there. It reads the store as it is at one instant, so that
// runs may go on. What it finds is in Checked.Problems; an error means that it
// could not be finished. Whether the evidence log is what was signed is another
// question, answered by "residency verify".
func (s *Store) Check(ctx context.Context) (Checked, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Checked{}, s.wrap("check store", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	c := &checking{Store: s, ctx: ctx, db: tx, bodies: map[residency.Hash]bool{}}
	if info, err := os.Stat(s.path); err == nil {
		c.found.Bytes = info.Size()
		if info.Mode().Perm()&0o077 != 0 {
			c.found.Warnings = append(c.found.Warnings, fmt.Sprintf("the file can be read by others (mode %o): chmod 600 %s", info.Mode().Perm(), s.path))
		}
	}
	for _, step := range []func() error{c.structure, c.counts, c.checkBodies, c.checkSpans, c.checkRuns, c.checkLog} {
		if err := step(); err != nil {
			if len(c.found.Problems) > 0 { // it is damaged, and one sees where
				c.problem("the check could not go on: %v", err)
				return c.found, nil
			}
			return c.found, s.wrap("check store", err)
		}
	}
	return c.found, nil
}

// structure asks the database about itself.
func (c *checking) structure() error {
	rows, err := c.db.QueryContext(c.ctx, fmt.Sprintf("PRAGMA integrity_check(%d)", enough))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if line != "ok" {
			c.problem("%s", line)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	keys, err := c.db.QueryContext(c.ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return err
	}
	defer keys.Close()
	for keys.Next() {
		var table, parent string
		var row sql.NullInt64
		var key int
		if err := keys.Scan(&table, &row, &parent, &key); err != nil {
			return err
		}
		c.problem("a row of %s names something that is not in %s", table, parent)
	}
	return keys.Err()
}

func (c *checking) counts() error {
	for _, t := range []struct {
		table string
		into  *int64
	}{{"runs", &c.found.Runs}, {"endpoints", &c.found.Endpoints}, {"spans", &c.found.Spans}, {"leaves", &c.found.Leaves}} {
		if err := c.db.QueryRowContext(c.ctx, "SELECT count(*) FROM "+t.table).Scan(t.into); err != nil {
			return err
		}
	}
	return nil
}

// checkBodies holds every body, and the last packets of open spans, to their
// hashes, and what finds the bodies and what they name to being there.
func (c *checking) checkBodies() error {
	named := map[residency.Hash]residency.Hash{} // a location -> the body that names it
	var upTo int64
	if err := c.db.QueryRowContext(c.ctx, "SELECT up_to FROM tagged").Scan(&upTo); err != nil {
		return err
	}
	rows, err := c.db.QueryContext(c.ctx, "SELECT id, hashes, data FROM blocks")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var hashes, packed sql.RawBytes
		if err := rows.Scan(&id, &hashes, &packed); err != nil {
			return err
		}
		bodies, err := c.openBlock(packed, hashes)
		if err != nil {
			for h := range each(hashes) {
				c.problem("body %s cannot be unpacked", h)
			}
			c.problem("block %d: %v", id, err)
			continue
		}
		for _, b := range bodies {
			c.checkBody("body", b.hash, b.data)
			c.bodies[b.hash] = true
			for ref := range each(b.refs) {
				named[ref] = b.hash
			}
		}
		if id > upTo {
			continue
		}
		if err := c.checkTags(id, bodies); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	c.found.Bodies = int64(len(c.bodies))
	var stray int
	if err := c.db.QueryRowContext(c.ctx, "SELECT count(*) FROM body_tags WHERE block NOT IN (SELECT id FROM blocks)").Scan(&stray); err != nil {
		return err
	}
	if stray > 0 {
		c.problem("%d tags name a block that is not there", stray)
	}
	for ref, body := range named {
		if !c.bodies[ref] {
			c.problem("body %s names a location that is not there", body)
		}
	}
	return c.checkLatest()
}

// checkBody holds bytes to their hash.
func (c *checking) checkBody(what string, h residency.Hash, data []byte) {
	if got := residency.HashOf(data); got != h {
		c.problem("%s %s has the hash %s", what, h, got)
	}
}

// checkTags holds the bodies of a block to being found by their tags.
func (c *checking) checkTags(id int64, bodies []body) error {
	tags := make([]int64, len(bodies))
	for i := range bodies {
		tags[i] = tag(bodies[i].hash)
	}
	rows, err := c.db.QueryContext(c.ctx, "SELECT tag FROM body_tags WHERE block = $1 AND tag IN "+ofList(2), id, jsonList(tags))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var found int64
		if err := rows.Scan(&found); err != nil {
			return err
		}
		tags = slices.DeleteFunc(tags, func(t int64) bool { return t == found })
	}
	for _, b := range bodies {
		if slices.Contains(tags, tag(b.hash)) {
			c.problem("body %s is not found by its tag", b.hash)
		}
	}
	return rows.Err()
}

// checkLatest holds the last packets of open spans to their hashes.
func (c *checking) checkLatest() error {
	rows, err := c.db.QueryContext(c.ctx, "SELECT hash, data FROM latest_packets")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var h hashColumn
		var packed sql.RawBytes
		if err := rows.Scan(&h, &packed); err != nil {
			return err
		}
		if data, err := c.packer.unpack(packed); err != nil {
			c.problem("packets %s cannot be unpacked", residency.Hash(h))
		} else {
			c.checkBody("packets", residency.Hash(h), data)
		}
	}
	return rows.Err()
}

// checkSpans holds the spans of each endpoint to following each other.
func (c *checking) checkSpans() error {
	rows, err := c.db.QueryContext(c.ctx, "SELECT "+spanColumns+" FROM endpoints e JOIN spans s ON s.endpoint = e.id ORDER BY e.id, s.first_seq")
	if err != nil {
		return err
	}
	defer rows.Close()
	var before spanRow
	for rows.Next() {
		var r spanRow
		if err := r.scan(rows); err != nil {
			return err
		}
		c.checkSpan(before, r)
		before = r
	}
	return rows.Err()
}

// checkSpan holds one span to the one before it, and to its bodies.
func (c *checking) checkSpan(before, r spanRow) {
	name := fmt.Sprintf("%s from run %d", r.endpoint, r.first)
	if r.last != 0 && r.last < r.first {
		c.problem("%s: it ends with run %d, before it begins", name, r.last)
	}
	if before.id == r.id {
		switch {
		case before.last == 0:
			c.problem("%s: what came before it has not ended", name)
		case before.last >= r.first:
			c.problem("%s: what came before it ends with run %d", name, before.last)
		case before.sight == r.sight && before.judgement == r.judgement && before.last == r.first-1:
			c.problem("%s: it is the same as what came before it", name)
		}
	}
	if r.pruned {
		return
	}
	want := []residency.Hash{r.sight, r.judgement, r.packets}
	if r.last != 0 && r.latest != (residency.Hash{}) {
		want = append(want, r.latest)
	}
	for _, h := range want {
		if !c.bodies[h] {
			c.problem("%s: body %s is not there", name, h)
		}
	}
}

// checkRuns holds every run to the bodies that its header names.
func (c *checking) checkRuns() error {
	heads, err := c.headers(c.ctx, c.db, "ORDER BY seq")
	if err != nil {
		return err
	}
	under := 0
	for _, h := range heads {
		want := []residency.Hash{h.setting, h.seen, h.outcome}
		if h.run.Finished.IsZero() {
			under++
		} else {
			want = append(want, h.scope)
		}
		for _, hash := range want {
			if !c.bodies[hash] {
				c.problem("run %d: body %s is not there", h.run.Seq, hash)
			}
		}
		if h.leaf >= c.found.Leaves {
			c.problem("run %d: its leaf %d is not in the log", h.run.Seq, h.leaf)
		}
	}
	if under > 1 {
		c.problem("%d runs have not ended", under)
	}
	return nil
}

// checkLog holds the leaves to being without a gap.
func (c *checking) checkLog() error {
	size, err := logSize(c.ctx, c.db)
	if err == nil && size != c.found.Leaves {
		c.problem("the log has %d leaves, and the last is number %d", c.found.Leaves, size-1)
	}
	return err
}
