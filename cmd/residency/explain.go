package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/report"
	"residency/internal/residency"
)

// explainFlags are the flags of explain.
type explainFlags struct {
	config, market, claim, at string
	data                      string
	timeout                   time.Duration
	historic                  bool
	rtt                       rttFlag
}

func newExplain(e *env) *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain ENDPOINT",
		Short: "Look at one endpoint and print the whole proof",
		Long: `Look at one endpoint now and print everything a verdict rests on: what was
promised, the questions, the servers, the client subnets, the answers, what
every source says about every address with its data set and date, the rule that
decided, the verdict, and what it cannot say.

Where the configuration has a store, what earlier checks found of it comes
first: one look alone can miss what they saw. Nothing of this look is remembered.

Without --market the market is shown that is worst, now or as remembered.`,
		Example: `  residency explain api.account.xiaomi.com --market IN`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.rtt.read(cmd)
			return runExplain(cmd.Context(), e, f, args[0])
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return e.completeHosts(f.config), cobra.ShellCompDirectiveNoFileComp
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "config.toml", "configuration file")
	fl.StringVar(&f.market, "market", "", "the market to look as, such as IN")
	fl.StringVar(&f.claim, "claim", "", "the claim or policy to judge; the default is every one that is about the endpoint")
	fl.StringVar(&f.at, "at", "", "judge as of this time (2014-11-02 or RFC 3339)")
	fl.StringVar(&f.data, "data", "", dataUsage)
	f.rtt.add(cmd)
	fl.DurationVar(&f.timeout, "timeout", 50*time.Second, "end after this long")
	fl.BoolVar(&f.historic, "historic", false, "judge historic, withdrawn and superseded claims too")
	_ = cmd.RegisterFlagCompletionFunc("market", completeCountries)
	return cmd
}

// completeHosts lists the endpoints of a configuration.
func (e *env) completeHosts(path string) []string {
	cfg, err := e.loader().Load(path)
	if err != nil {
		return nil
	}
	var hosts []string
	for _, ep := range cfg.Endpoints() {
		hosts = append(hosts, ep.Host)
	}
	return hosts
}

