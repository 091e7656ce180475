package policy

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"residency/internal/residency"
)

// drawPast gives facts a window: a few earlier runs, and a cell before. It
// leans towards good runs, so that inside is reached.
func drawPast(t *rapid.T, f Facts) Facts {
	f.Window, f.Memory.Confirm = 24*time.Hour, DefaultConfirmations()
	f.Same = rapid.IntRange(0, 3).Draw(t, "same")
	last := f.At.Add(-24 * time.Hour)
	for range rapid.IntRange(0, 3).Draw(t, "past") {
		p := Past{Looks: drawFacts(t).Looks, Locations: locations(), Runs: rapid.IntRange(1, 5).Draw(t, "runs")}
		if rapid.Bool().Draw(t, "good") {
			p.Looks = lean(p.Looks)
		}
		p.First = last
		last = last.Add(time.Duration(rapid.IntRange(1, 60*7).Draw(t, "minutes")) * time.Minute)
		p.Last = last
		f.Past = append(f.Past, p)
	}
	if rapid.IntRange(0, 2).Draw(t, "before") == 0 {
		f.Before = &residency.Cell{Verdict: residency.Outside, Grade: residency.Corroborated, Counts: true,
			Addresses: []residency.JudgedAddress{{Address: addrCN, Side: residency.SideOutside, Grade: residency.Corroborated, Counts: true}}}
		f.BeforeAt = last
		if rapid.Bool().Draw(t, "clearing") {
			f.Before.LastOutside = f.At.Add(-50 * time.Hour)
			f.Before.ClearFrom = f.At.Add(-time.Duration(rapid.IntRange(1, 49).Draw(t, "clear")) * time.Hour)
		}
	}
	return f
}

// lean turns what was drawn into answers inside.
func lean(looks []residency.Observation) []residency.Observation {
	looks = slices.Clone(looks)
	for i, o := range looks {
		looks[i] = look(o.Resolver + " A " + o.Type + " specific sg")
		looks[i].Subnet = o.Subnet
	}
	return looks
}

// drawWindow draws facts with a window, of a run that lost a part.
func drawWindow(t *rapid.T) Facts {
	f := drawFacts(t)
	if rapid.Bool().Draw(t, "good now") {
		f.Looks = lean(f.Looks)
	}
	return drawPast(t, f)
}

func TestAnOutsideAddressInThePastNeverImproves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawWindow(t), drawClaim(t)
		if len(f.Past) == 0 {
			return
		}
		before := Judge(c, f)
		g := f
		g.Past = slices.Clone(f.Past)
		i := rapid.IntRange(0, len(g.Past)-1).Draw(t, "past")
		g.Past[i].Looks = slices.Clone(g.Past[i].Looks)
		o := &g.Past[i].Looks[rapid.IntRange(0, len(g.Past[i].Looks)-1).Draw(t, "look")]
		if !o.Meets() {
			return
		}
		o.Addresses = append(slices.Clone(o.Addresses), residency.Answer{Address: addrCN})
		after := Judge(c, g)
		if after.Verdict == residency.Inside {
			t.Fatalf("inside although an address outside was seen in the window; before that %v", before.Verdict)
		}
		if before.Verdict == residency.Outside && after.Verdict != residency.Outside {
			t.Fatalf("outside became %v", after.Verdict)
		}
	})
}

// TestLosingThePastNeverMakesInside drops a look or a run that showed nothing
// outside and nothing that could not be told: only what it proved is lost.
func TestLosingThePastNeverMakesInside(t *testing.T) {
	t.Parallel()
	lost := 0
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawWindow(t), drawClaim(t)
		if len(f.Past) == 0 {
			return
		}
		before := Judge(c, f)
		g := f
		g.Past = slices.Clone(f.Past)
		i := rapid.IntRange(0, len(g.Past)-1).Draw(t, "past")
		gone := g.Past[i].Looks
		if rapid.Bool().Draw(t, "a run") {
			g.Past = slices.Delete(g.Past, i, i+1)
		} else {
			j := rapid.IntRange(0, len(gone)-1).Draw(t, "look")
			g.Past[i].Looks = slices.Delete(slices.Clone(gone), j, j+1)
			gone = gone[j : j+1]
		}
		for _, o := range gone {
			for _, a := range o.Addresses {
				if a.Address != addrSG && o.OfMarket() {
					return
				}
			}
		}
		lost++
		if after := Judge(c, g); after.Verdict == residency.Inside && before.Verdict != residency.Inside {
			t.Fatalf("%v became inside by what was lost", before.Verdict)
		}
	})
	if lost == 0 {
		t.Error("nothing was ever lost: the property was not tried")
	}
}

