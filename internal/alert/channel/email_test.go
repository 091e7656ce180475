package channel

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"residency/internal/residency"
)

// mailServer is a small SMTP server whose manners can be set.
type mailServer struct {
	addr     string
	tls      *tls.Config
	implicit bool              // TLS from the first byte
	noTLS    bool              // does not offer STARTTLS
	auth     string            // "user password" that is wanted; "" for none
	replies  map[string]string // to what begins with the key, in place of a good one

	mu   sync.Mutex
	rcpt []string // of the mails taken
	data []string
}

// serveMail starts the server.
func serveMail(t *testing.T, s *mailServer) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	s.tls, _ = certificate(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(conn)
		}
	}()
	return s
}

// certificate makes a certificate for 127.0.0.1 and a pool that believes it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

// talk serves one connection.
func (s *mailServer) talk(conn net.Conn) {
	defer func() { conn.Close() }()
	if s.implicit {
		conn = tls.Server(conn, s.tls)
	}
	in := bufio.NewReader(conn)
	say := func(text string) { fmt.Fprintf(conn, "%s\r\n", text) }
	say("220 ready")
	var rcpt []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		if reply, ok := s.reply(line); ok {
			say(reply)
			continue
		}
		switch verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0]); verb {
		case "EHLO":
			say("250-me")
			if _, secure := conn.(*tls.Conn); !secure && !s.noTLS {
				say("250-STARTTLS")
			}
			say("250-ENHANCEDSTATUSCODES")
			say("250 AUTH PLAIN LOGIN")
		case "STARTTLS":
			say("220 go on")
			conn = tls.Server(conn, s.tls)
			in = bufio.NewReader(conn)
		case "AUTH":
			say(s.check(line))
		case "RCPT":
			rcpt = append(rcpt, strings.Trim(line[len("RCPT TO:"):], "<> "))
			say("250 yes")
		case "RSET":
			rcpt = nil
			say("250 ok")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if strings.TrimSpace(line) == "." {
					break
				}
				b.WriteString(line)
			}
			s.mu.Lock()
			s.rcpt, s.data = append(s.rcpt, strings.Join(rcpt, " ")), append(s.data, b.String())
			s.mu.Unlock()
			say("250 2.0.0 Ok: queued as ABC123")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// reply returns the set reply to a line.
func (s *mailServer) reply(line string) (string, bool) {
	for begin, reply := range s.replies {
		if strings.HasPrefix(line, begin) {
			return reply, true
		}
	}
	return "", false
}

// check answers AUTH PLAIN.
func (s *mailServer) check(line string) string {
	raw, err := base64.StdEncoding.DecodeString(line[strings.LastIndex(line, " ")+1:])
	if user, password, ok := strings.Cut(s.auth, " "); err == nil && ok && string(raw) == "\x00"+user+"\x00"+password {
		return "235 2.7.0 welcome"
	}
	return "535 5.7.8 wrong: " + line + " " + string(raw)
}

// mailer sends through the server.
func mailer(s *mailServer, security Security) Email {
	pool := x509.NewCertPool()
	if cert, err := x509.ParseCertificate(s.tls.Certificates[0].Certificate[0]); err == nil {
		pool.AddCert(cert)
	}
	return Email{Server: s.addr, Security: security, Roots: pool, From: "Residency <alerts@example.com>", To: []string{"a@example.com", "Bo B <b@example.com>"},
		Timeout: 20 * time.Second, Now: func() time.Time { return time.Date(2014, 11, 2, 9, 0, 0, 0, time.UTC) }}
}

func TestEmail(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		security       Security
		implicit, auth bool
	}{
		{StartTLS, false, false}, {StartTLS, false, true}, {"", false, true}, {ImplicitTLS, true, false}, {ImplicitTLS, true, true}, {Opportunistic, false, true}, {Plain, false, false},
	} {
		s := &mailServer{implicit: tt.implicit}
		if tt.auth {
			s.auth = "me s3cret"
		}
		ch := mailer(serveMail(t, s), tt.security)
		if tt.auth {
			ch.User, ch.Password = "me", "s3cret"
		}
		receipt, err := ch.Send(t.Context(), whole())
		if err != nil || !strings.Contains(receipt, "queued as ABC123") {
			t.Errorf("%+v: Send = %q, %v, want the queue id", tt, receipt, err)
			continue
		}
		if diff := cmp.Diff([]string{"a@example.com b@example.com"}, s.rcpt); diff != "" {
			t.Errorf("%+v: recipients (-want +got):\n%s", tt, diff)
		}
	}
}

