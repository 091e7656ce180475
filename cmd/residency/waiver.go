package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/residency"
	"residency/internal/store"
)

func newWaiver(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "waiver",
		Short: "Exceptions that somebody answers for",
		Long: `A [[waiver]] of the configuration says that something is accepted, by whom, why,
and until when. It changes who is told and the exit code, and never a result:
what it covers is shown as it is, with the waiver beside it.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	path := cmd.PersistentFlags().StringP("config", "c", "config.toml", "configuration file")
	cmd.AddCommand(newWaiverList(e, path))
	return cmd
}

func newWaiverList(e *env, path *string) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show every waiver: who answers for it, what it covers, until when, and whether it is used",
		Long: `Show every waiver of the configuration, those that end first first. Whether one
is used is what the latest check in the store found; without a store it is not
known.`,
		Example: `  residency waiver list
  residency waiver list --format json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return misused("unknown format %q: want table or json", format)
			}
			cfg, err := e.loader().Load(*path)
			if err != nil {
				return exitError{exitUsage, err}
			}
			list, err := e.waiverRows(cmd.Context(), cfg)
			if err != nil {
				return failed(err)
			}
			if format == "json" {
				return writeWaiversJSON(e.stdout, list)
			}
			return writeWaivers(e.stdout, list)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "table", "output: table, json")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// waiverRow is one waiver and how it stands.
type waiverRow struct {
	ID       string          `json:"id"`
	State    string          `json:"state"` // "used", "unused", "new", "ended", "not begun", "unknown"
	Owner    string          `json:"owner"`
	Approver string          `json:"approver"`
	Reason   string          `json:"reason"`
	Scope    string          `json:"scope"`
	From     *residency.Date `json:"from"`  // null: from the start
	Until    residency.Date  `json:"until"` // the last day
	Claims   []string        `json:"claims_used"`
	LastUsed *time.Time      `json:"last_used"` // null: never, or not known
	Where    string          `json:"where"`

	daysLeft int
}

// waiverRows works out how every waiver stands now, those that end first first.
func (e *env) waiverRows(ctx context.Context, cfg *config.Config) ([]waiverRow, error) {
	latest, last, err := e.waiversUsed(ctx, cfg)
	if err != nil {
		return nil, err
	}
	now, used := e.now(), usedFor(latest.Claims)
	waivers := slices.Clone(cfg.Waivers)
	slices.SortStableFunc(waivers, func(a, b residency.Waiver) int { return a.Until.Compare(b.Until) })
	list := make([]waiverRow, 0, len(waivers))
	for _, w := range waivers {
		row := waiverRow{
			ID: w.ID, Owner: w.Owner, Approver: w.Approver, Reason: w.Reason, Scope: w.Scope(), Until: w.LastDay(),
			Claims: used[w.ID], Where: w.Where, State: "unknown",
			daysLeft: int((w.Until.Sub(now) + 24*time.Hour - 1) / (24 * time.Hour)),
		}
		if !w.From.IsZero() {
			day := residency.DateOf(w.From)
			row.From = &day
		}
		if at, ok := last[w.ID]; ok {
			row.LastUsed = &at
		}
		switch {
		case !now.Before(w.Until):
			row.State = "ended"
		case !w.Holds(now):
			row.State = "not begun"
		case len(used[w.ID]) > 0:
			row.State = "used"
		case latest.Seq != 0 && !applied(latest, w):
			row.State = "new"
		case latest.Seq != 0:
			row.State = "unused"
		}
		if row.Claims == nil {
			row.Claims = []string{}
		}
		list = append(list, row)
	}
	return list, nil
}

// waiversUsed returns the latest check, the zero run where nothing is
// remembered, and when each waiver was used last.
func (e *env) waiversUsed(ctx context.Context, cfg *config.Config) (latest residency.Run, last map[string]time.Time, err error) {
	if !cfg.Store.On {
		return latest, nil, nil
	}
	s, err := e.readStore(ctx, cfg)
	switch {
	case errors.Is(err, store.ErrMissing):
		return latest, nil, nil // no run yet
	case err != nil:
		return latest, nil, err
	}
	defer s.Close()
	runs, err := s.LastRuns(ctx, 1)
	if err != nil || len(runs) == 0 {
		return latest, nil, err
	}
	last = map[string]time.Time{}
	_, told, err := s.Ongoing(ctx)
	for _, t := range told {
		if id, ok := strings.CutPrefix(t.Subject, "waiver/"); ok && !t.Since.IsZero() {
			last[id] = t.Since
		}
	}
	return runs[0], last, err
}

// usedFor returns, by waiver, the claims that it was used for.
func usedFor(claims []residency.ClaimStanding) map[string][]string {
	used := map[string][]string{}
	for _, c := range claims {
		for _, id := range c.Waived {
			used[id] = append(used[id], c.Claim.ID)
		}
	}
	return used
}

// applied reports whether a run took notice of a waiver as it is now: it may
// have been written, changed or begun since.
func applied(run residency.Run, w residency.Waiver) bool {
	return slices.ContainsFunc(run.Waivers, func(known residency.Waiver) bool {
		return known.ID == w.ID && known.Scope() == w.Scope() && known.Holds(run.At)
	})
}

func writeWaiversJSON(w io.Writer, list []waiverRow) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(struct {
		Schema  string      `json:"schema"`
		Waivers []waiverRow `json:"waivers"`
	}{"residency/waivers/v1", list})
}

// writeWaivers writes the list for people.
func writeWaivers(w io.Writer, list []waiverRow) error {
	var b strings.Builder
	if len(list) == 0 {
		b.WriteString("The configuration has no waiver.\n")
	}
	for i, row := range list {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s  %s\n", row.ID, row.stateWords())
		fmt.Fprintf(&b, "  covers   %s\n  owner    %s\n  approver %s\n  reason   %s\n  written  %s\n",
			plainLine(row.Scope), plainLine(row.Owner), plainLine(row.Approver), plainLine(row.Reason), row.Where)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// stateWords says how a waiver stands.
func (r waiverRow) stateWords() string {
	until := "until " + r.Until.Human() + " (" + residency.Plural(r.daysLeft, "day") + " left)"
	switch r.State {
	case "ended":
		return "ended on " + r.Until.Human() + ": it covers nothing"
	case "not begun":
		return "from " + r.From.Human() + " " + until
	case "used":
		return until + ", used for " + strings.Join(r.Claims, ", ")
	case "new":
		return until + ", applied from the next check on"
	case "unused":
		words := until + ", covers nothing now"
		if r.LastUsed != nil {
			words += "; it last did at " + r.LastUsed.UTC().Format("15:04 UTC on 2 Jan 2006")
		}
		return words
	}
	return until
}

// plainLine keeps a text of the configuration to one line that steers no
// terminal.
func plainLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u202e' }), " ")
}
