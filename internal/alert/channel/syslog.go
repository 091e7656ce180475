package channel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"residency/internal/residency"
)

// Syslog writes one line for each message to a syslog server (RFC 5424): the
// subject, with the facts as structured data.
//
// Syslog has no receipts. Over UDP nothing is known of what arrives; over TCP
// and TLS only that our side has sent it.
type Syslog struct {
	Network  string // "udp", "tcp", "tls" or "unix"
	Address  string // host:port, or the path of a socket
	Facility int    // RFC 5424 section 6.2.1; 3 is daemon
	Hostname string // of this machine; "" is written as unknown

	Roots   *x509.CertPool                                                    // for TLS; nil: the system's
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the system's
	Timeout time.Duration                                                     // 0: DefaultTimeout
}

// syslogMost is the longest line, in bytes: what every receiver should take
// (RFC 5424 section 6.1).
const syslogMost = 2048

// syslogData names our structured data. 32473 is the enterprise number that
// RFC 5612 sets aside for examples; the project has none of its own.
const syslogData = "residency@32473"

// Send writes the line.
func (s Syslog) Send(ctx context.Context, n residency.Notification) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(s.Timeout))
	defer cancel()
	if err := s.write(ctx, s.line(n)); err != nil {
		return "", fmt.Errorf("write to syslog %s: %w", s.Address, err)
	}
	if s.Network == "udp" {
		return "sent; over UDP nobody says whether it arrived", nil
	}
	return "written", nil
}

// write sends one line over a connection of its own.
func (s Syslog) write(ctx context.Context, line []byte) error {
	conn, err := s.connect(ctx)
	if err != nil {
		if cause := ctx.Err(); cause != nil {
			return fmt.Errorf("no connection in time: %w", cause)
		}
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if s.Network == "tcp" || s.Network == "tls" {
		line = append(fmt.Appendf(nil, "%d ", len(line)), line...) // RFC 5425 section 4.3, RFC 6587 section 3.4.1
	}
	if _, err := conn.Write(line); err != nil {
		if cause := ctx.Err(); cause != nil {
			return fmt.Errorf("not taken in time: %w", cause)
		}
		return err
	}
	return conn.Close()
}

// connect opens the connection.
func (s Syslog) connect(ctx context.Context) (net.Conn, error) {
	dial := s.Dial
	if dial == nil || s.Network == "unix" || s.Network == "udp" { // those go through no proxy
		dial = (&net.Dialer{}).DialContext
	}
	switch s.Network {
	case "udp":
		return dial(ctx, "udp", s.Address)
	case "tcp":
		return dial(ctx, "tcp", s.Address)
	case "unix":
		conn, err := dial(ctx, "unixgram", s.Address)
		if err != nil {
			return dial(ctx, "unix", s.Address)
		}
		return conn, nil
	case "tls":
		conn, err := dial(ctx, "tcp", s.Address)
		if err != nil {
			return nil, err
		}
		host, _, err := net.SplitHostPort(s.Address)
		if err != nil {
			conn.Close()
			return nil, errors.New("the address is no host:port")
		}
		secure := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		return secure, nil
	}
	return nil, never("%q is no way to reach a syslog server", s.Network)
}

// line returns the message as RFC 5424 section 6 has it.
func (s Syslog) line(n residency.Notification) []byte {
	severity := 6 // informational
	if !n.Test && !n.Resolves {
		severity = map[residency.Severity]int{residency.SeverityCritical: 2, residency.SeverityWarning: 4}[n.Severity]
		if severity == 0 {
			severity = 6
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>1 %s %s residency - %s [%s", s.Facility*8+severity, n.At.UTC().Format("2006-01-02T15:04:05.000000Z"),
		syslogName(s.Hostname, 255), syslogName(string(n.Event), 32), syslogData)
	for _, p := range [][2]string{
		{"key", n.Key}, {"kind", string(n.Kind)}, {"severity", n.Severity.String()}, {"vendor", n.Vendor}, {"claim", n.Claim},
		{"standing", n.Standing.String()}, {"group", n.Group}, {"run", n.Run},
	} {
		if p[1] != "" {
			fmt.Fprintf(&b, ` %s="%s"`, p[0], syslogValue(cut(clean(p[1]), 128)))
		}
	}
	const bom = "\xef\xbb\xbf" // the text is UTF-8 (section 6.4)
	b.WriteString("] " + bom)
	b.WriteString(syslogText(mark(n) + n.Subject))
	return []byte(cut(b.String(), syslogMost))
}

// syslogName makes a header field: printable ASCII without spaces, "-" for
// none.
func syslogName(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}

// syslogValue escapes a parameter's value (section 6.3.3).
func syslogValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(syslogText(s))
}

// syslogText keeps control characters out, which would begin a line of their
// own somewhere.
func syslogText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// String names the channel.
func (s Syslog) String() string { return "syslog " + s.Network + " " + s.Address }
