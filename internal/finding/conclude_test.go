package finding

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"residency/internal/residency"
)

// ladderOf runs at the given times, days or days with an hour, and returns
// what is told after the finding was opened, each as "time event".
func ladderOf(w *world, times ...string) string {
	var told []string
	for _, s := range times {
		day, hour, _ := strings.Cut(s, "T")
		at := dayAt(day)
		if hour != "" {
			d, _ := time.ParseDuration(hour)
			at = at.Add(d)
		}
		for _, a := range w.look(at) {
			if a.Event != residency.EventOpened && a.Event != residency.EventAtRisk {
				told = append(told, s+" "+string(a.Event))
			}
		}
	}
	return strings.Join(told, ", ")
}

func TestLadder(t *testing.T) {
	t.Parallel()
	kolkata := time.FixedZone("IST", 19800)
	due := promise("c", "2026-03-31")
	indian := due
	indian.Due = indian.DueOn.End(kolkata)
	rule := due
	rule.Kind, rule.Due, rule.DueOn = residency.KindPolicy, time.Time{}, residency.Date{}
	later := rule
	later.FromOn, later.From = residency.Date{Year: 2026, Month: 4, Day: 1}, dayAt("2026-04-01")
	ack := func(f residency.Finding) (residency.Finding, error) {
		return Acknowledge(f, residency.Mark{By: "ann", At: dayAt("2026-01-01")})
	}
	tests := []struct {
		name  string
		claim residency.Claim
		ack   bool
		times []string
		want  string
	}{
		{"every step once", due, false, []string{"2026-02-27", "2026-03-01", "2026-03-02", "2026-03-02T5h", "2026-03-03", "2026-03-24", "2026-03-25", "2026-03-31", "2026-03-31T23h", "2026-04-01", "2026-04-01T1h", "2026-04-02", "2026-04-02T9h", "2026-04-03"},
			"2026-03-02 reminder, 2026-03-25 reminder, 2026-03-31 reminder, 2026-04-01 due, 2026-04-02 overdue, 2026-04-03 overdue"},
		{"after a gap only the latest", due, false, []string{"2026-02-01", "2026-03-31T5h", "2026-04-09", "2026-04-09T6h"},
			"2026-03-31T5h reminder, 2026-04-09 overdue"},
		{"opened between steps", due, false, []string{"2026-03-10", "2026-03-11", "2026-03-25"}, "2026-03-25 reminder"},
		{"opened after the due date", due, false, []string{"2026-04-10", "2026-04-10T20h", "2026-04-11", "2026-04-12"}, "2026-04-11 overdue, 2026-04-12 overdue"},
		{"the day is the claim's", indian, false, []string{"2026-03-01", "2026-03-31T18h", "2026-03-31T18h30m", "2026-04-01T18h", "2026-04-01T18h30m"},
			"2026-03-31T18h reminder, 2026-03-31T18h30m due, 2026-04-01T18h30m overdue"},
		{"acknowledged: due only", due, true, []string{"2026-02-01", "2026-03-02", "2026-03-31", "2026-04-01", "2026-04-02", "2026-05-01"}, "2026-04-01 due"},
		{"acknowledged: due after a gap", due, true, []string{"2026-02-01", "2026-04-07", "2026-04-08"}, "2026-04-07 due"},
		{"a rule in force: weekly", rule, false, []string{"2026-02-01", "2026-02-07", "2026-02-08", "2026-02-14", "2026-02-15", "2026-03-15"}, "2026-02-08 reminder, 2026-02-15 reminder, 2026-03-15 reminder"},
		{"a rule in force, acknowledged", rule, true, []string{"2026-02-01", "2026-02-08", "2026-03-08"}, ""},
		{"a rule to come", later, false, []string{"2026-02-01", "2026-03-02", "2026-03-31", "2026-04-05", "2026-04-12"}, "2026-03-02 reminder, 2026-03-31 reminder, 2026-04-05 due, 2026-04-12 reminder"},
		{"a clock far ahead, set right again", due, false, []string{"2026-04-10", "2030-01-01", "2026-04-11", "2026-04-12"}, "2030-01-01 overdue, 2026-04-11 overdue, 2026-04-12 overdue"},
		{"a clock some hours back", due, false, []string{"2026-04-10", "2026-04-12", "2026-04-11T20h", "2026-04-12T1h"}, "2026-04-12 overdue"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.claim)
			w.judge("c", cc("IN"), residency.Outside, place(10, cc("CN")))
			first := ladderOf(w, tt.times[0])
			if tt.ack {
				w.change("c", ack)
			}
			if got := strings.TrimPrefix(first+", "+ladderOf(w, tt.times[1:]...), ", "); got != tt.want {
				t.Errorf("told %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestLadderAfterAWrongClock: what was told under a clock that was a year ahead
// is reminded of by the dates that there are.
func TestLadderAfterAWrongClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, promise("c", "2026-03-31"))
	w.judge("c", cc("IN"), residency.Outside, place(10, cc("CN")))
	w.look(dayAt("2027-02-01"))
	var got []string
	for _, at := range []string{"2026-03-20", "2026-03-21", "2026-03-25", "2026-04-01", "2026-04-02"} {
		for _, a := range w.look(dayAt(at, 1)) {
			got = append(got, at+" "+string(a.Event))
		}
	}
	want := []string{"2026-03-20 reminder", "2026-03-25 reminder", "2026-04-01 due", "2026-04-02 overdue"}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestLadderWhateverTheTimes: at whatever times runs take place, no step is
// told twice, none before its time, and after the due date every run day has
// its message.
func TestLadderWhateverTheTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, promise("c", "2026-03-31"))
		w.judge("c", cc("IN"), residency.Outside, place(10, cc("CN")))
		at := dayAt("2026-02-01").Add(time.Duration(rapid.IntRange(0, 80*24).Draw(rt, "start")) * time.Hour)
		details := map[string]bool{}
		for range rapid.IntRange(1, 12).Draw(rt, "runs") {
			for _, a := range w.look(at) {
				if a.Event == residency.EventOpened || a.Event == residency.EventAtRisk {
					continue
				}
				left := w.claims[0].Due.Sub(at)
				switch {
				case a.Event == residency.EventReminder && (left <= 0 || left > 30*24*time.Hour):
					rt.Fatalf("a reminder %v before the due date", left)
				case (a.Event == residency.EventDue || a.Event == residency.EventOverdue) && left > 0:
					rt.Fatalf("%s %v before the due date", a.Event, left)
				}
				key := string(a.Event)
				switch {
				case a.Event == residency.EventOverdue:
					key += at.Format(time.DateOnly)
				case a.Event == residency.EventReminder:
					key += []string{"T-1d", "T-7d", "T-30d"}[index(left > 24*time.Hour)+index(left > 7*24*time.Hour)]
				}
				if details[key] {
					rt.Fatalf("%s is told twice", key)
				}
				details[key] = true
			}
			at = at.Add(time.Duration(rapid.IntRange(1, 15*24).Draw(rt, "gap")) * time.Hour)
		}
	})
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestProject(t *testing.T) {
	t.Parallel()
	due := promise("c", "2026-03-31").Due
	days := func(shares ...int) []residency.DayShare {
		var list []residency.DayShare
		for i, s := range shares {
			d := residency.DateOf(dayAt("2026-03-01").AddDate(0, 0, i))
			if s >= 0 {
				list = append(list, residency.DayShare{Day: d, Answers: 100, Outside: s})
			}
		}
		return list
	}
	tests := []struct {
		name   string
		days   []residency.DayShare
		atRisk bool
		want   string
	}{
		{"too few days", days(100, 100, 100, 100), false, ""},
		{"no days", nil, false, ""},
		{"straight to zero on day 10", days(100, 90, 80, 70, 60), false, "2026-03-11"},
		{"too slow", days(100, 99, 98, 97, 96), true, "2026-06-09"},
		{"stands still", days(80, 80, 80, 80, 80, 80), true, ""},
		{"rises", days(10, 20, 30, 40, 50), true, ""},
		{"one bad day moves nothing", days(100, 90, 80, 100, 60, 50, 40), false, "2026-03-11"},
		{"days without answers", days(100, -1, 80, -1, 60, -1, 40, -1, 20), false, "2026-03-11"},
		{"gone already", days(40, 20, 0, 0, 0, 0, 0), false, "2026-03-06"},
	}
	for _, tt := range tests {
		got := Project(tt.days, due)
		day := ""
		if !got.Projected.IsZero() {
			day = got.Projected.Format(time.DateOnly)
		}
		if got.AtRisk != tt.atRisk || day != tt.want {
			t.Errorf("Project(%s) = at risk %v, %q; want %v, %q", tt.name, got.AtRisk, day, tt.atRisk, tt.want)
		}
	}
}

