package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"residency/internal/residency"
)

// ruleAt is a claim or policy on its way, with what is checked once all are
// known.
type ruleAt struct {
	s     section
	claim residency.Claim
}

// collectClaims reads claims and policies in file order: as they stand in a
// file, the two kinds mixed, and file by file.
func (a *assembly) collectClaims() {
	var all []ruleAt
	for _, root := range a.roots {
		first := len(all)
		for _, s := range root.sections("claim") {
			all = append(all, ruleAt{s, a.rule(s, residency.KindPromise)})
		}
		for _, s := range root.sections("policy") {
			all = append(all, ruleAt{s, a.rule(s, residency.KindPolicy)})
		}
		slices.SortStableFunc(all[first:], func(x, y ruleAt) int { return x.s.n.pos.off - y.s.n.pos.off })
	}
	for _, r := range all {
		a.unique(r.s)
	}
	by := map[string]string{}
	for _, r := range all {
		by[r.claim.ID] = r.claim.SupersededBy
	}
	ends := map[string]bool{}
	for _, r := range all {
		a.superseded(r.s, by, ends)
		a.cfg.Claims = append(a.cfg.Claims, r.claim)
	}
	a.unwatched(all)
}

// rule reads one claim or policy.
func (a *assembly) rule(s section, kind residency.ClaimKind) residency.Claim {
	c := residency.Claim{
		ID: s.id(), Kind: kind, Title: s.text("title"), Vendor: s.text("vendor"),
		SaidBy: s.text("said_by"), SaidOn: s.date("said_on"), Quote: s.text("quote"), Source: s.text("source"),
		DueOn: s.date("due"), FromOn: s.date("from"),
		Historic: s.flag("historic", false), Withdrawn: s.date("withdrawn"), SupersededBy: s.text("superseded_by"),
		Where: s.n.pos.where(),
	}
	loc := a.location(s, a.cfg.Organisation.Location)
	if !c.DueOn.IsZero() {
		c.Due = c.DueOn.End(loc)
	}
	if !c.FromOn.IsZero() {
		c.From = c.FromOn.Start(loc)
	}
	c.Floor = residency.Corroborated
	if g, ok := residency.ParseGrade(s.text("floor")); ok {
		c.Floor = g
	}
	if own := a.times(s, "check"); len(own) > 0 {
		a.cfg.Schedule.Claims[c.ID] = own
	}
	a.scope(s, &c)
	a.places(s, &c)
	a.dates(s, c)
	if kind == residency.KindPromise {
		a.responses(s, c)
	}
	return c
}

// scope resolves what a rule is about: vendor, services, markets.
func (a *assembly) scope(s section, c *residency.Claim) {
	v := a.vendors[c.Vendor]
	if v == nil && c.Vendor != "" && !a.unsureVendors {
		ids := func() []string { return slices.Sorted(maps.Keys(a.vendors)) }
		hint := a.ps.didYouMean(c.Vendor, ids)
		if hint == "" {
			hint = fmt.Sprintf("add [[vendor]] with id = %s, or correct the id", quote(c.Vendor))
		}
		a.refer(s.place("vendor"), s.at("vendor"), fmt.Sprintf("there is no vendor %s", quote(c.Vendor)), hint)
	}
	c.Services = a.serviceList(s, c.Vendor, v)
	c.Markets = a.marketList(s, "markets")
	if l := s.value("services"); l != nil && len(l.items) == 0 {
		s.wrong("services", "selects no endpoint", "name services, or leave the key out for all of the vendor's")
	}
	if l := s.value("markets"); l != nil && len(l.items) == 0 {
		s.wrong("markets", "selects no market", "name markets, or leave the key out for all")
	}
}

// places resolves where data may go and where never.
func (a *assembly) places(s section, c *residency.Claim) {
	never, regions, cdn := s.texts("never"), s.texts("regions"), s.texts("cdn_regions")
	if len(never) > 0 {
		c.Never = a.countries(never, s.at("never"))
	}
	c.Regions = a.regions(regions, s.at("regions"))
	c.CDNRegions = a.regions(cdn, s.at("cdn_regions"))
	for _, name := range []string{"regions", "never", "cdn_regions"} {
		if l := s.value(name); l != nil && len(l.items) == 0 {
			s.wrong(name, "names no place", "")
		}
	}
	if !s.has("regions") {
		switch {
		case s.has("never"):
			c.Regions = residency.Regions{Written: []string{"*"}, Any: true}
		case !s.n.pos.src.broken:
			s.ps.add(s.n.pos, s.at("regions"), "missing", "say where data may go (regions), where it may not (never), or both")
		}
		return
	}
	a.contradictions(s, c, regions)
}

