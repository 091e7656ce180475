package report

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// HistorySchema names the version of the JSON of a history.
const HistorySchema = "residency/history/v1"

// Stay is a stretch of runs in which one endpoint showed the same, as it was
// judged.
type Stay struct {
	First, Last time.Time
	Runs        int
	Round       residency.Round
	Config      string // hash of the configuration of its first run
	Rules       int    // version of the rules of judging, likewise
}

// DueDate is the instant at which a claim about the endpoint came due.
type DueDate struct {
	Claim string
	At    time.Time
}

// History is what an endpoint showed over time.
type History struct {
	Endpoint residency.Endpoint
	Market   residency.Country // zero: all
	Zone     *time.Location    // in which instants are written; never nil
	Stays    []Stay            // oldest first
	Dues     []DueDate
	Notice   string

	fine bool // instants are written to the second
}

// Sighting is how long a country or an address was seen in a market.
type Sighting struct {
	Market    residency.Country   `json:"market"`
	Address   netip.Addr          `json:"address,omitzero"` // not valid for a country
	Countries residency.Countries `json:"countries"`        // in which it can be; several at one time or one after the other
	First     time.Time           `json:"first"`
	Last      time.Time           `json:"last"`
	Runs      int                 `json:"runs"`
}

// Turn is one change of what an endpoint showed or of how that was judged.
type Turn struct {
	At      time.Time           `json:"at"`
	Market  residency.Country   `json:"market"`
	Causes  []residency.Cause   `json:"causes"`
	Added   []netip.Addr        `json:"added"`   // addresses
	Removed []netip.Addr        `json:"removed"` // addresses
	Placed  []Placing           `json:"placed"`  // addresses that are elsewhere now, by the sources
	Results []Result            `json:"results"` // verdicts that changed
	Where   residency.Countries `json:"countries"`
}

// Placing is one address that the sources place elsewhere than before.
type Placing struct {
	Address netip.Addr          `json:"address"`
	Before  residency.Countries `json:"before"`
	After   residency.Countries `json:"after"`
}

// Result is a verdict that changed.
type Result struct {
	Claim  string            `json:"claim"`
	Before residency.Verdict `json:"before"`
	After  residency.Verdict `json:"after"`
	Due    bool              `json:"due,omitempty"` // nothing but the date
}

// view is what one stay showed in one market.
type view struct {
	where    map[netip.Addr]residency.Countries
	verdicts map[string]residency.Verdict
	answered int
}

// markets lists those that the history is about.
func (h *History) markets() []residency.Country {
	var set residency.Countries
	for i := range h.Stays {
		for _, c := range h.Stays[i].Round.Cells {
			set = set.With(c.Market)
		}
	}
	var list []residency.Country
	for m := range set.All() {
		if h.Market == 0 || m == h.Market {
			list = append(list, m)
		}
	}
	return list
}

// viewOf returns what the stay showed in the market.
func (s *Stay) viewOf(market residency.Country) view {
	v := view{where: map[netip.Addr]residency.Countries{}, verdicts: map[string]residency.Verdict{}}
	for i := range s.Round.Observations {
		o := &s.Round.Observations[i]
		if o.Market != market || !o.OfMarket() {
			continue
		}
		if o.Failure == "" {
			v.answered++
		}
		for _, a := range o.Addresses {
			v.where[a.Address] = s.Round.Locations[a.Address].Left()
		}
	}
	if a := s.Round.Endpoint.Address; a.IsValid() {
		v.where[a] = s.Round.Locations[a].Left()
	}
	for _, c := range s.Round.Cells {
		if c.Market == market {
			v.verdicts[c.Claim] = c.Verdict
		}
	}
	return v
}

