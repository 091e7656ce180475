package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/dataset"
	"residency/internal/residency"
)

func newConfig(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check, begin and maintain a configuration",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigCheck(e), newConfigInit(e), newConfigSchema(e), newConfigSubnets(e))
	return cmd
}

func newConfigCheck(e *env) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Say everything that is wrong with a configuration, or what it asks for",
		Long: `Say everything that is wrong with a configuration, with line and column; or, where
nothing is, how much it asks of whom, and how long a check takes. Nothing is asked
of anybody.

Exit codes: 0 nothing is wrong; 1 something is; 2 there is no such file, or it
cannot be read.`,
		Example: `  residency config check
  residency config check acme.toml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && cmd.Flags().Changed("config") {
				return misused("the file is named twice: %s and --config %s", args[0], path)
			}
			if len(args) > 0 {
				path = args[0]
			}
			cfg, err := e.loader().Load(path)
			switch {
			case err != nil && !isFile(path):
				return exitError{exitUsage, err} // nothing was checked
			case err != nil:
				return failed(err)
			}
			for _, w := range cfg.Warnings {
				fmt.Fprintln(e.stderr, "residency: warning: "+w.String())
			}
			return e.describe(cfg)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "config.toml", "configuration file, as FILE")
	return cmd
}

// isFile reports whether there is a file that can be read.
func isFile(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	return err == nil && !info.IsDir()
}

// describe says what a configuration asks for: how much, of whom.
func (e *env) describe(cfg *config.Config) error {
	var live, services, endpoints int
	for _, c := range cfg.Claims {
		if c.Live() {
			live++
		}
	}
	for _, v := range cfg.Vendors {
		services += len(v.Services)
	}
	endpoints = len(cfg.Endpoints())
	fmt.Fprintf(e.stdout, "%s: no problems\n", cfg.Path)
	fmt.Fprintf(e.stdout, "  claims and policies: %d, of which %d judged by default\n", len(cfg.Claims), live)
	fmt.Fprintf(e.stdout, "  %s, %s, %s, %s\n", residency.Plural(len(cfg.Vendors), "vendor"),
		residency.Plural(services, "service"), residency.Plural(endpoints, "endpoint"), residency.Plural(len(cfg.Markets), "market"))
	judging := *cfg
	judging.Geo = unwarned(cfg.Geo)
	h, err := e.furnish(context.Background(), &judging, false)
	if err != nil {
		return failed(err)
	}
	engine := h.engine(e, e.now())
	if err := e.describePlan(h, engine); err != nil {
		return failed(err)
	}
	for _, n := range engine.Header.Notices[len(cfg.Warnings):] { // those come first, and are said
		fmt.Fprintln(e.stderr, "residency: note: "+n)
	}
	return nil
}

func newConfigSchema(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration, for editors",
		RunE: func(*cobra.Command, []string) error {
			_, err := e.stdout.Write(config.Schema())
			return err
		},
	}
}

func newConfigInit(e *env) *cobra.Command {
	var a config.Answers
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a configuration for a vendor of your own",
		Long: `Write a commented configuration. What the flags do not say is asked, if there is
a terminal to ask on.`,
		Example: `  residency config init --vendor Acme --host api.acme.example --market IN,SG --regions US,SG --due 2027-01-31`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.ask(cmd.Context(), &a); err != nil {
				return exitError{exitUsage, err}
			}
			text, err := e.loader().Init(a)
			if err != nil {
				return exitError{exitUsage, err}
			}
			if out == "-" {
				_, err := e.stdout.Write(text)
				return err
			}
			if err := writeNew(out, text, force); err != nil {
				return failed(err)
			}
			_, err = fmt.Fprintf(e.stdout, "%s written. Next: residency config check %s, then residency check --config %s\n", out, out, out)
			return err
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&a.Vendor, "vendor", "", "the vendor's name")
	fl.StringSliceVar(&a.Hosts, "host", nil, "host names that user data is sent to")
	fl.StringSliceVar(&a.Markets, "market", nil, "countries of the users, such as IN,SG")
	fl.StringSliceVar(&a.Regions, "regions", nil, "where the data may go, such as US,SG")
	fl.StringSliceVar(&a.Never, "never", nil, "where it may never go")
	fl.StringVar(&a.Due, "due", "", "last day to fulfil the promise, YYYY-MM-DD")
	fl.StringVar(&a.SaidBy, "said-by", "", "who promised")
	fl.StringVar(&a.Quote, "quote", "", "the words of the promise")
	fl.StringVar(&a.Source, "source", "", "where the words can be read")
	fl.BoolVar(&a.Policy, "policy", false, "write a rule of your own, not a promise of the vendor; --due is its first day")
	fl.StringVarP(&out, "output", "o", "config.toml", "file to write; - is standard output")
	fl.BoolVar(&force, "force", false, "write over a file that is there")
	return cmd
}

// writeNew writes a file that must not be there yet, unless forced.
func writeNew(path string, text []byte, force bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write %s: it is there already\nhint: --force writes over it, -o names another file", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func newConfigSubnets(e *env) *cobra.Command {
	var path string
	var write bool
	cmd := &cobra.Command{
		Use:   "subnets",
		Short: "Show the client subnets of each market, or choose them anew",
		Long: `Show the client subnets that stand for each market and where they are found to