func runExplain(ctx context.Context, e *env, f explainFlags, host string) error {
	cfg, err := e.loader().Load(f.config)
	if err != nil {
		return exitError{exitUsage, err}
	}
	if cfg, err = f.rtt.apply(cfg); err != nil {
		return err
	}
	at, err := parseAt(f.at, cfg.Organisation.Location)
	if err != nil {
		return exitError{exitUsage, err}
	}
	var market residency.Country
	if f.market != "" {
		var ok bool
		if market, ok = residency.ParseCountry(f.market); !ok {
			return misused("--market %q is not a country code", f.market)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	e = e.with(f.data)
	h, err := e.furnish(ctx, cfg, f.historic || f.claim != "")
	if err != nil {
		return failed(err)
	}
	engine := h.engine(e, at)
	if f.claim != "" {
		if !slices.ContainsFunc(cfg.Claims, func(c residency.Claim) bool { return c.ID == f.claim }) {
			return misused("%s has no claim or policy %q\nhint: it has %s", f.config, f.claim, strings.Join(claimIDs(cfg), ", "))
		}
		engine.Claims = slices.DeleteFunc(engine.Claims, func(c residency.Claim) bool { return c.ID != f.claim })
	}
	if market.Known() {
		engine.Markets = slices.DeleteFunc(engine.Markets, func(m residency.Market) bool { return m.Code != market })
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	engine.Endpoints = slices.DeleteFunc(slices.Clone(engine.Endpoints), func(ep residency.Endpoint) bool { return ep.Host != name })
	if len(engine.Endpoints) == 0 {
		return misused("%s names no endpoint %q\nhint: residency check %s --market IN --regions US,SG looks at a host without a configuration", f.config, host, host)
	}
	before := e.past(ctx, cfg, f, engine.Endpoints)
	bar := e.progress("looking")
	engine.Progress = bar.set
	run := engine.Run(ctx)
	bar.done()
	run.At = run.At.In(cfg.Organisation.Location)
	return e.explain(run, before, host, f)
}

// explain prints the worst cell of every claim, below what is remembered of it,
// and names the others.
func (e *env) explain(run residency.Run, before past, host string, f explainFlags) error {
	printed := false
	for _, c := range run.Claims {
		round, cell, others := worstCell(run, before, c.Claim.ID)
		if cell == nil {
			continue
		}
		if printed {
			fmt.Fprintln(e.stdout)
		}
		printed = true
		for _, line := range before.lines(cell) {
			fmt.Fprintln(e.stdout, line)
		}
		if before.on {
			fmt.Fprintln(e.stdout)
		}
		if err := report.Explain(e.stdout, run, c.Claim, *round, *cell, report.Options{Color: e.colour(), Width: e.width, Part: true}); err != nil {
			return failed(fmt.Errorf("write output: %w", err))
		}
		if len(others) > 0 {
			fmt.Fprintf(e.stdout, "\nOther markets: %s. Show one with: residency explain %s%s --market %s\n",
				strings.Join(others, ", "), host, f.again(), strings.Fields(others[0])[0])
		}
	}
	if !printed {
		return misused("no claim is about %s%s\nhint: historic claims are judged with --historic", host, inMarket(f.market))
	}
	return nil
}

func inMarket(code string) string {
	if code == "" {
		return ""
	}
	return " in market " + code
}

// worstCell returns the cell of a claim that most needs explaining, by what is
// seen now or remembered, and the other cells as "IN outside".
func worstCell(run residency.Run, before past, claim string) (*residency.Round, *residency.Cell, []string) {
	order := []residency.Verdict{residency.Outside, residency.Undetermined, residency.NotMeasured, residency.Inside}
	var round *residency.Round
	var worst *residency.Cell
	for i := range run.Rounds {
		for j := range run.Rounds[i].Cells {
			c := &run.Rounds[i].Cells[j]
			if c.Claim != claim {
				continue
			}
			if worst == nil || slices.Index(order, before.worst(c)) < slices.Index(order, before.worst(worst)) {
				round, worst = &run.Rounds[i], c
			}
		}
	}
	var others []string
	for _, r := range run.Rounds {
		for _, c := range r.Cells {
			if c.Claim == claim && worst != nil && (c.Market != worst.Market || c.Endpoint.Key() != worst.Endpoint.Key()) {
				others = append(others, c.Market.String()+" "+c.Verdict.Words())
			}
		}
	}
	return round, worst, others
}

// claimOf returns the claim of a run with the given id.
func claimOf(run residency.Run, id string) residency.Claim {
	for _, c := range run.Claims {
		if c.Claim.ID == id {
			return c.Claim
		}
	}
	return residency.Claim{ID: id}
}

// judges reports whether a run judged the claim with the given id.
func judges(run *residency.Run, id string) bool {
	return slices.ContainsFunc(run.Claims, func(c residency.ClaimStanding) bool { return c.Claim.ID == id })
}

// isAbout reports whether a claim is about an endpoint, for users of some
// market.
func isAbout(c residency.Claim, ep residency.Endpoint) bool {
	return c.Vendor == ep.Vendor && slices.Contains(c.Services, ep.Service)
}

// claimIDs lists the claims and policies of a configuration.
func claimIDs(cfg *config.Config) []string {
	var ids []string
	for _, c := range cfg.Claims {
		ids = append(ids, c.ID)
	}
	return ids
}

// again returns the flags that make the same command look at the same thing.
func (f explainFlags) again() string {
	text := ""
	if f.config != "config.toml" {
		text += " --config " + f.config
	}
	if f.at != "" {
		text += " --at " + f.at
	}
	if f.historic {
		text += " --historic"
	}
	return text
}
