package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// diary judges one run after another, and remembers as the engine does: runs
// that showed the same are one entry.
type diary struct {
	claim  residency.Claim
	facts  Facts // what does not change
	past   []Past
	keys   []string // of past: what it showed
	before *residency.Cell
	at     time.Time // of before
}

// judge judges a run at a time, which showed the given looks with the locations
// that addresses have then, and remembers it.
func (d *diary) judge(at time.Time, where map[netip.Addr]residency.Location, specs ...string) residency.Cell {
	f := d.facts
	f.At, f.Locations = at, map[netip.Addr]residency.Location{}
	for _, s := range specs {
		f.Looks = append(f.Looks, look(s))
	}
	for _, o := range f.Looks {
		for _, a := range o.Addresses {
			f.Locations[a.Address] = where[a.Address]
		}
	}
	key := fmt.Sprint(f.Looks, f.Locations)
	for i := range d.past {
		if d.past[i].Last.Before(at.Add(-f.Window)) {
			continue
		}
		if d.keys[i] == key {
			f.Same += d.past[i].Runs
		} else {
			f.Past = append(f.Past, d.past[i])
		}
	}
	slices.SortStableFunc(f.Past, func(a, b Past) int { return a.Last.Compare(b.Last) })
	f.Before, f.BeforeAt = d.before, d.at
	cell := Judge(d.claim, f)
	d.past = append(d.past, Past{Looks: f.Looks, Locations: f.Locations, Runs: 1, First: at, Last: at})
	d.keys = append(d.keys, key)
	d.before, d.at = &cell, at
	if cell.Plain() {
		d.before = nil
	}
	return cell
}

func newDiary() *diary {
	f := facts()
	f.Types = []string{"A"}
	f.Window, f.Memory.Confirm = 24*time.Hour, DefaultConfirmations()
	return &diary{claim: claim(countries("US|SG"), ""), facts: f}
}

