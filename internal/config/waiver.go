package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"residency/internal/residency"
)

// DefaultWaiverDays is how long a waiver may hold where the file does not say:
// a year, after which somebody has to think again.
const DefaultWaiverDays = 366

// waivers reads what somebody answers for. Claims, vendors and markets are read
// before.
func (a *assembly) waivers() {
	most := a.roots[0].section("organisation").number("waiver_max_days", DefaultWaiverDays)
	known := map[string]pos{}
	for _, root := range a.roots {
		for _, s := range root.sections("waiver") {
			w := a.waiver(s, most)
			if w.ID == "" {
				continue
			}
			if first, twice := known[w.ID]; twice {
				s.wrong("id", fmt.Sprintf("%s is already the id of a waiver on %s", quote(w.ID), first.line(s.place("id"))), "")
				continue
			}
			known[w.ID] = s.place("id")
			a.cfg.Waivers = append(a.cfg.Waivers, w)
		}
	}
}

// waiver reads one waiver.
func (a *assembly) waiver(s section, most int) residency.Waiver {
	w := residency.Waiver{
		ID: s.text("id"), Owner: s.text("owner"), Approver: s.text("approver"), Reason: s.text("reason"),
		Vendor: s.text("vendor"), Where: s.n.pos.where(),
	}
	if w.ID != "" && !waiverID(w.ID) {
		s.wrong("id", quote(w.ID)+" is no id: only letters, digits, dot, dash and underscore are allowed, 64 at most", `such as "W-7"`)
	}
	for _, name := range [...]string{"owner", "approver", "reason"} {
		if strings.ContainsAny(s.text(name), "\r\n") {
			s.wrong(name, "is longer than one line", "")
		}
	}
	a.waived(s, &w)
	a.waivedVerdicts(s, &w)
	a.waivedTime(s, &w, most)
	return w
}

// waiverID reports whether a text is the id of a waiver.
func waiverID(id string) bool {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	}
	return len(id) <= 64 && plain(rune(id[0])) &&
		!strings.ContainsFunc(id, func(r rune) bool { return !plain(r) && !strings.ContainsRune("._-", r) })
}

// waived reads what the waiver is about.
func (a *assembly) waived(s section, w *residency.Waiver) {
	for _, name := range [...]string{"claims", "services", "endpoints", "markets", "verdicts", "countries"} {
		if l := s.value(name); l != nil && len(l.items) == 0 {
			s.wrong(name, "names nothing", map[bool]string{true: "leave the key out for all, where that is meant"}[name != "verdicts" && name != "countries"])
		}
	}
	v := a.vendors[w.Vendor]
	if w.Vendor != "" && v == nil && !a.unsureVendors {
		hint := a.ps.didYouMean(w.Vendor, a.vendorIDs)
		a.refer(s.place("vendor"), s.at("vendor"), "there is no vendor "+quote(w.Vendor), hint)
	}
	vendor := a.waivedClaims(s, w)
	if s.has("services") {
		if vendor == "" && w.Vendor == "" && len(w.Claims) > 0 {
			s.wrong("services", "belong to a vendor, and the waiver is about several", "name the vendor")
		}
		id := cmp.Or(w.Vendor, vendor)
		w.Services = a.serviceList(s, id, a.vendors[id])
	}
	if s.has("markets") {
		w.Markets = a.marketList(s, "markets")
	}
	a.waivedHosts(s, w)
}

// vendorIDs returns the ids of all vendors.
func (a *assembly) vendorIDs() []string {
	var ids []string
	for _, v := range a.cfg.Vendors {
		ids = append(ids, v.ID)
	}
	return ids
}

// waivedClaims reads the claims, and returns the vendor that all of them are
// about; "" when they are about several.
func (a *assembly) waivedClaims(s section, w *residency.Waiver) string {
	vendors := map[string]bool{}
	for _, c := range a.cfg.Claims {
		if !s.has("claims") && (w.Vendor == "" || c.Vendor == w.Vendor) {
			w.Claims = append(w.Claims, c.ID)
			vendors[c.Vendor] = true
		}
	}
	for _, it := range s.texts("claims") {
		i := slices.IndexFunc(a.cfg.Claims, func(c residency.Claim) bool { return c.ID == it.text })
		switch {
		case i < 0:
			a.refer(it.pos, s.at("claims"), "there is no claim or policy "+quote(it.text), a.ps.didYouMean(it.text, a.claimIDs))
			continue
		case a.vendors[w.Vendor] != nil && a.cfg.Claims[i].Vendor != w.Vendor:
			a.ps.add(it.pos, s.at("claims"), fmt.Sprintf("%s is about %s", quote(it.text), quote(a.cfg.Claims[i].Vendor)), "leave the vendor out, or name its claims")
		case slices.Contains(w.Claims, it.text):
			a.ps.add(it.pos, s.at("claims"), quote(it.text)+" is named twice", "")
			continue
		}
		w.Claims = append(w.Claims, it.text)
		vendors[a.cfg.Claims[i].Vendor] = true
	}
	if len(vendors) != 1 {
		return ""
	}
	for v := range vendors {
		return v
	}
	return ""
}

