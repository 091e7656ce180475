package ledger

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// day is when the log of the tests begins.
var day = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// memory is a store in memory: everything that verification reads, open to
// every kind of meddling.
type memory struct {
	leaves      [][]byte
	hashes      []residency.Hash
	checkpoints []residency.Checkpoint
	runs        map[int64]residency.Run
	rounds      map[int64][]residency.RoundSeal
	bodies      map[residency.Hash][]byte
}

func newMemory() *memory {
	return &memory{runs: map[int64]residency.Run{}, rounds: map[int64][]residency.RoundSeal{}, bodies: map[residency.Hash][]byte{}}
}

// clone returns a copy that can be meddled with.
func (m *memory) clone() *memory {
	c := &memory{leaves: slices.Clone(m.leaves), hashes: slices.Clone(m.hashes), checkpoints: slices.Clone(m.checkpoints),
		runs: maps.Clone(m.runs), rounds: map[int64][]residency.RoundSeal{}, bodies: maps.Clone(m.bodies)}
	for seq, r := range m.rounds {
		c.rounds[seq] = slices.Clone(r)
	}
	return c
}

func (m *memory) Size(context.Context) (int64, error) { return int64(len(m.leaves)), nil }

func (m *memory) Leaves(_ context.Context, from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for i := from; i < to; i++ {
			if i >= int64(len(m.leaves)) {
				yield(nil, fmt.Errorf("no leaf %d", i))
				return
			}
			if !yield(m.leaves[i], nil) {
				return
			}
		}
	}
}

func (m *memory) Hashes(_ context.Context, indexes []int64) ([]residency.Hash, error) {
	out := make([]residency.Hash, len(indexes))
	for i, k := range indexes {
		if k < 0 || k >= int64(len(m.hashes)) {
			return nil, fmt.Errorf("no tree hash %d", k)
		}
		out[i] = m.hashes[k]
	}
	return out, nil
}

func (m *memory) SaveCheckpoint(_ context.Context, cp residency.Checkpoint) error {
	m.checkpoints = append(m.checkpoints, cp)
	return nil
}

func (m *memory) LastCheckpoint(context.Context) (residency.Checkpoint, error) {
	if len(m.checkpoints) == 0 {
		return residency.Checkpoint{}, nil
	}
	return m.checkpoints[len(m.checkpoints)-1], nil
}

func (m *memory) allCheckpoints(context.Context) iter.Seq2[residency.Checkpoint, error] {
	return func(yield func(residency.Checkpoint, error) bool) {
		for _, cp := range m.checkpoints {
			if !yield(cp, nil) {
				return
			}
		}
	}
}

func (m *memory) Run(_ context.Context, seq int64) (residency.Run, bool, error) {
	run, ok := m.runs[seq]
	return run, ok, nil
}

func (m *memory) Rounds(_ context.Context, seq int64) ([]residency.RoundSeal, error) {
	return m.rounds[seq], nil
}

func (m *memory) Bodies(_ context.Context, hashes []residency.Hash) (map[residency.Hash][]byte, error) {
	found := map[residency.Hash][]byte{}
	for _, h := range hashes {
		if data, ok := m.bodies[h]; ok {
			found[h] = data
		}
	}
	return found, nil
}

// append adds a leaf and the hashes that it makes.
func (m *memory) append(leaf []byte) error {
	more, err := Hashes(int64(len(m.leaves)), leaf, func(i []int64) ([]residency.Hash, error) { return m.Hashes(context.Background(), i) })
	if err != nil {
		return err
	}
	m.leaves, m.hashes = append(m.leaves, leaf), append(m.hashes, more...)
	return nil
}

// rehash works the tree out anew from the leaves, as whoever edits a store
// would.
func (m *memory) rehash() {
	leaves := m.leaves
	m.leaves, m.hashes = nil, nil
	for _, leaf := range leaves {
		if err := m.append(leaf); err != nil {
			panic(err)
		}
	}
}

func (m *memory) record(_ context.Context, r residency.Record) error {
	leaf, err := RecordLeaf(r)
	if err != nil {
		return err
	}
	m.bodies[residency.HashOf(r.Body)] = r.Body
	return m.append(leaf)
}

