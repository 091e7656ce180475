package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/lab"
	"residency/internal/report"
	"residency/internal/residency"
)

func newDemo(e *env) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play the migration of 2014 again, without network or configuration",
		Long: `Play Xiaomi's migration of August 2014 to January 2015 again, in half a minute
and without network or configuration: invented name servers on loopback, and
everything else as in a real check. It ends with the one address that stayed in
Beijing, explained, and a page to look at.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), e, out) },
	}
	cmd.Flags().StringVar(&out, "out", "residency-demo", "directory for the page")
	return cmd
}

// story is a demonstration under way.
type story struct {
	e     *env
	house *house
	clock atomic.Int64 // the scenario's time, Unix seconds
	loc   *time.Location
	runs  []residency.Run
	last  map[string]residency.Standing
}

func (s *story) now() time.Time { return time.Unix(s.clock.Load(), 0).In(s.loc) }

func runDemo(ctx context.Context, e *env, out string) error {
	scenario, err := lab.Builtin("xiaomi-2014")
	if err != nil {
		return failed(err)
	}
	s := &story{e: e, loc: scenario.Steps[0].At.Location(), last: map[string]residency.Standing{}}
	s.clock.Store(scenario.Steps[0].At.Unix())
	net, err := scenario.Serve(ctx, "127.0.0.1:0", s.now)
	if err != nil {
		return failed(err)
	}
	defer net.Close()
	if err := s.furnish(ctx, scenario, net); err != nil {
		return failed(err)
	}
	fmt.Fprintf(e.stdout, "%s\n%s\n", scenario.Title, scenario.Notice)
	for i, step := range scenario.Steps {
		if err := s.play(ctx, i, step); err != nil {
			return failed(err)
		}
	}
	return s.end(scenario, out)
}

// furnish writes the scenario's configuration to a place of its own and makes
// a house from it, as a user's configuration would be.
func (s *story) furnish(ctx context.Context, scenario *lab.Scenario, net *lab.Net) error {
	dir, err := os.MkdirTemp("", "residency-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "config.toml")
	if _, err := writeLabConfig(scenario, net, path, true); err != nil {
		return err
	}
	cfg, err := s.e.loader().Load(path)
	if err != nil {
		return err
	}
	for i := range cfg.Claims {
		cfg.Claims[i].Where = "" // a file that is gone when the demonstration ends
	}
	inner := *s.e
	inner.now, inner.data = s.now, pickEmbedded // the same story on every machine
	s.house, err = inner.furnish(ctx, cfg, false)
	return err
}

// play makes it the step's time, checks, and tells what changed.
func (s *story) play(ctx context.Context, n int, step lab.Step) error {
	s.clock.Store(step.At.Unix())
	inner := *s.e
	inner.now = s.now
	engine := s.house.engine(&inner, step.At)
	bar := s.e.progress(step.At.Format("2 Jan 2006"))
	engine.Progress = bar.set
	run := engine.Run(ctx)
	bar.done()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("play %s: %w", step.At.Format(time.DateOnly), context.Cause(ctx))
	}
	if err := reached(run); err != nil {
		return err
	}
	s.runs = append(s.runs, run)
	fmt.Fprintf(s.e.stdout, "\n%s  %s\n", step.At.Format("2 Jan 2006"), step.Caption)
	for _, c := range run.Claims {
		mark := ""
		if before, told := s.last[c.Claim.ID]; (!told || before != c.Standing) && n > 0 {
			mark = "  <- now"
		}
		s.last[c.Claim.ID] = c.Standing
		fmt.Fprintf(s.e.stdout, "  %-9s %-9s %s%s\n", c.Claim.ID, c.Standing, c.Words(run.MainReason(c.Claim.ID)), mark)
	}
	return nil
}

// reached is an error if none of the invented servers answered: the story would
// be that nothing is known, which tells nobody anything.
func reached(run residency.Run) error {
	if len(run.Resolvers) == 0 || slices.ContainsFunc(run.Resolvers, func(s residency.ResolverStatus) bool { return s.Answers }) {
		return nil
	}
	s := run.Resolvers[0]
	return fmt.Errorf("reach the invented name servers on loopback: none answers at %s or elsewhere (%s)\nhint: is the loopback interface up? (ip link set lo up)", s.Server, s.Failure)
}

// end explains the address that stayed and writes the page.
func (s *story) end(scenario *lab.Scenario, out string) error {
	page := report.Page{Title: scenario.Title, Notice: scenario.Notice}
	for i, run := range s.runs {
		page.Steps = append(page.Steps, report.Step{At: scenario.Steps[i].At, Caption: scenario.Steps[i].Caption, Run: run})
	}
	if step, round, cell := s.straggler(); cell != nil {
		run := s.runs[step]
		one, its := narrow(*round, *cell)
		fmt.Fprintf(s.e.stdout, "\nThe address that stayed, as one look of %s showed it:\n\n", run.At.Format("2 January 2006"))
		if err := report.Explain(s.e.stdout, run, claimOf(run, cell.Claim), one, its, report.Options{Color: s.e.colour(), Width: s.e.width}); err != nil {
			return failed(fmt.Errorf("write output: %w", err))
		}
		page.Explained = []report.Explained{{Run: run, Claim: claimOf(run, cell.Claim), Round: *round, Cell: *cell}}
	}
	path := filepath.Join(out, "report.html")
	if err := writeFile(path, page); err != nil {
		return failed(err)
	}
	_, err := fmt.Fprintf(s.e.stdout, "\n%s\nPage written: %s\n", scenario.Notice, path)
	return err
}

// straggler finds, in the last step that shows anything outside, the cell
// where one outside address hides among the most others.
func (s *story) straggler() (step int, round *residency.Round, cell *residency.Cell) {
	for step = len(s.runs) - 1; step >= 0; step-- {
		best := 0
		for i := range s.runs[step].Rounds {
			r := &s.runs[step].Rounds[i]
			for j := range r.Cells {
				if c := &r.Cells[j]; c.Verdict == residency.Outside && len(c.Addresses) > best {
					round, cell, best = r, c, len(c.Addresses)
				}
			}
		}
		if cell != nil {
			return step, round, cell
		}
	}
	return 0, nil, nil
}

// narrow cuts a proof down to the outside addresses of a cell and the first
// look about its market that showed one. The page has the whole proof.
func narrow(round residency.Round, cell residency.Cell) (residency.Round, residency.Cell) {
	cell.Addresses = slices.DeleteFunc(slices.Clone(cell.Addresses), func(a residency.JudgedAddress) bool {
		return a.Side != residency.SideOutside
	})
	for _, o := range round.Observations {
		shows := slices.ContainsFunc(o.Addresses, func(a residency.Answer) bool {
			return slices.ContainsFunc(cell.Addresses, func(j residency.JudgedAddress) bool { return j.Address == a.Address })
		})
		if o.Market == cell.Market && o.Meets() && shows {
			round.Observations = []residency.Observation{o}
			break
		}
	}
	return round, cell
}

// writeFile writes the page, and its directory if there is none.
func writeFile(path string, page report.Page) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := report.HTML(f, page); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}
