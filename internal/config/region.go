package config

import (
	_ "embed" // the shipped sets
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"residency/internal/residency"
)

//go:embed sets.toml
var shippedSets []byte

// shippedSet is a named set of countries that the program knows, with the date
// and the source of its membership.
type shippedSet struct {
	Name      string   `toml:"name"`
	Doc       string   `toml:"doc"`
	AsOf      string   `toml:"as_of"`
	Source    string   `toml:"source"`
	Includes  []string `toml:"includes"` // other shipped sets
	Countries []string `toml:"countries"`
}

// NamedSet is a set of countries that may be named in regions.
type NamedSet struct {
	Name      string
	Doc       string // what the set is
	AsOf      string // the day for which its membership holds
	Source    string // where that can be read
	Countries residency.Countries
}

// ShippedSets returns the sets that exist without being configured: EU, EEA
// and EU-adequate. They are data of this program, dated and with sources, not
// legal advice.
func ShippedSets() ([]NamedSet, error) {
	var file struct {
		Set []shippedSet `toml:"set"`
	}
	if err := toml.Unmarshal(shippedSets, &file); err != nil {
		return nil, fmt.Errorf("read shipped sets: %w", err)
	}
	var out []NamedSet
	for _, s := range file.Set {
		n := NamedSet{Name: s.Name, Doc: s.Doc, AsOf: s.AsOf, Source: s.Source}
		for _, inc := range s.Includes {
			i := slices.IndexFunc(out, func(o NamedSet) bool { return o.Name == inc })
			if i < 0 {
				return nil, fmt.Errorf("read shipped sets: %s includes %s, which is not above it", s.Name, inc)
			}
			n.Countries = n.Countries.Union(out[i].Countries)
		}
		for _, code := range s.Countries {
			c, ok := residency.ParseCountry(code)
			if !ok {
				return nil, fmt.Errorf("read shipped sets: %s: no country %q", s.Name, code)
			}
			n.Countries = n.Countries.With(c)
		}
		out = append(out, n)
	}
	return out, nil
}

// set is a named set, shipped or the user's own.
type set struct {
	items   []item
	key     string
	pos     pos
	shipped bool
	state   int // 0 not begun, 1 being expanded, 2 done
	regions residency.Regions
}

// collectSets gathers the shipped sets and those of [regions], and expands
// them.
func (a *assembly) collectSets() {
	a.sets = map[string]*set{}
	shipped, err := ShippedSets()
	if err != nil {
		a.ps.add(pos{a.sources[0], -1}, "", err.Error(), "this is a fault of the program")
	}
	for _, n := range shipped {
		a.sets[n.Name] = &set{shipped: true, state: 2, regions: residency.Regions{Countries: n.Countries}}
	}
	var own []*set
	for _, root := range a.roots {
		s := root.section("regions")
		for _, f := range s.n.fields {
			if f.value.bad || !a.setName(s, f) {
				continue
			}
			n := &set{items: itemsOf(f.value), key: s.at(f.name), pos: f.pos}
			if len(n.items) == 0 && len(f.value.items) == 0 {
				a.ps.add(f.value.pos, n.key, "names no place", "")
			}
			a.sets[f.name] = n
			own = append(own, n)
		}
	}
	for _, n := range own {
		a.expand(n)
	}
}

// setName reports a name that a set cannot have.
func (a *assembly) setName(s section, f *field) bool {
	_, isCountry := residency.ParseCountry(f.name)
	first := a.sets[f.name]
	switch {
	case first != nil && first.shipped:
		a.ps.add(f.pos, s.at(f.name), "is a set the program knows already", "choose another name, such as "+quote("our-"+f.name))
	case isCountry:
		a.ps.add(f.pos, s.at(f.name), "is the code of a country", "choose another name")
	case first != nil:
		a.ps.add(f.pos, s.at(f.name), "is already given on "+first.pos.line(f.pos), "")
	case f.name == "" || strings.ContainsFunc(f.name, func(r rune) bool { return r > 127 || !isKeyByte(byte(r)) }):
		a.ps.add(f.pos, s.at(f.name), "is no name for a set", "letters, digits, dash and underscore")
	default:
		return true
	}
	return false
}

