package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"residency/internal/geo/score"
	"residency/internal/residency"
)

// benchmark is the result of data bench.
type benchmark struct {
	Schema   string              `json:"schema"`
	At       time.Time           `json:"at"`
	Regions  []string            `json:"regions"`
	Withheld bool                `json:"own_list_withheld"`
	Draws    int                 `json:"draws"`
	Seed     uint64              `json:"seed"`
	Truth    benchTruth          `json:"truth"`
	Datasets []residency.Dataset `json:"datasets"`
	Sources  []benchSource       `json:"sources"`
}

type benchTruth struct {
	File      string `json:"file"`
	SHA256    string `json:"sha256"`
	Prefixes  int    `json:"prefixes"`  // with an address of their own
	Repeated  int    `json:"repeated"`  // rows that were there before
	Contested int    `json:"contested"` // left out: rows differ
	Covered   int    `json:"covered"`   // left out: longer prefixes have all addresses
}

type benchSource struct {
	score.Figures
	PrefixRates score.Rates `json:"by_prefix_rates"`
	SpaceRates  score.Rates `json:"by_space_rates"`
}

const (
	fusionName     = "fusion"
	shownCountries = 20
	shownConfused  = 12
)

// table writes the benchmark for people.
func (b benchmark) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "Truth: %s, %d prefixes; %d repeated, %d contested and %d covered ones left out.\n", b.Truth.File, b.Truth.Prefixes, b.Truth.Repeated, b.Truth.Contested, b.Truth.Covered)
	fmt.Fprintf(t, "Inside is %s.", strings.Join(b.Regions, ", "))
	if b.Withheld {
		fmt.Fprint(t, " A provider's own list is withheld for its own addresses.")
	}
	fmt.Fprint(t, " Shares with 95% bounds (Wilson).\n\nBy prefix: one address each\n")
	b.block(t, func(s benchSource) (score.Count, score.Rates) { return s.ByPrefix, s.PrefixRates })
	if b.Draws > 0 {
		fmt.Fprintf(t, "\nBy address space: %d addresses drawn from its IPv4 part\n", b.Draws)
		b.block(t, func(s benchSource) (score.Count, score.Rates) { return s.BySpace, s.SpaceRates })
	}
	for _, s := range b.Sources {
		if s.Name == fusionName {
			split(t, "provider", s.ByProvider, len(s.ByProvider))
			split(t, "country", s.ByCountry, shownCountries)
			confusion(t, s.Confused)
		}
	}
	return t.Flush()
}

func (b benchmark) block(w io.Writer, of func(benchSource) (score.Count, score.Rates)) {
	fmt.Fprint(w, "source\tdecided\tright of decided\twrong\tseveral\tunknown\tfalse inside\tfalse outside\n")
	for _, s := range b.Sources {
		c, r := of(s)
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", s.Name, percent(r.Decided), percent(r.Right),
			c.Wrong, c.Several+c.SeveralNot, c.Unknown, few(r.FalseIn), few(r.FalseOut))
	}
}

// percent writes a share of many, few one of which the cases matter.
func percent(r score.Rate) string {
	if r.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f%% (%.2f-%.2f)", 100*r.Share, 100*r.Low, 100*r.High)
}

func few(r score.Rate) string {
	if r.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d, %.3f%% (%.3f-%.3f)", r.K, r.N, 100*r.Share, 100*r.Low, 100*r.High)
}

// split writes the fusion's figures by provider or by country, the most
// frequent first.
func split(w io.Writer, what string, counts map[string]score.Count, most int) {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b].N-counts[a].N, strings.Compare(a, b))
	})
	fmt.Fprintf(w, "\nThe fusion by %s, by prefix\n%s\tn\tdecided\tright of decided\tfalse inside\tfalse outside\n", what, what)
	for i, key := range keys {
		if i == most {
			fmt.Fprintf(w, "and %d more, in --format json\n", len(keys)-most)
			break
		}
		c := counts[key]
		r := c.Rates()
		if key == "" {
			key = "not said"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%d\n", key, c.N, percent(r.Decided), percent(r.Right), c.FalseIn, c.FalseOut)
	}
}

func confusion(w io.Writer, list []score.Confusion) {
	if len(list) == 0 {
		return
	}
	fmt.Fprint(w, "\nWhere the fusion names one country and it is the wrong one\ntruth\tsaid\tprefixes\n")
	for i, c := range list {
		if i == shownConfused {
			fmt.Fprintf(w, "and %d more pairs, in --format json\n", len(list)-shownConfused)
			break
		}
		fmt.Fprintf(w, "%s\t%s\t%d\n", c.Truth, c.Said, c.N)
	}
}
