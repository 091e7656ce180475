package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"residency/internal/config"
	"residency/internal/resolve"
)

// outward is the way out for messages and heartbeats: through the proxy of
// [network], else that of the environment. What runs on this machine is never
// reached through one.
type outward struct {
	choose func(addr string) (*url.URL, error)
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	roots  *x509.CertPool // nil: the system's
	client *http.Client
	proxy  string // URL with its password, for a process of its own; "" for none
}

// outward makes the way out.
func (e *env) outward(n config.Network) (*outward, error) {
	o := &outward{choose: func(string) (*url.URL, error) { return nil, nil }}
	var err error
	if o.roots, err = networkRoots(n); err != nil {
		return nil, err
	}
	switch {
	case n.NoProxy:
	case n.Proxy.IsZero():
		o.choose = resolve.ProxyFromEnvironment(e.getenv)
		for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
			if o.proxy == "" {
				o.proxy = e.getenv(name)
			}
		}
	default:
		u, err := proxyURL(n.Proxy)
		if err != nil {
			return nil, fmt.Errorf("network.proxy: %w", err)
		}
		o.choose, o.proxy = throughUnlessHere(u), u.String()
	}
	o.dial = resolve.DialThrough(o.choose, e.dial, o.roots)
	o.client = &http.Client{Transport: &http.Transport{
		// Every connection is a tunnel that dial opens, so that all kinds of
		// proxies work alike, and none reads along.
		DialContext: o.dial, TLSClientConfig: &tls.Config{RootCAs: o.roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 15 * time.Second, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}}
	return o, nil
}

// throughUnlessHere chooses the proxy for everything but this machine.
func throughUnlessHere(u *url.URL) func(addr string) (*url.URL, error) {
	return func(addr string) (*url.URL, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost") {
			return nil, nil
		}
		return u, nil
	}
}
