package interop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"residency/internal/interop/knot"
	"residency/internal/residency"
	"residency/internal/resolve"
)

// program looks a program up, also where root's PATH has it and others' not.
// Where it is missing the test is skipped, or failed in CI.
func program(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	unable(t, name+" is not installed: apt-get install "+name)
	return ""
}

// unable ends the test: skipped, or failed in CI.
func unable(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// daemon runs a program until the test ends, and waits until the address
// accepts connections. ready replaces the waiting where this process cannot
// reach the address.
func daemon(t testing.TB, addr string, ready func() bool, name string, args ...string) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	stop := func() {
		cmd.Process.Kill()
		<-ended
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", filepath.Base(name), &log)
		}
	})
	if ready == nil {
		ready = func() bool {
			c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
			if err == nil {
				c.Close()
			}
			return err == nil
		}
	}
	for begin := time.Now(); !ready(); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", name, &log)
		default:
		}
		if time.Since(begin) > 30*time.Second {
			stop()
			t.Fatalf("%s does not listen on %s:\n%s", name, addr, &log)
		}
	}
}

// freeAddr returns an address of loopback that is free for UDP and TCP.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		u, err := net.ListenPacket("udp", l.Addr().String())
		l.Close()
		if err == nil {
			u.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free for UDP and TCP")
	return ""
}

// at writes an address as Unbound does.
func at(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return host + "@" + port
}

func file(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificate writes a certificate for the names and addresses, and its key.
func certificate(t testing.TB, dir string, names ...string) (cert, key string, text []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	cert = file(t, dir, "cert.pem", string(text))
	key = file(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})))
	return cert, key, text
}

// unboundHead is what every Unbound of these tests has: in the foreground, as
// whoever runs the test, and without a way off this machine.
func unboundHead(dir, modules string) string {
	return fmt.Sprintf(`server:
  do-daemonize: no
  username: ""
  chroot: ""
  directory: %q
  pidfile: ""
  use-syslog: no
  logfile: ""
  num-threads: 1
  module-config: %q
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  do-not-query-localhost: no
  outgoing-range: 200
  nsid: "ascii_unbound-1"
  ede: yes
  local-data: "a.root-servers.net. A 198.41.0.4"
  local-data: "k.root-servers.net. A 193.0.14.129"
`, dir, modules)
}

// TestUnbound asks a real recursive server, over every transport it has and
// over HTTPS at dnsdist before it, for what Knot answers by client subnet.
func TestUnbound(t *testing.T) {
	t.Parallel()
	unbound, dnsdist := program(t, "unbound"), program(t, "dnsdist")
	origin := knot.Start(t, append(zones(), knot.Zone{Origin: "ipv4only.arpa", Records: "@ A 192.0.0.170\n@ A 192.0.0.171"})...)
	dir := t.TempDir()
	cert, key, text := certificate(t, dir, "127.0.0.1", "dns.test")
	plain, dot, doh, front := freeAddr(t), freeAddr(t), freeAddr(t), freeAddr(t)
	conf := unboundHead(dir, "subnetcache iterator") + fmt.Sprintf(`
  interface: %s
  interface: %s
  interface: %s
  tls-port: %s
  https-port: %s
  tls-service-key: %q
  tls-service-pem: %q
  send-client-subnet: 127.0.0.1
  client-subnet-always-forward: yes
  max-client-subnet-ipv6: 56
`, at(plain), at(dot), at(doh), strings.Split(dot, ":")[1], strings.Split(doh, ":")[1], key, cert)
	for _, zone := range []string{"vendor.example", "cdn.example", "ipv4only.arpa", "."} {
		conf += fmt.Sprintf("stub-zone:\n  name: %q\n  stub-addr: %s\n", zone, at(origin.Addr))
	}
	daemon(t, doh, nil, unbound, "-d", "-c", file(t, dir, "unbound.conf", conf))
	daemon(t, front, nil, dnsdist, "--supervised", "-C", file(t, dir, "dnsdist.conf", fmt.Sprintf(`
setSecurityPollSuffix("")
setLocal(%q)
newServer({address=%q, checkInterval=1, mustResolve=false, checkName="vendor.example."})
addDOHLocal(%q, %q, %q, {"/dns-query"})
`, freeAddr(t), plain, front, cert, key)))
	roots, err := resolve.Roots(text)
	if err != nil {
		t.Fatal(err)
	}
	_, dohPort, _ := net.SplitHostPort(front)
	for _, addr := range []string{plain, "tcp://" + plain, "tls://" + dot, "tls://dns.test@" + dot, "https://" + doh + "/dns-query", "https://dns.test:" + dohPort + "/dns-query"} {
		t.Run(strings.NewReplacer("/", " ").Replace(addr), func(t *testing.T) { askUnbound(t, addr, roots) })
	}
	t.Run("wrong name", func(t *testing.T) {
		r := &resolve.Resolver{Servers: []resolve.Server{{Name: "unbound", Addresses: []string{"tls://other.test@" + dot}}}, Roots: roots, Timeout: 10 * time.Second}
		r.Observe(t.Context(), []residency.Question{question("api.vendor.example", "IN", "", "A")}, func(o residency.Observation) {
			if o.Failure != residency.FailTLS {
				t.Errorf("failure %q (%s), want tls", o.Failure, o.Detail)
			}
		})
	})
}

