package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"residency/internal/residency"
)

// saveAlert puts an alert into the outbox; one whose id is there is left as it
// is.
func (s *Store) saveAlert(w *writer, a residency.Alert) error {
	if a.ID == "" {
		return errors.New("it has no id")
	}
	data, err := s.packer.packJSON(a)
	if err != nil {
		return err
	}
	claim := ""
	if a.Claim != nil {
		claim = a.Claim.ID
	}
	return w.run(`INSERT INTO alerts (n, id, at, not_before, kind, topic, vendor, claim, data)
		SELECT coalesce(max(n), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8 FROM alerts WHERE true ON CONFLICT (id) DO NOTHING`,
		a.ID, micros(a.At), micros(a.NotBefore), string(a.Kind), a.Group, a.Vendor, claim, data)
}

// SaveAlerts puts alerts into the outbox that follow from no run; one whose id
// is there is left as it is.
func (s *Store) SaveAlerts(ctx context.Context, alerts ...residency.Alert) error {
	return s.tx(ctx, "save alerts", func(w *writer) error { return s.saveTold(w, 0, nil, alerts) })
}

// States of a delivery.
const (
	stateWaiting = "waiting"
	stateTaken   = "taken"
	stateParked  = "parked"
)

// channel is what the outbox knows of a channel.
type channel struct {
	since   int64 // of the alerts up to heard, those made before it are not told
	heard   int64
	settled int64 // every alert up to this one is told or passed over
}

// channel returns what is known of the channel, and from now on knows it.
func (w *writer) channel(name string, since time.Time) (channel, error) {
	var c channel
	found, err := w.get([]any{&c.since, &c.heard, &c.settled}, "SELECT since, heard, settled FROM channels WHERE name = $1", name)
	if err != nil || found {
		return c, err
	}
	c.since = micros(since)
	if _, err := w.get([]any{&c.heard}, "SELECT coalesce(max(n), 0) FROM alerts"); err != nil {
		return c, err
	}
	return c, w.run("INSERT INTO channels (name, since, heard, settled) VALUES ($1, $2, $3, 0)", name, c.since, c.heard)
}

// untold is the condition of the alerts a that channel $1 has neither told nor
// passed over: those after $2, and of those up to $3 only the ones made at $4
// or later.
const untold = "a.n > $2 AND (a.n > $3 OR a.at >= $4) AND NOT EXISTS (SELECT 1 FROM told t WHERE t.channel = $1 AND t.alert = a.n)"