be. With --write, choose them anew and write them into the configuration; the
rest of the file keeps every byte.

Client subnets are chosen from networks on which all embedded databases agree,
in no provider's range and no shared edge, far apart, and never longer than /24
and /56, so that they point at nobody.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSubnets(cmd.Context(), e, path, write)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "config.toml", "configuration file")
	cmd.Flags().BoolVar(&write, "write", false, "choose anew and write into the file")
	return cmd
}

func runSubnets(ctx context.Context, e *env, path string, write bool) error {
	cfg, err := e.loader().Load(path)
	if err != nil {
		return exitError{exitUsage, err}
	}
	ev, err := e.openEvidence(ctx, cfg.Geo)
	if err != nil {
		return failed(err)
	}
	if write {
		return e.rewriteSubnets(cfg, ev)
	}
	markets, notices := ev.settle(cfg.Markets, cfg.Resolve, e.now())
	for _, m := range markets {
		for _, s := range m.Subnets {
			state := "in " + m.Code.Name()
			if s.Displaced {
				state = "not in its market: " + strings.Join(s.Located.Codes(), ", ")
			}
			from := "configured"
			if s.Chosen {
				from = "chosen"
			}
			fmt.Fprintf(e.stdout, "%s  %-28s %-10s %s\n", m.Code, s.Prefix, from, state)
		}
	}
	for _, n := range notices {
		fmt.Fprintln(e.stderr, "residency: note: "+n)
	}
	return nil
}

// rewriteSubnets chooses the client subnets of every market anew and writes
// them into whichever file the market is in.
func (e *env) rewriteSubnets(cfg *config.Config, ev *evidence) error {
	candidates, err := dataset.Subnets()
	if err != nil {
		return failed(err)
	}
	now := e.now()
	locate := func(a netip.Addr) residency.Location { return ev.locator.Locate(a, now) }
	chosen := map[residency.Country][]netip.Prefix{}
	for _, m := range cfg.Markets {
		list := chooseSubnets(candidates, m.Code, cfg.Resolve, locate)
		if len(list) == 0 {
			return failed(fmt.Errorf("choose client subnets of %s: none is known; name some in client_subnets", m.Code.Name()))
		}
		chosen[m.Code] = list
	}
	for _, f := range cfg.Files {
		if err := e.rewriteFile(f.Opened, chosen); err != nil {
			return failed(err)
		}
	}
	return nil
}

// rewriteFile writes the client subnets of the markets that one file has.
func (e *env) rewriteFile(path string, chosen map[residency.Country][]netip.Prefix) error {
	if filepath.Ext(path) != ".toml" {
		return nil // a list of hosts
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	here, err := config.MarketsIn(text)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	mine := map[residency.Country][]netip.Prefix{}
	for code, list := range chosen {
		if slices.Contains(here, code) {
			mine[code] = list
		}
	}
	if len(mine) == 0 {
		return nil
	}
	out, err := config.WriteSubnets(text, mine)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := replaceFile(path, out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%s: client subnets of %s written\n", path, residency.Plural(len(mine), "market"))
	return err
}

// replaceFile swaps in the new text of a file whole: whoever reads it sees the
// old or the new one, and a full disk loses nothing.
func replaceFile(path string, text []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".residency-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
