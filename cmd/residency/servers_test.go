package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"residency/internal/config"
	"residency/internal/residency"
)

const twoMarkets = `
[[market]]
code = "IN"
MARKET

[[market]]
code = "SG"
client_subnets = ["203.208.0.0/24"]

[[vendor]]
id = "acme"
[[vendor.service]]
id = "sync"
endpoints = ["a.acme.example", "b.acme.example"]

[[policy]]
id = "law"
vendor = "acme"
never = ["CN"]

[resolve]
queries_per_second = RATE

[[resolve.server]]
name = "branch"
addresses = ["10.0.0.53"]

[[resolve.server]]
name = "public"
addresses = ["https://dns.example/dns-query"]
passes_subnets = true
`

func configure(t *testing.T, market, rate string) (*env, *config.Config) {
	t.Helper()
	e := &env{
		stdout: new(bytes.Buffer), stderr: new(bytes.Buffer), getenv: func(string) string { return "" },
		now: func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }, rand: strings.NewReader(strings.Repeat("x", 99)),
		dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") },
	}
	text := strings.NewReplacer("MARKET", market, "RATE", rate).Replace(twoMarkets)
	cfg, err := e.loader().Parse("config.toml", []byte("[schedule]\ncheck = \"* * * * *\"\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return e, cfg
}

// TestVantages: who is asked for which market, by which way, and stands where.
func TestVantages(t *testing.T) {
	t.Parallel()
	in := residency.MustCountry("IN")
	for _, tt := range []struct{ market, want string }{
		{"", "branch | public"},
		{`resolvers = ["branch"]`, "branch only IN stands IN | public except IN"},
		{`proxy = "socks5://u:p@branch.example:1080"`, "branch except IN | branch only IN stands IN via branch.example:1080 | public except IN | public only IN stands IN via branch.example:1080"},
		{"resolvers = [\"public\"]\nproxy = \"http://branch.example:3128\"", "branch except IN | public except IN | public only IN stands IN via branch.example:3128"},
		{`resolvers = ["public"]`, "branch except IN | public except IN | public only IN"},
	} {
		e, cfg := configure(t, tt.market, "10")
		h, err := e.furnish(t.Context(), cfg, false)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range h.resolver.Servers {
			text := s.Name
			if slices.Contains(s.Only, in) {
				text += " only IN"
			}
			if slices.Contains(s.Except, in) {
				text += " except IN"
			}
			if slices.Contains(s.StandsIn, in) {
				text += " stands IN"
			}
			if s.Proxy != nil {
				text += " via " + s.Proxy.Host
			}
			got = append(got, text)
		}
		if g := strings.Join(got, " | "); g != tt.want {
			t.Errorf("%q: %s, want %s", tt.market, g, tt.want)
		}
		engine := h.engine(e, time.Time{})
		stands := strings.Contains(tt.want, "stands IN")
		if subnets := engine.Markets[0].Subnets; (len(subnets) == 0) != stands {
			t.Errorf("%q: client subnets of IN %v", tt.market, subnets)
		}
	}
}

// TestPlan: how much goes to whom, how long that takes, and whether the
// schedule and the commands leave the time.
func TestPlan(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		market, rate string
		want         []string
		warned       []string // of the warnings and notes there can be
	}{
		// IN: three subnets chosen; SG: one. Two hosts, three types. And each
		// server is tested with five requests.
		{"", "10", []string{"branch (10.0.0.53:53)\n      when all is answered: 29 requests, at 10 a second, at least 3s: 24 questions, 5 to see",
			"      never more than ", "public (https://dns.example/dns-query; run by dns.example)\n      when all is answered: 29 requests, "}, nil},
		{`resolvers = ["branch"]`, "1", []string{"branch (10.0.0.53:53)\n      when all is answered: 11 requests, at 1 a second, at least 11s: 6 questions, 5 to see", "run by dns.example)\n      when all is answered: 11 requests, "}, nil},
		{"client_subnets = " + manySubnets(15), "1", []string{"at least 1m41s", "a check takes at least 1m41s"},
			[]string{"the schedule wants one after 1m0s", `"residency check" ends one after 50s`, "--timeout 3m0s"}},
		{"client_subnets = " + manySubnets(99), "1", []string{"at least 10m5s"},
			[]string{"the schedule wants one after 1m0s", `"residency check" ends one after 50s`, `"residency watch" ends one after 10m0s`, "--timeout 16m0s"}},
	} {
		e, cfg := configure(t, tt.market, tt.rate)
		if err := e.describe(cfg); err != nil {
			t.Fatal(err)
		}
		out, warned := e.stdout.(*bytes.Buffer).String(), e.stderr.(*bytes.Buffer).String()
		for _, w := range tt.want {
			if !strings.Contains(out, w) {
				t.Errorf("%q at %s a second: no %q in\n%s", tt.market, tt.rate, w, out)
			}
		}
		for _, w := range []string{"the schedule wants one after 1m0s", `"residency check" ends`, `"residency watch" ends`} {
			if slices.ContainsFunc(tt.warned, func(s string) bool { return strings.Contains(s, w) }) != strings.Contains(warned, w) {
				t.Errorf("%q at %s a second: %q or not in\n%s", tt.market, tt.rate, w, warned)
			}
		}
		for _, w := range tt.warned {
			if !strings.Contains(warned, w) {
				t.Errorf("%q at %s a second: no %q in\n%s", tt.market, tt.rate, w, warned)
			}
		}
	}
}

// manySubnets is a list of client subnets in India.
func manySubnets(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%q", fmt.Sprintf("106.208.%d.0/24", i)))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// TestPlanSaysAll: what else a check puts, besides questions: keys, names, draws,
// controls, and that two servers may be one operator's.
func TestPlanSaysAll(t *testing.T) {
	t.Parallel()
	e, _ := configure(t, "", "10")
	text := twoMarkets[:strings.Index(twoMarkets, "[resolve]")] + `
[geo]
ptr = true

[resolve]
dnssec = "validate"
queries_per_second = 10

[resolve.pool]
recursive = true

[[resolve.server]]
name = "root"
iterative = true

[[resolve.server]]
name = "one"
addresses = ["8.8.8.8"]

[[resolve.server]]
name = "two"
addresses = ["https://dns.google/dns-query"]
bootstrap = ["8.8.4.4"]

[[resolve.server]]
name = "three"
addresses = ["192.0.2.7"]
operator = "Google"
`
	cfg, err := e.loader().Parse("config.toml", []byte(strings.Replace(text, "MARKET", "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.describe(cfg); err != nil {
		t.Fatal(err)
	}
	out, said := e.stdout.(*bytes.Buffer).String(), e.stderr.(*bytes.Buffer).String()
	for _, want := range []string{
		// 24 questions of two hosts under one top-level domain.
		"root (all name servers that are found from the root, together)\n", "each at 10 a second, at least 1s: 24 questions, 3 to find the servers",
		"one (8.8.8.8:53; run by google)\n      when all is answered: 31 requests, ", "5 to see whether it answers and can be believed (in watch once an hour), 2 for the keys of signatures",
		"asked again for addresses not shown at first: the same servers, as their answers run out, up to 5000 questions and 20s of a check",
		"the name of each address seen", "one request goes to 192.0.2.53:53", "up to 3 tries",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if want := "one, two, three are all run by google, so their answers are one witness"; strings.Count(said, want) != 1 {
		t.Errorf("no %q in\n%s", want, said)
	}
}
