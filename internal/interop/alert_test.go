package interop

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/alert/channel"
	"residency/internal/residency"
)

// told is a message about one finding.
func told() residency.Notification {
	at := time.Now().Add(-time.Minute).UTC()
	f := &residency.Finding{Key: "f1", Vendor: "xiaomi", Service: "account", Host: "api.account.xiaomi.com", Market: residency.MustCountry("IN"), Claim: "phase-2a", Opened: at}
	return residency.Notification{
		Key: "863937614d348c6dc1a208e65afc1085", Channel: "x", Group: "xiaomi/phase-2a", Kind: residency.AlertFinding, Event: residency.EventOpened,
		Severity: residency.SeverityWarning, Vendor: "xiaomi", Claim: "phase-2a", Standing: residency.Pending, At: at,
		Subject: "xiaomi: phase-2a: seen outside — naïve", Text: "What was promised\n  \"…\"\n.\n..two dots\nFrom here\n" + strings.Repeat("x", 2000) + "\n", HTML: "<p>naïve</p>",
		Alerts: []residency.Alert{{ID: "1", At: at, Kind: residency.AlertFinding, Event: residency.EventOpened, Severity: residency.SeverityWarning,
			Group: "xiaomi/phase-2a", Vendor: "xiaomi", Claim: &residency.Claim{ID: "phase-2a"}, Market: f.Market, Finding: f}},
	}
}

