package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"residency/internal/residency"
)

// Facts are what is known about one endpoint in one market: every look, and
// the location of every address the looks showed.
type Facts struct {
	Endpoint  residency.Endpoint
	Market    residency.Market
	Types     []string // record types that must be answered; others can only add addresses
	Looks     []residency.Observation
	Locations map[netip.Addr]residency.Location
	At        time.Time

	// Surveys are those of delays in this run. Where delays were asked for and
	// none can be believed, that is a reason of what cannot be told.
	Surveys []residency.Survey

	// Degraded names the resolvers that are declared to pass client subnets
	// on and did not when they were asked before the run. Their answers are
	// about no market, and could have been.
	Degraded []string

	Memory
}

// Judge returns the cell of one claim for the endpoint and market of f, over
// the window of f's memory; without one it judges one run by itself.
//
// An endpoint that is an address has no needs, so all of none are met: the cell
// is inside or outside by where that address is.
func Judge(c residency.Claim, f Facts) residency.Cell {
	cell := residency.Cell{Claim: c.ID, Endpoint: f.Endpoint, Market: f.Market.Code, Counts: true}
	s := survey(reachable(f))
	cell.Coverage = s.coverage
	cell.Addresses = placeAll(c, f, s)

	retired := s.retired()
	if s.facts.Before != nil && (retired || s.released(cell)) {
		s.facts.Before = nil
	}
	verdict(&cell, c, s)
	if retired {
		cell.Counts = false
	}
	addHints(&cell, s)
	slices.Sort(cell.Reasons)
	cell.Reasons = slices.Compact(cell.Reasons)
	return cell
}

// placeAll judges every address of the looks, sorted.
func placeAll(c residency.Claim, f Facts, s *sight) []residency.JudgedAddress {
	list := make([]residency.JudgedAddress, 0, len(s.shown))
	for _, seen := range s.shown {
		addr := seen.address
		loc := s.location(addr)
		p := Place(c, f.Endpoint.Role, f.Market.Code, loc)
		a := residency.JudgedAddress{
			Address: addr, Side: p.Side, Grade: p.Grade, Reasons: p.Reasons,
			Counts: p.Counts, Tailoring: seen.tailoring, Resolvers: slices.Sorted(slices.Values(seen.resolvers)),
		}
		seen.suspected = p.Suspected
		if p.Side == residency.SideUnknown && loc.Veto == "" && residency.Distrusted(f.Surveys, addr) {
			a.Reasons = append(slices.Clone(a.Reasons), residency.ReasonRTTUntrusted)
			slices.Sort(a.Reasons)
		}
		if !seen.ofMarket {
			// Seen from here, not by the market's users: shown, no more.
			a.Counts = false
			a.Reasons = append(slices.Clone(a.Reasons), residency.ReasonNotTailored)
			slices.Sort(a.Reasons)
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b residency.JudgedAddress) int { return a.Address.Compare(b.Address) })
	return list
}

// verdict fills in verdict, grade and reasons from the judged addresses.
func verdict(cell *residency.Cell, c residency.Claim, s *sight) {
	t := termsOf(c, cell.Endpoint.Role, cell.Market)
	var outside, inside, unclear []residency.JudgedAddress
	for _, a := range cell.Addresses {
		switch {
		case !s.of(a.Address).ofMarket:
		case !a.Counts:
			cell.NotCounted++
			cell.Reasons = append(cell.Reasons, a.Reasons...)
		case a.Side == residency.SideOutside:
			outside = append(outside, a)
		case a.Side == residency.SideInside:
			inside = append(inside, a)
		default:
			unclear = append(unclear, a)
			cell.Suspected = cell.Suspected.Union(s.of(a.Address).suspected)
		}
	}
	if judgeOutside(cell, c, t, s, outside) || judgeHeld(cell, s) {
		return
	}
	for _, a := range unclear {
		cell.Reasons = append(cell.Reasons, a.Reasons...)
	}
	switch {
	case s.coverage.Met == 0 && !cell.Endpoint.Address.IsValid() || !s.anyOfMarket():
		notMeasured(cell, s)
	case len(inside)+len(unclear)+len(outside) == 0:
		// Only anycast addresses of a declared CDN: nothing to say, either way,
		// unless something was lost that could have shown another one.
		lost := slices.Concat(s.unmet(), s.silent(), s.unread())
		cell.Counts = len(lost) > 0
		cell.Reasons = append(cell.Reasons, lost...)
	case len(unclear)+len(outside) > 0:
		cell.Reasons = append(cell.Reasons, s.unmet()...)
	default:
		judgeInside(cell, t, s, inside)
	}
}