// askUnbound asks by every market over one transport.
func askUnbound(t *testing.T, addr string, roots *x509.CertPool) {
	r := &resolve.Resolver{
		Servers: []resolve.Server{{Name: "unbound", Addresses: []string{addr}, Bootstrap: []string{"127.0.0.1"}, PassesSubnets: true}},
		Roots:   roots, Timeout: 10 * time.Second, Controls: resolve.DefaultControls(),
	}
	r.Controls.Nowhere = ""
	st := r.Examine(t.Context(), question("api.vendor.example", "IN", markets()[2].userSubnets()[0], "A"))[0]
	if !st.Answers || !st.PassesSubnets {
		t.Fatalf("%+v", st)
	}
	for _, c := range st.Checks {
		if c.Result == residency.CheckBad || c.Result != residency.CheckGood && (c.Name == "nxdomain" || c.Name == "controls" || c.Name == "client-subnets") {
			t.Errorf("%s: %s (%s)", c.Name, c.Result, c.Text)
		}
	}
	want, _, _ := strings.Cut(addr, "://")
	if want == addr {
		want = "udp"
	}
	for _, m := range markets() {
		for _, subnet := range m.userSubnets() {
			r.Observe(t.Context(), []residency.Question{question("www.vendor.example", m.code, subnet, "A")}, func(o residency.Observation) {
				l := lookOf(o)
				if o.Failure != "" || strings.Join(l.Addresses, " ") != m.a1+" "+m.a2 || o.Tailoring != residency.TailoringSpecific || o.Transport != want || o.NSID != "unbound-1" {
					t.Errorf("%s through %s: %+v, NSID %q (%s)", m.code, subnet, l, o.NSID, o.Detail)
				}
			})
		}
	}
}

// TestUnboundDNS64: a resolver of an IPv6-only network, whose prefix is found
// and whose addresses are judged by the IPv4 addresses in them.
func TestUnboundDNS64(t *testing.T) {
	t.Parallel()
	unbound := program(t, "unbound")
	origin := knot.Start(t, append(zones(), knot.Zone{Origin: "ipv4only.arpa", Records: "@ A 192.0.0.170\n@ A 192.0.0.171"})...)
	dir, plain := t.TempDir(), freeAddr(t)
	conf := unboundHead(dir, "dns64 iterator") + "  interface: " + at(plain) + "\n  dns64-prefix: 2001:db8:64::/96\n"
	for _, zone := range []string{"vendor.example", "ipv4only.arpa", "."} {
		conf += fmt.Sprintf("stub-zone:\n  name: %q\n  stub-addr: %s\n", zone, at(origin.Addr))
	}
	daemon(t, plain, nil, unbound, "-d", "-c", file(t, dir, "unbound.conf", conf))
	r := &resolve.Resolver{Servers: []resolve.Server{{Name: "dns64", Addresses: []string{plain}}}, Timeout: 10 * time.Second, Controls: &resolve.Controls{}}
	q := question("v4.vendor.example", "", "", "AAAA")
	if st := r.Probe(t.Context(), q)[0]; !st.Answers {
		t.Fatalf("%+v", st)
	}
	r.Observe(t.Context(), []residency.Question{q}, func(o residency.Observation) {
		if len(o.Addresses) != 1 || o.Addresses[0].Address.String() != "198.51.100.3" || o.Addresses[0].DNS64.String() != "2001:db8:64::c633:6403" {
			t.Errorf("%q %+v (%s)", o.Failure, o.Addresses, o.Detail)
		}
	})
}