// Sightings returns, for each market, the first and last sighting of every
// country, and then of every address.
func (h *History) Sightings() (countries, addresses []Sighting) {
	type key struct {
		market  residency.Country
		country residency.Country
		addr    netip.Addr
	}
	seen := map[key]*Sighting{}
	note := func(k key, s *Stay, in residency.Countries) {
		e := seen[k]
		if e == nil {
			e = &Sighting{Market: k.market, Address: k.addr, First: s.First}
			seen[k] = e
		}
		e.Countries, e.Last, e.Runs = e.Countries.Union(in), s.Last, e.Runs+s.Runs
	}
	for _, m := range h.markets() {
		for i := range h.Stays {
			s := &h.Stays[i]
			var all residency.Countries
			for a, in := range s.viewOf(m).where {
				note(key{market: m, addr: a}, s, in)
				all = all.Union(in)
			}
			for c := range all.All() {
				note(key{market: m, country: c}, s, residency.CountriesOf(c))
			}
		}
	}
	for k, s := range seen {
		if k.addr.IsValid() {
			addresses = append(addresses, *s)
		} else {
			countries = append(countries, *s)
		}
	}
	order := func(a, b Sighting) int {
		return cmp.Or(cmp.Compare(a.Market, b.Market), a.First.Compare(b.First),
			strings.Compare(a.Countries.String(), b.Countries.String()), a.Address.Compare(b.Address))
	}
	slices.SortFunc(countries, order)
	slices.SortFunc(addresses, order)
	return countries, addresses
}

// Turns returns every change, oldest first, with its causes: those that can be
// seen in what was looked at and in where it was placed come before the
// configuration, and that before time alone.
func (h *History) Turns() []Turn {
	var list []Turn
	for _, m := range h.markets() {
		for i := 1; i < len(h.Stays); i++ {
			if t, changed := turn(&h.Stays[i-1], &h.Stays[i], m); changed {
				list = append(list, t)
			}
		}
		list = append(list, h.dues(m)...)
	}
	slices.SortStableFunc(list, func(a, b Turn) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Market, b.Market))
	})
	return list
}

// turn compares two stays.
func turn(before, after *Stay, market residency.Country) (Turn, bool) {
	was, is := before.viewOf(market), after.viewOf(market)
	t := Turn{At: after.First, Market: market}
	for a, in := range is.where {
		t.Where = t.Where.Union(in)
		old, known := was.where[a]
		switch {
		case !known:
			t.Added = append(t.Added, a)
		case old != in:
			t.Placed = append(t.Placed, Placing{a, old, in})
		}
	}
	for a := range was.where {
		if _, still := is.where[a]; !still {
			t.Removed = append(t.Removed, a)
		}
	}
	for claim, v := range is.verdicts {
		if old, known := was.verdicts[claim]; known && old != v {
			t.Results = append(t.Results, Result{Claim: claim, Before: old, After: v})
		}
	}
	slices.SortFunc(t.Added, netip.Addr.Compare)
	slices.SortFunc(t.Removed, netip.Addr.Compare)
	slices.SortFunc(t.Placed, func(a, b Placing) int { return a.Address.Compare(b.Address) })
	slices.SortFunc(t.Results, func(a, b Result) int { return strings.Compare(a.Claim, b.Claim) })
	t.Causes = causesOf(&t, before, after, was.answered != is.answered, len(was.where) > 0)
	return t, len(t.Added)+len(t.Removed)+len(t.Placed)+len(t.Results) > 0
}

// causesOf names what the change came from. Where more or less was answered
// than before, an address that is gone may just not have been shown; and one
// that is there after nothing was is no move.
func causesOf(t *Turn, before, after *Stay, looksDiffer, known bool) []residency.Cause {
	var list []residency.Cause
	if len(t.Added) > 0 && (known || !looksDiffer) || len(t.Removed) > 0 && !looksDiffer {
		list = append(list, residency.CauseMoved)
	}
	if len(t.Placed) > 0 {
		list = append(list, residency.CauseReclassified)
	}
	if len(t.Results) > 0 && (before.Config != after.Config || before.Rules != after.Rules) {
		list = append(list, residency.CausePolicy)
	}
	if len(list) == 0 && looksDiffer {
		list = append(list, residency.CauseLooks)
	}
	if len(list) == 0 && len(t.Results) > 0 {
		list = append(list, residency.CauseTime)
	}
	return list
}

