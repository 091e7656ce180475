package resolve

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"
)

// tlsError and httpError tell what went wrong above TCP from a connection that
// did not come about.
type (
	tlsError  struct{ err error }
	httpError struct{ text string }
)

func (e tlsError) Error() string  { return e.err.Error() }
func (e tlsError) Unwrap() error  { return e.err }
func (e httpError) Error() string { return e.text }

// ProxyFromEnvironment returns the proxy that the usual environment variables
// name for a "host:port": HTTPS_PROXY, else ALL_PROXY, unless NO_PROXY excepts
// the host; each in capitals or small letters. Loopback is never reached
// through it.
func ProxyFromEnvironment(getenv func(string) string) func(addr string) (*url.URL, error) {
	first := func(names ...string) string {
		for _, n := range names {
			if v := strings.TrimSpace(getenv(n)); v != "" {
				return v
			}
		}
		return ""
	}
	cfg := httpproxy.Config{
		HTTPSProxy: first("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
		NoProxy:    first("NO_PROXY", "no_proxy"),
	}
	find := cfg.ProxyFunc()
	return func(addr string) (*url.URL, error) { return find(&url.URL{Scheme: "https", Host: addr}) }
}

// connect opens a connection for a transport that is one, TLS included. It
// tries the targets in order.
func (ln *line) connect(ctx context.Context, transport string) (net.Conn, error) {
	var err error
	for _, target := range ln.way.targets {
		var conn net.Conn
		if conn, err = ln.reach(ctx, target); err != nil {
			continue
		}
		if transport != overTLS && transport != overHTTPS {
			return conn, nil
		}
		var secure net.Conn
		if secure, err = ln.secure(ctx, conn, transport); err == nil {
			return secure, nil
		}
	}
	return nil, err
}

// secure puts TLS on a connection, and closes it if that fails. The server
// must be the one meant, by name or by address, and nothing is sent to it
// before that is sure (RFC 8310 section 5, the strict profile).
func (ln *line) secure(ctx context.Context, conn net.Conn, transport string) (net.Conn, error) {
	cfg := &tls.Config{
		ServerName: ln.way.tlsName, RootCAs: ln.set.roots, MinVersion: tls.VersionTLS12,
		NextProtos: []string{"dot"},
	}
	if transport == overHTTPS {
		cfg.NextProtos = []string{"h2", "http/1.1"}
	}
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		var late net.Error
		if ctx.Err() != nil || errors.As(err, &late) && late.Timeout() {
			return nil, err
		}
		return nil, tlsError{fmt.Errorf("no secure connection with %s: %w", ln.way.tlsName, plainTLS(err))}
	}
	return secure, nil
}

// plainTLS leaves out of a certificate's error what people need not read twice.
func plainTLS(err error) error {
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return bad.Err
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return errors.New("the server speaks no TLS")
	}
	return err
}

// reach opens a TCP connection to target, through the proxy if there is one.
func (ln *line) reach(ctx context.Context, target string) (net.Conn, error) {
	via, err := ln.proxyTo(target)
	if err != nil {
		return nil, fmt.Errorf("choose proxy for %s: %w", target, err)
	}
	if via == nil {
		return ln.set.dial(ctx, "tcp", target)
	}
	switch via.Scheme {
	case "http", "https":
		return ln.throughHTTP(ctx, via, target)
	case "socks5", "socks5h":
		return ln.throughSOCKS(ctx, via, target)
	}
	return nil, fmt.Errorf("choose proxy for %s: %q is no kind of proxy that is known", target, via.Scheme)
}

// proxyTo returns the proxy for a target, nil for none. Truncated answers of a
// server asked over UDP are fetched over TCP by the same direct path.
func (ln *line) proxyTo(target string) (*url.URL, error) {
	switch {
	case ln.server.Proxy != nil:
		return ln.server.Proxy, nil
	case ln.set.proxy == nil || ln.way.transport == overUDP:
		return nil, nil
	}
	return ln.set.proxy(target)
}

