package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

// Log is an evidence log for tests: its leaves say what they were made from,
// and its tree adds one or two hashes with each.
type Log struct{}

// RunLeaf returns the leaf of a run.
func (Log) RunLeaf(run residency.Run, rounds []residency.RoundSeal) ([]byte, error) {
	partial := ""
	if run.Partial {
		partial = " partial"
	}
	return fmt.Appendf(nil, "run %d %q%s %v", run.Seq, run.ID, partial, rounds), nil
}

// RecordLeaf returns the leaf of a record.
func (Log) RecordLeaf(r residency.Record) ([]byte, error) {
	if r.Kind == "refused" {
		return nil, fmt.Errorf("a record of kind %q has no form", r.Kind)
	}
	return fmt.Appendf(nil, "record %s %s", r.Kind, r.Body), nil
}

// Hashes returns the hash of the leaf and, for every second leaf, one over it
// and the one before.
func (Log) Hashes(size int64, leaf []byte, read func([]int64) ([]residency.Hash, error)) ([]residency.Hash, error) {
	h := residency.HashOf(leaf)
	if size%2 == 0 {
		return []residency.Hash{h}, nil
	}
	before, err := read([]int64{size / 2 * 3})
	if err != nil {
		return nil, err
	}
	return []residency.Hash{h, residency.HashOf(append(before[0][:], h[:]...))}, nil
}

// leaves returns the log.
func leaves(t *testing.T, s Store) []string {
	t.Helper()
	n, err := s.Size(t.Context())
	if err != nil {
		t.Fatalf("Size: %v", err)
	}
	var list []string
	for leaf, err := range s.Leaves(t.Context(), 0, n) {
		if err != nil {
			t.Fatalf("Leaves: %v", err)
		}
		list = append(list, string(leaf))
	}
	return list
}

// header: what a run says of itself comes back as it was.
func header(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	run := RunAt(1)
	run.Commit, run.Rules, run.Window, run.Partial, run.PartialBy = "abc", 3, 24*time.Hour, true, "interrupted"
	run.ConfigPath, run.LeftOut, run.Notice = "c.toml", 2, "n"
	run.Clock = residency.Clock{Source: "adjtimex", Offset: 5 * time.Microsecond, Synchronised: true}
	run.Datasets = []residency.Dataset{{Name: "d", Lineage: "l", Class: residency.ClassDatabase, Built: Start(), SHA256: "00", Records: 7}}
	run.Missing, run.Notices = []string{"m"}, []string{"n1", "n2"}
	run.Resolvers = []residency.ResolverStatus{{Name: "g", Answers: true, StandsIn: []residency.Country{residency.MustCountry("IN")}}}
	run.Surveys = []residency.Survey{{Vantage: "Seoul", At: Start(), Targets: 4}}
	sg, half := residency.MustCountry("SG"), 0.5
	run.Claims = []residency.ClaimStanding{{
		Claim: residency.Claim{ID: "c", Kind: residency.KindPolicy, Vendor: "v", Services: []string{"s"}, Markets: []residency.Country{sg},
			Regions: residency.Regions{Written: []string{"SG"}, Countries: residency.CountriesOf(sg), Providers: []residency.ProviderRegion{{ID: "aws:x", Country: sg}}},
			Due:     Start(), DueOn: residency.DateOf(Start()), Floor: residency.Corroborated},
		Standing: residency.Broken, Effective: residency.Holding, LastOutside: Start(), Counts: residency.CellCounts{Inside: 2, Waived: 1},
		Outside: []residency.Country{sg}, Where: residency.CountriesOf(sg), Unseen: &half,
	}}
	seq, err := s.Begin(ctx, RunAt(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.End(ctx, seq, residency.RunEnd{Run: run}); err != nil {
		t.Fatal(err)
	}
	run.Seq = seq
	got, ok, err := s.Run(ctx, seq)
	if diff := cmp.Diff(run, got); diff != "" || !ok || err != nil {
		t.Errorf("Run (-want +got): %v, %v\n%s", ok, err, diff)
	}
	if _, ok, err := s.Run(ctx, 99); ok || err != nil {
		t.Errorf("Run(99) = %v, %v, want none", ok, err)
	}
	Do(t, s, 2)
	Do(t, s, 3)
	for _, tt := range []struct {
		from, to time.Time
		want     []int64
	}{
		{time.Time{}, time.Time{}, []int64{1, 2, 3}}, {RunAt(2).At, time.Time{}, []int64{2, 3}}, {RunAt(2).At, RunAt(3).At, []int64{2}}, {RunAt(4).At, time.Time{}, nil},
	} {
		var got []int64
		for r, err := range s.Runs(ctx, tt.from, tt.to) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Seq)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Runs(%v, %v) (-want +got):\n%s", tt.from, tt.to, diff)
		}
	}
}