// judgeOutside decides whether the outside addresses are enough for the
// verdict. Answers that may depend on who asks count fully only when resolvers
// of two operators gave an outside address, else they are one source's word.
// What is enough must have been seen in enough runs, too.
func judgeOutside(cell *residency.Cell, c residency.Claim, t terms, s *sight, outside []residency.JudgedAddress) bool {
	if len(outside) == 0 {
		return false
	}
	witnesses := s.witnesses(outside)
	var enough []residency.JudgedAddress
	for _, a := range outside {
		if !s.of(a.Address).tailored && witnesses < 2 {
			a.Grade = min(a.Grade, residency.Asserted)
		}
		if a.Grade >= t.floor {
			enough = append(enough, a)
		}
	}
	why := []residency.Reason{residency.ReasonBelowGrade, residency.ReasonNotTailored}
	if len(enough) > 0 {
		if cell.Grade, cell.Confirm = s.confirm(c, enough); cell.Grade == residency.GradeNone {
			why = []residency.Reason{residency.ReasonUnconfirmed}
		}
	}
	if cell.Grade == residency.GradeNone {
		cell.Reasons = append(cell.Reasons, why...)
		for _, a := range outside {
			cell.Suspected = cell.Suspected.Union(s.location(a.Address).Countries)
		}
		return false
	}
	cell.Verdict = residency.Outside
	cell.Suspected = residency.Countries{}
	cell.Reasons = nil
	for _, a := range outside {
		cell.Reasons = append(cell.Reasons, a.Reasons...)
	}
	cell.LastOutside, cell.ClearFrom = s.unseenSince(enough)
	return true
}

// judgeInside is reached when every address that counts is inside. All needs
// must be met; no resolver that could have dissented may have been silent; and
// an answer that may depend on who asks needs a second operator's beside it.
func judgeInside(cell *residency.Cell, t terms, s *sight, inside []residency.JudgedAddress) {
	if s.coverage.Met < s.coverage.Needs {
		cell.Reasons = append(cell.Reasons, s.unmet()...)
		return
	}
	if lost := append(s.silent(), s.unread()...); len(lost) > 0 {
		cell.Reasons = append(cell.Reasons, lost...)
		return
	}
	cell.Grade = residency.Proven
	witnesses := s.witnesses(inside)
	alone := false
	for _, a := range inside {
		cell.Grade = min(cell.Grade, a.Grade)
		alone = alone || !s.of(a.Address).tailored && witnesses < 2
	}
	if alone || s.thin() {
		cell.Grade = min(cell.Grade, residency.Asserted)
	}
	if cell.Grade < t.floor {
		cell.Grade = residency.GradeNone
		cell.Reasons = append(cell.Reasons, residency.ReasonBelowGrade, residency.ReasonNotTailored)
		return
	}
	if cell.Endpoint.Role == residency.RoleHTTPDNS {
		cell.Grade = residency.GradeNone
		cell.Reasons = append(cell.Reasons, residency.ReasonBypassesDNS)
		return
	}
	cell.Verdict = residency.Inside
	cell.Reasons = nil
}

// notMeasured says why nothing was seen.
func notMeasured(cell *residency.Cell, s *sight) {
	cell.Verdict = residency.NotMeasured
	cell.Reasons = append(cell.Reasons, s.unmet()...)
	if s.coverage.Met > 0 {
		cell.Reasons = append(cell.Reasons, residency.ReasonNoAddress)
	}
}

// addHints tells what the user could do about the cell.
func addHints(cell *residency.Cell, s *sight) {
	e := cell.Endpoint
	where := ""
	if e.Where != "" {
		where = " (" + e.Where + ")"
	}
	if s.nxdomain > 0 && !s.anyOfMarket() && e.Retired.IsZero() {
		cell.Hints = append(cell.Hints, fmt.Sprintf(
			"%s does not exist: check how it is written; if it did exist and the vendor took it out of use, add retired = DATE to it%s", e.Host, where))
	}
	if slices.Contains(cell.Reasons, residency.ReasonEdge) && e.Role != residency.RoleCDN {
		cell.Hints = append(cell.Hints, fmt.Sprintf(
			"%s is answered by a shared edge, which says nothing of the origin behind it: if it is a content delivery network, declare role = \"cdn\"%s", e.Host, where))
	}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
