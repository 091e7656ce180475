package main

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/geo/prefix"
	"residency/internal/geo/score"
	"residency/internal/residency"
)

// truthFlags are the flags of data truth.
type truthFlags struct {
	later, without []string
	confirmed      bool
}

func newDataTruth(e *env) *cobra.Command {
	var f truthFlags
	cmd := &cobra.Command{
		Use:   "truth PROVIDER=FILE...",
		Short: "Make a truth for data bench out of providers' own lists",
		Long: `Write a truth file for data bench: every prefix that a provider's own list puts
in one known country, as "prefix,country,provider". Left out are prefixes of
which longer ones leave no address, regions whose place is not known, and what
the lists of shared edges and anycast networks say is in no one place.

A list grows old: networks are moved and withdrawn, and a prefix that the list
puts in one place is split among several. --later names another list or a
geofeed of the same provider; prefixes of which it puts any part elsewhere are
left out. With --confirmed all are left out that it does not put in the same
country, every address of them. --without leaves out networks that are known to
have moved otherwise. How many were left out stands in the file.

It is the providers' word, not a visit: who reads the same lists looks better
against it than against the world.`,
		Example: `  residency data truth aws=ip-ranges.json gcp=cloud.json > truth.csv
  residency data truth aws=ip-ranges.json --later aws=geo-ip-feed.csv > truth.csv`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDataTruth(cmd.Context(), e, f, args)
		},
	}
	cmd.Flags().StringSliceVar(&f.later, "later", nil, "leave out what this later list or geofeed contradicts, as PROVIDER=FILE")
	cmd.Flags().BoolVar(&f.confirmed, "confirmed", false, "of providers with --later keep only what it confirms")
	cmd.Flags().StringSliceVar(&f.without, "without", nil, "leave out prefixes inside these networks")
	return cmd
}

func runDataTruth(ctx context.Context, e *env, f truthFlags, args []string) error {
	later, err := openLater(f.later)
	if err != nil {
		return err
	}
	without, err := parseNetworks("--without", f.without)
	if err != nil {
		return err
	}
	shared, err := e.openEvidence(ctx, config.Geo{Embedded: true})
	if err != nil {
		return failed(err)
	}
	nowhere := func(a netip.Addr) bool { return shared.locator.Locate(a, e.now()).Veto != "" }
	out := bufio.NewWriter(e.stdout)
	fmt.Fprintln(out, "# Made by residency data truth from the lists that providers publish of their own ranges.")
	for _, arg := range args {
		provider, file, ok := strings.Cut(arg, "=")
		if !ok {
			return misused("%q is not PROVIDER=FILE; providers: %s", arg, strings.Join(prefix.Providers(), ", "))
		}
		list, err := prefix.Open(file, provider, time.Time{})
		if err != nil {
			return failed(err)
		}
		fmt.Fprintln(out, headOf(provider, list))
		rows := truthOf(list, provider, nowhere)
		if l := later[provider]; l != nil {
			n := len(rows)
			rows = agreed(rows, truthOf(l, provider, nowhere), f.confirmed)
			fmt.Fprintf(out, "%s; left out what it does not bear out, prefixes: %d\n", headOf(provider+", later", l), n-len(rows))
		}
		rows = slices.DeleteFunc(rows, func(r score.Truth) bool { return inAny(r.Prefix, without) })
		for _, row := range rows {
			fmt.Fprintf(out, "%s,%s,%s\n", row.Prefix, row.Country, row.Provider)
		}
		if err := ctx.Err(); err != nil {
			return failed(fmt.Errorf("make truth: %w", context.Cause(ctx)))
		}
	}
	if err := out.Flush(); err != nil {
		return failed(fmt.Errorf("write output: %w", err))
	}
	return nil
}

// openLater opens the later lists by provider: ranges as the provider publishes
// them, else a geofeed.
func openLater(args []string) (map[string]*prefix.Source, error) {
	lists := map[string]*prefix.Source{}
	for _, arg := range args {
		provider, file, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, misused("--later %q is not PROVIDER=FILE", arg)
		}
		list, err := prefix.Open(file, provider, time.Time{})
		if err != nil {
			var feedErr error
			if list, feedErr = prefix.OpenGeofeed(file, time.Time{}); feedErr != nil {
				return nil, failed(err)
			}
		}
		lists[provider] = list
	}
	return lists, nil
}

func headOf(what string, list *prefix.Source) string {
	d := list.Dataset()
	return fmt.Sprintf("# %s: %s of %s, %s", what, d.Name, dayOf(d), d.HashWords())
}

// agreed keeps the rows of which a later truth puts no part elsewhere; if
// confirmed, only those that it puts in the same country as a whole.
func agreed(rows, later []score.Truth, confirmed bool) []score.Truth {
	sheet := score.Lay(rows)
	words := sheet.Against(score.Lay(later))
	var kept []score.Truth
	for i, row := range sheet.Rows {
		w := words[i]
		if w.Countries.Minus(residency.CountriesOf(row.Country)).Empty() && (!confirmed || w.Whole) {
			kept = append(kept, row)
		}
	}
	return kept
}

func parseNetworks(flag string, texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil || p != p.Masked() {
			return nil, misused("%s: %q is no network such as 46.168.0.0/15", flag, text)
		}
		list = append(list, p)
	}
	return list, nil
}

func inAny(p netip.Prefix, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(w netip.Prefix) bool { return w.Bits() <= p.Bits() && w.Contains(p.Addr()) })
}

// truthOf returns what a list says of each of its prefixes, asked about an
// address that no longer prefix has.
func truthOf(list *prefix.Source, provider string, shared func(netip.Addr) bool) []score.Truth {
	var all, rows []score.Truth
	for _, p := range list.Prefixes() {
		all = append(all, score.Truth{Prefix: p, Country: residency.MustCountry("US")}) // any: only the prefixes matter
	}
	for _, addr := range score.Lay(all).Own() {
		var in residency.Countries
		matched, single := netip.Prefix{}, true
		for _, a := range list.Assert(addr, nil) {
			in, matched = in.Union(a.In), a.Prefix
			single = single && (a.Class == residency.ClassProvider || a.Class == residency.ClassGeofeed)
		}
		if c := in.Only(); single && c.Known() && !shared(addr) {
			rows = append(rows, score.Truth{Prefix: matched, Country: c, Provider: provider})
		}
	}
	return rows
}
