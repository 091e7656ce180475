package main

import (
	"bytes"
	"context"
	"errors"
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
// schedule leaves the time.
func TestPlan(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		market, rate string
		want         []string
		warns        bool
	}{
		// IN: three subnets chosen; SG: one. Two hosts, three types.
		{"", "10", []string{"branch (10.0.0.53:53): 24 questions, at 10 a second, at least 2s", "public (https://dns.example/dns-query): 24 questions"}, false},
		{`resolvers = ["branch"]`, "1", []string{"branch (10.0.0.53:53): 6 questions, at 1 a second, at least 6s", "query): 6 questions"}, false},
		{`client_subnets = ["IN"]`, "1", []string{"at least 1m36s", "a check takes at least 1m36s"}, true},
	} {
		market := tt.market
		if strings.Contains(market, "client_subnets") { // fifteen of them
			var list []string
			for i := range 15 {
				list = append(list, `"106.208.`+string(rune('0'+i/10))+string(rune('0'+i%10))+`.0/24"`)
			}
			market = "client_subnets = [" + strings.ReplaceAll(strings.Join(list, ", "), "106.208.0", "106.208.") + "]"
		}
		e, cfg := configure(t, market, tt.rate)
		if err := e.describe(cfg); err != nil {
			t.Fatal(err)
		}
		out, warned := e.stdout.(*bytes.Buffer).String(), e.stderr.(*bytes.Buffer).String()
		for _, w := range tt.want {
			if !strings.Contains(out, w) {
				t.Errorf("%q at %s a second: no %q in\n%s", tt.market, tt.rate, w, out)
			}
		}
		if strings.Contains(warned, "the schedule wants one after 1m0s") != tt.warns {
			t.Errorf("%q at %s a second: warned\n%s", tt.market, tt.rate, warned)
		}
	}
}
