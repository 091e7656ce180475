package channel

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"residency/internal/residency"
)

// Security is how a mail server is reached.
type Security string

// The ways to reach a mail server.
const (
	StartTLS      Security = "starttls"      // TLS after STARTTLS, or no mail (RFC 3207); the default
	ImplicitTLS   Security = "tls"           // TLS from the first byte (RFC 8314)
	Opportunistic Security = "opportunistic" // TLS if the server offers it; a password is never sent without
	Plain         Security = "none"          // no TLS, for a relay on the same machine
)

// Email sends messages by SMTP (RFC 5321), as text and HTML. The Message-ID is
// the message's key, and all messages of a group are one thread.
type Email struct {
	Server   string // host:port
	Security Security
	User     string // "": no authentication
	Password string
	From     string // "Residency <alerts@example.com>"
	To       []string

	Roots   *x509.CertPool                                                    // nil: the system's
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the system's
	Timeout time.Duration                                                     // 0: DefaultTimeout
	Now     func() time.Time                                                  // of the Date; nil: time.Now
}

// Send sends one mail to all recipients. If the server refuses some of them
// for good, the others get it, and the error, which is permanent, says who did
// not.
func (e Email) Send(ctx context.Context, n residency.Notification) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(e.Timeout))
	defer cancel()
	receipt, err := e.deliver(ctx, n, e.To)
	var refused []string
	for to := e.To; err != nil && ctx.Err() == nil; {
		bad, rest := refusals(err, to)
		if len(bad) == 0 || len(rest) == 0 {
			break
		}
		refused, to = append(refused, bad...), rest
		receipt, err = e.deliver(ctx, n, to)
	}
	switch {
	case err != nil:
		return "", e.failure(ctx, err)
	case len(refused) > 0:
		return "", never("send mail by %s: taken for the others, but refused for %s", e.Server, strings.Join(refused, ", "))
	}
	return receipt, nil
}

// deliver makes one connection and sends one mail.
func (e Email) deliver(ctx context.Context, n residency.Notification, to []string) (string, error) {
	m, err := e.message(n, to)
	if err != nil {
		return "", err
	}
	client, err := e.client(ctx)
	if err != nil {
		return "", err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return "", err
	}
	defer client.Close() // QUIT; the mail is taken or not by then
	if err := client.Send(m); err != nil && !m.IsDelivered() {
		return "", err
	}
	return clean(m.ServerResponse()), nil
}

// client makes the client of one connection. It ends with the context at any
// point: the library looks at it only while dialling.
func (e Email) client(ctx context.Context) (*mail.Client, error) {
	host, port, err := net.SplitHostPort(e.Server)
	if err != nil {
		return nil, never("the server is no host:port")
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, never("the server's port is no number")
	}
	tlsConfig := &tls.Config{ServerName: host, RootCAs: e.Roots, MinVersion: tls.VersionTLS12}
	policy := map[Security]mail.TLSPolicy{Opportunistic: mail.TLSOpportunistic, Plain: mail.NoTLS, ImplicitTLS: mail.NoTLS}
	mandatory, ok := policy[e.Security]
	if !ok {
		mandatory = mail.TLSMandatory
	}
	opts := []mail.Option{
		mail.WithPort(number), mail.WithTLSPolicy(mandatory), mail.WithTLSConfig(tlsConfig), mail.WithTimeout(2 * orDefault(e.Timeout)), // the context ends it first
		mail.WithoutNoop(), mail.WithDialContextFunc(func(dial context.Context, network, addr string) (net.Conn, error) {
			return e.connect(ctx, dial, network, addr, tlsConfig)
		}),
	}
	if e.User != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(e.User), mail.WithPassword(e.Password))
	}
	if e.Security == ImplicitTLS {
		// The library takes a TLS connection made by others for an open one and
		// finds no mechanism to speak; it refuses these two by itself unless
		// the connection is TLS.
		opts = append(opts, mail.WithSSL())
		if e.User != "" {
			opts = append(opts, mail.WithOpportunisticSMTPAuth(mail.SMTPAuthPlain, mail.SMTPAuthLogin))
		}
	}
	return mail.NewClient(host, opts...)
}

