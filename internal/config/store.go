package config

import (
	"fmt"
	"slices"
	"time"

	"residency/internal/residency"
)

// Store is where, and for how long, is remembered what was seen. Without the
// table nothing is: each run is judged by itself.
type Store struct {
	On   bool
	Path string        // of the file
	Keep time.Duration // how old something grows before it is deleted
	Hold []Hold        // what is not deleted however old it is
}

// Hold keeps what is known of some endpoints from being deleted.
type Hold struct {
	Vendor   string   // "": any
	Services []string // empty: all of the vendor
	Host     string   // "": any
	Reason   string
	Owner    string
	Where    string
}

// Covers reports whether the hold is about the endpoint.
func (h Hold) Covers(e residency.Endpoint) bool {
	return (h.Vendor == "" || h.Vendor == e.Vendor) && (h.Host == "" || h.Host == e.Host) &&
		(len(h.Services) == 0 || slices.Contains(h.Services, e.Service))
}

// DefaultKeep is how long is remembered what was seen, where the file does not
// say: a year, and what a yearly audit of it takes.
const DefaultKeep = 400 * 24 * time.Hour

// DefaultStore is the name of the store's file beside the configuration.
const DefaultStore = "residency.db"

func storeTable() *table {
	return &table{name: "store", keys: []key{
		{name: "path", kind: kText, doc: "File of the store, relative to this file; its directory must exist. Default \"residency.db\", beside this file, so that every command that is given this file finds it.", alias: []string{"file", "database", "db"}},
		{name: "keep", kind: kSpan, min: 30 * day, max: 36500 * day, doc: "How old what was seen grows before `residency watch` deletes it. The evidence log itself, and what is under a hold, stay. Default \"400d\".", alias: []string{"retention", "max_age"}},
		{name: "hold", kind: kTables, of: holdTable(), doc: "A legal hold: what is known of a claim, a vendor or a host is not deleted, however old it grows.", alias: []string{"holds", "legal_hold"}},
	}}
}

func holdTable() *table {
	return &table{name: "hold", keys: []key{
		{name: "claim", kind: kText, doc: "Id of a claim or policy: the hold is about the services that it is about."},
		{name: "vendor", kind: kText, doc: "Id of a vendor."},
		{name: "host", kind: kText, doc: "Host of an endpoint.", alias: []string{"endpoint", "hostname"}},
		{name: "reason", kind: kText, need: true, doc: "Why, such as the number of the case.", alias: []string{"why", "case"}},
		{name: "owner", kind: kText, need: true, doc: "Who ends it.", alias: []string{"by"}},
	}}
}

// store reads where is remembered what was seen. The claims are read before.
func (a *assembly) store(main section) {
	s := main.section("store")
	st := Store{On: main.has("store"), Keep: s.span("keep", DefaultKeep)}
	st.Path = beside(a.cfg.Path, s.textOr("path", DefaultStore))
	for _, h := range s.sections("hold") {
		st.Hold = append(st.Hold, a.hold(h))
	}
	a.cfg.Store = st
}

// hold reads one legal hold. What it is about need not be in the file any
// more, except for a claim: without it, nobody knows which hosts are meant.
func (a *assembly) hold(s section) Hold {
	h := Hold{Vendor: s.text("vendor"), Host: s.text("host"), Reason: s.text("reason"), Owner: s.text("owner"), Where: s.n.pos.where()}
	if v := s.value("host"); v != nil {
		name, why, hint := hostName(v.text)
		if why != "" {
			s.wrong("host", quote(v.text)+" "+why, hint)
		} else {
			h.Host = name
		}
	}
	if !s.has("claim") && !s.has("vendor") && !s.has("host") {
		a.ps.add(s.n.pos, s.path, "says neither claim nor vendor nor host", "a hold of everything is [store] keep with a long time")
	}
	if id := s.text("claim"); id != "" {
		i := slices.IndexFunc(a.cfg.Claims, func(c residency.Claim) bool { return c.ID == id })
		switch {
		case i < 0:
			a.refer(s.place("claim"), s.at("claim"), "no claim or policy has the id "+quote(id), "where it is gone, hold its vendor or its hosts")
		case h.Vendor != "" && h.Vendor != a.cfg.Claims[i].Vendor:
			s.wrong("claim", fmt.Sprintf("%s is about %s", quote(id), quote(a.cfg.Claims[i].Vendor)), "")
		default:
			h.Vendor, h.Services = a.cfg.Claims[i].Vendor, a.cfg.Claims[i].Services
		}
	}
	return h
}
