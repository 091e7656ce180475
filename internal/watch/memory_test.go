package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/policy"
	"residency/internal/residency"
	"residency/internal/store"
)

// shelf is a real store that can be made to fail, and that keeps what went
// through it.
type shelf struct {
	*store.Store
	fail     string // the method that fails
	recalled map[string]residency.Recollection
	saved    []residency.Batch
	ends     []residency.RunEnd
}

var errShelf = errors.New("no space left on device")

func (s *shelf) Begin(ctx context.Context, run residency.Run) (int64, error) {
	if s.fail == "begin" {
		return 0, errShelf
	}
	return s.Store.Begin(ctx, run)
}

func (s *shelf) Recall(ctx context.Context, keys []string, since time.Time) (map[string]residency.Recollection, error) {
	if s.fail == "recall" {
		return nil, errShelf
	}
	all, err := s.Store.Recall(ctx, keys, since)
	s.recalled = all
	return all, err
}

func (s *shelf) Bodies(ctx context.Context, hashes []residency.Hash) (map[residency.Hash][]byte, error) {
	if s.fail == "bodies" {
		return nil, errShelf
	}
	return s.Store.Bodies(ctx, hashes)
}

func (s *shelf) Save(ctx context.Context, seq int64, b residency.Batch) error {
	if s.fail == "save" {
		return errShelf
	}
	s.saved = append(s.saved, b)
	return s.Store.Save(ctx, seq, b)
}

func (s *shelf) End(ctx context.Context, seq int64, end residency.RunEnd) error {
	if s.fail == "end" {
		return errShelf
	}
	s.ends = append(s.ends, end)
	return s.Store.End(ctx, seq, end)
}

