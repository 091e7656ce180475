package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"residency/internal/residency"
)

// Place is a point on the Earth and how well it is known.
type Place struct {
	Lat, Lon float64 // degrees north and east (WGS 84)
	Within   float64 // km: how far the true place may be from it
}

// Position is a [[vantage]]: a place from which delays are measured.
type Position struct {
	Name    string
	Country residency.Country
	Place   Place
	Where   string
}

// RTT is whether and how delays are measured.
type RTT struct {
	Enabled bool
	From    *Position // where this machine stands; nil when the file does not say
	Tries   int       // handshakes with one address and port
	Far     []FarHost
}

// FarHost is a host in a known place, far from the vantage. It is measured to
// see whether delays can be believed.
type FarHost struct {
	Name   string
	Target netip.AddrPort
	Place  Place
	Where  string
}

// usualWithin is how well a place is known that does not say, in km: it is the
// middle of a town.
const usualWithin = 25

// checkPlace checks a point on the Earth.
func checkPlace(ps *problems, v *node, k *key, path string) {
	if !expect(ps, v, k, path, aList) {
		return
	}
	const hint = "[latitude, longitude] in degrees, such as [1.35, 103.82]"
	if len(v.items) != 2 {
		v.bad = true
		ps.add(v.pos, path, fmt.Sprintf("has %s, want two", residency.Plural(len(v.items), "value")), hint)
		return
	}
	for i, what := range [...]string{"latitude", "longitude"} {
		it, most := v.items[i], 90.0*float64(i+1)
		deg, err := degrees(it)
		switch {
		case err != nil:
			ps.add(it.pos, path, fmt.Sprintf("want a number for the %s, not %s", what, it.kind.words()), hint)
		case !(deg >= -most && deg <= most): // not a number is neither
			ps.add(it.pos, path, fmt.Sprintf("%s is no %s", it.text, what), fmt.Sprintf("from %v to %v; the latitude comes first", -most, most))
		default:
			continue
		}
		v.bad = true
	}
}

// degrees reads a number as TOML writes it.
func degrees(it *node) (float64, error) {
	switch it.kind {
	case anInteger:
		n, err := integer(it.text)
		return float64(n), err
	case aFloat:
		return strconv.ParseFloat(strings.ReplaceAll(it.text, "_", ""), 64)
	}
	return 0, fmt.Errorf("%s is no number", it.kind.words())
}

// point reads a location and how well it is known; false if there is none.
func (s section) point() (Place, bool) {
	v := s.value("location")
	if v == nil {
		return Place{}, false
	}
	p := Place{Within: float64(s.number("within_km", usualWithin))}
	p.Lat, _ = degrees(v.items[0]) // checked before
	p.Lon, _ = degrees(v.items[1])
	return p, true
}

// positions reads the places from which delays are measured.
func (a *assembly) positions(main section) {
	seen := map[string]pos{}
	for _, s := range main.sections("vantage") {
		v := Position{Name: s.text("name"), Where: s.n.pos.where()}
		if first, twice := seen[v.Name]; twice && v.Name != "" {
			s.wrong("name", fmt.Sprintf("vantage %s is already given on %s", quote(v.Name), first.line(s.place("name"))), "")
		}
		seen[v.Name] = s.place("name")
		if c := s.value("country"); c != nil {
			country, ok := residency.ParseCountry(c.text)
			if !ok {
				s.wrong("country", quote(c.text)+" is no country code", countryHint(c.text))
			}
			v.Country = country
		}
		var ok bool
		if v.Place, ok = s.point(); ok && v.Country.Known() {
			a.stands(s, v)
		}
		a.cfg.Positions = append(a.cfg.Positions, v)
	}
}

// stands reports a vantage whose place is not in its country: two numbers the
// other way round, or a sign forgotten, would make false evidence.
func (a *assembly) stands(s section, v Position) {
	if a.FarFrom == nil {
		return
	}
	far := func(lat, lon float64) (float64, bool) {
		km, ok := a.FarFrom(v.Country, lat, lon)
		return km, ok && km > v.Place.Within
	}
	km, wrong := far(v.Place.Lat, v.Place.Lon)
	if !wrong {
		return
	}
	hint := ""
	for _, p := range [...][2]float64{{v.Place.Lon, v.Place.Lat}, {-v.Place.Lat, v.Place.Lon}, {v.Place.Lat, -v.Place.Lon}} {
		if _, wrong := far(p[0], p[1]); !wrong && p[0] >= -90 && p[0] <= 90 {
			hint = fmt.Sprintf("did you mean [%v, %v]?", p[0], p[1])
			break
		}
	}
	s.wrong("location", fmt.Sprintf("is %.0f km away from %s", km, v.Country.Name()), hint)
}

// rtt reads whether and how delays are measured. Nothing of it is needed until
// they are.
func (a *assembly) rtt(s section) RTT {
	r := RTT{Enabled: s.flag("enabled", false), Tries: s.number("tries", 5)}
	list := a.cfg.Positions
	name := s.text("vantage")
	i := slices.IndexFunc(list, func(v Position) bool { return v.Name == name })
	switch {
	case name != "" && i < 0:
		a.refer(s.place("vantage"), s.at("vantage"), "no [[vantage]] has the name "+quote(name), "")
	case name != "":
		r.From = &list[i]
	case len(list) == 1:
		r.From = &list[0]
	case r.Enabled && len(list) == 0:
		a.refer(s.place("enabled"), s.at("enabled"), "there is no [[vantage]]", "a delay shows something only where it is known from where it was measured")
	case r.Enabled:
		s.wrong("enabled", fmt.Sprintf("there are %d vantages", len(list)), `say which of them this machine is: vantage = "NAME"`)
	}
	seen := map[netip.AddrPort]pos{}
	for _, t := range s.sections("far") {
		r.Far = append(r.Far, a.farHost(t, seen))
	}
	return r
}

// farHost reads a host in a known place.
func (a *assembly) farHost(s section, seen map[netip.AddrPort]pos) FarHost {
	f := FarHost{Name: s.text("name"), Where: s.n.pos.where()}
	f.Place, _ = s.point()
	v := s.value("address")
	if v == nil {
		return f
	}
	addr, err := netip.ParseAddr(v.text)
	if err != nil || addr.Zone() != "" {
		s.wrong("address", quote(v.text)+" is no IP address", "a name can lead to another place tomorrow")
		return f
	}
	addr = addr.Unmap()
	if what := specialPurpose(netip.PrefixFrom(addr, addr.BitLen())); what != "" {
		s.wrong("address", quote(v.text)+" is not on the public internet: "+what, "")
	}
	f.Target = netip.AddrPortFrom(addr, uint16(s.number("port", 443)))
	if first, twice := seen[f.Target]; twice {
		s.wrong("address", fmt.Sprintf("%s is already given on %s", f.Target, first.line(v.pos)), "")
	}
	seen[f.Target] = v.pos
	return f
}