// via names the proxy of the line, without its user; "" when there is none.
func (ln *line) via() string {
	if len(ln.way.targets) == 0 {
		return ""
	}
	u, err := ln.proxyTo(ln.way.targets[0])
	if err != nil || u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// proxyAddress returns where a proxy listens.
func proxyAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// throughHTTP opens a connection by CONNECT (RFC 9110 section 9.3.6).
func (ln *line) throughHTTP(ctx context.Context, via *url.URL, target string) (net.Conn, error) {
	conn, err := ln.set.dial(ctx, "tcp", proxyAddress(via))
	if err != nil {
		return nil, fmt.Errorf("reach proxy %s: %w", via.Host, err)
	}
	if via.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: via.Hostname(), RootCAs: ln.set.roots, MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, tlsError{fmt.Errorf("no secure connection with proxy %s: %w", via.Host, plainTLS(err))}
		}
		conn = secure
	}
	defer closeAtEnd(ctx, conn)()
	tunnel, err := askConnect(conn, via, target)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return tunnel, nil
}

// closeAtEnd closes a connection when ctx ends before the function returned
// was called.
func closeAtEnd(ctx context.Context, conn net.Conn) func() bool {
	if limit, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(limit)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	return func() bool {
		_ = conn.SetDeadline(time.Time{})
		return stop()
	}
}

// askConnect asks a proxy for a tunnel to target.
func askConnect(conn net.Conn, via *url.URL, target string) (net.Conn, error) {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{"User-Agent": {userAgent}}}
	if via.User != nil {
		password, _ := via.User.Password()
		req.SetBasicAuth(via.User.Username(), password)
		req.Header.Set("Proxy-Authorization", req.Header.Get("Authorization"))
		req.Header.Del("Authorization")
	}
	if err := req.Write(conn); err != nil {
		return nil, fmt.Errorf("ask proxy %s: %w", via.Host, err)
	}
	// The limit is on the header alone: the tunnel has none.
	limited := &limitedReader{conn: conn, left: maxProxyHeader}
	in := bufio.NewReaderSize(limited, 1024)
	resp, err := http.ReadResponse(in, req)
	if err != nil {
		return nil, httpError{fmt.Sprintf("the proxy %s gave no HTTP answer: %v", via.Host, err)}
	}
	if resp.StatusCode/100 != 2 {
		return nil, httpError{fmt.Sprintf("the proxy %s answered %s to a tunnel to %s", via.Host, resp.Status, target)}
	}
	limited.left = 1<<63 - 1
	return &bufferedConn{Conn: conn, in: in}, nil
}

const (
	maxProxyHeader = 16 << 10 // bytes
	userAgent      = "residency"
)

// limitedReader reads so many bytes of a connection and no more.
type limitedReader struct {
	conn net.Conn
	left int64
}

func (l *limitedReader) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errors.New("the header is too long")
	}
	n, err := l.conn.Read(b[:min(int64(len(b)), l.left)])
	l.left -= int64(n)
	return n, err
}

// bufferedConn is a connection of which a part was read ahead.
type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

func (c *bufferedConn) Read(b []byte) (int, error) { return c.in.Read(b) }

// throughSOCKS opens a connection through a SOCKS5 proxy (RFC 1928, 1929),
// which also looks up the target if that is a name.
func (ln *line) throughSOCKS(ctx context.Context, via *url.URL, target string) (net.Conn, error) {
	var auth *proxy.Auth
	if via.User != nil {
		password, _ := via.User.Password()
		auth = &proxy.Auth{User: via.User.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", proxyAddress(via), auth, forward(ln.set.dial))
	if err != nil {
		return nil, fmt.Errorf("use proxy %s: %w", via.Host, err)
	}
	conn, err := dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return nil, fmt.Errorf("reach %s through proxy %s: %w", target, via.Host, err)
	}
	return conn, nil
}

// forward is a dial function as x/net/proxy wants it.
type forward func(ctx context.Context, network, addr string) (net.Conn, error)

// Dial dials without end; the SOCKS dialer calls DialContext.
func (f forward) Dial(network, addr string) (net.Conn, error) {
	return f(context.Background(), network, addr)
}

// DialContext dials.
func (f forward) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return f(ctx, network, addr)
}

// Roots returns the certificates of PEM text, added to those of the system, to
// authenticate servers and proxies by.
func Roots(pem []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("read certificates: no PEM certificate in it")
	}
	return pool, nil
}
