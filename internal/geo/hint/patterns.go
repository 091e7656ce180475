package hint

import (
	"crypto/sha256"
	_ "embed" // the patterns
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"residency/internal/residency"
)

// patternsText says itself how it is written and where it is from.
//
//go:embed patterns.txt
var patternsText string

// rule is one form of a provider's host names.
type rule struct {
	provider, domain string
	form             form
}

// form is how a label holds a region's name: what stands before and after it.
type form struct {
	before, after       string
	anyBefore, anyAfter bool // anything, up to the dash that before ends with or after begins with
}

// airport is an IATA code.
type airport struct {
	in     residency.Countries
	number bool // counts only with a digit after it: the code is also a word
}

// patterns is the data file, read.
type patterns struct {
	dataset  residency.Dataset
	rules    []rule
	stops    map[string][]string // domain -> labels
	regions  map[string]residency.ProviderRegion
	aliases  map[[2]string]string // provider, name -> region
	airports map[string]airport
	denied   map[string]bool
	cities   map[string]residency.Countries
	labels   map[string]residency.Countries
}

// parse reads a data file, the whole of it or an error.
func parse(text string) (*patterns, error) {
	sum := sha256.Sum256([]byte(text))
	p := &patterns{
		dataset: residency.Dataset{
			Name: "host name patterns", Lineage: "hint", Class: residency.ClassHint,
			SHA256: hex.EncodeToString(sum[:]), Licence: "facts, collected by this project", File: "embedded",
		},
		stops: map[string][]string{}, regions: map[string]residency.ProviderRegion{}, aliases: map[[2]string]string{},
		airports: map[string]airport{}, denied: map[string]bool{},
		cities: map[string]residency.Countries{}, labels: map[string]residency.Countries{},
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if date, ok := strings.CutPrefix(line, "# date "); ok {
			built, err := time.Parse(time.DateOnly, date)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			p.dataset.Built = built
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := p.add(strings.Fields(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		p.dataset.Records++
	}
	if p.dataset.Built.IsZero() {
		return nil, errors.New("no date")
	}
	return p, p.check()
}

// add reads one line.
func (p *patterns) add(f []string) error {
	kind, args := f[0], f[1:]
	if kind == "deny" {
		for _, code := range args {
			p.denied[code] = true
		}
		return nil
	}
	want, known := map[string]int{
		"rule": 3, "stop": 2, "region": 3, "alias": 3, "airport": 2, "airportnum": 2, "city": 2, "label": 2,
	}[kind]
	if !known || len(args) != want {
		return fmt.Errorf("%q is no rule of %d words", kind, len(f))
	}
	switch kind {
	case "rule":
		form, err := parseForm(args[2])
		if err != nil {
			return err
		}
		p.rules = append(p.rules, rule{args[0], args[1], form})
	case "stop":
		p.stops[args[0]] = append(p.stops[args[0]], args[1])
	case "alias":
		p.aliases[[2]string{args[0], args[1]}] = args[2]
	case "region":
		in, err := countries(args[2])
		if err != nil {
			return err
		}
		id := args[0] + ":" + args[1]
		p.regions[id] = residency.ProviderRegion{ID: id, Country: in.Only()}
	default:
		return p.addPlace(kind, args[0], args[1])
	}
	return nil
}

// addPlace reads a code or name and its countries.
func (p *patterns) addPlace(kind, name, codes string) error {
	in, err := countries(codes)
	if err != nil {
		return err
	}
	switch kind {
	case "city":
		p.cities[name] = p.cities[name].Union(in)
	case "label":
		p.labels[name] = p.labels[name].Union(in)
	default:
		if len(name) != 3 {
			return fmt.Errorf("%q is no airport code", name)
		}
		a := p.airports[name]
		p.airports[name] = airport{in: a.in.Union(in), number: a.number || kind == "airportnum"}
	}
	return nil
}

// check finds lines that contradict each other.
func (p *patterns) check() error {
	for code := range p.airports {
		if p.denied[code] {
			return fmt.Errorf("airport %s is denied", code)
		}
	}
	for domain := range p.stops {
		if !slices.ContainsFunc(p.rules, func(r rule) bool { return r.domain == domain }) {
			return fmt.Errorf("a stop for %s, which no rule is for", domain)
		}
	}
	return nil
}

// countries reads "GB|CA".
func countries(codes string) (residency.Countries, error) {
	var in residency.Countries
	for code := range strings.SplitSeq(codes, "|") {
		c, ok := residency.ParseCountry(code)
		if !ok {
			return in, fmt.Errorf("%q is no country", code)
		}
		in = in.With(c)
	}
	return in, nil
}

// parseForm reads "s3-{region}" or "*-{region}".
func parseForm(text string) (form, error) {
	before, after, ok := strings.Cut(text, "{region}")
	if !ok {
		return form{}, fmt.Errorf("form %q has no {region}", text)
	}
	var f form
	if f.before, f.anyBefore = strings.CutPrefix(before, "*"); f.anyBefore && f.before != "-" {
		return form{}, fmt.Errorf("form %q: a star stands with a dash only", text)
	}
	if f.after, f.anyAfter = strings.CutSuffix(after, "*"); f.anyAfter && f.after != "-" {
		return form{}, fmt.Errorf("form %q: a star stands with a dash only", text)
	}
	return f, nil
}