func TestEmailHeaders(t *testing.T) {
	t.Parallel()
	s := serveMail(t, &mailServer{})
	first, second := whole(), whole()
	second.Key, second.Subject = "0123456789abcdef0123456789abcdef", "over\r\nBcc: evil@example.com\r\n\r\nbody"
	second.Resolves = true
	for _, n := range []residency.Notification{first, second} {
		if _, err := mailer(s, StartTLS).Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	var heads []mail.Header
	for _, raw := range s.data {
		m, err := mail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, m.Header)
	}
	if got, want := heads[0].Get("Message-Id"), "<"+first.Key+"@example.com>"; got != want {
		t.Errorf("Message-ID = %s, want %s", got, want)
	}
	if a, b := heads[0].Get("References"), heads[1].Get("References"); a == "" || a != b {
		t.Errorf("References of one group = %q, %q, want the same", a, b)
	}
	if heads[1].Get("Bcc") != "" || heads[1].Get("Subject") != "[OVER] over Bcc: evil@example.com body" {
		t.Errorf("headers of a hostile subject = %v", heads[1])
	}
	if heads[0].Get("Auto-Submitted") != "auto-generated" || heads[0].Get("Date") != "Sun, 02 Nov 2014 09:00:00 +0000" {
		t.Errorf("headers = %v", heads[0])
	}
	for _, want := range []string{"text/plain", "text/html", "<p>line one</p>"} {
		if !strings.Contains(s.data[0], want) {
			t.Errorf("mail has no %q:\n%s", want, s.data[0])
		}
	}
}

// TestEmailFailures says of each failure whether another try is of use, and
// looks for the password in it.
func TestEmailFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		server    mailServer
		change    func(*Email)
		want      string
		permanent bool
	}{
		{"no STARTTLS", mailServer{noTLS: true}, nil, "STARTTLS", false},
		{"not trusted", mailServer{}, func(e *Email) { e.Roots = x509.NewCertPool() }, "certificate", false},
		{"wrong password", mailServer{auth: "me other"}, func(e *Email) { e.User, e.Password = "me", "s3cret" }, "535", true},
		{"password in the clear", mailServer{noTLS: true, auth: "me s3cret"}, func(e *Email) { e.User, e.Password, e.Security = "me", "s3cret", Opportunistic }, "send mail by", false},
		{"come later", mailServer{replies: map[string]string{"MAIL": "451 4.7.1 greylisted"}}, nil, "451 \"4.7.1 greylisted\"", false},
		{"no such sender", mailServer{replies: map[string]string{"MAIL": "550 5.1.8 who"}}, nil, "550 \"5.1.8 who\"", true},
		{"nobody taken", mailServer{replies: map[string]string{"RCPT": "550 5.1.1 no such user"}}, nil, "550 \"5.1.1 no such user\"", true},
		{"one not taken", mailServer{replies: map[string]string{"RCPT TO:<a@": "550 5.1.1 no such user"}}, nil, "taken for the others, but refused for a@example.com", true},
		{"one later", mailServer{replies: map[string]string{"RCPT TO:<a@": "450 4.2.1 full"}}, nil, "450 \"4.2.1 full\"", false},
		{"too big", mailServer{replies: map[string]string{"DATA": "552 5.3.4 too big"}}, nil, "552 \"5.3.4 too big\"", true},
		{"no port", mailServer{}, func(e *Email) { e.Server = "127.0.0.1" }, "no host:port", true},
		{"no recipient", mailServer{}, func(e *Email) { e.To = []string{"nobody"} }, "no mail address", true},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ch := mailer(serveMail(t, &tt.server), StartTLS)
			if tt.change != nil {
				tt.change(&ch)
			}
			_, err := ch.Send(t.Context(), whole())
			got := text(err)
			if !strings.Contains(got, tt.want) || isPermanent(err) != tt.permanent {
				t.Errorf("Send = %q, permanent %v; want %q, %v", got, isPermanent(err), tt.want, tt.permanent)
			}
			for _, s := range []string{got, fmt.Sprintf("%v %+v %#v", ch, ch, ch)} {
				if strings.Contains(s, "s3cret") || strings.Contains(s, base64.StdEncoding.EncodeToString([]byte("\x00me\x00s3cret"))) {
					t.Errorf("%q holds the password", s)
				}
			}
		})
	}
	t.Run("others got it", func(t *testing.T) {
		t.Parallel()
		s := serveMail(t, &mailServer{replies: map[string]string{"RCPT TO:<a@": "550 5.1.1 no such user"}})
		mailer(s, StartTLS).Send(t.Context(), whole())
		if diff := cmp.Diff([]string{"b@example.com"}, s.rcpt); diff != "" {
			t.Errorf("recipients (-want +got):\n%s", diff)
		}
	})
}

// TestEmailSilentServer has a server that says nothing, ever: the time of the
// channel and the context end it.
func TestEmailSilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ch := Email{Server: l.Addr().String(), From: "a@example.com", To: []string{"b@example.com"}, Timeout: 200 * time.Millisecond}
	if _, err := ch.Send(t.Context(), whole()); !errors.Is(err, context.DeadlineExceeded) || isPermanent(err) {
		t.Errorf("Send = %v, want no answer in time", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	ch.Timeout = time.Minute
	if _, err := ch.Send(ctx, whole()); !errors.Is(err, context.Canceled) {
		t.Errorf("Send = %v, want stopped", err)
	}
}
