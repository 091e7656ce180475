package channel

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSyslogLine(t *testing.T) {
	t.Parallel()
	n := whole()
	n.Vendor, n.Subject = `a"b]c\d`, "line\r\nend \x1b[2J\xff"
	got := string(Syslog{Facility: 3, Hostname: "host name"}.line(n))
	want := `<26>1 2014-11-02T08:30:00.000000Z hostname residency - opened [residency@32473 key="863937614d348c6dc1a208e65afc1085" kind="finding" severity="critical" vendor="a\"b\]c\\d" claim="phase-2a" standing="broken" group="xiaomi/phase-2a" run="run-1"] ` + "\xef\xbb\xbfline  end  [2J?"
	if got != want {
		t.Errorf("line = %q\nwant   %q", got, want)
	}
	n.Subject = strings.Repeat("é", 5000)
	if got := (Syslog{}).line(n); len(got) > syslogMost {
		t.Errorf("line of %d bytes, want at most %d", len(got), syslogMost)
	}
}

// FuzzSyslogLine holds every message to one line that can be taken apart.
func FuzzSyslogLine(f *testing.F) {
	f.Add("subject", "vendor", "host")
	f.Add("a\nb", `x"]\`, "h\x00")
	f.Fuzz(func(t *testing.T, subject, vendor, host string) {
		n := whole()
		n.Subject, n.Vendor = subject, vendor
		line := string(Syslog{Hostname: host}.line(n))
		if strings.ContainsAny(line, "\r\n\x00") || len(line) > syslogMost || len(strings.SplitN(line, " ", 7)) != 7 {
			t.Errorf("line = %q", line)
		}
	})
}

func TestSyslogTransports(t *testing.T) {
	t.Parallel()
	lines := make(chan string, 4)
	serve := func(l net.Listener) {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			size, err := in.ReadString(' ')
			if err == nil {
				n, _ := strconv.Atoi(strings.TrimSpace(size))
				b := make([]byte, n)
				if _, err := io.ReadFull(in, b); err == nil {
					lines <- string(b)
				}
			}
			conn.Close()
		}
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	go serve(tcp)
	cfg, pool := certificate(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure := tls.NewListener(inner, cfg)
	defer secure.Close()
	go serve(secure)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	path := filepath.Join(t.TempDir(), "log")
	unix, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	for _, p := range []net.PacketConn{udp, unix} {
		go func() {
			b := make([]byte, 4096)
			for {
				n, _, err := p.ReadFrom(b)
				if err != nil {
					return
				}
				lines <- string(b[:n])
			}
		}()
	}
	for _, s := range []Syslog{
		{Network: "tcp", Address: tcp.Addr().String()}, {Network: "tls", Address: inner.Addr().String(), Roots: pool},
		{Network: "udp", Address: udp.LocalAddr().String()}, {Network: "unix", Address: path},
	} {
		receipt, err := s.Send(t.Context(), whole())
		if err != nil || receipt == "" {
			t.Errorf("%s: Send = %q, %v", s.Network, receipt, err)
			continue
		}
		if got, want := <-lines, string(s.line(whole())); got != want {
			t.Errorf("%s: got %q, want %q", s.Network, got, want)
		}
	}
	bad := Syslog{Network: "tls", Address: inner.Addr().String(), Roots: x509.NewCertPool()}
	if _, err := bad.Send(t.Context(), whole()); err == nil || isPermanent(err) {
		t.Errorf("Send to a server that is not trusted = %v, want an error for another try", err)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alerts.ndjson")
	for range 2 {
		if _, err := (File{path}).Send(t.Context(), whole()); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"schema":"half a li`) // as a full disk leaves it
	f.Close()
	if _, err := (File{path}).Send(t.Context(), whole()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	for line := range strings.Lines(string(data)) {
		var n notification
		if json.Unmarshal([]byte(line), &n) == nil && n.Key == whole().Key {
			good++
		}
	}
	if good != 3 || !strings.HasSuffix(string(data), "\n") {
		t.Errorf("%d whole lines, want 3:\n%s", good, data)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v, want 0600", info.Mode(), err)
	}
	missing := filepath.Join(filepath.Dir(path), "none", "x")
	if _, err := (File{missing}).Send(t.Context(), whole()); text(err) != "write alert to "+missing+": no such file or directory" || isPermanent(err) {
		t.Errorf("Send = %v", err)
	}
}

func TestAlertmanagerPosts(t *testing.T) {
	t.Parallel()
	srv, got := record(t, http.StatusOK, "")
	now := time.Date(2014, 11, 2, 9, 0, 0, 0, time.UTC)
	ch := Alertmanager{URL: srv.URL + "/am/", User: "u", Password: "p", Now: func() time.Time { return now }}
	if _, err := ch.Send(t.Context(), whole()); err != nil {
		t.Fatal(err)
	}
	if err := ch.Refresh(t.Context(), whole().Alerts[:1]); err != nil {
		t.Fatal(err)
	}
	r := got()
	if user, password, ok := (&http.Request{Header: r[0].Header}).BasicAuth(); r[0].Path != "/am/api/v2/alerts" || !ok || user != "u" || password != "p" {
		t.Errorf("request to %s as %s", r[0].Path, user)
	}
	var sent, again []amAlert
	if err := errors.Join(json.Unmarshal(r[0].Body, &sent), json.Unmarshal(r[1].Body, &again)); err != nil {
		t.Fatal(err)
	}
	firing := func(list []amAlert) (out []string) {
		for _, a := range list {
			if a.EndsAt.After(now) {
				out = append(out, a.Labels["alertname"]+" "+a.Labels["finding"]+" "+a.Labels["severity"])
			}
			if a.EndsAt.Before(a.StartsAt) {
				t.Errorf("alert ends before it starts: %+v", a)
			}
		}
		return out
	}
	if diff := cmp.Diff([]string{"ResidencyOutside f1 critical", "ResidencyNews  warning"}, firing(sent)); diff != "" {
		t.Errorf("firing (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ResidencyOutside f1 critical"}, firing(again)); diff != "" {
		t.Errorf("firing after a refresh (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(sent[2].Labels, again[2].Labels); diff != "" {
		t.Errorf("labels change from one time to the next:\n%s", diff)
	}
	many := whole()
	for range 1000 {
		many.Alerts = append(many.Alerts, many.Alerts[0])
	}
	if _, err := ch.Send(t.Context(), many); err != nil || len(got()) != 2+7 {
		t.Errorf("a thousand alerts in %d requests, %v, want 7 of at most %d", len(got())-2, err, amBatch)
	}
}

// TestMain is the program that Other starts, too.
func TestMain(m *testing.M) {
	if os.Getenv("RESIDENCY_RELAY") != "" {
		if err := Relay(os.Stdin); err != nil {
			io.WriteString(os.Stderr, err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// other sends by a service of the library in a process of its own.
func other(t *testing.T, url string) Other {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Other{URL: url, Argv: []string{self}, Env: append(OtherEnv(os.Environ(), ""), "RESIDENCY_RELAY=1"), Timeout: 20 * time.Second}
}

func TestOther(t *testing.T) {
	t.Parallel()
	srv, got := record(t, http.StatusOK, "{}")
	host := strings.TrimPrefix(srv.URL, "http://")
	ch := other(t, "ntfy://"+host+"/s3cret-topic?scheme=http")
	if receipt, err := ch.Send(t.Context(), whole()); err != nil || receipt != "ntfy took it" {
		t.Fatalf("Send = %q, %v", receipt, err)
	}
	if r := got()[0]; r.Path != "/s3cret-topic" || !strings.Contains(string(r.Body), "line one") {
		t.Errorf("request = %+v", r)
	}
}

func TestOtherProxy(t *testing.T) {
	t.Parallel()
	proxy, got := record(t, http.StatusOK, "{}")
	for i, url := range []string{"ntfy://ntfy.invalid/topic?scheme=http", "gotify://gotify.invalid/AbcdefghijklmnO?disabletls=yes", "generic+http://hook.invalid/x"} {
		ch := other(t, url)
		ch.Env = append(OtherEnv(append(os.Environ(), "http_proxy=http://127.0.0.1:1"), proxy.URL), "RESIDENCY_RELAY=1")
		if _, err := ch.Send(t.Context(), whole()); err != nil || len(got()) != i+1 {
			t.Errorf("Send by %s = %v, the proxy got %d requests, want %d", url, err, len(got()), i+1)
		}
	}
}

// TestOtherKeepsSecrets makes services fail in many ways and looks for tokens.
func TestOtherKeepsSecrets(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "no "+r.URL.String()+" "+r.Header.Get("Authorization"))
	}))
	defer srv.Close()
	host := strings.TrimPrefix(srv.URL, "http://")
	for _, url := range []string{
		"ntfy://:tk_s3cret@" + host + "/s3cret-topic?scheme=http",
		"generic+http://" + host + "/s3cret-path?x=s3cret",
		"discord://s3cret-token@s3cret-id?bad=s3cret",
		"slack://s3cret-x", "telegram://110s3cret@telegram?chats=s3cret", "gotify://" + host + "/s3cret", "nosuch://s3cret", "://s3cret", "",
	} {
		ch := other(t, url)
		_, err := ch.Send(t.Context(), whole())
		if err == nil || strings.Contains(err.Error(), "s3cret") || len(err.Error()) > 500 {
			t.Errorf("Send by %q = %v, want an error without secrets", url, err)
		}
		if s := ch.String() + ch.GoString(); strings.Contains(s, "s3cret") {
			t.Errorf("%q prints its secret: %s", url, s)
		}
	}
}

// TestOtherIsStopped has a service that never answers: its process is killed.
func TestOtherIsStopped(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	ch := other(t, "ntfy://"+strings.TrimPrefix(srv.URL, "http://")+"/t?scheme=http")
	ch.Timeout = time.Second
	began := time.Now()
	if _, err := ch.Send(t.Context(), whole()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 30*time.Second {
		t.Errorf("Send = %v after %v, want no answer in time", err, time.Since(began))
	}
}
