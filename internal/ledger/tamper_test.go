package ledger

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

var update = flag.Bool("update", false, "write the table of docs/evidence.md anew")

// attack is one way to meddle with evidence, and what finds it.
type attack struct {
	what string
	do   func(a *attacked)
	want string // in the message
}

// attacked is what an attacker has in hands: the store with everything in it,
// and no key of ours.
type attacked struct {
	*memory
	t    *testing.T
	kept []residency.Checkpoint // those that others keep
}

// flip changes one bit in the middle of a body.
func (a *attacked) flip(h residency.Hash) {
	data := slices.Clone(a.bodies[h])
	if len(data) == 0 {
		a.t.Fatalf("no body %s", h)
	}
	data[len(data)/2] ^= 1
	a.bodies[h] = data
}

// round returns the round of a run that has packets of its own.
func (a *attacked) round(seq int64, index int) *residency.RoundSeal { return &a.rounds[seq][index] }

// reseal writes the leaf of a run anew, with the tree above it.
func (a *attacked) reseal(seq int64) {
	for i, leaf := range a.leaves {
		if e, err := ParseLeaf(leaf); err == nil && e.Run != nil && e.Run.Seq == seq {
			made, err := RunLeaf(a.runs[seq], a.rounds[seq])
			if err != nil {
				a.t.Fatal(err)
			}
			a.leaves[i] = made
		}
	}
	a.rehash()
}

// resign signs every checkpoint anew with a key of the attacker's.
func (a *attacked) resign(key *Key) {
	for i, cp := range a.checkpoints {
		root, err := Root(context.Background(), a.memory, cp.Size)
		if err != nil {
			a.t.Fatal(err)
		}
		if a.checkpoints[i], err = key.Sign(cp.Size, root, cp.At); err != nil {
			a.t.Fatal(err)
		}
	}
}

// leafOf returns the index of the leaf of a run.
func (a *attacked) leafOf(seq int64) int {
	return slices.IndexFunc(a.leaves, func(leaf []byte) bool {
		e, err := ParseLeaf(leaf)
		return err == nil && e.Run != nil && e.Run.Seq == seq
	})
}

// edit changes a text in a leaf to one of the same length.
func (a *attacked) edit(index int, from, to string) {
	edited := bytes.Replace(a.leaves[index], []byte(from), []byte(to), 1)
	if bytes.Equal(edited, a.leaves[index]) {
		a.t.Fatalf("leaf %d has no %q: %s", index, from, a.leaves[index])
	}
	a.leaves[index] = edited
}

