package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

func aReplay() Replay {
	at := time.Date(2014, 11, 2, 3, 0, 0, 0, time.UTC)
	in, hk := residency.MustCountry("IN"), residency.MustCountry("HK")
	r := Replay{
		How: "by the claims of \x1b[31mnew.toml", First: 4, Last: 9, From: at, To: at.Add(5 * time.Hour), Runs: 6, Rounds: 18, Gone: 2, NotLooked: 1, Zone: time.UTC,
		Standings: []StandingChange{{Claim: "phase-1", Difference: Difference{Before: "broken", After: "", First: at, Last: at, Runs: 6, Causes: []residency.Cause{residency.CausePolicy}}}},
	}
	for _, m := range []residency.Country{hk, in} {
		r.Results = append(r.Results, ResultChange{Claim: "phase-1", Endpoint: "v/s/a.example.com", Market: m,
			Difference: Difference{Before: "outside", After: "inside", First: at, Last: at, Runs: 6, Causes: []residency.Cause{residency.CauseReclassified}}})
	}
	for i := range mostChanges + 3 {
		r.Changes = append(r.Changes, EndpointTurn{"v/s/a.example.com", Turn{At: at.Add(time.Duration(i) * time.Second), Market: in, Causes: []residency.Cause{residency.CauseMoved},
			Results: []Result{{Claim: fmt.Sprint("phase-", i), Before: residency.Inside, After: residency.Outside}}}})
	}
	return r
}

func TestReplayTable(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteReplay(&b, "table", aReplay(), Options{Width: 120}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"18 rounds of 6 runs, from 2 Nov 2014 03:00 UTC to 2 Nov 2014 08:00 UTC. Nothing was looked at",
		"2 rounds could not be judged again: they are deleted by policy",
		"1 endpoint of these claims never looked at in this time",
		"Claims that stand otherwise: the claims or the rules were changed",
		"phase-1 broken not judged 6, from 2 Nov 2014 03:00 UTC",
		"Results that are others: the sources now place the same address elsewhere",
		"a.example.com HK IN seen outside nothing seen outside 6, from",
		"phase-0: seen outside (before: nothing seen outside). Why:",
		"and 3 more (--format json has all)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b") || strings.Contains(text, fmt.Sprint("phase-", mostChanges)+":") {
		t.Errorf("a control character, or more changes than there is room for:\n%s", b.String())
	}
}

func TestReplayJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteReplay(&b, "json", aReplay(), Options{}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema  string           `json:"schema"`
		At      *time.Time       `json:"simulated_at"`
		Claims  []StandingChange `json:"claims"`
		Results []ResultChange   `json:"results"`
		Changes []EndpointTurn   `json:"changes"`
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != ReplaySchema || got.At != nil || len(got.Claims) != 1 || len(got.Results) != 2 || len(got.Changes) != mostChanges+3 || got.Changes[0].Endpoint != "v/s/a.example.com" {
		t.Errorf("read back %+v", got)
	}
	b.Reset()
	if err := WriteReplay(&b, "json", Replay{Zone: time.UTC}, Options{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), `"results": null`) || !strings.Contains(b.String(), `"changes": []`) {
		t.Errorf("empty lists: %s", b.String())
	}
	if err := WriteReplay(&b, "csv", aReplay(), Options{}); err == nil {
		t.Error("a format that there is not was written")
	}
}
