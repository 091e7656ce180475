// Package knot starts Knot DNS with its geoip module on a loopback port, for
// tests: a real authoritative server, written by others, that answers by
// client subnet (RFC 7871).
//
// It needs Debian's packages knot and knot-module-geoip. Where they are
// missing, Start skips the test; with CI=true in the environment it fails it.
package knot

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a running Knot DNS.
type Server struct {
	Addr string // "127.0.0.1:40123", UDP and TCP
}

// patience is how long Knot may take to answer for all of its zones. It takes
// a tenth of a second; a loaded machine takes longer.
const patience = 30 * time.Second

// loopback is the address of a server that needs no other.
const loopback = "127.0.0.1"

// Start serves the zones until the test ends.
func Start(t testing.TB, zones ...Zone) *Server {
	t.Helper()
	return StartAll(t, Host{Address: loopback, Zones: zones})[0]
}

// Host is one Knot DNS of several.
type Host struct {
	Address string // of loopback
	Zones   []Zone
}

// StartAll starts a Knot DNS for each host, all on one port, until the test
// ends.
func StartAll(t testing.TB, hosts ...Host) []*Server {
	t.Helper()
	program := find(t, "knotd")
	// The port is free when it is chosen and may be taken when Knot binds it:
	// then another one is tried.
	const tries = 5
	for try := 1; ; try++ {
		port := freePort(t)
		list, err := startOn(t, program, port, hosts)
		if err == nil {
			return list
		}
		if strings.Contains(err.Error(), "unknown module") {
			missing(t, "Knot's geoip module")
		}
		if try == tries || t.Context().Err() != nil {
			t.Fatalf("start knotd: %v", err)
		}
	}
}

// StartAt starts a Knot DNS for each host on one port until the test ends: for a
// network namespace of the test's own, where every port is free.
func StartAt(t testing.TB, port int, hosts ...Host) []*Server {
	t.Helper()
	list, err := startOn(t, find(t, "knotd"), port, hosts)
	if err != nil {
		t.Fatalf("start knotd: %v", err)
	}
	return list
}

// startOn starts a Knot DNS for each host on the port.
func startOn(t testing.TB, program string, port int, hosts []Host) (list []*Server, err error) {
	t.Helper()
	for _, h := range hosts {
		// Not t.TempDir, whose path has the test's name in it: Knot makes a
		// socket in its directory, and a socket's path may have 107 bytes.
		dir, err := os.MkdirTemp("", "knot")
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		write(t, dir, h.Address, port, h.Zones)
		addr, err := run(t, program, dir, fmt.Sprintf("%s:%d", h.Address, port), h.Zones)
		if err != nil {
			return nil, err
		}
		list = append(list, &Server{Addr: addr})
	}
	return list, nil
}

// find looks the program up, also where root's PATH has it and others' not.
func find(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	missing(t, name)
	return ""
}

// missing ends the test: skipped, or failed in CI.
func missing(t testing.TB, what string) {
	t.Helper()
	const text = "%s is not installed: apt-get install knot knot-module-geoip"
	if os.Getenv("CI") == "true" {
		t.Fatalf(text, what)
	}
	t.Skipf(text, what)
}

// write puts all that Knot reads into dir.
func write(t testing.TB, dir, ip string, port int, zones []Zone) {
	t.Helper()
	files := map[string]string{"knot.conf": serverFile(dir, ip, port, zones)}
	for i, z := range zones {
		files[fmt.Sprintf("zone%d", i)] = z.zoneFile()
		files[fmt.Sprintf("geo%d.conf", i)] = z.geoFile()
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatalf("start knotd: %v", err)
		}
	}
}

// run starts the program and returns its address once it answers for every
// zone.
func run(t testing.TB, program, dir, addr string, zones []Zone) (string, error) {
	t.Helper()
	log := &logBuffer{}
	cmd := exec.Command(program, "-c", filepath.Join(dir, "knot.conf"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop := func() {
		_ = cmd.Process.Kill() // it has nothing to save
		<-ended
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, z := range zones {
		for !answers(ctx, addr, z) {
			select {
			case err := <-ended:
				return "", fmt.Errorf("it ended (%v):\n%s", err, log)
			case <-ctx.Done():
				stop()
				return "", fmt.Errorf("no answer for %s:\n%s", z.Origin, log)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("knotd wrote:\n%s", log)
		}
	})
	return addr, nil
}

// answers reports whether the server answers with the zone's name server. It
// asks with the standard library's resolver, which has no part in what is
// tested.
func answers(ctx context.Context, addr string, z Zone) bool {
	ctx, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
	defer cancel()
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	found, err := r.LookupNS(ctx, absolute(z.Origin))
	return err == nil && len(found) > 0
}

// freePort returns a port of 127.0.0.1 that is free for UDP and TCP.
func freePort(t testing.TB) int {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("start knotd: %v", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp", l.Addr().String())
		_ = l.Close()
		if err == nil {
			_ = u.Close()
			return port
		}
	}
	t.Fatal("start knotd: no port is free for UDP and TCP")
	return 0
}

// logBuffer keeps what the program writes while others read it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write never fails.
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all that was written.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
