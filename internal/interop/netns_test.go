package interop

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// proxyAt tells this test's own program to be an HTTP proxy at an address, so
// that it can run in a network namespace.
const proxyAt = "RESIDENCY_TEST_PROXY"

func TestMain(m *testing.M) {
	if addr := os.Getenv(proxyAt); addr != "" {
		fmt.Fprintln(os.Stderr, serveProxy(addr))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// serveProxy is a proxy that knows CONNECT and nothing else.
func serveProxy(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			in := bufio.NewReader(c)
			req, err := http.ReadRequest(in)
			if err != nil || req.Method != http.MethodConnect {
				fmt.Fprint(c, "HTTP/1.1 405 Method Not Allowed\r\n\r\n")
				return
			}
			far, err := net.DialTimeout("tcp", req.Host, 5*time.Second)
			if err != nil {
				fmt.Fprint(c, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
				return
			}
			defer far.Close()
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n")
			go func() { io.Copy(far, in); far.Close() }()
			io.Copy(c, far)
		}()
	}
}

// network is two network namespaces with a wire between them: users sit in one
// and servers in the other. Nothing leads out of either.
type network struct{ users, servers string }

// newNetwork makes the namespaces; skipped where that is not permitted, and
// failed in CI.
func newNetwork(t testing.TB, name string, commands ...string) network {
	t.Helper()
	ip := program(t, "ip")
	n := network{fmt.Sprintf("rs%su%d", name, os.Getpid()), fmt.Sprintf("rs%ss%d", name, os.Getpid())}
	run := func(line string) {
		t.Helper()
		line = strings.NewReplacer("USERS", n.users, "SERVERS", n.servers).Replace(line)
		if out, err := exec.Command(ip, strings.Fields(line)...).CombinedOutput(); err != nil {
			unable(t, fmt.Sprintf("no network namespace can be had: ip %s: %v: %s", line, err, out))
		}
	}
	t.Cleanup(func() {
		exec.Command(ip, "netns", "del", n.users).Run()
		exec.Command(ip, "netns", "del", n.servers).Run()
	})
	run("netns add USERS")
	run("netns add SERVERS")
	// The pair is made inside, so that this machine's own names are no matter.
	run("-n USERS link add wire type veth peer name wire netns SERVERS")
	for _, ns := range []string{"USERS", "SERVERS"} {
		run("-n " + ns + " link set lo up")
		run("-n " + ns + " link set wire up")
	}
	for _, c := range commands {
		run(c)
	}
	return n
}

// inside returns a command line that runs in a namespace.
func inside(ns string, args ...string) []string {
	return append([]string{"netns", "exec", ns}, args...)
}

// listens reports whether something accepts TCP connections at the address, in
// the namespace. bash is everywhere that these tests run.
func listens(ns, host, port string) func() bool {
	return func() bool {
		return exec.Command("ip", inside(ns, "bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%s/%s", host, port))...).Run() == nil
	}
}

// build makes the program under test.
func build(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "residency")
	if out, err := exec.Command("go", "build", "-o", path, "residency/cmd/residency").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

const judged = `
[[market]]
code = "IN"

[[vendor]]
id = "acme"
[[vendor.service]]
id = "sync"
endpoints = ["api.acme.example"]

[[policy]]
id = "law"
vendor = "acme"
never = ["CN"]
`

// check runs the program in the users' namespace; the exit code must be want.
func (n network) check(t testing.TB, program, config string, env []string, want int) string {
	t.Helper()
	cmd := exec.Command("ip", inside(n.users, program, "check", "--config", config, "--timeout", "20s")...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Errorf("check: exit code %d (%v), want %d\n%s", got, err, want, out)
	}
	return string(out)
}

