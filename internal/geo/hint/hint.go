package hint

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"residency/internal/residency"
)

// Limits on what names from outside can cost.
const (
	maxName  = 253 // bytes of a host name in text form, RFC 1035 section 2.3.4
	maxNames = 64
	maxHints = 16 // from one call
)

// Hints reads places out of names. It is not changed once made, so it may be
// used by many goroutines.
type Hints struct {
	patterns *patterns
	rules    map[string][]rule                              // domain -> its rules
	regions  map[string]map[string]residency.ProviderRegion // provider -> lower-case name
}

// New makes hints that know the given provider regions, and those that the
// embedded patterns add for providers without a list of their own. A region of
// the list is taken before one of the patterns.
func New(regions []residency.ProviderRegion) (*Hints, error) {
	p, err := parse(patternsText)
	if err != nil {
		return nil, fmt.Errorf("read host name patterns: %w", err)
	}
	return with(p, regions), nil
}

func with(p *patterns, regions []residency.ProviderRegion) *Hints {
	h := &Hints{patterns: p, rules: map[string][]rule{}, regions: map[string]map[string]residency.ProviderRegion{}}
	for _, r := range p.rules {
		h.rules[r.domain] = append(h.rules[r.domain], r)
	}
	for _, r := range p.regions {
		h.know(r)
	}
	for _, r := range regions {
		h.know(r)
	}
	for from, to := range p.aliases {
		if r, ok := h.regions[from[0]][to]; ok {
			h.regions[from[0]][from[1]] = r
		}
	}
	return h
}

func (h *Hints) know(r residency.ProviderRegion) {
	provider, name, ok := strings.Cut(r.ID, ":")
	if !ok || !r.Country.Known() {
		return
	}
	if h.regions[provider] == nil {
		h.regions[provider] = map[string]residency.ProviderRegion{}
	}
	h.regions[provider][strings.ToLower(name)] = r
}

// Dataset returns what identifies the patterns.
func (h *Hints) Dataset() residency.Dataset { return h.patterns.dataset }

// Assert appends what the names hint at to into: assertions of class
// residency.ClassHint, each with the countries in In, and the label and name it
// is from in Note. Source is the provider ("aws"), "airport", "city" or
// "label". A provider's region is in Region ("aws:us-west-2") too; a name that
// holds one is not searched for airports and cities, since the rest of it is
// the customer's. A code that means several places names all their countries.
//
// Names come from outside and may be anything: what is no host name is passed
// over. The same hint from several names is told once, for the first.
func (h *Hints) Assert(names []string, into []residency.Assertion) []residency.Assertion {
	first := len(into)
	for _, name := range names[:min(len(names), maxNames)] {
		lower, labels := split(name)
		if labels == nil {
			continue
		}
		found, isProvider := h.provider(lower, labels)
		if !isProvider {
			found = h.places(labels)
		}
		for _, f := range found {
			if len(into)-first == maxHints {
				return into
			}
			a := h.assertion(f, name)
			if !told(into[first:], a) {
				into = append(into, a)
			}
		}
	}
	return into
}

// found is one hint in one name.
type found struct {
	source, what, label string
	in                  residency.Countries
	region              string
}

func (h *Hints) assertion(f found, name string) residency.Assertion {
	return residency.Assertion{
		Source: f.source, Class: residency.ClassHint, Lineage: "hint", In: f.in, Region: f.region,
		Note:    fmt.Sprintf("%s %s in the name %s", f.what, strconv.Quote(f.label), strconv.Quote(name)),
		Dataset: &h.patterns.dataset,
	}
}

func told(list []residency.Assertion, a residency.Assertion) bool {
	for i := range list {
		if b := &list[i]; b.Source == a.Source && b.In == a.In && b.Region == a.Region {
			return true
		}
	}
	return false
}

// split returns a host name in lower case and its labels, none for what is no
// host name: empty, too long, or with an empty label.
func split(name string) (lower string, labels []string) {
	lower = strings.ToLower(strings.TrimSuffix(name, "."))
	if lower == "" || len(lower) > maxName {
		return "", nil
	}
	labels = strings.Split(lower, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 {
			return "", nil
		}
	}
	return lower, labels
}

// provider finds a region in a name of a provider. It reports whether the name
// holds one; the label nearest to the provider's domain counts.
func (h *Hints) provider(name string, labels []string) ([]found, bool) {
	var best found
	depth := -1  // position of the best label, from the left
	domain := "" // the longest domain wins: a.run.app before run.app
	rest := name
	for last := range labels {
		_, rest, _ = strings.Cut(rest, ".") // what follows the label
		for _, r := range h.rules[rest] {
			for i := last; i >= 0; i-- {
				if h.stops(r.domain, labels[i]) {
					break
				}
				region, ok := r.form.find(labels[i], h.regions[r.provider])
				if !ok {
					continue
				}
				if order := cmp.Or(cmp.Compare(len(r.domain), len(domain)), cmp.Compare(i, depth)); order > 0 {
					depth, domain = i, r.domain
					best = found{r.provider, "region", labels[i], residency.CountriesOf(region.Country), region.ID}
				}
				break
			}
		}
	}
	if depth < 0 {
		return nil, false
	}
	return []found{best}, true
}

func (h *Hints) stops(domain, label string) bool {
	for _, stop := range h.patterns.stops[domain] {
		if stop == label {
			return true
		}
	}
	return false
}

// find returns the region whose name stands in the label as the form has it;
// of several the longest.
func (f form) find(label string, regions map[string]residency.ProviderRegion) (residency.ProviderRegion, bool) {
	rest, ok := strings.CutPrefix(label, f.before)
	if f.anyBefore {
		rest, ok = label, true
	}
	for ok {
		if f.anyBefore { // the next part after a dash; the longest rest first
			if _, rest, ok = strings.Cut(rest, "-"); !ok {
				break
			}
		}
		if region, found := f.findHead(rest, regions); found {
			return region, true
		}
		ok = f.anyBefore
	}
	return residency.ProviderRegion{}, false
}

// findHead is find for what stands before the region being cut off.
func (f form) findHead(rest string, regions map[string]residency.ProviderRegion) (residency.ProviderRegion, bool) {
	if !f.anyAfter {
		name, ok := strings.CutSuffix(rest, f.after)
		region, known := regions[name]
		return region, ok && known
	}
	for end := strings.LastIndex(rest, "-"); end > 0; end = strings.LastIndex(rest[:end], "-") {
		if region, known := regions[rest[:end]]; known {
			return region, true
		}
	}
	return residency.ProviderRegion{}, false
}