// TestAlertmanager sends to the Alertmanager of Debian, and has its own client
// say what is firing.
func TestAlertmanager(t *testing.T) {
	t.Parallel()
	server, client := program(t, "prometheus-alertmanager"), program(t, "amtool")
	dir, addr := t.TempDir(), freeAddr(t)
	conf := filepath.Join(dir, "am.yml")
	if err := os.WriteFile(conf, []byte("route:\n  receiver: none\nreceivers:\n  - name: none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "http://" + addr
	daemon(t, addr, func() bool {
		resp, err := http.Get(url + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, server, "--config.file="+conf, "--storage.path="+dir, "--web.listen-address="+addr, "--cluster.listen-address=")

	ch := channel.Alertmanager{URL: url}
	firing := func(want ...string) {
		t.Helper()
		var got []string
		for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
			out, err := exec.Command(client, "--alertmanager.url="+url, "alert", "query", "-o", "json").Output()
			if err != nil {
				t.Fatalf("amtool: %v", err)
			}
			var list []struct{ Labels map[string]string }
			if err := json.Unmarshal(out, &list); err != nil {
				t.Fatalf("amtool wrote %s: %v", out, err)
			}
			got = nil
			for _, a := range list {
				got = append(got, a.Labels["alertname"]+" "+a.Labels["endpoint"]+" "+a.Labels["market"]+" "+a.Labels["severity"])
			}
			if strings.Join(got, ", ") == strings.Join(want, ", ") {
				return
			}
		}
		t.Errorf("firing = %q, want %q", got, want)
	}
	send := func(n residency.Notification) {
		t.Helper()
		if _, err := ch.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	n := told()
	send(n)
	send(n) // once more, as after a lost answer
	firing("ResidencyOutside api.account.xiaomi.com IN warning")

	// On the due date what was a warning is critical, and fires once.
	n.Alerts[0].Severity, n.Alerts[0].Event = residency.SeverityCritical, residency.EventDue
	send(n)
	firing("ResidencyOutside api.account.xiaomi.com IN critical")
	if err := ch.Refresh(t.Context(), n.Alerts); err != nil {
		t.Fatal(err)
	}
	firing("ResidencyOutside api.account.xiaomi.com IN critical")

	closed := *n.Alerts[0].Finding
	closed.Closed, closed.ClosedAs = time.Now(), residency.ClosedGone
	n.Alerts[0].Finding, n.Alerts[0].Event, n.Alerts[0].Severity = &closed, residency.EventClosed, residency.SeverityInfo
	send(n)
	firing()

	wrong := channel.Alertmanager{URL: url + "/nowhere"}
	if _, err := wrong.Send(t.Context(), told()); err == nil || !permanent(err) {
		t.Errorf("Send to a path that is not there = %v, want an error for good", err)
	}
}

func permanent(err error) bool {
	var e interface{ Permanent() bool }
	return errors.As(err, &e) && e.Permanent()
}

// mailScript is a mail server that wants STARTTLS and a login, refuses one
// recipient, and writes what it takes to a file.
const mailScript = `
import asyncio, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

host, port, directory, implicit = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "tls"
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(directory + "/cert.pem", directory + "/key.pem")

class Keep:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"
    async def handle_DATA(self, server, session, envelope):
        with open(directory + "/mail", "ab") as f:
            f.write(("X-To: %s\r\n" % " ".join(envelope.rcpt_tos)).encode() + envelope.content)
        return "250 2.0.0 OK queued as Q42"

def login(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.login == b"me" and data.password == b"s3cret"
    return AuthResult(success=good, handled=good)

extra = {"ssl_context": tls} if implicit else {"tls_context": tls, "require_starttls": True}
Controller(Keep(), hostname=host, port=port, authenticator=login, auth_required=True, auth_require_tls=not implicit, **extra).start()
asyncio.new_event_loop().run_forever()
`

// TestMailServer sends to aiosmtpd of Debian, a mail server written by others.
func TestMailServer(t *testing.T) {
	t.Parallel()
	python := "/usr/bin/python3" // Debian's, which has Debian's packages
	if err := exec.Command(python, "-c", "import aiosmtpd").Run(); err != nil {
		unable(t, "aiosmtpd is not installed: apt-get install python3-aiosmtpd")
	}
	for _, security := range []channel.Security{channel.StartTLS, channel.ImplicitTLS} {
		t.Run(string(security), func(t *testing.T) {
			t.Parallel()
			dir, addr := t.TempDir(), freeAddr(t)
			pool := mailCertificate(t, dir)
			host, port, _ := net.SplitHostPort(addr)
			daemon(t, addr, nil, python, "-c", mailScript, host, port, dir, string(security))
			ch := channel.Email{Server: addr, Security: security, User: "me", Password: "s3cret", Roots: pool,
				From: "Residency <alerts@example.com>", To: []string{"a@example.com", "nobody@example.com"}, Timeout: 30 * time.Second}
			_, err := ch.Send(t.Context(), told())
			if err == nil || !permanent(err) || !strings.Contains(err.Error(), "refused for nobody@example.com") {
				t.Errorf("Send = %v, want the one that was refused", err)
			}
			ch.To = ch.To[:1]
			receipt, err := ch.Send(t.Context(), told())
			if err != nil || !strings.Contains(receipt, "queued as Q42") {
				t.Fatalf("Send = %q, %v, want the queue id", receipt, err)
			}
			checkMail(t, filepath.Join(dir, "mail"))
			ch.Password = "wr0ng-s3cret"
			if _, err := ch.Send(t.Context(), told()); err == nil || !permanent(err) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("Send with a wrong password = %v, want an error for good, without it", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := ch.Send(ctx, told()); !errors.Is(err, context.Canceled) {
				t.Errorf("Send after the end = %v, want stopped", err)
			}
		})
	}
}

// checkMail reads what the server wrote.
func checkMail(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(strings.NewReader(string(data)))
	if err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	if got, want := m.Header.Get("Message-Id"), "<"+told().Key+"@example.com>"; got != want || m.Header.Get("X-To") != "a@example.com" {
		t.Errorf("Message-ID %s to %q, want %s to a@example.com", got, m.Header.Get("X-To"), want)
	}
	for _, want := range []string{"multipart/alternative", "text/plain", "text/html", "two dots"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("mail has no %q:\n%s", want, data)
		}
	}
	for line := range strings.Lines(string(data)) {
		if len(line) > 1000 {
			t.Errorf("line of %d bytes, more than SMTP allows", len(line))
		}
	}
}

// mailCertificate writes a certificate for 127.0.0.1 and returns who believes it.
func mailCertificate(t *testing.T, dir string) *x509.CertPool {
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
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool
}
