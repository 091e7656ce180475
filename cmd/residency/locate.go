package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/report"
)

// longestLine bounds a line of input to locate. What is longer is no address.
const longestLine = 64 << 10

func newLocate(e *env) *cobra.Command {
	var path, format string
	cmd := &cobra.Command{
		Use:   "locate [ADDRESS...]",
		Short: "Say where addresses are, by all sources, and how that was decided",
		Long: `Say where each address can be, by every source of location evidence. Addresses
come from the command line or, without any, one a line from standard input; the
answers keep their order.

To a terminal the answer is the whole proof of each address; to a pipe it is one
JSON object a line. In CSV, countries are joined by "|". A line that is no
address is answered too, as "invalid", and makes the exit code 1.`,
		Example: `  residency locate 110.43.87.16
  residency locate --format csv < addresses.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format == "" {
				format = "ndjson"
				if e.outTerminal {
					format = "table"
				}
			}
			return runLocate(cmd.Context(), e, path, format, args)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "take the sources of this configuration, not the embedded ones")
	cmd.Flags().StringVarP(&format, "format", "f", "", "output: table, ndjson, csv (default table to a terminal, else ndjson)")
	return cmd
}

func runLocate(ctx context.Context, e *env, path, format string, args []string) error {
	sources := config.Geo{Embedded: true, WarnAge: 60 * 24 * time.Hour}
	if path != "" {
		cfg, err := e.loader().Load(path)
		if err != nil {
			return exitError{exitUsage, err}
		}
		sources = cfg.Geo
	}
	out, err := report.NewLocator(e.stdout, format, report.Options{Color: e.colour(), Width: e.width})
	if err != nil {
		return misused("%v", err)
	}
	ev, err := openEvidence(ctx, sources)
	if err != nil {
		return failed(err)
	}
	now := e.now()
	for _, n := range ev.notices(now, sources) {
		fmt.Fprintln(e.stderr, "residency: note: "+n)
	}
	var input io.Reader = e.stdin
	if len(args) > 0 {
		input = strings.NewReader(strings.Join(args, "\n") + "\n")
	}
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 4096), longestLine)
	invalid := 0
	for lines.Scan() && ctx.Err() == nil {
		text := lines.Text()
		trimmed := strings.TrimSpace(text)
		if trimmed == "" {
			continue
		}
		row := report.Located{Input: text}
		if addr, err := netip.ParseAddr(trimmed); err == nil && addr.Zone() == "" {
			row.Valid = true
			row.Location = ev.locator.Locate(addr, now)
		} else {
			invalid++
		}
		if err := out.Write(row); err != nil {
			return failed(fmt.Errorf("write output: %w", err))
		}
	}
	err = errors.Join(lines.Err(), out.Flush(), ctx.Err())
	if err != nil {
		return failed(fmt.Errorf("locate: %w", err))
	}
	if invalid > 0 {
		return failed(fmt.Errorf("%d of the lines were no addresses", invalid))
	}
	return nil
}