// TestOnlyAProxy: a host with no port 53 and no way but an HTTP proxy gets a
// full check by DNS over HTTPS.
func TestOnlyAProxy(t *testing.T) {
	t.Parallel()
	unbound := program(t, "unbound")
	n := newNetwork(t, "p", "-n USERS addr add 10.99.0.2/24 dev wire", "-n SERVERS addr add 10.99.0.1/24 dev wire",
		"-n SERVERS addr add 10.99.1.1/32 dev lo")
	dir := t.TempDir()
	cert, key, _ := certificate(t, dir, "dns.test")
	conf := unboundHead(dir, "iterator") + fmt.Sprintf(`
  interface: 10.99.1.1@443
  https-port: 443
  tls-service-key: %q
  tls-service-pem: %q
  local-data: "api.acme.example. A 42.62.48.9"
  local-zone: "." static
`, key, cert)
	daemon(t, "10.99.1.1:443", listens(n.servers, "10.99.1.1", "443"), "ip", inside(n.servers, unbound, "-d", "-c", file(t, dir, "unbound.conf", conf))...)
	daemon(t, "10.99.0.1:3128", listens(n.servers, "10.99.0.1", "3128"), "ip", inside(n.servers, "env", proxyAt+"=10.99.0.1:3128", os.Args[0])...)
	residency := build(t, dir)
	server := "\n[[resolve.server]]\nname = \"doh\"\naddresses = [\"https://dns.test/dns-query\"]\nbootstrap = [\"10.99.1.1\"]\nstands_in = [\"IN\"]\n"
	trust := "\n[network]\nca_file = \"cert.pem\"\n"

	over := file(t, dir, "over.toml", judged+server+trust+"proxy = \"http://10.99.0.1:3128\"\n")
	if out := n.check(t, residency, over, nil, 2); !strings.Contains(out, "seen in China from India") {
		t.Errorf("check through the proxy:\n%s", out)
	}
	env := file(t, dir, "env.toml", judged+server+trust)
	n.check(t, residency, env, []string{"HTTPS_PROXY=http://10.99.0.1:3128"}, 2)
	if out := n.check(t, residency, env, []string{"HTTPS_PROXY=http://10.99.0.1:3128", "NO_PROXY=10.99.1.1"}, 3); !strings.Contains(out, "unreachable") {
		t.Errorf("check without the proxy:\n%s", out)
	}
	untrusted := file(t, dir, "untrusted.toml", judged+server+"\n[network]\nproxy = \"http://10.99.0.1:3128\"\n")
	if out := n.check(t, residency, untrusted, nil, 3); !strings.Contains(out, "ca_file") {
		t.Errorf("check without the proxy's authority:\n%s", out)
	}
	// The default servers are on port 53: the notice says what can be done.
	if out := n.check(t, residency, file(t, dir, "plain.toml", judged), nil, 3); !strings.Contains(out, "https://dns.google/dns-query") {
		t.Errorf("check by port 53:\n%s", out)
	}
	// As the vantage of a market: the proxy alone, a server that is plain.
	market := strings.Replace(judged, `code = "IN"`, "code = \"IN\"\nproxy = \"http://10.99.0.1:3128\"", 1)
	if out := n.check(t, residency, file(t, dir, "market.toml", market+strings.Replace(server, "stands_in = [\"IN\"]\n", "", 1)+trust), nil, 2); !strings.Contains(out, "seen in China from India") {
		t.Errorf("check with the market's proxy:\n%s", out)
	}
}

// TestOnlyIPv6: a host without IPv4, whose resolver makes IPv6 addresses from
// the vendor's IPv4 addresses (DNS64), judges the addresses behind them.
func TestOnlyIPv6(t *testing.T) {
	t.Parallel()
	unbound := program(t, "unbound")
	n := newNetwork(t, "6", "-n USERS addr del 127.0.0.1/8 dev lo", "-n USERS addr add fd99::2/64 dev wire nodad", "-n SERVERS addr add fd99::1/64 dev wire nodad")
	dir := t.TempDir()
	conf := unboundHead(dir, "iterator") + `
  interface: fd99::1@53
  local-data: "api.acme.example. AAAA 2001:db8:64::2a3e:3009"
  local-data: "ipv4only.arpa. AAAA 2001:db8:64::c000:aa"
  local-data: "ipv4only.arpa. AAAA 2001:db8:64::c000:ab"
  local-zone: "." static
`
	daemon(t, "[fd99::1]:53", listens(n.servers, "fd99::1", "53"), "ip", inside(n.servers, unbound, "-d", "-c", file(t, dir, "unbound.conf", conf))...)
	residency := build(t, dir)
	config := file(t, dir, "config.toml", judged+"\n[[resolve.server]]\nname = \"six\"\naddresses = [\"fd99::1\"]\nstands_in = [\"IN\"]\n")
	if out := n.check(t, residency, config, nil, 2); !strings.Contains(out, "seen in China from India") {
		t.Errorf("check:\n%s", out)
	}
	cmd := exec.Command("ip", inside(n.users, residency, "explain", "api.acme.example", "--config", config, "--market", "IN")...)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "42.62.48.9") || !strings.Contains(string(out), "DNS64") {
		t.Errorf("explain: %v\n%s", err, out)
	}
}