// keep keeps a body by its hash.
func (m *memory) keep(format string, args ...any) residency.Hash {
	data := fmt.Appendf(nil, format, args...)
	h := residency.HashOf(data)
	m.bodies[h] = data
	return h
}

// end seals a run.
func (m *memory) end(run residency.Run, rounds []residency.RoundSeal) error {
	leaf, err := RunLeaf(run, rounds)
	if err != nil {
		return err
	}
	m.runs[run.Seq], m.rounds[run.Seq] = run, rounds
	return m.append(leaf)
}

// testKey makes a key from one byte, the same for ever.
func testKey(t testing.TB, seed byte) *Key {
	t.Helper()
	secret, err := NewKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)), "example.com/residency")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// testRun is the header of a run.
func testRun(seq int64) residency.Run {
	at := day.Add(time.Duration(seq) * 30 * time.Minute)
	return residency.Run{
		ID: fmt.Sprintf("run-%04d", seq), Seq: seq, At: at, Started: at, Finished: at.Add(40 * time.Second),
		Version: "1.2.3", Commit: "0123456789ab", Rules: 1, Window: 2 * time.Hour,
		ConfigSHA256: residency.HashOf([]byte("config")).String(),
		Datasets:     []residency.Dataset{{Name: "dbip", SHA256: residency.HashOf([]byte("dbip")).String()}},
		Clock:        residency.Clock{Source: "adjtimex", Offset: 120 * time.Microsecond, MaxError: 15 * time.Millisecond, Synchronised: true},
		Claims: []residency.ClaimStanding{{
			Claim: residency.Claim{ID: "phase-1", Vendor: "acme", Services: []string{"api"},
				Markets: []residency.Country{residency.MustCountry("IN")}, Quote: "by the end of October", Floor: residency.Corroborated},
			Standing: residency.Holding, Effective: residency.Holding,
			Counts: residency.CellCounts{Inside: 3}, Coverage: residency.Coverage{Needs: 6, Met: 6, Looks: 12, Counted: 12},
		}},
	}
}

// verdict is what the judge of the tests says: it depends on all that a
// verdict may depend on.
func verdict(t Trial) []byte {
	before := t.Before.String()
	if len(before) > 8 {
		before = before[:8]
	}
	out := fmt.Appendf(nil, `{"sight":%q,"claims":%d,"past":[`, t.Round.Sight, len(t.Claims))
	seen := map[residency.Hash]bool{}
	for _, p := range t.Past {
		if !seen[p.Sight] {
			out = fmt.Appendf(out, "%q,", p.Sight)
		}
		seen[p.Sight] = true
	}
	return fmt.Appendf(out, `"end"],"first":%v}`, before == "")
}

func judgeAgain(_ context.Context, t Trial) ([]byte, error) {
	if _, err := t.Bodies(t.Round.Sight); err != nil {
		return nil, err
	}
	return verdict(t), nil
}

// sealed makes a store of n runs over five endpoints, signed after every third
// run, with records in between.
func sealed(t testing.TB, n int64) (*memory, *Key) {
	t.Helper()
	ctx := context.Background()
	m, key := newMemory(), testKey(t, 1)
	s := m.signer(key)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	past := newRejudge(&Verifier{}, &acts{}) // keeps the window, as an engine does
	for seq := int64(1); seq <= n; seq++ {
		run := testRun(seq)
		entry := &RunEntry{Seq: seq, At: stamp{run.At}, WindowUS: run.Window.Microseconds()}
		past.times = append(past.times, run.At)
		var rounds []residency.RoundSeal
		for _, host := range []string{"a", "b", "c", "d", "e"} {
			r := residency.RoundSeal{Endpoint: "acme/api/" + host + ".example.com"}
			r.Sight = m.keep("sight of %s, state %d", host, (seq+int64(host[0]))/5)
			h := past.past[r.Endpoint]
			if h == nil {
				h = &history{}
				past.past[r.Endpoint] = h
			}
			r.Judgement = m.keep("%s", verdict(past.trial(h, entry, r, claimsOf(run))))
			if n := len(h.stretches); n == 0 || h.stretches[n-1].sight != r.Sight {
				r.Packets = m.keep("packets of %s in run %d", host, seq)
				if n > 0 {
					r.LastPackets = m.keep("packets of %s in run %d, overwritten", host, seq-1)
				}
			}
			h.add(len(past.times)-1, r)
			rounds = append(rounds, r)
		}
		must(m.end(run, rounds))
		if seq%4 == 0 {
			must(m.record(ctx, residency.Record{Kind: "acknowledged", At: run.Finished, By: "ann", Body: fmt.Appendf(nil, `{"run":%d}`, seq)}))
		}
		if seq%5 == 0 {
			big := fmt.Appendf(nil, `{"waivers":%q}`, bytes.Repeat([]byte("w"), maxLeaf))
			must(m.record(ctx, residency.Record{Kind: "waivers", At: run.Finished, By: "ann", Body: big}))
		}
		if seq%3 == 0 {
			_, err := s.Sign(ctx)
			must(err)
		}
	}
	return m, key
}

