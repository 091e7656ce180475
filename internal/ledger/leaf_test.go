package ledger

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

// TestGoldenLeaves holds the bytes of leaves, which may never change under one
// schema: what was sealed with them would no longer verify.
func TestGoldenLeaves(t *testing.T) {
	t.Parallel()
	run, err := RunLeaf(testRun(3), []residency.RoundSeal{{Endpoint: "a/b/c", Sight: residency.HashOf([]byte("s")), Judgement: residency.HashOf([]byte("j"))}})
	if err != nil {
		t.Fatal(err)
	}
	unknown := testRun(4)
	unknown.Clock, unknown.Partial, unknown.PartialBy, unknown.Commit = residency.Clock{}, true, "interrupted <&>", ""
	partial, err := RunLeaf(unknown, nil)
	if err != nil {
		t.Fatal(err)
	}
	record, err := RecordLeaf(residency.Record{Kind: "waivers", At: day, By: "ann", Body: []byte(`{"id":"W-7"}`)})
	if err != nil {
		t.Fatal(err)
	}
	round := RoundLeaf(residency.RoundSeal{Endpoint: "a/b/ü\"", Sight: residency.HashOf([]byte("s")),
		Packets: residency.HashOf([]byte("p")), LastPackets: residency.HashOf([]byte("l"))})
	claims := ClaimsBody([]residency.Claim{{ID: "x", Kind: residency.KindPolicy, Never: residency.Countries{}.With(residency.MustCountry("CN"))}})
	got := string(bytes.Join([][]byte{run, partial, record, round, claims, nil}, []byte("\n")))
	const file = "testdata/leaves.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("leaves differ (-want +got):\n%s", diff)
	}
}

func TestLeavesAreBounded(t *testing.T) {
	t.Parallel()
	run := testRun(1)
	for i := range 500 {
		id := fmt.Sprintf("data-set-%03d", i)
		run.Datasets = append(run.Datasets, residency.Dataset{Name: id, SHA256: residency.HashOf([]byte(id)).String()})
		run.Claims = append(run.Claims, residency.ClaimStanding{Claim: residency.Claim{ID: id}})
		run.Missing = append(run.Missing, id+strings.Repeat(" was not there", 3))
	}
	leaf, err := RunLeaf(run, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseLeaf(leaf)
	if err != nil {
		t.Fatal(err)
	}
	zero := residency.Hash{}
	if e.Run.Datasets != nil || e.Run.DatasetsSHA256 == zero || e.Run.Claims != nil || e.Run.ClaimsSHA256 == zero || e.Run.MissingSHA256 == zero {
		t.Errorf("long lists do not stand in the leaf by hash: %s", leaf)
	}
	run.PartialBy = strings.Repeat("x", maxLeaf)
	if _, err := RunLeaf(run, nil); err == nil {
		t.Error("RunLeaf makes a leaf of more than 16 KiB")
	}
}

func TestRefusedLeaves(t *testing.T) {
	t.Parallel()
	seal := func(endpoint string) residency.RoundSeal { return residency.RoundSeal{Endpoint: endpoint} }
	if _, err := RunLeaf(testRun(1), []residency.RoundSeal{seal("b"), seal("a")}); err == nil {
		t.Error("RunLeaf takes rounds out of order")
	}
	if _, err := RunLeaf(testRun(1), []residency.RoundSeal{seal("a"), seal("a")}); err == nil {
		t.Error("RunLeaf takes an endpoint twice")
	}
	for _, r := range []residency.Record{{Body: []byte("{}")}, {Kind: "key", Body: []byte("{")}, {Kind: "key", Body: []byte("{ }")}} {
		if _, err := RecordLeaf(r); err == nil {
			t.Errorf("RecordLeaf(%q, %q) is no error", r.Kind, r.Body)
		}
	}
	good, err := RunLeaf(testRun(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "{}", "[]", `{"schema":"residency/run/v2"}`, string(good) + " ", " " + string(good),
		strings.Replace(string(good), `"partial":false`, `"partial": false`, 1),
		strings.Replace(string(good), `"partial":false`, `"partial":false,"more":1`, 1),
		strings.Replace(string(good), `.000000Z`, `Z`, 1)} {
		if _, err := ParseLeaf([]byte(bad)); err == nil {
			t.Errorf("ParseLeaf(%q) is no error", bad)
		}
	}
}

func TestClaimsBodyReadsBack(t *testing.T) {
	t.Parallel()
	day := residency.Date{Year: 2014, Month: 10, Day: 31}
	want := []residency.Claim{{
		ID: "phase-1", Title: "t", Vendor: "xiaomi", Services: []string{"a", "b"}, Markets: []residency.Country{residency.MustCountry("IN"), residency.MustCountry("TW")},
		Regions: residency.Regions{Written: []string{"US", "aws:ap-southeast-1"}, Countries: residency.Countries{}.With(residency.MustCountry("US")),
			Providers: []residency.ProviderRegion{{ID: "aws:ap-southeast-1", Country: residency.MustCountry("SG")}}},
		Never: residency.Countries{}.With(residency.MustCountry("CN")), CDNRegions: residency.Regions{Any: true},
		DueOn: day, Due: time.Date(2014, 10, 31, 16, 0, 0, 0, time.UTC), Floor: residency.Corroborated, SaidBy: "Hugo", SaidOn: day, Quote: "“we will”", Source: "https://example.com/?a&b",
		Historic: true, Withdrawn: day, SupersededBy: "phase-2",
	}, {ID: "never", Kind: residency.KindPolicy, Services: []string{}, Markets: []residency.Country{}, FromOn: day, From: time.Date(2014, 10, 30, 16, 0, 0, 0, time.UTC)}}
	got, err := ParseClaims(ClaimsBody(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ParseClaims(ClaimsBody(x)) (-want +got):\n%s", diff)
	}
}
