package main

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"slices"

	"residency/internal/config"
	"residency/internal/residency"
	"residency/internal/resolve"
)

// resolver makes the resolver of a configuration. The system's servers are
// asked only where the configuration names them.
func (e *env) resolver(cfg *config.Config) (*resolve.Resolver, error) {
	r := &resolve.Resolver{
		Dial: e.dial, Now: e.now, Timeout: cfg.Resolve.Timeout,
		Tries: cfg.Resolve.Tries, InFlight: cfg.Resolve.InFlight, MaxChain: cfg.Resolve.MaxChain,
		Rate: float64(cfg.Resolve.Rate), MixCase: cfg.Resolve.MixCase, Controls: controls(cfg.Resolve.Controls),
	}
	if err := e.network(r, cfg.Network); err != nil {
		return nil, err
	}
	if cfg.Resolve.Validate {
		r.NewValidator = newValidator(e.anchors)
	}
	for _, s := range cfg.Resolve.Servers {
		list, err := serversOf(cfg, s)
		if err != nil {
			return nil, fmt.Errorf("server %q: %w", s.Name, err)
		}
		r.Servers = append(r.Servers, list...)
	}
	return r, nil
}

// network sets by which way servers are reached.
func (e *env) network(r *resolve.Resolver, n config.Network) error {
	var err error
	if r.Roots, err = networkRoots(n); err != nil {
		return err
	}
	switch {
	case n.NoProxy:
	case n.Proxy.IsZero():
		r.Proxy = resolve.ProxyFromEnvironment(e.getenv)
	default:
		u, err := proxyURL(n.Proxy)
		if err != nil {
			return fmt.Errorf("network.proxy: %w", err)
		}
		r.Proxy = func(string) (*url.URL, error) { return u, nil }
	}
	return nil
}

// networkRoots reads the certificates that are trusted besides the system's; nil
// where the configuration names none.
func networkRoots(n config.Network) (*x509.CertPool, error) {
	if n.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(n.CAFile)
	if err != nil {
		return nil, err
	}
	roots, err := resolve.Roots(pem)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.CAFile, err)
	}
	return roots, nil
}

// proxyURL reads a proxy; the error does not show it.
func proxyURL(s config.Secret) (*url.URL, error) {
	text, err := s.Reveal()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read proxy %s: it is no URL", s.From())
	}
	return u, nil
}

// serversOf returns the ways in which a server is asked: one for all markets
// that have no servers of their own, and one for each market that names it.
func serversOf(cfg *config.Config, s config.Server) ([]resolve.Server, error) {
	one := resolve.Server{
		Name: s.Name, Operator: s.Operator, Addresses: s.Addresses, TLSName: s.TLSName, Bootstrap: s.Bootstrap,
		PassesSubnets: s.PassesSubnets, Authoritative: s.Authoritative, StandsIn: s.StandsIn,
		Rate: float64(s.Rate), InFlight: s.InFlight, Iterative: iterative(s.Iterative),
	}
	if s.TrustAnchors != "" {
		anchors, err := readAnchors(s.TrustAnchors)
		if err != nil {
			return nil, err
		}
		one.NewValidator = newValidator(anchors)
	}
	if s.System {
		var err error
		if one.Addresses, err = systemServers("/etc/resolv.conf"); err != nil {
			return nil, err
		}
	}
	var list []resolve.Server
	if cfg.ForAll(s) {
		rest := one
		for _, v := range cfg.Vantages {
			rest.Except = append(rest.Except, v.Market)
		}
		if len(rest.Except) < len(cfg.Markets) {
			list = append(list, rest)
		}
	}
	for _, v := range cfg.Vantages {
		if len(v.Servers) > 0 && !slices.Contains(v.Servers, s.Name) {
			continue
		}
		there, err := serverAt(one, v)
		if err != nil {
			return nil, err
		}
		list = append(list, there)
	}
	return list, nil
}

// serverAt returns a server as the users of one market reach it. What is
// reached through a proxy in the market answers as to the proxy; so does a
// server that the market names for itself, unless it passes client subnets on
// and so may be anywhere.
func serverAt(s resolve.Server, v config.Vantage) (resolve.Server, error) {
	s.Only = []residency.Country{v.Market}
	if !v.Proxy.IsZero() {
		u, err := proxyURL(v.Proxy)
		if err != nil {
			return s, fmt.Errorf("proxy of market %s: %w", v.Market, err)
		}
		s.Proxy = u
	}
	if (s.Proxy != nil || !s.PassesSubnets) && !s.Authoritative && !slices.Contains(s.StandsIn, v.Market) {
		s.StandsIn = append(slices.Clone(s.StandsIn), v.Market)
	}
	return s, nil
}

// withoutSubnets takes the client subnets that the program chose from markets
// whose servers all stand there: each would ask the same once more.
func (h *house) withoutSubnets(markets []residency.Market) {
	for i, m := range markets {
		away := func(s resolve.Server) bool { return s.Asked(m.Code) && !slices.Contains(s.StandsIn, m.Code) }
		if !slices.ContainsFunc(h.resolver.Servers, away) && len(h.cfg.Markets[i].Subnets) == 0 {
			markets[i].Subnets = nil
		}
	}
}

// controls returns what is tested of servers, nil for nothing.
func controls(cfg config.Controls) *resolve.Controls {
	if cfg.Off {
		return nil
	}
	c := resolve.DefaultControls()
	if len(cfg.Names) > 0 {
		c.Known = nil
		for _, n := range cfg.Names {
			c.Known = append(c.Known, resolve.Known{Name: n.Name, Addresses: n.Addresses})
		}
	}
	if cfg.Signed != "" {
		c.Signed = cfg.Signed
	}
	if cfg.Bogus != "" {
		c.Bogus = cfg.Bogus
	}
	if cfg.Nowhere != "" || cfg.NoNowhere {
		c.Nowhere = cfg.Nowhere
	}
	return c
}