// connect opens the connection, and closes it when ctx ends.
func (e Email) connect(ctx, dialCtx context.Context, network, addr string, cfg *tls.Config) (net.Conn, error) {
	dial := e.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(dialCtx, network, addr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	if e.Security != ImplicitTLS {
		return conn, nil
	}
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(dialCtx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// message writes the mail.
func (e Email) message(n residency.Notification, to []string) (*mail.Msg, error) {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := m.From(e.From); err != nil {
		return nil, never("the sender is no mail address")
	}
	if err := m.To(to...); err != nil {
		return nil, never("a recipient is no mail address")
	}
	now := time.Now
	if e.Now != nil {
		now = e.Now
	}
	m.SetDateWithValue(now())
	m.Subject(clean(mark(n) + n.Subject))
	_, domain, _ := strings.Cut(strings.Trim(m.GetFromString()[0], "<>"), "@")
	m.SetMessageIDWithValue(n.Key + "@" + domain)
	if n.Group != "" {
		// A message that nobody has, which all of the group answer: mail
		// readers join them without having to see the first.
		sum := sha256.Sum256([]byte(n.Group))
		root := "<" + hex.EncodeToString(sum[:16]) + "@" + domain + ">"
		m.SetGenHeaderPreformatted(mail.HeaderReferences, root)
		m.SetGenHeaderPreformatted(mail.HeaderInReplyTo, root)
	}
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's holiday message answers
	m.SetGenHeader("X-Residency-Key", n.Key)
	if n.Severity == residency.SeverityCritical && !n.Resolves {
		m.SetImportance(mail.ImportanceHigh)
	}
	m.SetBodyString(mail.TypeTextPlain, strings.ToValidUTF8(n.Text, "?"))
	if n.HTML != "" {
		m.AddAlternativeString(mail.TypeTextHTML, strings.ToValidUTF8(n.HTML, "?"))
	}
	return m, nil
}

// clean makes a text fit for one line of a header or a receipt.
func clean(s string) string { return strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ") }

// refusals parts the recipients into those that the server refuses for good,
// if that is what the error says, and the others. The library names refused
// recipients in the error's text only.
func refusals(err error, to []string) (bad, rest []string) {
	e, ok := errors.AsType[*mail.SendError](err)
	if !ok || e.Reason != mail.ErrSMTPRcptTo || e.ErrorCode() < 500 {
		return nil, to
	}
	_, list, _ := strings.Cut(e.Error(), "affected recipient(s): ")
	list, _, _ = strings.Cut(list, ", affected message ID")
	named := map[string]bool{}
	for address := range strings.SplitSeq(list, ", ") {
		named[strings.ToLower(strings.Trim(address, "<> "))] = true
	}
	for _, address := range to {
		if parsed, err := mailAddress(address); err == nil && named[strings.ToLower(parsed)] {
			bad = append(bad, address)
		} else {
			rest = append(rest, address)
		}
	}
	return bad, rest
}

// mailAddress returns the bare address of one that may have a name.
func mailAddress(text string) (string, error) {
	m := mail.NewMsg()
	if err := m.To(text); err != nil {
		return "", err
	}
	list, err := m.GetRecipients()
	if err != nil || len(list) != 1 {
		return "", errors.New("no address")
	}
	return strings.Trim(list[0], "<>"), nil
}

// failure returns what went wrong, without the password. Every reply of 5xx is
// for good.
func (e Email) failure(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*sendError](err); ok {
		return fmt.Errorf("send mail by %s: %w", e.Server, err)
	}
	out := &sendError{cause: err, text: err.Error()}
	if sent, ok := errors.AsType[*mail.SendError](err); ok {
		out.permanent = sent.ErrorCode() >= 500
		out.text, _, _ = strings.Cut(out.text, ", affected message ID")
	} else if reply, ok := errors.AsType[*textproto.Error](err); ok {
		out.permanent = reply.Code >= 500
	}
	if cause := ctx.Err(); cause != nil {
		out = &sendError{cause: cause, text: "no answer in time: " + cause.Error()}
		if errors.Is(cause, context.Canceled) {
			out.text = "stopped: " + cause.Error()
		}
	}
	out.text = "send mail by " + e.Server + ": " + cut(hide(clean(out.text), e.secrets()...), 500)
	return out
}

// secrets returns the password in every form in which a server could repeat it.
func (e Email) secrets() []string {
	list := []string{e.Password}
	for _, s := range []string{e.Password, "\x00" + e.User + "\x00" + e.Password} {
		list = append(list, base64.StdEncoding.EncodeToString([]byte(s)))
	}
	return list
}

// String names the channel without its secrets.
func (e Email) String() string { return "email by " + e.Server }

// GoString is String: %#v would print the password.
func (e Email) GoString() string { return e.String() }
