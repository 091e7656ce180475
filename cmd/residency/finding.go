package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"residency/internal/report"
	"residency/internal/store"
)

func newFinding(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "finding",
		Short: "What lies outside, from when it was found until it was gone",
		Long: `A finding is what was seen outside for one claim, host and market, followed from
check to check under a key that never changes.

  residency finding list            all of them, with their keys
  residency alert show KEY          one of them, whole
  residency alert ack KEY           take it over; dispute it; settle the dispute
  residency bundle --finding KEY    its evidence in one file`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	path := cmd.PersistentFlags().StringP("config", "c", "config.toml", "configuration file")
	cmd.AddCommand(newFindingList(e, path))
	return cmd
}

// findingFlags are the flags of finding list.
type findingFlags struct {
	format, claim, vendor, host string
	open, closed                bool
}

func newFindingList(e *env, path *string) *cobra.Command {
	var f findingFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List findings with their keys: those that are open first, the latest first",
		Long: `List the findings that the store has. The table shows the beginning of each key,
which is enough to name it to other commands; JSON and CSV have all of it.`,
		Example: `  residency finding list --open
  residency finding list --claim phase-2a --format csv`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runFindingList(cmd.Context(), e, *path, f) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.open, "open", false, "only those that are open")
	fl.BoolVar(&f.closed, "closed", false, "only those that are closed")
	fl.StringVar(&f.claim, "claim", "", "only those against this claim or policy")
	fl.StringVar(&f.vendor, "vendor", "", "only those about this vendor")
	fl.StringVar(&f.host, "host", "", "only those about this host")
	fl.StringVarP(&f.format, "format", "f", "table", "output: "+strings.Join(report.FindingFormats(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(report.FindingFormats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runFindingList(ctx context.Context, e *env, path string, f findingFlags) error {
	switch {
	case !slices.Contains(report.FindingFormats(), f.format):
		return misused("unknown format %q: want one of %s", f.format, strings.Join(report.FindingFormats(), ", "))
	case f.open && f.closed:
		return misused("--open and --closed do not go together; without either both are listed")
	}
	cfg, err := e.stored(path)
	if err != nil {
		return err
	}
	s, err := e.readStore(ctx, cfg)
	if err != nil {
		return failed(err)
	}
	defer s.Close()
	q := store.Which{Claim: f.claim, Vendor: f.vendor, Host: f.host}
	switch {
	case f.open:
		q.State = store.StateOpen
	case f.closed:
		q.State = store.StateClosed
	}
	list, err := s.Findings(ctx, q)
	if err != nil {
		return failed(err)
	}
	if err := report.WriteFindings(e.stdout, f.format, list, cfg.Organisation.Location, report.Options{Color: e.colour(), Width: e.width}); err != nil {
		return failed(fmt.Errorf("write output: %w", err))
	}
	return nil
}
