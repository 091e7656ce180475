package main

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/geo/prefix"
	"residency/internal/geo/score"
	"residency/internal/residency"
)

func newDataTruth(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "truth PROVIDER=FILE...",
		Short: "Make a truth for data bench out of providers' own lists",
		Long: `Write a truth file for data bench: every prefix that a provider's own list puts
in one known country, as "prefix,country,provider". Left out are prefixes of
which longer ones leave no address, regions whose place is not known, and what
the lists of shared edges and anycast networks say is in no one place.

It is the providers' word, not a visit: who reads the same lists looks better
against it than against the world.`,
		Example: `  residency data truth aws=ip-ranges.json gcp=cloud.json > truth.csv`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDataTruth(cmd.Context(), e, args)
		},
	}
}

func runDataTruth(ctx context.Context, e *env, args []string) error {
	shared, err := e.openEvidence(ctx, config.Geo{Embedded: true})
	if err != nil {
		return failed(err)
	}
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
		d := list.Dataset()
		fmt.Fprintf(out, "# %s: %s of %s, SHA-256 %s\n", provider, d.Name, dayOf(d), d.SHA256)
		for _, row := range truthOf(list, provider, func(a netip.Addr) bool {
			return shared.locator.Locate(a, e.now()).Veto != ""
		}) {
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
			single = single && a.Class == residency.ClassProvider
		}
		if c := in.Only(); single && c.Known() && !shared(addr) {
			rows = append(rows, score.Truth{Prefix: matched, Country: c, Provider: provider})
		}
	}
	return rows
}