func attacks() []attack {
	return []attack{
		{"a byte of a sight", func(a *attacked) { a.flip(a.round(7, 1).Sight) }, "sight of acme/api/b.example.com in run"},
		{"a byte of a judgement", func(a *attacked) { a.flip(a.round(7, 1).Judgement) }, "judgement of acme/api/b.example.com in run"},
		{"a byte of packets", func(a *attacked) { a.flip(a.round(1, 3).Packets) }, "packets of acme/api/d.example.com in run 1"},
		{"a byte of the last packets of a stretch", func(a *attacked) { a.flip(a.changed().LastPackets) }, "last packets before that of acme/api/"},
		{"a sight is gone", func(a *attacked) { delete(a.bodies, a.round(7, 1).Sight) }, "got none"},
		{"a byte of a leaf", func(a *attacked) { a.edit(a.leafOf(7), "run-0007", "run-0O07") }, "hash of the leaf"},
		{"a leaf that no longer parses", func(a *attacked) { a.edit(a.leafOf(7), `"seq"`, `"sep"`) }, "hash of the leaf"},
		{"a leaf with its hash", func(a *attacked) { a.edit(a.leafOf(7), "run-0007", "run-0O07"); a.rehash() }, "the root of the first 13 leaves is not that of the checkpoint"},
		{"a byte of a record", func(a *attacked) { a.edit(5, `"ann"`, `"eve"`) }, "leaf 5: hash of the leaf"},
		{"a byte of the body of a record", func(a *attacked) { a.flip(a.bigBody()) }, `body of record "waivers"`},
		{"a leaf's hash in the tree", func(a *attacked) { a.hashes[0][3] ^= 1 }, "leaf 0: hash of the leaf"},
		{"a hash further up in the tree", func(a *attacked) { a.hashes[2][3] ^= 1 }, "tree hash 1 above the leaf"},
		{"size or root of a checkpoint", func(a *attacked) { a.checkpoints[2].Root[0] ^= 1 }, "what the store says of a checkpoint is not what was signed"},
		{"a byte of a signed note", func(a *attacked) { a.spoil(2, 30) }, "signed"},
		{"a byte of a signature", func(a *attacked) { a.spoil(2, -12) }, "invalid signature for key"},
		{"a round is dropped from a run", func(a *attacked) { a.rounds[7] = slices.Delete(a.rounds[7], 1, 2) }, "number of rounds of run 7: want 5, got 4"},
		{"a round is put in the place of another", func(a *attacked) { a.rounds[7][1].Sight = a.rounds[7][2].Sight }, "root over the rounds of run 7"},
		{"a round is there twice", func(a *attacked) { a.rounds[7][2] = a.rounds[7][1] }, "rounds of run 7: want each endpoint once"},
		{"rounds change their order", func(a *attacked) { a.rounds[7][1], a.rounds[7][2] = a.rounds[7][2], a.rounds[7][1] }, "rounds of run 7: want each endpoint once, in order"},
		{"a round of a later run is put into an earlier one", func(a *attacked) { a.rounds[3][1] = a.rounds[15][1] }, "root over the rounds of run 3"},
		{"a run is dropped from the store", func(a *attacked) { delete(a.runs, 7); delete(a.rounds, 7) }, "run 7 is not in the store"},
		{"a run is dropped from the log", func(a *attacked) { i := a.leafOf(7); a.leaves = slices.Delete(a.leaves, i, i+1); a.rehash() }, "want run 7, got run 8"},
		{"two runs change places", func(a *attacked) { i, j := a.leafOf(7), a.leafOf(8); a.swap(i, j); a.rehash() }, "a run is not in the log"},
		{"a run is there twice", func(a *attacked) {
			i := a.leafOf(7)
			a.leaves = slices.Insert(a.leaves, i, a.leaves[i])
			a.rehash()
		}, "a run is there twice"},
		{"a run is dated back", func(a *attacked) { a.backdate(7, 5*24*time.Hour) }, "what the store says of run 7"},
		{"a run is dated back, leaf and tree too", func(a *attacked) { a.backdate(7, 5*24*time.Hour); a.reseal(7) }, "the root of the first 13 leaves is not that of the checkpoint"},
		{"a run is added that the log does not know", func(a *attacked) { run := testRun(21); a.runs[21] = run }, "run 21 is in the store and not in the log"},
		{"a promise is edited", func(a *attacked) { a.promise(7, "by the end of the year") }, "what the store says of run 7"},
		{"the log is cut short", func(a *attacked) { a.cut(9); a.checkpoints = a.checkpoints[:2] }, "the log is shorter than the checkpoint in a file says"},
		{"the log is cut short, its checkpoints stay", func(a *attacked) { a.cut(9) }, "the log is shorter than the checkpoint in the store says"},
		{"the log is cut short, with its runs, and a gap is put on record in another's name", func(a *attacked) {
			a.cut(9)
			for seq := int64(7); seq <= 20; seq++ {
				delete(a.runs, seq)
				delete(a.rounds, seq)
			}
			a.giveUp()
		}, "the log is shorter than the checkpoint in the store says"},
		{"a run is dated back, leaf and tree too, and a gap is put on record", func(a *attacked) { a.backdate(7, time.Minute); a.reseal(7); a.giveUp() }, "the root of the first 13 leaves is not that of the checkpoint"},
		{"verdict and hashes of a round, leaf and tree too", func(a *attacked) { a.forgeVerdict(7); a.reseal(7) }, "the root of the first 13 leaves is not that of the checkpoint"},
		{"the same, signed with another key", func(a *attacked) { a.kept = nil; a.forgeVerdict(7); a.reseal(7); a.resign(testKey(a.t, 66)) }, "signed by example.com/residency+"},
		{"the same, with the other key on record too", func(a *attacked) { a.swapKey() }, "the log is signed with another key"},
		{"the same, as if the key had been rotated", func(a *attacked) { a.kept = nil; a.forgeVerdict(13); a.reseal(13); a.rotateAway() }, "of the first 22 leaves"},
		{"another key is put on record, so that ours vouches for it", func(a *attacked) { a.nameKey() }, "names the key example.com/residency+c970aa33+"},
		{"leaves are added, and signed with another key", func(a *attacked) { a.rotateAway() }, "signed by a key before it was in force"},
		{"runs are deleted, and a deletion by policy is put on record", func(a *attacked) {
			a.pruneTo(7)
			for seq := int64(1); seq <= 7; seq++ {
				delete(a.rounds, seq)
			}
		}, "the record that run 1 was deleted by policy"},
		{"a deletion by policy is put on record, and a sight edited", func(a *attacked) { a.pruneTo(7); a.flip(a.round(7, 1).Sight) }, "sight of acme/api/b.example.com in run"},
		{"a deletion by policy on record that covers runs to come, sealed and signed by us", func(a *attacked) {
			a.excuse(a.leafOf(12), 1000)
			delete(a.runs, 18)
			delete(a.rounds, 18)
		}, "runs were deleted which were not there yet"},
		{"a verdict that does not follow from what was seen, sealed and signed by whoever has our key", func(a *attacked) {
			a.kept = nil
			a.forgeVerdict(7)
			a.reseal(7)
			a.resign(testKey(a.t, 1))
		}, "judgement of acme/api/b.example.com in run 7, judged again"},
	}
}

