package resolve

import (
	"context"
	"crypto/x509"
	"net"
	"net/url"
)

// DialThrough returns a function that opens TCP connections through the proxy
// that choose names for a "host:port"; nil is none. dial reaches the proxies,
// and what is reached without one; nil: the system's. roots authenticate
// proxies of the scheme https; nil: the system's.
func DialThrough(choose func(addr string) (*url.URL, error), dial func(ctx context.Context, network, addr string) (net.Conn, error),
	roots *x509.CertPool) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	ln := &line{set: &settings{dial: dial, proxy: choose, roots: roots}, way: way{transport: overTCP}}
	return func(ctx context.Context, _, addr string) (net.Conn, error) { return ln.reach(ctx, addr) }
}