// TestAtRisk tells once that a claim will be late, not before there is reason
// to, and again when it had recovered.
func TestAtRisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, promise("c", "2026-06-30"))
	var told []string
	for i := range 175 {
		at := dayAt("2026-01-01").AddDate(0, 0, i)
		outside := []residency.Country{cc("HK"), cc("IN")}
		if i >= 158 { // HK moves: half of the answers
			outside = outside[1:]
		}
		w.judge("c", cc("HK"), residency.Inside)
		for _, m := range outside {
			w.judge("c", m, residency.Outside, place(10, cc("CN")))
		}
		for _, a := range w.look(at) {
			if a.Event == residency.EventAtRisk {
				told = append(told, a.At.Format(time.DateOnly))
				if a.Trend == nil || !a.Trend.AtRisk || a.Vendor != "acme" || a.Claim.ID != "c" {
					t.Errorf("at risk without its trend or claim: %+v", a)
				}
			}
		}
	}
	if want := []string{"2026-06-01"}; !slices.Equal(told, want) {
		t.Errorf("at risk is told on %v, want %v: a month before the due date", told, want)
	}
	if n := len(w.told["claim/c"].Days); n != keptDays {
		t.Errorf("%d days are remembered, want %d", n, keptDays)
	}
}

func TestMonitor(t *testing.T) {
	t.Parallel()
	type turn struct {
		day  string
		do   func(*world)
		want string
	}
	down := func(names ...string) func(*world) {
		return func(w *world) {
			for n := range w.resolver {
				w.resolver[n] = !slices.Contains(names, n)
			}
		}
	}
	unsigned := func(w *world) { w.troubles = []Trouble{{Part: "log", Text: "the evidence log is not signed: no key"}} }
	signed := func(w *world) { w.troubles = nil }
	untold := func(w *world) { w.judge("c", cc("IN"), residency.Undetermined) }
	tests := []struct {
		name  string
		turns []turn
	}{
		{"one lost probe is a hiccup", []turn{{"2026-01-01", down("google"), ""}, {"2026-01-02", down(), ""}}},
		{"told once, and when it is over", []turn{{"2026-01-01", down("google"), ""}, {"2026-01-02", nil, "monitor resolvers"}, {"2026-01-03", nil, ""}, {"2026-01-04", down(), "monitor-good resolvers"}, {"2026-01-05", nil, ""}}},
		{"told again each week", []turn{{"2026-01-01", down("google"), ""}, {"2026-01-02", nil, "monitor resolvers"}, {"2026-01-08", nil, ""}, {"2026-01-09", nil, "monitor resolvers"}}},
		{"all of them are the network", []turn{{"2026-01-01", down("google", "quad9"), ""}, {"2026-01-02", nil, "monitor network"}, {"2026-01-03", down(), "monitor-good network"}}},
		{"one, then all: that one is not good again", []turn{{"2026-01-01", down("google"), ""}, {"2026-01-02", nil, "monitor resolvers"},
			{"2026-01-03", down("google", "quad9"), ""}, {"2026-01-04", nil, "monitor network"}, {"2026-01-05", down("google"), "monitor-good network"}, {"2026-01-06", down(), "monitor-good resolvers"}}},
		{"the evidence log", []turn{{"2026-01-01", unsigned, ""}, {"2026-01-02", nil, "monitor log"}, {"2026-01-03", nil, ""}, {"2026-01-04", signed, "monitor-good log"}}},
		{"the evidence log inhibits nothing", []turn{{"2026-01-01", func(w *world) { unsigned(w); untold(w) }, ""}, {"2026-01-02", nil, "monitor log, coverage"}}},
		{"inhibits what follows from it", []turn{{"2026-01-01", func(w *world) { down("google")(w); untold(w) }, ""}, {"2026-01-02", nil, "monitor resolvers"}, {"2026-01-05", nil, ""},
			{"2026-01-06", down(), "monitor-good resolvers, coverage"}}},
		{"nothing was asked: no news", []turn{{"2026-01-01", down("google"), ""}, {"2026-01-02", nil, "monitor resolvers"}, {"2026-01-03", func(w *world) { w.resolver = nil }, ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, promise("c", ""))
			for _, turn := range tt.turns {
				if turn.do != nil {
					turn.do(w)
				}
				var told []string
				for _, a := range w.look(dayAt(turn.day)) {
					line := string(a.Event)
					if part, ok := strings.CutPrefix(a.Group, residency.GroupOperations); ok {
						line += " " + part
						if a.Kind != residency.AlertOperations {
							t.Errorf("%s is of kind %s", line, a.Kind)
						}
					}
					told = append(told, line)
				}
				slices.SortFunc(told, func(a, b string) int { return cmpText(b, a) })
				if got := strings.Join(told, ", "); got != turn.want {
					t.Errorf("on %s: told %q, want %q", turn.day, got, turn.want)
				}
			}
		})
	}
}

