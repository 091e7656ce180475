package policy

import (
	"net/netip"
	"slices"
	"time"

	"residency/internal/residency"
)

// Version is that of the rules of judging. It is raised whenever the same facts
// may be judged otherwise than before.
const Version = 1

// Memory is what is remembered of one endpoint in one market when it is judged.
// The zero value remembers nothing: this run is judged by itself.
type Memory struct {
	// Window is how far back the verdict looks; 0: not at all.
	Window time.Duration

	// Past is what the earlier runs of the window showed, in the order of Last.
	// Runs that showed the very same as this one are not in it but counted in
	// Same.
	Past []Past
	Same int

	// Before is the cell of the same claim, endpoint and market as it was judged
	// last, nil if it never was or was inside; BeforeAt is when that was.
	Before   *residency.Cell
	BeforeAt time.Time

	Confirm Confirmations

	// Unread says that what earlier runs showed is to be known, and could not be
	// read. Something of it could be outside, so nothing is inside.
	Unread bool
}

// Past is what one or more earlier runs showed, all the same: their looks of
// the market, and the locations of the addresses these showed as they were
// judged then.
type Past struct {
	Looks       []residency.Observation
	Locations   map[netip.Addr]residency.Location
	Runs        int // of the window
	First, Last time.Time
}

// Confirmations is in how many runs of the window an address must have been
// seen outside, by the grade of its evidence, before the cell is outside. A
// number below 1 is 1.
type Confirmations struct {
	Proven, Corroborated, Asserted int

	Never int // for one that can be in countries only where data may never go
}

// DefaultConfirmations returns the numbers of a program that is told nothing.
func DefaultConfirmations() Confirmations {
	return Confirmations{Proven: 1, Corroborated: 2, Asserted: 4, Never: 1}
}

// needed returns in how many runs an address of a grade must have been seen.
func (k Confirmations) needed(g residency.Grade, never bool) int {
	n := k.Asserted
	switch g {
	case residency.Proven:
		n = k.Proven
	case residency.Corroborated:
		n = k.Corroborated
	}
	if never {
		n = min(n, k.Never)
	}
	return max(n, 1)
}

// confirm returns the highest grade at which the addresses were seen in enough
// runs, or none and how far the highest one got. What was outside already needs
// no more runs to be outside still; without a memory one run is all there is.
func (s *sight) confirm(c residency.Claim, outside []residency.JudgedAddress) (residency.Grade, residency.Confirmation) {
	var short residency.Confirmation
	grades := [...]residency.Grade{residency.Proven, residency.Corroborated, residency.Asserted}
	for _, g := range grades {
		never, any := false, false
		for _, a := range outside {
			left := s.location(a.Address).Left()
			any = any || a.Grade >= g
			never = never || a.Grade >= g && !left.Empty() && left.SubsetOf(c.Never)
		}
		if !any {
			continue
		}
		if s.facts.Window == 0 || s.wasOutside() {
			return g, residency.Confirmation{}
		}
		seen := s.runs(outside, g)
		needed := s.facts.Confirm.needed(g, never)
		if seen >= needed {
			return g, residency.Confirmation{}
		}
		if short.Needed == 0 {
			short = residency.Confirmation{Seen: seen, Needed: needed}
		}
	}
	return residency.GradeNone, short
}

// runs counts the runs of the window in which one of the addresses, of at least
// the grade, was seen.
func (s *sight) runs(outside []residency.JudgedAddress, g residency.Grade) int {
	n, now := 0, false
	counted := make([]bool, len(s.facts.Past))
	for _, a := range outside {
		if a.Grade < g {
			continue
		}
		now = now || s.of(a.Address).now
		for _, i := range s.of(a.Address).past {
			if !counted[i] {
				counted[i] = true
				n += s.facts.Past[i].Runs
			}
		}
	}
	if now {
		n += 1 + s.facts.Same
	}
	return n + s.carried()
}

// carried returns in how many runs something was seen outside, as the run before
// counted them, where that was longer ago than the window: who looks once a day,
// a little late each time, has never looked twice within a day, and would never
// be told of what is there every day.
func (s *sight) carried() int {
	b := s.facts.Before
	if b == nil || b.Verdict != residency.Undetermined || len(s.facts.Past) > 0 || s.facts.Same > 0 {
		return 0
	}
	return b.Confirm.Seen
}

// wasOutside reports whether the cell was outside when it was judged last.
func (s *sight) wasOutside() bool {
	b := s.facts.Before
	return s.facts.Window > 0 && b != nil && b.Verdict == residency.Outside
}

// retired reports whether the endpoint is out of use, as declared, and nothing
// since then says otherwise: no address, and no silence that could hide one, nor
// a memory that could not be read and may know of one. An endpoint that is an
// address cannot be seen again, as nobody is asked for it.
func (s *sight) retired() bool {
	e := s.facts.Endpoint
	if !e.RetiredAt(s.facts.At) {
		return false
	}
	if e.Address.IsValid() {
		return true
	}
	if s.facts.Unread || showsAny(s.facts.Looks) {
		return false
	}
	for _, p := range s.facts.Past {
		if !p.Last.Before(e.Retired) && showsAny(p.Looks) {
			return false
		}
	}
	return s.heardSince(e.Retired)
}