// changed returns a round that has the last packets of the stretch before it.
func (a *attacked) changed() *residency.RoundSeal {
	for seq := int64(2); seq < 20; seq++ {
		for i := range a.rounds[seq] {
			if a.rounds[seq][i].LastPackets != (residency.Hash{}) {
				return &a.rounds[seq][i]
			}
		}
	}
	a.t.Fatal("no round changed")
	return nil
}

// bigBody returns the hash of a record's body that is not in its leaf.
func (a *attacked) bigBody() residency.Hash {
	for _, leaf := range a.leaves {
		if e, err := ParseLeaf(leaf); err == nil && e.Record != nil && e.Record.BodySize > 0 {
			return e.Record.BodySHA256
		}
	}
	a.t.Fatal("no record has a body of its own")
	return residency.Hash{}
}

// spoil changes a byte of a checkpoint's note; a negative index counts from the
// end.
func (a *attacked) spoil(i, at int) {
	msg := slices.Clone(a.checkpoints[i].Note)
	if at < 0 {
		at += len(msg)
	}
	if msg[at]++; msg[at] == '\n' || msg[at] > 'z' {
		msg[at] = 'A'
	}
	a.checkpoints[i].Note = msg
}

func (a *attacked) swap(i, j int) { a.leaves[i], a.leaves[j] = a.leaves[j], a.leaves[i] }

func (a *attacked) cut(n int) {
	a.leaves = a.leaves[:n]
	a.rehash()
}

func (a *attacked) backdate(seq int64, by time.Duration) {
	run := a.runs[seq]
	run.At, run.Started, run.Finished = run.At.Add(-by), run.Started.Add(-by), run.Finished.Add(-by)
	a.runs[seq] = run
}

func (a *attacked) promise(seq int64, quote string) {
	run := a.runs[seq]
	run.Claims = slices.Clone(run.Claims)
	run.Claims[0].Claim.Quote = quote
	a.runs[seq] = run
}

func (a *attacked) forgeVerdict(seq int64) {
	a.round(seq, 1).Judgement = a.keep(`{"all":"well"}`)
}

// pruneTo puts on record that the runs up to one were deleted by policy.
func (a *attacked) pruneTo(last int64) {
	if err := a.record(context.Background(), residency.Record{Kind: "pruned", At: day, By: "residency", Body: canonical(Pruned{First: 1, Last: last})}); err != nil {
		a.t.Fatal(err)
	}
}

// excuse puts on record, before a leaf, that runs up to the given one were
// deleted by policy, and has our key sign it.
func (a *attacked) excuse(index int, last int64) {
	leaf, err := RecordLeaf(residency.Record{Kind: "pruned", At: day, By: "eve", Body: canonical(Pruned{First: 1, Last: last})})
	if err != nil {
		a.t.Fatal(err)
	}
	a.kept = nil
	a.leaves = slices.Insert(a.leaves, index, leaf)
	a.rehash()
	a.resign(testKey(a.t, 1))
}

// swapKey makes the whole log anew under a key of the attacker's.
func (a *attacked) swapKey() {
	key := testKey(a.t, 66)
	a.kept = nil
	a.forgeVerdict(7)
	a.edit(slices.IndexFunc(a.leaves, func(l []byte) bool { return strings.Contains(string(l), `"kind":"key"`) }),
		testKey(a.t, 1).Public().String(), key.Public().String())
	a.reseal(7)
	a.resign(key)
}

// giveUp puts on record that somebody gave up every checkpoint that does not
// match, as after a backup that was restored.
func (a *attacked) giveUp() {
	ctx := context.Background()
	s := a.signer(testKey(a.t, 1))
	gap := Gap{Schema: gapSchema, Tree: TreeState{Size: int64(len(a.leaves))}, Reason: "the disk died"}
	for _, cp := range slices.Concat(a.checkpoints, a.kept) {
		if s.holds(ctx, cp, gap.Tree.Size, "") != nil {
			gap.GivenUp = append(gap.GivenUp, TreeState{cp.Size, cp.Root})
		}
	}
	if err := a.record(ctx, residency.Record{Kind: "restored", At: day, By: "ann", Body: canonical(gap)}); err != nil {
		a.t.Fatal(err)
	}
}