// TestAFoundCellIsNotClearedByLosing: whatever is lost of the window, a cell
// that was outside is not inside before its time.
func TestAFoundCellIsNotClearedByLosing(t *testing.T) {
	t.Parallel()
	held := 0
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawWindow(t), drawClaim(t)
		if f.Before == nil || !f.Before.ClearFrom.IsZero() && f.At.Sub(f.Before.ClearFrom) >= f.Window {
			return
		}
		for _, o := range f.Looks {
			if slices.ContainsFunc(o.Addresses, func(a residency.Answer) bool { return a.Address == addrCN }) {
				return // it is judged anew, by this claim
			}
		}
		held++
		g := f
		g.Past = f.Past[:rapid.IntRange(0, len(f.Past)).Draw(t, "kept")]
		if got := Judge(c, g); got.Verdict != residency.Outside {
			t.Fatalf("%v, before a window without it was over", got.Verdict)
		}
	})
	if held == 0 {
		t.Error("nothing was held: the property was not tried")
	}
}

func TestSplittingASpanChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawWindow(t), drawClaim(t)
		want := Judge(c, f)
		g := f
		if len(f.Past) > 0 {
			i := rapid.IntRange(0, len(f.Past)-1).Draw(t, "past")
			if p := f.Past[i]; p.Runs > 1 {
				one, two := p, p
				one.Runs = rapid.IntRange(1, p.Runs-1).Draw(t, "runs of the first")
				two.Runs = p.Runs - one.Runs
				one.Last = p.First.Add(p.Last.Sub(p.First) / 2)
				two.First = one.Last
				g.Past = slices.Insert(slices.Delete(slices.Clone(f.Past), i, i+1), i, one, two)
				slices.SortStableFunc(g.Past, func(a, b Past) int { return a.Last.Compare(b.Last) })
			}
		}
		if got := Judge(c, g); !reflect.DeepEqual(got, want) {
			t.Fatalf("a span in two\n%+v\nwant\n%+v", got, want)
		}
		for i := range g.Past {
			random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
			g.Past[i].Looks = slices.Clone(g.Past[i].Looks)
			random.Shuffle(len(g.Past[i].Looks), func(j, k int) {
				g.Past[i].Looks[j], g.Past[i].Looks[k] = g.Past[i].Looks[k], g.Past[i].Looks[j]
			})
		}
		if got := Judge(c, g); !reflect.DeepEqual(got, want) {
			t.Fatalf("looks in another order\n%+v\nwant\n%+v", got, want)
		}
	})
}

// TestTheSameAgainIsCountedOrListed: a run that showed the same may stand in
// Past or be counted in Same.
func TestTheSameAgainIsCountedOrListed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, c := drawWindow(t), drawClaim(t)
		f.Same = max(f.Same, 1)
		g := f
		g.Same = 0
		g.Past = append(slices.Clone(f.Past), Past{Looks: f.Looks, Locations: f.Locations, Runs: f.Same, First: f.At.Add(-time.Minute), Last: f.At.Add(-time.Second)})
		want, got := Judge(c, f), Judge(c, g)
		if got.Verdict == residency.Outside && !got.LastOutside.IsZero() { // by a look that is not about the market
			got.LastOutside, want.LastOutside, got.ClearFrom, want.ClearFrom = f.At, f.At, f.At, f.At
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("listed\n%+v\ncounted\n%+v", got, want)
		}
	})
}

// event is one run of a simple story about one address and one need.
type event struct {
	at   time.Time
	what byte // 'i'nside, 'o'utside, 'l'ost, 'n'o such name
}

