package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"residency/internal/report"
)

// reportFlags are the flags of report.
type reportFlags struct {
	config, audience, format, from, to, out, bundle string
	claims                                          []string
}

func newReport(e *env) *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write a report to hand on, of what a period showed",
		Long: `Write a report of what is remembered of a period, for one of four readers:

  officer     how each claim stands, where answers came from, how that changed,
              findings with their evidence, registers, coverage, data, limits
  board       one page
  authority   a packet for a CERT or a regulator: summary, chronology, the
              vendor's reply, technical annex
  engineer    everything, every host and the looks

The page (html) needs nothing else: no network, no script. It prints to A4. The
other formats are md, json, csv (one row a result), and oscal: assessment results
in the model of the same name.

Without --from and --to it is about the 90 days until now. Nothing is looked at:
claims stand as the last check of the period found them.`,
		Example: `  residency report --out report.html
  residency report --for authority --from 2014-08-01 --to 2015-02-01 --claim phase-2a --out packet.html
  residency report --format oscal --out results.json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runReport(cmd.Context(), e, f) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "config.toml", "configuration file")
	fl.StringVar(&f.audience, "for", "officer", "who reads it: "+strings.Join(report.Audiences(), ", "))
	fl.StringVarP(&f.format, "format", "f", "html", "output: "+strings.Join(report.DossierFormats(), ", "))
	fl.StringVar(&f.from, "from", "", "from this day or instant on")
	fl.StringVar(&f.to, "to", "", "before this day or instant")
	fl.StringSliceVar(&f.claims, "claim", nil, "only these claims, by id")
	fl.StringVar(&f.bundle, "bundle", "", "file with the evidence that goes with the report: named in it, with its hash")
	fl.StringVarP(&f.out, "out", "o", "", "file to write it to (default: standard output)")
	_ = cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(report.Audiences(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(report.DossierFormats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runReport(ctx context.Context, e *env, f reportFlags) error {
	if !slices.Contains(report.Audiences(), f.audience) {
		return misused("unknown reader %q: want one of %s", f.audience, strings.Join(report.Audiences(), ", "))
	}
	if !slices.Contains(report.DossierFormats(), f.format) {
		return misused("unknown format %q: want one of %s", f.format, strings.Join(report.DossierFormats(), ", "))
	}
	in, err := e.readPeriod(ctx, f.config, f.from, f.to)
	if err != nil {
		return err
	}
	defer in.store.Close()
	g := &gatherer{e: e, cfg: in.cfg, s: in.store, claims: f.claims, looks: f.audience == "engineer" && f.format == "json"}
	d, err := g.gather(ctx, in.from, in.to)
	if err != nil {
		return failed(err)
	}
	if f.bundle != "" {
		if d.BundleSHA256, err = hashFile(f.bundle); err != nil {
			return failed(fmt.Errorf("read bundle: %w", err))
		}
		d.Bundle = filepath.Base(f.bundle)
	}
	return e.writeReport(f, d)
}

// writeReport writes the report whole or not at all.
func (e *env) writeReport(f reportFlags, d report.Dossier) error {
	var b bytes.Buffer
	if err := report.WriteDossier(&b, f.audience, f.format, d); err != nil {
		return failed(err)
	}
	if f.out == "" {
		if _, err := e.stdout.Write(b.Bytes()); err != nil {
			return failed(fmt.Errorf("write output: %w", err))
		}
		return nil
	}
	if err := replaceFile(f.out, b.Bytes()); err != nil {
		return failed(err)
	}
	_, err := fmt.Fprintf(e.stderr, "residency: report written: %s\n", f.out)
	return err
}
