package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/report"
	"residency/internal/residency"
	"residency/internal/resolve"
)

// resolveFlags are the flags of resolve.
type resolveFlags struct {
	config, format         string
	types, markets, subnet []string
	servers                []string
	iterative, raw         bool
	timeout                time.Duration
	inFlight               int
}

func newResolve(e *env) *cobra.Command {
	var f resolveFlags
	cmd := &cobra.Command{
		Use:   "resolve NAME...",
		Short: "Look names up as users of a market would get them, and judge nothing",
		Long: `Look names up through each server and client subnet, and show every answer with
the chain of aliases that led to it and for whom it was meant. With "-" as the
only name, names are read from standard input, one a line, as they are needed:
there may be millions of them.

Without --market and --subnet the question is asked as we ourselves would. With
--market it is asked through client subnets of the market: those of the
configuration, else chosen ones.

The servers are those of the configuration (config.toml if there is one), or the
public resolvers asked by default. With --iterative the names' own name servers
are found from the root down and every one of them is asked.

To a terminal the answer is a table; to a pipe it is one JSON object a line. The
exit code is 1 when no question was answered.`,
		Example: `  residency resolve api.account.xiaomi.com --market IN,SG
  residency resolve api.account.xiaomi.com --iterative --market IN
  residency resolve example.com --type MX --server 9.9.9.9
  residency resolve example.com --format ndjson --raw`,
		RunE: func(cmd *cobra.Command, names []string) error {
			if f.format == "" {
				f.format = "ndjson"
				if e.outTerminal {
					f.format = "table"
				}
			}
			return runResolve(cmd.Context(), e, f, names, cmd.Flags().Changed("config"))
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "config.toml", "configuration file, for its servers and client subnets")
	fl.StringVarP(&f.format, "format", "f", "", "output: table, ndjson (default table to a terminal, else ndjson)")
	fl.StringSliceVarP(&f.types, "type", "t", []string{"A", "AAAA"}, "record types: A, AAAA, HTTPS, MX, SRV")
	fl.StringSliceVar(&f.markets, "market", nil, "markets to look as, such as IN,SG")
	fl.StringSliceVar(&f.subnet, "subnet", nil, "client subnets to look through, such as 49.36.8.0/24")
	fl.StringSliceVar(&f.servers, "server", nil, "servers to ask: names in the configuration, or addresses")
	fl.BoolVar(&f.iterative, "iterative", false, "ask the names' own name servers, found from the root down")
	fl.BoolVar(&f.raw, "raw", false, "in JSON: the bytes of every message, in base64")
	fl.DurationVar(&f.timeout, "timeout", 50*time.Second, "end after this long")
	fl.IntVar(&f.inFlight, "in-flight", 0, "questions open at one server at a time, at most 512 (default that of the configuration)")
	_ = cmd.RegisterFlagCompletionFunc("market", completeCountries)
	return cmd
}

func runResolve(ctx context.Context, e *env, f resolveFlags, names []string, named bool) error {
	out, err := report.NewLooks(e.stdout, f.format, f.raw, report.Options{Color: e.colour(), Width: e.width})
	if err != nil {
		return misused("%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	list, err := newNames(names, e.stdin, func(what string) { fmt.Fprintln(e.stderr, "residency: note: "+what) })
	if err != nil {
		return exitError{exitUsage, err}
	}
	froms, cfg, err := e.resolveQuestions(ctx, f, named)
	if err != nil {
		return exitError{exitUsage, err}
	}
	first, ok := list.next()
	if !ok {
		return exitError{exitUsage, cmp.Or(list.done(), errors.New("no name was given"))}
	}
	r, err := e.resolver(cfg)
	if err != nil {
		return failed(err)
	}
	question := froms[0]
	question.Endpoint.Host, question.Type = first, f.types[0]
	for _, st := range r.Probe(ctx, question) {
		if !st.Answers {
			fmt.Fprintf(e.stderr, "residency: note: server %s %s\n", st.Name, st.Text)
		}
	}
	if list.lines != nil && e.getenv("GOMAXPROCS") == "" && overUDP(cfg.Resolve.Servers) {
		// Waking a second processor for each few packets costs more than it
		// does: one alone asks faster, for two thirds of the work.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	}
	sum, err := writeLooks(ctx, r, list.questions(first, froms, f.types), out)
	if err != nil {
		return failed(fmt.Errorf("resolve: %w", err))
	}
	if list.lines != nil {
		fmt.Fprintln(e.stderr, "residency: note: "+sum.String())
		if ctx.Err() != nil {
			return failed(fmt.Errorf("not every name was asked for: the run ended after %v, see --timeout", f.timeout))
		}
	}
	if sum.answered == 0 {
		return failed(errors.New("no question was answered"))
	}
	if err := list.done(); err != nil {
		return failed(err)
	}
	return nil
}

// writeLooks makes the looks and writes each as it comes.
func writeLooks(ctx context.Context, r *resolve.Resolver, qs iter.Seq[residency.Question], out *report.Looks) (sum lookSum, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r.Stream(ctx, qs, func(o *residency.Observation) {
		sum.add(o)
		if err == nil {
			err = out.Write(o)
		}
		if err != nil {
			stop() // nobody reads on
		}
	})
	return sum, errors.Join(err, out.Flush())
}

// overUDP reports whether every server is asked over UDP: no cryptography and
// no recursion of our own, which several processors do share well.
func overUDP(servers []config.Server) bool {
	return !slices.ContainsFunc(servers, func(s config.Server) bool {
		return s.Iterative != nil || slices.ContainsFunc(s.Addresses, func(a string) bool { return strings.Contains(a, "://") })
	})
}

// lookSum counts looks and what they took.
type lookSum struct{ looks, answered, failed, requests, lost int }

func (s *lookSum) add(o *residency.Observation) {
	s.looks++
	s.requests += len(o.Exchanges)
	for i := range o.Exchanges {
		if o.Exchanges[i].Failure == residency.FailTimeout {
			s.lost++
		}
	}
	switch {
	case o.Failure == "":
		s.answered++
	case o.Failure != residency.FailNXDomain:
		s.failed++
	}
}

// String says it in one sentence. A name that does not exist has failed
// nothing: the server said so.
func (s *lookSum) String() string {
	return fmt.Sprintf("%s: %d answered, %d of names that do not exist, %d failed; %s, %d without response and sent again or given up",
		residency.Plural(s.looks, "look"), s.answered, s.looks-s.answered-s.failed, s.failed,
		residency.Plural(s.requests, "request"), s.lost)
}

// resolveQuestions works out what is asked of whom: the questions to put for
// each name and type.
func (e *env) resolveQuestions(ctx context.Context, f resolveFlags, named bool) ([]residency.Question, *config.Config, error) {
	cfg, err := e.resolveConfig(f, named)
	if err != nil {
		return nil, cfg, err
	}
	if cfg.Resolve.Servers, err = pickServers(cfg.Resolve.Servers, f); err != nil {
		return nil, cfg, err
	}
	switch {
	case f.inFlight < 0 || f.inFlight > 512:
		return nil, cfg, fmt.Errorf("--in-flight %d is not between 1 and 512", f.inFlight)
	case f.inFlight > 0:
		cfg.Resolve.InFlight = f.inFlight
	}
	for _, t := range f.types {
		if !slices.Contains([]string{"A", "AAAA", "HTTPS", "MX", "SRV"}, t) {
			return nil, cfg, fmt.Errorf("--type %q is none of A, AAAA, HTTPS, MX, SRV", t)
		}
	}
	froms, err := e.vantages(ctx, f, cfg)
	return froms, cfg, err
}

// resolveConfig returns the configuration named, that of config.toml where
// there is one, or what holds without any.
func (e *env) resolveConfig(f resolveFlags, named bool) (*config.Config, error) {
	if _, err := os.Stat(f.config); named || !errors.Is(err, fs.ErrNotExist) {
		return e.loader().Load(f.config)
	}
	// The one market without a code is ourselves.
	return &config.Config{Resolve: config.DefaultResolve(), Markets: []residency.Market{{}}}, nil
}

// pickServers returns the servers that the flags name.
func pickServers(list []config.Server, f resolveFlags) ([]config.Server, error) {
	if f.iterative {
		if len(f.servers) > 0 {
			return nil, errors.New("--iterative finds the servers by itself: it does not go with --server")
		}
		list = slices.DeleteFunc(slices.Clone(list), func(s config.Server) bool { return s.Iterative == nil })
		if len(list) == 0 {
			list = []config.Server{{Name: "iterative", Iterative: &config.Iterative{}}}
		}
		return list, nil
	}
	if len(f.servers) == 0 {
		return list, nil
	}
	var picked []config.Server
	for _, want := range f.servers {
		if i := slices.IndexFunc(list, func(s config.Server) bool { return s.Name == want }); i >= 0 {
			picked = append(picked, list[i])
			continue
		}
		addr := want
		if ip, err := netip.ParseAddr(strings.Trim(want, "[]")); err == nil {
			addr = netip.AddrPortFrom(ip, 53).String()
		}
		if _, err := netip.ParseAddrPort(addr); err != nil && !strings.Contains(addr, "://") {
			return nil, fmt.Errorf("--server %q is neither a server of the configuration nor an address", want)
		}
		if host, _, err := net.SplitHostPort(addr); err == nil {
			want = host
		}
		picked = append(picked, config.Server{Name: want, Addresses: []string{addr}})
	}
	return picked, nil
}

// vantages are the markets and client subnets to ask through, as questions
// without a name.
func (e *env) vantages(ctx context.Context, f resolveFlags, cfg *config.Config) ([]residency.Question, error) {
	var list []residency.Question
	for _, text := range f.subnet {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--subnet %q is no network: want one such as 49.36.8.0/24", text)
		}
		list = append(list, residency.Question{Subnet: residency.ClientSubnet{Prefix: p.Masked()}})
	}
	var markets []residency.Market
	for _, code := range f.markets {
		c, ok := residency.ParseCountry(code)
		if !ok {
			return nil, fmt.Errorf("--market %q is not a country code", code)
		}
		m := residency.Market{Code: c}
		if i := slices.IndexFunc(cfg.Markets, func(o residency.Market) bool { return o.Code == c }); i >= 0 {
			m = cfg.Markets[i]
		}
		markets = append(markets, m)
	}
	if len(markets) > 0 {
		ev, err := e.openEvidence(ctx, config.Geo{Embedded: true})
		if err != nil {
			return nil, err
		}
		settled, notices := ev.settle(markets, cfg.Resolve, e.now())
		for _, n := range notices {
			fmt.Fprintln(e.stderr, "residency: note: "+n)
		}
		for _, m := range settled {
			for _, s := range m.Subnets {
				list = append(list, residency.Question{Market: m.Code, Subnet: s})
			}
			if len(m.Subnets) == 0 {
				list = append(list, residency.Question{Market: m.Code})
			}
		}
	}
	if len(list) == 0 {
		list = append(list, residency.Question{})
	}
	return list, nil
}