func TestTroubles(t *testing.T) {
	t.Parallel()
	run := residency.Run{
		Resolvers: []residency.ResolverStatus{
			{Name: "a", Server: "192.0.2.1:53", Answers: true, Declared: true, PassesSubnets: true},
			{Name: "b", Server: "192.0.2.2:53", Answers: true, Declared: true},
			{Name: "c", Server: "192.0.2.3:53", Failure: residency.FailRefused},
		},
		Surveys: []residency.Survey{{Vantage: "Pune", Reason: residency.ReasonRTTUntrusted, Why: "no far host answered"}, {Vantage: "Oslo"}},
		Missing: []string{"geo.mmdb: open geo.mmdb: no such file"},
	}
	want := []Trouble{
		{"resolvers", "b", "name server b (192.0.2.2:53) does not pass client subnets on, though it is declared to"},
		{"resolvers", "c", "name server c (192.0.2.3:53): the name server refused to answer"},
		{"vantage", "Pune", "delays measured from Pune cannot be believed: no far host answered"},
		{"data", "geo.mmdb", "location data is not available: geo.mmdb: open geo.mmdb: no such file"},
	}
	if diff := cmp.Diff(want, Troubles(run)); diff != "" {
		t.Errorf("Troubles (-want +got):\n%s", diff)
	}
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, promise("b", ""), promise("c", ""))
	var told []string
	for i := range 30 {
		at := dayAt("2026-01-01").AddDate(0, 0, i)
		v := residency.Undetermined
		if i == 12 {
			v = residency.Inside // once it was known
		}
		for _, claim := range []string{"b", "c"} {
			w.judge(claim, cc("IN"), v)
			w.judge(claim, cc("HK"), residency.Inside)
		}
		for _, a := range w.look(at) {
			told = append(told, at.Format("02")+" "+a.Group+": "+strings.ReplaceAll(a.Text, "\n", "; "))
		}
	}
	want := []string{
		"02 acme/coverage: 2 results cannot be told, since 00:00 UTC on 1 Jan 2026; b: 1 of 2; c: 1 of 2",
		"09 acme/coverage: 2 results cannot be told, since 00:00 UTC on 1 Jan 2026; b: 1 of 2; c: 1 of 2",
		"16 acme/coverage: 2 results cannot be told, since 00:00 UTC on 14 Jan 2026; b: 1 of 2; c: 1 of 2",
		"23 acme/coverage: 2 results cannot be told, since 00:00 UTC on 14 Jan 2026; b: 1 of 2; c: 1 of 2",
		"30 acme/coverage: 2 results cannot be told, since 00:00 UTC on 14 Jan 2026; b: 1 of 2; c: 1 of 2",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestWaivers(t *testing.T) {
	t.Parallel()
	waiver := func(until string) residency.Waiver {
		return residency.Waiver{ID: "w", Claims: []string{"c"}, Verdicts: []residency.Verdict{residency.Undetermined}, Until: dayAt(until)}
	}
	w := newWorld(t, promise("c", ""))
	w.judge("c", cc("IN"), residency.Undetermined)
	w.waivers = []residency.Waiver{waiver("2026-02-10")}
	var told []string
	for i := range 120 {
		at := dayAt("2026-01-01").AddDate(0, 0, i)
		switch i {
		case 30: // 31 January: put off
			w.waivers = []residency.Waiver{waiver("2026-04-20")}
		case 60: // 2 March: no longer needed
			w.judge("c", cc("IN"), residency.Inside)
		case 115:
			w.waivers = nil
		}
		for _, a := range w.look(at) {
			told = append(told, at.Format("02 Jan ")+a.Severity.String()+" "+a.Text)
		}
	}
	want := []string{
		"11 Jan info waiver w ends in 30 days",
		"21 Mar info waiver w ends in 30 days",
		"31 Mar info waiver w has covered nothing since 00:00 UTC on 1 Mar 2026",
		"13 Apr warning waiver w ends in 7 days",
		"19 Apr warning waiver w ends in 1 day",
		"20 Apr warning waiver w has ended: what it covered is told again",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if _, kept := w.told["waiver/w"]; kept {
		t.Error("a waiver that was taken out is still remembered")
	}
}

func TestClaimTakenOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, promise("c", ""))
	w.judge("c", cc("IN"), residency.Outside, place(10, cc("CN")))
	w.look(dayAt("2026-01-01"))
	w.claims, w.tracker.Claims = nil, nil
	last := false
	for _, a := range w.look(dayAt("2026-01-02")) {
		last = last || a.Last && a.Group == "acme/c"
	}
	if !last || len(w.told) > 0 {
		t.Errorf("last %v, %d subjects remembered; want the end to be told, and none", last, len(w.told))
	}
}

