package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"residency/internal/residency"
)

// everyRun is for how many unchanged rounds of one run the packets are kept;
// those of the others are kept once a day.
const everyRun = 1000

// newSpan is what is known of a span when it begins.
const newSpan = "spans (endpoint, first_seq, last_seq, first_at, last_at, sight, judgement, packets, latest_seq, latest_at, pruned)"

// batch is what one Save does, to be believed when its transaction is on disk.
type batch struct {
	run     *openRun
	at      int64 // of the run, microseconds
	ids     []int64
	seals   []residency.RoundSeal
	saved   map[int64]int           // endpoint -> place in seals
	there   map[residency.Hash]bool // locations that are among the bodies
	bodies  []body
	spans   bulk
	nextID  int64
	new     map[string]int64 // numbers of endpoints without a span
	changed int
	kept    int
}

// Save remembers a batch of rounds and all that follows from them, in one
// transaction. A round of the same sight and judgement as the one before
// extends its span. The same round saved again in one run changes nothing;
// another round of the same endpoint in one run is an error.
func (s *Store) Save(ctx context.Context, seq int64, b residency.Batch) error {
	const action = "save rounds"
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.current(seq)
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	n := &batch{run: r, saved: map[int64]int{}, there: map[residency.Hash]bool{}, nextID: r.nextID, kept: r.kept,
		spans: bulk{into: newSpan, columns: 11}}
	err = s.tx(ctx, action, func(w *writer) error {
		if err := s.saveRounds(w, n, b.Rounds); err != nil {
			return err
		}
		if err := s.saveTold(w, seq, b.Findings, b.Alerts); err != nil {
			return err
		}
		return w.run("INSERT INTO run_parts (seq, part, saved_at, changed, scope) VALUES ($1, $2, $3, $4, $5)",
			seq, r.part, micros(s.now()), n.changed, scopeOf(n.ids).append([]byte{}))
	})
	for _, round := range b.Rounds { // saved, or to be read again before the next try
		delete(r.known, round.Endpoint.Key())
	}
	if err != nil {
		return err
	}
	for i, id := range n.ids {
		r.saved[id] = len(r.seals)
		r.seals = append(r.seals, n.seals[i])
	}
	r.part, r.nextID, r.changed, r.kept = r.part+1, n.nextID, r.changed+n.changed, n.kept
	return nil
}

// saveRounds saves each round of the batch.
func (s *Store) saveRounds(w *writer, n *batch, rounds []residency.KeptRound) error {
	if _, err := w.get([]any{&n.at}, "SELECT at FROM runs WHERE seq = $1", n.run.seq); err != nil {
		return err
	}
	if err := s.recallMissing(w, n, rounds); err != nil {
		return err
	}
	for i := range rounds {
		if err := s.saveRound(w, n, &rounds[i]); err != nil {
			return fmt.Errorf("endpoint %s: %w", rounds[i].Endpoint.Key(), err)
		}
	}
	if err := n.spans.flush(w); err != nil {
		return err
	}
	if err := s.keep(w, n.bodies...); err != nil {
		return err
	}
	return w.tagRest(mostUntagged)
}

// recallMissing finds what is known of endpoints that were not recalled, and
// gives those their numbers that have none.
func (s *Store) recallMissing(w *writer, n *batch, rounds []residency.KeptRound) error {
	r := n.run
	unknown := map[string]residency.Endpoint{}
	for i := range rounds {
		if name := rounds[i].Endpoint.Key(); r.known[name] == nil {
			unknown[name] = rounds[i].Endpoint
		}
	}
	names, err := s.newEndpoints(w, n, unknown)
	if len(names) == 0 || err != nil {
		return err
	}
	runs, scopes, err := s.marks(w.ctx, w.tx)
	if err != nil {
		return err
	}
	cov := newCovered(runs, scopes, time.Time{}, time.Time{})
	return spansSince(w.ctx, w.tx, names, math.MaxInt64, func(row spanRow) {
		confirmed, ok := cov.last(row.id, row.first)
		if !ok {
			confirmed = mark{seq: row.first, at: instant(row.firstAt)}
		}
		r.known[row.endpoint] = &known{spanRow: row, confirmed: confirmed, waivers: "?"} // unlike any: cells are written
	})
}

// saveRound saves one round.
func (s *Store) saveRound(w *writer, n *batch, r *residency.KeptRound) error {
	seal := residency.RoundSeal{Endpoint: r.Endpoint.Key(), Sight: residency.HashOf(r.Sight), Judgement: residency.HashOf(r.Judgement)}
	k := n.run.known[seal.Endpoint]
	if k != nil {
		if again, err := n.again(k, seal); again || err != nil {
			return err
		}
	}
	var err error
	id := int64(0)
	switch {
	case k != nil && !k.pruned && k.sight == seal.Sight && k.judgement == seal.Judgement:
		id = k.id
		err = s.extend(w, n, k, r)
	default:
		n.changed++
		id, err = s.change(w, n, k, r, &seal)
	}
	if err != nil {
		return err
	}
	n.saved[id] = len(n.seals)
	n.ids = append(n.ids, id)
	n.seals = append(n.seals, seal)
	return nil
}

// again reports whether the round was saved by this run already.
func (n *batch) again(k *known, seal residency.RoundSeal) (bool, error) {
	var before residency.RoundSeal
	if i, ok := n.run.saved[k.id]; ok {
		before = n.run.seals[i]
	} else if i, ok := n.saved[k.id]; ok {
		before = n.seals[i]
	} else {
		return false, nil
	}
	if before.Sight != seal.Sight || before.Judgement != seal.Judgement {
		return true, fmt.Errorf("run %d has another round of it already", n.run.seq)
	}
	return true, nil
}