// expand resolves the places of a set, and of the sets it names.
func (a *assembly) expand(n *set) {
	if n.state != 0 {
		return
	}
	n.state = 1
	n.regions = a.regions(n.items, n.key)
	if n.regions.Any {
		a.ps.add(n.pos, n.key, `"*" is no place for a set`, "write it in the claim itself")
		n.regions.Any = false
	}
	n.state = 2
}

// regions resolves a list of places: country codes, provider regions, names of
// sets, or "*".
func (a *assembly) regions(items []item, key string) residency.Regions {
	var out residency.Regions
	for _, it := range items {
		out.Written = append(out.Written, it.text)
		if c, ok := residency.ParseCountry(it.text); ok {
			out.Countries = out.Countries.With(c)
		} else if it.text == "*" {
			out.Any = true
		} else if n := a.sets[it.text]; n != nil {
			a.join(&out, n, it, key)
		} else if p, ok := a.providerRegion(it.text); ok {
			out.Providers = append(out.Providers, p)
		} else {
			a.unknownRegion(it, key)
		}
	}
	return out
}

// join adds the places of a named set.
func (a *assembly) join(out *residency.Regions, n *set, it item, key string) {
	if n.state == 1 {
		a.ps.add(it.pos, key, quote(it.text)+" names itself in the end", "sets cannot go round in a circle")
		return
	}
	if a.depth >= maxDepth {
		a.ps.add(it.pos, key, fmt.Sprintf("sets name each other more than %d deep", maxDepth), "")
		return
	}
	a.depth++
	a.expand(n)
	a.depth--
	out.Countries = out.Countries.Union(n.regions.Countries)
	for _, p := range n.regions.Providers {
		if !out.Names(p.ID) {
			out.Providers = append(out.Providers, p)
		}
	}
}

// providerRegion finds a provider region by its id.
func (a *assembly) providerRegion(id string) (residency.ProviderRegion, bool) {
	for _, p := range a.ProviderRegions {
		if p.ID == id {
			return p, true
		}
	}
	return residency.ProviderRegion{}, false
}

// unknownRegion reports a text that is no place, and says what may be meant.
func (a *assembly) unknownRegion(it item, key string) {
	text := quote(it.text) + " is not a region"
	if len(a.ps.list) >= maxHints {
		a.ps.add(it.pos, key, text, "")
		return
	}
	if provider, _, ok := strings.Cut(it.text, ":"); ok {
		var ids []string
		for _, p := range a.ProviderRegions {
			if strings.HasPrefix(p.ID, provider+":") {
				ids = append(ids, p.ID)
			}
		}
		hint := didYouMean(it.text, ids)
		if len(ids) == 0 {
			hint = fmt.Sprintf("no regions of a provider %s are known", quote(provider))
		} else if hint == "" {
			hint = fmt.Sprintf("%d regions of %s are known, such as %q", len(ids), provider, ids[0])
		}
		a.ps.add(it.pos, key, text, hint)
		return
	}
	a.ps.add(it.pos, key, text, a.regionHint(it.text))
}

// regionHint says which place may be meant by a text without a colon.
func (a *assembly) regionHint(text string) string {
	if c := meantCountry(text); c.Known() {
		return fmt.Sprintf("did you mean %q?", c)
	}
	for _, p := range a.ProviderRegions {
		if _, name, _ := strings.Cut(p.ID, ":"); name == text {
			return fmt.Sprintf("did you mean %q?", p.ID)
		}
	}
	names := slices.Sorted(maps.Keys(a.sets))
	if hint := didYouMean(text, names); hint != "" {
		return hint
	}
	return `a country code such as "SG", a provider region such as "aws:ap-southeast-1", a set (` + strings.Join(names, ", ") + `) or "*"`
}

// countries resolves a list of countries and sets of countries, for `never`.
func (a *assembly) countries(items []item, key string) residency.Countries {
	r := a.regions(items, key)
	if r.Any || len(r.Providers) > 0 {
		a.ps.add(items[0].pos, key, "takes countries and sets of countries only", `not a provider region, nor "*"`)
	}
	return r.Countries
}
