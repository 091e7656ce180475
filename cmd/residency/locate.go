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

	"residency/internal/geo"
	"residency/internal/report"
	"residency/internal/residency"
)

// longestLine bounds a line of input to locate. What is longer is no address.
const longestLine = 64 << 10

// locateFlags are the flags of locate.
type locateFlags struct {
	config, format, data string
	explain              bool
}

func newLocate(e *env) *cobra.Command {
	var f locateFlags
	cmd := &cobra.Command{
		Use:   "locate [ADDRESS...]",
		Short: "Say where addresses are, by all sources, and how that was decided",
		Long: `Say where each address can be, by every source of location evidence. Addresses
come from the command line or, without any, one a line from standard input; the
answers keep their order.

To a terminal the answer is the whole proof of each address; to a pipe it is one
JSON object a line. In CSV, countries are joined by "|". A line that is no
address is answered too, as "invalid", and makes the exit code 1. For addresses
from standard input, a note at the end says how many of them each source had no
answer for.

With --explain the proof says too what decided, who contradicts whom, and what
would change the answer.`,
		Example: `  residency locate 110.43.87.16
  residency locate --explain 110.43.87.16
  residency locate --format csv < addresses.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.explain && f.format != "" && f.format != "table":
				return misused("--explain is for people: it has no format %q", f.format)
			case f.explain || f.format == "" && e.outTerminal:
				f.format = "table"
			case f.format == "":
				f.format = "ndjson"
			}
			return runLocate(cmd.Context(), e, f, args)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "", "take the sources of this configuration, not the embedded ones")
	fl.StringVarP(&f.format, "format", "f", "", "output: table, ndjson, csv (default table to a terminal, else ndjson)")
	fl.StringVar(&f.data, "data", "", dataUsage)
	fl.BoolVar(&f.explain, "explain", false, "say what decided, what contradicts it and what would change the answer")
	return cmd
}

func runLocate(ctx context.Context, e *env, f locateFlags, args []string) error {
	e = e.with(f.data)
	sources := defaultGeo()
	if f.config != "" {
		cfg, err := e.loader().Load(f.config)
		if err != nil {
			return exitError{exitUsage, err}
		}
		sources = cfg.Geo
	}
	options := report.Options{Color: e.colour(), Width: e.width}
	out, err := report.NewLocator(e.stdout, f.format, options)
	if err != nil {
		return misused("%v", err)
	}
	ev, err := e.openEvidence(ctx, sources)
	if err != nil {
		return failed(err)
	}
	b := bulk{evidence: ev, now: e.now(), write: out.Write}
	for _, n := range ev.notices(b.now, unwarned(sources), false) {
		fmt.Fprintln(e.stderr, "residency: note: "+n)
	}
	if f.explain {
		b.write = func(x report.Located) error { return explainPlace(out, e.stdout, x, options) }
	}
	if len(args) > 0 {
		err = b.run(ctx, strings.NewReader(strings.Join(args, "\n")+"\n"))
	} else {
		err = b.run(ctx, e.stdin)
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return failed(fmt.Errorf("locate: %w", err))
	}
	if len(args) == 0 && b.tally.Asked() > 0 {
		fmt.Fprintln(e.stderr, "residency: note: "+b.silence())
	}
	if b.invalid > 0 {
		return failed(fmt.Errorf("%d of the lines were no addresses", b.invalid))
	}
	return nil
}

// explainPlace writes the proof of one address; what is no address goes the
// usual way.
func explainPlace(out *report.Locator, w io.Writer, x report.Located, o report.Options) error {
	if !x.Valid {
		return errors.Join(out.Write(x), out.Flush())
	}
	var without []report.Changed
	for _, c := range geo.Without(x.Location) {
		without = append(without, report.Changed(c))
	}
	return report.ExplainLocation(w, x.Input, x.Location, without, o)
}

// bulk locates lines, one after the other, in memory that is used again.
type bulk struct {
	evidence *evidence
	now      time.Time
	write    func(report.Located) error
	loc      residency.Location
	tally    geo.Tally
	invalid  int
}

func (b *bulk) run(ctx context.Context, input io.Reader) error {
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 64<<10), longestLine)
	for lines.Scan() && ctx.Err() == nil {
		text := lines.Text()
		trimmed := strings.TrimSpace(text)
		if trimmed == "" {
			continue
		}
		row := report.Located{Input: text}
		if addr, err := netip.ParseAddr(trimmed); err == nil && addr.Zone() == "" {
			b.evidence.locator.LocateInto(&b.loc, addr, b.now)
			b.tally.Add(&b.loc)
			row.Valid, row.Location = true, b.loc
		} else {
			b.invalid++
		}
		if err := b.write(row); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
	}
	return errors.Join(lines.Err(), ctx.Err())
}

// silence says for how many of the addresses each source had no answer. A
// database that is silent about much is damaged or the wrong one; lists of
// ranges and of shared networks are silent about most addresses.
func (b *bulk) silence() string {
	var databases, lists []string
	asked := b.tally.Asked()
	for _, d := range b.evidence.datasets {
		n := b.tally.Unanswered(d)
		if d.Class != residency.ClassDatabase {
			lists = append(lists, fmt.Sprintf("%s %d", d.Lineage, asked-n))
			continue
		}
		text := fmt.Sprintf("%s %d (%.1f%%)", d.Lineage, n, 100*float64(n)/float64(asked))
		if n == asked {
			text += ", so it may be the wrong file"
		}
		databases = append(databases, text)
	}
	text := "of " + residency.Plural(int(asked), "line") + " with a public address"
	if len(databases) > 0 {
		text += "; no answer from: " + strings.Join(databases, "; ")
	}
	if len(lists) > 0 {
		text += "; listed by: " + strings.Join(lists, ", ")
	}
	return text
}
