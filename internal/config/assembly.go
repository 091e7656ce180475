package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// assembly turns the tables of all files into a Config.
type assembly struct {
	Loader
	*reading
	cfg *Config

	markets map[residency.Country]pos
	sets    map[string]*set
	depth   int // of the set being expanded
	vendors map[string]*vendorEntry
	rules   map[string]pos // ids of claims and policies
	wanted  []wantedServer // servers that markets name

	// A market or vendor has no readable name: it may be the one that a claim
	// refers to, so that no claim is reported as well.
	unsureMarkets, unsureVendors bool
}

// assemble builds the Config in the order in which its parts depend on each
// other.
func (a *assembly) assemble() {
	a.markets = map[residency.Country]pos{}
	a.vendors = map[string]*vendorEntry{}
	a.rules = map[string]pos{}
	main := a.roots[0]
	a.organisation(main.section("organisation"))
	a.schedule(main.section("schedule"))
	a.collectSets()
	a.collectMarkets()
	a.collectVendors()
	a.collectClaims()
	a.waivers()
	a.resolve(main.section("resolve"))
	a.network(main.section("network"))
	a.vantages()
	a.positions(main)
	a.geo(main.section("geo"))
	a.alert(main.section("alert"))
	a.store(main)
	a.sealing(main)
	a.daemon(main.section("web"), main.section("log"))
	a.enough()
}

// refer reports something that a table refers to and that does not exist.
// After a syntax error nothing is said: it may just not have been read.
func (a *assembly) refer(at pos, key, text, hint string) {
	if !a.broken {
		a.ps.add(at, key, text, hint)
	}
}

// enough reports a configuration in which there is nothing to do.
func (a *assembly) enough() {
	whole := pos{a.sources[0], -1}
	has := func(name string) bool {
		return slices.ContainsFunc(a.roots, func(s section) bool { return s.has(name) })
	}
	if !has("claim") && !has("policy") {
		a.refer(whole, "", "has no [[claim]] and no [[policy]]", "without a promise or a rule there is nothing to judge")
	}
	if !has("market") {
		a.refer(whole, "", "has no [[market]]", `name the countries whose users are concerned, each as [[market]] with code = "IN"`)
	}
	if !has("vendor") {
		a.refer(whole, "", "has no [[vendor]]", "name who receives the data, and through which hosts")
	}
}

func (a *assembly) organisation(s section) {
	a.cfg.Organisation = Organisation{
		Name:     s.text("name"),
		Contact:  s.text("contact"),
		Notice:   s.text("notice"),
		Location: a.location(s, time.UTC),
	}
	if n := a.cfg.Organisation.Notice; strings.ContainsAny(n, "\r\n") {
		s.wrong("notice", "has more than one line", "")
	}
}

// location reads the time zone of a table, or returns the other.
func (a *assembly) location(s section, other *time.Location) *time.Location {
	name := s.text("timezone")
	if name == "" {
		return other
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		s.wrong("timezone", quote(name)+" is not a time zone", `a name of the IANA database, such as "Asia/Kolkata" or "UTC"`)
		return other
	}
	return loc
}

func (a *assembly) schedule(s section) {
	a.cfg.Schedule = Schedule{
		Check: a.times(s, "check"), GeoData: a.times(s, "geo_data"), Jitter: s.span("jitter", DefaultJitter),
		Window: s.span("window", DefaultWindow),
		Claims: map[string][]string{}, Endpoints: map[string][]string{},
	}
}

// times reads cron expressions.
func (a *assembly) times(s section, name string) (list []string) {
	for _, it := range s.texts(name) {
		err := cronProblem(it.text)
		if err == nil && a.ParseSchedule != nil {
			err = a.ParseSchedule(it.text)
		}
		if err != nil {
			a.ps.add(it.pos, s.at(name), fmt.Sprintf("%s is no time to check: %v", quote(it.text), err),
				`minute hour day month weekday, such as "7 * * * *" for every hour at seven minutes past`)
			continue
		}
		list = append(list, it.text)
	}
	return list
}

func (a *assembly) collectMarkets() {
	var nets []subnetAt
	for _, root := range a.roots {
		for _, s := range root.sections("market") {
			m, ok := a.market(s)
			if !ok {
				continue
			}
			m.Subnets, nets = a.subnets(s, m, nets)
			a.vantage(s, m.Code)
			a.cfg.Markets = append(a.cfg.Markets, m)
		}
	}
	a.overlaps(nets)
}

// market reads a market's code and name.
func (a *assembly) market(s section) (residency.Market, bool) {
	v := s.value("code")
	if v == nil {
		a.unsureMarkets = true
		return residency.Market{}, false
	}
	c, ok := residency.ParseCountry(v.text)
	if !ok {
		s.wrong("code", quote(v.text)+" is no country code", countryHint(v.text))
		a.unsureMarkets = true
		return residency.Market{}, false
	}
	if first, twice := a.markets[c]; twice {
		s.wrong("code", fmt.Sprintf("market %s is already given on %s", c, first.line(v.pos)), "")
		return residency.Market{}, false
	}
	a.markets[c] = v.pos
	return residency.Market{Code: c, Name: s.textOr("name", c.Name())}, true
}

// marketList reads a list of markets; when the key is absent, all markets.
func (a *assembly) marketList(s section, name string) []residency.Country {
	if !s.has(name) {
		var all []residency.Country
		for _, m := range a.cfg.Markets {
			all = append(all, m.Code)
		}
		return all
	}
	var list []residency.Country
	for _, it := range s.texts(name) {
		c, ok := residency.ParseCountry(it.text)
		switch {
		case !ok:
			a.ps.add(it.pos, s.at(name), quote(it.text)+" is no country code", countryHint(it.text))
		case slices.Contains(list, c):
			a.ps.add(it.pos, s.at(name), fmt.Sprintf("%s is named twice", c), "")
		default:
			if _, known := a.markets[c]; !known && !a.unsureMarkets {
				a.refer(it.pos, s.at(name), fmt.Sprintf("%s (%s) is not a market here", c, c.Name()),
					fmt.Sprintf("add [[market]] with code = \"%s\", or leave it out", c))
			}
			list = append(list, c)
		}
	}
	return list
}
