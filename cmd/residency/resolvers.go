package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/residency"
)

func newResolvers(e *env) *cobra.Command {
	var path, format string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "resolvers",
		Short: "Test each configured resolver: does it answer, and can it be believed",
		Long: `Ask each configured server, by each way it is used, questions whose answers are
known, and say:

  client-subnets  whether it passes client subnets on, so that a market is asked
  dnssec          whether it refuses a name whose DNSSEC signature is wrong
  nxdomain        whether it says so when a name does not exist (a name by chance
                  under .invalid, which nobody can register)
  controls        whether names whose addresses are known get those
  dns64           whether it makes IPv6 addresses from IPv4 addresses
  path            whether something answers in the place of servers: an address
                  for documentation, where no server can be, must be silent

The names are in [resolve.controls] of the configuration, with defaults. Looks
through a server whose answers are not to be believed are failures, never
answers. check and watch test all but dnssec at their start, once an hour.

Exit codes: 0 every server answers and is believed; 1 some does not or is not;
2 usage or configuration.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runResolvers(cmd.Context(), e, path, format, timeout)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&path, "config", "c", "config.toml", "configuration file")
	fl.StringVarP(&format, "format", "f", "table", "output: table, json")
	fl.DurationVar(&timeout, "timeout", 50*time.Second, "end after this long")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runResolvers(ctx context.Context, e *env, path, format string, timeout time.Duration) error {
	if format != "table" && format != "json" {
		return misused("unknown format %q: want table or json", format)
	}
	cfg, err := e.loader().Load(path)
	if err != nil {
		return exitError{exitUsage, err}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	h, err := e.furnish(ctx, cfg, true)
	if err != nil {
		return failed(err)
	}
	question, ok := h.engine(e, time.Time{}).ProbeQuestion()
	if !ok {
		return failed(errors.New("test resolvers: no claim covers an endpoint, so there is nothing to ask"))
	}
	list := h.resolver.Examine(ctx, question)
	if format == "json" {
		err = e.resolversJSON(list)
	} else {
		err = e.resolversTable(list)
	}
	if err != nil {
		return failed(fmt.Errorf("write output: %w", err))
	}
	for _, s := range list {
		if !s.Answers {
			return exitError{code: exitFailed}
		}
	}
	return nil
}

// resolverRow is one server by one way, as JSON has it.
type resolverRow struct {
	Name          string                    `json:"name"`
	Server        string                    `json:"server"`
	Operator      string                    `json:"operator"`    // whose answers count as one witness; "" for the server's own
	Markets       []residency.Country       `json:"markets"`     // the only ones it is asked for; empty: all but not_markets
	NotMarkets    []residency.Country       `json:"not_markets"` // the ones it is not asked for
	StandsIn      []residency.Country       `json:"stands_in"`
	Authoritative bool                      `json:"authoritative"`
	Answers       bool                      `json:"answers"`
	Failure       residency.Failure         `json:"failure"`
	Text          string                    `json:"text"`
	Checks        []residency.ResolverCheck `json:"checks"`
}

// some returns a list that JSON writes as [] when it is empty.
func some[T any](list []T) []T { return append([]T{}, list...) }

func (e *env) resolversJSON(list []residency.ResolverStatus) error {
	out := struct {
		Schema    string        `json:"schema"`
		Resolvers []resolverRow `json:"resolvers"`
	}{"residency/resolvers/v1", []resolverRow{}}
	for _, s := range list {
		out.Resolvers = append(out.Resolvers, resolverRow{
			Name: s.Name, Server: s.Server, Operator: s.Operator, Markets: some(s.Only), NotMarkets: some(s.Except), StandsIn: some(s.StandsIn),
			Authoritative: s.Authoritative, Answers: s.Answers, Failure: s.Failure, Text: s.Text, Checks: some(s.Checks),
		})
	}
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func (e *env) resolversTable(list []residency.ResolverStatus) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for i, s := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		state := "believed"
		if !s.Answers {
			state = "not used: " + string(s.Failure)
		}
		if s.Operator != "" {
			state += ", run by " + printable(s.Operator)
		}
		for _, c := range s.Only {
			state += ", for " + c.Name() + " only"
		}
		fmt.Fprintf(w, "%s  %s  %s\n", printable(s.Name), printable(s.Server), state)
		if len(s.Checks) == 0 || !s.Answers {
			fmt.Fprintf(w, "  %s\n", printable(s.Text))
		}
		for _, c := range s.Checks {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", c.Name, c.Result, printable(c.Text))
		}
	}
	return w.Flush()
}

// printable leaves out what could move a terminal's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, s)
}