// slowly judges the last of the events by the rules as one would say them, from
// the whole story each time.
func slowly(story []event, window time.Duration) (residency.Verdict, time.Time, time.Time) {
	held, seen := false, 0 // in how many runs, where that was not enough
	var verdict residency.Verdict
	var last, from time.Time
	for k, now := range story {
		count := map[byte]int{}
		for _, e := range story[:k+1] {
			if !e.at.Before(now.at.Add(-window)) {
				count[e.what]++
			}
		}
		if k > 0 && now.what == 'o' && story[k-1].at.Before(now.at.Add(-window)) {
			count['o'] += seen // there is no run in the window but this one
		}
		wasHeld := held
		held = count['o'] >= 2 || wasHeld && count['o'] > 0
		if !held && wasHeld {
			from := clearFrom(story[:k+1], window)
			held = from.IsZero() || now.at.Sub(from) < window || now.what != 'i' && now.what != 'n'
		}
		last, from = time.Time{}, time.Time{}
		switch {
		case held:
			verdict = residency.Outside
			if now.what != 'o' {
				last, from = lastOutside(story[:k+1]), clearFrom(story[:k+1], window)
			}
		case count['o'] > 0:
			verdict = residency.Undetermined
		case count['i'] > 0:
			verdict = residency.Inside
		default:
			verdict = residency.NotMeasured
		}
		if seen = 0; verdict == residency.Undetermined {
			seen = count['o']
		}
	}
	return verdict, last, from
}

func lastOutside(story []event) time.Time {
	for _, e := range slices.Backward(story) {
		if e.what == 'o' {
			return e.at
		}
	}
	return time.Time{}
}

// clearFrom goes through the runs after the last outside one: the wait begins
// at the first at which everything was answered within the window, and anew
// after a window without an answer or a gap without a run.
func clearFrom(story []event, window time.Duration) time.Time {
	last := lastOutside(story)
	var from, heard time.Time
	for k, e := range story {
		if !e.at.After(last) {
			continue
		}
		if e.what != 'l' {
			heard = e.at
		}
		switch {
		case heard.IsZero() || heard.Before(e.at.Add(-window)):
			from = time.Time{}
		case from.IsZero():
			from = e.at
		case e.at.Sub(story[k-1].at) > window && e.at.Sub(story[k-1].at) > 2*from.Sub(last):
			from = e.at
		}
	}
	return from
}

// TestSequencesAgainstASlowTwin judges stories of runs one after another with
// what each leaves behind, and from the whole story.
func TestSequencesAgainstASlowTwin(t *testing.T) {
	t.Parallel()
	verdicts := map[residency.Verdict]int{}
	outcome := map[byte]string{'i': "sg", 'o': "cn", 'l': "timeout", 'n': "nxdomain"}
	rapid.Check(t, func(t *rapid.T) {
		d := newDiary()
		at := due
		var story []event
		kinds := rapid.SampledFrom([]string{"iiiioln", "il", "oi", "iiiiiiiiio", "lllio"}).Draw(t, "kinds")
		for range rapid.IntRange(1, 40).Draw(t, "runs") {
			at = at.Add(time.Duration(rapid.SampledFrom([]int{1, 3, 6, 6, 12, 24, 30, 60}).Draw(t, "hours")) * time.Hour)
			e := event{at, kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")]}
			story = append(story, e)
			cell := d.judge(at, locations(), "g A A specific "+outcome[e.what])
			verdict, last, from := slowly(story, d.facts.Window)
			if cell.Verdict != verdict || !cell.LastOutside.Equal(last) || !cell.ClearFrom.Equal(from) {
				t.Fatalf("%v\n%v last %v clear %v, slowly %v last %v clear %v", story, cell.Verdict, cell.LastOutside, cell.ClearFrom, verdict, last, from)
			}
			verdicts[verdict]++
		}
	})
	for _, v := range []residency.Verdict{residency.Inside, residency.Outside, residency.Undetermined, residency.NotMeasured} {
		if verdicts[v] == 0 {
			t.Errorf("no story was ever %v", v)
		}
	}
}