func (m *memory) signer(key *Key) *Signer {
	return &Signer{Log: m, Book: m, Key: key, Record: m.record, Now: func() time.Time { return day }}
}

func (m *memory) verifier(keys ...Public) *Verifier {
	return &Verifier{Log: m, Checkpoints: m.allCheckpoints, Runs: m, Keys: keys, Judge: judgeAgain, Rules: 1, Workers: 4}
}

// TestSealedStoreVerifies also shows that the proofs are those of RFC 6962 as
// tlog makes them.
func TestSealedStoreVerifies(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m, key := sealed(t, 20)
	rep, err := m.verifier(key.Public()).Verify(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Runs != 20 || rep.Rounds != 100 || rep.Judged != 100 || rep.Checkpoints != 6 || rep.Records != 10 || rep.Key != key.Public().String() {
		t.Errorf("Verify says %+v", rep)
	}
	root, err := Root(ctx, m, int64(len(m.leaves)))
	if err != nil || root != rep.Root {
		t.Errorf("Root = %v, %v, want %v", root, err, rep.Root)
	}
	cp := m.checkpoints[len(m.checkpoints)-1]
	for i := range cp.Size {
		path, err := tlog.ProveRecord(cp.Size, i, hashesOf(ctx, m))
		if err == nil {
			err = tlog.CheckRecord(path, cp.Size, tlog.Hash(cp.Root), i, tlog.RecordHash(m.leaves[i]))
		}
		if err != nil {
			t.Errorf("leaf %d: %v", i, err)
		}
	}
	for _, older := range m.checkpoints {
		path, err := Consistency(ctx, m, older.Size, cp.Size)
		if err != nil {
			t.Errorf("Consistency(%d, %d): %v", older.Size, cp.Size, err)
		}
		list := make(tlog.TreeProof, len(path))
		for i, h := range path {
			list[i] = tlog.Hash(h)
		}
		if older.Size != cp.Size {
			if err := tlog.CheckTree(list, cp.Size, tlog.Hash(cp.Root), older.Size, tlog.Hash(older.Root)); err != nil {
				t.Errorf("growth from %d to %d: %v", older.Size, cp.Size, err)
			}
		}
	}
}

func TestRoundProof(t *testing.T) {
	t.Parallel()
	m, _ := sealed(t, 6)
	for _, leaf := range m.leaves {
		e, err := ParseLeaf(leaf)
		if err != nil {
			t.Fatal(err)
		}
		if e.Run == nil {
			continue
		}
		rounds := m.rounds[e.Run.Seq]
		for _, r := range rounds {
			p := proofOf(t, rounds, r.Endpoint)
			if err := p.Check(*e.Run, r); err != nil {
				t.Errorf("run %d, %s: %v", e.Run.Seq, r.Endpoint, err)
			}
			r.Sight[0] ^= 1
			if err := p.Check(*e.Run, r); err == nil {
				t.Errorf("run %d, %s: another round has the same proof", e.Run.Seq, r.Endpoint)
			}
		}
	}
}

// proofOf proves the round of an endpoint, as a bundle has it.
func proofOf(t *testing.T, rounds []residency.RoundSeal, endpoint string) RoundProof {
	t.Helper()
	i, ok := find(rounds, endpoint)
	if !ok {
		t.Fatalf("there is no round of %q", endpoint)
	}
	return newRoundTree(rounds).round(i).Proof
}