// nameKey puts a rotation to a key of the attacker's on record, and has us sign
// what is in the log, as a running watch does: that is refused.
func (a *attacked) nameKey() {
	ctx := context.Background()
	if err := a.record(ctx, rotation(a.t, 1, 66)); err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.signer(testKey(a.t, 1)).Sign(ctx); !IsTamper(err) {
		a.t.Errorf("our key signs a log that names another: %v", err)
	}
}

// rotation is the record of the change from one key to another.
func rotation(t *testing.T, from, to byte) residency.Record {
	return residency.Record{Kind: "key", At: day, Body: canonical(KeyChange{keySchema, testKey(t, to).Public().String(), testKey(t, from).Public().String()})}
}

// rotateAway puts a rotation to a key of the attacker's on record and signs it
// with that.
func (a *attacked) rotateAway() {
	key := testKey(a.t, 66)
	err := a.record(context.Background(), rotation(a.t, 1, 66))
	root, rootErr := Root(context.Background(), a.memory, int64(len(a.leaves)))
	cp, signErr := key.Sign(int64(len(a.leaves)), root, day)
	if err := errors.Join(err, rootErr, signErr); err != nil {
		a.t.Fatal(err)
	}
	a.checkpoints = append(a.checkpoints, cp)
}

// TestEveryAttackIsFound is the table of docs/evidence.md: nothing that is
// done to a sealed store without its key stays unseen.
func TestEveryAttackIsFound(t *testing.T) {
	t.Parallel()
	whole, key := sealed(t, 20)
	var table strings.Builder
	table.WriteString("| what is done | what `residency verify` says |\n|---|---|\n")
	for _, tt := range attacks() {
		a := &attacked{memory: whole.clone(), t: t, kept: whole.checkpoints[len(whole.checkpoints)-1:]}
		tt.do(a)
		v := a.verifier(key.Public())
		v.Kept = a.kept
		_, err := v.Verify(context.Background())
		if !IsTamper(err) {
			t.Errorf("%s: Verify = %v, want a TamperError", tt.what, err)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Verify says %q, want %q in it", tt.what, err, tt.want)
		}
		fmt.Fprintf(&table, "| %s | %s |\n", tt.what, shorten(strings.TrimPrefix(err.Error(), "evidence does not match: ")))
	}
	t.Logf("%d attacks, each found:\n%s", len(attacks()), table.String())
	holdTable(t, table.String())
}

// shorten cuts long hashes and keys, so that people can read the table.
func shorten(s string) string {
	s = regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllStringFunc(s, func(h string) string { return h[:8] + "…" })
	s = regexp.MustCompile(`(\+[0-9a-f]{8})\+[A-Za-z0-9+/=]{44}`).ReplaceAllString(s, "$1+…")
	return strings.ReplaceAll(s, "|", `\|`)
}

// holdTable holds the documentation to the table.
func holdTable(t *testing.T, table string) {
	t.Helper()
	const file, begin, end = "../../docs/evidence-log.md", "<!-- tamper table -->\n", "<!-- end of tamper table -->"
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(doc), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	if old == table {
		return
	}
	if !*update {
		t.Errorf("the table in %s is not what was found; run this test with -update", file)
		return
	}
	if err := os.WriteFile(file, []byte(head+begin+table+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDates has people outside see a checkpoint at times that the runs fit, and
// at others.
func TestDates(t *testing.T) {
	t.Parallel()
	m, key := sealed(t, 9)
	for _, tt := range []struct {
		after time.Duration // of the runs, when the second checkpoint was seen
		want  string
	}{{time.Minute, ""}, {-50 * time.Minute, ""}, {3 * time.Hour, "is dated back"}, {-3 * time.Hour, "is dated ahead"}} {
		v := m.verifier(key.Public())
		v.Dated = func(cp residency.Checkpoint) ([]time.Time, error) {
			if cp.Size != m.checkpoints[1].Size {
				return nil, nil
			}
			return []time.Time{testRun(6).Finished.Add(tt.after)}, nil
		}
		rep, err := v.Verify(context.Background())
		if tt.want == "" && (err != nil || rep.Dated != 1) || tt.want != "" && (!IsTamper(err) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("seen %v after: %v, %v, want %q", tt.after, rep.Dated, err, tt.want)
		}
		v.Dated = func(residency.Checkpoint) ([]time.Time, error) { return nil, errors.New("another root") }
		if _, err := v.Verify(context.Background()); !IsTamper(err) {
			t.Errorf("a stamp that is not believed: %v", err)
		}
	}
}
