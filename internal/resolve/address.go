package resolve

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Transports, as observations name them.
const (
	overUDP   = "udp"
	overTCP   = "tcp"
	overTLS   = "tls"
	overHTTPS = "https"
)

// way is how to reach a server: one of its addresses, read.
type way struct {
	text      string   // as people read it
	transport string   // of the first request
	targets   []string // host:port to connect to, in order
	tlsName   string   // whom the certificate must be for; "" without TLS
	url       string   // of HTTPS
	err       error    // why the address cannot be used
}

// wayTo reads an address:
//
//	192.0.2.1:53                 UDP, and TCP for what does not fit
//	tcp://192.0.2.1:53           TCP alone (RFC 7766)
//	tls://192.0.2.1:853          DNS over TLS (RFC 7858)
//	tls://dns.example@192.0.2.1  the same, with the name in the certificate
//	https://dns.example/query    DNS over HTTPS (RFC 8484)
//
// bootstrap are the addresses of a host given by name, so that nobody has to
// be asked for them; without any the dialer finds out.
func wayTo(text, tlsName string, bootstrap []string) way {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return way{text: text, transport: overUDP, targets: []string{text}}
	}
	w := way{text: text, transport: scheme}
	port := map[string]string{overTCP: "53", overTLS: "853", overHTTPS: "443"}[scheme]
	if port == "" {
		w.err = fmt.Errorf("read address %q: %q is no transport for DNS", text, scheme)
		return w
	}
	if scheme == overHTTPS {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil {
			w.err = errors.New("read address: it is no https URL of a host alone") // not shown: it may hold a password
			return w
		}
		w.url, rest = text, u.Host
	}
	if name, host, named := strings.Cut(rest, "@"); named {
		tlsName, rest = name, host
	}
	host, port, err := hostPort(rest, port)
	if err != nil {
		w.err = fmt.Errorf("read address %q: %w", text, err)
		return w
	}
	if scheme != overTCP {
		w.tlsName = host
		if tlsName != "" {
			w.tlsName = tlsName
		}
	}
	w.targets = []string{net.JoinHostPort(host, port)}
	if _, err := netip.ParseAddr(host); err != nil && len(bootstrap) > 0 {
		w.targets, w.err = withPort(bootstrap, port)
	}
	return w
}

// withPort returns addresses of a host as dial targets.
func withPort(bootstrap []string, port string) ([]string, error) {
	var list []string
	for _, b := range bootstrap {
		host, p, err := hostPort(b, port)
		if err != nil {
			return nil, fmt.Errorf("read bootstrap address %q: %w", b, err)
		}
		list = append(list, net.JoinHostPort(host, p))
	}
	return list, nil
}

// hostPort takes a host and its port apart; the port may be missing.
func hostPort(text, port string) (string, string, error) {
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return addr.String(), port, nil
	}
	if host, p, err := net.SplitHostPort(text); err == nil {
		text, port = host, p
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("%q is no port", port)
	}
	if _, err := netip.ParseAddr(text); err != nil && (text == "" || strings.ContainsAny(text, "/[]:@ ")) {
		return "", "", errors.New("it names no host")
	}
	return text, port, nil
}

// near reports whether every target is this machine itself.
func (w way) near() bool {
	for _, t := range w.targets {
		host, _, err := net.SplitHostPort(t)
		addr, aerr := netip.ParseAddr(host)
		if err != nil || aerr != nil || !addr.Unmap().IsLoopback() {
			return false
		}
	}
	return len(w.targets) > 0
}
