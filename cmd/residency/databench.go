package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/geo/score"
	"residency/internal/residency"
)

// benchFlags are the flags of data bench.
type benchFlags struct {
	format, at      string
	ranges, regions []string
	leaveOut, rules bool
	draws           int
	seed            uint64
}

func newDataBench(e *env, shared *dataFlags) *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench TRUTH.csv",
		Short: "Score every source and the fusion against addresses of known country",
		Long: `Score every source of location evidence, and what they give together, against
addresses whose country is known. The truth has one row a prefix:

  prefix,country[,provider]

One address of each prefix is located (the longest prefix tells the truth), and
addresses drawn from the whole IPv4 space of the file. An answer is decided when
it names one country. False inside is an address outside the regions that would
be taken for inside, false outside the other way round; "verdict" is what check
would say of the address. All shares have 95% bounds (Wilson 1927), which take
addresses for independent; neighbours are not, so true bounds are wider.

A provider's own list knows the answer. With --leave-one-out it is withheld for
the provider's own rows, so that the figures say how good the rest is.`,
		Example: `  residency data truth aws=ip-ranges.json gcp=cloud.json > truth.csv
  residency data bench truth.csv --regions US,SG --leave-one-out`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.format != "table" && f.format != "json" {
				return misused("no format %q; use table or json", f.format)
			}
			return runDataBench(cmd.Context(), e, shared, f, args[0])
		},
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.ranges, "ranges", nil, "more provider ranges, as PROVIDER=FILE")
	fl.StringSliceVar(&f.regions, "regions", []string{"US", "SG"}, "the countries that count as inside")
	fl.BoolVar(&f.leaveOut, "leave-one-out", false, "withhold a provider's own list for its own addresses")
	fl.BoolVar(&f.rules, "rules", false, "score other rules of fusion beside the one in use")
	fl.IntVar(&f.draws, "draws", 100_000, "addresses drawn from the IPv4 address space")
	fl.Uint64Var(&f.seed, "seed", 1, "draw other addresses with another seed")
	fl.StringVar(&f.at, "at", "", "judge the age of data as of this time (2014-11-02 or RFC 3339)")
	fl.StringVarP(&f.format, "format", "f", "table", "output: table, json")
	return cmd
}

func runDataBench(ctx context.Context, e *env, shared *dataFlags, f benchFlags, path string) error {
	regions, err := parseCountries("--regions", f.regions)
	if err != nil {
		return err
	}
	cfg, err := benchSources(e, shared, f.ranges)
	if err != nil {
		return err
	}
	at, err := parseAt(f.at, time.UTC)
	if err != nil {
		return exitError{exitUsage, err}
	}
	if at.IsZero() {
		at = e.now()
	}
	sheet, sum, err := openTruth(path)
	if err != nil {
		return failed(err)
	}
	ev, err := e.openEvidence(ctx, cfg)
	if err != nil {
		return failed(err)
	}
	if len(ev.missing) > 0 {
		return failed(fmt.Errorf("score location data: %s", strings.Join(ev.missing, "; ")))
	}
	field := newField(ev, regions, at, f)
	bar := e.progress("scoring")
	figures := sheet.Score(ctx, field.contestants(), score.Options{Regions: regions, Draws: f.draws, Seed: f.seed, Progress: bar.set})
	bar.done()
	if ctx.Err() != nil {
		return failed(fmt.Errorf("score location data: %w", context.Cause(ctx)))
	}
	b := benchmark{
		Schema: "residency/data-bench/v1", At: at.UTC(), Regions: regions.Codes(), Withheld: f.leaveOut, Draws: f.draws, Seed: f.seed,
		Truth:    benchTruth{File: path, SHA256: sum, Prefixes: len(sheet.Rows) - sheet.Covered, Repeated: sheet.Repeated, Contested: sheet.Contested, Covered: sheet.Covered},
		Datasets: ev.datasetsAt(at, cfg.MaxAge),
	}
	for _, g := range figures {
		b.Sources = append(b.Sources, benchSource{g, g.ByPrefix.Rates(), g.BySpace.Rates()})
	}
	if f.format == "json" {
		out := json.NewEncoder(e.stdout)
		out.SetIndent("", "  ")
		err = out.Encode(b)
	} else {
		err = b.table(e.stdout)
	}
	if err != nil {
		return failed(fmt.Errorf("write output: %w", err))
	}
	return nil
}

// benchSources are the sources in use and the lists named on the command line.
func benchSources(e *env, shared *dataFlags, ranges []string) (config.Geo, error) {
	cfg, err := shared.geo(e)
	if err != nil {
		return cfg, err
	}
	for _, text := range ranges {
		provider, file, ok := strings.Cut(text, "=")
		if !ok {
			return cfg, misused("--ranges %q is not PROVIDER=FILE", text)
		}
		cfg.ProviderRanges = append(cfg.ProviderRanges, config.ProviderRanges{File: file, Written: file, Provider: provider})
	}
	return cfg, nil
}

// openTruth reads a truth file and returns it with its hash.
func openTruth(path string) (*score.Sheet, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err // "open PATH: cause"
	}
	defer f.Close()
	sum := sha256.New()
	rows, err := score.ReadTruth(io.TeeReader(f, sum))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	return score.Lay(rows), hex.EncodeToString(sum.Sum(nil)), nil
}

func parseCountries(flag string, codes []string) (residency.Countries, error) {
	var set residency.Countries
	for _, code := range codes {
		c, ok := residency.ParseCountry(strings.ToUpper(code))
		if !ok {
			return set, misused("%s: %q is no country code", flag, code)
		}
		set = set.With(c)
	}
	return set, nil
}