// story is an engine with a memory, and a clock that is set.
type story struct {
	*Engine
	eyes  *eyes
	shelf *shelf
	now   time.Time
}

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{eyes: &eyes{status: two()}, now: start}
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "residency.db"), store.Options{Now: func() time.Time { return s.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s.shelf = &shelf{Store: db}
	s.Engine = engine(s.eyes)
	s.Memory, s.Window = s.shelf, 24*time.Hour
	s.Now = func() time.Time { return s.now }
	s.Rand = bytes.NewReader(make([]byte, 4096))
	return s
}

// at runs the engine hours after the start, with what the resolvers answer then.
func (s *story) at(t *testing.T, hours float64, see func(residency.Question) residency.Observation) residency.Run {
	t.Helper()
	s.now = start.Add(time.Duration(hours * float64(time.Hour)))
	s.eyes.see = func(q residency.Question) residency.Observation {
		o := see(q)
		o.At, o.RTT = s.now, time.Duration(s.now.UnixNano()%1000)
		o.Exchanges = []residency.Exchange{{Server: "192.0.2.1:53", Name: q.Endpoint.Host, Request: []byte{1}, Response: []byte(s.now.String()), At: s.now}}
		return o
	}
	return s.Run(t.Context())
}

// cell returns the first cell of a run.
func cell(t *testing.T, run residency.Run) residency.Cell {
	t.Helper()
	if len(run.Rounds) == 0 || len(run.Rounds[0].Cells) == 0 {
		t.Fatalf("run %d has no cell", run.Seq)
	}
	return run.Rounds[0].Cells[0]
}

func silence(residency.Question) residency.Observation {
	return residency.Observation{Failure: residency.FailTimeout}
}

func TestVerdictsOverAWindow(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	for _, tt := range []struct {
		hours    float64
		see      func(residency.Question) residency.Observation
		verdict  residency.Verdict
		standing residency.Standing
		last     float64 // hours; -1: zero
		broken   float64
	}{
		{0, answer(inside), residency.Inside, residency.Holding, -1, -1},
		{0.25, answer(inside, outside), residency.Undetermined, residency.StandingUnknown, -1, -1},
		{0.5, answer(inside, outside), residency.Outside, residency.Pending, 0.5, -1},
		{0.75, answer(inside), residency.Outside, residency.Pending, 0.5, -1},
		{2, answer(inside), residency.Outside, residency.Broken, 0.5, 1}, // due at 1 h
		{3, silence, residency.Outside, residency.Broken, 0.5, 1},
		{4, answer(outside), residency.Outside, residency.Broken, 4, 1},
		{5, answer(inside), residency.Outside, residency.Broken, 4, 1},
		{6, silence, residency.Outside, residency.Broken, 4, 1},
		{60, silence, residency.Outside, residency.Broken, 4, 1},
		{61, answer(inside), residency.Outside, residency.Broken, 4, 1},
		{84.9, answer(inside), residency.Outside, residency.Broken, 4, 1},
		{85, answer(inside), residency.Inside, residency.Holding, 4, -1},
	} {
		run := s.at(t, tt.hours, tt.see)
		c := run.Claims[0]
		if got := cell(t, run); got.Verdict != tt.verdict || c.Standing != tt.standing {
			t.Errorf("hour %v: %v, %v, want %v, %v", tt.hours, got.Verdict, c.Standing, tt.verdict, tt.standing)
		}
		for what, pair := range map[string]struct {
			got  time.Time
			want float64
		}{"last outside": {c.LastOutside, tt.last}, "broken since": {c.BrokenSince, tt.broken}} {
			if pair.want < 0 != pair.got.IsZero() || pair.want >= 0 && pair.got.Sub(start).Hours() != pair.want {
				t.Errorf("hour %v: %s %v, want hour %v", tt.hours, what, pair.got, pair.want)
			}
		}
		for _, a := range cell(t, run).Addresses {
			if run.Rounds[0].Locations[a.Address].Countries.Empty() {
				t.Errorf("hour %v: nothing says where %v is", tt.hours, a.Address)
			}
		}
		if run.Partial || len(run.Notices) != 0 || run.Window != s.Window || run.Rules != policy.Version {
			t.Errorf("hour %v: partial %v, notices %q, window %v", tt.hours, run.Partial, run.Notices, run.Window)
		}
		if len(run.Rounds[0].Observations[0].Exchanges) != 0 {
			t.Errorf("hour %v: a remembered round still has its raw packets", tt.hours)
		}
	}
}

func TestWhatHasChanged(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.Slim = true
	for i, tt := range []struct {
		see         func(residency.Question) residency.Observation
		cell, claim bool
	}{
		{answer(inside), false, false},
		{answer(outside), true, true}, // cannot be told yet
		{answer(outside), true, true},
		{answer(outside), false, false},
		{answer(inside), false, false}, // not for a whole window yet
	} {
		run := s.at(t, float64(i)/8, tt.see)
		got := len(run.Rounds) > 0 && run.Rounds[0].Cells[0].Changed
		if got != tt.cell || run.Claims[0].Changed != tt.claim {
			t.Errorf("run %d: cell changed %v, claim changed %v, want %v, %v", i+1, got, run.Claims[0].Changed, tt.cell, tt.claim)
		}
	}
	s.at(t, 20, answer(inside))
	run := s.at(t, 25, answer(inside))
	if len(run.Rounds) != 1 || !cell(t, run).Changed || cell(t, run).Verdict != residency.Inside || !run.Claims[0].Changed {
		t.Errorf("back inside: %d rounds, changed %v", len(run.Rounds), run.Claims[0].Changed)
	}
	s.Memory = nil
	if run := s.at(t, 26, answer(outside)); cell(t, run).Changed || run.Claims[0].Changed {
		t.Error("without a memory something is said to have changed")
	}
}

// TestUnchangedRoundsAreOneSpan: what does not change is not written again, and
// what does is.
func TestUnchangedRoundsAreOneSpan(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	for i := range 5 {
		s.at(t, float64(i), answer(inside))
	}
	key := s.Endpoints[0].Key()
	recall := func() []residency.Span {
		all, err := s.shelf.Store.Recall(t.Context(), []string{key}, start.Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return all[key].Spans
	}
	if spans := recall(); len(spans) != 1 || spans[0].Runs != 5 {
		t.Errorf("five equal rounds are %+v", spans)
	}
	s.at(t, 5, silence)
	s.at(t, 6, answer(inside))
	if spans := recall(); len(spans) != 3 || spans[0].Sight != spans[2].Sight {
		t.Errorf("an outage between equal rounds is %+v", spans)
	}
}

// TestJudgedAgainFromBytes judges every run of a story again from nothing but
// what was remembered: the same bytes must come out.
func TestJudgedAgainFromBytes(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.Types = []string{"A", "AAAA", "HTTPS"}
	v6 := netip.MustParseAddr("2001:db9::1")
	s.Locator = gazetteer{inside: sg, outside: cn, v6: sg}
	flaky := func(q residency.Question) residency.Observation {
		if q.Type == "AAAA" {
			return silence(q)
		}
		return answer(inside, outside)(q)
	}
	for i, see := range []func(residency.Question) residency.Observation{
		answer(inside, v6), answer(inside, outside), flaky, answer(inside), silence, answer(outside), answer(inside), silence, silence, answer(v6), answer(inside),
	} {
		s.at(t, float64(i*7), see)
		last := s.shelf.saved[len(s.shelf.saved)-1].Rounds[0]
		got := s.again(t, last)
		if string(got) != string(last.Judgement) {
			t.Fatalf("run %d judged again:\n%s\nwant\n%s", i, got, last.Judgement)
		}
	}
}

// again judges a kept round from its bytes and from those of the rounds before.
func (s *story) again(t *testing.T, kept residency.KeptRound) []byte {
	t.Helper()
	read := func(h residency.Hash) []byte {
		bodies, err := s.shelf.Store.Bodies(t.Context(), []residency.Hash{h})
		if err != nil {
			t.Fatal(err)
		}
		return bodies[h]
	}
	parse := func(sight []byte) residency.Round {
		r, hashes, err := residency.ParseSight(sight)
		if err != nil {
			t.Fatal(err)
		}
		r.Locations = map[netip.Addr]residency.Location{}
		for addr, h := range hashes {
			if r.Locations[addr], err = residency.ParseLocation(read(h), addr); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	round := parse(kept.Sight)
	m := policy.Memory{Window: s.Window, Confirm: policy.DefaultConfirmations()}
	rec := s.shelf.recalled[kept.Endpoint.Key()]
	var cells []residency.Cell
	for _, span := range rec.Spans {
		var past map[netip.Addr]residency.Hash
		var err error
		if cells, past, err = residency.ParseJudgement(read(span.Judgement), round.Endpoint); err != nil {
			t.Fatal(err)
		}
		for addr, h := range past {
			if _, known := round.Locations[addr]; !known {
				round.Locations[addr], err = residency.ParseLocation(read(h), addr)
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		m.BeforeAt = span.LastAt
		r := parse(read(span.Sight))
		for addr, loc := range r.Locations {
			if !slices.Contains(round.Shown(), addr) {
				round.Locations[addr] = loc
			}
		}
		if span.Runs > 0 {
			m.Past = append(m.Past, policy.Past{Looks: r.Observations, Locations: r.Locations, Runs: span.Runs, First: span.FirstAt, Last: span.LastAt})
		}
	}
	own := parse(kept.Sight).Locations
	for _, market := range round.Markets {
		m.Before = before(cells, "p", market.Code)
		round.Cells = append(round.Cells, policy.Judge(s.Claims[0], policy.Facts{
			Endpoint: round.Endpoint, Market: market, Types: round.Types, Looks: round.Observations, Locations: own,
			At: s.now, Surveys: round.Surveys, Degraded: round.Degraded, Memory: m,
		}))
	}
	return round.Judgement()
}

// TestAMemoryThatFails: the run looks and judges all the same, says what is
// missing, is partial, and the next run recovers.
func TestAMemoryThatFails(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"begin", "recall", "bodies", "save", "end"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := newStory(t)
			s.at(t, 0, answer(inside, outside))
			s.at(t, 0.5, answer(inside, outside))
			s.shelf.fail = method
			run := s.at(t, 0.75, answer(inside))
			if !run.Partial || run.PartialBy == "" || len(run.Notices) != 1 || !strings.Contains(run.Notices[0], "no space left") {
				t.Errorf("partial %v by %q, notices %q", run.Partial, run.PartialBy, run.Notices)
			}
			if len(run.Rounds) != 1 || len(run.Rounds[0].Observations) != 4 {
				t.Errorf("%d rounds", len(run.Rounds))
			}
			want := residency.Undetermined // what is inside now was outside before, for all that is known
			if method == "save" || method == "end" {
				want = residency.Outside
			}
			if got := cell(t, run); got.Verdict != want || run.Claims[0].Standing == residency.Holding {
				t.Errorf("%v of %v and %v, want %v", got.Verdict, got.Reasons, run.Claims[0].Standing, want)
			}
			s.shelf.fail = ""
			run = s.at(t, 0.9, answer(inside))
			if got := cell(t, run); run.Partial || len(run.Notices) > 0 || got.Verdict != residency.Outside {
				t.Errorf("after that: partial %v, notices %q, %v", run.Partial, run.Notices, got.Verdict)
			}
		})
	}
}

// TestACutRunRemembersWhatItSaw: endpoints that were not looked at are not
// remembered as silent, and stand by what is remembered of them.
func TestACutRunRemembersWhatItSaw(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.Endpoints[1].Service = "s"
	s.Endpoints = append(s.Endpoints, residency.Endpoint{Vendor: "v", Service: "s", Host: "third.example"})
	s.Batch = 1
	first := s.at(t, 0, answer(inside))
	if got := first.Claims[0]; got.Standing != residency.Holding || got.Counts.Inside != 3 {
		t.Fatalf("first run: %+v", got)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	s.now = start.Add(time.Hour)
	n := 0
	s.eyes.see = func(q residency.Question) residency.Observation {
		if n++; n == 6 { // in the second endpoint
			cancel(errors.New("stopped"))
		}
		return answer(inside)(q)
	}
	run := s.Run(ctx)
	if !run.Partial || run.PartialBy != "stopped" {
		t.Errorf("partial %v by %q", run.Partial, run.PartialBy)
	}
	if got := run.Claims[0]; got.Counts.Inside != 3 || got.Standing != residency.Holding {
		t.Errorf("standing %v of %+v", got.Standing, got.Counts)
	}
	saved := 0
	for _, b := range s.shelf.saved[3:] {
		saved += len(b.Rounds)
	}
	if saved != 2 || len(s.shelf.ends) != 2 || !s.shelf.ends[1].Run.Partial {
		t.Errorf("%d rounds remembered, want the two that were looked at; %d ends", saved, len(s.shelf.ends))
	}
	s.now = start.Add(26 * time.Hour)
	cut, stop := context.WithCancel(t.Context())
	stop()
	run = s.Run(cut)
	if got := run.Claims[0]; got.Standing != residency.StandingUnknown || got.Counts.NotMeasured != 3 {
		t.Errorf("after a window without a look: %v of %+v", got.Standing, got.Counts)
	}
	if rounds := len(s.shelf.saved); rounds != 5 {
		t.Errorf("%d batches remembered, want none of a run without a look", rounds-5)
	}
}

func TestOnlyWhatIsDueIsLookedAt(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.Endpoints[1].Service = "s"
	due := map[string]bool{"a.example": true}
	s.Due = func(e residency.Endpoint) bool { return due[e.Host] }
	run := s.at(t, 0, answer(inside))
	if got := run.Claims[0]; len(run.Rounds) != 1 || got.Standing != residency.StandingUnknown || got.Counts.NotMeasured != 1 {
		t.Errorf("one never looked at: %v of %+v", got.Standing, got.Counts)
	}
	due = map[string]bool{"not-covered.example": true}
	for range 2 {
		run = s.at(t, s.now.Sub(start).Hours()+1, answer(outside))
	}
	if got := run.Claims[0]; got.Counts.Inside != 1 || got.Counts.Outside != 1 || got.Standing != residency.Broken || got.Where != residency.CountriesOf(cn) {
		t.Errorf("both looked at: %v of %+v in %v", got.Standing, got.Counts, got.Where)
	}
	due = map[string]bool{"a.example": true}
	run = s.at(t, 10, answer(inside))
	if got := run.Claims[0]; got.Counts.Inside != 1 || got.Counts.Outside != 1 || got.Where != residency.CountriesOf(cn) || got.LastOutside != start.Add(2*time.Hour) {
		t.Errorf("the other stands: %v of %+v in %v, last %v", got.Standing, got.Counts, got.Where, got.LastOutside)
	}
	run = s.at(t, 100, answer(inside))
	if got := run.Claims[0]; got.Counts.Outside != 1 || got.Standing != residency.Broken {
		t.Errorf("what was outside is let go by age: %v of %+v", got.Standing, got.Counts)
	}
	s.Claims = append(s.Claims, s.Claims[0])
	s.Claims[1].ID = "new"
	run = s.at(t, 101, answer(inside))
	if got := run.Claims[1]; got.Standing != residency.StandingUnknown || got.Counts.NotMeasured != 1 {
		t.Errorf("a claim that is new: %v of %+v", got.Standing, got.Counts)
	}
}

func TestReassessWhenAClaimComesDue(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	var concluded []residency.Run
	s.Conclude = func(run residency.Run, _ []residency.Finding, _ []residency.Told) residency.RunEnd {
		concluded = append(concluded, run)
		return residency.RunEnd{}
	}
	s.at(t, 0, answer(outside))
	s.at(t, 0.5, answer(outside))
	asked := len(s.eyes.asked)
	s.now = start.Add(time.Hour + time.Second)
	run := s.Reassess(t.Context(), start.Add(time.Hour))
	got := run.Claims[0]
	if !run.Reassessed || run.Simulated || got.Standing != residency.Broken || got.BrokenSince != start.Add(time.Hour) || got.LastOutside != start.Add(30*time.Minute) {
		t.Errorf("reassessed %v: %v since %v, last %v", run.Reassessed, got.Standing, got.BrokenSince, got.LastOutside)
	}
	if len(s.eyes.asked) != asked || len(run.Rounds) != 0 {
		t.Error("it looked")
	}
	if len(concluded) != 3 || concluded[2].Seq != 3 {
		t.Errorf("concluded %d times", len(concluded))
	}
	run = s.at(t, 1.25, answer(outside))
	if got := run.Claims[0]; got.Standing != residency.Broken || got.BrokenSince != start.Add(time.Hour) {
		t.Errorf("the next run: %v since %v", got.Standing, got.BrokenSince)
	}
	s.Memory = nil
	if run := s.Reassess(t.Context(), start); run.Claims[0].Standing != residency.StandingUnknown {
		t.Errorf("without a memory: %v", run.Claims[0].Standing)
	}
}

// TestBatchesChangeNothing: however a run is parted, and however many judge a part
// of it side by side, it says the same.
func TestBatchesChangeNothing(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.Endpoints = nil
	for i := range 230 {
		s.Endpoints = append(s.Endpoints, residency.Endpoint{Vendor: "v", Service: "s", Host: fmt.Sprintf("h%d.example", i)})
	}
	see := func(q residency.Question) residency.Observation {
		if strings.HasPrefix(q.Endpoint.Host, "h1") {
			return answer(outside)(q)
		}
		return answer(inside)(q)
	}
	judgements := func() (list []string) {
		for _, b := range s.shelf.saved {
			for _, r := range b.Rounds {
				list = append(list, string(r.Sight)+string(r.Judgement))
			}
		}
		s.shelf.saved = nil
		return list
	}
	s.Slim = true
	var want []string
	for i, size := range []int{5, 7, 2 * stretch, 230, 1000} {
		s.Batch = size
		run := s.at(t, float64(i), see)
		got := judgements()
		if i > 1 && !slices.Equal(got, want) { // the second run confirms
			t.Errorf("in batches of %d another result", size)
		}
		if want = got; len(run.Rounds) != 111 || run.Claims[0].Counts.Inside != 119 {
			t.Errorf("in batches of %d: %d rounds, %+v", size, len(run.Rounds), run.Claims[0].Counts)
		}
		if run.Looks[""] != 230*4 {
			t.Errorf("%d looks with an answer, want %d", run.Looks[""], 230*4)
		}
	}
}

// TestFindingsAreSavedWithTheirRound: what Track says goes into the transaction
// of the round, and knows what was remembered.
func TestFindingsAreSavedWithTheirRound(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.Waivers = []residency.Waiver{{ID: "w", Claims: []string{"p"}, Verdicts: []residency.Verdict{residency.Outside}, Countries: residency.CountriesOf(cn), Until: start.Add(time.Hour)}}
	s.Track = func(run residency.Run, before residency.Recollection, round residency.Round) ([]residency.Finding, []residency.Alert) {
		if run.Seq == 0 || len(run.Rounds) > 0 {
			t.Errorf("tracked run %d with %d rounds", run.Seq, len(run.Rounds))
		}
		if len(before.Findings) > 0 || round.Cells[0].Verdict != residency.Outside {
			return nil, nil
		}
		f := residency.Finding{Key: "k", Vendor: "v", Service: "s", Host: "a.example", Claim: "p", Market: in, Opened: run.At}
		return []residency.Finding{f}, []residency.Alert{{ID: "1", At: run.At, Event: residency.EventOpened, Finding: &f}}
	}
	for i, want := range []int{0, 1, 0} {
		run := s.at(t, float64(i)/4, answer(outside))
		b := s.shelf.saved[i]
		if len(b.Rounds) != 1 || len(b.Findings) != want || len(b.Alerts) != want {
			t.Errorf("run %d: %d rounds, %d findings, %d alerts, want 1, %d, %d", i+1, len(b.Rounds), len(b.Findings), len(b.Alerts), want, want)
		}
		if c := run.Claims[0]; i > 0 && (c.Counts.Waived != 1 || c.Standing != residency.Pending || c.Effective == residency.Pending) {
			t.Errorf("run %d: %+v, %v, effectively %v", i+1, c.Counts, c.Standing, c.Effective)
		}
	}
}

func TestASimulatedRunIsNotRemembered(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.At = start.Add(48 * time.Hour)
	if run := s.at(t, 0, answer(inside)); run.Seq != 0 || run.Window != 0 || len(s.shelf.saved) != 0 || cell(t, run).Verdict != residency.Inside {
		t.Errorf("run %d, window %v", run.Seq, run.Window)
	}
}