// showsAny reports whether some look showed an address.
func showsAny(looks []residency.Observation) bool {
	for i := range looks {
		if len(looks[i].Addresses) > 0 {
			return true
		}
	}
	return false
}

// released reports whether a cell that was outside has nothing left that was:
// every address that made it so has been seen again, and is inside by newer
// evidence or does not count any more.
func (s *sight) released(cell residency.Cell) bool {
	blamed := blamed(s.facts.Before)
	for _, b := range blamed {
		i, found := slices.BinarySearchFunc(cell.Addresses, b, func(a residency.JudgedAddress, x netip.Addr) int {
			return a.Address.Compare(x)
		})
		if !found || !s.of(b).now || cell.Addresses[i].Counts && cell.Addresses[i].Side != residency.SideInside {
			return false
		}
	}
	return len(blamed) > 0
}

// blamed lists the addresses that made a cell outside: those outside, or where
// newer evidence has left none, those that cannot be told.
func blamed(c *residency.Cell) []netip.Addr {
	var outside, unknown []netip.Addr
	for _, a := range c.Addresses {
		switch {
		case !a.Counts:
		case a.Side == residency.SideOutside:
			outside = append(outside, a.Address)
		case a.Side == residency.SideUnknown:
			unknown = append(unknown, a.Address)
		}
	}
	if len(outside) > 0 {
		return outside
	}
	return unknown
}

// judgeHeld keeps a cell outside that this window no longer shows to be, until
// a whole window in which everything needed was answered has not shown it: what
// is lost must not close what was found.
func judgeHeld(cell *residency.Cell, s *sight) bool {
	if !s.wasOutside() {
		return false
	}
	last, from := s.unseenSince(nil)
	if !from.IsZero() && s.facts.At.Sub(from) >= s.facts.Window && s.heardSince(s.facts.At) {
		return false
	}
	before := s.facts.Before
	cell.Verdict, cell.Grade = residency.Outside, before.Grade
	cell.Reasons, cell.Suspected, cell.Confirm = nil, residency.Countries{}, residency.Confirmation{}
	cell.LastOutside, cell.ClearFrom = last, from
	for _, a := range before.Addresses {
		if a.Side != residency.SideOutside || !a.Counts || s.of(a.Address) != nil {
			continue
		}
		cell.Addresses = append(cell.Addresses, a)
	}
	for _, b := range blamed(before) {
		for _, a := range cell.Addresses {
			if a.Address == b {
				cell.Reasons = append(cell.Reasons, a.Reasons...)
			}
		}
	}
	slices.SortFunc(cell.Addresses, func(a, b residency.JudgedAddress) int { return a.Address.Compare(b.Address) })
	return true
}

// unseenSince returns, of a cell that is outside though this run did not show
// it, the last run that did, and the first run since from which everything
// needed was answered without showing it; the zero time if that cannot be said
// yet. Both are zero when this run showed one of the addresses.
//
// A gap without runs begins the wait anew, where it is longer than the window
// and than twice the time between the runs before it: then nobody looked. Runs
// that are always that far apart are how often somebody looks.
func (s *sight) unseenSince(outside []residency.JudgedAddress) (last, from time.Time) {
	for _, a := range outside {
		sh := s.of(a.Address)
		if sh.now {
			return time.Time{}, time.Time{}
		}
		for _, i := range sh.past {
			last = later(last, s.facts.Past[i].Last)
		}
	}
	before := s.facts.Before
	if s.wasOutside() {
		if before.LastOutside.IsZero() {
			last = later(last, s.facts.BeforeAt)
		}
		last = later(last, before.LastOutside)
		from = before.ClearFrom
	}
	if ahead := s.facts.At.Add(s.facts.Window); last.After(ahead) || from.After(ahead) {
		// Written under a clock that was far ahead: nothing would end before it.
		last, from = earlier(last, s.facts.At), time.Time{}
	}
	if !s.heardAfter(last) {
		return last, time.Time{}
	}
	if gap := s.facts.At.Sub(s.facts.BeforeAt); from.IsZero() || gap > s.facts.Window && gap > 2*from.Sub(last) {
		from = s.facts.At
	}
	return last, from
}

// heardAfter reports whether everything needed was answered later than the
// given time.
func (s *sight) heardAfter(t time.Time) bool { return s.heardSince(t.Add(1)) }

// reachable leaves out of the past what lies further ahead than the window: it
// was seen under a clock that was wrong, and would be of every window until then.
func reachable(f Facts) Facts {
	ahead := f.At.Add(f.Window)
	if slices.ContainsFunc(f.Past, func(p Past) bool { return p.Last.After(ahead) }) {
		f.Past = slices.DeleteFunc(slices.Clone(f.Past), func(p Past) bool { return p.Last.After(ahead) })
	}
	return f
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// unread returns the reason against inside that lies in a memory which could not
// be read: what it holds could be outside.
func (s *sight) unread() []residency.Reason {
	if !s.facts.Unread {
		return nil
	}
	return []residency.Reason{residency.ReasonMemoryUnread}
}
