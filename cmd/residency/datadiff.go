package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/residency"
)

func newDataDiff(e *env, shared *dataFlags) *cobra.Command {
	var format, from string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW [ADDRESS...]",
		Short: "Say which addresses other data puts elsewhere",
		Long: `Locate addresses with two sets of data and print those whose place differs, with
the sources that changed their word. So it can be told whether a server moved or
a database was corrected.

OLD and NEW are data directories, or "current" (the data in use), "previous"
(of each set the file before it; the embedded one where a set has none) or
"embedded" (what the program carries). Addresses come from the command line,
from the file of --addresses or, without either, one a line from standard input.`,
		Example: `  residency data diff previous current 110.43.87.16
  residency data diff /archive/2026-08 current --addresses addresses.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			g, err := shared.geo(e)
			if err != nil {
				return err
			}
			input, err := e.addressesOf(from, args[2:])
			if err != nil {
				return err
			}
			defer input.Close()
			return runDiff(cmd.Context(), e, g, args[0], args[1], format, input)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "table", "output: table, ndjson")
	cmd.Flags().StringVar(&from, "addresses", "", "read addresses from this file, one a line; - is standard input")
	return cmd
}

// addressesOf opens the addresses that a command is about: those given, else the
// file, else standard input.
func (e *env) addressesOf(file string, given []string) (io.ReadCloser, error) {
	switch {
	case file != "" && len(given) > 0:
		return nil, misused("addresses are given, and --addresses names a file of others")
	case len(given) > 0:
		return io.NopCloser(strings.NewReader(strings.Join(given, "\n"))), nil
	case file == "" || file == "-":
		return io.NopCloser(e.stdin), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, failed(err) // "open PATH: cause"
	}
	return f, nil
}

// change is one address that two sets of data put in different places.
type change struct {
	Address string      `json:"address"`
	Old     []string    `json:"old"`
	New     []string    `json:"new"`
	OldBy   string      `json:"old_decided_by"`
	NewBy   string      `json:"new_decided_by"`
	Sources []rewording `json:"sources"`
}

// rewording is a source that says something else than before.
type rewording struct {
	Source string `json:"source"`
	Old    string `json:"old"` // "" when it said nothing
	New    string `json:"new"`
}

func runDiff(ctx context.Context, e *env, g config.Geo, old, now, format string, input io.Reader) error {
	if format != "table" && format != "ndjson" {
		return misused("no format %q: want table or ndjson", format)
	}
	var evs [2]*evidence
	for i, what := range []string{old, now} {
		ev, err := e.with(what).openEvidence(ctx, g)
		if err != nil {
			return failed(err)
		}
		for _, m := range ev.missing {
			fmt.Fprintf(e.stderr, "residency: note: %s: could not be opened: %s\n", what, m)
		}
		evs[i] = ev
	}
	at := e.now()
	asked, changed, invalid := 0, 0, 0
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 4096), longestLine)
	for lines.Scan() && ctx.Err() == nil {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			invalid++
			continue
		}
		asked++
		c, differs := compare(text, evs[0].locator.Locate(addr, at), evs[1].locator.Locate(addr, at))
		if !differs {
			continue
		}
		changed++
		if err := writeChange(e.stdout, c, format); err != nil {
			return failed(fmt.Errorf("write output: %w", err))
		}
	}
	if err := errors.Join(lines.Err(), ctx.Err()); err != nil {
		return failed(fmt.Errorf("data diff: %w", err))
	}
	if format == "table" {
		fmt.Fprintf(e.stdout, "%d of %d addresses are elsewhere by the other data\n", changed, asked)
	}
	if invalid > 0 {
		return failed(fmt.Errorf("%d of the lines were no addresses", invalid))
	}
	return nil
}

// compare says how the place of an address differs, and by whose words.
func compare(text string, old, now residency.Location) (change, bool) {
	place := func(l residency.Location) []string {
		if l.Veto != "" {
			return []string{string(l.Veto)}
		}
		return append([]string{}, l.Countries.Codes()...)
	}
	c := change{Address: text, Old: place(old), New: place(now), OldBy: string(old.Decision), NewBy: string(now.Decision)}
	was, is := words(old), words(now)
	for _, source := range slices.Sorted(func(yield func(string) bool) {
		for s := range was {
			if !yield(s) {
				return
			}
		}
		for s := range is {
			if _, both := was[s]; !both && !yield(s) {
				return
			}
		}
	}) {
		if was[source] != is[source] {
			c.Sources = append(c.Sources, rewording{source, was[source], is[source]})
		}
	}
	// A region that only one of the two knows is no move.
	moved := old.Region != "" && now.Region != "" && old.Region != now.Region
	return c, moved || !slices.Equal(c.Old, c.New)
}

// words is what each source says of an address.
func words(l residency.Location) map[string]string {
	said := map[string]string{}
	for _, a := range l.Assertions {
		text := strings.Join(a.In.Codes(), "|")
		switch {
		case a.Region != "":
			text = strings.TrimSpace(text + " " + a.Region)
		case a.Class == residency.ClassEdge || a.Class == residency.ClassAnycast:
			text = string(a.Class)
		}
		if before := said[a.Source]; before != "" {
			text = before + ", " + text
		}
		said[a.Source] = text
	}
	return said
}

func writeChange(w io.Writer, c change, format string) error {
	if format == "ndjson" {
		return json.NewEncoder(w).Encode(c)
	}
	list := func(codes []string) string {
		if len(codes) == 0 {
			return "not known"
		}
		return strings.Join(codes, "|")
	}
	_, err := fmt.Fprintf(w, "%s  %s -> %s\n", c.Address, list(c.Old), list(c.New))
	for _, s := range c.Sources {
		_, err2 := fmt.Fprintf(w, "  %s: %s -> %s\n", s.Source, orNothing(s.Old), orNothing(s.New))
		err = errors.Join(err, err2)
	}
	return err
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