func TestSettleAndMeasure(t *testing.T) {
	t.Parallel()
	at := dayAt("2026-01-01")
	open := residency.Finding{Key: "k", Opened: at, Told: []string{"opened 2026-01-01T00:00:00Z"}}
	word := residency.Dispute{Mark: residency.Mark{By: "ann", At: at}, Document: "letter.pdf"}
	disputed, err := Contest(open, word)
	if err != nil {
		t.Fatal(err)
	}
	upheld, err := Settle(disputed, true, "database", at.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	refused, err := Settle(disputed, false, "", at.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if upheld.ClosedAs != residency.ClosedFalsePositive || upheld.Open() || tells(upheld) || !refused.Open() || disputed.Disputed.Settled != nil {
		t.Errorf("upheld %+v, refused %+v", upheld, refused)
	}
	for name, do := range map[string]func() error{
		"dispute twice":          func() error { _, err := Contest(disputed, word); return err },
		"dispute what was wrong": func() error { _, err := Contest(upheld, word); return err },
		"dispute without paper":  func() error { _, err := Contest(open, residency.Dispute{Mark: word.Mark}); return err },
		"dispute by nobody": func() error {
			_, err := Contest(open, residency.Dispute{Mark: residency.Mark{At: at}, Document: "x"})
			return err
		},
		"settle nothing":       func() error { _, err := Settle(open, true, "x", at); return err },
		"settle twice":         func() error { _, err := Settle(refused, true, "x", at); return err },
		"uphold without cause": func() error { _, err := Settle(disputed, true, "", at); return err },
		"acknowledge closed":   func() error { _, err := Acknowledge(upheld, word.Mark); return err },
		"acknowledge unnamed":  func() error { _, err := Acknowledge(open, residency.Mark{At: at}); return err },
	} {
		if do() == nil {
			t.Errorf("%s: no error", name)
		}
	}

	gone := open
	gone.Closed, gone.ClosedAs = at, residency.ClosedGone
	dropped := gone
	dropped.ClosedAs = residency.ClosedNotAsked
	p := Measure([]residency.Finding{open, gone, gone, gone, upheld, refused, disputed, dropped})
	want := Precision{Findings: 8, Open: 3, Disputed: 3, Settled: 2, Upheld: 1, Decided: 4, Causes: map[string]int{"database": 1}}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("Measure (-want +got):\n%s", diff)
	}
	if share, ok := p.Share(); !ok || math.Abs(share-0.75) > 1e-9 {
		t.Errorf("Share = %v, %v; want 0.75", share, ok)
	}
	if _, ok := (Precision{}).Share(); ok {
		t.Error("a share of nothing decided")
	}
}