// dues returns the due dates at which something was outside in the market.
func (h *History) dues(market residency.Country) []Turn {
	var list []Turn
	for _, d := range h.Dues {
		for i := range h.Stays {
			s := &h.Stays[i]
			next := i+1 == len(h.Stays) || h.Stays[i+1].First.After(d.At)
			if d.At.Before(s.First) || !next {
				continue
			}
			v := s.viewOf(market)
			if v.verdicts[d.Claim] != residency.Outside {
				continue
			}
			t := Turn{At: d.At, Market: market, Causes: []residency.Cause{residency.CauseDue},
				Results: []Result{{Claim: d.Claim, Before: residency.Outside, After: residency.Outside, Due: true}}}
			for _, in := range v.where {
				t.Where = t.Where.Union(in)
			}
			list = append(list, t)
		}
	}
	return list
}

// HistoryFormats are the names of the formats that WriteHistory takes.
func HistoryFormats() []string { return []string{"table", "json", "csv"} }

// WriteHistory writes the history in a format of HistoryFormats. Options are
// for the table only.
func WriteHistory(w io.Writer, format string, h History, o Options) error {
	switch format {
	case "table":
		return historyTable(w, &h, o)
	case "json":
		return historyJSON(w, &h)
	case "csv":
		return historyCSV(w, &h)
	}
	return fmt.Errorf("write history: no format %q; use %s", format, strings.Join(HistoryFormats(), ", "))
}

func historyJSON(w io.Writer, h *History) error {
	countries, addresses := h.Sightings()
	head := struct {
		Schema    string             `json:"schema"`
		Vendor    string             `json:"vendor"`
		Service   string             `json:"service"`
		Endpoint  string             `json:"endpoint"`
		Market    *residency.Country `json:"market"`
		Notice    string             `json:"notice,omitempty"`
		Checks    int                `json:"checks"`
		First     *time.Time         `json:"first"` // of the checks
		Last      *time.Time         `json:"last"`
		Never     string             `json:"never_measured,omitempty"` // why no check could measure anything; absent where some did
		Countries []Sighting         `json:"countries"`
		Addresses []Sighting         `json:"addresses"`
		Changes   []Turn             `json:"changes"`
	}{HistorySchema, h.Endpoint.Vendor, h.Endpoint.Service, h.Endpoint.Host, nil, h.Notice,
		h.checks(), nil, nil, h.neverMeasured(), some(countries), some(addresses), some(h.Turns())}
	if h.Market != 0 {
		head.Market = &h.Market
	}
	if n := len(h.Stays); n > 0 {
		head.First, head.Last = &h.Stays[0].First, &h.Stays[n-1].Last
	}
	for i := range head.Changes {
		t := &head.Changes[i]
		t.Causes, t.Added, t.Removed, t.Placed, t.Results = some(t.Causes), some(t.Added), some(t.Removed), some(t.Placed), some(t.Results)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(head)
}

// checks counts the checks of the history.
func (h *History) checks() int {
	n := 0
	for _, s := range h.Stays {
		n += s.Runs
	}
	return n
}

// historyCSV writes a row a change. What no check could measure has a row too,
// or it would look as if nothing had changed.
func historyCSV(w io.Writer, h *History) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"at", "market", "claim", "before", "after", "causes", "added", "removed", "countries"}}
	if h.neverMeasured() != "" {
		at := h.Stays[len(h.Stays)-1].Last.In(h.Zone).Format(time.RFC3339)
		for _, m := range h.markets() {
			rows = append(rows, []string{at, m.String(), "", "", residency.NotMeasured.String(), "never-measured", "", "", ""})
		}
	}
	for _, t := range h.Turns() {
		causes := make([]string, len(t.Causes))
		for i, c := range t.Causes {
			causes[i] = string(c)
		}
		row := []string{t.At.In(h.Zone).Format(time.RFC3339), t.Market.String(), "", "", "", strings.Join(causes, "|"),
			joined(t.Added), joined(t.Removed), strings.Join(t.Where.Codes(), "|")}
		if len(t.Results) == 0 {
			rows = append(rows, row)
		}
		for _, r := range t.Results {
			one := slices.Clone(row)
			one[2], one[3], one[4] = harmless(r.Claim), r.Before.String(), r.After.String()
			rows = append(rows, one)
		}
	}
	if err := out.WriteAll(rows); err != nil {
		return err
	}
	return out.Error()
}

func joined(list []netip.Addr) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = a.String()
	}
	return strings.Join(texts, "|")
}