// tell runs a story, a word a line: "HOURS OUTCOME -> VERDICT REASONS", with what
// the cell says of confirmation and clearing. The run is at that hour and shows
// the outcome of a look as look reads it, at one resolver.
func tell(t *testing.T, name string, d *diary, story string) {
	t.Helper()
	for line := range strings.Lines(story) {
		when, want, _ := strings.Cut(strings.TrimSpace(line), " -> ")
		hours, outcome, _ := strings.Cut(when, " ")
		gap, err := time.ParseDuration(hours)
		if err != nil {
			t.Fatal(err)
		}
		where := locations()
		if outcome == "cn=SG" { // newer data about the same address
			outcome, where[addrCN] = "cn", located("SG", "a=SG", "b=SG")
		}
		if outcome == "cn=?" {
			outcome, where[addrCN] = "cn", located("CN|SG", "a=SG", "b=CN")
		}
		cell := d.judge(due.Add(gap), where, "g A A specific "+outcome)
		got := strings.TrimSpace(cell.Verdict.String() + " " + reasons(cell.Reasons))
		if cell.Confirm != (residency.Confirmation{}) {
			got += fmt.Sprintf(" %d/%d", cell.Confirm.Seen, cell.Confirm.Needed)
		}
		if !cell.LastOutside.IsZero() {
			got += fmt.Sprintf(" last %v", cell.LastOutside.Sub(due))
		}
		if !cell.ClearFrom.IsZero() {
			got += fmt.Sprintf(" clear %v", cell.ClearFrom.Sub(due))
		}
		if got != want {
			t.Errorf("%s: after %s: %q, want %q", name, when, got, want)
		}
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]string{
		"seen in two runs, then gone for a whole window": `0h sg -> inside
			1h cn -> undetermined unconfirmed 1/2
			2h cn -> outside
			3h sg -> outside last 2h0m0s clear 3h0m0s
			4h sg,cn -> outside
			5h sg -> outside last 4h0m0s clear 5h0m0s
			28h sg -> outside last 4h0m0s clear 5h0m0s
			29h sg -> inside`,
		"seen once and never again": `0h cn -> undetermined unconfirmed 1/2
			1h sg -> undetermined unconfirmed 1/2
			24h sg -> undetermined unconfirmed 1/2
			24h1m sg -> inside`,
		"once a day, a little late": `0h cn -> undetermined unconfirmed 1/2
			25h cn -> outside`,
		"once a day, and not there in between": `0h cn -> undetermined unconfirmed 1/2
			25h sg -> inside
			50h cn -> undetermined unconfirmed 1/2
			75h timeout -> not_measured timeout
			100h cn -> undetermined unconfirmed 1/2`,
		"an outage closes nothing": `0h cn -> undetermined unconfirmed 1/2
			1h cn -> outside
			2h timeout -> outside last 1h0m0s
			30h timeout -> outside last 1h0m0s
			60h timeout -> outside last 1h0m0s
			61h sg -> outside last 1h0m0s clear 61h0m0s
			70h timeout -> outside last 1h0m0s clear 61h0m0s
			85h timeout -> outside last 1h0m0s clear 61h0m0s
			85h30m timeout -> outside last 1h0m0s
			86h sg -> outside last 1h0m0s clear 86h0m0s
			110h sg -> inside`,
		"a need met within the window is met": `0h sg -> inside
			1h timeout -> inside
			24h timeout -> inside
			24h1m timeout -> not_measured timeout`,
		"a name that is gone is not green for ever, nor outside": `0h cn -> undetermined unconfirmed 1/2
			1h cn -> outside
			2h nxdomain -> outside last 1h0m0s clear 2h0m0s
			26h nxdomain -> not_measured nxdomain`,
		"newer evidence about the same address": `0h cn -> undetermined unconfirmed 1/2
			1h cn -> outside
			2h cn=SG -> inside
			3h sg -> inside`,
		"evidence that has become less": `0h cn -> undetermined unconfirmed 1/2
			1h cn -> outside
			2h cn=? -> outside conflict last 1h0m0s clear 2h0m0s
			3h cn=? -> outside conflict last 1h0m0s clear 2h0m0s
			4h cn=SG -> inside`,
		"nobody looked for a while": `0h cn -> undetermined unconfirmed 1/2
			1h cn -> outside
			2h sg -> outside last 1h0m0s clear 2h0m0s
			100h sg -> outside last 1h0m0s clear 100h0m0s
			110h sg -> outside last 1h0m0s clear 100h0m0s
			124h sg -> inside`,
		"somebody looks once a week": `0h cn -> undetermined unconfirmed 1/2
			1h cn -> outside
			168h sg -> outside last 1h0m0s clear 168h0m0s
			336h sg -> inside`,
		"a clock that goes back": `10h cn -> undetermined unconfirmed 1/2
			11h cn -> outside
			2h sg -> outside last 11h0m0s
			12h sg -> outside last 11h0m0s clear 12h0m0s
			36h sg -> inside`,
		"a clock that was a year ahead": `0h cn -> undetermined unconfirmed 1/2
			8760h cn -> outside
			1h sg -> outside last 1h0m0s
			2h sg -> outside last 1h0m0s clear 2h0m0s
			26h sg -> inside`,
		"a clock that was a year ahead, and clear there": `0h cn -> undetermined unconfirmed 1/2
			1h cn -> outside
			8760h sg -> outside last 1h0m0s clear 8760h0m0s
			2h sg -> outside last 1h0m0s clear 2h0m0s
			26h sg -> inside`,
		"what was answered in a future meets nothing now": `20h sg -> inside
			3h timeout -> not_measured timeout
			21h timeout -> inside
			45h timeout -> not_measured timeout`,
		"what was answered a year ahead meets nothing": `0h sg -> inside
			8760h sg -> inside
			1h timeout -> inside
			25h timeout -> not_measured timeout
			26h sg -> inside`,
		"below the claim's grade": `0h one -> undetermined below-grade
			1h one -> undetermined below-grade
			2h sg -> undetermined below-grade
			27h sg -> inside`,
	} {
		tell(t, name, newDiary(), story)
	}
}

func TestConfirmations(t *testing.T) {
	t.Parallel()
	d := newDiary()
	d.claim.Never = set("CN")
	tell(t, "where it may never go, once is enough", d, "0h cn -> outside")
	d = newDiary()
	d.claim.Floor = residency.Asserted
	tell(t, "one source alone, four times", d, `0h one -> undetermined unconfirmed 1/4
		1h one -> undetermined unconfirmed 2/4
		2h sg -> undetermined unconfirmed 2/4
		3h one -> undetermined unconfirmed 3/4
		4h one,cn -> outside`)
	d = newDiary()
	d.claim.Floor = residency.Asserted
	tell(t, "what is surer counts for what is less so", d, `0h cn -> undetermined unconfirmed 1/2
		1h one -> undetermined unconfirmed 1/2
		2h one -> undetermined unconfirmed 1/2
		3h one -> outside`)
	d = newDiary()
	d.facts.Window = 0
	tell(t, "without a memory", d, "0h cn -> outside\n1h sg -> inside\n2h timeout -> not_measured timeout")
}