// cells: the latest cells that are not inside are those of the latest round.
func cells(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	waived := func(r residency.KeptRound, id string) residency.KeptRound {
		r.Cells[0].Waiver = id
		return r
	}
	Do(t, s, 1, Round(1, 1, 1), Round(2, 3, 1), Round(3, 0, 1))
	Do(t, s, 2, Round(1, 0, 2), waived(Round(2, 3, 2), "W-1"), Round(3, 5, 2))
	got, more, err := s.LatestCells(ctx, 0, nil)
	want := []residency.Cell{waived(Round(2, 3, 2), "W-1").Cells[0], Round(3, 5, 2).Cells[0]}
	equal := cmp.Comparer(func(a, b residency.Endpoint) bool { return a == b })
	comparable := cmp.Comparer(func(a, b residency.JudgedAddress) bool { return a.Address == b.Address && a.Side == b.Side })
	if diff := cmp.Diff(want, got, equal, comparable); diff != "" || more || err != nil {
		t.Errorf("LatestCells (-want +got): more %v, %v\n%s", more, err, diff)
	}
	if diff := cmp.Diff(want[:1], recallOne(t, s, 2, 3).Cells, equal, comparable); diff != "" {
		t.Errorf("Recall (-want +got):\n%s", diff)
	}
	if got, _, err := s.LatestCells(ctx, 0, nil, "other"); err != nil || len(got) != 0 {
		t.Errorf("LatestCells of another claim = %v, %v", got, err)
	}
	someCells(t, s)
	Do(t, s, 4, Round(2, 3, 4))
	if got := recallOne(t, s, 2, 4).Cells; len(got) != 1 || got[0].Waiver != "" {
		t.Errorf("cells after the waiver ended = %v", got)
	}
}

// claims: since when a claim stands as it does.
func claims(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	for n, standing := range []residency.Standing{residency.Pending, residency.Broken, residency.Broken, residency.StandingUnknown, residency.Holding} {
		run := RunAt(n + 1)
		run.Partial = standing == residency.StandingUnknown // it ends nothing
		st := residency.ClaimStanding{Claim: residency.Claim{ID: "c"}, Standing: standing}
		if standing == residency.Pending || standing == residency.Broken {
			st.LastOutside = run.At
		}
		run.Claims = []residency.ClaimStanding{st}
		seq, err := s.Begin(ctx, run)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.End(ctx, seq, residency.RunEnd{Run: run}); err != nil {
			t.Fatal(err)
		}
		want := []residency.ClaimState{
			{Claim: "c", Standing: residency.Pending, Since: RunAt(1).At, LastOutside: RunAt(1).At, Seq: 1},
			{Claim: "c", Standing: residency.Broken, Since: RunAt(2).At, BrokenSince: RunAt(2).At, LastOutside: RunAt(2).At, Seq: 2},
			{Claim: "c", Standing: residency.Broken, Since: RunAt(2).At, BrokenSince: RunAt(2).At, LastOutside: RunAt(3).At, Seq: 3},
			{Claim: "c", Standing: residency.Broken, Since: RunAt(2).At, BrokenSince: RunAt(2).At, LastOutside: RunAt(3).At, Seq: 3},
			{Claim: "c", Standing: residency.Holding, Since: RunAt(5).At, LastOutside: RunAt(3).At, Seq: 5},
		}[n : n+1]
		got, err := s.Claims(ctx)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Claims after run %d (-want +got): %v\n%s", n+1, err, diff)
		}
	}
}