// Waiting returns the alerts due at now that are in no notification of the
// channel yet and that it has not passed over, oldest first. Alerts of a group
// that has a delivery of the channel under way are left out. A channel never
// heard of before has those made since the given time only.
func (s *Store) Waiting(ctx context.Context, name string, since, now time.Time) ([]residency.Alert, error) {
	var list []residency.Alert
	err := s.tx(ctx, "read outbox", func(w *writer) error {
		list = nil
		c, err := w.channel(name, since)
		if err != nil {
			return err
		}
		// What is settled is not looked at again.
		var next int64
		if _, err := w.get([]any{&next}, "SELECT coalesce((SELECT min(a.n) FROM alerts a WHERE "+untold+") - 1, (SELECT max(n) FROM alerts), 0)",
			name, c.settled, c.heard, c.since); err != nil {
			return err
		}
		if next > c.settled {
			if err := w.run("UPDATE channels SET settled = $2 WHERE name = $1", name, next); err != nil {
				return err
			}
			c.settled = next
		}
		rows, err := w.query("SELECT a.data FROM alerts a WHERE "+untold+` AND (a.not_before <= $5 OR a.at > $5) -- of a clock that has been set back since
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.channel = $1 AND d.topic = a.topic AND d.state = 'waiting') ORDER BY a.n`,
			name, c.settled, c.heard, c.since, micros(now))
		if err != nil {
			return err
		}
		list, err = s.scanAlerts(rows)
		return err
	})
	slices.SortStableFunc(list, func(a, b residency.Alert) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// packedColumn reads a column of packed JSON into v.
type packedColumn struct {
	s *Store
	v any
}

// Scan implements sql.Scanner.
func (c packedColumn) Scan(v any) error {
	packed, ok := v.([]byte)
	if !ok {
		return fmt.Errorf("read packed JSON: %T is none: %w", v, ErrDamaged)
	}
	return c.s.packer.unpackJSON(packed, c.v)
}

// Pass remembers that the alerts are not for the channel.
func (s *Store) Pass(ctx context.Context, name string, ids []string) error {
	return s.tx(ctx, "pass over alerts", func(w *writer) error {
		for _, id := range ids {
			if err := w.run("INSERT INTO told (channel, alert, delivery) SELECT $1, n, '' FROM alerts WHERE id = $2 ON CONFLICT (channel, alert) DO NOTHING", name, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Fix remembers a notification before it is sent. One with the same key is
// left as it is; an alert that has gone into another notification of the
// channel meanwhile is an error, and nothing is remembered.
func (s *Store) Fix(ctx context.Context, n residency.Notification, at time.Time) error {
	const action = "fix notification"
	if n.Key == "" || n.Channel == "" {
		return fmt.Errorf("%s: it has no key or no channel", action)
	}
	return s.tx(ctx, action, func(w *writer) error {
		bare := n
		bare.Alerts = nil
		data, err := s.packer.packJSON(bare)
		if err != nil {
			return err
		}
		fresh, err := w.exec(`INSERT INTO deliveries (id, channel, topic, fixed, state, due, lease, tries, data)
			VALUES ($1, $2, $3, $4, 'waiting', $4, 0, 0, $5) ON CONFLICT (id) DO NOTHING`, n.Key, n.Channel, n.Group, micros(at), data)
		if err != nil || fresh == 0 {
			return err
		}
		for _, a := range n.Alerts {
			if err := s.saveAlert(w, a); err != nil { // one that is in no outbox yet: a test, say
				return err
			}
			told, err := w.exec("INSERT INTO told (channel, alert, delivery) SELECT $1, n, $3 FROM alerts WHERE id = $2 ON CONFLICT (channel, alert) DO NOTHING", n.Channel, a.ID, n.Key)
			if err != nil {
				return err
			}
			if told == 0 {
				return fmt.Errorf("alert %s has gone into another notification of %s", a.ID, n.Channel)
			}
		}
		return nil
	})
}

// No try is put off for longer than this, and no lease is: what is further ahead
// was written under a clock that has been set back since.
const (
	longestWait  = 7 * time.Hour
	longestLease = 2 * time.Hour
)

// Ready returns the deliveries of a channel that are to be tried at now,
// oldest first and at most limit of them, and leases each until the given
// time, so that no other process sends it meanwhile.
func (s *Store) Ready(ctx context.Context, name string, now, lease time.Time, limit int) ([]residency.Delivery, error) {
	var list []residency.Delivery
	err := s.tx(ctx, "take deliveries", func(w *writer) error {
		var err error
		list, err = s.deliveries(w.ctx, w.tx, "WHERE state = 'waiting' AND channel = $1 AND (due <= $2 OR due > $4) AND (lease <= $2 OR lease > $5) ORDER BY fixed, id LIMIT $3",
			name, micros(now), limit, micros(now.Add(longestWait)), micros(now.Add(longestLease)))
		if err != nil {
			return err
		}
		for _, d := range list {
			if err := w.run("UPDATE deliveries SET lease = $2 WHERE id = $1", d.Notification.Key, micros(lease)); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// Tried remembers what came of a try, and the alerts that follow from it. next
// is when to try again: zero when it was taken, or parked. What was taken once
// stays so.
func (s *Store) Tried(ctx context.Context, key string, r residency.Receipt, next time.Time, parked bool, tell []residency.Alert) error {
	state := stateWaiting
	switch {
	case r.Taken:
		state, next = stateTaken, time.Time{}
	case parked:
		state, next = stateParked, time.Time{}
	case next.IsZero():
		return errors.New("remember try: it was neither taken nor parked, and no time is set to try again")
	}
	return s.tx(ctx, "remember try", func(w *writer) error {
		n, err := w.exec("UPDATE deliveries SET state = $2, due = $3, lease = 0, tries = tries + 1 WHERE id = $1 AND (state <> 'taken' OR $2 = 'taken')", key, state, micros(next))
		if err != nil {
			return err
		}
		if n == 0 {
			var before string
			if found, err := w.get([]any{&before}, "SELECT state FROM deliveries WHERE id = $1", key); err != nil {
				return err
			} else if !found {
				return fmt.Errorf("there is no notification %s", key)
			}
		}
		err = w.run(`INSERT INTO receipts (delivery, try, at, taken, detail) SELECT $1, coalesce(max(try), 0) + 1, $2, $3, $4 FROM receipts WHERE delivery = $1`,
			key, micros(r.At), r.Taken, r.Detail)
		if err != nil {
			return err
		}
		return s.saveTold(w, 0, nil, tell)
	})
}

// Retry makes parked deliveries be tried again from at on: the one with the
// given key, or all of a channel. It returns how many.
func (s *Store) Retry(ctx context.Context, key, channel string, at time.Time) (int, error) {
	var n int64
	err := s.tx(ctx, "retry deliveries", func(w *writer) (err error) {
		n, err = w.exec("UPDATE deliveries SET state = 'waiting', due = $3, lease = 0 WHERE state = 'parked' AND ($1 = '' OR id = $1) AND ($2 = '' OR channel = $2)", key, channel, micros(at))
		return err
	})
	return int(n), err
}

// Post says which deliveries are wanted. The zero Post is all of them.
type Post struct {
	Key     string // of one notification
	Channel string
	Waiting bool // only those neither taken nor parked
	Parked  bool // only those
	Limit   int  // the latest so many; 0: all
}

// Deliveries returns the deliveries asked for, the latest first, with their
// alerts and receipts.
func (s *Store) Deliveries(ctx context.Context, q Post) ([]residency.Delivery, error) {
	state := ""
	switch {
	case q.Waiting:
		state = stateWaiting
	case q.Parked:
		state = stateParked
	}
	limit := int64(q.Limit)
	if limit <= 0 {
		limit = 1 << 31
	}
	list, err := s.deliveries(ctx, s.read, "WHERE ($1 = '' OR id = $1) AND ($2 = '' OR channel = $2) AND ($3 = '' OR state = $3) ORDER BY fixed DESC, id LIMIT $4", q.Key, q.Channel, state, limit)
	return list, s.wrap("read deliveries", err)
}

func (s *Store) deliveries(ctx context.Context, db querier, where string, args ...any) ([]residency.Delivery, error) {
	rows, err := db.QueryContext(ctx, "SELECT fixed, state, due, tries, data FROM deliveries "+where, args...)
	if err != nil {
		return nil, err
	}
	list, err := s.scanDeliveries(rows)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := s.fillDelivery(ctx, db, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *Store) scanDeliveries(rows *sql.Rows) ([]residency.Delivery, error) {
	defer rows.Close()
	var list []residency.Delivery
	for rows.Next() {
		var d residency.Delivery
		var fixed, due int64
		var state string
		if err := rows.Scan(&fixed, &state, &due, &d.Tries, packedColumn{s, &d.Notification}); err != nil {
			return nil, err
		}
		d.Fixed, d.Next, d.Parked = instant(fixed), instant(due), state == stateParked
		list = append(list, d)
	}
	return list, rows.Err()
}

// fillDelivery adds the alerts and receipts of a delivery.
func (s *Store) fillDelivery(ctx context.Context, db querier, d *residency.Delivery) error {
	rows, err := db.QueryContext(ctx, "SELECT a.data FROM told t JOIN alerts a ON a.n = t.alert WHERE t.delivery = $1 ORDER BY a.n", d.Notification.Key)
	if err != nil {
		return err
	}
	if d.Notification.Alerts, err = s.scanAlerts(rows); err != nil {
		return err
	}
	receipts, err := db.QueryContext(ctx, "SELECT try, at, taken, detail FROM receipts WHERE delivery = $1 ORDER BY try", d.Notification.Key)
	if err != nil {
		return err
	}
	defer receipts.Close()
	for receipts.Next() {
		var r residency.Receipt
		var at int64
		if err := receipts.Scan(&r.Try, &at, &r.Taken, &r.Detail); err != nil {
			return err
		}
		r.At = instant(at)
		d.Receipts = append(d.Receipts, r)
	}
	return receipts.Err()
}

// Alerts returns alerts made at from or later, the latest first and at most
// limit of them (0: all).
func (s *Store) Alerts(ctx context.Context, from time.Time, limit int) ([]residency.Alert, error) {
	n := int64(limit)
	if n <= 0 {
		n = 1 << 31
	}
	rows, err := s.read.QueryContext(ctx, "SELECT data FROM alerts WHERE at >= $1 ORDER BY n DESC LIMIT $2", micros(from), n)
	if err != nil {
		return nil, s.wrap("read alerts", err)
	}
	list, err := s.scanAlerts(rows)
	return list, s.wrap("read alerts", err)
}

// scanAlerts reads rows of one alert each, and closes them.
func (s *Store) scanAlerts(rows *sql.Rows) ([]residency.Alert, error) {
	defer rows.Close()
	var list []residency.Alert
	for rows.Next() {
		var a residency.Alert
		if err := rows.Scan(packedColumn{s, &a}); err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, rows.Err()
}