// TestHeldAddresses holds that a cell says which addresses keep it outside, also
// once they are older than the window.
func TestHeldAddresses(t *testing.T) {
	t.Parallel()
	d := newDiary()
	for _, hour := range []time.Duration{0, 1} {
		d.judge(due.Add(hour*time.Hour), locations(), "g A A specific cn")
	}
	for _, hour := range []time.Duration{2, 20, 40, 60} {
		cell := d.judge(due.Add(hour*time.Hour), locations(), "g A A specific timeout")
		if len(cell.Addresses) != 1 || cell.Addresses[0].Address != addrCN || cell.Addresses[0].Side != residency.SideOutside || cell.Grade != residency.Corroborated {
			t.Errorf("after %d hours: %v %v", hour, cell.Grade, cell.Addresses)
		}
	}
}

func TestRetiredInTheWindow(t *testing.T) {
	t.Parallel()
	d := newDiary()
	d.facts.Endpoint.Retired = due.Add(90 * time.Minute)
	for _, tt := range []struct {
		hour    time.Duration
		outcome string
		counts  bool
		verdict residency.Verdict
	}{
		{0, "cn", true, residency.Undetermined},
		{1, "cn", true, residency.Outside},
		{2, "timeout", true, residency.Outside}, // it may be there
		{3, "nxdomain", false, residency.Outside},
		{4, "cn", true, residency.Outside}, // seen again
		{5, "nxdomain", true, residency.Outside},
		{30, "nxdomain", false, residency.NotMeasured},
	} {
		cell := d.judge(due.Add(tt.hour*time.Hour), locations(), "g A A specific "+tt.outcome)
		if cell.Counts != tt.counts || cell.Verdict != tt.verdict {
			t.Errorf("hour %d, %s: %v, counts %v, want %v, %v", tt.hour, tt.outcome, cell.Verdict, cell.Counts, tt.verdict, tt.counts)
		}
	}
}

// TestRetiredWhileTheMemoryIsUnread: what could not be read may have shown the
// endpoint after it was out of use, so it counts.
func TestRetiredWhileTheMemoryIsUnread(t *testing.T) {
	t.Parallel()
	d := newDiary()
	d.facts.Endpoint.Retired = due
	for _, unread := range []bool{false, true} {
		d.facts.Unread = unread
		cell := d.judge(due.Add(time.Hour), locations(), "g A A specific nxdomain")
		if cell.Counts != unread || cell.Verdict != residency.NotMeasured {
			t.Errorf("unread %v: %v, counts %v, want not measured, counts %v", unread, cell.Verdict, cell.Counts, unread)
		}
	}
}

// TestSilenceInTheWindow: what a resolver said earlier in the window still
// counts, and one that is asked no more blocks nothing.
func TestSilenceInTheWindow(t *testing.T) {
	t.Parallel()
	d := newDiary()
	judge := func(hour time.Duration, specs ...string) residency.Verdict {
		return d.judge(due.Add(hour*time.Hour), locations(), specs...).Verdict
	}
	if got := judge(0, "g A A specific sg", "q A A specific timeout"); got != residency.Undetermined {
		t.Errorf("a resolver never heard: %v", got)
	}
	if got := judge(1, "g A A specific sg", "q A A specific sg"); got != residency.Inside {
		t.Errorf("both heard: %v", got)
	}
	if got := judge(2, "g A A specific sg", "q A A specific timeout"); got != residency.Inside {
		t.Errorf("heard an hour ago: %v", got)
	}
	if got := judge(26, "g A A specific sg", "q A A specific timeout"); got != residency.Undetermined {
		t.Errorf("silent for more than a window: %v", got)
	}
	if got := judge(27, "g A A specific sg"); got != residency.Inside {
		t.Errorf("asked no more: %v", got)
	}
}

// TestNewestLocationCounts: the last word on an address is judged by, not the
// first, also for the runs that saw it before and when it is gone.
func TestNewestLocationCounts(t *testing.T) {
	t.Parallel()
	d := newDiary()
	moved := map[netip.Addr]residency.Location{addrSG: located("CN", "a=CN", "b=CN")}
	for hour, want := range []residency.Verdict{residency.Inside, residency.Outside, residency.Outside} {
		where, outcome := locations(), "sg"
		switch hour {
		case 1:
			where = moved
		case 2:
			outcome = "timeout"
		}
		if got := d.judge(due.Add(time.Duration(hour)*time.Hour), where, "g A A specific "+outcome).Verdict; got != want {
			t.Errorf("hour %d: %v, want %v", hour, got, want)
		}
	}
}