// claimIDs returns the ids of all claims and policies.
func (a *assembly) claimIDs() []string {
	var ids []string
	for _, c := range a.cfg.Claims {
		ids = append(ids, c.ID)
	}
	return ids
}

// waivedHosts reads the hosts, each of which has to be an endpoint.
func (a *assembly) waivedHosts(s section, w *residency.Waiver) {
	if !s.has("endpoints") {
		return
	}
	known := map[string]bool{}
	for _, e := range a.cfg.Endpoints() {
		if w.Vendor == "" || e.Vendor == w.Vendor {
			known[e.Host] = true
		}
	}
	for _, it := range s.texts("endpoints") {
		name, why, hint := hostName(it.text)
		if known[it.text] { // an address is an endpoint too
			name, why = it.text, ""
		}
		switch {
		case why != "":
			a.ps.add(it.pos, s.at("endpoints"), quote(it.text)+" "+why, hint)
		case !known[name] && !a.unsureVendors:
			a.refer(it.pos, s.at("endpoints"), "there is no endpoint "+quote(it.text), a.ps.didYouMean(name, func() []string {
				var all []string
				for _, e := range a.cfg.Endpoints() {
					all = append(all, e.Host)
				}
				return all
			}))
		default:
			w.Hosts = append(w.Hosts, name)
		}
	}
}

// waivedVerdicts reads what is accepted, and where.
func (a *assembly) waivedVerdicts(s section, w *residency.Waiver) {
	for _, it := range s.texts("verdicts") {
		for _, v := range waivable() {
			if v.String() == it.text && !slices.Contains(w.Verdicts, v) {
				w.Verdicts = append(w.Verdicts, v)
			}
		}
	}
	if items := s.texts("countries"); len(items) > 0 {
		w.Countries = a.countries(items, s.at("countries"))
	}
	outside := slices.Contains(w.Verdicts, residency.Outside)
	switch {
	case outside && !s.has("countries"):
		a.ps.add(s.n.pos, s.at("countries"), "missing", "say where outside is accepted; anything seen elsewhere is told all the same")
	case !outside && s.has("countries") && s.value("verdicts") != nil:
		s.wrong("countries", "only says where outside is accepted, and verdicts does not name it", "")
	}
}

// waivedTime reads from when until when it holds.
func (a *assembly) waivedTime(s section, w *residency.Waiver, most int) {
	loc := a.cfg.Organisation.Location
	from, until := s.date("from"), s.date("until")
	if !from.IsZero() {
		w.From = from.Start(loc)
	}
	if until.IsZero() {
		return
	}
	w.Until = until.End(loc)
	begin := w.From
	if begin.IsZero() && a.Now != nil {
		begin = a.Now()
	}
	switch {
	case !w.From.IsZero() && !w.Until.After(w.From):
		s.wrong("until", fmt.Sprintf("%s is before its first day, %s", until, from), "")
	case !begin.IsZero() && w.Until.After(residency.DateOf(begin.In(loc)).Start(loc).AddDate(0, 0, most)):
		last := residency.DateOf(begin.In(loc).AddDate(0, 0, most-1))
		s.wrong("until", fmt.Sprintf("%s is more than %d days after it begins", until, most),
			fmt.Sprintf("%s at the latest; or [organisation] waiver_max_days", last))
	case a.Now != nil && !a.Now().Before(w.Until):
		a.warn.add(s.place("until"), s.at("until"), fmt.Sprintf("the waiver ended on %s and covers nothing", until), ended(*w))
	}
}

// ended says who has to do what about a waiver that ended.
func ended(w residency.Waiver) string {
	who := "its owner"
	if w.Owner != "" {
		who = w.Owner
	}
	return who + " has it allowed again with a new date, or takes it out"
}