// findings: they are kept under their key, and recalled while they matter.
func findings(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	f := Finding(1)
	save := func(n int, f residency.Finding) {
		t.Helper()
		seq, err := s.Begin(ctx, RunAt(n))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Save(ctx, seq, residency.Batch{Rounds: []residency.KeptRound{Round(1, 1, n)}, Findings: []residency.Finding{f}}); err != nil {
			t.Fatal(err)
		}
		if err := s.End(ctx, seq, residency.RunEnd{Run: RunAt(n), Findings: []residency.Finding{Finding(2)}}); err != nil {
			t.Fatal(err)
		}
	}
	save(1, f)
	f.LastSeen, f.Told = RunAt(2).At, []string{"T-7d"}
	save(2, f)
	if diff := cmp.Diff([]residency.Finding{f}, recallOne(t, s, 1, 3).Findings); diff != "" {
		t.Errorf("Recall (-want +got):\n%s", diff)
	}
	f.Closed, f.ClosedAs = RunAt(3).At, residency.ClosedGone
	save(3, f)
	if diff := cmp.Diff([]residency.Finding{f}, recallOne(t, s, 1, 4).Findings); diff != "" {
		t.Errorf("Recall after it was closed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]residency.Finding{f}, recallOne(t, s, 1, 3+4*24*30).Findings); diff != "" {
		t.Errorf("Recall a month later, for what was settled and for its history (-want +got):\n%s", diff)
	}
}

// ongoing: the open findings of all endpoints, and what was told of each
// subject until it is gone.
func ongoing(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	end := func(n int, e residency.RunEnd) {
		t.Helper()
		e.Run = RunAt(n)
		seq, err := s.Begin(ctx, e.Run)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.End(ctx, seq, e); err != nil {
			t.Fatal(err)
		}
	}
	closed := Finding(2)
	closed.Closed, closed.ClosedAs = Start(), residency.ClosedGone
	a, b := residency.Told{Subject: "claim/a", First: Start(), Steps: []string{"told"}}, residency.Told{Subject: "vendor/b", First: Start(), Since: Start()}
	end(1, residency.RunEnd{Findings: []residency.Finding{Finding(3), closed, Finding(1)}, Told: []residency.Told{b, a}})
	check := func(want ...residency.Told) {
		t.Helper()
		findings, told, err := s.Ongoing(ctx)
		if err != nil || len(findings) != 2 {
			t.Errorf("Ongoing = %v, %v, want two findings", findings, err)
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("Ongoing (-want +got):\n%s", diff)
		}
	}
	check(a, b)
	a.Steps = append(a.Steps, "due")
	b.Gone = true
	end(2, residency.RunEnd{Told: []residency.Told{a, b}})
	check(a)
}

// bodies: what was seen can be read again, and what was never seen is an error.
func bodies(t *testing.T, open Open) {
	s := fresh(t, open)
	r := Round(1, 1, 1)
	Do(t, s, 1, r)
	want := map[residency.Hash][]byte{residency.HashOf(r.Sight): r.Sight, residency.HashOf(r.Judgement): r.Judgement, residency.HashOf(r.Packets): r.Packets}
	var hashes []residency.Hash
	for h, data := range r.Locations {
		want[h] = data
	}
	for h := range want {
		hashes = append(hashes, h)
	}
	got, err := s.Bodies(t.Context(), hashes)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Bodies (-want +got): %v\n%s", err, diff)
	}
	if _, err := s.Bodies(t.Context(), append(hashes, residency.Hash{1})); err == nil {
		t.Error("Bodies of a hash never kept succeeded")
	}
}