// extend saves a round that showed what the one before it showed.
func (s *Store) extend(w *writer, n *batch, k *known, r *residency.KeptRound) error {
	if waivers(r.Cells) != k.waivers {
		if err := s.saveCells(w, n.run.seq, k.id, r.Cells); err != nil {
			return err
		}
	}
	kept := max(k.firstAt, k.latestAt)
	if len(r.Packets) == 0 || (n.kept >= everyRun && day(k.id, kept) == day(k.id, n.at)) {
		return nil
	}
	n.kept++
	h := residency.HashOf(r.Packets)
	err := w.run("INSERT INTO latest_packets (endpoint, hash, data) VALUES ($1, $2, $3) ON CONFLICT (endpoint) DO UPDATE SET hash = excluded.hash, data = excluded.data",
		k.id, h[:], s.packer.pack(r.Packets))
	if err != nil {
		return err
	}
	return w.run("UPDATE spans SET latest = $3, latest_seq = $4, latest_at = $5 WHERE endpoint = $1 AND first_seq = $2", k.id, k.first, h[:], n.run.seq, n.at)
}

// day returns the number of the day of t. Days begin at another hour for each
// endpoint, so that what is done once a day is not done for all at once.
func day(id, t int64) int64 {
	const length = int64(24 * time.Hour / time.Microsecond)
	const golden = 0.6180339887498949 // spreads any row of numbers evenly
	_, part := math.Modf(float64(id) * golden)
	return (t + int64(part*float64(length))) / length
}

// change saves a round that differs from the one before it, or is the first,
// and returns its endpoint's number.
func (s *Store) change(w *writer, n *batch, k *known, r *residency.KeptRound, seal *residency.RoundSeal) (int64, error) {
	id := n.new[seal.Endpoint]
	if k != nil {
		id = k.id
		if err := renew(w, id, r.Endpoint); err != nil {
			return 0, err
		}
		seal.LastPackets = k.lastPackets()
		if err := s.endSpan(w, n, k); err != nil {
			return 0, err
		}
	}
	seal.Packets = residency.HashOf(r.Packets)
	if err := n.keepRound(r, seal, k == nil); err != nil {
		return 0, err
	}
	err := n.spans.add(w, id, n.run.seq, 0, n.at, 0, seal.Sight[:], seal.Judgement[:], seal.Packets[:], 0, 0, false)
	if err != nil {
		return 0, err
	}
	n.run.known[seal.Endpoint] = &known{spanRow: spanRow{endpoint: seal.Endpoint, id: id}} // for the same endpoint later in the batch
	if k == nil && len(r.Cells) == 0 {
		return id, nil // there can be no cells of it
	}
	return id, s.saveCells(w, n.run.seq, id, r.Cells)
}

// endSpan ends the open span with the last run that confirmed it; the last
// packets kept of it stay.
func (s *Store) endSpan(w *writer, n *batch, k *known) error {
	if k.latest != (residency.Hash{}) {
		var packed []byte
		found, err := w.get([]any{&packed}, "SELECT data FROM latest_packets WHERE endpoint = $1", k.id)
		if err != nil {
			return err
		}
		if found { // else they were deleted with age
			data, err := s.open(k.latest, packed)
			if err != nil {
				return err
			}
			n.bodies = append(n.bodies, body{kind: bodyPackets, hash: k.latest, data: data, new: true})
		}
		if err := w.run("DELETE FROM latest_packets WHERE endpoint = $1", k.id); err != nil {
			return err
		}
	}
	return w.run("UPDATE spans SET last_seq = $3, last_at = $4 WHERE endpoint = $1 AND first_seq = $2", k.id, k.first, k.confirmed.seq, micros(k.confirmed.at))
}

// keepRound has the bytes of a round that differs kept with the batch. With
// first, there were none of its endpoint before, which sights and judgements name.
func (n *batch) keepRound(r *residency.KeptRound, seal *residency.RoundSeal, first bool) error {
	var refs []byte
	for h, data := range r.Locations {
		refs = append(refs, h[:]...)
		if n.there[h] {
			continue
		}
		if residency.HashOf(data) != h {
			return fmt.Errorf("location %s has another hash", h)
		}
		n.there[h] = true
		n.bodies = append(n.bodies, body{kind: bodyLocation, hash: h, data: data})
	}
	n.bodies = append(n.bodies, body{kind: bodySight, hash: seal.Sight, data: r.Sight, refs: refs, new: first},
		body{kind: bodyJudgement, hash: seal.Judgement, data: r.Judgement, new: first},
		body{kind: bodyPackets, hash: seal.Packets, data: r.Packets, new: true}) // no two are of the same time
	return nil
}

// saveCells keeps the cells of an endpoint that are not plainly inside, in
// place of those kept before.
func (s *Store) saveCells(w *writer, seq, id int64, cells []residency.Cell) error {
	if len(cells) == 0 {
		return w.run("DELETE FROM cells WHERE endpoint = $1", id)
	}
	bare := make([]residency.Cell, len(cells))
	for i, c := range cells {
		c.Endpoint = residency.Endpoint{}
		bare[i] = c
	}
	data, err := s.packer.packJSON(bare)
	if err != nil {
		return err
	}
	return w.run("INSERT INTO cells (endpoint, seq, data) VALUES ($1, $2, $3) ON CONFLICT (endpoint) DO UPDATE SET seq = excluded.seq, data = excluded.data", id, seq, data)
}