// contradictions reports places that are both allowed and forbidden.
func (a *assembly) contradictions(s section, c *residency.Claim, regions []item) {
	for _, it := range regions {
		country, ok := residency.ParseCountry(it.text)
		if p, isRegion := a.providerRegion(it.text); !ok && isRegion {
			country = p.Country
		}
		if c.Never.Has(country) {
			a.ps.add(it.pos, s.at("regions"), fmt.Sprintf("%s is allowed here and forbidden in never", quote(it.text)), "take it out of one of them")
			return
		}
	}
	switch {
	case c.Regions.Any && len(regions) > 1:
		s.wrong("regions", `"*" is every place already`, `write "*" alone, or leave it out`)
	case c.Regions.Any && c.Never.Empty() && !s.has("never"):
		s.wrong("regions", `"*" alone allows every place`, "say where data may never go (never)")
	case !c.Regions.Empty() && c.Regions.Possible().SubsetOf(c.Never):
		s.wrong("regions", "no place is left: never forbids all of them", "")
	}
}

// dates warns of dates that do not fit together.
func (a *assembly) dates(s section, c residency.Claim) {
	loc := a.cfg.Organisation.Location
	later := func(x, y residency.Date) bool {
		return !x.IsZero() && !y.IsZero() && x.Start(loc).After(y.Start(loc))
	}
	if later(c.SaidOn, c.DueOn) {
		a.warn.add(s.place("said_on"), s.at("said_on"), fmt.Sprintf("the promise was made on %s, after it was due on %s", c.SaidOn, c.DueOn), "")
	}
	if a.Now != nil && !c.SaidOn.IsZero() && c.SaidOn.Start(loc).After(a.Now()) {
		a.warn.add(s.place("said_on"), s.at("said_on"), c.SaidOn.String()+" is in the future", "")
	}
	if a.Now != nil && !c.Withdrawn.IsZero() && c.Withdrawn.Start(loc).After(a.Now()) {
		s.wrong("withdrawn", c.Withdrawn.String()+" is in the future", "until then the promise stands; write it down on the day")
	}
}

// unique reports an id that another claim or policy has.
func (a *assembly) unique(s section) {
	id := s.text("id")
	if id == "" {
		return
	}
	if first, twice := a.rules[id]; twice {
		s.wrong("id", fmt.Sprintf("%s is already the id of a claim or policy on %s", quote(id), first.line(s.place("id"))), "")
		return
	}
	a.rules[id] = s.place("id")
}

// superseded checks what took a rule's place: it has to exist, and the way to
// the newest must not go round in a circle. by has the successor of each rule;
// ends collects those whose way is known to end.
func (a *assembly) superseded(s section, by map[string]string, ends map[string]bool) {
	id, next := s.text("id"), s.text("superseded_by")
	if id == "" || next == "" {
		return
	}
	if _, ok := by[next]; !ok {
		hint := a.ps.didYouMean(next, func() []string { return slices.Sorted(maps.Keys(by)) })
		a.refer(s.place("superseded_by"), s.at("superseded_by"), fmt.Sprintf("there is no claim or policy %s", quote(next)), hint)
		return
	}
	way := map[string]bool{id: true}
	for ; next != "" && !ends[next]; next = by[next] {
		if way[next] {
			s.wrong("superseded_by", "goes round in a circle", "follow it to the claim that is valid today")
			break
		}
		way[next] = true
	}
	maps.Copy(ends, way) // a circle is reported once
}

// unwatched warns of claims whose place was taken by one that is not judged
// itself: nobody watches that promise any more, and no output would say so. One
// that is historic or withdrawn by its own word is left alone.
func (a *assembly) unwatched(all []ruleAt) {
	by := map[string]residency.Claim{}
	for _, r := range all {
		by[r.claim.ID] = r.claim
	}
	last := map[string]string{} // the end of the way from each id
	for _, r := range all {
		var way []string
		at := r.claim.ID
		for last[at] == "" && by[at].SupersededBy != "" && len(way) <= len(all) {
			way, at = append(way, at), by[at].SupersededBy
		}
		at = cmp.Or(last[at], at)
		for _, id := range way {
			last[id] = at
		}
		if end, found := by[at]; r.claim.SupersededBy != "" && found && end.SupersededBy == "" && !end.Live() {
			a.unwatch(r, end)
		}
	}
}

// unwatch warns of one such claim.
func (a *assembly) unwatch(r ruleAt, end residency.Claim) {
	if r.claim.Historic || !r.claim.Withdrawn.IsZero() {
		return
	}
	why := "withdrawn"
	if end.Historic {
		why = "historic"
	}
	a.warn.add(r.s.place("superseded_by"), r.s.at("superseded_by"),
		fmt.Sprintf("nobody watches this promise any more: %s, which took its place, is %s", quote(end.ID), why),
		"if that is meant, add historic = true here; else name the claim that is valid today")
}

// orNone joins names for a hint.
func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