// evidence: records and runs are leaves in the order in which they came, with
// the hashes of their tree, and what has no leaf is not kept.
func evidence(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	Do(t, s, 1)
	record := residency.Record{Kind: "config", At: Start(), By: "somebody", Body: []byte(`{"a":1}`)}
	if err := s.Record(ctx, record); err != nil {
		t.Fatal(err)
	}
	Do(t, s, 2)
	if err := s.Record(ctx, residency.Record{Kind: "refused"}); err == nil {
		t.Error("Record of what cannot be sealed succeeded")
	}
	want := []string{`run 1 "run-0001" []`, `record config {"a":1}`, `run 2 "run-0002" []`}
	if diff := cmp.Diff(want, leaves(t, s)); diff != "" {
		t.Errorf("leaves (-want +got):\n%s", diff)
	}
	hashes, err := s.Hashes(ctx, []int64{3, 0, 2})
	a, b, c := residency.HashOf([]byte(want[0])), residency.HashOf([]byte(want[1])), residency.HashOf([]byte(want[2]))
	if diff := cmp.Diff([]residency.Hash{c, a, residency.HashOf(append(a[:], b[:]...))}, hashes); diff != "" || err != nil {
		t.Errorf("Hashes (-want +got): %v\n%s", err, diff)
	}
	if _, err := s.Hashes(ctx, []int64{4}); err == nil {
		t.Error("Hashes beyond the tree succeeded")
	}
	for _, err := range s.Leaves(ctx, 0, 4) {
		if err == nil {
			continue
		}
		var got []residency.Record
		for r, err := range s.Records(ctx, "") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
		}
		if diff := cmp.Diff([]residency.Record{record}, got); diff != "" {
			t.Errorf("Records (-want +got):\n%s", diff)
		}
		return
	}
	t.Error("Leaves beyond the log succeeded")
}

// checkpoints: the latest is known, one can gain a signature, and no two
// roots are signed for one size.
func checkpoints(t *testing.T, open Open) {
	s := fresh(t, open)
	ctx := t.Context()
	if got, err := s.LastCheckpoint(ctx); err != nil || got.Size != 0 {
		t.Errorf("LastCheckpoint of an empty store = %v, %v", got, err)
	}
	cp := func(size int64, note string) residency.Checkpoint {
		return residency.Checkpoint{Size: size, Root: residency.Hash{byte(size)}, At: Start(), Note: []byte(note)}
	}
	for _, c := range []residency.Checkpoint{cp(1, "a"), cp(3, "b"), cp(3, "b and a witness")} {
		if err := s.SaveCheckpoint(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	other := cp(3, "c")
	other.Root = residency.Hash{9}
	if err := s.SaveCheckpoint(ctx, other); err == nil {
		t.Error("SaveCheckpoint of another root for one size succeeded")
	}
	want := []residency.Checkpoint{cp(1, "a"), cp(3, "b and a witness")}
	got, err := s.Checkpoints(ctx, 0)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Checkpoints (-want +got): %v\n%s", err, diff)
	}
	if got, err := s.LastCheckpoint(ctx); err != nil || !cmp.Equal(got, want[1]) {
		t.Errorf("LastCheckpoint = %v, %v, want %v", got, err, want[1])
	}
}

// memos: what was noted last is read, also after a restart.
func memos(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	ctx := context.Background()
	var got time.Time
	if ok, err := s.Memo(ctx, "m", &got); ok || err != nil {
		t.Errorf("Memo of what was never noted = %v, %v", ok, err)
	}
	for _, at := range []time.Time{Start(), RunAt(5).At} {
		if err := s.SetMemo(ctx, "m", at); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	if ok, err := s.Memo(ctx, "m", &got); !ok || err != nil || !got.Equal(RunAt(5).At) {
		t.Errorf("Memo = %v, %v, %v, want %v", got, ok, err, RunAt(5).At)
	}
}
